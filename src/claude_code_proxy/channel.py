"""The response to one client: its status line can wait until there is something to say."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.types import Message

from .errors import ProxyError
from .record import Record
from .relay import Kept, Relay
from .way import Heard, Way, send_on
from .wire.anthropic import error_body, error_event

_CONTROL = re.compile(rb"[\x00-\x1f\x7f-\x9f]")
_json = msgspec.json.Encoder().encode


class Channel:
    """Sends one response. `started`: the status is out; `ended`: all is out; `stalled`: the client reads slowly."""

    def __init__(self, way: Way, request_id: str) -> None:
        self.request_id = request_id
        self.started = self.ended = self.stalled = False
        self.status = 0
        self.headers: dict[str, str] = {"request-id": request_id}
        self._other = b""  # the id of the response that is forwarded
        self._way = way

    async def stream(self, data: bytes, *, last: bool = False) -> None:
        """Send frames of an event stream, the status first; nothing follows the end, a ping that comes late neither."""
        if self.ended:
            return
        if not self.started:
            self._start(200, {"content-type": "text/event-stream; charset=utf-8", **_UNBUFFERED})
        self.ended = last
        self._way.write({"type": "http.response.body", "body": data, "more_body": not last})
        if self._way.is_full():
            self.stalled = True
            await self._way.drain()
            self.stalled = False

    def watched(self, seen: Callable[[Message], None]) -> None:
        """Show every part of this response to `seen`, too, from now on."""
        self._way = _Watched(self._way, seen)

    def relayed(self, kept: Kept, record: Record) -> Relay:
        """Let others have this response too, from now on. record: of its request."""
        self._way = relay = Relay(self._way, kept, record)
        return relay

    async def forward(self, message: Message) -> None:
        """Send a part of another response as this one's, under an id of its own."""
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            told = dict(message["headers"])
            self._other, told[b"request-id"] = told.get(b"request-id", b""), self.request_id.encode()
            message = {"type": message["type"], "status": self.status, "headers": list(told.items())}
        else:
            self.ended = not message.get("more_body", False)
            if self._other and self._other in message["body"]:  # in errors; all ids have the same length
                own = message["body"].replace(self._other, self.request_id.encode())
                message = {**message, "body": own}
        await send_on(self._way, message)

    async def json(self, status: int, body: Any, headers: Mapping[str, str] = {}) -> None:
        """Send a whole JSON response."""
        await self.whole(status, _json(body), "application/json", headers)

    async def whole(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] = {}) -> None:
        """Send a whole response. kind: its content type."""
        self.ended = True
        self._start(status, {"content-type": kind, "content-length": str(len(data)), **headers})
        await send_on(self._way, {"type": "http.response.body", "body": data})

    async def fail(self, error: ProxyError) -> None:
        """Send an error: a status while there is none, the last event of the stream after that."""
        if self.ended:
            return
        if self.started:
            await self.stream(error_event(error, self.request_id), last=True)
        else:
            await self.json(error.status, error_body(error, self.request_id), error_headers(error))

    def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        self.status = status
        told = {**self.headers, **headers}
        values = "".join(told.values())
        encoded = str.encode if values.isascii() and values.isprintable() else _latin
        raw = list(zip(map(str.encode, told), map(encoded, told.values()), strict=True))
        self._way.write({"type": "http.response.start", "status": status, "headers": raw})


class _Watched:
    """A way whose parts somebody sees."""

    def __init__(self, way: Way, seen: Callable[[Message], None]) -> None:
        self.is_full, self.drain = way.is_full, way.drain
        self._way = way
        self._seen = seen

    def write(self, message: Message) -> None:
        """Show a part, and write it."""
        self._seen(message)
        self._way.write(message)


class Captive(Channel):
    """A channel nobody listens to: keeps the answer of a request the proxy makes for itself."""

    def __init__(self, request_id: str) -> None:
        super().__init__(Heard(self._keep), request_id)
        self._parts: list[bytes] = []

    @property
    def answer(self) -> Any:
        """The decoded answer."""
        return msgspec.json.decode(b"".join(self._parts))

    def _keep(self, message: Message) -> None:
        self._parts.append(message.get("body", b""))


_UNBUFFERED = {"cache-control": "no-cache", "x-accel-buffering": "no"}


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


def _latin(value: str) -> bytes:
    """Header text: what has no place in a header (other alphabets, control characters) becomes a question mark."""
    return _CONTROL.sub(b"?", value.encode("latin-1", "replace"))
