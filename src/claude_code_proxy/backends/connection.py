"""One POST over aiohttp's pooled connections, without its session.

A session does much that no chat request needs (cookies, redirects, middlewares, a task that writes the body): a third
of what a small request costs here, and one turn of the event loop more before its bytes leave. What stays aiohttp's:
connecting, TLS, the pool, and reading the response.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDictProxy
from yarl import URL

READ_BUFFER = 256 * 1024  # bytes of one answer held before the backend is made to wait
_REUSE_GRACE = 0.05  # seconds for the end of a response
_OK = 200
_SWITCHING = 101
_UNFRAMED = ("content-length", "transfer-encoding")  # of a request without a body


class Answer:
    """The head of a response, and its body as it comes.

    status: as sent; content: the body's stream; content_type: the media type without its parameters, in lower case; ""
    when nothing is said.
    """

    def __init__(self, connection: aiohttp.connector.Connection, message: Any, content: aiohttp.StreamReader) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self.content_type: str = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._connection = connection
        content.on_eof(connection.release)  # at once: the next request may use it

    async def drain(self) -> None:
        """Read the end of a finished response, if it is there: a connection read to its end can be used again."""
        if self.content.at_eof():
            return
        try:
            async with asyncio.timeout(_REUSE_GRACE):
                while await self.content.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError):
            pass

    def close(self) -> None:
        """Give the connection back; one that is not read to its end is closed."""
        self._connection.close()


class Form:
    """What all requests to one URL with the same headers have in common, made once.

    way: its HTTP proxy and the certificates trusted, as aiohttp's options.
    """

    def __init__(self, url: str, headers: Mapping[str, str], connect: float, way: Mapping[str, Any] = {}) -> None:
        options = {**way, "proxy": URL(way["proxy"])} if "proxy" in way else way
        version = aiohttp.HttpVersion11
        self.request = _Request("POST", URL(url), headers=headers, version=version, **options)
        self.timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect)
        self._head = b""

    def head(self, length: int) -> bytes:
        """Return the request up to its body of `length` bytes. Only once connected: a proxy adds to it."""
        if not self._head:
            request = self.request
            path = str(request.url) if request.proxy and not request.is_ssl() else request.url.raw_path_qs
            lines = [f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in _UNFRAMED]
            self._head = "\r\n".join([f"POST {path} HTTP/1.1", *lines, "Content-Length: "]).encode("latin-1")
        return b"%b%d\r\n\r\n" % (self._head, length)


class _Request(aiohttp.ClientRequest):
    """A request whose place in the pool is found once."""

    @functools.cached_property
    def connection_key(self) -> ConnectionKey:
        """By what connections are told apart."""
        return super().connection_key


class _Protocol(ResponseHandler):
    """A connection whose body ends when its framing breaks; aiohttp's own would wait for what can't come.

    fresh: no request was sent on it yet.
    """

    fresh = True

    def set_exception(self, exc: Any, *cause: Any) -> None:
        """End the connection with an error, and the body that is being read."""
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the framing of the response is broken"))
        super().set_exception(exc, *cause)


class Pool(aiohttp.TCPConnector):
    """Connections that know whether they were used before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = functools.partial(_Protocol, loop=self._loop)

    async def post(self, form: Form, body: bytes, meanwhile: Callable[[], object]) -> Answer:
        """Send a request and wait for the head of its response; a dead pooled connection is replaced, once.

        meanwhile: called when the request is handed to the socket: what can be done while the backend works.

        That is no fault of the backend: servers close idle connections. Raises aiohttp's errors, OSError, TimeoutError.
        """
        again = False
        while True:
            connection = await self.connect(form.request, [], form.timeout)
            protocol: Any = connection.protocol
            fresh = again or protocol is None or protocol.fresh
            try:
                return await _exchanged(connection, protocol, form, body, meanwhile)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                connection.close()
                if fresh:
                    raise
                again = True
            except BaseException:
                connection.close()
                raise


async def _exchanged(
    connection: aiohttp.connector.Connection,
    protocol: _Protocol | None,
    form: Form,
    body: bytes,
    meanwhile: Callable[[], object],
) -> Answer:
    if protocol is None or protocol.transport is None:
        raise aiohttp.ServerDisconnectedError
    protocol.fresh = False
    protocol.transport.writelines((form.head(len(body)), body))
    protocol.set_response_params(read_until_eof=True, read_bufsize=READ_BUFFER)  # before the loop can read
    meanwhile()
    while True:
        message, content = await protocol.read()
        if message.code >= _OK or message.code == _SWITCHING:  # what comes before are informational responses
            return Answer(connection, message, content)
