"""Whole conversations, sound and mistreated, at every backend: legal, without loss, and the same from turn to turn."""

from __future__ import annotations

import copy
import json
import re
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strict_openai import problems

from claude_code_proxy.dialects import ROWS
from claude_code_proxy.errors import ClientError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal
from claude_code_proxy.translate.history import heal_history
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request

KEY = b"k"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
MARK = {"cache_control": {"type": "ephemeral"}}
MARKERS = {"cache_control", "prompt_cache_breakpoint"}
SCHEMA = {"type": "object", "properties": {"p": {"type": "string"}}}
TOOLS = [
    {"name": "Read", "input_schema": SCHEMA},
    {"name": "Late", "input_schema": SCHEMA, "defer_loading": True},
    {"name": "Later", "input_schema": SCHEMA, "defer_loading": True},
    {"name": "mcp__x__y", "input_schema": SCHEMA},
]
EVERY_DIALECT = [
    dialect for row in ROWS for dialect in (row.dialect, *(row.dialect.but(models.fields) for models in row.models))
]

Messages = list[dict[str, Any]]


def own(words: str) -> dict[str, Any]:
    signature = seal(Envelope(backend="b", model="m", digest=digest(words)), KEY)
    return {"type": "thinking", "thinking": words, "signature": signature}


def document(source: dict[str, Any]) -> dict[str, Any]:
    return {"type": "document", "source": source}


TEXT = st.just({"type": "text", "text": "?"})  # `numbered` gives each its own words
IMAGE = st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
DOCUMENT = st.sampled_from(
    [
        document({"type": "text", "media_type": "text/plain", "data": "?"}),
        document({"type": "content", "content": [{"type": "text", "text": "?"}]}),
        document({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}),
        {"type": "search_result", "source": "s", "title": "?", "content": [{"type": "text", "text": "?"}]},
    ]
)
THOUGHT = st.sampled_from(
    [own("ah"), {"type": "thinking", "thinking": "ah", "signature": "x"}, {"type": "redacted_thinking", "data": "x"}]
)
FOUND = st.sampled_from(["Late", "Later"]).map(lambda name: {"type": "tool_reference", "tool_name": name})
RESULT = st.one_of(st.just("?"), st.just(""), st.lists(st.one_of(TEXT, IMAGE, DOCUMENT, FOUND), max_size=3))
SAID = st.one_of(st.just("?"), st.lists(st.one_of(TEXT, TEXT, IMAGE, DOCUMENT), min_size=1, max_size=3))
SYSTEM = st.one_of(st.just("?"), st.just([{"type": "text", "text": "?"}]))
CALLS = st.lists(st.tuples(st.sampled_from(["Read", "mcp__x__y", "gone"]), RESULT, st.booleans()), max_size=3)
TURN = st.tuples(st.none() | THOUGHT, st.booleans(), CALLS, st.none() | SAID, st.none() | SYSTEM)


def conversation(first: Any, turns: list[Any]) -> Messages:
    """Return a sound conversation: every text has its own words, every call its result."""
    messages: Messages = [{"role": "user", "content": first}]
    for number, (thought, speaks, calls, said, system) in enumerate(turns):
        blocks = [thought] if thought else []
        blocks += [{"type": "text", "text": "?"}] if speaks or not calls else []
        ids = [f"toolu_{number}_{place}" for place in range(len(calls))]
        blocks += [
            {"type": "tool_use", "id": name, "name": call[0], "input": {"p": "?"}}
            for name, call in zip(ids, calls, strict=True)
        ]
        results: list[Any] = [
            {"type": "tool_result", "tool_use_id": name, "content": call[1], "is_error": call[2]}
            for name, call in zip(ids, calls, strict=True)
        ]
        more = said or ([] if calls else "?")
        messages.append({"role": "assistant", "content": blocks})
        more = [{"type": "text", "text": more}] if isinstance(more, str) else more
        messages.append({"role": "user", "content": [*reversed(results), *more]})
        messages += [{"role": "system", "content": system}] if system else []
    return numbered(messages)


def numbered(value: Any) -> Any:
    """Return a copy in which each `?` is a word of its own."""
    parts = json.dumps(value).split('"?"')
    return json.loads("".join(f'{part}"w{place}q"' for place, part in enumerate(parts[:-1])) + parts[-1])


CONVERSATION = st.builds(conversation, SAID, st.lists(TURN, max_size=5))


def translated(messages: Messages, dialect: Dialect, vision: bool | None = None) -> dict[str, Any]:
    system = [{"type": "text", "text": "You help.", **MARK}]
    request = {"model": "c", "max_tokens": 100, "system": system, "messages": messages, "tools": TOOLS}
    target = Target(backend="b", model="m", dialect=dialect, seal=KEY, vision=vision)
    return translate_request(check_request(request), target, Notes()).body


def faults(body: dict[str, Any], dialect: Dialect) -> list[str]:
    """Return what is wrong with the messages and tools of a body, by OpenAI's rules and the dialect's own."""
    found = problems(
        {name: body[name] for name in ("model", "messages", "tools") if name in body},
        message={"reasoning_content", "reasoning", "reasoning_details", "prefix"},
        part={"cache_control", "thinking"},
        call={"extra_content"},
        tool_parts=dialect.tool_content == "parts",
        file_addresses=dialect.documents == "url",
        max_id=dialect.id_length or 10**6,
    )
    roles = [message["role"] for message in body["messages"]]
    pairs = set(pairwise(roles))
    if dialect.merges_user_turns:
        found += [f"two {role}s" for role in ("user", "assistant") if (role, role) in pairs]
    if dialect.assistant_after_tool and ("tool", "user") in pairs:
        found.append("a user behind a tool")
    if not dialect.system_in_place and {"system", "developer"} & set(roles[1:]):
        found.append("a system message between turns")
    if dialect.images == "no" and "image_url" in json.dumps(body["messages"]):
        found.append("an image")
    return found


def words_of(messages: Messages) -> set[str]:
    """Return the words a backend has to get; of several results for one call the last counts, thoughts are its own."""
    blocks = [
        block
        for message in messages
        for block in (message["content"] if isinstance(message["content"], list) else [{"text": message["content"]}])
    ]
    answers = [block.get("tool_use_id") for block in blocks]
    counted = [block for block in blocks if answers.count(block.get("tool_use_id")) == 1 or "tool_use_id" not in block]
    return set(re.findall(r"w\d+q", json.dumps(counted)))


def unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key not in MARKERS}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(CONVERSATION, st.sampled_from(EVERY_DIALECT), st.sampled_from([None, True, False]))
def test_a_sound_conversation_grows_at_its_end_only_wherever_the_cache_marker_stands(messages, dialect, vision):
    """The body of one turn begins the body of the next, messages and tools alike: prefix caches live by that."""
    before: dict[str, Any] = {"messages": [], "tools": []}
    ends = [place for place, message in enumerate(messages, 1) if message["role"] == "user"]
    for end in (end for end in ends if messages[end : end + 1] == [] or messages[end]["role"] == "assistant"):
        turn = copy.deepcopy(messages[:end])
        if isinstance(turn[-1]["content"], list) and turn[-1]["content"]:
            turn[-1]["content"][-1] |= MARK
        body = unmarked(translated(turn, dialect, vision))
        for name, earlier in before.items():
            assert body[name][: len(earlier)] == earlier
        before = {name: body[name] for name in before}
        assert faults(body, dialect) == []


MUTATIONS = st.lists(
    st.tuples(st.sampled_from(range(9)), st.integers(0, 11), st.integers(0, 11), st.integers(0, 5)),
    min_size=1,
    max_size=5,
)


def mistreated(messages: Messages, mutations: list[tuple[int, int, int, int]]) -> Messages:
    """Return the conversation as clients spoil it: messages and blocks lost, doubled, moved, split, emptied."""
    messages = copy.deepcopy(messages)
    for kind, first, second, third in mutations:
        if not messages:
            break
        place, other = first % len(messages), second % len(messages)
        message = messages[place]
        blocks = message["content"] if isinstance(message["content"], list) else []
        if kind == 0:
            del messages[place]
        elif kind == 1:
            messages.insert(other, copy.deepcopy(message))
        elif kind == 2:
            messages[place], messages[other] = messages[other], message
        elif kind == 3:
            halves = blocks[: third + 1], blocks[third + 1 :]
            messages[place : place + 1] = [{**message, "content": half} for half in halves] if blocks else [message]
        elif kind == 4:
            blocks[third : third + 1] = []
        elif kind == 5:
            blocks += copy.deepcopy(blocks[third : third + 1])
        elif kind == 6:
            blocks.reverse()
        elif kind == 7:
            message["content"] = ["", [], " ", [{"type": "text", "text": ""}]][third % 4]
        else:
            message["role"] = ["user", "assistant", "system", "ctx"][third % 4]
    return messages


@settings(max_examples=200, deadline=None)
@given(CONVERSATION, MUTATIONS, st.sampled_from(EVERY_DIALECT), st.sampled_from([None, True, False]))
def test_a_mistreated_conversation_is_healed_without_loss_and_always_the_same_way(messages, mutations, dialect, vision):
    messages = mistreated(messages, mutations)
    before = copy.deepcopy(messages)
    try:
        body = translated(messages, dialect, vision)
    except ClientError:
        assert words_of(messages) == set()
        return
    assert faults(body, dialect) == []
    assert words_of(messages) <= set(re.findall(r"w\d+q", json.dumps(body)))
    assert messages == before
    assert msgspec.json.encode(translated(json.loads(json.dumps(messages)), dialect, vision)) == msgspec.json.encode(
        body
    )
    healed = heal_history(messages, Notes())
    assert heal_history(healed, Notes()) == healed
