"""POST /v1/messages from the outside: one record, one run for a request and its copies, an end when nobody listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .aside import LARGE
from .body import ClientGoneError, decoded
from .call import Call
from .context_scale import believed_window
from .errors import ProxyError
from .exchange import Exchange
from .quoting import logged
from .record import Record
from .relay import Relay
from .sharing import Joinable, Key, is_retry, key_of
from .translate.depth import is_deep
from .translate.ending import knows_window_stop
from .translate.notes import Note
from .translate.validate import check_request

if TYPE_CHECKING:
    from .recording.recorder import Recording

_LONGEST_NAME = 300  # characters of a name in the records


async def messages(call: Call) -> None:
    """Answer, and write the line of the log, however it ends."""
    journal, record = call.services.journal, _record(call.channel.request_id, call.headers)
    begun = time.monotonic()
    journal.begin(record)
    recording = journal.recording(record)
    try:
        asked = await _asked(call, record, recording)
        if asked is not None:
            await _run(call, asked, record, recording)
            record.outcome = "ok"
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
    finally:
        record.status, record.duration = call.channel.status, time.monotonic() - begun
        journal.end(record)


def _record(request_id: str, headers: Mapping[str, str]) -> Record:
    return Record(
        id=request_id,
        client_id=(headers.get("x-client-request-id") or headers.get("x-request-id", ""))[:_LONGEST_NAME],
        started=time.time(),
        session=headers.get("x-claude-code-session-id", "")[:_LONGEST_NAME],
        agent=headers.get("x-claude-code-agent-id", "")[:_LONGEST_NAME],
        trace=headers.get("traceparent", "")[:_LONGEST_NAME],
    )


class _Asked(msgspec.Struct):
    """A request to be answered. noted: what had to be changed of it to read it; size: bytes."""

    request: Mapping[str, Any]
    noted: tuple[Note, ...]
    key: Key
    size: int


async def _asked(call: Call, record: Record, recording: Recording | None) -> _Asked | None:
    """Read and check a request. Returns None for one that was answered with what another one gets."""
    services, headers = call.services, call.headers
    body = await call.body()
    size = len(body)
    if recording is not None:
        recording.read(body, headers)
    key = key_of(body, headers) if size < LARGE else await services.aside.run(size, key_of, body, headers)
    running_one = services.running.joinable(key, again=is_retry(headers))
    if running_one is not None and await _joined(call, record, running_one):
        return None
    request, noted = checked(body) if size < LARGE else await services.aside.run(size, checked, body)
    record.model = str(request["model"])[:_LONGEST_NAME]
    return _Asked(request, noted, key, size)


async def _joined(call: Call, record: Record, running_one: Joinable) -> bool:
    """Answer with what another request gets; False where that one ended without an answer."""
    answered = False
    try:
        with UnlessGone(call):
            answered = await running_one.follow(call.channel.forwarding())
    finally:
        if answered or call.channel.started:
            for name, value in running_one.run.items():
                setattr(record, name, value)
    if answered:
        record.outcome = "joined"
    return answered


_HALVED = (Note("half-character", "body"),)


def checked(body: bytes, *, counting: bool = False) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """Return the request in a body, and what had to be changed of it to read it. counting: one of `count_tokens`.

    Raises ClientError for one that is malformed.
    """
    value, halved = decoded(body)
    return check_request(value, counting=counting, deep=is_deep(body)), _HALVED if halved else ()


async def _run(call: Call, asked: _Asked, record: Record, recording: Recording | None) -> None:
    """Run the exchange; what goes wrong is told before the run is over, so that those who joined are told too."""
    services, channel, headers = call.services, call.channel, call.headers
    request, running = asked.request, services.running
    relay = channel.relayed(running.kept, record)
    if recording is not None:
        channel.watched(recording.seen)
    exchange = Exchange(services, channel, record, recording, asked.noted)
    running.begin(asked.key, relay)
    try:
        known = knows_window_stop(headers.get("anthropic-version", ""), headers.get("anthropic-beta", ""))
        believed = believed_window(str(request["model"]), headers)
        with UnlessGone(call, relay):
            await exchange.run(request, window_stop=known, believed=believed, size=asked.size)
    except ProxyError as error:
        await channel.fail(error)
        names = (record.upstream_model, record.model)
        record.error = await services.aside.run(asked.size, logged, error, request, names)  # the log has no prompts
        raise
    except asyncio.CancelledError:
        await channel.fail(ProxyError("The proxy was stopped before the answer was complete.", status=529))
        raise
    finally:
        record.notes = list(exchange.notes)
        running.end(asked.key, relay)


class UnlessGone:
    """A block that is stopped when the client leaves: what it holds open is closed by its cancellation.

    relay: carries the answer to others too; then it stops when the last of them has left. Raises ClientGoneError.
    The work needs no task of its own so. Nobody looks until the pulse's next tick: most work is done by then, and needs
    no second task either.
    """

    __slots__ = ("_call", "_gone", "_relay", "_task", "_watching")

    def __init__(self, call: Call, relay: Relay | None = None) -> None:
        self._call = call
        self._relay = relay
        self._gone = False
        self._task: asyncio.Task[Any] | None = None
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._call.services.pulse.add(self)

    def __exit__(self, kind: object, *_: object) -> None:
        """Watch no longer. Raises ClientGoneError where the client left, and nobody else cancelled the task.

        A server says `disconnect` after a complete answer, which ends the watch; so it is cancelled a turn later. What
        a cancellation leaves behind refers to itself: only the garbage collector would free it, and the answer with it.
        """
        self._call.services.pulse.drop(self)
        task, self._task = self._task, None
        if self._watching is not None:
            asyncio.get_running_loop().call_soon(self._watching.cancel)
            self._watching = None
        if kind is not None and self._gone and task is not None and task.uncancel() == 0:
            raise ClientGoneError from None

    def tick(self, _now: float) -> None:
        """Begin to look."""
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while (await self._call.request.receive())["type"] != "http.disconnect":
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
