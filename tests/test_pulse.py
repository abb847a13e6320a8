"""Silence: a living stream is never cut, a silent backend is, and a waiting client hears that it is not forgotten."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from tests.asgi import Talk, running
from tests.backend import Backend, Bytes, Delta, Gate, Pause, Received, Stall, Step, Text, answer, error, say
from tests.messages_api import HELLO, envelope, events

from claude_code_proxy import services, tries
from claude_code_proxy.pulse import Pulse, SilenceError, Watch

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
PING = {"type": "ping"}


@pytest.fixture(autouse=True)
def _fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "Pulse", functools.partial(Pulse, 0.02))
    monkeypatch.setattr(tries, "_FIRST_WAIT", 0.01)


def hello(*, stream: bool = True) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "stream": stream}


def kinds(reply: Any) -> list[str]:
    return [event["type"] for event in events(reply)]


# -- how long a backend may be silent -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["REQUEST_TIMEOUT", "FIRST_BYTE_TIMEOUT"])
@pytest.mark.parametrize("step", [answer(before=(Stall(),)), answer(Stall())], ids=["no head", "head only"])
@BOTH
async def test_a_backend_that_does_not_begin_is_given_up(
    backend: Backend, limit: str, step: Step, *, stream: bool
) -> None:
    backend.play([step, say("never")])
    async with running(backend, MAX_RETRIES="0", REQUEST_TIMEOUT="0.3") as app:
        status, kind, message = envelope(await app.post(hello(stream=stream)))
        await asyncio.to_thread(backend.wait, lambda: backend.chats[0].left_at is not None)
    assert (status, kind) == (504, "timeout_error")
    assert "0.3 s" in message
    assert len(backend.chats) == 1


@pytest.mark.parametrize("step", [answer(before=(Stall(),)), answer(Stall())], ids=["no head", "head only"])
@BOTH
async def test_a_backend_that_was_silent_is_asked_again_where_time_is_left(
    backend: Backend, step: Step, *, stream: bool
) -> None:
    backend.play([step, say("awake")])
    async with running(backend, MAX_RETRIES="1", REQUEST_TIMEOUT="0.3") as app:
        reply = await app.post(hello(stream=stream))
    assert reply.status_code == 200
    assert "awake" in reply.text
    assert len(backend.chats) == 2


@BOTH
async def test_a_silence_as_long_as_all_the_time_there_is_is_the_end(backend: Backend, *, stream: bool) -> None:
    backend.play(lambda _: answer(before=(Stall(),)))
    async with running(backend, MAX_RETRIES="5", REQUEST_TIMEOUT="0.5", ANSWER_DEADLINE="0.9") as app:
        status, kind, message = envelope(await app.post(hello(stream=stream)))
    assert (status, kind) == (504, "timeout_error")
    assert "0.5 s" in message
    assert len(backend.chats) == 1


@BOTH
async def test_the_beginning_has_a_limit_of_its_own(backend: Backend, *, stream: bool) -> None:
    backend.play([answer(Text("slow start"), before=(Pause(0.6),))])
    async with running(backend, REQUEST_TIMEOUT="0.3", FIRST_BYTE_TIMEOUT="20") as app:
        reply = await app.post(hello(stream=stream))
    assert reply.status_code == 200
    assert "slow start" in reply.text


@BOTH
async def test_silence_in_the_middle_is_an_end_with_an_error(backend: Backend, *, stream: bool) -> None:
    backend.play([answer(Text("half"), Stall())])
    async with running(backend, REQUEST_TIMEOUT="0.3") as app:
        reply = await app.post(hello(stream=stream))
        await asyncio.to_thread(backend.wait, lambda: backend.chats[0].left_at is not None)
    if stream:
        told = events(reply)
        assert told[-1]["type"] == "error"
        assert told[-1]["error"]["type"] == "timeout_error"
        assert "message_stop" not in [event["type"] for event in told]
    else:
        assert envelope(reply)[:2] == (504, "timeout_error")


LIFE: dict[str, Any] = {
    "words": Text("w"),
    "comments": Bytes(b": OPENROUTER PROCESSING\n\n"),
    "empty deltas": Delta({}),
    "less than a frame": Bytes(b" "),
}


async def test_a_stream_that_lives_is_never_cut(backend: Backend) -> None:
    """Three times as long as the limit in all, and never silent for half of it, whatever the sign of life."""

    def play(received: Received) -> Step:
        beats = [part for _ in range(16) for part in (LIFE[received.prompt], Pause(0.2))]
        return answer(*beats, Bytes(b"\n\n"), Text("end"))

    backend.play(play)
    async with running(backend, REQUEST_TIMEOUT="1") as app:
        asked = ({**hello(), "messages": [{"role": "user", "content": sign}]} for sign in LIFE)
        replies = await asyncio.gather(*(app.post(body) for body in asked))
    assert [kinds(reply)[-1] for reply in replies] == ["message_stop"] * len(LIFE)
    assert all("end" in reply.text for reply in replies)


async def test_a_limit_is_of_one_backend(backend: Backend, tmp_path: Any) -> None:
    file = tmp_path / "backends.toml"
    table = '[backends.{0}]\nbase_url = "{1}"\nkey = "sk-backend"\n[backends.{0}.timeouts]\n{2}\n'
    file.write_text(
        table.format("quick", backend.url, "first_byte = 0.2") + table.format("slow", backend.url, "first_byte = 20")
    )
    backend.play(lambda _: answer(Text("here"), before=(Pause(0.5),)))
    async with running(backend, CONFIG_FILE=str(file), OPENAI_BASE_URL="", OPENAI_API_KEY="") as app:
        replies = [await app.post({**HELLO, "model": f"{name}/m"}) for name in ("quick", "slow")]
    assert [reply.status_code for reply in replies] == [504, 200]


# -- what a waiting client hears ----------------------------------------------------------------------------------------


async def test_the_status_is_held_back_until_the_first_event(backend: Backend) -> None:
    gate = Gate()
    backend.play([answer(gate, Text("hello"))])
    async with running(backend, COMMIT_AFTER="60") as app:
        talk = app.start(hello())
        await asyncio.to_thread(gate.wait_reached)
        await asyncio.sleep(0.2)
        assert talk.status == 0
        gate.open()
        assert kinds(await talk.reply())[-1] == "message_stop"
    assert b"ping" not in talk.content


async def test_a_long_wait_is_committed_and_pinged_and_may_still_fail_honestly(backend: Backend) -> None:
    gate = Gate()
    refusal = error(503, "busy")
    backend.play([type(refusal)(refusal.status, refusal.body, refusal.headers, before=(gate,))])
    async with running(backend, COMMIT_AFTER="0.1", PING_INTERVAL="0.1") as app:
        talk = app.start(hello())
        await pinged(talk, 3)
        assert talk.status == 200
        gate.open()
        told = events(await talk.reply())
    assert told[:3] == [PING] * 3
    assert told[-1]["type"] == "error"
    assert told[-1]["error"]["type"] == "overloaded_error"
    assert {event["type"] for event in told} == {"ping", "error"}


async def test_a_long_wait_that_ends_well_is_a_whole_stream(backend: Backend) -> None:
    gate = Gate()
    backend.play([answer(gate, Text("hello"))])
    async with running(backend, COMMIT_AFTER="0.1", PING_INTERVAL="0.1") as app:
        talk = app.start(hello())
        await pinged(talk, 2)
        gate.open()
        told = events(await talk.reply())
    said = [event["type"] for event in told if event != PING]
    assert (told[0], said[0], said[-1]) == (PING, "message_start", "message_stop")


async def test_nothing_is_held_back_when_nothing_is_to_be(backend: Backend) -> None:
    gate = Gate()
    backend.play([answer(gate, Text("hello"))])
    async with running(backend, COMMIT_AFTER="0", PING_INTERVAL="60") as app:
        talk = app.start(hello())
        await pinged(talk, 1)
        gate.open()
        assert kinds(await talk.reply())[-1] == "message_stop"


async def test_a_client_hears_pings_while_its_request_is_tried_again(backend: Backend) -> None:
    gate = Gate()
    backend.play([error(503, "busy", retry_after="1"), answer(gate, Text("second try"))])
    async with running(backend, MAX_RETRIES="1", COMMIT_AFTER="0.1", PING_INTERVAL="0.1") as app:
        talk = app.start(hello())
        await pinged(talk, 2)
        assert len(backend.chats) == 1, "the pings came in the back-off"
        gate.open()
        told = events(await talk.reply())
    assert told[-1]["type"] == "message_stop"
    assert len(backend.chats) == 2


async def test_a_client_hears_pings_in_the_silence_of_an_answer(backend: Backend) -> None:
    gate = Gate()
    backend.play([answer(Text("first"), gate, Text("second"))])
    async with running(backend, PING_INTERVAL="0.1") as app:
        talk = app.start(hello())
        await pinged(talk, 2)
        gate.open()
        told = events(await talk.reply())
    deltas = [i for i, event in enumerate(told) if event["type"] == "content_block_delta"]
    pings = [i for i, event in enumerate(told) if event == PING]
    assert deltas[0] < pings[0]
    assert pings[-1] < deltas[-1] or len(deltas) == 1
    assert told[-1]["type"] == "message_stop"


async def test_a_talking_stream_has_no_pings(backend: Backend) -> None:
    backend.play([say("word " * 40, size=5, drip=0.01)])
    async with running(backend, PING_INTERVAL="20", COMMIT_AFTER="20") as app:
        assert "ping" not in kinds(await app.post(hello()))


async def test_a_whole_answer_has_no_pings(backend: Backend) -> None:
    backend.play([answer(Text("hello"), before=(Pause(0.5),))])
    async with running(backend, PING_INTERVAL="0.1", COMMIT_AFTER="0.1") as app:
        reply = await app.post(hello(stream=False))
    assert reply.json()["content"] == [{"type": "text", "text": "hello"}]


async def pinged(talk: Talk, times: int) -> None:
    """Return when the client has heard so many pings."""
    async with asyncio.timeout(10):
        while talk.content.count(b"event: ping") < times:  # noqa: ASYNC110 - what a client does
            await asyncio.sleep(0.01)


# -- a slow client ------------------------------------------------------------------------------------------------------


async def test_a_slow_client_is_no_silent_backend(backend: Backend) -> None:
    """It stops reading for longer than the backend may be silent; nothing is lost and nothing piles up meanwhile."""
    backend.play([say("word " * 2000, size=50)])
    async with running(backend, REQUEST_TIMEOUT="0.3", PING_INTERVAL="0.1") as app:
        talk = app.start(hello())
        await talk.until(b"word")
        talk.stop_reading()
        await asyncio.sleep(0.2)
        read = len(talk.content)
        await asyncio.sleep(0.8)
        assert len(talk.content) == read
        talk.read_on()
        told = events(await talk.reply())
    assert told[-1]["type"] == "message_stop"
    assert "".join(e["delta"].get("text", "") for e in told if e["type"] == "content_block_delta") == "word " * 2000


async def test_a_slow_client_that_leaves_is_gone(backend: Backend) -> None:
    backend.play([say("word " * 4_000_000, size=100_000)])
    async with running(backend) as app:
        talk = app.start(hello())
        await talk.until(b"word")
        talk.stop_reading()
        await asyncio.sleep(0.1)
        talk.leave()
        await asyncio.wait_for(talk.task, 5)
        assert "cancelled" in await app.line("cancelled")
        await asyncio.to_thread(backend.wait, lambda: backend.chats[0].left_at is not None)


async def test_a_slow_client_slows_nobody_else(backend: Backend) -> None:
    backend.play(lambda received: say("word " * 20_000, size=5000) if "slow" in received.prompt else say("quick"))
    async with running(backend) as app:
        slow = app.start({**hello(), "messages": [{"role": "user", "content": "slow"}]})
        slow.stop_reading()
        for _ in range(5):
            assert "quick" in (await app.post(hello())).text
        slow.read_on()
        assert kinds(await slow.reply())[-1] == "message_stop"


# -- the watch itself ---------------------------------------------------------------------------------------------------


def watch() -> Watch:
    return Watch(None, commit_after=10, ping_every=10)


async def test_a_client_that_leaves_at_the_moment_of_silence_is_gone_and_not_timed_out() -> None:
    """Both cancel the same task; the client's leaving must not be taken for the backend's silence."""
    watched, far = watch(), asyncio.get_running_loop().time() + 100

    async def listen() -> None:
        with watched.listening(1):
            await asyncio.sleep(60)

    task = asyncio.ensure_future(listen())
    await asyncio.sleep(0)
    watched.tick(far)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_silence_raises_where_the_backend_is_listened_to_and_the_task_lives_on() -> None:
    watched, loop = watch(), asyncio.get_running_loop()

    async def listen() -> float:
        try:
            with watched.listening(1):
                await asyncio.sleep(60)
        except SilenceError as silence:
            await asyncio.sleep(0)  # raises at once if the cancellation were still pending
            return silence.limit
        return 0

    task = asyncio.ensure_future(listen())
    await asyncio.sleep(0)
    watched.tick(loop.time() + 0.5)
    assert not task.done()
    watched.tick(loop.time() + 100)
    watched.tick(loop.time() + 100)
    assert await task == 1
    assert task.cancelling() == 0


async def test_a_limit_of_nothing_is_no_limit() -> None:
    watched = watch()
    with watched.listening(0):
        watched.tick(asyncio.get_running_loop().time() + 1e6)
        await asyncio.sleep(0)


async def test_a_watch_is_forgotten_with_its_exchange() -> None:
    pulse, watched = Pulse(0.01), watch()
    ticks: list[float] = []
    watched.tick = ticks.append  # type: ignore[method-assign]
    running_pulse = asyncio.ensure_future(pulse.run())
    with pulse.watching(watched):
        async with asyncio.timeout(10):
            while not ticks:  # noqa: ASYNC110 - the clock is what is tested
                await asyncio.sleep(0.01)
    counted = len(ticks)
    await asyncio.sleep(0.05)
    assert len(ticks) == counted
    running_pulse.cancel()
