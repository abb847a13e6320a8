"""The way back to one client: an ASGI response whose status line can wait until there is something to say."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.types import Message, Send

from .errors import ProxyError
from .record import Record
from .relay import Kept, Relay
from .wire.anthropic import error_body, error_event

_CONTROL = re.compile(rb"[\x00-\x1f\x7f-\x9f]")
_json = msgspec.json.Encoder().encode


class Channel:
    """Sends one response. `started`: the status is out; `ended`: all is out; `stalled`: the client reads slowly."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.request_id = request_id
        self.started = False
        self.ended = False
        self.stalled = False
        self.status = 0
        self.headers: dict[str, str] = {"request-id": request_id}
        self._other = b""  # the id of the response that is forwarded
        self._send = send

    async def stream(self, data: bytes, *, last: bool = False) -> None:
        """Send frames of an event stream, the status first; nothing follows the end, a ping that comes late neither."""
        if self.ended:
            return
        if not self.started:
            await self._start(200, {"content-type": "text/event-stream; charset=utf-8", **_UNBUFFERED})
        self.stalled = True
        self.ended = last
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        self.stalled = False

    def watched(self, seen: Callable[[Message], None]) -> None:
        """Show every part of this response to `seen`, too, from now on."""
        send = self._send

        async def both(message: Message) -> None:
            seen(message)
            await send(message)

        self._send = both

    def relayed(self, kept: Kept, record: Record) -> Relay:
        """Let others have this response too, from now on. record: of its request."""
        relay = Relay(self._send, kept, record)
        self._send = relay.send
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
        await self._send(message)

    async def json(self, status: int, body: Any, headers: Mapping[str, str] = {}) -> None:
        """Send a whole JSON response."""
        await self.whole(status, _json(body), "application/json", headers)

    async def whole(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] = {}) -> None:
        """Send a whole response. kind: its content type."""
        self.ended = True
        await self._start(status, {"content-type": kind, "content-length": str(len(data)), **headers})
        await self._send({"type": "http.response.body", "body": data})

    async def fail(self, error: ProxyError) -> None:
        """Send an error: a status while there is none, the last event of the stream after that."""
        if self.ended:
            return
        if self.started:
            await self.stream(error_event(error, self.request_id), last=True)
        else:
            await self.json(error.status, error_body(error, self.request_id), error_headers(error))

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        self.status = status
        told = {**self.headers, **headers}
        values = "".join(told.values())
        encoded = str.encode if values.isascii() and values.isprintable() else _latin
        raw = [(name.encode("latin-1"), encoded(value)) for name, value in told.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})


class Captive(Channel):
    """A channel nobody listens to: keeps the answer of a request the proxy makes for itself."""

    def __init__(self, request_id: str) -> None:
        super().__init__(self._keep, request_id)
        self._parts: list[bytes] = []

    @property
    def answer(self) -> Any:
        """The decoded answer."""
        return msgspec.json.decode(b"".join(self._parts))

    async def _keep(self, message: Message) -> None:
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
