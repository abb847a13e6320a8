"""One request's life: asked again while that may help, told in Anthropic's words when not, and never a fake end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.asgi import App, running
from tests.backend import (
    Backend,
    Call,
    Cut,
    Delta,
    Event,
    Failure,
    Received,
    Reply,
    Stall,
    Step,
    Text,
    Thought,
    answer,
    error,
    say,
)
from tests.messages_api import HELLO, envelope, events
from tests.raw_backend import closed_port

from claude_code_proxy import exchange, tries

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
TWICE = {"MAX_RETRIES": "1"}
SOON = {"retry-after": "0"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_FIRST_WAIT", 0.01)


def hello(*, stream: bool, **more: Any) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "stream": stream, **more}


def text_of(reply: Any, *, stream: bool) -> str:
    if not stream:
        return "".join(block.get("text", "") for block in reply.json()["content"])
    told = events(reply)
    assert told[-1]["type"] == "message_stop", told[-1]
    return "".join(event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta")


# -- asked again --------------------------------------------------------------------------------------------------------

PASSING: dict[str, Step] = {
    "503": Reply(503, {"error": {"message": "busy"}}, SOON),
    "529": Reply(529, {"error": {"message": "overloaded"}}, SOON),
    "500": Reply(500, {"error": {"message": "oops"}}, SOON),
    "502 with a gateway's page": Reply(502, "<html><title>Bad Gateway</title></html>", {"content-type": "text/html"}),
    "429 with a short Retry-After": Reply(429, {"error": {"message": "slow down"}}, SOON),
    "408": Reply(408, {"error": {"message": "too slow"}}, SOON),
    "an error at the start of a 200": answer(Failure("The server had an error"), complete=False),
    "a 200 that is an error with a status": Reply(
        200, {"error": {"message": "Rate limited", "code": 429}}, {"content-type": "application/json"}
    ),
    "an empty answer": answer(usage=None),
    "an answer that says stop and counts no token": answer(
        usage={"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}
    ),
    "a 200 that announces a call and has none": answer(finish="tool_calls"),
    "a 200 without anything": Reply(200, b""),
    "a connection cut before the answer": answer(before=(Cut(),)),
    "a connection closed before the answer": answer(before=(Cut(reset=False),)),
    "a stream cut before the first word": answer(Cut()),
}


@pytest.mark.parametrize("fault", PASSING)
@BOTH
async def test_what_may_pass_is_asked_again(backend: Backend, fault: str, *, stream: bool) -> None:
    backend.play([PASSING[fault], say("second try")])
    async with running(backend, **TWICE) as app:
        reply = await app.post(hello(stream=stream))
    assert reply.status_code == 200
    assert text_of(reply, stream=stream) == "second try"
    assert len(backend.chats) == 2


@pytest.mark.parametrize("fault", PASSING)
@BOTH
async def test_what_does_not_pass_is_a_status(backend: Backend, fault: str, *, stream: bool) -> None:
    backend.play(lambda _: PASSING[fault])
    async with running(backend, **TWICE) as app:
        reply = await app.post(hello(stream=stream))
    status, kind, _ = envelope(reply)
    assert status >= 429 or status == 408
    assert kind in ("api_error", "overloaded_error", "rate_limit_error", "timeout_error")
    pooled = "connection" in fault or "cut" in fault  # one that was used before is replaced, once
    assert len(backend.chats) in ((2, 3) if pooled else (2,))


@BOTH
async def test_an_empty_answer_is_an_api_error_in_the_end(backend: Backend, *, stream: bool) -> None:
    backend.play(lambda _: answer(usage=None))
    async with running(backend, **TWICE) as app:
        _, kind, message = envelope(await app.post(hello(stream=stream)))
    assert kind == "api_error"
    assert "empty" in message


@BOTH
async def test_an_empty_answer_that_was_paid_for_is_asked_again_once(backend: Backend, *, stream: bool) -> None:
    backend.play([answer(), say("second try")])
    async with running(backend, **TWICE) as app:
        reply = await app.post(hello(stream=stream))
    assert text_of(reply, stream=stream) == "second try"


@BOTH
async def test_a_turn_that_is_ended_at_once_twice_is_ended(backend: Backend, *, stream: bool) -> None:
    backend.play(lambda _: answer())
    async with running(backend, MAX_RETRIES="5") as app:
        reply = await app.post(hello(stream=stream))
    assert reply.status_code == 200
    assert text_of(reply, stream=stream) == ""
    assert len(backend.chats) == 2


@BOTH
async def test_nothing_is_asked_again_without_retries(backend: Backend, *, stream: bool) -> None:
    backend.play([error(503, "busy", retry_after="0"), say("never")])
    async with running(backend, MAX_RETRIES="0") as app:
        reply = await app.post(hello(stream=stream))
    assert reply.status_code == 529
    assert len(backend.chats) == 1


async def test_every_retry_allowed_is_made(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait grows to its bound and stays there: jitter never carries it over, which would end the tries early."""
    monkeypatch.setattr(tries, "_MAX_WAIT", 0.01)
    backend.play(lambda _: error(503, "busy"))
    async with running(backend, MAX_RETRIES="20") as app:
        assert (await app.post(hello(stream=True))).status_code == 529
    assert len(backend.chats) == 21


@BOTH
async def test_a_long_retry_after_is_the_clients_to_wait(backend: Backend, *, stream: bool) -> None:
    backend.play([error(429, "slow down", retry_after="3600"), say("never")])
    async with running(backend, MAX_RETRIES="2") as app:
        reply = await app.post(hello(stream=stream))
    assert envelope(reply)[:2] == (429, "rate_limit_error")
    assert reply.headers["retry-after"] == "3600"
    assert len(backend.chats) == 1


@BOTH
async def test_what_will_not_pass_is_not_asked_again(backend: Backend, *, stream: bool) -> None:
    for refusal in (
        error(401, "no"),
        error(402, "insufficient credits"),
        error(413, "payload too large"),
        error(400, "no"),
    ):
        backend.requests.clear()
        backend.play([refusal, say("never")])
        async with running(backend, MAX_RETRIES="2") as app:
            assert (await app.post(hello(stream=stream))).status_code >= 400
        assert len(backend.chats) == 1, refusal


@BOTH
async def test_a_whole_answer_is_asked_again_even_when_it_broke_in_the_middle(
    backend: Backend, *, stream: bool
) -> None:
    """Until a client has seen a word, nothing of a broken try is left in the answer."""
    broken = Reply(200, b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n', {"content-type": "text/event-stream"})
    backend.play([broken, say("second try")])
    async with running(backend, **TWICE) as app:
        reply = await app.post(hello(stream=stream))
    if stream:
        assert [event["type"] for event in events(reply)][-1] == "error"
        assert len(backend.chats) == 1
    else:
        assert text_of(reply, stream=False) == "second try"


async def test_nothing_is_asked_again_after_the_first_word(backend: Backend) -> None:
    backend.play([answer(Text("half"), Failure("it broke"), complete=False), say("never")])
    async with running(backend, MAX_RETRIES="2") as app:
        told = events(await app.post(hello(stream=True)))
    assert [event["type"] for event in told][-1] == "error"
    assert told[-1]["error"]["type"] == "api_error"
    assert "message_stop" not in [event["type"] for event in told]
    assert len(backend.chats) == 1


async def test_nothing_is_asked_again_after_the_first_thought(backend: Backend) -> None:
    backend.play([answer(Thought("hm"), Cut()), say("never")])
    async with running(backend, MAX_RETRIES="2") as app:
        told = events(await app.post(hello(stream=True)))
    assert told[-1]["type"] == "error"
    assert len(backend.chats) == 1


# -- told -----------------------------------------------------------------------------------------------------------


class At:
    """A backend's address and key."""

    key = "sk-backend"

    def __init__(self, url: str) -> None:
        self.url = url


@BOTH
async def test_a_backend_that_refuses_connections_is_named_with_its_setting(*, stream: bool) -> None:
    async with running(At(f"http://127.0.0.1:{closed_port()}/v1")) as app:
        status, kind, message = envelope(await app.post(hello(stream=stream)))
    assert (status, kind) == (502, "api_error")
    assert "refused" in message
    assert "OPENAI_BASE_URL" in message


async def test_a_backend_whose_name_is_unknown_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with running(At("http://no-such-host.invalid/v1")) as app:
        status, _, message = envelope(await app.post(hello(stream=True)))
    assert status == 502
    assert "name is unknown" in message
    assert "OPENAI_BASE_URL" in message


NAMED = """
[backends.first]
base_url = "{url}"
key = "sk-backend"

[backends.second]
base_url = "{url}"
key = "sk-second-and-wrong"

[backends.third]
base_url = "http://127.0.0.1:{closed}/v1"
key = "sk-third"

[backends.fourth]
base_url = "{root}/not/here"
key = "sk-fourth"
"""


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("second/m", "the key of backend second"),
        ("third/m", "the base URL of backend third"),
        ("fourth/m", "the base URL of backend fourth"),
    ],
)
async def test_a_named_backend_is_told_by_its_name(backend: Backend, tmp_path: Path, model: str, named: str) -> None:
    file = tmp_path / "backends.toml"
    file.write_text(NAMED.format(url=backend.url, root=backend.root, closed=closed_port()))
    async with running(backend, CONFIG_FILE=str(file), OPENAI_BASE_URL="", OPENAI_API_KEY="") as app:
        _, _, message = envelope(await app.post({**HELLO, "model": model}))
    assert named in message
    assert "OPENAI_" not in message


async def test_a_web_page_in_place_of_an_answer_tells_of_the_address(backend: Backend) -> None:
    page = Reply(200, "<!DOCTYPE html><html><title>Welcome</title></html>", {"content-type": "text/html"})
    for stream in (True, False):
        backend.play([page])
        async with running(backend) as app:
            status, kind, message = envelope(await app.post(hello(stream=stream)))
        assert (status, kind) == (502, "api_error")
        assert "OPENAI_BASE_URL" in message


@BOTH
async def test_a_content_filter_is_a_refusal(backend: Backend, *, stream: bool) -> None:
    backend.play([error(400, "The response was filtered due to the prompt", code="content_filter")])
    async with running(backend) as app:
        reply = await app.post(hello(stream=stream))
    reason = events(reply)[-2]["delta"]["stop_reason"] if stream else reply.json()["stop_reason"]
    assert (reply.status_code, reason) == (200, "refusal")


async def test_an_unexpected_fault_shows_the_client_no_inside(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        secret = "the prompt"
        raise KeyError("detail-of-a-bug", len(secret))

    monkeypatch.setattr(exchange, "_encode", broken)
    async with running(backend) as app:
        reply = await app.post(hello(stream=True))
    assert envelope(reply)[:2] == (500, "api_error")
    assert "detail-of-a-bug" not in reply.text
    assert "Traceback" not in reply.text
    assert "bug" in app.lines()


# -- too long -----------------------------------------------------------------------------------------------------------

TOO_LONG = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130541 tokens.",
    "request (130541 tokens) exceeds the available context size (128000 tokens), try increasing it",
    "The input token count (130541) exceeds the maximum number of tokens allowed (128000).",
    "The input (130541 tokens) is longer than the model's context length (128000 tokens).",
)


@pytest.mark.parametrize("words", TOO_LONG, ids=["OpenAI", "llama.cpp", "Gemini", "SGLang"])
@BOTH
async def test_a_prompt_too_long_is_told_before_any_byte(backend: Backend, words: str, *, stream: bool) -> None:
    for step in (error(400, words), answer(Failure(words), complete=False)):
        backend.play([step, say("never")])
        async with running(backend, MAX_RETRIES="2") as app:
            reply = await app.post(hello(stream=stream))
        assert envelope(reply) == (400, "invalid_request_error", "prompt is too long: 130541 tokens > 128000 maximum")
        assert reply.headers["x-should-retry"] == "false"


def window_of(size: int, prompt: int) -> Any:
    """A backend with a window: it refuses prompt and output that are too much together, in OpenAI's words."""

    def play(received: Received) -> Step:
        wanted = received.body["max_tokens"]
        if prompt + wanted <= size:
            return say(f"with {wanted}")
        total = prompt + wanted
        told = f"This model's maximum context length is {size} tokens. However, you requested {total} tokens"
        return error(400, f"{told} ({prompt} in the messages, {wanted} in the completion).")

    return play


@BOTH
async def test_output_that_does_not_fit_is_lowered_in_silence(backend: Backend, *, stream: bool) -> None:
    backend.play(window_of(8000, 6000))
    async with running(backend, MAX_RETRIES="0") as app:
        reply = await app.post(hello(stream=stream, max_tokens=4096))
    assert text_of(reply, stream=stream) == "with 1984"
    assert len(backend.chats) == 2


async def test_an_output_limit_is_learned(backend: Backend) -> None:
    def play(received: Received) -> Step:
        wanted = received.body["max_tokens"]
        told = f"max_tokens is too large: {wanted}. This model supports at most 4096 completion tokens"
        return say("short") if wanted <= 4096 else error(400, told)

    backend.play(play)
    async with running(backend, MAX_RETRIES="0") as app:
        for _ in range(2):
            assert text_of(await app.post(hello(stream=True, max_tokens=32000)), stream=True) == "short"
    assert [asked.body["max_tokens"] for asked in backend.chats] == [32000, 4096, 4096]


async def test_a_lowered_output_stays_lowered_after_another_repair(backend: Backend) -> None:
    fits = window_of(8000, 6000)

    def play(received: Received) -> Step:
        refused = fits(received)
        if isinstance(refused, Reply) or "temperature" not in received.body:
            return refused
        return error(400, "Unsupported value: 'temperature' does not support 0.5 with this model.")

    backend.play(play)
    async with running(backend, MAX_RETRIES="0") as app:
        reply = await app.post(hello(stream=True, max_tokens=4096, temperature=0.5))
    assert text_of(reply, stream=True) == "with 1984"


async def test_repairs_use_up_no_retry(backend: Backend) -> None:
    backend.play(
        [
            error(400, "Unsupported value: 'temperature' does not support 0.5 with this model."),
            error(503, "busy", retry_after="0"),
            say("after both"),
        ]
    )
    async with running(backend, MAX_RETRIES="1") as app:
        reply = await app.post(hello(stream=True, temperature=0.5))
    assert text_of(reply, stream=True) == "after both"


# -- the end ------------------------------------------------------------------------------------------------------------

FINISHED = Delta({}, "stop")
LATE = Event({"choices": [], "usage": {"prompt_tokens": 70, "completion_tokens": 7, "total_tokens": 77}})


async def test_counts_may_follow_the_finish_though_the_connection_stays_open(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_USAGE_GRACE", 0.5)
    backend.play([answer(Text("done"), FINISHED, LATE, Stall(), complete=False)])
    async with running(backend) as app:
        told = events(await app.post(hello(stream=True)))
    assert told[-1]["type"] == "message_stop"
    assert told[-2]["usage"]["output_tokens"] == 7


async def test_a_finished_answer_waits_for_counts_only_so_long(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_USAGE_GRACE", 0.3)
    backend.play([answer(Text("done"), FINISHED, Stall(), complete=False)])
    async with running(backend) as app:
        told = events(await app.post(hello(stream=True)))
    assert told[-1]["type"] == "message_stop"
    assert told[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed without the last chunk"])
async def test_a_connection_lost_after_the_finish_loses_nothing(backend: Backend, *, reset: bool) -> None:
    backend.play([answer(Text("done"), FINISHED, Cut(reset=reset), complete=False)])
    async with running(backend) as app:
        reply = await app.post(hello(stream=True))
    assert text_of(reply, stream=True) == "done"


async def test_a_tool_call_cut_short_is_an_error_and_no_call(backend: Backend) -> None:
    call = Call("Read", {"file_path": "a" * 200})
    backend.play([answer(call, Cut(), size=20)])
    tools = [{"name": "Read", "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}}}]
    async with running(backend) as app:
        told = events(await app.post(hello(stream=True, tools=tools)))
    kinds = [event["type"] for event in told]
    # the scripted backend sends all fragments before the cut; what was lost is the finish
    assert kinds[-1] == "error"
    assert "message_stop" not in kinds


# -- cancelled ----------------------------------------------------------------------------------------------------------

STALLED: dict[str, tuple[Any, bytes]] = {
    "before the answer": (answer(before=(Stall(),)), b""),
    "after its head": (answer(Stall()), b""),
    "in its middle": (answer(Text("half"), Stall()), b"half"),
}


@pytest.mark.parametrize("phase", STALLED)
@BOTH
async def test_a_client_that_leaves_is_logged_as_cancelled(backend: Backend, phase: str, *, stream: bool) -> None:
    step, seen = STALLED[phase]
    backend.play([step])
    async with running(backend) as app:
        talk = app.start(hello(stream=stream))
        asked = await asyncio.to_thread(backend.wait_chats)
        if stream and seen:
            await talk.until(seen)
        talk.leave()
        await talk.task
        assert "| cancelled" in await app.line("cancelled")
        await asyncio.to_thread(backend.wait, lambda: asked.left_at is not None)
    assert len(backend.chats) == 1


@BOTH
async def test_a_client_that_leaves_while_another_try_is_awaited_is_cancelled(
    backend: Backend, *, stream: bool
) -> None:
    backend.play([error(503, "busy", retry_after="5"), say("never")])
    async with running(backend, MAX_RETRIES="2") as app:
        talk = app.start(hello(stream=stream))
        asked = await asyncio.to_thread(backend.wait_chats)
        await asyncio.to_thread(backend.wait, lambda: asked.finished)
        await asyncio.sleep(0.05)
        talk.leave()
        await asyncio.wait_for(talk.task, 3)
        assert "| cancelled" in await app.line("cancelled")
    assert len(backend.chats) == 1


async def test_a_client_that_leaves_while_it_sends_its_request_asks_nobody(backend: Backend) -> None:
    async with running(backend) as app:
        talk = app.start(b'{"model": "x", ', sent=False)
        talk.leave()
        await talk.task
        assert "| cancelled" in await app.line("cancelled")
    assert backend.chats == []


@BOTH
async def test_an_answer_that_is_out_is_no_cancelled_one(backend: Backend, *, stream: bool) -> None:
    """The server says `disconnect` once an answer is complete; the backend may need a moment to end its own."""
    backend.play(lambda _: say("hello"))
    async with running(backend) as app:
        for _ in range(10):
            assert (await app.post(hello(stream=stream))).status_code == 200
    assert [line.split(" | ")[1] for line in app.lines() if "->" in line] == ["ok"] * 10


# -- many at once -------------------------------------------------------------------------------------------------------


async def test_many_at_once_get_each_their_own_end_and_leave_nothing_behind(backend: Backend) -> None:
    """Good answers, refusals, broken streams and clients that leave, mixed: no request sees anything of another."""

    def play(received: Received) -> Step:
        kind, _, name = received.prompt.partition(" ")
        steps = {"good": say(f"hello {name}", size=3), "bad": error(400, f"refused {name}")}
        broken = answer(Text(f"half {name}"), Cut())
        return steps.get(kind) or (broken if kind == "broken" else answer(Text(f"half {name}"), Stall()))

    async def one(app: App, number: int) -> None:
        kind = ("good", "bad", "broken", "left")[number % 4]
        body = hello(stream=True, messages=[{"role": "user", "content": f"{kind} #{number}#"}])
        talk = app.start(body)
        if kind == "left":
            await talk.until(f"half #{number}#".encode())
            talk.leave()
        reply = await talk.reply()
        others = {part for part in reply.text.split("#")[1::2] if part.isdigit()}
        assert others <= {str(number)}
        assert reply.status_code == (400 if kind == "bad" else 200)
        ends = {"good": "message_stop", "broken": "error"}
        if kind in ends:
            assert events(reply)[-1]["type"] == ends[kind]

    backend.play(play)
    async with running(backend) as app:
        tasks = len(asyncio.all_tasks())
        await asyncio.gather(*(one(app, number) for number in range(160)))
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110 - what has just ended may need a turn of the loop
                await asyncio.sleep(0.01)
        outcomes = [line.split(" | ")[1] for line in app.lines() if "->" in line]
    assert {word: outcomes.count(word) for word in set(outcomes)} == {"ok": 40, "failed": 80, "cancelled": 40}
    assert len(backend.chats) == 160
    await asyncio.to_thread(backend.wait, lambda: sum(a.left_at is not None for a in backend.chats) >= 40)
