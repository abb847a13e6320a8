"""POST /v1/messages from the outside: one record, one run for a request and its copies, an end when nobody listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from starlette.types import Receive

from .body import ClientGoneError, decoded
from .call import Call
from .context_scale import believed_window
from .errors import ProxyError
from .exchange import Exchange
from .quoting import logged
from .record import Record
from .relay import Relay
from .sharing import Joinable, is_retry, key_of
from .translate.ending import knows_window_stop
from .translate.notes import Note
from .translate.validate import check_request, is_deep

if TYPE_CHECKING:
    from .recording.recorder import Recording

T = TypeVar("T")

_LONGEST_NAME = 300  # characters of a name in the records


async def messages(call: Call) -> None:
    """Answer, and write the line of the log, however it ends."""
    headers, channel = call.headers, call.channel
    record = _record(channel.request_id, headers)
    begun = time.monotonic()
    with call.services.journal.following(record):
        try:
            await _recorded(call, record)
        finally:
            record.status, record.duration = channel.status, time.monotonic() - begun


async def _recorded(call: Call, record: Record) -> None:
    """Answer, and say in the record how it ended."""
    recording = call.services.journal.recording(record)
    try:
        await _answer(call, record, recording)
    except ProxyError as error:
        if recording is not None:
            recording.refusal = error
        record.outcome, record.error, record.error_type = "failed", record.error or error.message, error.type
        await call.channel.fail(error)
    except ClientGoneError:
        record.outcome = "cancelled"
    except asyncio.CancelledError:
        record.outcome = "stopped"  # the server's time to drain is over
    except BaseException:
        record.outcome = "broke"
        raise


def _record(request_id: str, headers: Mapping[str, str]) -> Record:
    return Record(
        id=request_id,
        client_id=(headers.get("x-client-request-id") or headers.get("x-request-id", ""))[:_LONGEST_NAME],
        started=time.time(),
        session=headers.get("x-claude-code-session-id", "")[:_LONGEST_NAME],
        agent=headers.get("x-claude-code-agent-id", "")[:_LONGEST_NAME],
        trace=headers.get("traceparent", "")[:_LONGEST_NAME],
    )


async def _answer(call: Call, record: Record, recording: Recording | None) -> None:
    running, aside = call.services.running, call.services.aside
    body = await call.body()
    if recording is not None:
        recording.read(body, call.headers)
    key = await aside.run(len(body), key_of, body, call.headers)
    running_one = running.joinable(key, again=is_retry(call.headers))
    if running_one is not None and await _joined(call, record, running_one):
        return
    request, noted = await aside.run(len(body), checked, body)
    record.model = str(request["model"])[:_LONGEST_NAME]
    relay = call.channel.relayed(running.kept, record)
    with running.runs(key, relay):
        exchange = Exchange(call.services, call.channel, record, recording, noted)
        if recording is not None:
            call.channel.watched(recording.seen)
        await _run(call, request, exchange, relay, size=len(body))
    record.outcome = "ok"


async def _joined(call: Call, record: Record, running_one: Joinable) -> bool:
    """Answer with what another request gets; False where that one ended without an answer."""
    answered = False
    try:
        answered = await unless_gone(call, running_one.follow(call.channel.forward))
    finally:
        if answered or call.channel.started:
            for name, value in running_one.run.items():
                setattr(record, name, value)
    if answered:
        record.outcome = "joined"
    return answered


class Checked(NamedTuple):
    """A legal request, and what had to be changed of it to read it."""

    request: dict[str, Any]
    noted: tuple[Note, ...] = ()


_HALVED = (Note("half-character", "body"),)


def checked(body: bytes, *, counting: bool = False) -> Checked:
    """Return the request in a body. counting: one of `count_tokens`. Raises ClientError for one that is malformed."""
    value, halved = decoded(body)
    return Checked(check_request(value, counting=counting, deep=is_deep(body)), _HALVED if halved else ())


async def _run(call: Call, request: Mapping[str, Any], exchange: Exchange, relay: Relay, *, size: int) -> None:
    """Run the exchange; what goes wrong is told before the run is over, so that those who joined are told too."""
    record = exchange.record
    try:
        headers = call.headers
        known = knows_window_stop(headers.get("anthropic-version", ""), headers.get("anthropic-beta", ""))
        believed = believed_window(str(request["model"]), headers)
        await unless_gone(call, exchange.run(request, window_stop=known, believed=believed, size=size), relay)
    except ProxyError as error:
        await call.channel.fail(error)
        names = (record.upstream_model, record.model)
        record.error = await call.services.aside.run(size, logged, error, request, names)  # the log has no prompts
        raise
    except asyncio.CancelledError:
        await call.channel.fail(ProxyError("The proxy was stopped before the answer was complete.", status=529))
        raise
    finally:
        record.notes = list(exchange.notes)


async def unless_gone(call: Call, work: Coroutine[Any, Any, T], relay: Relay | None = None) -> T:
    """Return what `work` returns, and stop it when the client leaves: what it holds open is closed by its cancellation.

    relay: carries the answer to others too; then it stops when the last of them has left. Raises ClientGoneError.
    """
    leaving, pulse = _Leaving(call.receive, relay), call.services.pulse
    pulse.add(leaving)
    try:
        return await work
    except BaseException:
        if leaving.is_whole_cause():
            raise ClientGoneError from None
        raise
    finally:
        pulse.drop(leaving)
        leaving.end()


class _Leaving:
    """Cancels the task it is made in when its client leaves. The work needs no task of its own so.

    Nobody looks until the pulse's next tick: most work is done by then, and needs no second task either.
    """

    def __init__(self, receive: Receive, relay: Relay | None) -> None:
        self._receive = receive
        self._relay = relay
        self._gone = False
        self._task = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None

    def tick(self, _now: float) -> None:
        """Begin to look."""
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())

    def is_whole_cause(self) -> bool:
        """Whether the client left, and nobody else cancelled the task."""
        return self._gone and self._task is not None and self._task.uncancel() == 0

    def end(self) -> None:
        """Watch no longer.

        A server says `disconnect` after a complete answer, which ends the watch; so it is cancelled a turn later. What
        a cancellation leaves behind refers to itself: only the garbage collector would free it, and the answer with it.
        """
        self._task = None
        watching, self._watching = self._watching, None
        if watching is not None:
            asyncio.get_running_loop().call_soon(watching.cancel)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        relay = self._relay
        if relay is not None:
            if relay.ended:
                return  # the client has everything: servers say `disconnect` after a complete answer too
            relay.leave()
            if relay.followers:
                await relay.alone.wait()
        if self._task is not None:
            self._gone = True
            self._task.cancel()
