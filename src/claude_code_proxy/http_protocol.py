"""uvicorn's HTTP protocol, with the head of a response sent together with the first bytes of its body, and limits.

ASGI asks for the first ("must not send before there is a body"); uvicorn writes the head at once. One write instead of
two is 25 µs of every request, and a client wakes up once.

Neither uvicorn nor the parser limits the size of a request's head, or the time a request takes to arrive: both are
limited here, since each connection that waits costs memory (slow loris).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .errors import ProxyError
from .services import new_id
from .wire.anthropic import error_body

_HEAD = b"HTTP/1.1 "
ENDLESS = "/ui/feed"
"""The path of a response that goes on as long as the proxy does."""

HEAD_BYTES = 64 * 1024
"""Size of a request's head: a hundred times what clients send."""

_TOO_LARGE = f"The request's headers are larger than {HEAD_BYTES} bytes."

_TOO_MUCH_FRAMING = f"The request's chunks or trailers have more than {HEAD_BYTES} bytes beside its body."

HEAD_SECONDS = 30.0
"""Time a request's head may take, from the first byte or the connection on."""

BODY_SECONDS = 60.0
"""Longest silence within a request's body."""

_encode = msgspec.json.Encoder().encode


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = self._in_body = False
        self._last = 0
        self._head = 0  # bytes of the head that is being read
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None  # the oldest whose answer is not complete, or the last
        self._refused = False
        self._framing = 0  # bytes since the last one of a body: of chunk extensions, or trailers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, on a transport that joins."""
        super().connection_made(_Joining(transport, self.loop))  # type: ignore[arg-type]
        self._in_head = True
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and wait for nothing any more."""
        self._arrived()
        for cycle in (self._answering, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the limits."""
        if self._refused:
            return
        self._last = len(data)
        if self._in_head:
            self._head += self._last  # a header without an end is told by nobody else
        elif self._in_body:
            self._framing += self._last
        super().data_received(data)
        if self._in_head and self._head > HEAD_BYTES:
            self._refuse(431, _TOO_LARGE)
        elif self._in_body and self._framing > HEAD_BYTES:
            self._refuse(431, _TOO_MUCH_FRAMING)
        elif self._in_body or self._in_head:
            self._heard = self.loop.time()
            if self._timer is None:
                self._wait(HEAD_SECONDS if self._in_head else BODY_SECONDS)
        elif self._timer is not None:
            self._arrived()

    def on_message_begin(self) -> None:
        """Read another request's head."""
        super().on_message_begin()
        self._in_head, self._head = True, self._last

    def on_headers_complete(self) -> None:
        """Go on with its body, unless the head was too large, however it came."""
        self._in_head = False
        if self._head > HEAD_BYTES and self._is_too_large():
            raise ValueError(_TOO_LARGE)
        self._in_body = True
        if self._timer is not None:
            self._arrived()
        if [name for name, _ in self.headers].count(b"host") > 1:
            raise ValueError("Two hosts are asked for.")  # RFC 9112, 3.2
        super().on_headers_complete()
        self.headers = []  # what follows are trailers: they change nothing (RFC 9110, 6.5.1)
        self._framing = 0
        if not self.pipeline:
            self._answering = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of the request is here."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the request that came meanwhile, if one did."""
        if self.pipeline:
            self._answering = self.pipeline[-1][0]
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what can't be read, in Anthropic's form."""
        if not self._in_body and self._is_too_large():
            self._refuse(431, _TOO_LARGE)
        else:
            self._refuse(400, msg)

    def _is_too_large(self) -> bool:
        """Tell whether the head is; what came in so few bytes needs no count."""
        return self._head > HEAD_BYTES and sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES

    def _refuse(self, status: int, message: str) -> None:
        """Say why, and close; nothing is written into or behind an answer that is not this request's."""
        cycle = self.cycle if self._in_body else None
        self._in_head = self._in_body = False
        self._refused = True
        self._arrived()
        if self.transport.is_closing():
            return
        last = self._last_answer_but(cycle)
        if last is not None:
            last.keep_alive = False  # it is the connection's last
            if last.response_complete:
                self.transport.close()
            return
        request_id = new_id("req_")
        body = _encode(error_body(ProxyError(message, status=status), request_id))
        head = f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}request-id: {request_id}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _last_answer_but(self, refused: RequestResponseCycle | None) -> RequestResponseCycle | None:
        """Return the last answer on its way to the client, when what is refused is not answered; None: there is none.

        Requests may be sent without waiting for the answers of those before (RFC 9112, 9.3.2).
        """
        self.pipeline = deque((cycle, app) for cycle, app in self.pipeline if cycle is not refused)
        if self.pipeline:
            return self.pipeline[0][0]
        answering = self._answering
        if answering is None or (answering is refused and not answering.response_started):
            return None
        return answering if answering is refused or not answering.response_complete else None

    def _wait(self, seconds: float) -> None:
        self._heard = self.loop.time()
        self._timer = self.loop.call_later(seconds, self._slow)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _slow(self) -> None:
        """A head has a time in which it must be here; a body only must not stop, unless it is we who don't read."""
        self._timer = None
        left = BODY_SECONDS - (self.loop.time() - self._heard) if self._in_body else 0.0
        if self._in_body and (self.flow.read_paused or left > 0):
            self._timer = self.loop.call_later(max(left, 1.0), self._slow)
        elif self._in_head or self._in_body:
            self._refuse(408, "The request took too long to arrive.")

    def shutdown(self) -> None:
        """End what is idle, and what has no end of its own; answers under way get their time."""
        super().shutdown()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and cycle.scope["path"].rstrip("/").endswith(ENDLESS):
            cycle.disconnected = True
            cycle.message_event.set()
            self.transport.close()


class _Joining:
    """A transport that holds what begins like a head until the next write, at most until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)
