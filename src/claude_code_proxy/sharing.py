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

from .relay import Kept, Relay
from .way import Way

RESENT_AFTER = 0.5
"""Seconds."""

_SHORT = 2048
"""Bytes of a body that is its own key: a longer one would be held as long as its answer lasts."""

_TRY = "x-stainless-retry-count"  # Anthropic's SDKs count from 0

_SENDER = (
    "x-api-key",
    "authorization",
    "x-claude-code-session-id",
    "x-claude-code-agent-id",
    "anthropic-version",
    "anthropic-beta",
)


Key = tuple[bytes, tuple[str | None, ...]]
"""What a request asks, and who sends it: the bytes of its body, or of a longer one what stands for them."""


class Joinable(Protocol):
    """An answer on its way to somebody else (`Relay`)."""

    @property
    def run(self) -> Mapping[str, Any]:
        """What a record of the same request says of this run."""

    async def follow(self, way: Way) -> bool:
        """Send it from its beginning to another client."""


class Running:
    """The requests of this process that run, by what they ask."""

    def __init__(self) -> None:
        self.kept = Kept()
        self._relays: dict[Key, Relay] = self.kept.relays

    def joinable(self, key: Key, *, again: bool) -> Joinable | None:
        """Return the running request that asks the same and can be joined. again: the newcomer says it is a copy."""
        relay = self._relays.get(key)
        return relay if relay is not None and relay.is_joinable(0.0 if again else RESENT_AFTER) else None

    def begin(self, key: Key, relay: Relay) -> None:
        """Let others find `relay`, until `end`."""
        hidden = self._relays.setdefault(key, relay)
        if hidden is not relay:
            hidden.forget()
            self._relays[key] = relay

    def end(self, key: Key, relay: Relay) -> None:
        """Take note that nothing follows."""
        found = self._relays.pop(key, relay)
        if found is not relay:  # one that hides it
            self._relays[key] = found
        relay.finish()


def is_retry(headers: Mapping[str, str]) -> bool:
    """Whether a request says that it was sent before."""
    return headers.get(_TRY, "0") != "0"


def key_of(body: bytes, headers: Mapping[str, str]) -> Key:
    """Return what makes two requests the same: every byte of the body, the sender, and who of its agents."""
    asked = body if len(body) < _SHORT else _digest(body)
    return asked, tuple(map(headers.get, _SENDER))


def name_of(key: Key) -> bytes:
    """Return what the same requests have in common in every process; nobody can make another one that has it."""
    asked, sender = key
    return _digest(asked + b"\0" + "\0".join(text or "" for text in sender).encode("utf-8", "replace"))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()
