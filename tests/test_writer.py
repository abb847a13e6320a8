"""Deltas in, events out: blocks, signatures, stop reasons (translation reference 4.8), counts, and ends that are none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import MESSAGE_ID, Heard, judged, lines, plan_of

from claude_code_proxy.errors import FilteredError, RetryableError, UpstreamError
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
from claude_code_proxy.translate.envelope import digest
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.plan import Plan, ToolFacts
from claude_code_proxy.translate.thinking_blocks import Details
from claude_code_proxy.translate.writer import Writer

STOP = Finish("end_turn", "stop")
TOOL_CALLS = Finish("tool_use", "tool_calls")
LENGTH = Finish("max_tokens", "length")
LEAD = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {"type": "web_search_tool_result_error"},
}


def write(*deltas: Delta, plan: Plan | None = None) -> Heard:
    """Write deltas, each in a batch of its own."""
    notes = Notes()
    writer = Writer(plan or plan_of(), notes, message_id=MESSAGE_ID)
    events = [event for delta in deltas for event in writer.write([delta])] + writer.finish()
    return judged(Heard(events, writer.failure, notes.codes()))


def call(
    arguments: str = "{}",
    name: str = "Bash",
    id: str | None = "call_1",  # noqa: A002 - the field's own name
    index: int = 0,
    state: str | None = None,
) -> ToolFragment:
    return ToolFragment(index, id, name, arguments, state=state)


def more(arguments: str, index: int = 0, state: str | None = None) -> ToolFragment:
    return ToolFragment(index, None, "", arguments, state=state)


BLOCKS: list[tuple[str, list[Delta], str]] = [
    (
        "text in pieces is one block",
        [Text("a"), Text("b"), STOP],
        """
        message_start
        content_block_start 0 text
        text_delta 0 "a"
        text_delta 0 "b"
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "ST-03: thinking is signed and closed before text opens",
        [Thinking("h"), Thinking("m"), Text("hi"), STOP],
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "h"
        thinking_delta 0 "m"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "hi"
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "reasoning that resumes after text is a block of its own",
        [Thinking("a"), Text("b"), Thinking("c"), Text("d"), STOP],
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "a"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "b"
        content_block_stop 1
        content_block_start 2 thinking
        thinking_delta 2 "c"
        signature_delta 2
        content_block_stop 2
        content_block_start 3 text
        text_delta 3 "d"
        content_block_stop 3
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "ST-02: a call between texts, in its place",
        [Text("a"), call(), Text("b"), TOOL_CALLS],
        """
        message_start
        content_block_start 0 text
        text_delta 0 "a"
        content_block_stop 0
        content_block_start 1 tool_use call_1 Bash
        input_json_delta 1
        content_block_stop 1
        content_block_start 2 text
        text_delta 2 "b"
        content_block_stop 2
        message_delta tool_use
        message_stop
        """,
    ),
    (
        "text that comes in the middle of a streamed call waits for its end",
        [call('{"a"'), Text("b"), more(":1}"), Text("c"), TOOL_CALLS],
        """
        message_start
        content_block_start 0 tool_use call_1 Bash
        input_json_delta 0
        input_json_delta 0 {
        input_json_delta 0 "a":1
        input_json_delta 0 }
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "b"
        text_delta 1 "c"
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
    ),
    (
        "thinking that comes in the middle of a streamed call waits for its end",
        [call('{"a"'), Thinking("b"), more(":1}"), TOOL_CALLS],
        """
        message_start
        content_block_start 0 tool_use call_1 Bash
        input_json_delta 0
        input_json_delta 0 {
        input_json_delta 0 "a":1
        input_json_delta 0 }
        content_block_stop 0
        content_block_start 1 thinking
        thinking_delta 1 "b"
        signature_delta 1
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
    ),
    (
        "thinking and nothing else",
        [Thinking("hm"), STOP],
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "hm"
        signature_delta 0
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "a refusal is text, and ends as one",
        [Refusal("I can"), Refusal("not."), STOP],
        """
        message_start
        content_block_start 0 text
        text_delta 0 "I can"
        text_delta 0 "not."
        content_block_stop 0
        message_delta refusal
        message_stop
        """,
    ),
    (
        "a citation belongs to the text before it",
        [Text("hi"), Citation("https://x", "X"), STOP],
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        citations_delta 0 https://x
        content_block_stop 0
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "empty pieces open no block",
        [Text(""), Thinking(""), Refusal(""), call(), TOOL_CALLS],
        """
        message_start
        content_block_start 0 tool_use call_1 Bash
        input_json_delta 0
        content_block_stop 0
        message_delta tool_use
        message_stop
        """,
    ),
    (
        "encrypted reasoning alone is an empty signed block before the text",
        [ThinkingState({"type": "reasoning.encrypted", "data": "x"}), Text("hi"), STOP],
        """
        message_start
        content_block_start 0 thinking
        signature_delta 0
        content_block_stop 0
        content_block_start 1 text
        text_delta 1 "hi"
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "encrypted reasoning that comes after the text is an empty signed block at the end",
        [Text("hi"), ThinkingState({"type": "reasoning.encrypted", "data": "x"}), STOP],
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        content_block_stop 0
        content_block_start 1 thinking
        signature_delta 1
        content_block_stop 1
        message_delta end_turn
        message_stop
        """,
    ),
    (
        "a signature that comes with its call is an empty signed block before the call",
        [Text("hi"), call(state="s"), TOOL_CALLS],
        """
        message_start
        content_block_start 0 text
        text_delta 0 "hi"
        content_block_stop 0
        content_block_start 1 thinking
        signature_delta 1
        content_block_stop 1
        content_block_start 2 tool_use call_1 Bash
        input_json_delta 2
        content_block_stop 2
        message_delta tool_use
        message_stop
        """,
    ),
    (
        "a signature that comes with its call goes into the open thinking block",
        [Thinking("hm"), call(state="s"), TOOL_CALLS],
        """
        message_start
        content_block_start 0 thinking
        thinking_delta 0 "hm"
        signature_delta 0
        content_block_stop 0
        content_block_start 1 tool_use call_1 Bash
        input_json_delta 1
        content_block_stop 1
        message_delta tool_use
        message_stop
        """,
    ),
]


@pytest.mark.parametrize(
    ("deltas", "expected"), [pytest.param(deltas, expected, id=name) for name, deltas, expected in BLOCKS]
)
def test_blocks(deltas: list[Delta], expected: str) -> None:
    assert write(*deltas).lines == lines(expected)


# -- stop reasons ----------------------------------------------------------------------------------------------------

SAID = Text("hi")
STOPS: list[tuple[str, list[Delta], dict[str, Any], dict[str, Any]]] = [
    ("stop", [SAID, STOP], {}, {"stop_reason": "end_turn"}),
    ("tool_calls with a call", [call(), TOOL_CALLS], {}, {"stop_reason": "tool_use"}),
    ("ST-13: stop with a call", [call(), STOP], {}, {"stop_reason": "tool_use"}),
    ("ST-14: a call, no finish reason, [DONE]", [call(), Ended()], {}, {"stop_reason": "tool_use"}),
    ("ST-14: text, no finish reason, [DONE]", [SAID, Ended()], {}, {"stop_reason": "end_turn"}),
    ("an unknown word with a call", [call(), Finish("unknown", "tired")], {}, {"stop_reason": "tool_use"}),
    ("an unknown word", [SAID, Finish("unknown", "tired")], {}, {"stop_reason": "end_turn"}),
    ("tool_calls without a call", [SAID, TOOL_CALLS], {}, {"stop_reason": "end_turn"}),
    ("length", [SAID, LENGTH], {}, {"stop_reason": "max_tokens"}),
    ("length with a whole call", [call('{"a":1}'), LENGTH], {}, {"stop_reason": "max_tokens"}),
    (
        "length at the end of the window",
        [SAID, Usage(900, 95), LENGTH],
        {"window": 1000, "max_tokens": 500},
        {"stop_reason": "model_context_window_exceeded"},
    ),
    ("length far from the end of the window", [SAID, Usage(100, 95), LENGTH], {"window": 1000, "max_tokens": 500}, {"stop_reason": "max_tokens"}),
    ("length at the client's own limit", [SAID, Usage(900, 95), LENGTH], {"window": 1000, "max_tokens": 95}, {"stop_reason": "max_tokens"}),
    ("cached tokens fill the window too", [SAID, Usage(0, 95, cache_read=900), LENGTH], {"window": 1000, "max_tokens": 500}, {"stop_reason": "model_context_window_exceeded"}),
    ("model_length", [SAID, Finish("model_context_window_exceeded", "model_length")], {}, {"stop_reason": "model_context_window_exceeded"}),
    ("a stop the backend names", [SAID, Finish("end_turn", "stop", "END")], {"stops": ("END",)}, {"stop_reason": "stop_sequence", "stop_sequence": "END"}),
    ("a stop nobody asked for", [SAID, Finish("end_turn", "stop", "<|im_end|>")], {"stops": ("END",)}, {"stop_reason": "end_turn"}),
    ("stop_sequence without its text", [SAID, Finish("stop_sequence", "stop_sequence")], {"stops": ("END", "X")}, {"stop_reason": "end_turn"}),
    ("a stop behind a call", [call(), Finish("end_turn", "stop", "END")], {"stops": ("END",)}, {"stop_reason": "tool_use"}),
    ("TO-11: content_filter", [SAID, Finish("refusal", "content_filter")], {}, {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": None, "explanation": None}}),
    ("TO-11: content_filter and nothing said", [Finish("refusal", "content_filter")], {}, {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": None, "explanation": None}}),
    ("TO-11: a refusal in words", [Refusal("No."), STOP], {}, {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": None, "explanation": "No."}}),
    ("a filter's error object", [SAID, Failed(FilteredError("flagged"))], {}, {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": None, "explanation": "flagged"}}),
    ("a filter's error object and nothing said", [Failed(FilteredError("flagged"))], {}, {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": None, "explanation": "flagged"}}),
    ("stop once more behind length", [SAID, LENGTH, STOP], {}, {"stop_reason": "max_tokens"}),
    ("length behind stop", [SAID, STOP, LENGTH], {}, {"stop_reason": "max_tokens"}),
    ("stop in every chunk", [STOP, SAID, STOP, SAID, STOP], {}, {"stop_reason": "end_turn"}),
    ("no output wanted", [SAID, LENGTH], {"discard": True}, {"stop_reason": "max_tokens"}),
    ("no output wanted, stop", [SAID, call(), STOP], {"discard": True}, {"stop_reason": "max_tokens"}),
]  # fmt: skip


@pytest.mark.parametrize(("deltas", "fields", "expected"), [pytest.param(*rest, id=name) for name, *rest in STOPS])
def test_stop_reason(deltas: list[Delta], fields: dict[str, Any], expected: dict[str, Any]) -> None:
    heard = write(*deltas, plan=plan_of(**fields))
    assert heard.stop == {"stop_sequence": None} | expected
    assert heard.failure is None


@pytest.mark.parametrize(
    ("deltas", "note"),
    [
        ([SAID, Ended()], "finish-missing"),
        ([SAID, Finish("unknown", "tired")], "stop-unknown"),
        ([SAID, STOP], "usage-estimated"),
        ([SAID, Ignored("audio"), STOP], "chunk-ignored"),
        ([Citation("u", "t"), call("{}"), STOP], "chunk-ignored"),
        ([ToolFragment(0, "a", "", "{}"), SAID, STOP], "call-dropped"),
        ([call("{broken"), STOP], "arguments-broken"),
        ([call(name="x" * 300), STOP], "call-clipped"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_changed_or_lost_is_noted(deltas: list[Delta], note: str) -> None:
    assert note in write(*deltas).notes


# -- failures --------------------------------------------------------------------------------------------------------

FAILURES: list[tuple[str, list[Delta], str]] = [
    ("ST-16: nothing but [DONE]", [Ended()], "empty"),
    ("ST-16: stop, and nothing said", [STOP], "empty"),
    ("ST-16: stop, nothing said, no tokens", [Usage(5, 0), STOP], "empty"),
    ("ST-16: a call is announced, and none comes", [Usage(5, 1), Finish("tool_use", "tool_calls")], "empty"),
    ("ST-17: text and no end", [SAID], "ended early"),
    ("nothing at all", [], "ended early"),
    ("finish error without an error object", [SAID, Finish("error", "error")], "error in the middle"),
    ("finish error behind stop", [SAID, STOP, Finish("error", "error")], "error in the middle"),
    ("a failure", [SAID, Failed(UpstreamError("no luck"))], "no luck"),
    ("a failure behind the finish reason", [SAID, STOP, Failed(UpstreamError("no luck"))], "no luck"),
    ("ST-12: a call that breaks off", [call('{"command":"ls'), Ended()], "broke off"),
]


@pytest.mark.parametrize(
    ("deltas", "words"), [pytest.param(deltas, words, id=name) for name, deltas, words in FAILURES]
)
def test_failures(deltas: list[Delta], words: str) -> None:
    heard = write(*deltas)
    assert heard.failure is not None
    assert words in heard.failure.message
    assert heard.lines[-1] == "error api_error"
    assert isinstance(heard.failure, RetryableError) or "no luck" in words


def test_nothing_is_written_after_a_failure() -> None:
    lost = [Text("late"), call(), Failed(UpstreamError("other")), STOP, Ended()]
    assert (
        write(SAID, Failed(UpstreamError("no luck")), *lost).lines
        == write(SAID, Failed(UpstreamError("no luck"))).lines
    )


def test_a_failure_is_the_first_one() -> None:
    assert str(write(Failed(UpstreamError("first")), Failed(UpstreamError("second"))).failure) == "first"


def test_an_answer_that_is_nothing_but_reasoning_nobody_wanted_is_told_as_text() -> None:
    heard = write(Thinking("It is "), Thinking("42."), STOP, plan=plan_of(hide_thinking=True))
    assert heard.message["content"] == [{"type": "text", "text": "It is 42."}]
    assert heard.message["stop_reason"] == "end_turn"
    assert "thinking-as-text" in heard.notes


def test_reasoning_nobody_wanted_stays_hidden_beside_an_answer() -> None:
    heard = write(Thinking("hm"), Text("42."), STOP, plan=plan_of(hide_thinking=True))
    assert heard.message["content"] == [{"type": "text", "text": "42."}]


NOT_EMPTY: list[tuple[str, list[Delta], dict[str, Any]]] = [
    ("a limit of one token", [LENGTH], {}),
    ("a stop sequence at once", [Finish("stop_sequence", "END", "END")], {"stops": ("END",)}),
    ("a turn ended at once, and paid for", [Usage(5, 1), STOP], {}),
    ("no output wanted", [STOP], {"discard": True}),
    ("a thought the client forbade, cut off", [Thinking("hm"), LENGTH], {"hide_thinking": True}),
]


@pytest.mark.parametrize(
    ("deltas", "fields"), [pytest.param(deltas, fields, id=name) for name, deltas, fields in NOT_EMPTY]
)
def test_an_empty_answer_with_a_reason_is_one(deltas: list[Delta], fields: dict[str, Any]) -> None:
    heard = write(*deltas, plan=plan_of(**fields))
    assert heard.failure is None
    assert heard.message["content"] == []


# -- the message and its counts --------------------------------------------------------------------------------------


def test_message_start() -> None:
    start = write(SAID, STOP, plan=plan_of(model="claude-opus-4", input_estimate=42)).events[0].message  # type: ignore[union-attr]
    assert start == {
        "id": MESSAGE_ID,
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 42,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
            "service_tier": "standard",
        },
    }


def test_st_23_message_start_has_exact_counts_when_they_are_known() -> None:
    start = write(Usage(25, 1, cache_read=75), SAID, STOP).events[0].message  # type: ignore[union-attr]
    assert (start["usage"]["input_tokens"], start["usage"]["cache_read_input_tokens"]) == (25, 75)


def test_the_last_counts_win() -> None:
    assert write(Usage(9, 1), SAID, Usage(9, 2), STOP, Usage(25, 3, cache_read=75)).usage == {
        "input_tokens": 25,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 75,
        "output_tokens": 3,
        "service_tier": "standard",
    }


def test_counts_nobody_gave_are_estimated_from_all_that_was_said() -> None:
    heard = write(
        Thinking("x" * 40),
        Text("y" * 40),
        call('{"a":"' + "z" * 30 + '"}'),
        TOOL_CALLS,
        plan=plan_of(input_estimate=42),
    )
    assert heard.usage["input_tokens"] == 42
    assert 20 <= heard.usage["output_tokens"] <= 40


# -- thinking --------------------------------------------------------------------------------------------------------


def test_the_signature_carries_who_thought_and_a_fingerprint_of_what_was_shown() -> None:
    (envelope,) = write(
        Thinking("hm", "reasoning"), STOP, plan=plan_of(backend="deepseek", upstream_model="r9")
    ).envelopes
    assert envelope is not None
    assert (envelope.backend, envelope.model, envelope.field) == ("deepseek", "r9", "reasoning")
    assert (envelope.text, envelope.digest) == (None, digest("hm"))


def test_thinking_the_client_wants_omitted_travels_in_the_signature() -> None:
    heard = write(Thinking("a"), Thinking("b"), SAID, STOP, plan=plan_of(show_thinking=False))
    assert heard.lines[1:4] == ["content_block_start 0 thinking", "signature_delta 0", "content_block_stop 0"]
    assert heard.message["content"][0]["thinking"] == ""
    (envelope,) = heard.envelopes
    assert envelope is not None
    assert (envelope.text, envelope.digest) == ("ab", "")


def test_thinking_the_client_forbade_has_no_block() -> None:
    deltas = [Thinking("a"), ThinkingState({"type": "reasoning.encrypted", "data": "x"}), call(state="s"), TOOL_CALLS]
    heard = write(*deltas, plan=plan_of(hide_thinking=True))
    assert [block["type"] for block in heard.message["content"]] == ["tool_use"]
    assert "thinking-hidden" in heard.notes


def test_each_thinking_block_carries_its_own_state() -> None:
    heard = write(
        Thinking("a"),
        ThinkingState({"n": 1}),
        Text("b"),
        Thinking("c"),
        ThinkingState({"n": 2}),
        call(state="s"),
        TOOL_CALLS,
    )
    assert [(envelope.details, envelope.calls, envelope.digest) for envelope in heard.envelopes if envelope] == [
        ([{"n": 1}], {}, digest("a")),
        ([{"n": 2}], {"call_1": "s"}, digest("c")),
    ]


SIGNATURES: list[tuple[str, list[Delta], list[dict[str, str]]]] = [
    ("on the call", [call(state="s")], [{"call_1": "s"}]),
    (
        "on a later fragment, before anything was sent",
        [call("", state=None), more('{"a":1}', state="s")],
        [{"call_1": "s"}],
    ),
    ("on a later fragment of a streamed call", [call('{"a"'), more(":1}", state="s")], [{"call_1": "s"}]),
    ("behind a streamed call", [call('{"a"'), more(":1}"), more("", state="s")], [{"call_1": "s"}]),
    ("behind a closed call", [call(), SAID, more("", state="s")], [{"call_1": "s"}]),
    ("twice: the first one counts", [call('{"a"', state="s"), more(":1}", state="t")], [{"call_1": "s"}]),
    (
        "on both of two calls",
        [call(state="s"), call(id="call_2", index=1, state="t")],
        [{"call_1": "s"}, {"call_2": "t"}],
    ),
    ("on the first of two calls", [call(state="s"), call(id="call_2", index=1)], [{"call_1": "s"}]),
    (
        "on a call whose id the client sees otherwise",
        [call(id="functions.Bash:0", state="s")],
        [{"tu64_ZnVuY3Rpb25zLkJhc2g6MA": "s"}],
    ),
    ("on a call without id", [call(id=None, state="s")], [{"toolu_0123456789_0": "s"}]),
]


@pytest.mark.parametrize(
    ("deltas", "expected"), [pytest.param(deltas, expected, id=name) for name, deltas, expected in SIGNATURES]
)
def test_gemini_a_call_keeps_its_signature_wherever_it_came(
    deltas: list[Delta], expected: list[dict[str, str]]
) -> None:
    heard = write(*deltas, TOOL_CALLS)
    assert [envelope.calls for envelope in heard.envelopes if envelope] == expected
    ids = {block["id"] for block in heard.message["content"] if block["type"] == "tool_use"}
    assert {name for calls in expected for name in calls} <= ids


def detail(
    text: str | None = None,
    index: object = 0,
    type: str = "reasoning.text",  # noqa: A002 - the field's own name
    **more: Any,
) -> dict[str, Any]:
    return {"type": type, "index": index, **({"text": text} if text is not None else {}), **more}


DETAILS: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("fragments of one text", [detail("a"), detail("b"), detail("c")], [detail("abc")]),
    ("the signature comes last", [detail("a", signature=None), detail("", signature="s")], [detail("a", signature="s")]),
    ("a null takes nothing back", [detail("a", signature="s", id="i"), detail("b", signature=None, id=None)], [detail("ab", signature="s", id="i")]),
    ("the id comes late", [detail("a"), detail("b", id="i")], [detail("ab", id="i")]),
    ("other ids are other details", [detail("a", id="i"), detail("b", id="j")], [detail("a", id="i"), detail("b", id="j")]),
    ("another index is another detail", [detail("a"), detail("b", 1)], [detail("a"), detail("b", 1)]),
    ("interleaved by index", [detail("a"), detail("b", 1), detail("c"), detail("d", 1)], [detail("ac"), detail("bd", 1)]),
    ("another type is another detail", [detail("a"), detail(type="reasoning.encrypted", data="x")], [detail("a"), detail(type="reasoning.encrypted", data="x")]),
    ("summaries", [detail(type="reasoning.summary", summary="a"), detail(type="reasoning.summary", summary="b")], [detail(type="reasoning.summary", summary="ab")]),
    ("encrypted data in pieces", [detail(type="reasoning.encrypted", data="x"), detail(type="reasoning.encrypted", data="y")], [detail(type="reasoning.encrypted", data="xy")]),
    ("text without an index is joined", [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}], [{"type": "reasoning.text", "text": "ab"}]),
    ("encrypted data without an index is not", [{"type": "e", "data": "x"}, {"type": "e", "data": "y"}], [{"type": "e", "data": "x"}, {"type": "e", "data": "y"}]),
    ("null text before text", [detail(text=None) | {"text": None}, detail("a")], [detail("a")]),
    ("types and indices that are none", [{"type": [1], "index": {}}, {"type": {}, "index": "0"}], [{"type": [1], "index": {}}, {"type": {}, "index": "0"}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pieces", "expected"), [pytest.param(pieces, expected, id=name) for name, pieces, expected in DETAILS]
)
def test_reasoning_details_are_merged_as_they_go_back(
    pieces: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    details = Details()
    for piece in pieces:
        details.add(piece)
    assert details.merged() == expected


def test_details_in_a_hundred_thousand_fragments_are_one() -> None:
    details = Details()
    for _ in range(100_000):
        details.add(detail("word "))
    assert details.merged() == [detail("word " * 100_000)]


def test_what_came_in_is_not_changed() -> None:
    piece = detail("a")
    details = Details()
    details.add(piece)
    details.add(detail("b"))
    assert piece == detail("a")


# -- calls -----------------------------------------------------------------------------------------------------------


def test_names_and_toolsets_are_the_clients_own() -> None:
    tools = {
        "mcp__a_very_long_1a2b3c4d": ToolFacts("mcp__a_very_long_name", {}),
        "computer__click": ToolFacts("click", {}, toolset="computer"),
    }
    heard = write(
        call(name="mcp__a_very_long_1a2b3c4d"),
        call(name="computer__click", id="b", index=1),
        TOOL_CALLS,
        plan=plan_of(tools=tools),
    )
    starts = [line for line in heard.lines if line.startswith("content_block_start")]
    assert starts == [
        "content_block_start 0 tool_use call_1 mcp__a_very_long_name",
        "content_block_start 1 tool_use b click of computer",
    ]


def test_hi_14_a_name_no_tool_can_have_is_clipped() -> None:
    heard = write(call(name="Bash " * 100), TOOL_CALLS)
    assert len(heard.calls[0][0]) == 200


IDS: list[tuple[str, list[Delta], list[str]]] = [
    ("legal ids stay", [call(id="call_1-A"), call(id="toolu_01", index=1)], ["call_1-A", "toolu_01"]),
    ("illegal ids are wrapped, and can be unwrapped", [call(id="functions.Bash:0")], ["tu64_ZnVuY3Rpb25zLkJhc2g6MA"]),
    ("ST-08: missing ids are minted, the same each time", [call(id=None), call(id=None, index=1)], ["toolu_0123456789_0", "toolu_0123456789_1"]),
    ("an id used twice is two ids", [call(id="x"), call(id="x", index=1), call(id="x", index=2)], ["x", "x_2", "x_3"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("deltas", "expected"), [pytest.param(deltas, expected, id=name) for name, deltas, expected in IDS]
)
def test_ids(deltas: list[Delta], expected: list[str]) -> None:
    for _ in range(2):
        assert [block["id"] for block in write(*deltas, TOOL_CALLS).message["content"]] == expected


def test_an_id_of_an_earlier_turn_is_not_used_again() -> None:
    """Backends begin with call_0 in every turn; clients lose calls whose ids they have seen."""
    heard = write(
        call(id="call_0"), call(id="b", index=1), TOOL_CALLS, plan=plan_of(used_ids=frozenset({"call_0", "call_0_2"}))
    )
    assert [block["id"] for block in heard.message["content"]] == ["call_0_3", "b"]


def test_only_the_first_call_counts_when_the_client_wants_one() -> None:
    heard = write(
        call('{"a"'), call('{"b":2}', id="call_2", index=1), more(":1}"), TOOL_CALLS, plan=plan_of(one_tool=True)
    )
    assert heard.calls == [("Bash", {"a": 1})]
    assert "call-dropped" in heard.notes


def test_a_call_without_a_name_is_the_demanded_tools() -> None:
    demanded = plan_of(choice="tool", chosen="Read")
    heard = write(call('{"a":1}', name=""), TOOL_CALLS, plan=demanded)
    assert heard.calls == [("Read", {"a": 1})]
    assert "choice-unmet" not in heard.notes


def test_a_call_without_a_name_is_the_only_tool_there_is() -> None:
    only = plan_of(tools={"Bash": ToolFacts("Bash", {})})
    assert write(call('{"a":1}', name=""), TOOL_CALLS, plan=only).calls == [("Bash", {"a": 1})]
    assert write(call("", name=""), SAID, STOP, plan=only).calls == []
    assert write(call('{"a":1}', name=""), SAID, STOP).calls == []


# -- what opens an answer, and what may not ---------------------------------------------------------------------------


def test_lead_blocks_open_the_answer_whole() -> None:
    heard = write(
        Text("hi"),
        STOP,
        plan=plan_of(
            lead_blocks=(
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                LEAD,
            )
        ),
    )
    assert heard.lines == lines(
        """
        message_start
        content_block_start 0 server_tool_use
        input_json_delta 0 {"query":"x"}
        content_block_stop 0
        content_block_start 1 web_search_tool_result
        content_block_stop 1
        content_block_start 2 text
        text_delta 2 "hi"
        content_block_stop 2
        message_delta end_turn
        message_stop
        """
    )
    call, result = heard.message["content"][:2]
    assert call["input"] == {"query": "x"}
    assert call["id"] == result["tool_use_id"] == f"srvtoolu_{MESSAGE_ID.removeprefix('msg_')}"
    assert heard.message["content"][1] == {**LEAD, "tool_use_id": call["id"]}


def test_lead_blocks_are_an_answer_even_when_the_backend_says_nothing() -> None:
    heard = write(STOP, plan=plan_of(lead_blocks=(LEAD,)))
    assert heard.failure is None
    assert heard.message["content"] == [{**LEAD, "tool_use_id": "srvtoolu_0123456789"}]


def test_an_answer_nobody_wants_has_no_content_of_any_kind() -> None:
    everything = [
        Thinking("a"),
        ThinkingState({"n": 1}),
        Text("b"),
        Refusal("c"),
        Citation("u", "t"),
        call(state="s"),
        Usage(5, 1),
        STOP,
    ]
    heard = write(*everything, plan=plan_of(discard=True, lead_blocks=(LEAD,)))
    assert heard.lines == ["message_start", "message_delta max_tokens", "message_stop"]
    assert (heard.usage["input_tokens"], heard.usage["output_tokens"]) == (5, 0)


# -- any deltas at all -----------------------------------------------------------------------------------------------

WORDS = st.text(max_size=4)
DELTAS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Thinking, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(Citation, WORDS, WORDS),
    st.builds(Ignored, WORDS),
    st.builds(
        ThinkingState,
        st.dictionaries(
            st.sampled_from(["type", "index", "text", "data", "id"]), st.integers(0, 2) | WORDS, max_size=4
        ),
    ),
    st.builds(
        ToolFragment,
        st.none() | st.integers(0, 2),
        st.none() | st.sampled_from(["a", "b", "c:1"]),
        st.sampled_from(["", "Bash", "Read", "other"]),
        st.sampled_from(["", "{", "}", "{}", '{"a":1}', '"a":1', "[1]", "oops", '{"a":1}{"a":1}']),
        state=st.none() | st.just("s"),
    ),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
    st.builds(
        Finish,
        st.sampled_from(["end_turn", "tool_use", "max_tokens", "refusal", "stop_sequence", "unknown", "error"]),
        WORDS,
        st.none() | st.just("END"),
    ),
    st.builds(Failed, st.sampled_from([UpstreamError("x"), FilteredError("y")])),
    st.just(Ended()),
)
PLANS = st.builds(
    plan_of,
    show_thinking=st.booleans(),
    hide_thinking=st.booleans(),
    one_tool=st.booleans(),
    discard=st.booleans(),
    stops=st.sampled_from([(), ("END",)]),
    lead_blocks=st.sampled_from([(), (LEAD,)]),
    window=st.sampled_from([0, 10]),
)


@given(st.lists(DELTAS, max_size=12), PLANS)
def test_any_deltas_give_a_legal_answer_or_a_failure(deltas: list[Delta], plan: Plan) -> None:
    write(*deltas, plan=plan)
