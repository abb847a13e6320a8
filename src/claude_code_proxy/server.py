"""The ASGI application: routes, errors in Anthropic's shape, and the life of what all requests share.

No middleware wraps a response: a client who leaves must be noticed in every phase (case CA-01).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from . import handlers, live_page, pages
from .backends.learned import Learned
from .channel import Channel
from .config import Config
from .errors import FAILED_INSIDE, ClientError, ProxyError
from .gate import Gate
from .journal.journal import Journal
from .services import Services, new_id, open_services
from .way import AsgiRequest, Request, Sending, Way

Handler = Callable[[handlers.Call], Awaitable[None]]

_COSTLY = frozenset({handlers.messages, handlers.count_tokens})  # what MAX_OPEN_REQUESTS counts
_COME_BACK = 5  # seconds
_FIRST_LIST = 0.5  # seconds the start waits for the backend's model list, so that the first request knows its limits

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/": {"GET": handlers.root, "HEAD": handlers.root},
    "/v1": {"GET": handlers.probe, "HEAD": handlers.probe},
    "/health": {"GET": handlers.health, "HEAD": handlers.health},
    "/test-connection": {"GET": handlers.test_connection},
    "/v1/messages": {"POST": handlers.messages},
    "/v1/messages/count_tokens": {"POST": handlers.count_tokens},
    "/v1/models": {"GET": handlers.models},
    "/metrics": {"GET": pages.metrics},
    "/ui": {"GET": live_page.page},
    "/ui/feed": {"GET": live_page.feed},
    "/ui/usage": {"GET": live_page.usage},
    "/ui/login": {"GET": live_page.login},
    "/ui/app.js": {"GET": live_page.asset},
    "/ui/login.js": {"GET": live_page.asset},
    "/ui/plots.js": {"GET": live_page.asset},
    "/ui/style.css": {"GET": live_page.asset},
}
_OPEN = frozenset({"/", "/v1", "/health"})  # what anybody may ask: it says nothing of use to a stranger
_PAGES = frozenset({"/", "/ui"})  # what a person may follow a link to
_OWN_GATE = frozenset(path for path in ROUTES if path.startswith("/ui"))  # a browser can't send a key by itself


class _Place(NamedTuple):
    """What is at a path. is_open: anybody may ask, or it has a gate of its own; is_page: a person may follow a link."""

    path: str
    methods: Mapping[str, Handler]
    is_open: bool = False
    is_page: bool = False


_PLACES = {
    path: _Place(path, methods, path in _OPEN or path in _OWN_GATE, path in _PAGES) for path, methods in ROUTES.items()
}


def _place(path: str) -> _Place:
    """Return what is at a path that is not written as in the table."""
    path = normal_path(path)
    methods = {"GET": handlers.model} if path.startswith("/v1/models/") else {}
    return _PLACES.get(path) or _Place(path, methods)


def normal_path(path: str) -> str:
    """Return the path a client meant: one /v1, no slash at the end (clients whose base URL already has either)."""
    if path in ROUTES:
        return path
    path = "/" + path.strip("/")
    while path == "/v1/v1" or path.startswith("/v1/v1/"):
        path = path[3:]
    return path


def create_app(config: Config, learned: Learned, journal: Journal | None = None) -> ASGIApp:
    """Return the application for a configuration, what was learned of its backends, and who hears of its requests."""
    return _App(config, learned, journal or Journal())


class _App:
    def __init__(self, config: Config, learned: Learned, journal: Journal) -> None:
        self._config = config
        self._gate = Gate(config)
        self._learned = learned
        self._journal = journal
        self._services: Services | None = None
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self.answer(AsgiRequest(scope, receive), Sending(send))

    async def answer(self, request: Request, way: Way) -> None:
        """Answer a request."""
        if self._services is None:
            raise RuntimeError("the server runs without its lifespan")
        channel = Channel(way, new_id("req_"))
        call = handlers.Call(self._services, request, request.headers, channel)
        try:
            handler = self._handler(call)
            if handler not in _COSTLY:
                await handler(call)
                return
            self._one_more()
            try:
                await handler(call)
            finally:
                self._open -= 1
        except ProxyError as error:
            await channel.fail(error)
        except handlers.ClientGoneError:
            pass
        except Exception:  # noqa: BLE001 - a bug of ours: the log gets it whole, the client a sentence
            structlog.get_logger().exception("bug", id=channel.request_id)
            await channel.fail(ProxyError(FAILED_INSIDE, status=500))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._started():
            await send({"type": "lifespan.startup.complete"})
            with contextlib.suppress(asyncio.CancelledError):  # a second Ctrl-C: nobody waits any more
                await receive()
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _started(self) -> AsyncIterator[None]:
        async with open_services(self._config, self._learned, self._journal) as services:
            self._services = services
            catalogue, config = services.catalogue, self._config
            fresh = asyncio.create_task(catalogue.keep_fresh(config.backends, config.models_refresh))
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(catalogue.first_read.wait(), _FIRST_LIST)
                yield
            finally:
                fresh.cancel()
                await asyncio.gather(fresh, return_exceptions=True)
                await asyncio.to_thread(self._journal.close)

    def _one_more(self) -> None:
        """Count a request. Raises ProxyError (529) where there are too many."""
        most = self._config.max_open
        if self._open >= most:
            message = f"{most} requests are under way already (MAX_OPEN_REQUESTS). Try again later."
            raise ProxyError(message, status=529, retry_after=_COME_BACK)
        self._open += 1

    def _handler(self, call: handlers.Call) -> Handler:
        path, method = call.request.path, call.request.method
        place = _PLACES.get(path) or _place(path)
        self._gate.check(call.headers, is_open=place.is_open, is_page=place.is_page)
        handler = place.methods.get(method)
        if handler is not None:
            return handler
        if not place.methods:
            raise ClientError("Not found", status=404)
        call.channel.headers["allow"] = taken = ", ".join(place.methods)
        raise ClientError(f"{place.path} takes {taken}, not {method}.", status=405)
