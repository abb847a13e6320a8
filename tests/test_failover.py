"""Several keys and several backends: who is asked, who next, who is left in peace, and what the client is told of it."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.asgi import App, running
from tests.backend import Backend, Cut, Gate, Pause, Received, Reply, Stall, Step, Text, Thought, answer, error, say
from tests.messages_api import HELLO, envelope, events
from tests.raw_backend import closed_port

from claude_code_proxy import exchange, tries
from claude_code_proxy.backends import health

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
CHAIN = """
big_model = "first/m1, second/m2"
middle_model = ["second/m2"]
small_model = ["first/m1", "gone/m3", "second/m2"]

[backends.first]
base_url = "{first}"
key = "sk-backend"
timeouts = {{ first_byte = 0.5 }}

[backends.second]
base_url = "{second}"
keys = ["sk-backend", "sk-spare"]
timeouts = {{ first_byte = 0.5 }}

[backends.gone]
base_url = "http://127.0.0.1:{closed}/v1"
key = "sk-none"
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_FIRST_WAIT", 0.01)


class Clock:
    """The clock by which keys and circuits rest. later: seconds it is ahead."""

    later = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.later


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return clock


@pytest.fixture
def second() -> Iterator[Backend]:
    with Backend(key="") as running_backend:
        yield running_backend


def chained(backend: Backend, second: Backend, folder: Path, **env: str) -> Any:
    file = folder / "chain.toml"
    file.write_text(CHAIN.format(first=backend.url, second=second.url, closed=closed_port()))
    return running(backend, CONFIG_FILE=str(file), OPENAI_BASE_URL="", OPENAI_API_KEY="", **env)


def opus(*, stream: bool = False, **more: Any) -> dict[str, Any]:
    return {**HELLO, "model": "claude-opus-4-6", "stream": stream, **more}


def text_of(reply: Any, *, stream: bool = False) -> str:
    assert reply.status_code == 200, reply.text
    if not stream:
        return "".join(block.get("text", "") for block in reply.json()["content"])
    told = events(reply)
    assert told[-1]["type"] == "message_stop", told[-1]
    return "".join(event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta")


def keys(backend: Backend) -> list[str]:
    return [received.headers["authorization"].removeprefix("Bearer ") for received in backend.chats]


# -- the next backend ---------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Step, str]] = {
    "429": (error(429, "slow down", retry_after="30"), "429"),
    "429 without a time": (error(429, "slow down"), "429"),
    "401": (error(401, "bad key"), "401"),
    "402": (error(402, "no credit"), "402"),
    "403": (error(403, "not yours"), "403"),
    "404": (error(404, "The model `m1` does not exist"), "404"),
    "500": (error(500, "oops"), "500"),
    "503": (error(503, "busy"), "503"),
    "an empty answer": (answer(usage=None), "5.."),
    "an error at the start of a 200": (Reply(200, {"error": {"message": "Provider down", "code": 502}}), "502"),
    "a connection reset": (answer(before=(Cut(),)), "502"),
    "a stream cut before the first word": (answer(Cut()), "5.."),
    "no first byte in time": (answer(before=(Stall(),)), "504"),
    "a web page": (Reply(200, "<html><title>Login</title></html>", {"content-type": "text/html"}), "..."),
}


@pytest.mark.parametrize("fault", FAULTS)
@BOTH
async def test_what_fails_before_its_first_word_is_asked_elsewhere(
    backend: Backend, second: Backend, tmp_path: Path, fault: str, *, stream: bool
) -> None:
    step, status = FAULTS[fault]
    backend.play(lambda _: step)
    second.play([say("from the second")])
    async with chained(backend, second, tmp_path) as app:
        reply = await app.post(opus(stream=stream))
    assert text_of(reply, stream=stream) == "from the second"
    assert [received.body["model"] for received in second.chats] == ["m2"]
    assert reply.headers["x-proxy-backend"] == "second/m2"
    assert re.fullmatch(f"first/m1 {status}", reply.headers["x-proxy-failover"])
    assert "failed-over" in reply.headers["x-proxy-notes"]
    [line] = [entry["event"] for entry in app.logs if "claude-opus" in entry["event"]]
    assert re.search(rf"second/m2.*first/m1 {status}", line)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(error(400, "bad request"), 400), (error(400, "prompt is too long: 9 tokens > 5 maximum"), 400)],
    ids=["a refused request", "an overflow"],
)
async def test_what_is_the_requests_fault_is_asked_nowhere_else(
    backend: Backend, second: Backend, tmp_path: Path, fault: Step, status: int
) -> None:
    backend.play(lambda _: fault)
    async with chained(backend, second, tmp_path) as app:
        reply = await app.post(opus())
    assert envelope(reply)[0] == status
    assert second.chats == []


async def test_nothing_is_asked_elsewhere_after_the_first_word(
    backend: Backend, second: Backend, tmp_path: Path
) -> None:
    backend.play([answer(Text("half "), Cut())])
    async with chained(backend, second, tmp_path) as app:
        told = events(await app.post(opus(stream=True)))
    assert told[-1]["type"] == "error"
    assert second.chats == []


async def test_a_chain_is_gone_through_in_order(backend: Backend, second: Backend, tmp_path: Path) -> None:
    backend.play([error(503, "busy")])
    second.play([say("at last")])
    async with chained(backend, second, tmp_path) as app:
        reply = await app.post({**HELLO, "model": "claude-haiku-4-5"})
    assert text_of(reply) == "at last"
    assert reply.headers["x-proxy-failover"] == "first/m1 503, gone/m3 502"


async def test_when_all_fail_it_begins_again_as_often_as_retries_say(
    backend: Backend, second: Backend, tmp_path: Path
) -> None:
    backend.play(lambda _: error(503, "busy"))
    second.play(lambda _: error(500, "oops"))
    async with chained(backend, second, tmp_path, MAX_RETRIES="1") as app:
        reply = await app.post(opus())
    assert reply.status_code in (500, 529)
    assert (len(backend.chats), len(second.chats)) == (2, 2)
    assert reply.headers["x-proxy-failover"] == "first/m1 503"


async def test_a_name_that_is_no_tiers_has_no_chain(backend: Backend, second: Backend, tmp_path: Path) -> None:
    backend.play(lambda _: error(503, "busy"))
    async with chained(backend, second, tmp_path) as app:
        reply = await app.post({**HELLO, "model": "first/m1"})
    assert envelope(reply)[0] == 529
    assert second.chats == []


async def test_pings_go_on_and_the_next_backend_answers_the_same_stream(
    backend: Backend, second: Backend, tmp_path: Path
) -> None:
    backend.play([answer(before=(Stall(),))])
    second.play([say("late")])
    async with chained(backend, second, tmp_path, COMMIT_AFTER="0", PING_INTERVAL="0.1") as app:
        reply = await app.post(opus(stream=True))
    assert events(reply)[0] == {"type": "ping"}
    assert text_of(reply, stream=True) == "late"


async def test_thinking_of_another_backend_is_left_out(backend: Backend, second: Backend, tmp_path: Path) -> None:
    """What only the first backend can read is not sent to the second; the turn stays."""
    backend.play([answer(Thought("secret of the first"), Text("one")), error(503, "busy")])
    second.play([say("two")])
    asked = opus(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=4000)
    async with chained(backend, second, tmp_path) as app:
        first = (await app.post(asked)).json()["content"]
        turns = [*HELLO["messages"], {"role": "assistant", "content": first}, {"role": "user", "content": "and?"}]
        reply = await app.post({**asked, "messages": turns})
    assert text_of(reply) == "two"
    assert "secret of the first" not in str(second.chats[0].body)
    assert "one" in str(second.chats[0].body)


# -- keys ---------------------------------------------------------------------------------------------------------------


def pool(**env: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-a, sk-b,sk-c", **env}


def by_key(bad: dict[str, Step]) -> Any:
    def step(received: Received) -> Step:
        return bad.get(received.headers["authorization"].removeprefix("Bearer "), say("hello"))

    return step


@pytest.mark.parametrize("status", [429, 401, 402, 403])
@BOTH
async def test_a_key_that_is_refused_rests_and_the_next_one_answers(
    second: Backend, status: int, *, stream: bool
) -> None:
    second.play(by_key({"sk-a": error(status, "no")}))
    asked = {**HELLO, "model": "m", "stream": stream}
    same = {"x-claude-code-session-id": session_of("sk-a")}
    async with running(second, **pool()) as app:
        for _ in range(3):
            reply = await app.post(asked, headers=same)
            assert text_of(reply, stream=stream) == "hello"
    assert keys(second) == ["sk-a", "sk-b", "sk-b", "sk-b"]


def session_of(key: str) -> str:
    """Return a session whose requests begin with this key of the pool."""
    names = ("sk-a", "sk-b", "sk-c")
    return next(f"s{n}" for n in range(99) if names[zlib.crc32(f"s{n}".encode()) % 3] == key)


async def test_one_session_stays_with_one_key_and_many_share_all(second: Backend) -> None:
    second.play(lambda _: say("x"))
    async with running(second, **pool()) as app:
        for key in ("sk-a", "sk-b", "sk-c"):
            for _ in range(3):
                await app.post({**HELLO, "model": "m"}, headers={"x-claude-code-session-id": session_of(key)})
        assert keys(second) == ["sk-a"] * 3 + ["sk-b"] * 3 + ["sk-c"] * 3
        for _ in range(6):
            await app.post({**HELLO, "model": "m"})
    assert sorted(keys(second)[9:]) == sorted(["sk-a", "sk-b", "sk-c"] * 2)


async def test_when_every_key_is_refused_the_client_is_told_and_no_key_is_shown(second: Backend) -> None:
    second.play(lambda r: error(401, f"Incorrect API key provided: {r.headers['authorization']}"))
    async with running(second, **pool()) as app:
        reply = await app.post({**HELLO, "model": "m"})
    assert reply.status_code == 502
    assert sorted(keys(second)) == ["sk-a", "sk-b", "sk-c"]
    for text in (reply.text, str(reply.headers), str(app.logs)):
        assert not re.search("sk-[abc]", text)


async def test_a_rate_limit_of_one_key_makes_no_queue_for_the_others(second: Backend) -> None:
    gate = Gate(opens_at=12)
    second.play(
        by_key({"sk-a": error(429, "no")} | dict.fromkeys(("sk-b", "sk-c"), answer(Text("hello"), before=(gate,))))
    )
    async with running(second, **pool()) as app:
        replies = await asyncio.gather(*(app.post({**HELLO, "model": "m"}) for _ in range(12)))
    assert [text_of(reply) for reply in replies] == ["hello"] * 12


async def test_a_rested_key_is_used_again(second: Backend, clock: Clock) -> None:
    second.play(by_key({"sk-a": error(429, "no")}))
    same = {"x-claude-code-session-id": session_of("sk-a")}
    async with running(second, **pool()) as app:
        await app.post({**HELLO, "model": "m"}, headers=same)
        second.play(by_key({}))
        clock.later += 60
        await app.post({**HELLO, "model": "m"}, headers=same)
    assert keys(second) == ["sk-a", "sk-b", "sk-a"]


# -- the circuit --------------------------------------------------------------------------------------------------------


async def _ask(app: App, number: int) -> list[str]:
    replies = [await app.post(opus()) for _ in range(number)]
    return [reply.headers["x-proxy-backend"] for reply in replies]


async def test_a_backend_that_keeps_failing_is_left_in_peace_and_comes_back_by_itself(
    backend: Backend, second: Backend, tmp_path: Path, clock: Clock
) -> None:
    backend.play(lambda _: error(503, "down"))
    second.play(lambda _: say("second"))
    async with chained(backend, second, tmp_path) as app:
        assert await _ask(app, 6) == ["second/m2"] * 6
        assert len(backend.chats) == 3, "after three failures in a row it is asked no more"
        clock.later += 60
        assert await _ask(app, 3) == ["second/m2"] * 3
        assert len(backend.chats) == 4, "one tries whether it is well; it is not"
        backend.play(lambda _: say("first"))
        clock.later += 60
        assert await _ask(app, 3) == ["first/m1"] * 3


async def test_only_one_request_tries_whether_a_backend_is_well(
    backend: Backend, second: Backend, tmp_path: Path, clock: Clock
) -> None:
    gate = Gate()
    backend.play(lambda _: error(503, "down"))
    second.play(lambda _: say("second"))
    async with chained(backend, second, tmp_path) as app:
        await _ask(app, 3)
        backend.play(lambda _: answer(Text("well again"), before=(gate,)))
        clock.later += 60
        trying = asyncio.create_task(app.post(opus()))
        await asyncio.to_thread(gate.wait_reached)
        assert await _ask(app, 2) == ["second/m2"] * 2
        gate.open()
        assert (await trying).headers["x-proxy-backend"] == "first/m1"
        assert len(backend.chats) == 4


async def test_with_nobody_else_to_ask_an_open_circuit_refuses_nobody(backend: Backend) -> None:
    backend.play(lambda _: error(503, "down"))
    async with running(backend) as app:
        for _ in range(5):
            assert (await app.post(opus())).status_code == 529
        backend.play([say("back")])
        assert text_of(await app.post(opus())) == "back"


# -- x-should-retry ------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("status", [429, 503])
async def test_who_does_not_want_to_be_asked_again_is_not_and_the_client_is_told(
    backend: Backend, status: int, *, stream: bool
) -> None:
    backend.play(lambda _: error(status, "no", x_should_retry="false"))
    async with running(backend, MAX_RETRIES="3") as app:
        reply = await app.post(opus(stream=stream))
    assert reply.headers["x-should-retry"] == "false"
    assert len(backend.chats) == 1


async def test_who_does_not_want_to_be_asked_again_is_left_out_and_others_are_asked(
    backend: Backend, second: Backend, tmp_path: Path
) -> None:
    backend.play(lambda _: error(503, "no", x_should_retry="false"))
    second.play([error(503, "busy"), say("from the second")])
    async with chained(backend, second, tmp_path, MAX_RETRIES="3") as app:
        assert text_of(await app.post(opus())) == "from the second"
    assert (len(backend.chats), len(second.chats)) == (1, 2)


async def test_another_key_of_who_does_not_want_to_be_asked_again_is_not_tried(
    backend: Backend, second: Backend, tmp_path: Path
) -> None:
    second.play(lambda _: error(429, "no", x_should_retry="false"))
    async with chained(backend, second, tmp_path, MAX_RETRIES="3") as app:
        assert (await app.post({**opus(), "model": "claude-sonnet-4-5"})).status_code == 429
    assert len(second.chats) == 1


async def test_who_wants_to_be_asked_again_is_whatever_its_status(backend: Backend) -> None:
    backend.play([error(400, "not now", x_should_retry="true"), say("now")])
    async with running(backend, MAX_RETRIES="1") as app:
        assert text_of(await app.post(opus())) == "now"
        backend.play(lambda _: error(400, "not now", x_should_retry="true"))
        reply = await app.post(opus())
    assert (reply.status_code, reply.headers["x-should-retry"]) == (400, "true")


# -- a full queue --------------------------------------------------------------------------------------------------------


async def test_who_has_no_room_for_one_more_is_passed_over(backend: Backend, second: Backend, tmp_path: Path) -> None:
    backend.play(lambda _: answer(Text("x"), Stall()))
    second.play([say("from the second")])
    async with chained(backend, second, tmp_path, MAX_CONCURRENT_REQUESTS="1", QUEUE_LIMIT="0") as app:
        talk = app.start(opus(stream=True))
        await talk.until(b"content_block_delta")
        reply = await app.post(opus())
        assert text_of(reply) == "from the second"
        assert reply.headers["x-proxy-failover"] == "first/m1 429"
        talk.leave()
        await talk.task


# -- the deadline -------------------------------------------------------------------------------------------------------


@BOTH
async def test_all_tries_together_end_at_the_deadline(backend: Backend, *, stream: bool) -> None:
    backend.play(lambda _: error(503, "busy", retry_after="0.2"))
    async with running(backend, MAX_RETRIES="100", ANSWER_DEADLINE="0.5") as app:
        status, kind, message = envelope(await app.post(opus(stream=stream)))
    assert (status, kind) == (504, "timeout_error")
    assert "ANSWER_DEADLINE" in message
    assert "The last try failed with 503: busy" in message
    assert len(backend.chats) < 5


async def test_at_the_deadline_the_last_failure_is_told_without_its_secrets(backend: Backend) -> None:
    backend.play(lambda _: error(503, f"Loading model for {backend.key}: Say hello", retry_after="0.2"))
    async with running(backend, MAX_RETRIES="100", ANSWER_DEADLINE="0.5") as app:
        reply = await app.post(opus())
        [line] = [entry["event"] + str(entry) for entry in app.logs if "claude-opus" in entry["event"]]
    assert "Loading model" in envelope(reply)[2]
    assert backend.key not in reply.text
    assert reply.headers["retry-after"] == "1"
    assert "Loading model" in line


async def test_the_queue_counts_too(backend: Backend) -> None:
    backend.play(lambda _: answer(Text("x"), Stall()))
    async with running(backend, MAX_CONCURRENT_REQUESTS="1", ANSWER_DEADLINE="0.5") as app:
        talk = app.start(opus(stream=True))
        await talk.until(b"content_block_delta")
        assert envelope(await app.post(opus()))[0] == 504
        assert not talk.task.done(), "a stream that runs has no deadline"
        talk.leave()
        await talk.task
    assert len(backend.chats) == 1


# -- whole answers that take long ---------------------------------------------------------------------------------------


async def test_a_whole_answer_a_gateway_gave_up_is_asked_as_a_stream_and_put_together(backend: Backend) -> None:
    """The gateway's limit is on silence: a stream has none."""
    backend.play([Reply(524, "<html><title>A timeout occurred</title></html>"), say("put together"), say("too")])
    async with running(backend, MAX_RETRIES="1") as app:
        for text in ("put together", "too"):
            assert text_of(await app.post(opus())) == text
    assert [received.body.get("stream") for received in backend.chats] == [None, True, True]


async def test_a_whole_answer_that_did_not_come_in_time_is_a_stream_the_next_time(backend: Backend) -> None:
    backend.play([answer(before=(Stall(),)), say("alive")])
    async with running(backend, REQUEST_TIMEOUT="0.3") as app:
        assert envelope(await app.post(opus()))[0] == 504
        assert text_of(await app.post(opus())) == "alive"
    assert [received.body.get("stream") for received in backend.chats] == [None, True]


async def test_a_whole_answer_that_took_long_is_a_stream_the_next_time(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_LONG_ANSWER", 0.1)
    backend.play([answer(Text("slow"), before=(Pause(0.15),)), say("alive")])
    async with running(backend) as app:
        assert [text_of(await app.post(opus())) for _ in range(2)] == ["slow", "alive"]
    assert [received.body.get("stream") for received in backend.chats] == [None, True]
