"""uvicorn's HTTP protocol with limits, and with less to do for each request.

Neither uvicorn nor the parser limits the size of a request's head, or the time a request takes to arrive: both are
limited here, since each connection that waits costs memory (slow loris).

What uvicorn does for every request and nothing here needs is left out: a timer for the next one (there is one for as
long as the connection lasts), addresses read again, upgrades. Responses are written by `http_cycle.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .errors import ProxyError
from .http_cycle import Cycle, Given, Target
from .services import new_id
from .wire.anthropic import error_body

ENDLESS = "/ui/feed"
"""The path of a response that goes on as long as the proxy does."""

HEAD_BYTES = 64 * 1024
"""Size of a request's head: a hundred times what clients send."""

_TOO_LARGE = f"The request's headers are larger than {HEAD_BYTES} bytes."

_TOO_MUCH_FRAMING = f"The request's chunks or trailers have more than {HEAD_BYTES} bytes beside its body."

HEAD_SECONDS = 30.0
"""Time a request's head may take, from the first byte or the connection on."""

BODY_SECONDS = 60.0
"""Longest silence within a request's body, and the time all of it may take, without what its size adds."""

BODY_RATE = 10_000
"""Bytes of a body for which it may take a second more."""

_INVALID = "Invalid HTTP request received."

_OFFERS = ("upgrade", "connection", "http2-settings")

_LOOK = 1.0  # seconds between two looks at a body that comes
_SHORT_TARGET = 200  # bytes of one that is kept

_NAMES = 256  # names of headers that are kept as text, each in all its spellings
_SHORT_NAME = 40  # bytes of one

_encode = msgspec.json.Encoder().encode
_names: dict[bytes, str] = {}


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    cycle: Cycle

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = self._in_body = False
        self._last = 0
        self._head = 0  # bytes of the head that is being read
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._answering: Cycle | None = None  # the oldest whose answer is not complete, or the last
        self._behind: deque[Cycle] = deque()  # what came meanwhile
        self._refused = False
        self._offering = b""  # the head of a request that offers another protocol, without the offer
        self._since = 0.0  # when the wait for the rest of a body began
        self._size = 0  # bytes that came since
        self._framing = 0  # bytes since the last one of a body: of chunk extensions, or trailers
        self._waits: asyncio.TimerHandle | None = None  # for the next request, from the first answer on
        self._idle_since = 0.0
        self._named: dict[str, str] = {}  # the headers that are read
        self._again: list[tuple[str, str]] = []  # those of them that came again: what they said before
        self._given = Given(self.server_state)
        self._answer = getattr(self.app, "answer", None)  # of an application that speaks no ASGI for requests

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self._in_head = True
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and wait for nothing any more."""
        self._arrived()
        if self._waits is not None:
            self._waits.cancel()
        for cycle in (self._answering, *self._behind):
            if cycle is not None and not cycle.response_complete:
                cycle.leave()
        self._behind.clear()
        self.connections.discard(self)
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        self._answering = None
        self.parser = self.cycle = None  # type: ignore[assignment]  # they refer to this one

    def data_received(self, data: bytes) -> None:
        """Read on, within the limits."""
        if self._refused:
            return
        self._last = len(data)
        if self._in_head:
            self._head += self._last  # a header without an end is told by nobody else
        elif self._in_body:
            self._framing += self._last
            self._size += self._last
        self._read(data)
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

    def _read(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])

    def _stay(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 with a request that offers another protocol (RFC 9110, 7.8), as Java's client does.

        The parser takes the body for that protocol. So another one reads the head again, without the offer.
        """
        head, self._offering = self._offering, b""
        if head:
            self.parser = httptools.HttpRequestParser(self)
            self._read(head + rest)

    def on_message_begin(self) -> None:
        """Read another request's head."""
        self.url, self._named, self._again = b"", {}, []
        self._in_head, self._head = True, self._last

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; of one that comes again the last counts."""
        text = _names.get(name) or _text_of(name)
        if text in self._named:
            self._again.append((text, self._named[text]))
        self._named[text] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head was too large, however it came."""
        self._in_head = False
        if self._head > HEAD_BYTES and self._is_too_large():
            raise ValueError(_TOO_LARGE)
        self._in_body = True
        if self._timer is not None:
            self._arrived()
        if "upgrade" in self._named and self.parser.should_upgrade():
            self._offering = self._without_offer()
            return
        if self._again and any(name == "host" for name, _ in self._again):
            raise ValueError("Two hosts are asked for.")  # RFC 9112, 3.2
        self._begin()
        self._named = {}  # what follows are trailers: they change nothing (RFC 9110, 6.5.1)
        self._framing = self._size = 0

    def _without_offer(self) -> bytes:
        """Return the head that was read, without what offers another protocol."""
        kept = [f"{name}: {value}\r\n" for name, value in (*self._again, *self._named.items()) if name not in _OFFERS]
        if "close" in self._named["connection"].lower():
            kept.append("connection: close\r\n")
        head = "".join(kept).encode("latin-1")
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (self.parser.get_method(), self.url, head)

    def _begin(self) -> None:
        """Begin with a request, behind the answers to those before it."""
        target = (_target if len(self.url) < _SHORT_TARGET else _target.__wrapped__)(self.url)
        before = self.cycle
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self.cycle = cycle = Cycle(self, self._given, self._named, target, keep_alive)
        if before is None or before.response_complete:
            self._start(cycle)
        else:
            self.flow.pause_reading()
            self._behind.append(cycle)

    def _start(self, cycle: Cycle) -> None:
        """Let the application answer, in a task that is its own: uvicorn's has a layer more."""
        self._answering = cycle
        answer = self._answer
        work = cycle.asgi(self.app) if answer is None else answer(cycle, cycle)
        task = self.loop.create_task(work)
        task.add_done_callback(cycle.over)
        self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._framing = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        if cycle.body:
            cycle.body = bytearray(cycle.body) if isinstance(cycle.body, bytes) else cycle.body
            cycle.body += body
        else:
            cycle.body = body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.tell()

    def on_message_complete(self) -> None:
        """All of the request is here."""
        self._in_body = False
        if self._offering:
            return
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.tell()

    def on_response_complete(self) -> None:
        """Go on with the request that came meanwhile, if one did; else wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self._behind:
            self._start(self._behind.popleft())
            return
        self._idle_since = self.loop.time()
        if self._waits is None:
            self._waits = self.loop.call_later(self.timeout_keep_alive, self._look_for_another)

    def _look_for_another(self) -> None:
        """Close where no request came for long; while one is under way its end begins the wait anew."""
        self._waits = None
        if self._in_head or self._in_body or not self.cycle.response_complete:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._waits = self.loop.call_later(left, self._look_for_another)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what can't be read, in Anthropic's form."""
        if not self._in_body and self._is_too_large():
            self._refuse(431, _TOO_LARGE)
        else:
            self._refuse(400, msg)

    def _is_too_large(self) -> bool:
        """Tell whether the head is; what came in so few bytes needs no count."""
        headers = (*self._again, *self._named.items())
        return self._head > HEAD_BYTES and sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES

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

    def _last_answer_but(self, refused: Cycle | None) -> Cycle | None:
        """Return the last answer on its way to the client, when what is refused is not answered; None: there is none.

        Requests may be sent without waiting for the answers of those before (RFC 9112, 9.3.2).
        """
        self._behind = deque(cycle for cycle in self._behind if cycle is not refused)
        if self._behind:
            return self._behind[-1]
        answering = self._answering
        if answering is None or (answering is refused and not answering.response_started):
            return None
        return answering if answering is refused or not answering.response_complete else None

    def _wait(self, seconds: float) -> None:
        self._heard = self._since = self.loop.time()
        self._timer = self.loop.call_later(seconds, self._slow)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _slow(self) -> None:
        """A head has a time in which it must be here, a body one that grows with it, unless it is we who don't read."""
        self._timer = None
        now = self.loop.time()
        if self.flow.read_paused:
            self._since = now
        left = BODY_SECONDS - max(now - self._heard, now - self._since - self._size / BODY_RATE)
        if self._in_body and (self.flow.read_paused or left > 0):
            self._timer = self.loop.call_later(max(left, _LOOK), self._slow)
        elif self._in_head or self._in_body:
            self._refuse(408, "The request took too long to arrive.")

    def shutdown(self) -> None:
        """End what is idle, and what has no end of its own; answers under way get their time."""
        super().shutdown()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and cycle.path.rstrip("/").endswith(ENDLESS):
            cycle.leave()
            self.transport.close()


def _text_of(name: bytes) -> str:
    """Return the name of a header in lower case, and keep it: clients send the same ones each time."""
    text = name.lower().decode("latin-1")
    if len(_names) < _NAMES and len(name) < _SHORT_NAME:
        _names[name] = text
    return text


@lru_cache(64)
def _target(url: bytes) -> Target:
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return Target(unquote(path) if "%" in path else path, parsed.path, parsed.query or b"")
