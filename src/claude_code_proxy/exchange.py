"""One request's life: route, translate, ask, feed what comes, write what follows. The only file that sees both sides.

It decides nothing about content, that is the translation's. It decides when to ask again (before the client has seen
anything, never after), and that a client who leaves takes the backend's connection along (the task is cancelled).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from .backends.answer import Answer
from .backends.prices import Price, cost_of
from .backends.slots import Slot, priority_of
from .channel import Captive, Channel
from .context_scale import factor
from .errors import FilteredError, ProxyError, RetryableError, UpstreamError
from .mending import Mending
from .models import neighbours
from .prepare import Prepared, prepare
from .prompt.summarize import Ask
from .pulse import SilenceError, Watch
from .record import Record
from .room import as_shown, check_room, learn_cut, learn_size, learn_window, lower_output, told_cut
from .routing import Route
from .services import Services, new_id
from .sinks import MessageSink, Sink, StreamSink, check_size
from .translate.failure import masked
from .translate.notes import Note, Notes
from .translate.stream import StreamTranslator
from .tries import Tries
from .wire.shapes import items, mapping, text
from .witness import Witness

if TYPE_CHECKING:
    from .recording.recorder import Recording

_EVENTS = (b"data:", b"event:", b"id:", b":")  # how a stream begins that calls itself JSON
_LONGEST_NAME = 200  # characters in a header
_LONGEST_TOLD = 1000
_NO_MODEL = 404  # the only thing a backend's answer becomes this for
_LONG_ANSWER = 30.0  # seconds of a whole answer after which the next one is asked as a stream
_USAGE_GRACE = 2.0  # seconds that token counts may follow the finish reason

_encode = msgspec.json.Encoder().encode


class Exchange:
    """Runs one POST /v1/messages; `record` says afterwards what happened."""

    _window_stop = True
    _believed = _size = 0
    _mending: Mending | None = None  # where something was refused
    _translating: StreamTranslator | None = None
    _price: Price | None = None  # of the model that is asked
    _half = ""  # what it left of the prompt, where it read less

    def __init__(
        self,
        services: Services,
        channel: Channel,
        record: Record,
        recording: Recording | None = None,
        noted: tuple[Note, ...] = (),
    ) -> None:
        self.record = record
        self._noted = noted  # of the request, whoever answers it
        self.notes = Notes(noted)
        self._services = services
        self._channel = channel
        self._witness = Witness(record, recording)
        self._begun = time.monotonic()
        self._tries: Tries
        self._watch: Watch
        self._sink: Sink
        self._prepared: Prepared  # what the backend is asked now

    async def run(
        self, request: Mapping[str, Any], *, window_stop: bool = True, believed: int = 0, size: int = 0
    ) -> None:
        """Answer a checked request. Raises ClientError or UpstreamError; what the client was sent by then is legal.

        window_stop: the client knows the stop reason of a full window; believed: the window it believes in, in
        tokens, 0 for the model's own; size: bytes of the request.
        """
        self._window_stop = window_stop
        self._believed, self._size = believed, size
        config, record = self._services.config, self.record
        record.stream = request.get("stream") is True
        channel = self._channel
        watch = Watch(
            channel if record.stream else None, commit_after=config.commit_after, ping_every=config.ping_interval
        )
        self._watch, self._sink = watch, StreamSink(channel, watch) if record.stream else MessageSink(channel)
        routes = self._services.chain(str(request["model"]))
        self._tries = Tries(routes, self._services.health, config.max_retries, record.session)
        try:
            with watch.within(config.answer_deadline, self._services.pulse):
                await self._insist(request, await self._prepare(request))
        except TimeoutError:
            raise self._tries.late(config.answer_deadline) from None
        except UpstreamError as error:
            self._name_neighbours(error, self._tries.route)
            as_shown(error, config, record.window, believed)
            raise
        route = self._tries.route
        self._services.catalogue.look_again(route.backend, route.model)

    def _know(self, prepared: Prepared) -> None:
        """Note where the request goes, and tell the client."""
        record, route = self.record, prepared.route
        record.backend, record.upstream_model, record.tier = route.backend.name, route.model, route.tier_of_model
        record.window, self._price = prepared.translated.plan.window, prepared.facts.price
        self._witness.ready(prepared)
        self._channel.headers["x-proxy-backend"] = f"{record.backend}/{record.upstream_model}"[:_LONGEST_NAME]
        self._announce()

    def _name_neighbours(self, error: UpstreamError, route: Route) -> None:
        """Say which models a backend has, where it does not have the one it was asked for."""
        if error.status != _NO_MODEL:
            return
        hint = f" {route.tier_of_model.upper()}_MODEL names it." if route.tier_of_model else ""
        near = neighbours(route.model, route.backend.name, self._services.catalogue)
        hint += f" Near names it has: {', '.join(near)}." if near else ""
        error.message += hint
        self.record.hint = hint

    async def _prepare(self, request: Mapping[str, Any]) -> Prepared:
        """Prepare the request for whom it goes to now, and say so."""
        ask, route, mending = self._asker(str(request["model"])), self._tries.route, self._mending
        taught = mending.facts if mending is not None else {}
        prepared = await prepare(self._services, request, self.notes, ask, taught, route, size=self._size)
        self._know(prepared)
        check_room(prepared, self._services)
        if mending is not None:
            lower_output(prepared, mending.rooms)
        return prepared

    def _asker(self, model: str) -> Ask:
        """Return a way for the proxy to ask `model` something itself."""

        async def ask(own: dict[str, Any]) -> str:
            channel = Captive(new_id("req_"))
            record = Record(id=channel.request_id, model=model, session=self.record.session, own=True)
            with self._services.journal.following_own(record):
                await Exchange(self._services, channel, record).run({**own, "model": model})
            return _whole(mapping(channel.answer))

        return ask

    async def _insist(self, request: Mapping[str, Any], prepared: Prepared) -> None:
        """Ask, and ask again while that may help and the client has seen nothing of an answer."""
        tries, sink = self._tries, self._sink
        while True:
            slot: Slot | None = None
            try:
                first = priority_of(prepared.route.tier_of_model, self.record.agent)
                with await self._services.slots[prepared.route.backend.name].hold(first, learns=tries.alone) as slot:
                    return await self._answered(prepared)
            except UpstreamError as error:
                mended = not sink.spoken and self._mended(prepared, error)
                left = self._begun + self._services.config.answer_deadline - time.monotonic()
                crowded = slot is not None and slot.crowded
                wait = 0.0 if mended or sink.spoken else tries.after(error, crowded=crowded, left=left)
                if sink.spoken or wait is None:
                    raise
                prepared = await self._prepare(request) if mended else await self._moved(request, prepared, error)
            self.record.retries += 1
            self.record.repairs += mended
            await asyncio.sleep(wait)

    def _mended(self, prepared: Prepared, error: UpstreamError) -> bool:
        """Whether asking again may help, since what was refused will be different."""
        if self._mending is None:
            self._mending = Mending(self._services.learned, self.notes, self._services.shaper)
        return self._mending.mend(prepared, error)

    async def _moved(self, request: Mapping[str, Any], prepared: Prepared, error: UpstreamError) -> Prepared:
        """Prepare for whom the request goes to now; with another key only, nothing else changes.

        Raises `error`, the failure of the last one, where the next one can't take such a request at all.
        """
        route, told = self._tries.route, self._tries.told
        moved = (route.backend.name, route.model) != (prepared.route.backend.name, prepared.route.model)
        if moved:  # what the last one refused, and what was changed for it, is not this one's
            self.notes, self._mending = Notes(self._noted), None
        if moved or (self._tries.health.is_slow(route.model) and "stream" not in prepared.translated.body):
            try:
                prepared = await self._prepare(request)
            except ProxyError:
                raise error from None
        if told:
            self.record.failed_over = told
            self.notes.add("failed-over", "model", told[-1])
            self._announce()
        return msgspec.structs.replace(prepared, route=route)

    async def _answered(self, prepared: Prepared) -> None:
        """Ask once, and learn from how it goes."""
        route, services, health = prepared.route, self._services, self._tries.health
        circuit = health.begin(route.model)
        self._prepared = prepared
        self._witness.asked(prepared)
        try:
            await self._ask(prepared)
        except UpstreamError as error:
            self._witness.refused(error)
            learn_window(services.learned, prepared, error)
            services.catalogue.look_again(route.backend, route.model)
            health.failed(route.model, route.backend.key, error)
            raise
        finally:
            if circuit is not None:
                circuit.trying = False
            if self._translating is not None:
                self._translating.close()
                self._translating = None
        read, written = self.record.prompt_tokens, self.record.output_tokens
        learn = learn_cut if self._half else learn_size
        learn(services.learned, services.cuts, prepared, read, written)

    async def _ask(self, prepared: Prepared) -> None:
        route, body, translator = prepared.route, prepared.translated.body, self._translator
        stream = body.get("stream") is True
        limits = route.backend.timeouts
        begun = time.monotonic()
        try:
            with (
                self._watch.listening(limits.first_byte),
                await self._services.client.post(
                    route.backend,
                    prepared.dialect,
                    _encode(body),
                    route.model,
                    prepared.asked,
                    stream=stream,
                    meanwhile=translator,
                ) as response,
            ):
                self._witness.answered(response)
                read = self._read if _is_stream(response.content_type, asked=stream) else self._read_whole
                await read(response, translator(), limits.idle)
            if not stream and time.monotonic() - begun > _LONG_ANSWER:
                self._tries.health.found_slow(route.model)
        except SilenceError as silence:
            if not stream:
                self._tries.health.found_slow(route.model)
            if not translator().finishing:
                raise _silent(route, silence.limit) from None
            await self._finish(translator())
        except RetryableError as error:
            if not stream and error.kind == "timeout":
                self._tries.health.found_slow(route.model)
            if not translator().finishing or translator().failure is not None:
                raise
            await self._finish(translator())  # the connection broke when all was said
        except FilteredError as error:
            if self._sink.spoken:
                raise
            self._witness.refused(error)
            await self._sink.put(translator().refuse(error.message))
            await self._conclude(translator())

    def _translator(self) -> StreamTranslator:
        """Return what translates the answer: made once for each call to a backend, while that one works."""
        if self._translating is None:
            prepared = self._prepared
            plan, prompt, tries = prepared.translated.plan, prepared.gauge.tokens, self._tries
            if "stream" in prepared.translated.body:  # its first event says how large the prompt is
                prompt()
            scale = factor(self._services.config.context_scale, plan.window, self._believed)
            plan = structs.replace(plan, window_stop=self._window_stop, scale=scale, may_be_empty=tries.may_be_empty)
            self._translating = StreamTranslator(
                prepared.dialect, plan, message_id=new_id("msg_"), notes=self.notes, estimate=prompt
            )
        return self._translating

    async def _read_whole(self, response: Answer, translator: StreamTranslator, idle: float) -> None:
        """Read an answer that is no stream, or does not call itself one. idle: seconds it may be silent for."""
        body = await _body(response, self._watch, idle)
        self._witness.heard(body)
        if body[:64].lstrip().startswith(_EVENTS):
            await self._sink.feed(translator, body)
            await self._finish(translator)
            return
        await self._sink.put(translator.whole_events(body))
        await self._conclude(translator)

    async def _read(self, response: Answer, translator: StreamTranslator, idle: float) -> None:
        """Read a streamed answer, and send it on as it comes. idle: seconds it may be silent for."""
        watch, sink = self._watch, self._sink
        while data := await response.readany():
            watch.heard(idle)
            self._witness.heard(data)
            if not sink.spoken:
                self._announce()
            await sink.feed(translator, data)
            self.record.characters = translator.writer.characters
            if translator.done:
                break
            if translator.finishing:
                watch.heard(_USAGE_GRACE)
            if sink.spoken:
                self._begin()
        else:
            await sink.put(translator.last_events())
        await self._conclude(translator)
        await response.drain()

    async def _finish(self, translator: StreamTranslator) -> None:
        """End an answer whose backend says no more."""
        await self._sink.put(translator.last_events())
        await self._conclude(translator)

    def _begin(self) -> None:
        """Note the time of the first event."""
        if self.record.first_byte < 0:
            self.record.first_byte = time.monotonic() - self._begun
            self._watch.begun()
            self._tries.answered()
            if self._mending is not None:
                self._mending.learn(self._tries.route)  # before the client hears the end, and asks again

    async def _conclude(self, translator: StreamTranslator) -> None:
        """End the answer, or raise what went wrong with it."""
        self._witness.concluded()
        failure = translator.writer.failure
        if failure is not None:
            raise masked(failure, self._tries.route.backend.secrets)
        self._begin()
        self._announce()
        self._count(translator)
        self._half = told_cut(self.notes, self.record) if self.notes else ""
        await self._sink.end()

    def _announce(self) -> None:
        """Tell the client which backend answers and what was changed, as far as that is known before the status."""
        if self._channel.started:
            return
        headers, record = self._channel.headers, self.record
        if record.upstream_id:
            headers["x-proxy-upstream-id"] = record.upstream_id
        if record.failed_over:
            headers["x-proxy-failover"] = ", ".join(record.failed_over)[:_LONGEST_TOLD]
        if self.notes:
            headers["x-proxy-notes"] = ",".join(self.notes.codes())

    def _count(self, translator: StreamTranslator) -> None:
        usage, record = translator.writer.usage, self.record
        record.stop = translator.writer.stop_reason
        if usage is not None:
            record.input_tokens = usage.input_tokens + usage.cache_write
            record.cache_read, record.cache_write = usage.cache_read, usage.cache_write
            record.output_tokens, record.thinking_tokens = usage.output_tokens, usage.thinking or 0
            record.cost = usage.cost if usage.cost is not None else cost_of(self._price, usage)


def _whole(answer: Mapping[str, Any]) -> str:
    """Return the text of an answer to the proxy itself. Raises ProxyError for one that was cut."""
    if answer.get("stop_reason") == "max_tokens":
        raise ProxyError("the answer was cut at its output limit", status=502)
    return "".join(text(block.get("text")) for block in items(answer.get("content")))


def _silent(route: Route, seconds: float) -> UpstreamError:
    """What a backend's silence is told as; whether it is asked again is a matter of time (`tries.py`)."""
    error = UpstreamError(f"Backend {route.backend.name} was silent for {seconds:g} s.", status=504)
    error.kind = "silent"
    return error


def _is_stream(content_type: str, *, asked: bool) -> bool:
    """Whether an answer is read as a stream: one that was asked for may call itself anything but JSON."""
    return content_type != "application/json" and (asked or content_type == "text/event-stream")


async def _body(response: Answer, watch: Watch, idle: float) -> bytes:
    body = await response.readany()
    watch.heard(idle)
    if response.at_eof():
        return body
    parts, size = [body], len(body)
    while data := await response.readany():
        watch.heard(idle)
        size += len(data)
        check_size(size)
        parts.append(data)
    return b"".join(parts)
