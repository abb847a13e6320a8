"""What a backend's chunk, or its whole answer, says: each field in each place (translation reference 2.2, 3, 5.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import OPENAI, answer, chunk

from claude_code_proxy.errors import FilteredError, RetryableError, UpstreamError
from claude_code_proxy.translate import deltas
from claude_code_proxy.translate.chunks import FAILED_FINISH, STOP_REASONS, read_answer, read_chunk
from claude_code_proxy.translate.deltas import (
    Citation,
    Delta,
    Ended,
    Failed,
    Finish,
    Ignored,
    Refusal,
    Text,
    Thinking,
    ThinkingState,
    ToolFragment,
    Usage,
)
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.halves import Halves


def read(payload: object, dialect: Dialect = OPENAI) -> list[Delta]:
    return read_chunk(json.dumps(payload).encode(), dialect)


def said(delta: object, dialect: Dialect = OPENAI) -> list[Delta]:
    return read({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}, dialect)


def failure(payload: object) -> UpstreamError:
    failed = [delta for delta in read(payload) if isinstance(delta, Failed)]
    assert len(failed) == 1, failed
    return failed[0].error


def encrypted(data: str) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, "index": 0}


CONTENT: list[tuple[str, object, list[Delta]]] = [
    ("content", {"content": "hi"}, [Text("hi")]),
    ("empty content", {"role": "assistant", "content": ""}, []),
    ("null content", {"content": None}, []),
    ("no content", {}, []),
    ("the role again and again", {"role": "assistant", "content": "hi"}, [Text("hi")]),
    ("content as a list of parts", {"content": [{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}, "c"]}, [Text("a"), Text("b"), Text("c")]),
    ("content as one part", {"content": {"type": "text", "text": "a"}}, [Text("a")]),
    ("content as a number", {"content": 5}, []),
    ("reasoning in an object", {"reasoning": {"content": "hm"}}, [Thinking("hm", "reasoning")]),
    ("reasoning in parts", {"thinking": [{"type": "thinking", "thinking": "h"}, {"type": "text", "text": "m"}, 5]}, [Thinking("hm", "thinking")]),
    ("refusal", {"refusal": "no"}, [Refusal("no")]),
    ("a refusal among the parts", {"content": [{"type": "refusal", "refusal": "no"}]}, [Refusal("no")]),
    ("reasoning_content", {"reasoning_content": "hm"}, [Thinking("hm", "reasoning_content")]),
    ("reasoning", {"reasoning": "hm"}, [Thinking("hm", "reasoning")]),
    ("thinking", {"thinking": "hm"}, [Thinking("hm", "thinking")]),
    ("the same reasoning in two fields is read once", {"reasoning": "hm", "reasoning_content": "hm"}, [Thinking("hm", "reasoning_content")]),
    ("an empty field does not hide a full one", {"reasoning_content": "", "reasoning": "hm"}, [Thinking("hm", "reasoning")]),
    ("null reasoning", {"reasoning_content": None, "content": "hi"}, [Text("hi")]),
    ("reasoning before content before calls, in one delta",
     {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "Bash", "arguments": "{}"}}], "content": "hi", "reasoning": "hm"},
     [Thinking("hm", "reasoning"), Text("hi"), ToolFragment(0, "a", "Bash", "{}")]),
    ("reasoning_details alone show their text",
     {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]},
     [Thinking("hm", "reasoning_details"), ThinkingState({"type": "reasoning.text", "text": "hm", "index": 0})]),
    ("a summary among reasoning_details is shown",
     {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm", "index": 0}]},
     [Thinking("hm", "reasoning_details"), ThinkingState({"type": "reasoning.summary", "summary": "hm", "index": 0})]),
    ("reasoning and reasoning_details are the same text: shown once, kept both",
     {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]},
     [Thinking("hm", "reasoning"), ThinkingState({"type": "reasoning.text", "text": "hm", "index": 0})]),
    ("encrypted reasoning has nothing to show",
     {"reasoning_details": [encrypted("x")]}, [ThinkingState(encrypted("x"))]),
    ("Mistral: thinking among the parts, a list of texts",
     {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}]},
     [Thinking("hm", "thinking_parts")]),
    ("Mistral: a signature among the parts",
     {"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
     [Thinking("hm", "thinking_parts"), ThinkingState({"type": "thinking", "signature": "s"})]),
    ("a citation comes right behind its text",
     {"content": "hi", "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t", "content": "c"}}],
      "tool_calls": [{"index": 0, "id": "a", "function": {"name": "Bash", "arguments": "{}"}}]},
     [Text("hi"), Citation("u", "t", "c"), ToolFragment(0, "a", "Bash", "{}")]),
    ("annotations that cite nothing", {"annotations": [{"type": "file"}, None, {"url_citation": {}}]}, []),
    ("audio is noted", {"audio": {"id": "a", "data": "x"}}, [Ignored("audio")]),
    ("images are noted", {"content": "see", "images": [{"image_url": {"url": "data:"}}]}, [Text("see"), Ignored("images")]),
    ("parts nobody knows are noted", {"content": [{"type": "image_url", "image_url": {}}, {"type": "text", "text": "a"}]}, [Ignored("image_url"), Text("a")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("delta", "expected"), [pytest.param(delta, expected, id=name) for name, delta, expected in CONTENT]
)
def test_content(delta: object, expected: list[Delta]) -> None:
    assert said(delta) == expected


@pytest.mark.parametrize(
    ("delta", "expected"), [pytest.param(delta, expected, id=name) for name, delta, expected in CONTENT]
)
def test_a_whole_answer_says_the_same(delta: object, expected: list[Delta]) -> None:
    numbered = [
        ToolFragment(0, d.id, d.name, d.arguments, whole=True) if isinstance(d, ToolFragment) else d for d in expected
    ]
    pages_first = sorted(numbered, key=lambda d: not isinstance(d, Citation))  # they are known before the text is told
    body = json.dumps({"choices": [{"message": delta, "finish_reason": None}]}).encode()
    assert read_answer(body, OPENAI) == [*pages_first, Ended()]


def test_the_dialect_says_which_field_is_read_first() -> None:
    delta = {"reasoning": "b", "reasoning_content": "a", "reasoning_text": "c"}
    assert said(delta, Dialect(name="x", thinking_fields=("reasoning_text",))) == [Thinking("c", "reasoning_text")]


def test_pages_beside_the_last_chunk_are_citations() -> None:
    found = {"title": "A", "url": "https://a.example/", "snippet": "says a"}
    last = {"choices": [{"delta": {"content": "Yes [1]."}, "finish_reason": "stop"}], "search_results": [found, {}]}
    assert read(last) == [Text("Yes [1]."), Citation("https://a.example/", "A", "says a"), Finish("end_turn", "stop")]
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "citations": ["https://a.example/", None]}
    assert read(last) == [Citation("https://a.example/", ""), Finish("end_turn", "stop")]


def test_pages_beside_an_earlier_chunk_wait_for_the_last() -> None:
    early = {"choices": [{"delta": {"content": "Yes"}, "finish_reason": None}], "citations": ["https://a.example/"]}
    assert read(early) == [Text("Yes")]


def call(**fields: Any) -> dict[str, Any]:
    return {"tool_calls": [fields]}


TOOL_CALLS: list[tuple[str, object, list[Delta]]] = [
    ("a whole call", call(index=0, id="a", type="function", function={"name": "Bash", "arguments": "{}"}), [ToolFragment(0, "a", "Bash", "{}")]),
    ("a piece", call(index=1, function={"arguments": '{"a'}), [ToolFragment(1, None, "", '{"a')]),
    ("no index", call(id="a", function={"name": "Bash", "arguments": "{}"}), [ToolFragment(None, "a", "Bash", "{}")]),
    ("a null index", call(index=None, id="a", function={"name": "Bash", "arguments": ""}), [ToolFragment(None, "a", "Bash", "")]),
    ("an empty id", call(index=0, id="", function={"name": "Bash", "arguments": ""}), [ToolFragment(0, None, "Bash", "")]),
    ("Mistral: the id null as a word", call(index=0, id="null", function={"name": "Bash", "arguments": ""}), [ToolFragment(0, None, "Bash", "")]),
    ("a null name and null arguments", call(index=0, id="a", function={"name": None, "arguments": None}), [ToolFragment(0, "a", "", "")]),
    ("Mistral: arguments as an object", call(index=0, id="a", function={"name": "Bash", "arguments": {"a": "北"}}), [ToolFragment(0, "a", "Bash", '{"a":"北"}', whole=True)]),
    ("arguments as a list", call(index=0, id="a", function={"name": "Bash", "arguments": [1]}), [ToolFragment(0, "a", "Bash", "[1]", whole=True)]),
    ("arguments as a number", call(index=0, id="a", function={"name": "Bash", "arguments": 5}), [ToolFragment(0, "a", "Bash", "5", whole=True)]),
    ("a custom tool", call(index=0, id="a", type="custom", custom={"name": "Bash", "input": "ls"}), [ToolFragment(0, "a", "Bash", '{"input":"ls"}', whole=True)]),
    ("Gemini: a signature", call(index=0, id="a", function={"name": "Bash", "arguments": "{}"}, extra_content={"google": {"thought_signature": "s"}}), [ToolFragment(0, "a", "Bash", "{}", state="s")]),
    ("Gemini: a signature on a fragment of its own", call(index=0, extra_content={"google": {"thought_signature": "s"}}), [ToolFragment(0, None, "", "", state="s")]),
    ("a call without a function around it", call(index=0, id="a", name="Bash", arguments='{"a":1}'), [ToolFragment(0, "a", "Bash", '{"a":1}')]),
    ("Anthropic's input", call(index=0, id="a", name="Bash", input={"a": 1}), [ToolFragment(0, "a", "Bash", '{"a":1}', whole=True)]),
    ("parameters for arguments", call(index=0, id="a", function={"name": "Bash", "parameters": {"a": 1}}), [ToolFragment(0, "a", "Bash", '{"a":1}', whole=True)]),
    ("the old function_call", {"function_call": {"name": "Bash", "arguments": "{}"}}, [ToolFragment(0, None, "Bash", "{}")]),
    ("fragments that say nothing", {"tool_calls": [{}, None, {"index": 0}, {"index": 0, "function": {}}, "x"]}, []),
    ("one without a list around it", {"tool_calls": {"index": 0, "id": "a"}}, [ToolFragment(0, "a", "", "")]),
    ("no list", {"tool_calls": "x"}, []),
    ("null", {"tool_calls": None}, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("delta", "expected"), [pytest.param(delta, expected, id=name) for name, delta, expected in TOOL_CALLS]
)
def test_tool_calls(delta: object, expected: list[Delta]) -> None:
    assert said(delta) == expected


@pytest.mark.parametrize("index", [{}, {"index": 0}], ids=["without index", "all with index 0"])
def test_the_calls_of_a_whole_answer_are_told_apart_by_their_place(index: dict[str, int]) -> None:
    calls = [
        {**index, "id": "x", "function": {"name": "Read", "arguments": text}} for text in ('{"p":1}', '{"p":1}', "{}")
    ]
    assert read_answer(answer({"tool_calls": calls}, None), OPENAI) == [
        ToolFragment(0, "x", "Read", '{"p":1}', whole=True),
        ToolFragment(1, "x", "Read", '{"p":1}', whole=True),
        ToolFragment(2, "x", "Read", "{}", whole=True),
        Ended(),
    ]


FRAMES: list[tuple[str, object, list[Delta]]] = [
    ("no choices", {"choices": []}, []),
    ("Azure: the first chunk", {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, []),
    ("Azure: a chunk of filter results", {"choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}]}, []),
    ("null choices", {"choices": None}, []),
    ("a null choice", {"choices": [None]}, []),
    ("a null delta", {"choices": [{"index": 0, "delta": None}]}, []),
    ("an empty object", {}, []),
    ("a second choice is noted", {"choices": [{"index": 1, "delta": {"content": "no"}}]}, [Ignored("choice")]),
    ("a whole message instead of a delta", {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}, [Text("hi"), Finish("end_turn", "stop")]),
    ("a null delta beside a message", {"choices": [{"index": 0, "delta": None, "message": {"content": "hi"}}]}, [Text("hi")]),
    ("Perplexity: delta and message, the delta counts", {"choices": [{"index": 0, "delta": {"content": "b"}, "message": {"content": "ab"}}]}, [Text("b")]),
    ("Perplexity: an empty delta and all of the text so far", {"choices": [{"index": 0, "delta": {}, "message": {"content": "ab"}}]}, []),
    ("a completion of old", {"choices": [{"index": 0, "text": "hi"}]}, [Text("hi")]),
    ("usage", {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}, [Usage(3, 2)]),
    ("usage is known before the content beside it", {"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}, [Usage(3, 2), Text("a")]),
    ("null usage", {"choices": [], "usage": None}, []),
    ("Groq: usage in x_groq", {"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}}, [Usage(3, 2)]),
    ("Kimi: usage in the choice", {"choices": [{"index": 0, "delta": {}, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}]}, [Usage(3, 2)]),
    ("llama.cpp: timings", {"choices": [], "timings": {"prompt_n": 3, "predicted_n": 2}}, [Usage(3, 2)]),
    ("a list of chunks", [{"choices": [{"delta": {"content": "a"}}]}, {"choices": [{"delta": {"content": "b"}}]}], [Text("a"), Text("b")]),
    ("null", None, []),
    ("a string", "hi", []),
    ("a number", 5, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "expected"), [pytest.param(payload, expected, id=name) for name, payload, expected in FRAMES]
)
def test_chunks(payload: object, expected: list[Delta]) -> None:
    assert read(payload) == expected


FINISHES: list[tuple[str, dict[str, Any], list[Delta]]] = [
    *[(f"{word} is {reason}", {"finish_reason": word}, [Finish(reason, word)]) for word, reason in STOP_REASONS.items()],
    ("Gemini: capital letters", {"finish_reason": "MAX_TOKENS"}, [Finish("max_tokens", "MAX_TOKENS")]),
    ("SAFETY", {"finish_reason": "SAFETY"}, [Finish("refusal", "SAFETY")]),
    ("RECITATION", {"finish_reason": "RECITATION"}, [Finish("refusal", "RECITATION")]),
    ("a word nobody documented", {"finish_reason": "tired"}, [Finish("unknown", "tired")]),
    ("null", {"finish_reason": None}, []),
    ("empty", {"finish_reason": ""}, []),
    ("a number", {"finish_reason": 1}, []),
    ("vLLM: the stop that matched", {"finish_reason": "stop", "stop_reason": "END"}, [Finish("end_turn", "stop", "END")]),
    ("vLLM: a stop token", {"finish_reason": "stop", "stop_reason": 128009}, [Finish("end_turn", "stop")]),
    ("SGLang: the stop that matched", {"finish_reason": "stop", "matched_stop": "END"}, [Finish("end_turn", "stop", "END")]),
    ("OpenRouter: a call that was cut", {"finish_reason": "tool_calls", "native_finish_reason": "MAX_TOKENS"}, [Finish("max_tokens", "tool_calls")]),
    ("OpenRouter: an end the provider calls otherwise", {"finish_reason": "stop", "native_finish_reason": "STOP"}, [Finish("end_turn", "stop")]),
    ("error, and nothing said about it yet", {"finish_reason": "error"}, [Finish("error", "error")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "expected"), [pytest.param(fields, expected, id=name) for name, fields, expected in FINISHES]
)
def test_finish(fields: dict[str, Any], expected: list[Delta]) -> None:
    assert read({"choices": [{"index": 0, "delta": {}, **fields}]}) == expected


ERRORS: list[tuple[str, object, str]] = [
    ("an object", {"error": {"message": "no luck", "code": 500}}, "api_error"),
    ("a sentence", {"error": "no luck"}, "api_error"),
    ("an object with its status", {"error": {"message": "no luck", "code": 429}}, "rate_limit_error"),
    ("ST-15: beside no choices", {"error": {"code": 502, "message": "no luck"}, "choices": []}, "api_error"),
    ("OpenRouter: beside a choice that ends in error", {"error": {"code": 429, "message": "no luck"}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}, "rate_limit_error"),
    ("OpenRouter: in the choice", {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 503, "message": "no luck"}}]}, "overloaded_error"),
    ("in the choice, without a finish", {"choices": [{"index": 0, "delta": {}, "error": {"message": "no luck"}}]}, "api_error"),
    ("in the choice, a sentence", {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": "no luck"}]}, "api_error"),
    ("vLLM of old: the chunk is the error", {"object": "error", "message": "no luck", "code": 400}, "invalid_request_error"),
    ("Groq: in x_groq", {"choices": [], "x_groq": {"error": "no luck"}}, "api_error"),
    ("MiniMax: base_resp", {"base_resp": {"status_code": 1002, "status_msg": "no luck"}}, "rate_limit_error"),
    ("Gemini: a list", [{"error": {"code": 429, "message": "no luck", "status": "RESOURCE_EXHAUSTED"}}], "rate_limit_error"),
    ("Anthropic's own shape", {"type": "error", "error": {"type": "overloaded_error", "message": "no luck"}}, "overloaded_error"),
    ("a type that says error", {"type": "error", "message": "no luck"}, "api_error"),
    ("a list of errors", {"errors": [{"message": "no luck"}]}, "api_error"),
    ("FastAPI: detail", {"detail": "no luck"}, "api_error"),
    ("a message and nothing else", {"code": 1234, "message": "no luck"}, "api_error"),
    ("msg and nothing else", {"code": 1234, "msg": "no luck"}, "api_error"),
    ("the error says more than the finish reason", {"error": {"code": 429, "message": "no luck"}, "choices": [{"delta": {}, "finish_reason": "network_error"}]}, "rate_limit_error"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "expected"), [pytest.param(payload, expected, id=name) for name, payload, expected in ERRORS]
)
def test_errors(payload: object, expected: str) -> None:
    error = failure(payload)
    assert "no luck" in error.message
    assert error.type == expected


@pytest.mark.parametrize(
    ("payload", "expected"), [pytest.param(payload, expected, id=name) for name, payload, expected in ERRORS]
)
def test_the_same_errors_in_a_whole_answer(payload: object, expected: str) -> None:
    failed = [delta for delta in read_answer(json.dumps(payload).encode(), OPENAI) if isinstance(delta, Failed)]
    assert [delta.error.type for delta in failed] == [expected]
    assert "no luck" in failed[0].error.message


@pytest.mark.parametrize(
    "payload",
    [
        {"error": None},
        {"error": ""},
        {"error": {}},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"x_groq": {"id": "r"}},
        {"choices": [{"delta": {}, "error": None}]},
    ],
)
def test_no_error(payload: object) -> None:
    assert read(payload) == []


@pytest.mark.parametrize("word", FAILED_FINISH)
def test_a_finish_reason_that_is_a_failure(word: str) -> None:
    (delta,) = read({"choices": [{"index": 0, "delta": {}, "finish_reason": word}]})
    if word == "error":  # an error object may still come
        assert delta == Finish("error", "error")
        return
    assert isinstance(delta, Failed)
    assert isinstance(delta.error, RetryableError)
    others = {"insufficient_system_resource": "overloaded_error", "timeout": "timeout_error"}
    assert delta.error.type == others.get(word, "api_error")


def test_content_beside_an_error_is_still_content() -> None:
    text, failed = read(
        {"choices": [{"delta": {"content": "hi"}, "finish_reason": "error"}], "error": {"message": "no"}}
    )[:2]
    assert text == Text("hi")
    assert isinstance(failed, Finish | Failed)


def test_a_content_filter_is_told_from_a_fault() -> None:
    assert isinstance(failure({"error": {"code": "content_filter", "message": "no"}}), FilteredError)


DONE = [b"[DONE]", b" [DONE]", b"[DONE]\n", b'"[DONE]"']


@pytest.mark.parametrize("payload", DONE)
def test_done(payload: bytes) -> None:
    assert read_chunk(payload, OPENAI) == [Ended()]


NOT_JSON = [
    b"{",
    b"[",
    b"<html>",
    b"hello",
    b'{"choices":[{"delta":{"content":"a',
    b"\xff\xfe",
    b"NaN",
    b"[DONE",
    b"[" * 100_000,
]


@pytest.mark.parametrize("payload", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_not_json_is_a_failure_that_may_pass(payload: bytes) -> None:
    for found in (read_chunk(payload, OPENAI), read_answer(payload, OPENAI)):
        (delta,) = found
        assert isinstance(delta, Failed)
        assert isinstance(delta.error, RetryableError)
        assert "not JSON" in delta.error.message


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b"{}", b'"hi"', b'{"choices":[]}', b'{"choices":null}', b'{"id":"x","usage":{"prompt_tokens":1}}'],
)
def test_a_whole_answer_without_choices_is_a_failure(body: bytes) -> None:
    (delta,) = read_answer(body, OPENAI)
    assert isinstance(delta, Failed)
    assert "without choices" in delta.error.message


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(rb'{"choices":[{"delta":{"content":"a\ud83d"}}]}', "a\ufffd", id="half a surrogate pair"),
        pytest.param(rb'{"choices":[{"delta":{"content":"\ude00b"}}]}', "\ufffdb", id="the other half"),
        pytest.param(rb'{"choices":[{"delta":{"content":"\ud83d\ude00\ud83d"}}]}', "😀\ufffd", id="a pair and a half"),
        pytest.param(
            rb'{"choices":[{"delta":{"content":"\\ud83d \ud83d"}}]}',
            "\\ud83d \ufffd",
            id="an escaped backslash is none",
        ),
        pytest.param(b'{"choices":[{"delta":{"content":"a\xe5\x8c"}}]}', "a\ufffd", id="half a character"),
    ],
)
def test_a_broken_character_does_not_cost_the_answer(payload: bytes, expected: str) -> None:
    halves = Halves()
    assert "".join(delta.text for delta in halves.join(read_chunk(payload, OPENAI)) + halves.flush()) == expected


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "tool_calls",
        "function",
        "arguments",
        "id",
        "index",
        "name",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cost",
        "error",
        "code",
        "type",
        "text",
        "data",
        "finish_reason",
        "stop_reason",
        "extra_content",
        "google",
        "thought_signature",
        "annotations",
        "url_citation",
        "url",
        "refusal",
        "x_groq",
        "base_resp",
        "status_code",
        "timings",
        "custom",
        "input",
        "audio",
        "images",
    ]
)
SHAPED = st.recursive(
    ANYTHING, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=25
)


@given(SHAPED)
def test_any_json_reads_as_deltas_whose_types_are_true(value: Any) -> None:
    payload = json.dumps({"choices": [{"delta": value, **(value if isinstance(value, dict) else {})}]}).encode()
    for found in (
        read_chunk(json.dumps(value).encode(), OPENAI),
        read_chunk(payload, OPENAI),
        read_answer(payload, OPENAI),
    ):
        for delta in found:
            assert type(delta).__module__ == deltas.__name__
            for name in ("text", "field", "arguments", "name", "reason", "native", "url", "title"):
                assert isinstance(getattr(delta, name, ""), str)


@given(st.binary(max_size=100))
def test_any_bytes_read_as_deltas(payload: bytes) -> None:
    assert all(isinstance(delta, Delta) for delta in [*read_chunk(payload, OPENAI), *read_answer(payload, OPENAI)])


@pytest.mark.parametrize(
    "place",
    [
        '{"content":%s}',
        '{"tool_calls":[{"id":"a","function":{"name":"Bash","arguments":{"a":%s}}}]}',
        '{"reasoning_details":[{"data":%s}]}',
    ],
)
def test_what_nests_deeper_than_anybody_needs_is_refused_wherever_the_stack_stands(place: str) -> None:
    def frame(depth: int) -> bytes:
        return ('{"choices":[{"delta":' + place % ("[" * depth + "]" * depth) + "}]}").encode()

    assert all(not isinstance(delta, Failed) for delta in read_chunk(frame(200), OPENAI))
    for depth in (260, 500, *range(900, 1000, 9), 5000, 1_000_000):
        assert [type(delta) for delta in read_chunk(frame(depth), OPENAI)] == [Failed]


def test_brackets_in_strings_are_no_nesting() -> None:
    assert read(chunk({"content": '"' + "[{" * 1000 + "\\"})) == [Text('"' + "[{" * 1000 + "\\")]
    flat = [{"a": []}] * 1000
    assert read({"choices": [], "x": flat}) == []


@pytest.mark.parametrize("error", ["[" * 240 + '"no"' + "]" * 240, '{"error":' * 240 + '"no"' + "}" * 240])
def test_an_error_wrapped_in_errors_is_an_error(error: str) -> None:
    (delta,) = read_chunk(('{"error":' + error + "}").encode(), OPENAI)
    assert isinstance(delta, Failed)
