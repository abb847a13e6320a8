"""The response to one client: its status line can wait until there is something to say."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from .errors import ProxyError
from .record import Record
from .relay import Kept, Relay
from .way import Heard, Way
from .wire.anthropic import error_body, error_event

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_json = msgspec.json.Encoder().encode


class Channel:
    """Sends one response. `started`: the status is out; `ended`: all is out; `stalled`: the client reads slowly."""

    def __init__(self, way: Way, request_id: str) -> None:
        self.request_id = request_id
        self.started = self.ended = self.stalled = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self._way = way

    async def stream(self, data: bytes, *, last: bool = False) -> None:
        """Send frames of an event stream, the status first; nothing follows the end, a ping that comes late neither."""
        if self.ended:
            return
        if not self.started:
            self._begin(200, _STREAM)
        if last:
            self.ended = True
            self._way.end(data)
        else:
            self._way.write(data)
        if self._way.is_full():
            self.stalled = True
            await self._way.drain()
            self.stalled = False

    def watched(self, seen: Callable[[bytes], None]) -> None:
        """Show every part of this response's body to `seen`, too, from now on."""
        self._way = _Watched(self._way, seen)

    def relayed(self, kept: Kept, record: Record) -> Relay:
        """Let others have this response too, from now on. record: of its request."""
        self._way = relay = Relay(self._way, kept, record)
        return relay

    def forwarding(self) -> Way:
        """Return a way on which another response becomes this one's, under its id."""
        return _Forwarded(self, self._way)

    def json(self, status: int, body: Any, headers: Mapping[str, str] = {}) -> Awaitable[None]:
        """Send a whole JSON response."""
        return self.whole(status, _json(body), "application/json", headers)

    async def whole(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] = {}) -> None:
        """Send a whole response. kind: its content type."""
        self.ended = True
        lines = f"content-type: {kind}\r\n"
        self._begin(status, lines + _lines(headers) if headers else lines, len(data))
        self._way.end(data)
        if self._way.is_full():
            await self._way.drain()

    async def fail(self, error: ProxyError) -> None:
        """Send an error: a status while there is none, the last event of the stream after that."""
        if self.ended:
            return
        if self.started:
            await self.stream(error_event(error, self.request_id), last=True)
        else:
            await self.json(error.status, error_body(error, self.request_id), error_headers(error))

    def _begin(self, status: int, lines: str, length: int | None = None) -> None:
        self.started = True
        self.status = status
        self._way.begin(status, f"request-id: {self.request_id}\r\n{_lines(self.headers)}{lines}", length)


class _Watched:
    """A way whose parts somebody sees."""

    def __init__(self, way: Way, seen: Callable[[bytes], None]) -> None:
        self.begin, self.is_full, self.drain = way.begin, way.is_full, way.drain
        self._way = way
        self._seen = seen

    def write(self, data: bytes) -> None:
        """Show a part, and write it."""
        self._seen(data)
        self._way.write(data)

    def end(self, data: bytes) -> None:
        """Show the last part, and write it."""
        self._seen(data)
        self._way.end(data)


class _Forwarded:
    """The way of a response that is also sent as another one, under an id of its own."""

    def __init__(self, channel: Channel, way: Way) -> None:
        self.is_full, self.drain = way.is_full, way.drain
        self._channel = channel
        self._way = way
        self._other = ""  # the id of the response that is forwarded; all ids have the same length

    def begin(self, status: int, lines: str, length: int | None = None) -> None:
        """Write the head."""
        self._channel.started, self._channel.status = True, status
        self._other = lines.partition("request-id: ")[2].partition("\r\n")[0]
        own = lines.replace(self._other, self._channel.request_id) if self._other else lines
        self._way.begin(status, own, length)

    def write(self, data: bytes) -> None:
        """Write a part."""
        self._way.write(self._own(data))

    def end(self, data: bytes) -> None:
        """Write the last part."""
        self._channel.ended = True
        self._way.end(self._own(data))

    def _own(self, data: bytes) -> bytes:
        """Put the own id where errors name the other."""
        return data.replace(self._other.encode(), self._channel.request_id.encode()) if self._other else data


class Captive(Channel):
    """A channel nobody listens to: keeps the answer of a request the proxy makes for itself."""

    def __init__(self, request_id: str) -> None:
        super().__init__(Heard(self._keep), request_id)
        self._parts: list[bytes] = []

    @property
    def answer(self) -> Any:
        """The decoded answer."""
        return msgspec.json.decode(b"".join(self._parts))

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)


_STREAM = "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"


def error_headers(error: ProxyError) -> dict[str, str]:
    """Return the headers clients decide by whether and when to ask again.

    A wait of nothing is not told: a client that obeys it asks again at once, each time. Left to themselves Claude Code
    and the SDKs wait longer from try to try (2.1.330 takes a 0 for that too, measured).
    """
    headers = {}
    if error.retry_after is not None and error.retry_after > 0:
        headers["retry-after"] = str(math.ceil(error.retry_after))  # whole seconds: RFC 9110, section 10.2.3
    if error.should_retry is not None:
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    return headers


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {_safe(value)}\r\n" for name, value in headers.items()])


def _safe(value: str) -> str:
    """Header text: what has no place in a header (other alphabets, control characters) becomes a question mark."""
    if value.isascii() and value.isprintable():
        return value
    return _CONTROL.sub("?", value.encode("latin-1", "replace").decode("latin-1"))
