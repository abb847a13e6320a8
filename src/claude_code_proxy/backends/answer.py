"""The answer of a backend as it comes: HTTP read by httptools, on connections that aiohttp makes.

aiohttp's own reader of bodies does some three hundred steps for every chunk of a stream, most of them for uses that a
chat answer has none of; here they are thirty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

import aiohttp
import httptools
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from ..errors import RetryableError
from .packing import READ, UNREADABLE, Packing

READ_BUFFER = 256 * 1024  # bytes of one answer held before the backend is made to wait
_OF_A_PART = 64  # bytes it takes to hold a part of an answer, beside its own
_MOST_HEAD = 64 * 1024  # bytes of a head
_REUSE_GRACE = 0.05  # seconds for the end of a response
_OK = 200
_SWITCHING = 101


class Answer:
    """The head of a response, and its body as it comes. A block of it ends with its connection given back or closed.

    status: as sent, 0 before; content_type: the media type without its parameters, in lower case; "" when nothing is
    said.
    """

    status = 0
    content_type = ""
    _head: Mapping[bytes, bytes] = {}
    _error: Exception | None = None
    _waiter: asyncio.Future[None] | None = None
    _packing: Packing | None = None
    _held = 0
    _paused = False
    _ended = False

    def __init__(self, line: Line, loop: asyncio.AbstractEventLoop) -> None:
        self._line: Line | None = line  # until the body has ended
        self._loop = loop
        self._parts: list[bytes] = []

    def header(self, name: bytes) -> str:
        """Return the first header of a name, given in lower case; "" where there is none."""
        return self._head[name].rstrip().decode("utf-8", "replace") if name in self._head else ""

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Whether there is a header of one of these names."""
        return not names.isdisjoint(self._head)

    @property
    def headers(self) -> dict[str, str]:
        """The first header of each name, by their names in lower case."""
        return {name.decode("latin-1"): self.header(name) for name in self._head}

    async def head(self) -> None:
        """Wait for the head. Raises aiohttp's errors, and ContentEncodingError for a body that can't be read."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._more()
        if b"content-encoding" in self._head:
            packing = self.header(b"content-encoding").lower()
            if packing in UNREADABLE:
                raise ContentEncodingError(packing)
            self._packing = Packing(READ_BUFFER) if packing in READ else None

    async def readany(self) -> bytes:
        """Return what has come and was not read, b"" at the end. Raises RetryableError where the body breaks off."""
        while self._error is None:
            if self._packing is not None and (self._parts or self._packing.is_full):
                data = await self._unpacked(self._packing)
                if data:
                    return data
            elif self._parts:
                return self._taken()
            elif self._ended:
                return b""
            else:
                await self._more()
        raise self._error

    async def _unpacked(self, packing: Packing) -> bytes:
        """Return the next of a packed body. What became large lets others have their turn first."""
        if packing.is_full:
            await asyncio.sleep(0)
        try:
            data, rest = packing.unpacked(self._taken())
        except ValueError:
            raise RetryableError("The backend's answer broke off: it is packed in a way that can't be read.") from None
        if rest:
            self._parts.insert(0, rest)
        return data

    def at_eof(self) -> bool:
        """Whether the body was read to its end."""
        return self._ended and not self._parts and (self._packing is None or not self._packing.is_full)

    async def drain(self) -> None:
        """Read the end of a finished response, if it is there: a connection read to its end can be used again."""
        if self._ended:
            return
        try:
            async with asyncio.timeout(_REUSE_GRACE):
                while await self.readany():
                    pass
        except (TimeoutError, RetryableError):
            pass

    def close(self) -> None:
        """Close the connection, unless the response was read to its end."""
        line, self._line = self._line, None
        if line is not None:
            line.shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what the connection tells -------------------------------------------------------------------------------------

    def begun(self, status: int, head: Mapping[bytes, bytes]) -> None:
        """The head is there."""
        self.status, self._head = status, head
        self.content_type = self.header(b"content-type").partition(";")[0].strip().lower()
        if self._waiter is not None:
            self._wake()

    def heard(self, parts: list[bytes], size: int) -> None:
        """Take more of the body, of a read of `size` bytes; who reads too slowly makes the backend wait."""
        self._parts += parts
        self._held += size + len(parts) * _OF_A_PART
        parts.clear()
        if self._waiter is not None:
            self._wake()
        if self._held > READ_BUFFER and not self._paused and self._line is not None:
            self._paused = True
            self._line.pause()

    def over(self, parts: list[bytes]) -> None:
        """Take the last of the body; its connection serves others from now on."""
        self._parts += parts
        self._ended = True
        parts.clear()
        if self._paused and self._line is not None:
            self._line.go_on()
        self._line = None
        if self._waiter is not None:
            self._wake()

    def broke(self, cause: Exception) -> None:
        """No more comes, though more was to come. cause: what ended it, the error where not even the head has come."""
        if not self.status:
            self._error = cause
        elif isinstance(cause, HttpProcessingError):
            self._error = RetryableError("The backend's answer broke off: what it sent there is no HTTP.")
        else:
            self._error = RetryableError("The backend closed the connection in the middle of its answer.")
        self._wake()

    # ------------------------------------------------------------------------------------------------------------------

    def _more(self) -> asyncio.Future[None]:
        """Return what is done when the connection tells something."""
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _taken(self) -> bytes:
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._held = 0
        if self._paused and self._line is not None:
            self._paused = False
            self._line.go_on()
        return data


def _is_chunked(head: Mapping[bytes, bytes]) -> bool:
    return head.get(b"transfer-encoding", b"").rstrip().lower().endswith(b"chunked")


class Line(ResponseHandler):
    """A connection to a backend.

    An `Answer` is read from it by httptools; aiohttp's own requests, and its way through HTTP proxies, as ever.

    fresh: no request was sent on it yet.
    """

    fresh = True
    _connection: aiohttp.connector.Connection | None = None  # aiohttp's handle of it, while it is lent to us
    _answer: Answer | None = None
    _http: Any = None
    _framing = 0  # bytes that came since the last one of a body: of a head, or of trailers
    _until_closed = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._free: Callable[[Line], None]
        self._head: dict[bytes, bytes] = {}
        self._body: list[bytes] = []  # of the read that is parsed now
        self.on_body = self._body.append

    def lent(self, connection: aiohttp.connector.Connection, free: Callable[[Line], None]) -> None:
        """Serve our requests from now on.

        connection: aiohttp's handle of it; free: called when an answer was read to its end: it can serve another one.
        """
        self._connection, self._free = connection, free

    def ask(self, head: bytes, body: bytes, answer: Answer) -> None:
        """Send a request, and tell its `answer` what comes. Raises ServerDisconnectedError where it can't be sent."""
        transport: Any = self.transport
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        if self._http is None:
            self._http = httptools.HttpResponseParser(self)
            self._http.set_dangerous_leniencies(
                lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
            )
        self.fresh = False
        self._framing = 0
        self._answer = answer
        transport.writelines((head, body))

    def shut(self) -> None:
        """Close it; of an answer that is read from it nothing more is heard."""
        self._answer = None
        if self._connection is not None:
            self._connection.close()

    def pause(self) -> None:
        """Read no more."""
        if self.transport is not None:
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    # -- asyncio's -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer. What nobody asked for ends the connection."""
        answer = self._answer
        if answer is None:
            if self._connection is None:
                super().data_received(data)
            else:
                self.close()
            return
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.close()  # to a protocol nobody asked for
        except httptools.HttpParserError as error:
            self._break(HttpProcessingError(message=str(error)))
        if answer is not self._answer:
            return  # it is over, or broke
        if self._body:
            answer.heard(self._body, len(data))
            self._framing = 0
        else:
            self._framing += len(data)
            if self._framing > _MOST_HEAD:
                self._break(HttpProcessingError(message="too long a head, or too much behind the body"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take note that the connection is gone: the end of an answer that has no other, else its failure."""
        answer, self._answer, self._http = self._answer, None, None
        super().connection_lost(exc)
        if answer is not None and answer.status and self._until_closed:
            answer.over(self._body)
            self.shut()
        elif answer is not None:
            answer.broke(
                aiohttp.ClientOSError(*exc.args) if isinstance(exc, OSError) else aiohttp.ServerDisconnectedError()
            )

    def set_exception(self, exc: Any, *cause: Any) -> None:
        """End the connection with an error, and a body aiohttp reads from it: it would wait for what can't come."""
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the framing of the response is broken"))
        super().set_exception(exc, *cause)

    def _break(self, error: Exception) -> None:
        """End the connection for what came on it."""
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None:
            answer.broke(error)

    # -- httptools' ----------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Another message behind the answer is one nobody asked for."""
        if self._answer is None:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers change nothing (RFC 9110, 6.5.1)."""
        if self._answer is not None and not self._answer.status:
            self._head.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Tell the answer its head; what comes before it are informational responses."""
        head, self._head = self._head, {}
        status = self._http.get_status_code()
        if self._answer is None or (status < _OK and status != _SWITCHING):
            return
        self._until_closed = b"content-length" not in head and not _is_chunked(head)
        if sum(map(len, head)) + sum(map(len, head.values())) > _MOST_HEAD:
            self._break(HttpProcessingError(message="too long a head"))
        else:
            self._answer.begun(status, head)

    def on_message_complete(self) -> None:
        """Give the connection back at once: the next request may use it.

        One that has not taken all of its request waits for the rest of it, and would read the next one as that.
        """
        answer = self._answer
        if answer is None or not answer.status:
            return
        self._answer = None
        answer.over(self._body)
        transport: Any = self.transport
        if self._http.should_keep_alive() and transport is not None and not transport.get_write_buffer_size():
            self._free(self)
        else:
            self.shut()
