"""Ids of tool calls, both ways: a client sees a legal Anthropic id, the backend gets its own id back.

Anthropic's pattern is `^[a-zA-Z0-9_-]+$`. Backends use more (`functions.Bash:0` of Kimi, whose template reads the
number), so an id that does not fit travels as text: nothing is stored, any worker can read it.

    to_backend(to_client(id)) == id        for every string
    to_client(id) matches ^[a-zA-Z0-9_-]+$ for every string; it is 64 characters at most whenever the backend's id is
                                           legal with 64 or has up to 44 bytes. A longer id stays longer: a stateless
                                           way back is worth more than a length no client checks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Literal

PREFIX = "tu64_"
SERVER_PREFIX = "srvtoolu_"
_LEGAL = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = re.compile(r"[A-Za-z0-9]{9}")
_COPY = re.compile(r"_[1-9][0-9]{0,8}\Z")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def to_client(backend_id: str) -> str:
    """Return the id a client may see. An id that looks like ours is wrapped too, so that the way back stays unique."""
    if _LEGAL.fullmatch(backend_id) and not backend_id.startswith(PREFIX):
        return backend_id
    return PREFIX + _encode(backend_id)


def to_backend(client_id: str) -> str:
    """Return the backend's own id; an id we did not make is returned as it is."""
    if not client_id.startswith(PREFIX):
        return client_id
    original = _decode(client_id[len(PREFIX) :])
    # Only what to_client writes is unwrapped: two client ids never become one.
    return original if original is not None and to_client(original) == client_id else client_id


def original(client_id: str) -> str:
    """Return the id a backend gave a call that was told apart by a number (`id_2`) because other calls had its id."""
    return to_backend(_COPY.sub("", client_id))


def another(backend_id: str, copy: int) -> str:
    """Return the `copy`th id for calls that share one. Kimi counts on: its template reads the number."""
    stem, colon, number = backend_id.rpartition(":")
    if colon and number.isdecimal():
        return f"{stem}:{int(number) + copy - 1}"
    return f"{backend_id}_{copy}"


def short_id(tool_id: str) -> str:
    """Return nine letters and digits (Mistral's form): the id itself when it has that form, else a hash of it."""
    if _SHORT.fullmatch(tool_id):
        return tool_id
    number = int.from_bytes(hashlib.sha256(tool_id.encode("utf-8", "surrogatepass")).digest()[:8])
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def for_backend(client_id: str, style: Literal["any", "mistral9"]) -> str:
    """Return the id to send in a history: the backend's own, in the form `Dialect.id_style` names."""
    backend_id = to_backend(client_id)
    return short_id(backend_id) if style == "mistral9" else backend_id


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode("ascii")


def _decode(encoded: str) -> str | None:
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return None
