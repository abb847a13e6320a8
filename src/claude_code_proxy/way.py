"""Between the server and the application: a request as it came, and the way out for its response.

The proxy's own server (`http_cycle.py`) gives both without what ASGI costs: pairs of bytes for headers that are looked
up as text, and a coroutine for each part of a response. For every other ASGI server they are made here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from starlette.types import Message, Receive, Scope, Send


class Request(Protocol):
    """A request. headers: names in lower case; query: as it came; client: address and port."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    client: tuple[str, int] | None

    def receive(self) -> Awaitable[Message]:
        """Return a part of the body, or that the client has gone, as ASGI says it."""


class Way(Protocol):
    """A client's end of a response. What is written leaves in order; its writer waits while nobody reads."""

    def begin(self, status: int, lines: str, length: int | None = None) -> None:
        """Write the head, which leaves with what follows. lines: of headers, with their ends; length: of all of it."""

    def write(self, data: bytes) -> None:
        """Write a part of the body."""

    def end(self, data: bytes) -> None:
        """Write the last part of the body."""

    def is_full(self) -> bool:
        """Whether what was written still waits for the client to read: then `drain` comes before the next part."""

    async def drain(self) -> None:
        """Wait until the client has read."""


class AsgiRequest:
    """A request as any ASGI server gives it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.client: tuple[str, int] | None = scope.get("client")
        self.receive = receive


class Sending:
    """The way out of any ASGI server: what is written is sent by `drain`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Message] = deque()
        self._turn = asyncio.Lock()

    def begin(self, status: int, lines: str, length: int | None = None) -> None:
        """Keep the head for `drain`."""
        whole = lines if length is None else f"{lines}content-length: {length}\r\n"
        pairs = [line.split(": ", 1) for line in whole.split("\r\n")[:-1]]
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        self._waiting.append({"type": "http.response.start", "status": status, "headers": headers})

    def write(self, data: bytes) -> None:
        """Keep a part for `drain`."""
        self._waiting.append({"type": "http.response.body", "body": data, "more_body": True})

    def end(self, data: bytes) -> None:
        """Keep the last part for `drain`."""
        self._waiting.append({"type": "http.response.body", "body": data, "more_body": False})

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
    """A way that ends in this process: `hear` gets every part of the body."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self.write = self.end = hear

    def begin(self, status: int, lines: str, length: int | None = None) -> None:
        """Nobody asks for the head."""

    def is_full(self) -> bool:
        """Nothing waits."""
        return False

    async def drain(self) -> None:
        """Nothing waits."""


def write_message(way: Way, message: Message) -> None:
    """Write a part that ASGI's words tell."""
    if message["type"] == "http.response.start":
        way.begin(message["status"], *_head(message["headers"]))
    elif message.get("more_body"):
        way.write(message["body"])
    else:
        way.end(message.get("body", b""))


def _head(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, int | None]:
    """Return the lines of headers, and the length that they tell. Raises RuntimeError where one has a line's end."""
    lines, length = "", None
    for name, value in headers:
        text = f"{name.decode('latin-1')}: {value.decode('latin-1')}"
        if "\r" in text or "\n" in text:
            raise RuntimeError("A line ends within a header.")
        if name == b"content-length":
            length = int(value)
        else:
            lines += f"{text}\r\n"
    return lines, length
