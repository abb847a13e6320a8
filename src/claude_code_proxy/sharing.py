"""A request that is sent again while it still runs joins the running one: one call to the backend, two clients served.

Claude Code sends a request again when its answer is slow to begin (about 300 s); a slow server that gets every copy
never finishes one (case TI-01). A copy counts as sent again when it says so, as the SDKs do, or when it comes later
than `RESENT_AFTER`: requests that start together are meant to be several. The newcomer gets the answer from its first
byte (`relay.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.types import Send

from .relay import Kept, Relay

RESENT_AFTER = 0.5
"""Seconds."""

_TRY = "x-stainless-retry-count"  # Anthropic's SDKs count from 0

_SENDER = (
    "x-api-key",
    "authorization",
    "x-claude-code-session-id",
    "x-claude-code-agent-id",
    "anthropic-version",
    "anthropic-beta",
)


class Joinable(Protocol):
    """An answer on its way to somebody else (`Relay`)."""

    @property
    def run(self) -> Mapping[str, Any]:
        """What a record of the same request says of this run."""

    async def follow(self, send: Send) -> bool:
        """Send it from its beginning to another client."""


class Running:
    """The requests of this process that run, by what they ask."""

    def __init__(self) -> None:
        self.kept = Kept()
        self._relays: dict[bytes, Relay] = {}

    def joinable(self, key: bytes, *, again: bool) -> Joinable | None:
        """Return the running request that asks the same and can be joined. again: the newcomer says it is a copy."""
        relay = self._relays.get(key)
        return relay if relay is not None and relay.is_joinable(0.0 if again else RESENT_AFTER) else None

    def runs(self, key: bytes, relay: Relay) -> _Run:
        """Return a block in which others find `relay`; it is finished at its end."""
        return _Run(self._relays, self.kept, key, relay)


class _Run:
    """A block in which others find an answer."""

    __slots__ = ("_all", "_key", "_relay", "_relays")

    def __init__(self, relays: dict[bytes, Relay], kept: Kept, key: bytes, relay: Relay) -> None:
        self._relays = relays
        self._all = kept.relays
        self._key = key
        self._relay = relay

    def __enter__(self) -> None:
        hidden = self._relays.get(self._key)
        if hidden is not None:
            hidden.forget()
        self._relays[self._key] = self._relay
        self._all.add(self._relay)

    def __exit__(self, *_: object) -> None:
        if self._relays.get(self._key) is self._relay:
            del self._relays[self._key]
        self._all.discard(self._relay)
        self._relay.finish()


def is_retry(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it was sent before."""
    return headers.get(_TRY, "0") != "0"


def key_of(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return what makes two requests the same: every byte of the body, the sender, and who of its agents."""
    digest = hashlib.blake2b(body, digest_size=32)
    sender = "\0".join([headers.get(name, "") for name in _SENDER])
    digest.update(b"\0" + sender.encode("utf-8", "replace"))
    return digest.digest()
