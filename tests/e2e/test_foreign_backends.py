"""Backends that others wrote to break clients: overflow, rate limits, refused parameters and bad tool calls come out right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cases.talk import BASH, Client, Heard, both, result, tool, use, user
from tests.e2e.foreign import WINDOW, Foreign, aimock, asking, llmock

WEATHER = tool("get_weather", "city")


# -- llmock -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llmock_asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Foreign, Client]]:
    with llmock(tmp_path_factory.mktemp("llmock")) as foreign, asking(foreign) as http:
        yield foreign, Client(http)


@both
def test_llmock_answers(llmock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    foreign, client = llmock_asked
    foreign.queue({"type": "reply", "text": "Hello from far away."})
    heard = client.ask(stream=stream, model="gpt-4o")
    assert (heard.text, heard.stop) == ("Hello from far away.", "end_turn")


@both
def test_llmocks_overflow_is_the_prompt_that_is_too_long(llmock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    foreign, client = llmock_asked
    foreign.queue()
    heard = client.ask(stream=stream, model="gpt-4o", messages=[user("word " * 4 * WINDOW)])
    assert heard.status == 400
    assert heard.error is not None
    assert heard.error[0] == "invalid_request_error"
    assert heard.error[1].startswith("prompt is too long: ")
    assert f"> {WINDOW} maximum" in heard.error[1]


@both
def test_llmocks_short_rate_limit_is_waited_for_and_a_long_one_is_told(
    llmock_asked: tuple[Foreign, Client], *, stream: bool
) -> None:
    foreign, client = llmock_asked
    foreign.queue({"type": "fail", "status": 429, "retry_after": 1}, {"type": "reply", "text": "Now."})
    assert client.ask(stream=stream, model="gpt-4o").text == "Now."
    assert foreign.control.get("/_llmock/verdict").json()["findings"] == []
    foreign.queue({"type": "fail", "status": 429, "retry_after": 40, "times": None})
    heard = client.ask(stream=stream, model="gpt-4o")
    assert heard.error is not None
    assert (heard.status, heard.error[0], heard.headers["retry-after"]) == (429, "rate_limit_error", "40")
    assert len(foreign.requests()) == 1
    assert foreign.control.get("/_llmock/verdict").json()["passed"] is True


@both
def test_llmocks_failures_are_asked_again_and_then_told(llmock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    foreign, client = llmock_asked
    foreign.queue({"type": "fail", "status": 503}, {"type": "reply", "text": "Back."})
    assert client.ask(stream=stream, model="gpt-4o").text == "Back."
    foreign.queue({"type": "fail", "status": 401, "times": None})
    heard = client.ask(stream=stream, model="gpt-4o")
    assert heard.status != 401, "the backend's key is not the client's"
    assert len(foreign.requests()) == 1


@both
def test_llmocks_tool_calls_come_whole(llmock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    foreign, client = llmock_asked
    foreign.queue({"type": "reply", "tool_calls": [{"name": "get_weather", "arguments": {"city": "Łódź"}}]})
    heard = client.ask(stream=stream, model="gpt-4o", tools=[WEATHER])
    assert (heard.calls, heard.stop) == ([("get_weather", {"city": "Łódź"})], "tool_use")
    foreign.queue({"type": "reply", "text": "3 degrees."})
    turns = [user("Weather?"), heard.turn(), user(result(heard.ids[0], "3 C"))]
    assert client.ask(stream=stream, model="gpt-4o", tools=[WEATHER], messages=turns).text == "3 degrees."


@both
def test_llmocks_malformed_arguments_are_kept_for_the_tools_own_check(
    llmock_asked: tuple[Foreign, Client], *, stream: bool
) -> None:
    foreign, client = llmock_asked
    foreign.queue({"type": "tool_fault", "kind": "malformed_arguments"})
    heard = client.ask(stream=stream, model="gpt-4o", tools=[WEATHER], messages=[user("What is the weather in Oslo?")])
    assert heard.error is None
    ((name, given),) = heard.calls
    assert name == "get_weather"
    assert "_raw" in given or set(given) == {"city"}


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
def test_llmocks_broken_streams_never_end_as_if_they_were_whole(
    llmock_asked: tuple[Foreign, Client], kind: str
) -> None:
    foreign, client = llmock_asked
    foreign.queue(
        {"type": "reply", "text": "one two three four five six seven eight nine ten", "times": None},
        {"type": "stream_fault", "kind": kind, "after_chunks": 3, "times": None},
    )
    heard = client.ask(stream=True, model="gpt-4o")
    assert heard.error is not None
    assert b"message_stop" not in heard.raw


# -- aimock -----------------------------------------------------------------------------------------------------------


def says(words: str, response: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"match": {"userMessage": words, **match}, "response": response}


def refuses(message: str, status: int = 400, **more: Any) -> dict[str, Any]:
    return {"status": status, "error": {"message": message, "type": "invalid_request_error", **more}}


TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
FIXTURES = [
    says("hello", {"content": "Hi there!"}),
    says("overflow", refuses(TOO_LONG, code="context_length_exceeded")),
    says("busy", refuses("Rate limit reached", 429, code="rate_limit_exceeded"), sequenceIndex=0),
    says("busy", {"content": "Free again."}),
    says("picky", refuses("Unsupported parameter: 'temperature' is not supported with this model."), sequenceIndex=0),
    says("picky", {"content": "Without it."}),
    says("weather", {"content": "3 degrees."}, hasToolResult=True),
    says("weather", {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Łódź"}}]}),
    says("broken", {"toolCalls": [{"name": "Bash", "arguments": '{"command": "dir C:\\Users",}'}]}),
]


@pytest.fixture
def aimock_asked(tmp_path: Path) -> Iterator[tuple[Foreign, Client]]:
    with aimock(tmp_path, FIXTURES) as foreign, asking(foreign) as http:
        yield foreign, Client(http)


def ask(client: Client, words: str, *, stream: bool, **fields: Any) -> Heard:
    return client.ask(stream=stream, model="gpt-4o", messages=[user(words)], **fields)


@both
def test_aimock_is_read_as_any_backend(aimock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    _, client = aimock_asked
    assert ask(client, "hello", stream=stream).text == "Hi there!"
    heard = ask(client, "overflow", stream=stream)
    assert heard.status == 400
    assert heard.error == ("invalid_request_error", "prompt is too long: 9001 tokens > 8192 maximum")
    assert ask(client, "busy", stream=stream).text == "Free again."


@both
def test_aimocks_refused_parameter_is_learned(aimock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    foreign, client = aimock_asked
    assert ask(client, "picky", stream=stream, temperature=0.3).text == "Without it."
    assert ask(client, "hello", stream=stream, temperature=0.3).text == "Hi there!"
    assert ["temperature" in body for body in foreign.journal()] == [True, False, False]


@both
def test_aimocks_tool_calls_come_whole_or_mended(aimock_asked: tuple[Foreign, Client], *, stream: bool) -> None:
    _, client = aimock_asked
    heard = ask(client, "weather", stream=stream, tools=[WEATHER])
    assert heard.calls == [("get_weather", {"city": "Łódź"})]
    turns = [user("weather"), {"role": "assistant", "content": [use(heard.ids[0], "get_weather", city="Łódź")]}]
    again = client.ask(
        stream=stream, model="gpt-4o", tools=[WEATHER], messages=[*turns, user(result(heard.ids[0], "3"))]
    )
    assert again.text == "3 degrees."
    mended = ask(client, "broken", stream=stream, tools=[BASH])
    assert mended.calls == [("Bash", {"command": "dir C:\\Users"})]
