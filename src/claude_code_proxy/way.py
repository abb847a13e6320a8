"""Where the parts of a response are written: the way out to a client, without a coroutine for each part.

A part is a message as ASGI knows it, `http.response.start` or `http.response.body`. What is written leaves in order;
who has written waits (`drain`) while the client does not read. The `send` of the proxy's own server is such a way
(`http_cycle.py`), that of every other ASGI server becomes one (`Sending`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from starlette.types import Message, Send


class Way(Protocol):
    """A client's end of a response."""

    def write(self, message: Message) -> None:
        """Write a part."""

    def is_full(self) -> bool:
        """Whether what was written still waits for the client to read: then `drain` comes before the next part."""

    async def drain(self) -> None:
        """Wait until the client has read."""


def way_to(send: Send | Way) -> Way:
    """Return the way out that an ASGI server gives."""
    return cast("Way", send) if hasattr(send, "is_full") else Sending(send)


async def send_on(way: Way, message: Message) -> None:
    """Write a part, and wait until there is room for another."""
    way.write(message)
    if way.is_full():
        await way.drain()


class Sending:
    """The way out of an ASGI server that has only `send`: what is written is sent by `drain`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Message] = deque()
        self._turn = asyncio.Lock()

    def write(self, message: Message) -> None:
        """Keep a part for `drain`."""
        self._waiting.append(message)

    def is_full(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._waiting)

    async def drain(self) -> None:
        """Send what waits; a part whose sending is cancelled waits on."""
        async with self._turn:
            while self._waiting:
                await self._send(self._waiting[0])
                self._waiting.popleft()


class Heard:
    """A way that ends in this process: `hear` gets every part."""

    def __init__(self, hear: Callable[[Message], None]) -> None:
        self.write = hear

    def is_full(self) -> bool:
        """Nothing waits."""
        return False

    async def drain(self) -> None:
        """Nothing waits."""
