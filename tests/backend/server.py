"""The scripted backend itself: an aiohttp server in a thread of its own, strict as OpenAI about what it is sent."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from aiohttp import web
from tests.strict_openai import problems

from .records import Received
from .render import frames, whole
from .script import Answer, Cut, Gate, Pause, Reply, Stall, Step, error

Script = Iterable[Step] | Callable[[Received], Step]
Rules = Callable[[dict[str, Any]], list[str]]

_CHAT_PATHS = ("/v1/chat/completions", "/chat/completions", "/openai/deployments/{deployment}/chat/completions")


class Backend:
    """An OpenAI-compatible server that plays a script and remembers what it was asked.

    script: steps, one per request in order of arrival, or a function of the request; key: what it wants to see in
    `Authorization: Bearer` (in `api-key` on Azure's path), "" takes any; models: name -> context_length, also the only
    names it knows unless `any_model`; prices: name -> `pricing`; rules: one line for each thing wrong with a body, refused with 400, OpenAI's by default.
    """

    def __init__(
        self,
        script: Script = (),
        *,
        key: str = "sk-backend",
        models: Mapping[str, int] | None = None,
        prices: Mapping[str, Mapping[str, str]] = {},
        any_model: bool = True,
        rules: Rules = problems,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.requests: list[Received] = []
        self.models = dict(models or {"gpt-5.4": 400_000})
        self.prices = prices
        self.key = key
        self._any_model = any_model
        self._rules = rules
        self._address = (host, port)
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self.play(script)

    # -- for the test -------------------------------------------------------------------------------------------
    def play(self, script: Script) -> None:
        """Take a new script."""
        steps = script if callable(script) else iter(tuple(script))
        self._next: Callable[[Received], Step | None] = steps if callable(steps) else lambda _: next(steps, None)

    @property
    def url(self) -> str:
        """The base URL, as OPENAI_BASE_URL wants it."""
        return f"http://{self._address[0]}:{self._address[1]}/v1"

    @property
    def root(self) -> str:
        """The address without /v1, as Azure resources have it."""
        return self.url.removesuffix("/v1")

    @property
    def chats(self) -> list[Received]:
        """The chat requests, in order of arrival."""
        return [received for received in self.requests if received.path.endswith("/chat/completions")]

    @property
    def illegal(self) -> list[tuple[int, list[str]]]:
        """What OpenAI would have refused: number of the request and why. Must be empty."""
        return [(received.number, received.problems) for received in self.requests if received.problems]

    def wait(self, condition: Callable[[], bool], seconds: float = 10, *, what: str = "") -> None:
        """Return when the condition holds; it is looked at whenever a request arrives, ends or is abandoned."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds), f"not within {seconds} s: {what or condition}"

    def wait_chats(self, number: int = 1, seconds: float = 10) -> Received:
        """Return the chat request with this number (from 1) as soon as it is here."""
        self.wait(lambda: len(self.chats) >= number, seconds, what=f"{number} chat requests")
        return self.chats[number - 1]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10), "the backend did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- the server ---------------------------------------------------------------------------------------------
    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._start())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        for path in _CHAT_PATHS:
            app.router.add_post(path, self._chat)
        for path in ("/v1/models", "/models", "/openai/models"):
            app.router.add_get(path, self._models)
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, *self._address, backlog=1024)
        await site.start()
        self._address = site._server.sockets[0].getsockname()[:2]  # type: ignore[union-attr]
        return runner

    async def _models(self, request: web.Request) -> web.StreamResponse:
        received = await self._receive(request)
        refusal = self._refuse_key(received)
        if refusal:
            return _json(refusal)
        received.finished = True
        rows = [
            {"id": name, "object": "model", "created": 0, "owned_by": "tests", "context_length": size}
            | ({"pricing": self.prices[name]} if name in self.prices else {})
            for name, size in self.models.items()
        ]
        return web.json_response({"object": "list", "data": rows})

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        await self._receive(request)
        return _json(error(404, f"Unknown request URL: {request.method} {request.path}", code="unknown_url"))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        received = await self._receive(request)
        step = self._refusal(received) or self._next(received)
        if step is None:
            received.problems.append("the script has no step for this request")
            step = error(500, "script exhausted", kind="server_error")
        try:
            return await self._answer(request, received, step)
        except _ScriptedCutError:
            raise
        except (asyncio.CancelledError, ConnectionError):
            received.left_at = time.monotonic()
            raise asyncio.CancelledError from None
        finally:
            self._notify()

    async def _receive(self, request: web.Request) -> Received:
        raw = await request.read()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(
            len(self.requests) + 1, request.method, request.path, dict(request.query), headers, body, time.monotonic()
        )
        self.requests.append(received)
        self._notify()
        return received

    def _refusal(self, received: Received) -> Reply | None:
        return self._refuse_key(received) or self._refuse_body(received) or self._refuse_model(received)

    def _refuse_key(self, received: Received) -> Reply | None:
        azure = "/deployments/" in received.path
        shown = (
            received.headers.get("api-key")
            if azure
            else received.headers.get("authorization", "").removeprefix("Bearer ")
        )
        if azure and not received.query.get("api-version"):
            return error(404, "Resource not found", code="404")
        if self.key and shown != self.key:
            return error(401, f"Incorrect API key provided: {(shown or '')[:3]}***.", code="invalid_api_key")
        return None

    def _refuse_body(self, received: Received) -> Reply | None:
        received.problems += self._rules(received.body)
        return error(400, received.problems[0]) if received.problems else None

    def _refuse_model(self, received: Received) -> Reply | None:
        if self._any_model or "/deployments/" in received.path or received.model in self.models:
            return None
        return error(
            404, f"The model `{received.model}` does not exist or you do not have access to it.", code="model_not_found"
        )

    async def _answer(self, request: web.Request, received: Received, step: Step) -> web.StreamResponse:
        for act in step.before:
            await _perform(act, request)
        if isinstance(step, Reply):
            received.finished = True
            return _json(step)
        if received.body.get("stream"):
            return await self._stream(request, received, step)
        for part in step.parts:
            await _perform(part, request)
        received.finished = True
        return web.json_response(whole(step, received.number, received.model), headers=step.headers)

    async def _stream(self, request: web.Request, received: Received, answer: Answer) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"content-type": "text/event-stream", "cache-control": "no-cache", **answer.headers}
        )
        await response.prepare(request)
        usage = bool((received.body.get("stream_options") or {}).get("include_usage"))
        for frame in frames(answer, received.number, received.model, usage=usage):
            if isinstance(frame, bytes):
                await response.write(frame)
            else:
                await _perform(frame, request)
        await response.write_eof()
        received.finished = True
        return response

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


class _ScriptedCutError(asyncio.CancelledError):
    """The script broke the connection, the peer did not leave. To aiohttp the handler is merely cancelled."""


async def _perform(part: object, request: web.Request) -> None:
    """Do an act; content has been or will be written elsewhere."""
    match part:
        case Pause(seconds):
            await asyncio.sleep(seconds)
        case Gate():
            await part.passed()
        case Cut(reset):
            assert request.transport is not None
            request.transport.abort() if reset else request.transport.close()
            raise _ScriptedCutError
        case Stall():
            await asyncio.Event().wait()


def _json(reply: Reply) -> web.Response:
    if isinstance(reply.body, bytes | str):
        raw = reply.body.encode() if isinstance(reply.body, str) else reply.body
        return web.Response(status=reply.status, body=raw, headers=reply.headers)
    headers = {"content-type": "application/json", **reply.headers}
    return web.Response(status=reply.status, body=json.dumps(reply.body).encode(), headers=headers)
