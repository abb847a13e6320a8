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
_STATUS = {status: line.removesuffix(b"\r\n") for status, line in STATUS_LINE.items()}
_header = b": ".join
_BROKEN = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"21"),
    (b"connection", b"close"),
)


class Cycle(RequestResponseCycle):
    """A request and its response. body: what came of the request and was not received yet; more_body: more will come.

    It is the application's `send`, and a way out without a coroutine for each part (`way.py`).
    """

    def __init__(self, protocol: HttpToolsProtocol, scope: Any, *, expects: bool, keep_alive: bool) -> None:
        self.scope = scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects
        self.disconnected = self.response_started = self.response_complete = self.chunked_encoding = False
        self.body: Any = b""
        self.more_body = True
        self.expected_content_length = 0  # of what follows, where it is not in chunks
        self._head = b""  # not sent yet
        self._news = False  # something came since the last look, or nothing follows
        self._waiting: asyncio.Event | None = None  # for that
        self._protocol = protocol

    def tell(self) -> None:
        """Let who receives know of something that came, or that nothing follows."""
        self._news = True
        if self._waiting is not None:
            self._waiting.set()

    def leave(self) -> None:
        """The client has gone."""
        self.disconnected = True
        self.tell()

    async def receive(self) -> Any:
        """Return what came of the request since, or that nothing follows."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(_GO_ON)
            self.waiting_for_100_continue = False
        if not (self.disconnected or self.response_complete):
            if self.flow.read_paused:
                self.flow.resume_reading()
            if not self._news:
                await self._told()
            self._news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _told(self) -> None:
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = asyncio.Event()
        waiting.clear()
        await waiting.wait()

    def is_full(self) -> bool:
        """Whether the client does not read what was written, and more is to be written."""
        return self.flow.write_paused and not (self.disconnected or self.response_complete)

    async def drain(self) -> None:
        """Wait until the client has read."""
        await self.flow.drain()

    async def __call__(self, message: Any) -> None:
        """Send the head, or a part of the body."""
        if self.flow.write_paused and not self.disconnected:
            await self.drain()
        self.write(message)
        if self._head and not self.expected_content_length:  # it waits for no more than a turn of the loop
            self._protocol.loop.call_soon(self._flush)

    def write(self, message: Any) -> None:
        """Write the head, which leaves with the part of the body that follows, or a part of the body."""
        if self.disconnected:
            return
        expected = "http.response.body" if self.response_started else "http.response.start"
        if self.response_complete or message["type"] != expected:
            raise RuntimeError(f"{message['type']} was sent where {expected} or nothing belongs.")
        if self.response_started:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._start(message["status"], message["headers"])

    def _start(self, status: int, headers: Any) -> None:
        """Make the head."""
        self.response_started = True
        self.waiting_for_100_continue = False
        names = dict(headers)
        lines = [_STATUS[status], *map(_header, self._protocol.server_state.default_headers), *map(_header, headers)]
        if b"close" in names.get(b"connection", b""):
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close")
        if b"content-length" in names:
            self.expected_content_length = int(names[b"content-length"])
        elif self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked")
        lines += (b"", b"")
        self._head = head = b"\r\n".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines) - 1:
            raise RuntimeError("A line ends within a header.")

    def _write(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body, behind a head that still waits."""
        if self.chunked_encoding:
            body = b"%x\r\n%b\r\n%b" % (len(body), body, b"" if more else _LAST) if body else b"" if more else _LAST
        elif self.scope["method"] == "HEAD":
            body = b""
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
        self.tell()
        if not self.keep_alive:
            self.transport.close()
        self._protocol.on_response_complete()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self.transport.is_closing():
            self.transport.write(head)

    def over(self, task: asyncio.Task[None]) -> None:
        """The application has returned. What it left undone is said to the client, as far as that is possible."""
        self._protocol.tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None and (self.response_complete or self.disconnected):
            return
        if error is not None:
            self._protocol.logger.error("Exception in ASGI application\n", exc_info=error)
        else:
            self._protocol.logger.error("ASGI callable returned without completing response.")
        if self.response_started:
            self.transport.close()
        else:
            self.write({"type": "http.response.start", "status": 500, "headers": _BROKEN})
            self.write({"type": "http.response.body", "body": b"Internal Server Error"})
