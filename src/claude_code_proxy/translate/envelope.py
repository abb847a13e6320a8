"""The signature of a thinking block: a sealed, stateless envelope with what the backend wants back next turn.

    signature = "px1." + base64url(zlib(json)) + "." + base64url(hmac_sha256(key, payload))[:22]

The client returns it unread, so reasoning survives a restart, another worker and a resumed session. The payload is
protected against changes, not secret: it holds only what the client was shown or what the backend encrypted itself.
A signature that does not open is foreign: never an error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from typing import Any

import msgspec

PREFIX = "px1."
_MAX_BYTES = 4 * 1024 * 1024  # of the unpacked payload: a signature comes from outside


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, rename={"backend": "b", "model": "m", "field": "k"}):
    """What one thinking block carries.

    backend, model: who produced it; field: where its text came from (`reasoning_content`, ...); text: the reasoning
    when the client was not shown it, else None; digest: of the shown text, to notice edits; details: merged
    `reasoning_details` (or other opaque parts) in order; calls: signature by tool_use id.
    """

    backend: str = ""
    model: str = ""
    field: str = "reasoning_content"
    text: str | None = None
    digest: str = ""
    details: list[dict[str, Any]] = []
    calls: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Envelope).decode


def digest(text: str) -> str:
    """Return a short fingerprint of shown reasoning."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def seal(envelope: Envelope, key: bytes) -> str:
    """Return the signature that carries `envelope`."""
    try:
        content = _encode(envelope)
    except RecursionError:  # state that nests deeper than a reader can follow is nobody's state
        content = _encode(msgspec.structs.replace(envelope, details=[]))
    payload = base64.urlsafe_b64encode(zlib.compress(content, 6)).rstrip(b"=")
    return f"{PREFIX}{payload.decode()}.{_mac(payload, key)}"


def unseal(signature: str, key: bytes) -> Envelope | None:
    """Return the envelope in a signature of ours, None when it is foreign, changed or sealed with another key."""
    payload, dot, mac = signature.removeprefix(PREFIX).encode("utf-8", "replace").rpartition(b".")
    if not (signature.startswith(PREFIX) and dot and hmac.compare_digest(mac, _mac(payload, key).encode())):
        return None
    try:
        unpacked = zlib.decompressobj().decompress(
            base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), _MAX_BYTES
        )
        return _decode(unpacked)
    except (ValueError, RecursionError, zlib.error):
        return None


def _mac(payload: bytes, key: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.new(key, payload, hashlib.sha256).digest()).decode()[:22]
