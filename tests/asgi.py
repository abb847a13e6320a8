"""The application inside the test's own process: its lifespan, requests on bare ASGI, and what it logged.

    async with running(backend, MAX_RETRIES="1") as app:
        reply = await app.post(HELLO)
        talk = app.start({**HELLO, "stream": True})
        await talk.until(b"half")
        talk.leave()

A `Talk` is one request with its two ends in the test's hand: it can leave, stop reading, and look at what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import structlog

from claude_code_proxy import server, services
from claude_code_proxy.backends import client
from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.config import Config, load
from claude_code_proxy.keeping import journal_for

SECONDS = 20  # the most any wait of a test takes


def settings(backend: Any, **env: str) -> Config:
    """Return the configuration of a proxy in front of a backend, from nothing but these settings."""
    given = {"OPENAI_BASE_URL": backend.url, "OPENAI_API_KEY": backend.key, "MAX_RETRIES": "0", **env}
    with tempfile.TemporaryDirectory() as empty:
        return load({name: value for name, value in given.items() if value}, cwd=Path(empty))


@contextlib.asynccontextmanager
async def running(
    backend: Any, *, learned: Path | None = None, state: Path | None = None, **env: str
) -> AsyncIterator[App]:
    """Run the application in front of a backend.

    learned: the file it remembers repairs in; state: where it keeps its log and more; env: more settings.
    """
    with structlog.testing.capture_logs() as logs, _made_once():
        config = settings(backend, **env)
        app = App(server.create_app(config, Learned(learned), journal_for(config, state)), logs)
        async with app:
            yield app


@contextlib.contextmanager
def _made_once() -> Iterator[None]:
    """Spare each application what takes long to make and is the same for all: vocabulary and certificates."""
    with patch.object(services, "load_vocabulary", _vocabulary), patch.object(client, "_trusted", _trusted):
        yield


_vocabulary = functools.cache(services.load_vocabulary)
_trusted = functools.cache(client._trusted)


class Reply:
    """A whole answer, readable like one of an HTTP client."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status
        self.headers = headers
        self.content = content

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


class Talk:
    """One request under way."""

    def __init__(self, app: Any, scope: Mapping[str, Any], body: bytes, *, sent: bool = True) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.content = b""
        self._news = asyncio.Condition()
        self._reading = asyncio.Event()
        self._reading.set()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = False
        self.send(body, last=sent)
        self.task = asyncio.ensure_future(app(dict(scope), self._receive, self._send))

    def send(self, body: bytes, *, last: bool = True) -> None:
        """Send a piece of the request's body."""
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": not last})

    def leave(self) -> None:
        """Close the connection."""
        self._gone = True
        self._incoming.put_nowait({"type": "http.disconnect"})

    def stop_reading(self) -> None:
        """Let the connection fill: what is sent from now on waits."""
        self._reading.clear()

    def read_on(self) -> None:
        """Take what waits."""
        self._reading.set()

    async def until(self, text: bytes = b"") -> None:
        """Return when the status is out and `text` has come."""
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(lambda: self.status and text in self.content)

    async def reply(self) -> Reply:
        """Return the whole answer."""
        async with asyncio.timeout(SECONDS):
            await self.task
        return Reply(self.status, self.headers, self.content)

    async def _receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def _send(self, message: dict[str, Any]) -> None:
        await self._reading.wait()
        if self._gone:
            return
        if message["type"] == "http.response.start":
            assert not self.status, "two answers to one request"
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            assert self.status, "a body before its status"
            self.content += message["body"]
            if not message.get("more_body"):
                self._incoming.put_nowait({"type": "http.disconnect"})  # as servers say it
        async with self._news:
            self._news.notify_all()


class App:
    """A running application. logs: every log line as structlog's test helper keeps it."""

    def __init__(self, app: Any, logs: list[Any]) -> None:
        self._app = app
        self._lifespan: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self.logs = logs

    async def __aenter__(self) -> Self:
        async def told(message: dict[str, str]) -> None:
            self._told.put_nowait(message["type"])

        self._task = asyncio.ensure_future(self._app({"type": "lifespan"}, self._lifespan.get, told))
        self._lifespan.put_nowait({"type": "lifespan.startup"})
        assert await asyncio.wait_for(self._told.get(), SECONDS) == "lifespan.startup.complete"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lifespan.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait_for(self._task, SECONDS)

    def start(
        self,
        body: Any = b"",
        path: str = "/v1/messages",
        method: str = "POST",
        headers: Mapping[str, str | bytes] = {},
        *,
        sent: bool = True,
        client: str = "127.0.0.1",
    ) -> Talk:
        """Begin a request. sent: its body is complete with this; client: the address it comes from."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = [(b"host", b"127.0.0.1:8082")] if "host" not in headers else []
        pairs += [(k.encode(), v if isinstance(v, bytes) else v.encode("latin-1")) for k, v in headers.items()]
        bare, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": bare,
            "query_string": query.encode(),
            "headers": pairs,
            "client": (client, 5),
        }
        return Talk(self._app, scope, raw, sent=sent)

    async def post(self, body: Any, path: str = "/v1/messages", **options: Any) -> Reply:
        """Send a request and return its whole answer."""
        return await self.start(body, path, **options).reply()

    async def get(self, path: str, **options: Any) -> Reply:
        """Ask and return the whole answer."""
        return await self.start(b"", path, "GET", **options).reply()

    def lines(self) -> list[str]:
        """Return the log's sentences."""
        return [str(entry["event"]) for entry in self.logs]

    async def line(self, word: str) -> str:
        """Return the first log line with a word in it, as soon as there is one."""
        async with asyncio.timeout(SECONDS):
            while not any(word in line for line in self.lines()):  # noqa: ASYNC110 - a log tells nobody
                await asyncio.sleep(0.005)
        return next(line for line in self.lines() if word in line)
