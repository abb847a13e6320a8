"""POST /v1/messages from the outside: one record, one run for a request and its copies, an end when nobody listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from starlette.types import Receive

from .body import ClientGoneError, decoded
from .call import Call
from .errors import ProxyError
from .exchange import Exchange
from .record import Record
from .sharing import Relay, key_of
from .translate.ending import knows_window_stop
from .translate.validate import check_request

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
    try:
        await _answer(call, record)
    except ProxyError as error:
        record.outcome, record.error, record.error_type = "failed", error.message, error.type
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


async def _answer(call: Call, record: Record) -> None:
    running = call.services.running
    body = await call.body()
    key = key_of(body, call.headers)
    relay = running.joinable(key)
    if relay is not None:
        await unless_gone(call.receive, relay.follow(call.channel.forward))
        record.outcome = "joined"
        return
    request = check_request(decoded(body))
    record.model = str(request["model"])[:_LONGEST_NAME]
    relay = call.channel.relayed()
    with running.runs(key, relay):
        await _run(call, request, record, relay)
    record.outcome = "ok"


async def _run(call: Call, request: Mapping[str, Any], record: Record, relay: Relay) -> None:
    """Run the exchange; what goes wrong is told before the run is over, so that those who joined are told too."""
    exchange = Exchange(call.services, call.channel, record)
    try:
        headers = call.headers
        known = knows_window_stop(headers.get("anthropic-version", ""), headers.get("anthropic-beta", ""))
        await unless_gone(call.receive, exchange.run(request, window_stop=known), relay)
    except ProxyError as error:
        await call.channel.fail(error)
        raise
    except asyncio.CancelledError:
        await call.channel.fail(ProxyError("The proxy was stopped before the answer was complete.", status=529))
        raise
    finally:
        record.notes = list(exchange.notes)


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, None], relay: Relay | None = None) -> None:
    """Do `work`, and stop it at once when the client leaves: what it holds open is closed by its cancellation.

    relay: carries the answer to others too; then it stops when the last of them has left. Raises ClientGoneError.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and relay is not None:
            await _until_alone(task, relay)
        if not task.done():
            raise ClientGoneError
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.wait((task,))
    task.result()


async def _until_alone(task: asyncio.Task[None], relay: Relay) -> None:
    """The client has left, or has everything: servers say `disconnect` after a complete answer too."""
    if relay.ended:
        await asyncio.wait((task,))
        return
    relay.leave()
    alone = asyncio.ensure_future(relay.alone.wait())
    try:
        if relay.followers:
            await asyncio.wait((task, alone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        alone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
