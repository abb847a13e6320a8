"""Events folded into a message: a streamed and a whole answer of the same content are the same message."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import (
    KEY,
    MESSAGE_ID,
    OPENAI,
    THINKS_ALOUD,
    Heard,
    answer,
    chunk,
    fragment,
    hear,
    hear_whole,
    plan_of,
    stream,
)

from claude_code_proxy.errors import UpstreamError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal
from claude_code_proxy.translate.fold import Fold
from claude_code_proxy.translate.plan import JsonShape, Plan, ToolFacts
from claude_code_proxy.translate.stream import read_whole
from claude_code_proxy.wire.anthropic import (
    CitationsDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Event,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)


def folded(*events: Event) -> dict[str, Any]:
    fold = Fold()
    fold.add(events)
    return fold.message


def block(start: dict[str, Any], *deltas: Any) -> dict[str, Any]:
    """Return the block that deltas make of its start."""
    events = [
        MessageStart({"id": "msg_1"}),
        ContentBlockStart(0, start),
        *(ContentBlockDelta(0, delta) for delta in deltas),
    ]
    (made,) = folded(*events, ContentBlockStop(0))["content"]
    return dict(made)


BLOCKS: list[tuple[str, dict[str, Any], list[Any], dict[str, Any]]] = [
    ("text", {"type": "text", "text": ""}, [TextDelta("a"), TextDelta("b")], {"type": "text", "text": "ab"}),
    (
        "text with citations",
        {"type": "text", "text": ""},
        [TextDelta("a"), CitationsDelta({"url": "u"}), TextDelta("b"), CitationsDelta({"url": "v"})],
        {"type": "text", "text": "ab", "citations": [{"url": "u"}, {"url": "v"}]},
    ),
    (
        "thinking",
        {"type": "thinking", "thinking": "", "signature": ""},
        [ThinkingDelta("a"), ThinkingDelta("b"), SignatureDelta("s")],
        {"type": "thinking", "thinking": "ab", "signature": "s"},
    ),
    ("thinking omitted", {"type": "thinking", "thinking": "", "signature": ""}, [SignatureDelta("s")], {"type": "thinking", "thinking": "", "signature": "s"}),
    (
        "a call in pieces",
        {"type": "tool_use", "id": "a", "name": "Bash", "input": {}},
        [InputJsonDelta(""), InputJsonDelta('{"a'), InputJsonDelta('":1}')],
        {"type": "tool_use", "id": "a", "name": "Bash", "input": {"a": 1}},
    ),
    (
        "a call without arguments",
        {"type": "tool_use", "id": "a", "name": "Bash", "input": {}},
        [InputJsonDelta("")],
        {"type": "tool_use", "id": "a", "name": "Bash", "input": {}},
    ),
    ("a whole block", {"type": "web_search_tool_result", "content": [1]}, [], {"type": "web_search_tool_result", "content": [1]}),
    ("a whole call", {"type": "server_tool_use", "input": {"q": 1}}, [], {"type": "server_tool_use", "input": {"q": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("start", "deltas", "expected"), [pytest.param(*rest, id=name) for name, *rest in BLOCKS])
def test_a_block(start: dict[str, Any], deltas: list[Any], expected: dict[str, Any]) -> None:
    before = dict(start)
    assert block(start, *deltas) == expected
    assert start == before, "the event is not changed"


@pytest.mark.parametrize("sent", ['{"a":', "{", '{"a":1', '{"a":' + "[" * 100_000], ids=len)
def test_half_a_call_is_none(sent: str) -> None:
    """A program that reads a whole message runs every call in it: one that was cut off is not among them."""
    call = {"type": "tool_use", "id": "a", "name": "Bash", "input": {}}
    events = [
        MessageStart({"id": "msg_1", "content": []}),
        ContentBlockStart(0, {"type": "text", "text": ""}),
        ContentBlockDelta(0, TextDelta("hi")),
        ContentBlockStop(0),
        ContentBlockStart(1, call),
        ContentBlockDelta(1, InputJsonDelta(sent)),
        ContentBlockStop(1),
    ]
    assert folded(*events)["content"] == [{"type": "text", "text": "hi"}]


def test_the_end_replaces_what_the_start_said() -> None:
    start = {
        "id": "msg_1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 1},
    }
    message = folded(
        MessageStart(start),
        MessageDelta({"stop_reason": "stop_sequence", "stop_sequence": "END"}, {"input_tokens": 9, "output_tokens": 3}),
        MessageStop(),
    )
    assert message == {
        "id": "msg_1",
        "content": [],
        "stop_reason": "stop_sequence",
        "stop_sequence": "END",
        "usage": {"input_tokens": 9, "output_tokens": 3},
    }
    assert start["content"] == []


# -- one content, two shapes -----------------------------------------------------------------------------------------


@dataclass
class Content:
    """What a model said, before any backend puts it into a shape."""

    thinking: str = ""
    thinking_field: str = "reasoning_content"
    details: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    refusal: str = ""
    calls: list[tuple[str | None, str, dict[str, Any]]] = field(default_factory=list)
    finish: str | None = "stop"
    usage: dict[str, Any] | None = None

    def whole(self) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.thinking:
            message[self.thinking_field] = self.thinking
        if self.details:
            message["reasoning_details"] = self.details
        if self.refusal:
            message["refusal"] = self.refusal
        if self.calls:
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(value)}}
                for call_id, name, value in self.calls
            ]
        return answer(message, self.finish, **({"usage": self.usage} if self.usage else {}))

    def streamed(self, cut: Any) -> bytes:
        """cut: returns the pieces of a text."""
        chunks = [chunk({"role": "assistant", "content": ""})]
        for piece in cut(self.thinking):
            details = [{**detail, "text": piece} for detail in self.details]
            chunks.append(chunk({self.thinking_field: piece} | ({"reasoning_details": details} if details else {})))
        chunks += [chunk({"content": piece}) for piece in cut(self.text)]
        chunks += [chunk({"refusal": piece}) for piece in cut(self.refusal)]
        for index, (call_id, name, value) in enumerate(self.calls):
            start = {"index": index, "type": "function", "function": {"name": name, "arguments": ""}}
            chunks.append(chunk({"tool_calls": [start | ({"id": call_id} if call_id else {})]}))
            chunks += [
                chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
                for piece in cut(json.dumps(value))
            ]
        chunks.append(chunk({}, self.finish))
        if self.usage:
            chunks.append({"choices": [], "usage": self.usage})
        return stream(*chunks)


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
CALLS = st.lists(
    st.tuples(st.sampled_from(["Bash", "Read", "unheard_of"]), st.dictionaries(WORDS, VALUES, max_size=3)), max_size=3
)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    calls = draw(CALLS)
    ids = draw(st.sampled_from([["call_0", "call_1", "call_2"], ["functions.Bash:0", "b", "c"], [None, None, None]]))
    refusal = draw(st.sampled_from(["", "", "I can't."]))
    thinking = draw(WORDS)
    content = Content(
        thinking=thinking,
        thinking_field=draw(st.sampled_from(["reasoning_content", "reasoning"])),
        details=[{"type": "reasoning.text", "index": 0, "text": thinking}] if thinking and draw(st.booleans()) else [],
        text=draw(WORDS),
        refusal=refusal,
        calls=[(call_id, name, value) for call_id, (name, value) in zip(ids, calls, strict=False)],
        finish=draw(st.sampled_from(["stop", "tool_calls", "length", "content_filter", "odd"])),
        usage=draw(
            st.none()
            | st.fixed_dictionaries({"prompt_tokens": st.integers(1, 99), "completion_tokens": st.integers(1, 99)})
        ),
    )
    if not (content.text or content.refusal or content.calls or content.thinking):
        content.text = "nothing"
    return content


@st.composite
def cutters(draw: st.DrawFn) -> Any:
    """A function that cuts a text into pieces of sizes that repeat."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))

    def cut(text: str) -> list[str]:
        pieces, at, turn = [], 0, 0
        while at < len(text):
            pieces.append(text[at : at + sizes[turn % len(sizes)]])
            at, turn = at + len(pieces[-1]), turn + 1
        return pieces

    return cut


PLANS = st.builds(
    plan_of,
    show_thinking=st.booleans(),
    hide_thinking=st.booleans(),
    one_tool=st.booleans(),
    discard=st.booleans(),
    prefill=st.sampled_from(["", "I "]),
    scan_stops=st.sampled_from([(), ("a", "0")]),
    stops=st.sampled_from([(), ("a", "0")]),
    json_shape=st.none() | st.builds(JsonShape, wrapped=st.booleans()),
)


@given(contents(), cutters(), PLANS, st.sampled_from([OPENAI, THINKS_ALOUD]))
def test_a_streamed_answer_folds_to_the_whole_one(content: Content, cut: Any, plan: Plan, dialect: Dialect) -> None:
    streamed = hear(content.streamed(cut), plan=plan, dialect=dialect)
    whole = hear_whole(content.whole(), plan=plan, dialect=dialect)
    assert streamed.failure is None
    assert whole.message == read_whole(content.whole(), dialect, plan, message_id=MESSAGE_ID)
    stopped = plan.stops or plan.scan_stops  # a stream that was stopped never comes to its counts
    beside = {"usage": None} if stopped else {}
    assert streamed.message | beside == whole.message | beside
    assert streamed.envelopes == whole.envelopes


@given(contents())
def test_what_was_said_is_what_is_read(content: Content) -> None:
    message = hear_whole(content.whole()).message
    assert "".join(one["text"] for one in message["content"] if one["type"] == "text") == content.text + content.refusal
    assert "".join(one["thinking"] for one in message["content"] if one["type"] == "thinking") == content.thinking
    calls = [(one["name"], one["input"]) for one in message["content"] if one["type"] == "tool_use"]
    assert calls == [(name, value) for _, name, value in content.calls]


SCHEMA = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "name": {"type": "string"},
        "flags": {"type": "array", "items": {"type": "boolean"}},
        "inner": {"type": "object", "properties": {"count": {"type": "number"}}},
    },
    "required": ["count"],
}
ODD = ["", "1", "true", "[true]", "{}", '{"count":"2"}', "null", "x", "\ud83d", "1e999", " "]
NAMES = st.sampled_from(["count", "name", "flags", "inner", "other"])
INPUTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(NAMES, INPUTS, max_size=4), cutters())
def test_arguments_in_pieces_become_what_they_become_whole(value: dict[str, Any], cut: Any) -> None:
    plan, text = plan_of(tools={"Bash": ToolFacts("Bash", SCHEMA)}), json.dumps(value)
    pieces = [fragment("", index=0, id="a", name="Bash"), *[fragment(piece, index=0) for piece in cut(text)]]
    streamed = hear(stream(*pieces, chunk({}, "tool_calls")), plan=plan)
    message = {"tool_calls": [{"id": "a", "function": {"name": "Bash", "arguments": text}}]}
    assert streamed.calls == hear_whole(answer(message, "tool_calls"), plan=plan).calls
    assert streamed.failure is None


def test_a_whole_message() -> None:
    content = Content(
        "hm",
        "reasoning",
        [],
        "hi",
        "",
        [("call_1", "Bash", {"command": "ls"})],
        "tool_calls",
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 75}},
    )
    assert read_whole(content.whole(), OPENAI, plan_of(), message_id="msg_1") == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-asked-for",
        "content": [
            {
                "type": "thinking",
                "thinking": "hm",
                "signature": seal(Envelope("b", "m", "reasoning", None, digest("hm")), KEY),
            },
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"command": "ls"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 25,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 75,
            "output_tokens": 5,
            "service_tier": "standard",
        },
    }


WHOLE_CALLS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("an object", {"a": 1}, {"a": 1}, ""),
    ("text", '{"a":1}', {"a": 1}, ""),
    ("nothing", "", {}, ""),
    ("null", None, {}, ""),
    ("the word null", "null", {}, ""),
    ("an empty object first", '{}{"a":1}', {"a": 1}, "arguments-repaired"),
    ("the same object twice", '{"a":1}{"a":1}', {"a": 1}, "arguments-repaired"),
    ("a fence", '```json\n{"a":1}\n```', {"a": 1}, "arguments-repaired"),
    ("text inside text", '"{\\"a\\":1}"', {"a": 1}, "arguments-repaired"),
    ("a list", [1], {"value": [1]}, "arguments-repaired"),
    ("a number", 5, {"value": 5}, "arguments-repaired"),
    ("TO-07: keys without quotes", "{a:1}", {"a": 1}, "arguments-repaired"),
    ("TO-07: words", "ls -la", {"_raw": "ls -la"}, "arguments-broken"),
    ("a raw line end in a string", '{"a":"b\nc"}', {"a": "b\nc"}, "arguments-repaired"),
    ("a number no reader can hold", '{"a":1e999}', {"_raw": '{"a":1e999}'}, "arguments-broken"),
    ("half a surrogate pair", '{"a":"\\ud83d"}', {"a": "\ufffd"}, "arguments-repaired"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "expected", "note"), [pytest.param(*rest, id=name) for name, *rest in WHOLE_CALLS]
)
@pytest.mark.parametrize("hearing", ["whole answer", "whole call in a stream"])
def test_to_07_arguments_that_come_whole(arguments: Any, expected: dict[str, Any], note: str, hearing: str) -> None:
    message = {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "Bash", "arguments": arguments}}]}
    heard: Heard = (
        hear_whole(answer(message, "tool_calls"))
        if hearing == "whole answer"
        else hear(stream(chunk(message, "tool_calls")))
    )
    assert heard.calls == [("Bash", expected)]
    assert [code for code in heard.notes if code.startswith("arguments")] == ([note] if note else [])


def test_to_07_a_whole_answer_keeps_arguments_that_were_cut_off_as_text() -> None:
    message = {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "Bash", "arguments": '{"a":"b'}}]}
    heard = hear_whole(answer(message, "tool_calls"))
    assert heard.calls == [("Bash", {"a": None, "_raw": '{"a":"b'})], "as a streamed one: its member is overruled"
    assert "arguments-broken" in heard.notes
    assert hear_whole(answer(message, "length")).calls == [], "the model had no room: half a call is none"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b"<html>502</html>",
        b'{"error":"no"}',
        b"\xff",
        answer({}),
        answer({"content": ""}),
    ],
)
def test_an_answer_that_is_none_raises_an_upstream_error(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        read_whole(body, OPENAI, plan_of(), message_id="msg_1")
