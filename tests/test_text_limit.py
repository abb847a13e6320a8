"""The client's own max_tokens, where the backend was given more (PA-05, translation reference 4.1 and 4.5)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import answer, chunk, fragment, hear, hear_whole, plan_of, stream

from claude_code_proxy.tokens.estimate import estimate
from claude_code_proxy.translate.deltas import Finish, Text
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.text_limit import TextLimit

WORDS = "one two three four five six seven eight"
COUNTS = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
STOP = chunk({}, "stop")
NARROW = Dialect(name="narrow", min_output=16)


def limited(tokens: int, pieces: list[str], reason: str = "end_turn") -> tuple[str, str]:
    """Return the text that is left, and why the answer ends."""
    one = TextLimit(tokens)
    deltas = [delta for piece in pieces for delta in one.feed([Text(piece)])]
    deltas += one.feed([Finish(reason)]) + one.release()
    text = "".join(delta.text for delta in deltas if isinstance(delta, Text))
    return text, next(delta.reason for delta in deltas if isinstance(delta, Finish))


@pytest.mark.parametrize(
    ("tokens", "text", "left", "reason"),
    [
        (1, WORDS, "one", "max_tokens"),
        (3, WORDS, "one two three", "max_tokens"),
        (1, "Hi", "Hi", "max_tokens"),
        (2, "Hi", "Hi", "end_turn"),
        (9, WORDS, WORDS, "end_turn"),
        (9, WORDS + "\n\n", WORDS + "\n\n", "end_turn"),
        (9, "", "", "end_turn"),
    ],
)
def test_text_ends_at_the_limit(tokens: int, text: str, left: str, reason: str) -> None:
    for pieces in ([text], list(text), [text[:9], text[9:]]):
        assert limited(tokens, pieces) == (left, reason), pieces


@given(st.text(max_size=60), st.integers(1, 12), st.lists(st.integers(0, 60), max_size=6))
def test_however_a_text_is_cut_the_same_is_left(text: str, tokens: int, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    left, reason = limited(tokens, [text])
    assert limited(tokens, [text[a:b] for a, b in itertools.pairwise(places)]) == (left, reason)
    assert text.startswith(left)
    assert left == text or reason == "max_tokens"


@pytest.mark.parametrize("text", ["a" * 20_000, "北京" * 5000, " " * 20_000, "})];" * 5000])
def test_text_without_words_is_cut_too_and_not_held_back(text: str) -> None:
    one = TextLimit(100)
    passed = "".join(delta.text for piece in text for delta in one.feed([Text(piece)]) if isinstance(delta, Text))
    assert 0 < len(passed) < len(text)
    assert estimate(passed) <= 300


def test_why_an_answer_was_cut_elsewhere_stays() -> None:
    for reason in ("max_tokens", "refusal", "model_context_window_exceeded"):
        assert limited(1, [WORDS], reason) == ("one", reason)


def test_both_ways_end_at_the_limit_with_the_backends_counts() -> None:
    plan = plan_of(text_limit=3, stops=("seven",))
    streamed = hear(stream(*[chunk({"content": c}) for c in WORDS], STOP, {"choices": [], "usage": COUNTS}), plan=plan)
    for heard in (streamed, hear_whole(answer({"content": WORDS}, usage=COUNTS), plan=plan)):
        assert heard.message["content"] == [{"type": "text", "text": "one two three"}]
        assert heard.stop == {"stop_reason": "max_tokens", "stop_sequence": None}
        assert heard.usage["output_tokens"] == 9


def test_a_call_behind_the_limit_is_whole() -> None:
    call = fragment('{"command":"ls -l"}', index=0, id="a", name="Bash")
    plan = plan_of(text_limit=1)
    heard = hear(stream(chunk({"content": WORDS}), call, chunk({}, "tool_calls")), plan=plan)
    assert heard.message["content"][0] == {"type": "text", "text": "one"}
    assert heard.calls == [("Bash", {"command": "ls -l"})]
    assert heard.stop["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("asked", "target", "expected"),
    [
        (1, {}, 1),
        (15, {}, 15),
        (16, {}, 0),
        (0, {}, 0),
        (1, {"min_tokens": 100, "min_tokens_explicit": True}, 0),
        (1, {"min_tokens": 4, "min_tokens_explicit": True}, 4),
        (64, {"min_tokens": 1024}, 64),
    ],
)
def test_the_limit_is_what_was_asked_for_or_what_a_setting_makes_of_it(
    asked: int, target: dict[str, Any], expected: int
) -> None:
    request: dict[str, Any] = {"model": "c", "max_tokens": asked, "messages": [{"role": "user", "content": "hi"}]}
    dialect = NARROW
    if target.get("min_tokens") == 1024:
        dialect, request["output_config"] = replace(NARROW, thinks="default"), {"effort": "low"}
    where = Target(backend="b", model="m", dialect=dialect, seal=b"k", **target)
    assert translate_request(request, where, Notes()).plan.text_limit == expected
