"""A backend's answer, and what a client reads of it, however the bytes are cut: the cases of the list, and any bytes at all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import stream_cases
from tests.answers import (
    MESSAGE_ID,
    OPENAI,
    THINKS_ALOUD,
    TOOLS,
    Heard,
    answer,
    byte_by_byte,
    chunk,
    every_way,
    fragment,
    hear,
    hear_whole,
    judged,
    lines,
    plan_of,
    sse,
    stream,
    whole,
)

from claude_code_proxy.errors import FilteredError, UpstreamError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.plan import JsonShape, Plan, ToolFacts
from claude_code_proxy.translate.stream import StreamTranslator, read_whole
from claude_code_proxy.wire import sse as wire_sse

Way = Callable[[bytes], list[bytes]]
PROMOTES = Dialect(name="calls as text", text_tools=True, think_tags=True)


def body_of(text: str) -> bytes:
    return sse(text).replace(b"\n\n@", b"\n")


@every_way
@pytest.mark.parametrize(
    ("text", "expected", "more"), [pytest.param(*rest, id=name) for name, *rest in stream_cases.CASES]
)
def test_case(text: str, expected: str, more: dict[str, Any], way: Way) -> None:
    heard = hear(body_of(text), way, dialect=more.get("dialect", OPENAI), plan=plan_of(**more.get("plan", {})))
    assert heard.lines == lines(expected)


# -- counts (ST-22, ST-23, translation reference 4.9) ------------------------------------------------------------------

HI = chunk({"content": "hi"})
STOP = chunk({}, "stop")
COUNTS = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 75}}
EARLIER = {"prompt_tokens": 100, "completion_tokens": 1}

USAGES: list[tuple[str, list[dict[str, Any]]]] = [
    ("ST-22: in a chunk behind the finish reason", [HI, STOP, {"choices": [], "usage": COUNTS}]),
    ("in the chunk of the finish reason", [HI, STOP | {"usage": COUNTS}]),
    ("in every chunk, growing", [HI | {"usage": EARLIER}, HI | {"usage": EARLIER}, STOP | {"usage": COUNTS}]),
    ("in the first chunk only", [HI | {"usage": COUNTS}, STOP]),
    (
        "null in every chunk but the last",
        [HI | {"usage": None}, STOP | {"usage": None}, {"choices": [], "usage": COUNTS}],
    ),
    ("twice", [HI, STOP | {"usage": COUNTS}, {"choices": [], "usage": COUNTS}]),
    ("an empty one behind the real one", [HI, STOP | {"usage": COUNTS}, {"choices": [], "usage": {}}]),
    ("Groq: in x_groq", [HI, STOP | {"x_groq": {"id": "r", "usage": COUNTS}}]),
    ("Kimi: in the choice", [HI, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTS}]}]),
    (
        "llama.cpp: as timings",
        [HI, STOP, {"choices": [], "timings": {"cache_n": 75, "prompt_n": 25, "predicted_n": 5}}],
    ),
]


@pytest.mark.parametrize("chunks", [pytest.param(chunks, id=name) for name, chunks in USAGES])
@pytest.mark.parametrize("done", [True, False], ids=["[DONE]", "no [DONE]"])
def test_counts_wherever_they_come(chunks: list[dict[str, Any]], done: bool) -> None:
    heard = hear(stream(*chunks, done=done))
    assert heard.usage == {
        "input_tokens": 25,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 75,
        "output_tokens": 5,
        "service_tier": "standard",
    }
    assert "usage-estimated" not in heard.notes


def test_st_23_message_start_has_an_estimate_and_the_end_as_well_when_nobody_counted() -> None:
    heard = hear(stream(HI, STOP), plan=plan_of(input_estimate=1234))
    assert heard.events[0].message["usage"]["input_tokens"] == heard.usage["input_tokens"] == 1234  # type: ignore[union-attr]
    assert heard.usage["output_tokens"] > 0
    assert "usage-estimated" in heard.notes


HALF_COUNTED: list[tuple[str, dict[str, Any], tuple[int, int]]] = [
    ("no prompt", {"completion_tokens": 5}, (1234, 5)),
    ("a prompt of 0", {"prompt_tokens": 0, "completion_tokens": 5, "total_tokens": 5}, (1234, 5)),
    ("no output", {"prompt_tokens": 100}, (100, 1)),
    ("an output of 0", {"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100}, (100, 1)),
    ("all of it 0", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (1234, 1)),
]


@pytest.mark.parametrize(("usage", "expected"), [pytest.param(*rest, id=name) for name, *rest in HALF_COUNTED])
def test_st_22_a_count_that_cannot_be_is_made_by_the_proxy(usage: dict[str, Any], expected: tuple[int, int]) -> None:
    """No prompt has 0 tokens, nor has an answer that says something: a client's gauge would be back at zero."""
    plan = plan_of(input_estimate=1234)
    streamed = hear(stream(HI | {"usage": usage}, STOP, {"choices": [], "usage": usage}), plan=plan)
    assert streamed.events[0].message["usage"]["input_tokens"] == expected[0]  # type: ignore[union-attr]
    whole_one = hear_whole(answer({"content": "hi"}, usage=usage), plan=plan)
    for heard in (streamed, whole_one):
        assert (heard.usage["input_tokens"], heard.usage["output_tokens"]) == expected
        assert "usage-estimated" in heard.notes


def test_a_prompt_is_counted_only_for_an_answer_that_does_not_say_its_size() -> None:
    asked = []

    def estimate() -> int:
        asked.append("counted")
        return 1234

    def told(body: bytes) -> int:
        translator = StreamTranslator(OPENAI, plan_of(), message_id=MESSAGE_ID, estimate=estimate)
        return judged(Heard(translator.whole_events(body), None, [])).usage["input_tokens"]

    assert told(answer({"content": "hi"}, usage={"prompt_tokens": 9, "completion_tokens": 1})) == 9
    assert not asked
    assert told(answer({"content": "hi"})) == 1234
    assert asked


def test_a_prompt_that_was_all_cached_and_an_answer_that_says_nothing_are_counted_as_they_are() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}}
    heard = hear(stream(HI, STOP, {"choices": [], "usage": usage}), plan=plan_of(input_estimate=1234))
    assert (heard.usage["input_tokens"], heard.usage["cache_read_input_tokens"]) == (0, 90)
    assert "usage-estimated" not in heard.notes
    silent = hear(stream(chunk({}, "length"), {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 0}}))
    assert (silent.usage["input_tokens"], silent.usage["output_tokens"]) == (9, 0)
    assert "usage-estimated" not in silent.notes


FIRST = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
COUNTED = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}


@pytest.mark.parametrize("fast", [False, True], ids=["", "asked to be fast"])
@pytest.mark.parametrize(
    ("said", "tier"), [("priority", "priority"), ("default", "standard"), ("flex", "standard"), (None, "standard"), (7, "standard")]
)  # fmt: skip
def test_how_a_request_was_served_is_told(said: Any, tier: str, *, fast: bool) -> None:
    """Translation reference 4.1 and 4.9: `speed` is fast only where the backend says so."""
    plan = plan_of(fast=fast)
    chunks = [one | {"service_tier": said} for one in (FIRST, HI, HI, HI, STOP, COUNTED)]
    streamed = hear(stream(*chunks), plan=plan)
    whole_one = hear_whole(answer({"content": "hi"}, service_tier=said, usage=COUNTED["usage"]), plan=plan)
    late = hear(stream(HI, STOP, chunks[-1]), plan=plan)
    started: Any = streamed.events[0]
    for usage in (started.message["usage"], streamed.usage, whole_one.usage, late.usage):
        assert usage["service_tier"] == tier
        assert usage.get("speed") == (("fast" if tier == "priority" else "standard") if fast else None)


@pytest.mark.parametrize("name", ["Bash ", " Bash", "Bash\n", "\tBash\r\n"])
@pytest.mark.parametrize("way", [whole, byte_by_byte], ids=["whole", "by byte"])
def test_white_space_around_a_tools_name_is_none_of_it(name: str, way: Way) -> None:
    call = fragment('{"command":', index=0, id="a", name=name)
    rest = fragment('"ls"}', index=0)
    streamed = hear(stream(call, rest, chunk({}, "tool_calls")), way)
    told = {"id": "a", "type": "function", "function": {"name": name, "arguments": '{"command":"ls"}'}}
    at_once = hear_whole(answer({"content": None, "tool_calls": [told]}, "tool_calls"))
    for heard in (streamed, at_once):
        assert heard.calls == [("Bash", {"command": "ls"})]
        assert "call-named" in heard.notes
    foreign = hear(stream(fragment("{}", index=0, id="a", name="Bush "), chunk({}, "tool_calls")))
    assert foreign.calls == [("Bush ", {})]
    assert "call-named" not in foreign.notes


@pytest.mark.parametrize(
    "arguments",
    [
        '{"command":"x",//c\n"timeout":1}',
        '{"command":"x" /* c, "d": 1 */ ,"timeout":1}',
        '// c\n{"command":"x","timeout":1 // }\n}',
        '{"command": /**/ "x", /* * / */"timeout":1,}',
    ],
)
def test_comments_in_arguments_are_left_out(arguments: str) -> None:
    told = {"id": "a", "type": "function", "function": {"name": "Bash", "arguments": arguments}}
    at_once = hear_whole(answer({"content": None, "tool_calls": [told]}, "tool_calls"))
    pieces = [fragment(piece, index=0) for piece in arguments]
    streamed = hear(stream(fragment("", index=0, id="a", name="Bash"), *pieces, chunk({}, "tool_calls")))
    for heard in (at_once, streamed):
        assert heard.calls == [("Bash", {"command": "x", "timeout": 1})]
        assert "arguments-repaired" in heard.notes


def test_two_slashes_in_a_string_are_no_comment() -> None:
    told = {"id": "a", "type": "function", "function": {"name": "Bash", "arguments": "{command: 'curl http://a/*b*/'}"}}
    heard = hear_whole(answer({"content": None, "tool_calls": [told]}, "tool_calls"))
    assert heard.calls == [("Bash", {"command": "curl http://a/*b*/"})]


SPOKEN_OF = 'Use <tool_call>{"name": "Bash", "arguments": {"command": "ls"}}</tool_call>'


@pytest.mark.parametrize("arguments", ['{"command":"pwd"}', '{"command":"ls"}'], ids=["another call", "its copy"])
@pytest.mark.parametrize("pieces", [1, 200])
def test_a_block_a_sentence_speaks_of_stands_before_the_call_that_follows_it(arguments: str, pieces: int) -> None:
    words = [SPOKEN_OF] if pieces == 1 else list(SPOKEN_OF)
    call = [fragment("", index=0, id="a", name="Bash"), *(fragment(piece, index=0) for piece in arguments)]
    thought = chunk({"reasoning_content": "hm"})
    heard = hear(
        stream(*[chunk({"content": piece}) for piece in words], *call, thought, chunk({}, "tool_calls"), COUNTED),
        dialect=PROMOTES,
    )
    assert [block["type"] for block in heard.message["content"]] == ["text", "tool_use", "thinking"]
    assert heard.message["content"][0]["text"].rstrip() == (SPOKEN_OF if "pwd" in arguments else "Use")
    assert heard.calls == [("Bash", json.loads(arguments))]


@pytest.mark.parametrize("words", ["plain words", "北京 😀", 'a "quote" and \n a line', "\u2028"])
def test_the_estimate_is_the_same_on_the_short_way(words: str) -> None:
    """Token frames take a short way; what they say counts as on the long one."""
    short, long = (
        stream(*[chunk({"content": words})] * 40, STOP),
        stream(*[chunk({"content": words}) | {"n": n} for n in range(40)], STOP),
    )
    assert hear(short).usage == hear(long).usage


# -- errors ------------------------------------------------------------------------------------------------------------

BROKEN = [
    pytest.param(b'data: {"choices":[{"delta":{"content":"h', id="the end in the middle of JSON"),
    pytest.param(b"data: [DO", id="the end in the middle of [DONE]"),
    pytest.param(b"data: not json\n\n", id="an event that is no JSON"),
    pytest.param(b"<html><body>502 Bad Gateway</body></html>", id="a web page"),
    pytest.param(b"", id="no byte"),
    pytest.param(b"\n\n", id="blank lines"),
    pytest.param(b": OPENROUTER PROCESSING\n\n", id="comments"),
    pytest.param(b"event: error\ndata: overloaded\n\n", id="an error event with a word"),
    pytest.param(b'data: {"choices":[]}\n\n', id="a chunk that says nothing"),
]


@every_way
@pytest.mark.parametrize("body", BROKEN)
def test_a_stream_that_is_none_is_a_failure_and_no_message(body: bytes, way: Way) -> None:
    heard = hear(body, way)
    assert heard.failure is not None
    assert heard.events == []


def test_an_event_cut_off_behind_the_finish_reason_is_no_loss() -> None:
    for rest in (
        b'data: {"choices":[],"usa',
        b"data: [DO",
        b"data: {",
        b'data: {"choices":[],"usage":{"prompt_tokens":5}',
    ):
        assert hear(stream(HI, STOP, done=False) + rest).lines[-1] == "message_stop"
    assert hear(stream(HI, STOP, done=False) + b'data: {"error":{"message":"no"}}').failure is not None


def test_a_failure_says_what_the_backend_said() -> None:
    heard = hear(b'event: error\ndata: {"message":"the GPU is on fire"}\n\n')
    assert "the GPU is on fire" in str(heard.failure)


def test_an_event_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_sse, "MAX_EVENT", 1000)
    heard = hear(stream(HI, done=False) + b"data: " + b"x" * 2000, byte_by_byte)
    assert "more than 1000 bytes" in str(heard.failure)
    assert heard.lines[:3] == ["message_start", "content_block_start 0 text", 'text_delta 0 "hi"']


def test_after_the_end_nothing_is_read() -> None:
    translator = StreamTranslator(OPENAI, plan_of(), message_id=MESSAGE_ID)
    first = translator.feed(stream(HI, STOP) + stream(HI))
    assert translator.done
    assert first.endswith(b'{"type":"message_stop"}\n\n')
    assert translator.feed(stream(HI)) == translator.finish() == b""
    assert translator.stop_reason == "end_turn"


def test_a_finish_reason_is_known_before_the_end() -> None:
    translator = StreamTranslator(OPENAI, plan_of(), message_id=MESSAGE_ID)
    translator.feed(stream(HI, done=False))
    assert not translator.finishing
    translator.feed(stream(STOP, done=False))
    assert translator.finishing
    assert not translator.done


# -- whole answers -----------------------------------------------------------------------------------------------------


def test_a_json_body_in_place_of_a_stream_is_the_same_message() -> None:
    body = answer({"reasoning": "hm", "content": "hi"}, usage=COUNTS)
    streamed = hear(body)
    assert streamed.lines == hear_whole(body).lines
    assert streamed.message == hear_whole(body).message
    assert [one["type"] for one in streamed.message["content"]] == ["thinking", "text"]


@every_way
def test_a_json_body_on_many_lines_in_place_of_a_stream(way: Way) -> None:
    body = json.dumps(json.loads(answer({"content": "hi"})), indent=2).encode() + b"\n"
    assert hear(body, way).message["content"] == [{"type": "text", "text": "hi"}]


@pytest.mark.parametrize("begin", [b"", b"\n", b": keep-alive\n\n", b"\xef\xbb\xbf", b"event: message\n"])
def test_a_stream_in_place_of_a_json_body(begin: bytes) -> None:
    body = begin + stream(HI, STOP)
    assert hear_whole(body).lines == hear(body).lines
    assert read_whole(body, OPENAI, plan_of(), message_id="msg_1")["content"] == [{"type": "text", "text": "hi"}]


@pytest.mark.parametrize("body", [b" \n\n%s", b"%s\n"])
def test_white_space_around_a_json_body(body: bytes) -> None:
    assert hear_whole(body % answer({"content": "hi"})).failure is None


def test_a_refused_request_is_a_message_without_content() -> None:
    translator = StreamTranslator(OPENAI, plan_of(), message_id=MESSAGE_ID)
    heard = judged(Heard(translator.refuse("The prompt was filtered."), translator.failure, []))
    assert heard.lines == ["message_start", "message_delta refusal", "message_stop"]
    assert heard.stop["stop_details"] == {
        "type": "refusal",
        "category": None,
        "explanation": "The prompt was filtered.",
    }
    assert translator.done


# -- calls (translation reference 5.4) -------------------------------------------------------------------------------

BASH = {"index": 0, "id": "a", "name": "Bash"}
CALLS: list[tuple[str, list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]] = [
    ("whole", [fragment('{"a":1}', **BASH)], [("Bash", {"a": 1})]),
    (
        "by character",
        [fragment("", **BASH), *[fragment(char, index=0) for char in '{"a": [1, "\\u5317", null]}']],
        [("Bash", {"a": [1, "北", None]})],
    ),
    ("without arguments", [fragment("", **BASH)], [("Bash", {})]),
    ("with an empty object", [fragment("{}", **BASH)], [("Bash", {})]),
    (
        "with an empty object in pieces",
        [fragment("", **BASH), fragment("{", index=0), fragment("}", index=0)],
        [("Bash", {})],
    ),
    ("with white space", [fragment(" \n", **BASH)], [("Bash", {})]),
    ("with null", [fragment("null", **BASH)], [("Bash", {})]),
    (
        "as an object",
        [chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "Bash", "arguments": {"a": 1}}}]})],
        [("Bash", {"a": 1})],
    ),
    (
        "all of it once more at the end",
        [fragment("", **BASH), fragment('{"a"', index=0), fragment(":1}", index=0), fragment('{"a":1}', index=0)],
        [("Bash", {"a": 1})],
    ),
    (
        "with words behind",
        [fragment("", **BASH), fragment('{"a":1}', index=0), fragment("</tool_call>", index=0)],
        [("Bash", {"a": 1})],
    ),
    (
        "with a raw line end in a string",
        [fragment("", **BASH), fragment('{"a":"b\n', index=0), fragment('c"}', index=0)],
        [("Bash", {"a": "b\nc"})],
    ),
    (
        "with arguments in a fence",
        [fragment("", **BASH), fragment("```json\n", index=0), fragment('{"a":1}\n```', index=0)],
        [("Bash", {"a": 1})],
    ),
    (
        "TO-07: with keys without quotes, in pieces",
        [fragment("", **BASH), fragment("{a:", index=0), fragment("1}", index=0)],
        [("Bash", {"a": 1})],
    ),
    ("of a tool nobody declared", [fragment("{}", index=0, id="a", name="Unheard")], [("Unheard", {})]),
    (
        "the name in pieces",
        [fragment("", index=0, id="a", name="Ba"), fragment("", index=0, name="sh"), fragment("{}", index=0)],
        [("Bash", {})],
    ),
    (
        "without a name, beside one that has one",
        [fragment("{}", **BASH), fragment("{}", index=1, id="b")],
        [("Bash", {})],
    ),
    (
        "interleaved by five",
        [
            *[fragment('{"n":', index=n, id=f"c{n}", name="Bash") for n in range(5)],
            *[fragment(f"{n}}}", index=n) for n in (4, 2, 0, 3, 1)],
        ],
        [("Bash", {"n": n}) for n in range(5)],
    ),
    (
        "deeper than any tool needs",
        [fragment('{"a":' + "[" * 300 + "]" * 300 + "}", **BASH)],
        [("Bash", {"a": json.loads("[" * 300 + "]" * 300)})],
    ),
]


@every_way
@pytest.mark.parametrize(
    ("chunks", "expected"), [pytest.param(chunks, expected, id=name) for name, chunks, expected in CALLS]
)
def test_a_call(chunks: list[dict[str, Any]], expected: list[tuple[str, dict[str, Any]]], way: Way) -> None:
    heard = hear(stream(*chunks, chunk({}, "tool_calls")), way)
    assert heard.calls == expected
    assert heard.stop["stop_reason"] == "tool_use"


@pytest.mark.parametrize("arguments", ["{}", '{"a":1}', ' {"a": [1, {"b": ""}]}\n'])
@pytest.mark.parametrize("between", [[], [fragment("{}", index=1, id="d", name="Read")]], ids=["at once", "later"])
def test_arguments_that_come_twice_are_noted_in_one_piece_and_in_two(
    arguments: str, between: list[dict[str, Any]]
) -> None:
    end = chunk({}, "tool_calls")
    one = hear(stream(fragment(arguments * 2, **BASH), *between, end))
    two = hear(stream(fragment(arguments, **BASH), *between, fragment(arguments, index=0), end))
    assert one.calls == two.calls
    assert one.notes == two.notes
    assert "arguments-repaired" in two.notes


def test_arguments_are_passed_on_while_they_come() -> None:
    translator = StreamTranslator(OPENAI, plan_of(), message_id=MESSAGE_ID)
    translator.feed(stream(fragment("", **BASH), fragment('{"a":"one ', index=0), done=False))
    assert b'"partial_json":"two "' in translator.feed(stream(fragment("two ", index=0), done=False))


@pytest.mark.parametrize("ending", ["length", "model_length"])
def test_a_call_that_was_not_begun_before_the_limit_is_no_call(ending: str) -> None:
    heard = hear(stream(HI, fragment('{"a', index=0, id="a"), chunk({}, ending)))
    assert heard.calls == []
    assert "call-dropped" in heard.notes


CUT_CALLS: list[tuple[str, list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]] = [
    ("within its arguments", [fragment('{"command":"ls', **BASH)], []),
    ("between two members", [fragment('{"command":"ls",', **BASH), fragment('"timeout":1', index=0)], []),
    ("right behind its bracket", [fragment("{", **BASH)], []),
    ("right behind its name", [fragment("", **BASH)], []),
    ("behind a whole one", [fragment('{"a":1}', **BASH), fragment('{"b', index=1, id="d", name="Read")], [("Bash", {"a": 1})]),
    ("behind one without arguments", [fragment("", **BASH), fragment('{"b', index=1, id="d", name="Read")], [("Bash", {})]),
    ("broken and cut off", [fragment("{command: ls", **BASH)], []),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "reason"), [("length", "max_tokens"), ("content_filter", "refusal")])
@pytest.mark.parametrize(
    ("chunks", "expected"), [pytest.param(chunks, expected, id=name) for name, chunks, expected in CUT_CALLS]
)
def test_half_a_call_is_none_in_a_whole_answer_and_without_an_end_in_a_stream(
    chunks: list[dict[str, Any]], expected: list[tuple[str, dict[str, Any]]], ending: str, reason: str
) -> None:
    heard = hear(stream(HI, *chunks, chunk({}, ending)))
    assert heard.calls == expected
    assert "call-dropped" in heard.notes
    assert heard.stop["stop_reason"] == reason
    sent = [line.split(" ", 2)[2:] for line in heard.lines if line.startswith("input_json_delta")]
    half = "".join(piece for pieces in sent for piece in pieces).removeprefix('{"a":1}')
    assert not half.endswith("}"), "nobody takes it for a whole one"


def test_a_second_call_is_left_out_when_the_client_wants_one() -> None:
    chunks = [
        fragment("{}", **BASH),
        fragment('{"a":', index=1, id="b", name="Bash"),
        fragment("1}", index=1),
        chunk({}, "tool_calls"),
    ]
    heard = hear(stream(*chunks), plan=plan_of(one_tool=True))
    assert heard.calls == [("Bash", {})]
    assert "call-dropped" in heard.notes


# -- thinking ----------------------------------------------------------------------------------------------------------


def test_openrouters_details_come_back_merged_in_the_signature() -> None:
    detail = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    chunks = [
        chunk({"reasoning": "h", "reasoning_details": [detail | {"text": "h"}]}),
        chunk({"reasoning": "m", "reasoning_details": [detail | {"text": "m"}]}),
        chunk({"reasoning_details": [detail | {"signature": "sig"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 1}]}),
        HI,
        STOP,
    ]
    (envelope,) = hear(stream(*chunks)).envelopes
    assert envelope is not None
    assert envelope.details == [
        detail | {"text": "hm", "signature": "sig"},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_the_signature_says_which_field_the_reasoning_came_in(name: str) -> None:
    (envelope,) = hear(stream(*[chunk({name: "hm "})] * 3, HI, STOP)).envelopes
    assert envelope is not None
    assert envelope.field == name


@every_way
@pytest.mark.parametrize(
    "fields",
    [{"show_thinking": False}, {"hide_thinking": True}, {"discard": True}],
    ids=["omitted", "disabled", "no output"],
)
def test_thinking_that_may_not_be_seen_is_in_no_event(fields: dict[str, bool], way: Way) -> None:
    body = stream(*[chunk({"reasoning_content": "secret "})] * 3, HI, STOP)
    assert b"secret" not in hear(body, way, plan=plan_of(**fields)).frames


# -- any bytes at all --------------------------------------------------------------------------------------------------
# The law: any bytes give legal events, or a failure; never another exception. `hear` and `hear_whole` hold the events
# against the table and against an oracle that does not know it, and the short way against the long one.

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "integer"},
        "p": {"type": "string"},
        "hi": {"type": "array", "items": {"type": "boolean"}},
        "command": {"type": "object", "properties": {"a": {"type": "number"}}},
    },
    "required": ["a"],
}
PLANS: list[Plan] = [
    plan_of(),
    plan_of(show_thinking=False, stops=("a", "}"), scan_stops=("a", "}")),
    plan_of(hide_thinking=True, one_tool=True, prefill="h", json_shape=JsonShape()),
    plan_of(discard=True, tools={}),
    plan_of(tools={name: ToolFacts(name, SCHEMA) for name in TOOLS}),
]
DIALECTS = [OPENAI, THINKS_ALOUD, PROMOTES]
SEEDS = [body_of(text) for _, text, _, _ in stream_cases.CASES]
TOKENS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"0", b"-1", b"1e999", b"\n", b"\r", b"\n\n", b"data: ", b"\xff", b"\x00", b"\\ud83d", b'"error":1', b"[DONE]", b"<think>", b"</think>", b"<tool_call>"]  # fmt: skip


def mutated(body: bytes, dice: random.Random) -> bytes:
    """Return a stream with a few things cut out, doubled, put in or swapped."""
    for _ in range(dice.randint(1, 4)):
        at, length = dice.randrange(len(body) + 1), dice.choice([1, 2, 8, 40])
        cut = body[at : at + length]
        put = dice.choice(
            [b"", cut + cut, dice.choice(TOKENS), bytes([dice.randrange(256)]), dice.choice(SEEDS)[at : at + 80]]
        )
        body = body[:at] + put + body[at + length :]
    return body


@pytest.mark.parametrize("seed", range(40))
def test_mutated_streams_give_legal_events_or_a_failure(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(25):
        body, plan, dialect = mutated(dice.choice(SEEDS), dice), dice.choice(PLANS), dice.choice(DIALECTS)
        heard = hear(body, plan=plan, dialect=dialect)
        cut = dice.randrange(len(body) + 1)
        assert (
            hear(body, lambda data, cut=cut: [data[:cut], data[cut:]], plan=plan, dialect=dialect).lines == heard.lines
        )
        hear_whole(body, plan=plan, dialect=dialect)


@pytest.mark.parametrize("seed", range(20))
def test_mutated_answers_give_legal_events_or_a_failure(seed: int) -> None:
    dice = random.Random(seed)
    message = {
        "reasoning": "hm",
        "content": "hi",
        "tool_calls": [{"id": "a", "function": {"name": "Bash", "arguments": '{"a":1}'}}],
    }
    for _ in range(50):
        body = mutated(answer(message, "tool_calls", usage=COUNTS), dice)
        plan, dialect = dice.choice(PLANS), dice.choice(DIALECTS)
        heard = hear_whole(body, plan=plan, dialect=dialect)
        if heard.failure is None:
            assert read_whole(body, dialect, plan, message_id=MESSAGE_ID) == heard.message
            continue
        with pytest.raises(UpstreamError) as raised:
            read_whole(body, dialect, plan, message_id=MESSAGE_ID)
        assert str(raised.value) == str(heard.failure)


@given(st.binary(max_size=300), st.sampled_from(PLANS), st.sampled_from(DIALECTS))
def test_any_bytes_give_legal_events_or_a_failure(body: bytes, plan: Plan, dialect: Dialect) -> None:
    heard = hear(body, plan=plan, dialect=dialect)
    assert hear(body, byte_by_byte, plan=plan, dialect=dialect).lines == heard.lines
    hear_whole(body, plan=plan, dialect=dialect)


WORD = st.sampled_from(["", '{"hi ":', '"[tr', 'ue]"', '"command"', ':{"a":"1', '{"a":1e9', "99", "\\ud83d", "}", "[1", "]", ",", '"p":', "null", "a", "hi", "<think>", "</think>", "`", "```", "\n", '{"a":', "1}", "{}", "北", '"', "\\", "<tool_call>", '{"name":"Bash","arguments":{}}', "</tool_call>"])  # fmt: skip
CHUNKS = st.one_of(
    st.builds(lambda word: chunk({"content": word}), WORD),
    st.builds(lambda word: chunk({"reasoning_content": word}), WORD),
    st.builds(lambda word: chunk({"content": word}) | {"created": 1}, WORD),
    st.builds(
        lambda arguments, name, more: fragment(arguments, name=name, **more),
        WORD,
        st.none() | st.sampled_from(["Bash", "Read", ""]),
        st.fixed_dictionaries(
            {},
            optional={
                "index": st.integers(0, 2),
                "id": st.sampled_from(["a", "b"]),
                "extra_content": st.just({"google": {"thought_signature": "s"}}),
            },
        ),
    ),
    st.builds(lambda word: chunk({"reasoning_details": [{"type": "reasoning.text", "text": word, "index": 0}]}), WORD),
    st.builds(
        lambda finish: chunk({}, finish),
        st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error", "odd"]),
    ),
    st.sampled_from([{"choices": [], "usage": COUNTS}, {"error": {"message": "no"}}, {"choices": []}]),
)


@given(st.lists(CHUNKS, max_size=14), st.booleans(), st.sampled_from(PLANS), st.sampled_from(DIALECTS))
def test_any_chunks_give_legal_events_or_a_failure(
    chunks: list[dict[str, Any]], done: bool, plan: Plan, dialect: Dialect
) -> None:
    body = stream(*chunks, done=done)
    heard = hear(body, plan=plan, dialect=dialect)
    assert hear(body.replace(b"\n", b"\r\n"), byte_by_byte, plan=plan, dialect=dialect).lines == heard.lines


@pytest.mark.parametrize("depth", [10, *range(900, 1000, 7), 100_000])
def test_nesting_at_the_edge_of_what_can_be_read_is_read_or_refused(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for place in (
        '{"content":%s}',
        '{"reasoning_details":[{"type":"x","data":%s}]}',
        '{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":{"a":%s}}}]}',
    ):
        hear(sse('data: {"choices":[{"delta":' + place % nested + ',"finish_reason":"stop"}]}'))
        hear_whole(('{"choices":[{"message":' + place % nested + ',"finish_reason":"stop"}]}').encode())
    hear(stream(fragment("", **BASH), *[fragment(part, index=0) for part in ('{"a":', nested, "}")], STOP))


# -- much of everything: each of these takes minutes where something is read twice --------------------------------------


def test_twenty_thousand_fragments_of_one_call() -> None:
    text = json.dumps({"content": "word " * 20_000})
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    heard = hear(stream(fragment("", **BASH), *[fragment(piece, index=0) for piece in pieces], chunk({}, "tool_calls")))
    assert heard.calls == [("Bash", json.loads(text))]


def test_twenty_thousand_fragments_of_a_call_that_waits_for_its_turn() -> None:
    text = json.dumps({"content": "word " * 20_000})
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    chunks = [
        fragment('{"a":', **BASH),
        *[fragment(piece, index=1, id="b", name="Bash") for piece in pieces],
        fragment("1}", index=0),
    ]
    assert hear(stream(*chunks, chunk({}, "tool_calls"))).calls == [("Bash", {"a": 1}), ("Bash", json.loads(text))]


def test_one_event_of_a_megabyte_in_small_reads() -> None:
    body = stream(chunk({"content": "x" * 1_000_000}), STOP)
    heard = hear(body, lambda data: [data[at : at + 1024] for at in range(0, len(data), 1024)])
    assert heard.message["content"] == [{"type": "text", "text": "x" * 1_000_000}]


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        pytest.param(OPENAI, {}, id="plain"),
        pytest.param(
            PROMOTES,
            {"scan_stops": ("word word END",), "prefill": "word", "json_shape": JsonShape()},
            id="with all filters",
        ),
    ],
)
def test_a_hundred_thousand_pieces_of_text(dialect: Dialect, fields: dict[str, Any]) -> None:
    body = stream(
        *[HI] * 4, *[chunk({"content": "word "})] * 50_000, *[chunk({"content": "北 "}) | {"n": 1}] * 50_000, STOP
    )
    translator = StreamTranslator(dialect, plan_of(**fields), message_id=MESSAGE_ID)
    frames = [translator.feed(data) for data in whole(body)]
    assert translator.failure is None
    assert b"".join(frames).count(b"word ") == 50_000


def test_reasoning_details_in_twenty_thousand_fragments() -> None:
    detail = {"type": "reasoning.text", "index": 0, "text": "word "}
    (envelope,) = hear(stream(*[chunk({"reasoning": "word ", "reasoning_details": [detail]})] * 20_000, STOP)).envelopes
    assert envelope is not None
    assert envelope.details == [detail | {"text": "word " * 20_000}]


# -- calls that come as text, on the short way and the long one ----------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        ["see `", "a", "\n", "b", "\n", "<tool_call>", '{"name":"Bash","arguments":{}}', "</tool_call>"],
        ["see `", "a\n", "b\n", "c\n", "`<tool_call>", '{"name":"Bash","arguments":{}}', "</tool_call>"],
        ["x ", "y ", "z ", "<tool_call>", '{"name":"Bash","arguments":{}}', "</tool_call>", " w"],
    ],
)
def test_the_short_way_misses_no_call_that_comes_as_text(pieces: list[str]) -> None:
    hear(stream(*[chunk({"content": piece}) for piece in pieces], STOP), dialect=PROMOTES)


def test_the_short_way_never_learns_from_thinking_that_is_hidden() -> None:
    pieces = [
        chunk({"content": "a"}),
        chunk({"content": "<tool_call>"}),
        *[chunk({"reasoning_content": "secret"})] * 3,
        STOP,
    ]
    assert b"secret" not in hear(stream(*pieces), dialect=PROMOTES, plan=plan_of(hide_thinking=True)).frames


def test_a_filter_error_never_comes_out_as_a_failure() -> None:
    translator = StreamTranslator(OPENAI, plan_of(), message_id=MESSAGE_ID)
    translator.feed(sse('data: {"error":{"code":"content_filter","message":"no"}}'))
    assert not isinstance(translator.failure, FilteredError)
    assert translator.stop_reason == "refusal"
