"""One POST over aiohttp's pooled connections, without its session.

A session does much that no chat request needs (cookies, redirects, middlewares, a task that writes the body): a third
of what a small request costs here, and one turn of the event loop more before its bytes leave. What stays aiohttp's:
addresses, connecting, TLS, and the way through HTTP proxies.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from .answer import Answer, Line

_KEPT = 15.0  # seconds a connection is kept that nobody uses
_UNFRAMED = ("content-length", "transfer-encoding")  # of a request without a body


class Form:
    """What all requests to one URL with the same headers have in common, made once.

    way: its HTTP proxy and the certificates trusted, as aiohttp's options; idle: connections its requests may use, None
    before the first one was made.
    """

    def __init__(self, url: str, headers: Mapping[str, str], connect: float, way: Mapping[str, Any] = {}) -> None:
        options = {**way, "proxy": URL(way["proxy"])} if "proxy" in way else way
        version = aiohttp.HttpVersion11
        self.request = _Request("POST", URL(url), headers=headers, version=version, **options)
        self.timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect)
        self.idle: list[_Idle] | None = None
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


_Idle = tuple[Line, float]  # a connection, and since when it is idle (the loop's clock)


class Pool(aiohttp.TCPConnector):
    """Connections, and those of them that are idle: the one that was used last is used first.

    aiohttp keeps those of its own requests; ours remain lent to us, so that each use of one costs no way through its
    pool and back.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(keepalive_timeout=_KEPT, **options)
        self._factory: Any = functools.partial(Line, self._loop)
        self._idle: dict[ConnectionKey, list[_Idle]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def post(self, form: Form, body: bytes, meanwhile: Callable[[], object]) -> Answer:
        """Send a request and wait for the head of its response; a dead idle connection is replaced by a new one.

        meanwhile: called when the request is handed to the socket: what can be done while the backend works.

        That is no fault of the backend: servers close idle connections. Raises aiohttp's errors, OSError, TimeoutError.
        """
        again = False
        while True:
            line = None if again else self._last_used(form)
            if line is None:
                line = await self._connected(form)
            fresh = again or line.fresh
            answer = Answer(line, self._loop)
            try:
                line.ask(form.head(len(body)), body, answer)
                meanwhile()
                await answer.head()
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                answer.close()
                if fresh:
                    raise
                again = True
            except BaseException:
                answer.close()
                raise
            else:
                return answer

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections, and wait for that."""
        await super().close(abort_ssl=abort_ssl)
        if self._sweeping is not None:
            self._sweeping.cancel()
        for idle in self._idle.values():
            while idle:
                idle.pop()[0].shut()

    def _last_used(self, form: Form) -> Line | None:
        """Return an idle connection. A form's first one through a proxy is aiohttp's: it adds the password."""
        if form.idle is None:
            if form.request.proxy:
                return None
            form.idle = self._idle.setdefault(form.request.connection_key, [])
        while form.idle:
            line, since = form.idle.pop()
            if line.is_connected() and self._loop.time() - since <= _KEPT:
                return line
            line.shut()
        return None

    async def _connected(self, form: Form) -> Line:
        """Return a connection of aiohttp's pool, or a new one."""
        connection = await self.connect(form.request, [], form.timeout)
        form.idle = self._idle.setdefault(form.request.connection_key, [])
        line: Any = connection.protocol
        line.lent(connection, functools.partial(self._free, form.idle))
        return line  # type: ignore[no-any-return] # the factory's

    def _free(self, idle: list[_Idle], line: Line) -> None:
        """Keep a connection whose answer was read to its end."""
        idle.append((line, self._loop.time()))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(_KEPT, self._sweep)

    def _sweep(self) -> None:
        """Close what was idle for too long."""
        oldest = self._loop.time() - _KEPT
        for idle in self._idle.values():
            while idle and idle[0][1] <= oldest:
                idle.pop(0)[0].shut()
        used = any(self._idle.values())
        self._sweeping = self._loop.call_later(_KEPT, self._sweep) if used else None
