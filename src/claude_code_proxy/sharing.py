"""A request that is sent again while it still runs joins the running one: one call to the backend, two clients served.

Claude Code sends a request again when its answer is slow to begin (about 300 s); a slow server that gets every copy
never finishes one (case TI-01). A copy counts as sent again only when it comes later than `RESENT_AFTER`: requests that
start together are meant to be several. The newcomer gets the answer from its first byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from starlette.types import Message, Send

from .errors import ProxyError

RESENT_AFTER = 2.0
"""Seconds."""

_SENDER = (
    "x-api-key",
    "authorization",
    "x-claude-code-session-id",
    "x-claude-code-agent-id",
    "anthropic-version",
    "anthropic-beta",
)
_MOST = 8 * 1024 * 1024  # bytes kept for followers; one that is still there then is told that it can't go on
_KEPT = 8 * 1024  # bytes of an answer kept for a newcomer; one that has come further is not joined


class Relay:
    """Passes an answer on to its client, and to those who join."""

    def __init__(self, send: Send) -> None:
        self.begun = time.monotonic()
        self.followers = 0
        self.alone = asyncio.Event()
        self._send = send
        self._head: Message | None = None
        self._body = bytearray()  # not the messages: a thousand streams would keep a hundred of them each
        self._finished = self._overrun = False
        self._deaf = self._ended = False
        self._news: set[asyncio.Event] = set()

    @property
    def is_joinable(self) -> bool:
        """Whether a newcomer can still get everything."""
        late = time.monotonic() - self.begun >= RESENT_AFTER
        return late and not self._finished and not self._overrun

    async def send(self, message: Message) -> None:
        """Send one part of the answer to all."""
        if message["type"] == "http.response.start":
            self._head = message
        else:
            self._ended = not message.get("more_body", False)
            self._keep(message.get("body", b""))
        for news in self._news:
            news.set()
        if not self._deaf:
            await self._send(message)

    def _keep(self, data: bytes) -> None:
        if self._overrun:
            return
        self._body += data
        if len(self._body) > (_MOST if self.followers else _KEPT):
            self._body = bytearray()
            self._overrun = True

    @property
    def ended(self) -> bool:
        """Whether the first client was sent everything."""
        return self._ended

    def leave(self) -> None:
        """The first client has left, others have not."""
        self._deaf = True

    def finish(self) -> None:
        """Nothing follows."""
        self._finished = True
        for news in self._news:
            news.set()

    async def follow(self, send: Send) -> bool:
        """Send the answer from its beginning to another client, each part when it is there.

        Returns False, with nothing sent, for a run that ended without an answer.
        """
        at, begun = 0, False
        with self._listening() as news:
            while True:
                if self._overrun:
                    raise ProxyError("The answer has grown too long to be shared; send the request again.", status=529)
                if self._head is not None and not begun:
                    begun = True
                    await send(self._head)
                elif at < len(self._body) or self._ended:
                    ended, part = self._ended, bytes(self._body[at:])
                    at += len(part)
                    await send({"type": "http.response.body", "body": part, "more_body": not ended})
                    if ended:
                        return True
                elif self._finished:
                    if begun:
                        raise interrupted()
                    return False
                else:
                    news.clear()
                    await news.wait()

    @contextmanager
    def _listening(self) -> Iterator[asyncio.Event]:
        news = asyncio.Event()
        self._news.add(news)
        self.followers += 1
        self.alone.clear()
        try:
            yield news
        finally:
            self._news.discard(news)
            self.followers -= 1
            if not self.followers:
                self.alone.set()


class Joinable(Protocol):
    """An answer on its way to somebody else (`Relay.follow`)."""

    async def follow(self, send: Send) -> bool:
        """Send it from its beginning to another client."""


class Running:
    """The requests of this process that run, by what they ask."""

    def __init__(self) -> None:
        self._relays: dict[bytes, Relay] = {}

    def joinable(self, key: bytes) -> Joinable | None:
        """Return the running request that asks the same and can be joined."""
        relay = self._relays.get(key)
        return relay if relay is not None and relay.is_joinable else None

    def runs(self, key: bytes, relay: Relay) -> _Run:
        """Return a block in which others find `relay`; it is finished at its end."""
        return _Run(self._relays, key, relay)


class _Run:
    """A block in which others find an answer."""

    __slots__ = ("_key", "_relay", "_relays")

    def __init__(self, relays: dict[bytes, Relay], key: bytes, relay: Relay) -> None:
        self._relays = relays
        self._key = key
        self._relay = relay

    def __enter__(self) -> None:
        self._relays[self._key] = self._relay

    def __exit__(self, *_: object) -> None:
        if self._relays.get(self._key) is self._relay:
            del self._relays[self._key]
        self._relay.finish()


def interrupted() -> ProxyError:
    """What a client is told whose answer was begun by a run that is gone."""
    return ProxyError("The run this request had joined broke off; send the request again.", status=529)


def key_of(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return what makes two requests the same: every byte of the body, the sender, and who of its agents."""
    digest = hashlib.blake2b(body, digest_size=32)
    sender = "\0".join([headers.get(name, "") for name in _SENDER])
    digest.update(b"\0" + sender.encode("utf-8", "replace"))
    return digest.digest()
