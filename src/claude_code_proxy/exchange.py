"""One request's life: route, translate, ask, feed what comes, write what follows. The only file that sees both sides.

It decides nothing about content, that is the translation's. It decides when to ask again (before the client has seen
anything, never after), and that a client who leaves takes the backend's connection along (the task is cancelled).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from .channel import Captive, Channel
from .errors import ContextOverflowError, FilteredError, RetryableError, UpstreamError
from .observe import Record
from .prepare import Prepared, prepare
from .prompt.summarize import Ask
from .pulse import SilenceError, Watch
from .services import Services, new_id
from .sinks import MessageSink, Sink, StreamSink
from .translate.failure import Asked
from .translate.notes import Notes
from .translate.repairs import Refusal, read_repair
from .translate.stream import StreamTranslator
from .wire.shapes import items, mapping, text

_MAX_ANSWER = 64 * 1024 * 1024  # bytes of a whole answer
_MOST_REPAIRS = 3  # different ones, for one request
_REFUSED = (400, 404, 422)  # statuses of a backend that refuses a field
_MAX_WAIT = 8.0  # seconds of one back-off; a backend that wants longer is reported, with its retry-after
_USAGE_GRACE = 2.0  # seconds that token counts may follow the finish reason
_REUSE_GRACE = 0.05  # seconds for the end of the backend's response, so that its connection can be used again

_encode = msgspec.json.Encoder().encode


class Exchange:
    """Runs one POST /v1/messages; `record` says afterwards what happened."""

    def __init__(self, services: Services, channel: Channel, record: Record) -> None:
        self.record = record
        self.notes = Notes()
        self._services = services
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    async def run(self, request: Mapping[str, Any]) -> None:
        """Answer a checked request. Raises ClientError or UpstreamError; what the client was sent by then is legal."""
        config, record = self._services.config, self.record
        prepared = await prepare(self._services, request, self.notes, self._asker(str(request["model"])))
        record.stream = request.get("stream") is True
        record.backend, record.upstream_model = prepared.route.backend.name, prepared.route.model
        self._announce()
        watch = Watch(
            self._channel if record.stream else None,
            commit_after=config.commit_after,
            ping_every=config.ping_interval,
        )
        sink: Sink = StreamSink(self._channel, watch) if record.stream else MessageSink(self._channel)
        with self._services.pulse.watching(watch):
            await self._insist(request, prepared, watch, sink)

    def _asker(self, model: str) -> Ask:
        """Return a way for the proxy to ask `model` something itself."""

        async def ask(own: dict[str, Any]) -> str:
            channel = Captive(new_id("req_"))
            exchange = Exchange(self._services, channel, Record(id=channel.request_id))
            await exchange.run({**own, "model": model})
            return "".join(text(block.get("text")) for block in items(mapping(channel.answer).get("content")))

        return ask

    async def _insist(self, request: Mapping[str, Any], prepared: Prepared, watch: Watch, sink: Sink) -> None:
        """Ask, and ask again while that may help and the client has seen nothing of an answer."""
        last = self._services.config.max_retries
        repairs: list[Mapping[str, Any]] = []
        while True:
            try:
                return await self._ask(prepared, watch, sink)
            except RetryableError as error:
                wait = _backoff(self.record.retries, error.retry_after)
                if sink.spoken or self.record.retries >= last or wait > _MAX_WAIT:
                    raise
            except UpstreamError as error:
                repair = {} if sink.spoken or len(repairs) >= _MOST_REPAIRS else self._repair(prepared, error)
                if not repair or repair in repairs:
                    raise
                repairs.append(repair)
                prepared = await prepare(self._services, request, self.notes, self._asker(str(request["model"])))
                if "room" in repair:
                    _lower_output(prepared, repair["room"])
                wait = 0.0
            self.record.retries += 1
            await asyncio.sleep(wait)

    def _repair(self, prepared: Prepared, error: UpstreamError) -> Mapping[str, Any]:
        """Learn from a refusal; returns what is different now, empty when asking again would not help."""
        route, body = prepared.route, prepared.translated.body
        if isinstance(error, ContextOverflowError):
            overflow = error.overflow
            if not 0 < overflow.room < body.get(prepared.dialect.max_tokens_field, 0):
                return {}
            self.notes.add("max-tokens-clamped", "max_tokens", "what the backend had room for")
            facts: Mapping[str, Any] = {"max_output": overflow.limit} if overflow.limit else {"room": overflow.room}
        elif error.upstream_status in _REFUSED:
            facts = read_repair(Refusal(text=error.words, param=error.param, body=body), prepared.dialect)
        else:
            return {}
        if facts and "room" not in facts:
            self._services.learned.add(route.backend, route.model, facts)
            self.notes.add("backend-learned", "", ", ".join(facts))
        return facts

    async def _ask(self, prepared: Prepared, watch: Watch, sink: Sink) -> None:
        translated, route = prepared.translated, prepared.route
        translator = StreamTranslator(prepared.dialect, translated.plan, message_id=new_id("msg_"), notes=self.notes)
        stream = translated.body.get("stream") is True
        asked = _asked(prepared)
        body = _encode(translated.body)
        limits = route.backend.timeouts
        try:
            with watch.listening(limits.first_byte):
                async with self._services.client.open(
                    route.backend, prepared.dialect, body, asked, stream=stream
                ) as response:
                    await self._read(response, translator, watch, sink, idle=limits.idle, stream=stream)
        except SilenceError as silence:
            if not translator.finishing:
                raise UpstreamError(
                    f"Backend {route.backend.name} was silent for {silence.limit:g} s.", status=504
                ) from None
            await sink.put(translator.last_events())
            await self._conclude(translator, sink)
        except FilteredError as error:
            if sink.spoken:
                raise
            await sink.put(translator.refuse(error.message))
            await self._conclude(translator, sink)

    async def _read(
        self,
        response: aiohttp.ClientResponse,
        translator: StreamTranslator,
        watch: Watch,
        sink: Sink,
        *,
        idle: float,
        stream: bool,
    ) -> None:
        if response.content_type == "application/json" or not (stream or response.content_type == "text/event-stream"):
            body = await _body(response, watch, idle)
            await sink.put(translator.whole_events(body))
            await self._conclude(translator, sink)
            return
        while data := await response.content.readany():
            watch.heard(idle)
            await sink.feed(translator, data)
            if translator.done:
                break
            if translator.finishing:
                watch.heard(_USAGE_GRACE)
            self._begin(spoken=sink.spoken)
        else:
            await sink.put(translator.last_events())
        await self._conclude(translator, sink)
        await _to_end(response)

    def _begin(self, *, spoken: bool = True) -> None:
        """Note the time of the first event."""
        if spoken and self.record.first_byte < 0:
            self.record.first_byte = self._loop.time() - self._begun

    async def _conclude(self, translator: StreamTranslator, sink: Sink) -> None:
        """End the answer, or raise what went wrong with it."""
        if translator.failure is not None:
            raise translator.failure
        self._begin()
        self._announce()
        self._count(translator)
        await sink.end()

    def _announce(self) -> None:
        """Tell the client which backend answers and what was changed, as far as that is known before the status."""
        headers, record = self._channel.headers, self.record
        headers["x-proxy-backend"] = f"{record.backend}/{record.upstream_model}"
        if len(self.notes):
            headers["x-proxy-notes"] = ",".join(self.notes.codes())

    def _count(self, translator: StreamTranslator) -> None:
        usage, record = translator.writer.usage, self.record
        record.stop = translator.stop_reason
        if usage is not None:
            record.input_tokens = usage.input_tokens + usage.cache_write
            record.cache_read, record.output_tokens, record.cost = usage.cache_read, usage.output_tokens, usage.cost


def _lower_output(prepared: Prepared, room: int) -> None:
    """Lower the output limit to what fits this prompt."""
    prepared.translated.body[prepared.dialect.max_tokens_field] = room


def _asked(prepared: Prepared) -> Asked:
    plan, backend = prepared.translated.plan, prepared.route.backend
    return Asked(
        model=prepared.route.model,
        counted=plan.input_estimate,
        window=plan.window,
        max_tokens=plan.max_tokens,
        now=time.time(),
        secrets=(backend.key, *backend.headers.values()),
    )


async def _body(response: aiohttp.ClientResponse, watch: Watch, idle: float) -> bytes:
    parts, size = [], 0
    while data := await response.content.readany():
        watch.heard(idle)
        size += len(data)
        if size > _MAX_ANSWER:
            raise UpstreamError(f"The backend's answer is larger than {_MAX_ANSWER} bytes.")
        parts.append(data)
    return b"".join(parts)


async def _to_end(response: aiohttp.ClientResponse) -> None:
    """Read the end of a finished response, if it is there: a connection read to its end can be used again."""
    try:
        async with asyncio.timeout(_REUSE_GRACE):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        pass


def _backoff(retries: int, asked: float | None) -> float:
    """Return seconds to wait: what the backend asked for, else 0.5 s doubling, with jitter against herds."""
    if asked is not None:
        return max(0.0, asked)
    return float(min(_MAX_WAIT, 0.5 * 2**retries) * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
