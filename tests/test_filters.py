"""What shows only in the text as a whole: think tags, a repeated prefill, stop sequences, fences around JSON."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import OPENAI, THINKS_ALOUD, plan_of

from claude_code_proxy.backend_tables import Backend
from claude_code_proxy.dialects import recognise
from claude_code_proxy.translate.deltas import (
    Citation,
    Delta,
    Ended,
    Failed,
    Finish,
    Ignored,
    Text,
    Thinking,
    ThinkingState,
    ToolFragment,
    Usage,
)
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.filters import Filters, PrefillEcho, StopScan, ThinkTags
from claude_code_proxy.translate.json_fences import JsonFences
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.text_filter import TextFilter, overlap

CALL = ToolFragment(0, "call_1", "Bash", "{}")
Make = Callable[[], TextFilter]


def told(deltas: list[Delta]) -> list[tuple[str, str]]:
    """Return what deltas say, text joined: how it was cut is not part of it."""
    said: list[tuple[str, str]] = []
    for delta in deltas:
        kind, words = type(delta).__name__, getattr(delta, "text", getattr(delta, "stop", ""))
        if said and said[-1][0] == kind:
            words = said.pop()[1] + words
        said.append((kind, words or ""))
    return said


def through(make: Make, pieces: list[str]) -> list[tuple[str, str]]:
    one = make()
    return told([delta for piece in pieces for delta in one.feed([Text(piece)])] + one.release())


def every_cut(text: str) -> list[list[str]]:
    """Return the text whole, by character, in two at each place, and in three at a few."""
    twos = [[text[:at], text[at:]] for at in range(1, len(text))]
    threes = [[text[:a], text[a:b], text[b:]] for a, b in itertools.combinations(range(1, len(text)), 2)][
        :: max(1, len(text))
    ]
    return [[text], list(text), *twos, *threes]


# -- think tags ------------------------------------------------------------------------------------------------------

THINK: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("thinking, then text", "<think>hm</think>hi", [("Thinking", "hm"), ("Text", "hi")]),
    ("white space before the tag", " \n<think>hm</think>hi", [("Thinking", "hm"), ("Text", "hi")]),
    (
        "white space behind the tag belongs to neither",
        "<think>hm</think>\n\n hi \n",
        [("Thinking", "hm"), ("Text", "hi \n")],
    ),
    ("the reasoning itself stays as it is", "<think>\nhm\n</think>hi", [("Thinking", "\nhm\n"), ("Text", "hi")]),
    ("thinking and nothing else", "<think>hm</think>", [("Thinking", "hm")]),
    ("thinking and white space", "<think>hm</think> \n", [("Thinking", "hm")]),
    ("an empty thought", "<think></think>hi", [("Text", "hi")]),
    ("never closed: all of it is thinking", "<think>hm hi", [("Thinking", "hm hi")]),
    ("closed by half a tag: it is part of the thought", "<think>hm</thi", [("Thinking", "hm</thi")]),
    (
        "nested: the first end is the end",
        "<think>a<think>b</think>c</think>d",
        [("Thinking", "a<think>b"), ("Text", "c</think>d")],
    ),
    (
        "a second thought is text",
        "<think>a</think>b<think>c</think>",
        [("Thinking", "a"), ("Text", "b<think>c</think>")],
    ),
    ("an end without a beginning is text", "hm</think>hi", [("Text", "hm</think>hi")]),
    ("not at the start: text", "hi <think>hm</think>", [("Text", "hi <think>hm</think>")]),
    ("in code: text", "```\n<think>\n```", [("Text", "```\n<think>\n```")]),
    ("in quotes: text", "`<think>` is a tag", [("Text", "`<think>` is a tag")]),
    ("another tag: text", "<thinking>hm</thinking>", [("Text", "<thinking>hm</thinking>")]),
    ("half a tag: text", "<thi", [("Text", "<thi")]),
    ("white space and half a tag: text", "\n <thi", [("Text", "\n <thi")]),
    ("white space and nothing else: text", " \n", [("Text", " \n")]),
    ("capital letters: text", "<THINK>hm</THINK>", [("Text", "<THINK>hm</THINK>")]),
    ("signs that look like the end", "<think>a < b </ c </think>d", [("Thinking", "a < b </ c "), ("Text", "d")]),
    ("Gemini's word for it", "<thought>hm</thought>hi", [("Thinking", "hm"), ("Text", "hi")]),
    (
        "the end of the other pair is part of the thought",
        "<thought>a</think>b</thought>c",
        [("Thinking", "a</think>b"), ("Text", "c")],
    ),
    ("half of either tag: text", "<tho", [("Text", "<tho")]),
    ("characters of many bytes", "<think>北😀</think>京", [("Thinking", "北😀"), ("Text", "京")]),
]


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(text, expected, id=name) for name, text, expected in THINK]
)
def test_think_tags_split_anywhere(text: str, expected: list[tuple[str, str]]) -> None:
    for pieces in every_cut(text):
        assert through(lambda: ThinkTags(Notes()), pieces) == expected, pieces


OPENED: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("a thought begun in the prompt", "hm\n</think>\n\nhi", [("Thinking", "hm\n"), ("Text", "hi")]),
    ("a template that opens it and a model that does too", "<think>hm</think>hi", [("Thinking", "hm"), ("Text", "hi")]),
    ("nothing thought", "</think>hi", [("Text", "hi")]),
    ("an end that nobody wrote", "hm hi", [("Text", "hm hi")]),
    ("an end that is none", "hm</thinking>hi", [("Text", "hm</thinking>hi")]),
    ("the second end is text", "a</think>b</think>c", [("Thinking", "a"), ("Text", "b</think>c")]),
    ("white space and nothing else", " \n", [("Text", " \n")]),
]


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(text, expected, id=name) for name, text, expected in OPENED]
)
def test_a_thought_whose_beginning_stands_in_the_prompt(text: str, expected: list[tuple[str, str]]) -> None:
    for pieces in every_cut(text):
        notes = Notes()
        assert through(lambda notes=notes: ThinkTags(notes, opened=True), pieces) == expected, pieces  # type: ignore[misc]
        assert notes.codes() == []


@pytest.mark.parametrize(
    ("url", "model", "waits"),
    [
        ("http://gpu.test/v1", "deepseek-ai/DeepSeek-R1", True),
        ("http://localhost:8000/v1", "Qwen/QwQ-32B", True),
        ("http://localhost:11434/v1", "deepseek-r1:14b", False),
        ("https://api.fireworks.ai/inference/v1", "accounts/fireworks/models/deepseek-r1", False),
        ("https://api.minimax.io/v1", "MiniMax-M2", False),
        ("http://gpu.test/v1", "qwen3:8b", False),
    ],
)
def test_text_waits_for_the_end_of_a_thought_only_where_a_server_may_have_no_parser(
    url: str, model: str, *, waits: bool
) -> None:
    filters = Filters(recognise(Backend(name="b", base_url=url), model), plan_of(), Notes())
    assert told(filters.feed([Text("No thought at all.")])) == ([] if waits else [("Text", "No thought at all.")])


def test_text_beside_reasoning_in_a_field_of_its_own_is_not_held() -> None:
    tags = ThinkTags(Notes(), opened=True)
    assert told(tags.feed([Thinking("hm"), Text("hi</think>")])) == [("Thinking", "hm"), ("Text", "hi</think>")]


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("hm</think>hi", True),
        ("Use <think> and </think>.", False),
        ("<think>a</think>b</think>", False),
        ("hi </thinking> there", False),
    ],
)
def test_an_end_of_a_thought_that_never_began_is_noted(text: str, noted: bool) -> None:
    for pieces in every_cut(text):
        notes = Notes()
        through(lambda notes=notes: ThinkTags(notes), pieces)  # type: ignore[misc]
        assert ("think-unopened" in notes.codes()) is noted, pieces


def test_a_thought_is_passed_on_while_it_comes() -> None:
    tags = ThinkTags(Notes())
    assert tags.feed([Text("<think>a")]) == [Thinking("a", "think_tag")]
    assert tags.feed([Text("b</")]) == [Thinking("b", "think_tag")]
    assert tags.feed([Text("c")]) == [Thinking("</c", "think_tag")]


def test_text_behind_a_call_is_not_the_start_of_the_answer() -> None:
    tags = ThinkTags(Notes())
    assert told(tags.feed([Text("<thi"), CALL, Text("<think>hm</think>")]) + tags.release()) == [
        ("Text", "<thi"),
        ("ToolFragment", ""),
        ("Text", "<think>hm</think>"),
    ]


def test_a_thought_goes_on_behind_what_interrupts_it() -> None:
    tags = ThinkTags(Notes())
    assert told(tags.feed([Text("<think>a</"), CALL, Text("think>b</think>c")])) == [
        ("Thinking", "a</"),
        ("ToolFragment", ""),
        ("Thinking", "think>b"),
        ("Text", "c"),
    ]


def test_endless_white_space_is_not_held_for_ever() -> None:
    tags = ThinkTags(Notes())
    assert sum(len(tags.feed([Text("\n")])) for _ in range(100_000)) > 90_000


# -- prefill ---------------------------------------------------------------------------------------------------------

PREFILL: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("the echo is left out", "Sure: yes", [("Text", " yes")]),
    ("nothing but the echo", "Sure:", []),
    ("no echo", "yes", [("Text", "yes")]),
    ("a beginning that turns out to be none", "Sunny", [("Text", "Sunny")]),
    ("half an echo at the end", "Sur", [("Text", "Sur")]),
    ("only the first one is an echo", "Sure:Sure:", [("Text", "Sure:")]),
    ("in other letters it is none", "sure: yes", [("Text", "sure: yes")]),
]


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(text, expected, id=name) for name, text, expected in PREFILL]
)
def test_a_prefill_is_not_repeated(text: str, expected: list[tuple[str, str]]) -> None:
    for pieces in every_cut(text):
        assert through(lambda: PrefillEcho("Sure:"), pieces) == expected, pieces


def test_an_echo_broken_by_something_else_is_none() -> None:
    echo = PrefillEcho("Sure:")
    assert told(echo.feed([Text("Su"), CALL, Text("re: yes")])) == [
        ("Text", "Su"),
        ("ToolFragment", ""),
        ("Text", "re: yes"),
    ]


def test_what_a_backend_sends_behind_a_prefill_is_all_its_own() -> None:
    goes_on = Dialect(name="goes on", prefill="continue")
    for prefill, text in (("[", "[1,2],[3,4]]"), ("1", "1 apples"), ("ha", "haha"), ("Sure:", "Sure: yes")):
        assert filtered(list(text), goes_on, prefill=prefill) == [("Text", text)]


def test_a_backend_that_repeats_every_prefix_is_taken_at_its_word() -> None:
    repeats = Dialect(name="repeats", prefill="prefix")
    for prefill, text in (("[", "[[1]]"), ("ha", "haha"), ("Sure:", "Sure: yes")):
        assert filtered([text], repeats, prefill=prefill) == [("Text", text.removeprefix(prefill))]


@pytest.mark.parametrize("how", ["none", "plain"])
@pytest.mark.parametrize(
    ("prefill", "text", "left"),
    [
        ("[", "[1,2],[3,4]]", "[1,2],[3,4]]"),
        ("ha", "haha", "haha"),
        ("haha", "hahaha", "hahaha"),
        ("----", "----", "----"),
        ("1", "1 apples", "1 apples"),
        ("{", '{"a": 1}', '"a": 1}'),
        ('[{"', '[{"a": 1}]', 'a": 1}]'),
        ("The answer is", "The answer is 4", " 4"),
        ("The answer is", "The answer was", "The answer was"),
    ],
)
def test_elsewhere_a_prefill_is_repeated_where_it_can_be_nothing_else(
    how: Any, prefill: str, text: str, left: str
) -> None:
    dialect = Dialect(name="who knows", prefill=how)
    for pieces in ([text], list(text)):
        assert "".join(said for _, said in filtered(pieces, dialect, prefill=prefill)) == left


def test_a_long_prefill_is_compared_once() -> None:
    prefill = "word " * 40_000
    echo = PrefillEcho(prefill)
    assert told([delta for piece in prefill + "end" for delta in echo.feed([Text(piece)])]) == [("Text", "end")]


# -- stop sequences --------------------------------------------------------------------------------------------------

STOPS: list[tuple[str, tuple[str, ...], str, list[tuple[str, str]]]] = [
    ("in the middle", ("END",), "a END b", [("Text", "a "), ("Finish", "END")]),
    ("at the very start", ("END",), "END b", [("Finish", "END")]),
    ("at the very end", ("END",), "a END", [("Text", "a "), ("Finish", "END")]),
    ("nowhere", ("END",), "a EN b", [("Text", "a EN b")]),
    ("half of it at the end", ("END",), "a EN", [("Text", "a EN")]),
    ("twice: the first one ends the answer", ("END",), "aENDbENDc", [("Text", "a"), ("Finish", "END")]),
    ("several: the one that is complete first", ("xxEND", "EN"), "axxEND", [("Text", "axx"), ("Finish", "EN")]),
    ("several: the earlier one", ("two", "one"), "a one two", [("Text", "a "), ("Finish", "one")]),
    ("one inside another", ("abcd", "bc"), "xabcd", [("Text", "xa"), ("Finish", "bc")]),
    ("two that end together: the longer one", ("c", "abc"), "xabc", [("Text", "x"), ("Finish", "abc")]),
    ("a beginning that repeats", ("aab",), "aaaab", [("Text", "aa"), ("Finish", "aab")]),
    ("beginnings that overlap", ("abac", "babd"), "ababd", [("Text", "a"), ("Finish", "babd")]),
    ("beginnings that come to nothing", ("abab", "bb"), "aba bab", [("Text", "aba bab")]),
    ("line ends", ("\n\nHuman:",), "a\n\n\nHuman: b", [("Text", "a\n"), ("Finish", "\n\nHuman:")]),
    ("one character", ("<",), "a<b", [("Text", "a"), ("Finish", "<")]),
    ("characters of many bytes", ("京😀",), "北京😀", [("Text", "北"), ("Finish", "京😀")]),
    ("signs with a meaning elsewhere", (".*", "a+"), "a a.* b", [("Text", "a a"), ("Finish", ".*")]),
    ("five of them", ("1", "2", "3", "4", "5"), "a5b1", [("Text", "a"), ("Finish", "5")]),
    (
        "auto mode's question",
        ("</severity>",),
        "<severity>0</severity>",
        [("Text", "<severity>0"), ("Finish", "</severity>")],
    ),
]


@pytest.mark.parametrize(("stops", "text", "expected"), [pytest.param(*rest, id=name) for name, *rest in STOPS])
def test_stop_sequences_split_anywhere(stops: tuple[str, ...], text: str, expected: list[tuple[str, str]]) -> None:
    for pieces in every_cut(text):
        assert through(lambda: StopScan(stops), pieces) == expected, pieces


@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3, unique=True), st.text("ab", max_size=12))
def test_what_is_found_is_complete_first_and_all_text_before_it_is_there(stops: list[str], text: str) -> None:
    expected = through(lambda: StopScan(tuple(stops)), [text])
    assert through(lambda: StopScan(tuple(stops)), list(text)) == expected
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    if not ends:
        assert expected == ([("Text", text)] if text else [])
        return
    stop = expected[-1][1]
    before = expected[0][1] if len(expected) == 2 else ""
    assert len(before + stop) == min(ends)
    assert text.startswith(before + stop)


def test_only_a_possible_beginning_is_held_back() -> None:
    scan = StopScan(("END",))
    assert scan.feed([Text("abc")]) == [Text("abc")]
    assert scan.feed([Text("E")]) == []
    assert scan.feed([Text("Nd")]) == [Text("ENd")]


def test_nothing_comes_behind_a_stop_but_the_counts() -> None:
    scan = StopScan(("END",))
    found = scan.feed(
        [
            Text("aEND"),
            Text("b"),
            Thinking("c"),
            CALL,
            Usage(1, 2),
            Finish("tool_use"),
            Failed(ValueError("x")),
            Ended(),
        ]
    )  # type: ignore[arg-type]
    assert found == [Text("a"), Finish("stop_sequence", "END", "END"), Usage(1, 2)]
    assert scan.stopped


def test_thinking_and_arguments_are_not_scanned() -> None:
    scan = StopScan(("END",))
    said: list[Delta] = [Thinking("END"), ToolFragment(0, "a", "Bash", '{"a":"END"}')]
    assert scan.feed(said) == said
    assert not scan.stopped


@pytest.mark.parametrize(
    "between", [Usage(1, 2), ThinkingState({"n": 1}), Ignored("audio")], ids=lambda delta: type(delta).__name__
)
def test_a_stop_is_found_around_what_is_no_content(between: Delta) -> None:
    scan = StopScan(("END",))
    assert scan.feed([Text("aE"), between, Text("ND")]) == [Text("a"), between, Finish("stop_sequence", "END", "END")]


@pytest.mark.parametrize(
    "between", [Thinking("x"), CALL, Citation("u", "t"), Finish("end_turn")], ids=lambda delta: type(delta).__name__
)
def test_a_stop_does_not_reach_over_other_content(between: Delta) -> None:
    scan = StopScan(("END",))
    assert scan.feed([Text("aE"), between, Text("ND")]) == [Text("a"), Text("E"), between, Text("ND")]


def test_stop_sequences_as_long_as_books_are_looked_for_in_no_time() -> None:
    scan = StopScan(tuple("x" * 20_000 + str(number) for number in range(20)))
    assert told([delta for _ in range(20_000) for delta in scan.feed([Text("word ")])]) == [("Text", "word " * 20_000)]


@given(st.text("ab", max_size=8), st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=3))
def test_overlap_is_the_longest_end_that_begins_a_mark(text: str, marks: list[str]) -> None:
    expected = max(
        (
            size
            for size in range(len(text) + 1)
            if any(len(mark) > size and mark.startswith(text[len(text) - size :]) for mark in marks)
        ),
        default=0,
    )
    assert overlap(text, tuple(marks)) == expected


# -- fences around JSON ----------------------------------------------------------------------------------------------

FENCES: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("a fence", '```json\n{"a":1}\n```', [("Text", '{"a":1}')]),
    ("a fence without a language", '```\n{"a":1}\n```', [("Text", '{"a":1}')]),
    ("white space around the fence", ' \n```json\n{"a":1}\n```\n ', [("Text", '{"a":1}')]),
    ("no line end before the last fence", '```json\n{"a":1}```', [("Text", '{"a":1}')]),
    ("no fence", '{"a":1}', [("Text", '{"a":1}')]),
    ("no fence, white space", ' {"a":1}\n', [("Text", ' {"a":1}\n')]),
    ("a fence inside a string", '{"a":"```json\\n```"}', [("Text", '{"a":"```json\\n```"}')]),
    ("a fence inside a string inside a fence", '```json\n{"a":"```"}\n```', [("Text", '{"a":"```"}')]),
    ("a fence that never ends", '```json\n{"a":1}', [("Text", '{"a":1}')]),
    ("words before the fence", 'Here:\n```json\n{"a":1}\n```', [("Text", '{"a":1}')]),
    ("words behind the fence", '```json\n{"a":1}\n```\nDone.', [("Text", '{"a":1}')]),
    ("words on both sides", 'Here:\n```json\n{"a":1}\n```\nDone.', [("Text", '{"a":1}')]),
    ("words before", 'Sure! {"a":"}"}', [("Text", '{"a":"}"}')]),
    ("words behind", '{"a":"\\"}"}\n\nDone.', [("Text", '{"a":"\\"}"}')]),
    ("a list in words", "The list: [1]. Done", [("Text", "[1]")]),
    ("two values", '{"a":1} or {"b":2}', [("Text", '{"a":1} or {"b":2}')]),
    ("two values in words", 'Is it {"a":1} or {"b":2}', [("Text", 'Is it {"a":1} or {"b":2}')]),
    ("words without a value", "No {value} here", [("Text", "No {value} here")]),
    ("a word in a fence", "```json\ntrue\n```", [("Text", "true")]),
    ("a word of JSON", "true", [("Text", "true")]),
    ("another language", '```python\n{"a":1}\n```', [("Text", '```python\n{"a":1}\n```')]),
    ("something that looks like a fence", "``x", [("Text", "``x")]),
    ("a list", "```json\n[1]\n```", [("Text", "[1]")]),
    ("an empty answer", "", []),
]


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(text, expected, id=name) for name, text, expected in FENCES]
)
def test_pa_15_fences_around_json_split_anywhere(text: str, expected: list[tuple[str, str]]) -> None:
    for pieces in every_cut(text):
        assert through(partial(JsonFences, Notes()), pieces) == expected, pieces


# -- all of them -----------------------------------------------------------------------------------------------------


def filtered(pieces: list[str], dialect: Dialect = OPENAI, **fields: object) -> list[tuple[str, str]]:
    filters = Filters(dialect, plan_of(**fields), Notes())
    found: list[Delta] = []
    for piece in pieces:
        found += filters.feed([Text(piece)])
        if filters.stopped:
            break
    return told(found + filters.flush())


MARKS = ["<think>", "</think>", "<thought>", "END", "Sure:", "<", " ", "\n", "a"]
PIECES = st.lists(st.sampled_from(MARKS), max_size=5).map("".join)
DELTAS = st.one_of(
    PIECES.map(Text),
    PIECES.map(Thinking),
    st.sampled_from([Usage(1, 2), CALL, Finish("end_turn", "stop"), Ignored("audio"), Ended()]),
)
WISHES: list[dict[str, Any]] = [{}, {"scan_stops": ("END",)}, {"prefill": "Sure:"}, {"text_limit": 2}]


@given(
    st.lists(DELTAS, max_size=6),
    st.sampled_from([OPENAI, THINKS_ALOUD, THINKS_ALOUD.but({"think_opened": True, "think_unparsed": True})]),
    st.sampled_from(WISHES),
)
def test_a_whole_answer_becomes_what_it_becomes_bit_by_bit(
    deltas: list[Delta], dialect: Dialect, wishes: dict[str, Any]
) -> None:
    notes, plan = [Notes(), Notes()], plan_of(**wishes)
    bit_by_bit, whole = (Filters(dialect, plan, these) for these in notes)
    assert whole.whole(deltas) == bit_by_bit.feed(deltas) + bit_by_bit.flush()
    assert notes[0].codes() == notes[1].codes()


def test_without_a_reason_to_look_text_passes_as_it_is() -> None:
    assert filtered(["<think>", "END", "```json"]) == [("Text", "<think>END```json")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>END</think>Sure: a END b", [("Thinking", "END"), ("Text", " a "), ("Finish", "END")]),
        ("<think>hm</think>Sure:END", [("Thinking", "hm"), ("Finish", "END")]),
        ("<think>hm</think>no END", [("Thinking", "hm"), ("Text", "no "), ("Finish", "END")]),
        ("Sure:<think>hm</think>", [("Text", "<think>hm</think>")]),
        ("<think>hm</think>SuEN", [("Thinking", "hm"), ("Text", "SuEN")]),
    ],
)
def test_thinking_then_the_echo_then_stops(text: str, expected: list[tuple[str, str]]) -> None:
    for pieces in every_cut(text):
        assert filtered(pieces, THINKS_ALOUD, prefill="Sure:", scan_stops=("END",)) == expected, pieces


def test_looking_for_stops_oneself_is_noted_once() -> None:
    notes = Notes()
    Filters(OPENAI, plan_of(scan_stops=("a", "b")), notes)
    assert notes.codes() == ["stops-local"]


def test_a_stop_that_the_backend_was_told_of_and_let_pass_ends_the_text() -> None:
    """PA-06: of six stops a server took and did not keep to."""
    stops = tuple(f"S{number}" for number in range(6))
    notes = Notes()
    for pieces in every_cut("abcS5def"):
        assert filtered(pieces, stops=stops) == [("Text", "abc"), ("Finish", "S5")], pieces
    Filters(OPENAI, plan_of(stops=stops), notes)
    assert not notes.codes(), "nothing was kept from the backend"


def test_a_stop_that_the_backend_names_is_the_one_that_is_told() -> None:
    deltas = [Text("abc"), Finish("end_turn", "stop", "S1")]
    filters = Filters(OPENAI, plan_of(stops=("S1", "bx")), Notes())
    assert filters.feed(deltas) + filters.flush() == deltas


def test_an_empty_stop_sequence_stops_nothing() -> None:
    assert filtered(["hi"], scan_stops=("",)) == [("Text", "hi")]
