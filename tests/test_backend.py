"""The scripted backend is itself true to OpenAI: the official SDK reads it, and it sees who hangs up and who errs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.backend import (
    Agent,
    Backend,
    Bytes,
    Call,
    Cut,
    Delta,
    Event,
    Failure,
    Gate,
    Reply,
    Stall,
    Text,
    Thought,
    answer,
    error,
    interleave,
    say,
)
from tests.sdks import openai

HELLO: list[Any] = [{"role": "user", "content": "hi"}]
WEATHER: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
]


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


@pytest.fixture
def client(backend: Backend) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=backend.url, api_key=backend.key, max_retries=0, timeout=10) as made:
        yield made


def streamed(client: openai.OpenAI, **options: Any) -> list[Any]:
    return list(client.chat.completions.create(model="gpt-5.4", messages=HELLO, stream=True, **options))


def test_a_stream_and_a_whole_answer_say_the_same(backend: Backend, client: openai.OpenAI) -> None:
    step = answer(Thought("first I think"), Text("then I speak"), Call("weather", {"city": "Oslo"}))
    backend.play([step, step])
    chunks = streamed(client, tools=WEATHER, stream_options={"include_usage": True})
    whole = client.chat.completions.create(model="gpt-5.4", messages=HELLO, tools=WEATHER)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    arguments = "".join(call.function.arguments or "" for delta in deltas for call in delta.tool_calls or ())
    message = whole.choices[0].message
    assert "".join(delta.content or "" for delta in deltas) == message.content == "then I speak"
    assert json.loads(arguments) == json.loads(message.tool_calls[0].function.arguments) == {"city": "Oslo"}
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage == whole.usage
    assert message.reasoning_content == "first I think"
    assert backend.illegal == []


def test_usage_is_streamed_only_to_who_asks(backend: Backend, client: openai.OpenAI) -> None:
    backend.play([say("hi")])
    assert all(chunk.usage is None for chunk in streamed(client))


def test_interleaved_calls_arrive_interleaved(backend: Backend, client: openai.OpenAI) -> None:
    backend.play([answer(*interleave(Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome"})))])
    order = [
        call.index for chunk in streamed(client, tools=WEATHER) for call in chunk.choices[0].delta.tool_calls or ()
    ]
    assert order[:4] == [0, 1, 0, 1]


def test_an_illegal_request_is_refused_and_remembered(backend: Backend, client: openai.OpenAI) -> None:
    backend.play([say("never")])
    orphan: list[Any] = [{"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-5.4", messages=orphan)
    assert len(backend.illegal) == 1


def test_a_wrong_key_is_refused(backend: Backend) -> None:
    with (
        openai.OpenAI(base_url=backend.url, api_key="sk-other", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


def test_azure_wants_its_path_header_and_version(backend: Backend) -> None:
    backend.play([say("from Azure")])
    with openai.AzureOpenAI(
        azure_endpoint=backend.root,
        api_key=backend.key,
        api_version="2026-01-01",
        azure_deployment="prod",
        max_retries=0,
    ) as client:
        client.chat.completions.create(model="gpt-5.4", messages=HELLO)
    assert backend.chats[0].path == "/openai/deployments/prod/chat/completions"


def test_models_tell_their_context_length(backend: Backend, client: openai.OpenAI) -> None:
    assert [(model.id, model.context_length) for model in client.models.list()] == [("gpt-5.4", 400_000)]


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_a_cut_stream_is_no_complete_stream(backend: Backend, client: openai.OpenAI, *, reset: bool) -> None:
    backend.play([answer(Text("half"), Cut(reset=reset), Text("never"))])
    with pytest.raises(openai.APIConnectionError):
        streamed(client)
    assert backend.chats[0].left_at is None


def test_a_failure_in_the_stream_reaches_the_reader(backend: Backend, client: openai.OpenAI) -> None:
    backend.play([answer(Text("half"), Failure("overloaded"))])
    with pytest.raises(openai.APIError, match="overloaded"):
        streamed(client)


def test_errors_and_bytes_are_sent_as_scripted(backend: Backend, client: openai.OpenAI) -> None:
    backend.play(
        [error(429, "slow down", code="rate_limit_exceeded", retry_after="3"), Reply(502, "<h1>Bad gateway</h1>")]
    )
    with pytest.raises(openai.RateLimitError) as limited:
        streamed(client)
    with pytest.raises(openai.InternalServerError) as broken:
        streamed(client)
    assert broken.value.response.text == "<h1>Bad gateway</h1>"
    assert limited.value.response.headers["retry-after"] == "3"


def test_a_gate_holds_the_answer_until_the_test_opens_it(backend: Backend, client: openai.OpenAI) -> None:
    gate = Gate()
    backend.play([answer(Text("before"), gate, Text("after"))])
    seen = []
    for chunk in client.chat.completions.create(model="gpt-5.4", messages=HELLO, stream=True):
        seen.append(chunk.choices[0].delta.content or "")
        if "".join(seen) == "before":
            gate.wait_reached()
            gate.open()
    assert "".join(seen) == "beforeafter"


def test_who_hangs_up_is_noticed(backend: Backend, client: openai.OpenAI) -> None:
    backend.play([answer(Text("half"), Stall())])
    with client.chat.completions.create(model="gpt-5.4", messages=HELLO, stream=True) as stream:
        next(iter(stream))
    backend.wait(lambda: backend.chats[0].left_at is not None, what="the peer's leaving")
    assert not backend.chats[0].finished


def test_a_truncated_stream_ends_in_good_order_without_its_end(backend: Backend, client: openai.OpenAI) -> None:
    backend.play([answer(Text("half"), complete=False)])
    chunks = streamed(client, stream_options={"include_usage": True})
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None]


def test_anything_can_be_sent_verbatim(backend: Backend, client: openai.OpenAI) -> None:
    odd = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    backend.play([answer(Bytes(b": keep-alive\r\n\r\n"), Event(odd), Delta({"content": "hi"}, "length"), done=False)])
    chunks = streamed(client)
    assert [len(chunk.choices) for chunk in chunks] == [1, 0, 1, 1]
    assert (chunks[2].choices[0].delta.content, chunks[2].choices[0].finish_reason) == ("hi", "length")


def test_agents_follow_the_history_and_protest(backend: Backend, client: openai.OpenAI) -> None:
    backend.play(Agent(say("first"), answer(Call("fly", {}))))
    said = client.chat.completions.create(model="gpt-5.4", messages=HELLO).choices[0].message.content
    history: list[Any] = [*HELLO, {"role": "assistant", "content": said}, *HELLO]
    with pytest.raises(openai.BadRequestError, match="offers no"):
        client.chat.completions.create(model="gpt-5.4", messages=history, tools=WEATHER)
    assert len(backend.illegal) == 1
