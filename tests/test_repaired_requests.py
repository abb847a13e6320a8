"""What a backend refuses in its own words is repaired, seen from outside: at once, for good, after a restart too."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.asgi import running
from tests.backend import Backend, Received, Reply, Step, say
from tests.messages_api import HELLO, envelope
from tests.strict_openai import problems

TOOL = {
    "name": "Look",
    "description": "Looks",
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string", "minLength": 3, "pattern": "^/", "format": "uri", "default": "/x"}},
        "required": ["path"],
    },
}
ASKED: dict[str, Any] = {**HELLO, "model": "local-model", "max_tokens": 4000, "temperature": 0.8, "tools": [TOOL]}
CALLED = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "Look", "input": {"path": "/x"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}]},
]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SHOWN = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what is it?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ],
    }
]


def error(message: str, status: int = 400, **more: Any) -> Reply:
    return Reply(status, {"error": {"message": message, "type": "invalid_request_error", **more}})


class Case(NamedTuple):
    """A backend that refuses with a sentence what `bad` finds in a body, and takes it where `good` holds."""

    message: str
    bad: Callable[[dict[str, Any]], bool]
    good: Callable[[dict[str, Any]], bool]
    request: dict[str, Any] = {}
    status: int = 400
    more: dict[str, Any] = {}
    env: dict[str, str] = {}


def above(limit: int) -> Callable[[dict[str, Any]], bool]:
    return lambda body: body.get("max_tokens", 0) > limit


def exactly(limit: int) -> Callable[[dict[str, Any]], bool]:
    return lambda body: body.get("max_tokens") == limit


def tools_have(word: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: f'"{word}":' in json.dumps(body["tools"][0]["function"]["parameters"])


def tools_lack(*words: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: len(body["tools"]) == 1 and not any(tools_have(word)(body) for word in words)


def renamed(body: dict[str, Any]) -> bool:
    return "max_tokens" not in body and body["max_completion_tokens"] == 4000


def forced(body: dict[str, Any]) -> bool:
    return (
        body.get("tool_choice") not in {None, "auto", "none"} if not isinstance(body.get("tool_choice"), dict) else True
    )


def has_old_max(body: dict[str, Any]) -> bool:
    return "max_tokens" in body


def warm(body: dict[str, Any]) -> bool:
    return body.get("temperature", 1) != 1


def unreasoned(body: dict[str, Any]) -> bool:
    return any("tool_calls" in message and not message.get("reasoning_content") for message in body["messages"])


def unsigned(body: dict[str, Any]) -> bool:
    return '"tool_calls"' in json.dumps(body["messages"]) and "thought_signature" not in json.dumps(body["messages"])


def sees(body: dict[str, Any]) -> bool:
    return "image_url" in json.dumps(body["messages"])


def refuses_system(body: dict[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def opens_with_the_prompt(body: dict[str, Any]) -> bool:
    first, *rest = body["messages"]
    return first == {"role": "user", "content": "You are brief.\n\nhi"} and not rest


def has_long_name(body: dict[str, Any]) -> bool:
    return any(
        len(name) > 32 for name in re.findall(r'"name": "([^"]*)"', json.dumps([body["tools"], body["messages"]]))
    )


def has_both_names_short(body: dict[str, Any]) -> bool:
    declared, called = body["tools"][0]["function"]["name"], body["messages"][1]["tool_calls"][0]["function"]["name"]
    return bool(declared == called) and declared.startswith("mcp__warehouse")


def asks_for_thought(body: dict[str, Any]) -> bool:
    return "reasoning_effort" in body


def thinks_as_it_likes(body: dict[str, Any]) -> bool:
    return not asks_for_thought(body)


def says_nothing(body: dict[str, Any]) -> bool:
    return any(message["role"] == "assistant" and message.get("content") is None for message in body["messages"])


def has_sampling(body: dict[str, Any]) -> bool:
    return bool({"temperature", "top_p", "stop"} & set(body))


def chooses(body: dict[str, Any]) -> bool:
    return bool(tools_have("oneOf")(body) or tools_have("anyOf")(body))


def says_the_choice(body: dict[str, Any]) -> bool:
    shape = body["tools"][0]["function"]["parameters"]["properties"]["at"]
    return shape["type"] == "integer" and '"const":"end"' in shape["description"].replace(" ", "")


LONG_NAME = "mcp__warehouse__find_the_place_of_a_thing_by_its_name"
LONG_CALLED = json.loads(json.dumps(CALLED).replace('"Look"', json.dumps(LONG_NAME)))
CHOICE = {"type": "object", "properties": {"at": {"oneOf": [{"type": "integer"}, {"const": "end", "type": "string"}]}}}
FORCED = {"tool_choice": {"type": "any"}}
THINKING = {"output_config": {"effort": "high"}, "temperature": 1}
BOTH = {"top_p": 0.9}
CASES: dict[str, Case] = {
    "an output limit in its own words": Case(
        "max_tokens (4000) exceeds the model's output token limit (2048)", above(2048), exactly(2048)
    ),
    "an output limit as a pair": Case("max_tokens must be between 1 and 2048", above(2048), exactly(2048)),
    "an output limit of Vertex": Case(
        "Unable to submit request because it has a maxOutputTokens value of 4000 but the supported range is from 1 "
        "(inclusive) to 2049 (exclusive). Update the value and try again.",
        above(2048),
        exactly(2048),
    ),
    "another name": Case("Use 'max_completion_tokens' instead of 'max_tokens'.", has_old_max, renamed),
    "another name, with param": Case(
        "Use 'max_completion_tokens' instead of 'max_tokens'.", has_old_max, renamed, more={"param": "max_tokens"}
    ),
    "no longer accepted": Case("max_tokens is no longer accepted; use max_completion_tokens", has_old_max, renamed),
    "Kimi's temperature": Case(
        "invalid temperature: only 1 is allowed for this model", warm, lambda body: "temperature" not in body
    ),
    "one temperature": Case("temperature must be 1 for this model", warm, lambda body: "temperature" not in body),
    "a range of temperature": Case(
        "temperature must be between 0 and 0.4",
        lambda body: body.get("temperature", 0) > 0.4,
        lambda body: body["temperature"] == 0.4,
    ),
    "Bedrock's one of two": Case(
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        lambda body: {"temperature", "top_p"} <= set(body),
        lambda body: body["temperature"] == 0.8,
        BOTH,
    ),
    "a keyword": Case("Unsupported JSON schema keyword: pattern", tools_have("pattern"), tools_lack("pattern")),
    "a keyword at a place": Case(
        "Invalid schema: unknown keyword minLength at $.properties.x", tools_have("minLength"), tools_lack("minLength")
    ),
    "keywords": Case("unsupported keyword(s): format, default", tools_have("format"), tools_lack("format", "default")),
    "Kimi's reasoning": Case(
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
        unreasoned,
        lambda body: not unreasoned(body),
        {"messages": CALLED},
    ),
    "Xiaomi's reasoning": Case(
        "Param Incorrect",
        unreasoned,
        lambda body: not unreasoned(body),
        {"messages": CALLED},
        more={"param": "The reasoning_content in the thinking mode must be passed back to the API.", "code": "400"},
    ),
    "Gemini's signatures": Case(
        "Function call is missing a thought_signature in functionCall parts. Additional data, function call "
        "`default_api:Look` , position 2.",
        unsigned,
        lambda body: not unsigned(body),
        {"messages": CALLED},
    ),
    "no eyes": Case(
        "No endpoints found that support image input", sees, lambda body: not sees(body), {"messages": SHOWN}, 404
    ),
    "no eyes, 500": Case(
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        sees,
        lambda body: not sees(body),
        {"messages": SHOWN},
        500,
    ),
    "no force": Case("Tool choice must be auto", forced, lambda body: not forced(body) and bool(body["tools"]), FORCED),
    "no force in thought": Case(
        "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being set to required or "
        "object in thinking mode",
        forced,
        lambda body: not forced(body),
        FORCED,
    ),
    "no flag for parallel calls": Case(
        "parallel_tool_calls=False is not supported on this backend.",
        lambda body: "parallel_tool_calls" in body,
        lambda body: "parallel_tool_calls" not in body,
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    "no stream_options": Case(
        "Extra inputs are not permitted, field: 'stream_options'",
        lambda body: "stream_options" in body,
        lambda body: body["stream"] is True,
        {"stream": True},
    ),
    "streams only": Case(
        "This model only support stream mode, please enable the stream parameter to access the model.",
        lambda body: not body.get("stream"),
        lambda body: body["stream"] is True,
    ),
    "an effort": Case(
        "Unexpected reasoning effort high. Supported types are xhigh (default), medium, and low.",
        lambda body: body.get("reasoning_effort") == "high",
        lambda body: body["reasoning_effort"] == "medium",
        THINKING,
        500,
    ),
    "no effort": Case(
        "Argument not supported on this model: reasoning_effort",
        lambda body: "reasoning_effort" in body,
        lambda body: "reasoning_effort" not in body,
        THINKING,
    ),
    "effort beside tools": Case(
        "Function tools with reasoning_effort are not supported for gpt-6.2-sol in /v1/chat/completions. To use function "
        "tools, use /v1/responses or set reasoning_effort to 'none'.",
        lambda body: "tools" in body and body.get("reasoning_effort") != "none",
        lambda body: "tools" in body and body["reasoning_effort"] == "none",
        {"model": "gpt-6.2-sol", "output_config": {"effort": "xhigh"}, "thinking": {"type": "adaptive"}},
        more={"param": "reasoning_effort"},
        env={"DIALECT": "openai"},
    ),
    "a fixed temperature": Case(
        "This model requires temperature to be 1.0", warm, lambda body: "temperature" not in body
    ),
    "an output limit nobody names": Case("max_tokens is too large", above(1024), exactly(1024)),
    "an output limit in thousands": Case("max_tokens is too large (max 2k)", above(2048), exactly(2000)),
    "a choice in a schema": Case(
        "oneOf and anyOf are not supported in tool schema",
        chooses,
        says_the_choice,
        {"tools": [{**TOOL, "input_schema": CHOICE}]},
    ),
    "a pattern of names": Case(
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,32}$'",
        has_long_name,
        has_both_names_short,
        {"tools": [{**TOOL, "name": LONG_NAME}], "messages": LONG_CALLED},
    ),
    "a pattern without a dash": Case(
        "Invalid tools[0].function.name: String should match pattern '^[a-zA-Z_][a-zA-Z0-9_]*$'",
        lambda body: "ware-house" in json.dumps(body["tools"]),
        lambda body: (
            body["tools"][0]["function"]["name"].startswith("mcp__ware_house__ask_")
            and body["tools"][0]["function"]["name"] in json.dumps(body["messages"])
        ),
        {
            "tools": [{**TOOL, "name": "mcp__ware-house__ask"}],
            "messages": json.loads(json.dumps(LONG_CALLED).replace(LONG_NAME, "mcp__ware-house__ask")),
        },
    ),
    "parallel calls in words": Case(
        "This model does not support parallel tool calls",
        lambda body: "parallel_tool_calls" in body,
        lambda body: "parallel_tool_calls" not in body and len(body["tools"]) == 1,
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    "several fields": Case(
        "Unsupported parameters: temperature, top_p and stop",
        has_sampling,
        lambda body: not has_sampling(body),
        {"top_p": 0.9, "stop_sequences": ["END"]},
    ),
    "no system": Case(
        "System role not supported",
        refuses_system,
        opens_with_the_prompt,
        {"system": "You are brief.", "messages": [{"role": "user", "content": "hi"}]},
    ),
    "Claude's thoughts": Case(
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` "
        "is enabled, a final `assistant` message must start with a thinking block",
        asks_for_thought,
        lambda body: not asks_for_thought(body) and "tool_calls" in body["messages"][1],
        {**THINKING, "messages": CALLED},
    ),
    "no null beside calls": Case(
        "Invalid value for 'content': expected a string, got null.",
        says_nothing,
        lambda body: body["messages"][1]["content"] == "" and bool(body["messages"][1]["tool_calls"]),
        {"messages": CALLED},
        more={"param": "messages.[1].content"},
    ),
    "no streams": Case(
        "Your organization must be verified to stream this model.",
        lambda body: body.get("stream") is True,
        lambda body: "stream" not in body and "stream_options" not in body,
        {"stream": True},
        more={"param": "stream", "code": "unsupported_value"},
    ),
    "a format OpenAI does not know": Case(
        "Invalid schema for function 'Look': In context=('properties', 'path', 'type', '0'), 'uri' is not a valid format.",
        tools_have("format"),
        lambda body: tools_lack("format")(body) and "uri" in json.dumps(body["tools"]),
        more={"param": "tools[0].function.parameters", "code": "invalid_function_parameters"},
    ),
    "camelCase": Case(
        "Model grok-4-latest does not support parameter reasoningEffort.",
        asks_for_thought,
        thinks_as_it_likes,
        THINKING,
    ),
    "an output limit in a gateway's sentence": Case(
        'litellm.BadRequestError: OpenAIException - {"error": {"message": "max_tokens must be at most 2048"}}. Received '
        "Model Group=x\nAvailable Model Group Fallbacks=None",
        above(2048),
        exactly(2048),
    ),
    "Qwen's switch": Case(
        "Input should be 'low', 'medium' or 'high': reasoning_effort",
        lambda body: body.get("reasoning_effort") == "none",
        lambda body: body.get("reasoning_effort") in {None, "low"},
        {"model": "Qwen/Qwen3-235B-A22B", "thinking": {"type": "disabled"}},
    ),
    "no schema for answers": Case(
        "This response_format type is unavailable now",
        lambda body: mapping_of(body, "response_format").get("type") == "json_schema",
        lambda body: "JSON" in json.dumps(body["messages"]),
        {
            "tools": [],
            "output_config": {
                "format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
            },
        },
    ),
}


@pytest.fixture
def lenient() -> Iterator[Backend]:
    """A backend that knows the fields of reasoning that others than OpenAI have, and takes empty content."""
    strict = functools.partial(problems, message={"reasoning_content"}, call={"extra_content"})

    def rules(body: dict[str, Any]) -> list[str]:
        return [problem for problem in strict(body) if not problem.endswith("content: empty")]

    with Backend(rules=rules) as running_backend:
        yield running_backend


def mapping_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


@pytest.mark.parametrize("name", CASES)
async def test_a_refusal_is_repaired_once_and_for_all(lenient: Backend, tmp_path: Path, name: str) -> None:
    case, backend = CASES[name], lenient
    answer = say('{"a": "understood"}')

    def play(received: Received) -> Step:
        return error(case.message, case.status, **case.more) if case.bad(received.body) else answer

    backend.play(play)
    request = {**ASKED, **case.request}
    for asked in (2, 4):  # refused once; taken at once then, and after the restart
        async with running(backend, learned=tmp_path / "learned.json", **case.env) as app:
            reply = await app.post(request)
            assert reply.status_code == 200, reply.text
            assert '"error"' not in reply.text
            assert len(backend.chats) == asked
            assert case.good(backend.chats[-1].body), backend.chats[-1].body
            if asked == 2:
                assert (await app.post(request)).status_code == 200
                assert len(backend.chats) == 3


async def test_an_output_limit_nobody_names_is_lowered_a_few_times_and_then_told(
    backend: Backend, tmp_path: Path
) -> None:
    backend.play(lambda received: error(f"max_tokens is too large: {received.body['max_tokens']}"))
    async with running(backend, learned=tmp_path / "learned.json", MAX_RETRIES="2") as app:
        status, _, message = envelope(await app.post({**ASKED, "max_tokens": 64_000}))
    assert status == 400
    assert "too large" in message
    limits = [asked.body["max_tokens"] for asked in backend.chats]
    assert limits == sorted(set(limits), reverse=True)
    assert 2 <= len(limits) <= 4
    assert not (tmp_path / "learned.json").exists(), "nothing of it was the cause"


@pytest.mark.parametrize("words", ["Invalid thought signature", "Corrupted thought signature."])
async def test_signatures_of_another_route_are_taken_out_of_this_request_alone(
    lenient: Backend, tmp_path: Path, words: str
) -> None:
    def call(signature: str) -> Reply:
        made = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "Look", "arguments": '{"path": "/x"}'},
            "extra_content": {"google": {"thought_signature": signature}},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [made]}
        return Reply(200, {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})

    def play(received: Received) -> Step:
        told = json.dumps(received.body["messages"])
        if "c2lnbmVk" in told:
            return error(words)
        return say("seen") if '"tool"' in told else call("c2lnbmVk")

    lenient.play(play)
    asked = {**ASKED, "model": "gemini-3-pro", "thinking": {"type": "adaptive", "display": "omitted"}, "temperature": 1}
    async with running(lenient, learned=tmp_path / "learned.json", DIALECT="gemini") as app:
        first = (await app.post(asked)).json()
        result = {"type": "tool_result", "tool_use_id": first["content"][-1]["id"], "content": "seen"}
        history = [
            *asked["messages"],
            {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": [result]},
        ]
        reply = await app.post({**asked, "messages": history})
    assert reply.status_code == 200, reply.text
    assert len(lenient.chats) == 3
    assert "skip_thought_signature_validator" in json.dumps(lenient.chats[-1].body["messages"])
    assert not (tmp_path / "learned.json").exists()


# -- what is no repair --------------------------------------------------------------------------------------------------

LIMITS: dict[str, tuple[Reply, int, str]] = {
    "a month": (error("You have exceeded your monthly token limit"), 429, "rate_limit_error"),
    "a day": (error("Daily token limit exceeded. Used: 3056133, Limit: 3000000"), 429, "rate_limit_error"),
    "credits": (error("You don't have enough credits"), 402, "billing_error"),
    "descriptions": (
        error("request is too large: tool descriptions exceed 65536 characters"),
        400,
        "invalid_request_error",
    ),
    "a minute that is never enough": (
        error(
            "Request too large for model `x` on tokens per minute (TPM): Limit 12000, Requested 135000",
            413,
            code="rate_limit_exceeded",
        ),
        429,
        "rate_limit_error",
    ),
    "no tools": (error("registry.ollama.ai/library/gemma3:4b does not support tools"), 400, "invalid_request_error"),
    "no tools there": (error("No endpoints found that support tool use.", 404), 400, "invalid_request_error"),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_what_no_repair_helps_is_told_at_once_and_teaches_nothing(
    backend: Backend, tmp_path: Path, name: str
) -> None:
    step, status, kind = LIMITS[name]
    backend.play(lambda _: step)
    async with running(backend, learned=tmp_path / "learned.json", MAX_RETRIES="2") as app:
        reply = await app.post(ASKED)
        told = envelope(reply)
    assert told[:2] == (status, kind)
    assert step.body["error"]["message"] in told[2]
    assert "prompt is too long" not in told[2]
    assert len(backend.chats) == 1
    assert backend.chats[0].body["tools"]
    assert not (tmp_path / "learned.json").exists()
    if status == 429:
        assert reply.headers["x-should-retry"] == "false"


async def test_a_minute_that_less_output_fits_in_is_used(backend: Backend, tmp_path: Path) -> None:
    """Groq counts max_tokens in full."""

    def play(received: Received) -> Step:
        wanted = 9500 + received.body["max_tokens"]
        told = f"Request too large for model `x` on tokens per minute (TPM): Limit 12000, Requested {wanted}"
        return error(told, 413, code="rate_limit_exceeded") if wanted > 12_000 else say("understood")

    backend.play(play)
    async with running(backend, learned=tmp_path / "learned.json") as app:
        reply = await app.post(ASKED)
    assert reply.status_code == 200
    assert "max-tokens-clamped" in reply.headers["x-proxy-notes"]
    assert [asked.body["max_tokens"] for asked in backend.chats] == [4000, 2500]
    assert not (tmp_path / "learned.json").exists()


# -- overflow without numbers -------------------------------------------------------------------------------------------

SHORT = {**HELLO, "model": "local-model"}
LONG = {**SHORT, "messages": [{"role": "user", "content": "many words of it " * 3000}]}
TOO_LONG = re.compile(r"prompt is too long: (\d+) tokens > (\d+) maximum")


async def overflow(backend: Backend, step: Step, request: dict[str, Any], **env: str) -> tuple[int, int]:
    backend.play(lambda _: step)
    async with running(backend, **env) as app:
        status, kind, message = envelope(await app.post(request))
    found = TOO_LONG.fullmatch(message)
    assert (status, kind) == (400, "invalid_request_error")
    assert found is not None, message
    return int(found[1]), int(found[2])


CODED = error("Context size has been exceeded.", 500)


@pytest.mark.parametrize("status", [400, 413, 500, 503])
async def test_llama_cpp_says_it_with_any_status(backend: Backend, status: int) -> None:
    prompt, window = await overflow(backend, error("Context size has been exceeded.", status), LONG, MAX_RETRIES="2")
    assert 10_000 < prompt < 30_000
    assert window < prompt
    assert len(backend.chats) == 1


async def test_the_proxys_own_count_stands_for_a_number_nobody_said(backend: Backend) -> None:
    prompt, window = await overflow(backend, CODED, LONG, MODEL_WINDOW="1000000")
    assert (prompt, window) == (1_000_001, 1_000_000)
    prompt, window = await overflow(backend, CODED, SHORT)
    assert (prompt, window) == (200_001, 200_000), "no window is as small as this prompt"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_overflow_inside_an_answer_is_told_with_the_same_numbers(backend: Backend, *, stream: bool) -> None:
    data = b'data: {"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}\n\n'
    step = Reply(200, data, {"content-type": "text/event-stream"})
    inside = await overflow(backend, step, {**LONG, "stream": stream})
    assert inside == await overflow(backend, CODED, {**LONG, "stream": stream})
    assert inside[0] > 10_000


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("begun", [True, False], ids=["after a word", "at once"])
async def test_a_secret_in_a_complaint_inside_an_answer_is_masked(
    backend: Backend, *, stream: bool, begun: bool
) -> None:
    word = b'data: {"choices":[{"index":0,"delta":{"content":"Well"}}]}\n\n' if begun else b""
    told = b'data: {"error":{"code":500,"message":"bad header X-Gate: open-sesame-42"}}\n\n'
    backend.play(lambda _: Reply(200, word + told, {"content-type": "text/event-stream"}))
    async with running(backend, CUSTOM_HEADER_X_GATE="open-sesame-42", MAX_RETRIES="0") as app:
        reply = await app.post({**SHORT, "stream": stream})
    assert "bad header" in reply.text
    assert "sesame" not in reply.text
    assert "sesame" not in str(app.lines())


async def test_what_is_over_the_window_is_added_to_it(backend: Backend) -> None:
    step = error("input length exceeds maximum context length by 240 tokens")
    assert await overflow(backend, step, LONG, MODEL_WINDOW="32768") == (33_008, 32_768)
    prompt, window = await overflow(backend, step, LONG)
    assert prompt - window == 240
    assert prompt > 10_000
    assert await overflow(backend, step, SHORT) == (200_240, 200_000)


async def test_a_model_that_thinks_beside_tools_unless_it_is_told_not_to_is_told_so_from_then_on(
    backend: Backend, tmp_path: Path
) -> None:
    message = "Function tools with reasoning_effort are not supported for gpt-6.2-sol in /v1/chat/completions."
    refused = error(message, param="reasoning_effort")
    backend.play(lambda got: say("ja") if got.body.get("reasoning_effort") == "none" else refused)
    request = {**ASKED, "model": "gpt-6.2-sol", "output_config": {"effort": "xhigh"}}
    for asked in (3, 4):
        async with running(backend, learned=tmp_path / "learned.json", DIALECT="openai") as app:
            assert (await app.post(request)).status_code == 200
            assert len(backend.chats) == asked
