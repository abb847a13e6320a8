"""Reasoning that comes in pieces, in snapshots, or once more as a whole: a client reads it once, and so does the backend."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import THINKS_ALOUD, chunk, every_way, hear, stream

from claude_code_proxy.translate.snapshots import Snapshots

DETAIL = {"type": "reasoning.text", "index": 0}
HI = chunk({"content": "hi"})
STOP = chunk({}, "stop")


def detailed(*texts: str, **more: Any) -> list[dict[str, Any]]:
    return [chunk({"reasoning_details": [DETAIL | {"text": text}], **more}) for text in texts]


CASES: list[tuple[str, list[dict[str, Any]], str]] = [
    ("in pieces", detailed("The user", " asks", " why."), "The user asks why."),
    ("in snapshots", detailed("The user", "The user asks", "The user asks why."), "The user asks why."),
    ("in snapshots that begin short", detailed("I", "I see", "I see it"), "I see it"),
    ("in two snapshots", detailed("I", "I see"), "I see"),
    ("in pieces that begin alike", detailed("a", "and", " so"), "aand so"),
    ("in equal pieces", detailed("ha", "ha", "!"), "haha!"),
    ("in pieces, then whole", detailed("The user", " asks", "The user asks"), "The user asks"),
    ("with a last snapshot twice", detailed("The user", "The user asks", "The user asks"), "The user asks"),
]


@every_way
@pytest.mark.parametrize(("chunks", "text"), [pytest.param(chunks, text, id=name) for name, chunks, text in CASES])
def test_reasoning_details_are_read_once(chunks: list[dict[str, Any]], text: str, way: Any) -> None:
    heard = hear(stream(*chunks, HI, STOP), way)
    assert heard.message["content"][0]["thinking"] == text
    (envelope,) = heard.envelopes
    assert envelope is not None
    assert envelope.details == [DETAIL | {"text": text}]


@every_way
@pytest.mark.parametrize("behind", [True, False], ids=["behind the text", "before it"])
@pytest.mark.parametrize("words", [["h", "m"], ["Let me ", "look ", "at ", "that."]])
def test_details_that_repeat_the_reasoning_as_a_whole_are_state_only(words: list[str], behind: bool, way: Any) -> None:
    """OpenRouter's providers send `reasoning` as it comes, and some all of `reasoning_details` in one last chunk."""
    last = detailed("".join(words))
    said = [chunk({"reasoning": word}) for word in words]
    heard = hear(stream(*said, *([HI, *last] if behind else [*last, HI]), STOP), way)
    thoughts = [block["thinking"] for block in heard.message["content"] if block["type"] == "thinking"]
    assert "".join(thoughts) == "".join(words)
    details = [detail for envelope in heard.envelopes if envelope for detail in envelope.details]
    assert details == [DETAIL | {"text": "".join(words)}]


@every_way
def test_reasoning_that_comes_in_a_field_and_in_tags_is_read_once(way: Any) -> None:
    """MiniMax M3 mirrors what stands between its tags (vellum-ai/vellum-assistant#34556, 2026-06)."""
    chunks = [
        chunk({"reasoning_content": "The user", "content": "<think>\nThe user"}),
        chunk({"reasoning_content": " asks.", "content": " asks."}),
        chunk({"content": "\n</think>\n\nBecause."}),
    ]
    heard = hear(stream(*chunks, STOP), way, dialect=THINKS_ALOUD)
    assert [(block["type"], block.get("thinking", block.get("text"))) for block in heard.message["content"]] == [
        ("thinking", "The user asks."),
        ("text", "Because."),
    ]


def test_other_reasoning_in_tags_is_kept() -> None:
    chunks = [chunk({"reasoning_content": "First."}), chunk({"content": "<think>Second.</think>Done."})]
    heard = hear(stream(*chunks, STOP), dialect=THINKS_ALOUD)
    assert "".join(block.get("thinking", "") for block in heard.message["content"]) == "First.Second."


def test_a_summary_is_differenced_and_encrypted_data_is_not() -> None:
    summary = [chunk({"reasoning_details": [{"type": "reasoning.summary", "index": 0, "summary": text}]}) for text in ("Looking up", "Looking up it")]  # fmt: skip
    sealed = [chunk({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": text}]}) for text in ("AAAAAAAA", "AAAAAAAAB")]  # fmt: skip
    (envelope,) = hear(stream(*summary, *sealed, HI, STOP)).envelopes
    assert envelope is not None
    assert envelope.details[0]["summary"] == "Looking up it"
    assert envelope.details[1]["data"] == "AAAAAAAAAAAAAAAAB"


@given(st.lists(st.text(alphabet="ab ", min_size=8, max_size=9), min_size=1, max_size=6))
def test_snapshots_of_any_text_are_that_text(pieces: list[str]) -> None:
    snapshots, so_far, heard = Snapshots(), "", ""
    for piece in pieces:
        so_far += piece
        heard += snapshots.add(so_far)
    assert heard + snapshots.rest() == so_far == snapshots.whole()
