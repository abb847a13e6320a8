"""Any answer at all: nothing of it is lost, a stream says what the whole says, and its end fits what it holds."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.answers import Heard, answer, chunk, hear, hear_whole, plan_of, stream

from claude_code_proxy.translate.chunks import FAILED_FINISH, STOP_REASONS
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.plan import Plan

LOCAL = Dialect(name="local", think_tags=True, text_tools=True)
OPENED = Dialect(name="opened", think_tags=True, think_opened=True, think_unparsed=True, text_tools=True)
PLAIN = Dialect(name="plain")
DIALECTS = st.sampled_from([PLAIN, LOCAL, OPENED])
SERVED = ("web_search", "code_execution")
CUTTING = {"max_tokens", "refusal", "model_context_window_exceeded"}

WORDS = st.text("ab<>/`\n {}北", max_size=12) | st.sampled_from(["hi", "</think>", "<think>a</think>b", "END", "\n\n"])
THOUGHTS = st.text("cd\n é", max_size=8)
NAMES = st.sampled_from(["Bash", "Read", "Nobody", "web_search", "bash_code_execution", "web_fetch"])
ARGUMENTS = st.one_of(
    st.dictionaries(st.text("xyz", min_size=1, max_size=2), st.integers() | WORDS | st.none(), max_size=3).map(
        json.dumps
    ),
    st.sampled_from(["", "{", '{"a":', '{"a":"x', "{a:1}", "[1]", '"text"', '{"a":1}{"a":2}', "oops", '{"a":1}x']),
)
CALLS = st.tuples(NAMES, ARGUMENTS)
FINISHES = st.sampled_from([*STOP_REASONS, *FAILED_FINISH, "MAX_TOKENS", "SAFETY", "tired", None])
PLANS = st.builds(
    plan_of,
    choice=st.sampled_from(["", "", "any", "none"]),
    one_tool=st.booleans(),
    server_tools=st.sampled_from([(), SERVED]),
    search_query=st.sampled_from([None, None, "q"]),
    used_ids=st.sampled_from([frozenset(), frozenset({"call_0"})]),
    hide_thinking=st.booleans(),
)


def cut(draw: Any, text: str) -> list[str]:
    """Return a text in up to three pieces."""
    at = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def fragments(pieces: Callable[[str], list[str]], place: int, name: str, arguments: str) -> list[dict[str, Any]]:
    """Return the chunks of one call."""
    first, *rest = pieces(arguments)
    head = {"index": place, "id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": first}}
    tail = [{"index": place, "function": {"arguments": piece}} for piece in rest]
    return [chunk({"tool_calls": [one]}) for one in (head, *tail)]


def both_ways(
    thought: str, words: str, calls: list[tuple[str, str]], finish: str | None, draw: Any = None
) -> tuple[bytes, bytes, dict[str, Any]]:
    """Return an answer as a stream (in pieces that are drawn, else each part in one) and whole, and what it says."""
    pieces = functools.partial(cut, draw) if draw else lambda text: [text]
    chunks = [chunk({"reasoning_content": piece}) for piece in pieces(thought)]
    chunks += [chunk({"content": piece}) for piece in pieces(words)]
    for place, (name, arguments) in enumerate(calls):
        chunks += fragments(pieces, place, name, arguments)
    message = {
        "reasoning_content": thought,
        "content": words,
        "tool_calls": [
            {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for place, (name, arguments) in enumerate(calls)
        ],
    }
    said = {"thought": thought, "words": words, "calls": calls, "finish": finish}
    return stream(*chunks, chunk({}, finish)), answer(message, finish), said


@st.composite
def answered(draw: Any) -> tuple[bytes, bytes, dict[str, Any]]:
    """Return the same answer as a stream and whole, and what it says."""
    return both_ways(draw(THOUGHTS), draw(WORDS), draw(st.lists(CALLS, max_size=3)), draw(FINISHES), draw)


def blocks_of(heard: Heard) -> list[dict[str, Any]]:
    """The content, without what is only a carrier."""
    return [{key: value for key, value in block.items() if key != "signature"} for block in heard.message["content"]]


HALF_THEN_WHOLE = [("Bash", '{"a":'), ("Bash", '{"x": null}')]


@settings(max_examples=100)
@example(both_ways("", "", HALF_THEN_WHOLE, "length"), plan_of(one_tool=True), PLAIN)
@given(answered(), PLANS, DIALECTS)
def test_a_stream_says_what_the_whole_says(
    given: tuple[bytes, bytes, dict[str, Any]], plan: Plan, dialect: Dialect
) -> None:
    streamed, body, _ = given
    one, other = hear(streamed, plan=plan, dialect=dialect), hear_whole(body, plan=plan, dialect=dialect)
    assert str(one.failure) == str(other.failure)
    if one.failure is not None:
        return
    assert one.stop == other.stop
    assert blocks_of(one) == blocks_of(other)
    assert sorted(one.notes) == sorted(other.notes)


@settings(max_examples=100)
@given(answered(), PLANS, DIALECTS)
def test_nothing_said_is_lost_without_a_note(
    given: tuple[bytes, bytes, dict[str, Any]], plan: Plan, dialect: Dialect
) -> None:
    streamed, _, said = given
    heard = hear(streamed, plan=plan, dialect=dialect)
    if heard.failure is not None:
        return
    told = json.dumps(heard.message["content"], ensure_ascii=False)
    content = heard.message["content"]
    seen = "".join(block.get("text", "") + block.get("thinking", "") for block in content)
    for text in (said["thought"], said["words"]):
        assert "thinking-hidden" in heard.notes or _bare(text) in _bare(seen), told
    lost = {"call-dropped", "call-forbidden"} & set(heard.notes)
    names = [block["name"] for block in content if block["type"] in ("tool_use", "server_tool_use")]
    for name, _ in said["calls"]:
        assert lost or name in names, told
    values = [value for _, arguments in said["calls"] for value in _values(arguments)]
    for value in values:
        assert lost or {"arguments-repaired", "arguments-broken"} & set(heard.notes) or _quoted(value) in told, told


@settings(max_examples=100)
@given(answered(), PLANS, DIALECTS)
def test_the_end_fits_what_the_answer_holds(
    given: tuple[bytes, bytes, dict[str, Any]], plan: Plan, dialect: Dialect
) -> None:
    streamed, _, said = given
    heard = hear(streamed, plan=plan, dialect=dialect)
    if heard.failure is not None:
        return
    content, reason = heard.message["content"], heard.message["stop_reason"]
    called = [block for block in content if block["type"] == "tool_use"]
    assert (reason == "tool_use") == (bool(called) and reason not in CUTTING)
    assert not (called and plan.choice == "none")
    assert len(called) <= 1 or not plan.one_tool
    ids = [block["id"] for block in content if "id" in block]
    assert len(ids) == len(set(ids))
    assert not plan.used_ids & set(ids)
    served = [block["tool_use_id"] for block in content if "tool_use_id" in block]
    assert served == [block["id"] for block in content if block["type"] == "server_tool_use"]
    assert min(value for key, value in heard.usage.items() if key.endswith("tokens")) >= 0
    if said["finish"] is None:
        assert "finish-missing" in heard.notes


@st.composite
def interleaved(draw: Any) -> tuple[list[dict[str, Any]], list[str], list[str], list[tuple[str, dict[str, Any]]]]:
    """Return chunks in which everything is mixed, with the text, the thoughts and the calls they add up to."""
    words, thoughts = draw(st.lists(WORDS, max_size=4)), draw(st.lists(THOUGHTS, max_size=3))
    objects = st.dictionaries(st.text("xyz", min_size=1, max_size=2), st.integers() | WORDS, max_size=3)
    calls = draw(st.lists(st.tuples(st.sampled_from(["Bash", "Read"]), objects), max_size=3))
    lanes = [[chunk({"content": one}) for one in words], [chunk({"reasoning_content": one}) for one in thoughts]]
    lanes += [
        fragments(functools.partial(cut, draw), place, name, json.dumps(one)) for place, (name, one) in enumerate(calls)
    ]
    order = draw(st.permutations([at for at, lane in enumerate(lanes) for _ in lane]))
    first = {at: order.index(at) for at in range(2, len(lanes))}
    begun = [calls[at - 2] for at in sorted(first, key=first.__getitem__)]
    return [lanes[at].pop(0) for at in order], words, thoughts, begun


@settings(max_examples=100)
@given(interleaved(), st.sampled_from(["stop", "tool_calls", "length", "content_filter", "function_call", None]))
def test_whatever_is_mixed_comes_in_order_and_whole(given: Any, finish: str | None) -> None:
    chunks, words, thoughts, calls = given
    heard = hear(stream(*chunks, chunk({}, finish)), dialect=PLAIN)
    if not (calls or any(words) or any(thoughts)):
        return
    assert heard.failure is None
    content = heard.message["content"]
    assert "".join(block.get("text", "") for block in content) == "".join(words)
    assert "".join(block.get("thinking", "") for block in content) == "".join(thoughts)
    assert heard.calls == calls
    assert {"call-late", "call-dropped", "arguments-repaired", "arguments-broken"}.isdisjoint(heard.notes)


def _bare(text: str) -> str:
    return "".join(text.replace("<think>", "").replace("</think>", "").split())


def _values(arguments: str) -> list[Any]:
    try:
        read = json.loads(arguments)
    except ValueError:
        return []
    return list(read.values()) if isinstance(read, dict) else []


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
