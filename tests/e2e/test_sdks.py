"""The official SDKs, Python old and new and TypeScript, read exactly what the backend said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.backend import (
    Backend,
    Call,
    Cut,
    Failure,
    Received,
    Reply,
    Step,
    Text,
    Thought,
    answer,
    error,
    interleave,
    say,
)
from tests.backend.rules import deepseek
from tests.e2e.sdk import NAMES, Sdk, sdk_named
from tests.proxy_process import ProxyProcess, proxy_for

GREETING = "Hello there — grüß dich 🌍, says the model."


@pytest.fixture(params=NAMES)
def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> Sdk:
    return sdk_named(request.param, tmp_path)


@pytest.fixture(scope="module")
def shared_backend() -> Iterator[Backend]:
    with Backend(models={"gpt-5.4": 400_000, "deepseek-reasoner": 64_000}, rules=deepseek) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(shared_backend: Backend) -> Iterator[ProxyProcess]:
    with proxy_for(shared_backend) as running:
        yield running


@pytest.fixture
def backend(shared_backend: Backend, proxy: ProxyProcess) -> Iterator[Backend]:
    shared_backend.requests.clear()
    yield shared_backend
    assert shared_backend.illegal == []


def test_a_whole_answer(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([say(GREETING)])
    message = sdk.run("create", proxy.url)
    assert message["text"] == GREETING
    assert [block["type"] for block in message["blocks"]] == ["text"]
    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", "gpt-5.4")
    assert (message["stop_reason"], message["stop_sequence"]) == ("end_turn", None)
    assert (message["input_tokens"], message["output_tokens"]) == (1200, 34)
    assert message["id"].startswith("msg_")
    assert message["request_id"]


def test_a_streamed_answer(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([say(GREETING, size=3)])
    message = sdk.run("stream", proxy.url)
    assert message["joined"] == message["text"] == GREETING
    assert message["pieces"] > 1
    assert message["stop_reason"] == "end_turn"
    assert (message["input_tokens"], message["output_tokens"]) == (1200, 34)


def test_the_events_of_a_stream(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([say("Hi", size=2)])
    events = [event for event in sdk.run("raw_stream", proxy.url)["events"] if event != "ping"]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert events == ["message_start", *block, "message_delta", "message_stop"]


def test_a_stop_sequence_is_named(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([say("one two END three")])
    message = sdk.run("stop", proxy.url)
    assert message["text"] == "one two "
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")


@pytest.mark.parametrize("scenario", ["tools", "tools_whole"])
def test_thinking_and_parallel_tools_there_and_back(
    sdk: Sdk, backend: Backend, proxy: ProxyProcess, scenario: str
) -> None:
    calls = (Call("get_weather", {"city": "Oslo"}, "call_a"), Call("get_weather", {"city": 'Rom "1" ü'}, "call_b"))
    backend.play(
        [answer(Thought("Two cities, two calls."), Text("Looking."), *interleave(*calls)), say("Sunny in both.")]
    )
    turns = sdk.run(scenario, proxy.url, "deepseek-reasoner")
    thinking, text, *used = turns["first"]["blocks"]
    assert (thinking["type"], thinking["thinking"], text["text"]) == ("thinking", "Two cities, two calls.", "Looking.")
    assert thinking["signature"]
    assert [(block["name"], block["input"]) for block in used] == [(call.name, call.arguments) for call in calls]
    assert len({block["id"] for block in used}) == 2
    assert turns["first"]["stop_reason"] == "tool_use"
    assert turns["second"]["text"] == "Sunny in both."
    replayed(backend.chats[-1])


def replayed(last: Received) -> None:
    """The backend got its own turn back, and the results behind it."""
    assistant = next(message for message in last.messages if message["role"] == "assistant")
    assert assistant["reasoning_content"] == "Two cities, two calls."
    assert assistant["content"] == "Looking."
    assert [last.results[call["id"]] for call in last.calls()] == ["sunny in Oslo", 'sunny in Rom "1" ü']


def test_parsed_output(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([say('{"name": "Oslo", "people": 700000}')])
    assert sdk.run("parse", proxy.url)["parsed"] == {"name": "Oslo", "people": 700_000}
    schema = backend.chats[0].body["response_format"]["json_schema"]["schema"]
    assert set(schema["properties"]) == {"name", "people"}


def test_beta_calls_with_unknown_betas(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([say(GREETING), say(GREETING)])
    result = sdk.run("beta", proxy.url)
    assert [result["whole"]["text"], result["streamed"]["text"]] == [GREETING, GREETING]


def test_counting_asks_nobody_and_counts_tools(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    counted = sdk.run("count", proxy.url)
    assert 0 < counted["short"] < counted["with_tools"]
    assert backend.chats == []


def test_models_are_listed_and_retrieved(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    listed = sdk.run("models", proxy.url)
    assert listed["ids"]
    assert (listed["type"], listed["retrieved"], listed["named"]) == ("model", listed["ids"][0], True)


OVERFLOW = error(
    400,
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130541 tokens.",
    code="context_length_exceeded",
)
MISSING = error(404, "The model `gpt-5.4` does not exist or you do not have access to it.", code="model_not_found")
REFUSALS: dict[str, tuple[Step, set[str], int, str]] = {
    "bad request": (error(400, "temperature out of range"), {"BadRequestError"}, 400, "invalid_request_error"),
    "overflow": (OVERFLOW, {"BadRequestError"}, 400, "invalid_request_error"),
    "no such model": (MISSING, {"NotFoundError"}, 404, "not_found_error"),
    "rate limit": (error(429, "slow down", retry_after="7"), {"RateLimitError"}, 429, "rate_limit_error"),
    "overloaded": (error(503, "busy"), {"OverloadedError", "InternalServerError"}, 529, "overloaded_error"),
    "broken": (error(500, "oops"), {"InternalServerError"}, 500, "api_error"),
    "no JSON": (Reply(500, "<html>oops</html>"), {"InternalServerError"}, 500, "api_error"),
}


@pytest.mark.parametrize("scenario", ["error", "error_in_stream"], ids=["whole", "streamed"])
def test_errors_have_their_class(sdk: Sdk, backend: Backend, proxy: ProxyProcess, scenario: str) -> None:
    backend.play([step for step, *_ in REFUSALS.values()])
    told = dict(zip(REFUSALS, sdk.run_all([scenario] * len(REFUSALS), proxy.url), strict=True))
    assert {name: (it["status"], it["type"]) for name, it in told.items()} == {
        name: (status, kind) for name, (_, _, status, kind) in REFUSALS.items()
    }
    assert [name for name, it in told.items() if it["class"] not in REFUSALS[name][1]] == []
    assert [name for name, it in told.items() if not it["request_id"]] == []
    assert told["overflow"]["message"] == "prompt is too long: 130541 tokens > 128000 maximum"


BREAKS: dict[str, Any] = {
    "connection reset": Cut(),
    "connection closed": Cut(reset=False),
    "error in the stream": Failure("the model fell over"),
}


def test_an_answer_that_breaks_is_an_error(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play([answer(Text("half an "), part) for part in BREAKS.values()])
    told = dict(zip(BREAKS, sdk.run_all(["error_in_stream"] * len(BREAKS), proxy.url), strict=True))
    assert {name: it.get("type") for name, it in told.items()} == dict.fromkeys(BREAKS, "api_error")


@pytest.mark.parametrize("scenario", ["files", "batches"])
def test_what_the_proxy_does_not_have_is_not_found(
    sdk: Sdk, backend: Backend, proxy: ProxyProcess, scenario: str
) -> None:
    told = sdk.run(scenario, proxy.url)
    assert (told["class"], told["status"], told["type"]) == ("NotFoundError", 404, "not_found_error")


def test_ten_streams_at_once(sdk: Sdk, backend: Backend, proxy: ProxyProcess) -> None:
    backend.play(lambda received: say(GREETING, size=4))
    assert sdk.run("concurrently", proxy.url)["texts"] == [GREETING] * 10
