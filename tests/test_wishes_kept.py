"""What a request asks for beside its conversation is kept, and words take a shorter way: neither changes anything."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.dialects import ROWS
from claude_code_proxy.dialects.generic import GENERIC
from claude_code_proxy.errors import ClientError
from claude_code_proxy.translate import wishes
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request

EVERY_DIALECT = [
    dialect for row in ROWS for dialect in (row.dialect, *(row.dialect.but(models.fields) for models in row.models))
]
SCHEMA = {"type": "object", "properties": {"p": {"type": ["string", "null"]}}}
MARK = {"cache_control": {"type": "ephemeral"}}
FORMAT = {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}


def some_of(fields: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of these fields, in any order."""
    chosen = st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=6)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: st.sampled_from(fields[name]) for name in names}))


TOOLS = [
    {"name": "Read", "description": "Read", "input_schema": SCHEMA},
    {"name": "Late", "input_schema": SCHEMA, "defer_loading": True},
    {"name": "mcp.x y", "input_schema": SCHEMA, "strict": True, "input_examples": [{"p": "a"}], "later": 1},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    {"type": "bash_20250124", "name": "bash"},
]
FIELDS = some_of(
    {
        "stream": [True, False],
        "temperature": [0, 1, 1.0, 0.5, 1.7],
        "top_p": [0.5, 1],
        "top_k": [0, 40],
        "stop_sequences": [[], ["END"], ["a", "b", "c", "d", "e"]],
        "metadata": [{"user_id": "u"}, {"user_id": '{"session_id": "s", "account": "a"}'}, {"other": 1}],
        "thinking": [
            {"type": "disabled"},
            {"type": "adaptive", "display": "omitted"},
            {"type": "enabled", "budget_tokens": 4000},
            {"type": "enabled"},
            {"type": "between_tools"},
        ],
        "output_config": [{"effort": "low"}, {"effort": "max"}, {"format": FORMAT}, {"task_budget": 1}, {"x": 1}],
        "output_format": [FORMAT, {"type": "json_schema", "schema": {"type": "array"}}],
        "service_tier": ["auto", "standard_only"],
        "speed": ["fast", "slow"],
        "cache_control": [{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}],
        "context_management": [
            {"edits": []},
            {
                "edits": [
                    {
                        "type": "clear_tool_uses_20250919",
                        "trigger": {"type": "tool_uses", "value": 0},
                        "keep": {"value": 0},
                    }
                ]
            },
            {"edits": [{"type": "clear_thinking_20251015"}, {"type": "compact_20260112"}]},
        ],
        "tool_choice": [
            {"type": "auto", "disable_parallel_tool_use": True},
            {"type": "any"},
            {"type": "none"},
            {"type": "tool", "name": "Read"},
            {"type": "tool", "name": "web_search"},
            {"type": "later"},
        ],
        "safeguards": [{"a": 1}],
        "container": ["c"],
        "a_later_field": [1, 1.0, True, {"x": None}],
    }
)
LIMITS = st.sampled_from([0, 1, 16, 900, 8000, 10**6])
TOOL_LISTS = st.one_of(st.none(), st.lists(st.sampled_from(TOOLS), max_size=4, unique_by=lambda tool: tool["name"]))
SYSTEMS = st.sampled_from(
    [
        None,
        "",
        "You help.",
        "x-anthropic-billing-header: a\nYou help.",
        [{"type": "text", "text": "You help.", **MARK}],
        [{"type": "text", "text": "a", "later": 1}],
    ]
)

WORDS = st.sampled_from(["hi", "What is it?", " ", "", "\u2028", " spaced\n"])
SAID = st.lists(st.tuples(st.sampled_from(["user", "user", "assistant"]), WORDS), min_size=1, max_size=5).map(
    lambda said: [{"role": role, "content": words} for role, words in said]
)
BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": "look"},
        {"type": "text", "text": "marked", **MARK},
        {"type": "text", "text": "cited", "citations": [{"type": "char_location"}]},
        {"type": "tool_use", "id": "t1", "name": "Read", "input": {"p": "a"}},
        {"type": "tool_use", "id": "t2", "name": "gone with it", "input": {}},
        {"type": "tool_result", "tool_use_id": "t1", "content": "done"},
        {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "tool_reference", "tool_name": "Late"}]},
        {"type": "thinking", "thinking": "ah", "signature": "x"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAAAN"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [{"type": "web_search_result", "encrypted_content": "x"}],
        },
        {"type": "tool_addition", "tool": {"definition": {"name": "Added", "input_schema": SCHEMA}}},
        {"type": "tool_removal", "tool": {"name": "Read"}},
        {"type": "compaction", "content": "so far"},
        {"type": "later", "x": 1},
    ]
)
OTHER = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant", "assistant", "system", "later"]),
        st.one_of(WORDS, st.lists(BLOCKS, max_size=3)),
    ),
    st.sampled_from(
        [
            {"role": "system", "content": "now", "output_config": {"effort": "high"}},
            {"role": "system", "content": [], "output_config": {"effort": "low"}, "clear_at": "next_user_message"},
            {"role": "user", "content": "extra", "later": 1},
        ]
    ),
)
MESSAGES = st.one_of(
    SAID,
    SAID,
    st.lists(OTHER, min_size=1, max_size=4),
    st.builds(lambda a, b: a + b, SAID, st.lists(OTHER, max_size=3)),
)
COUNTS = st.sampled_from([0, 0, 50, 5000, 30_000])


@st.composite
def sessions(draw: st.DrawFn) -> list[tuple[dict[str, Any], int]]:
    """Return requests, most of which ask for the same, with the size of their prompts."""
    fields = draw(st.lists(FIELDS, min_size=1, max_size=2))
    tools, systems, limits = draw(st.lists(TOOL_LISTS, min_size=1, max_size=2)), draw(SYSTEMS), draw(LIMITS)
    found = []
    for _ in range(draw(st.integers(2, 5))):
        request = {"model": "c", "max_tokens": limits, **draw(st.sampled_from(fields)), "messages": draw(MESSAGES)}
        declared = draw(st.sampled_from(tools))
        request |= {"tools": declared} if declared is not None else {}
        request |= {"system": systems} if systems is not None else {}
        found.append((request, draw(COUNTS)))
    return found


TARGETS = st.builds(
    lambda dialect, more: Target(backend="b", model="m", dialect=dialect, seal=b"k", **more),
    st.one_of(st.just(GENERIC), st.sampled_from(EVERY_DIALECT)),
    st.fixed_dictionaries(
        {
            "window": st.sampled_from([0, 8192, 200_000]),
            "max_output": st.sampled_from([0, 4096]),
            "vision": st.sampled_from([None, False]),
            "min_tokens_explicit": st.booleans(),
        }
    ),
)


def outcome(request: dict[str, Any], target: Target, tokens: int = 0) -> Any:
    """Return all that a translation gives, or the error."""
    notes = Notes()
    before = copy.deepcopy(request)
    try:
        translated = translate_request(
            check_request(request), target, notes, count=(lambda _: tokens) if tokens else None
        )
    except ClientError as error:
        return error.message, error.path, list(notes)
    assert request == before
    plan = msgspec.structs.asdict(translated.plan)
    return msgspec.json.encode(translated.body), plan, list(notes)


@given(sessions(), TARGETS)
def test_what_is_kept_changes_no_translation(session: list[tuple[dict[str, Any], int]], target: Target) -> None:
    for request, tokens in session:
        anew = outcome(request, msgspec.structs.replace(target), tokens)
        assert outcome(request, target, tokens) == anew
        assert outcome(request, target, tokens) == anew


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


CALL = {"type": "tool_use", "id": "t1", "name": "Read", "input": {"p": "a"}}
DONE = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}
CONVERSATIONS = {
    "a question": [user("hi")],
    "another": [user("What is new?")],
    "an answer before": [user("hi"), assistant("yes"), user("and?")],
    "two answers in a row": [user("hi"), assistant("yes"), assistant("no"), user("and?")],
    "a prefill": [user("hi"), assistant("I")],
    "a call": [user("hi"), assistant([CALL]), user([DONE])],
    "a foreign thought": [
        user("hi"),
        assistant([{"type": "thinking", "thinking": "ah", "signature": "x"}, CALL]),
        user([DONE]),
    ],
    "an effort": [
        user("hi"),
        {"role": "system", "content": "go on", "output_config": {"effort": "high"}},
        user("and?"),
    ],
    "blocks": [user([{"type": "text", "text": "hi", **MARK}, {"type": "text", "text": "there", "later": 1}])],
    "nothing": [user(" ")],
}
TOKENS = {"another": 30_000, "blocks": 100}  # of these conversations; the others are not counted
ASKED: dict[str, dict[str, Any]] = {
    "little": {"max_tokens": 500},
    "much": {"max_tokens": 100_000, "stream": True},
    "an effort": {"max_tokens": 8000, "output_config": {"effort": "low"}},
    "thoughts": {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 4000}, "tools": TOOLS[:2]},
    "a call": {"max_tokens": 500, "tools": TOOLS[:3], "tool_choice": {"type": "any"}},
    "a search": {"max_tokens": 500, "tools": [TOOLS[3]], "cache_control": {"type": "ephemeral"}},
    "less context": {"max_tokens": 500, "context_management": {"edits": [{"type": "clear_thinking_20251015"}]}},
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_no_conversation_gets_what_another_one_asked_for(asked: dict[str, Any]) -> None:
    """At every backend, whoever was there before."""
    for dialect in EVERY_DIALECT:
        target = Target(backend="b", model="m", dialect=dialect, seal=b"k", window=32_000)
        for name, messages in CONVERSATIONS.items():
            request, tokens = {"model": "c", **asked, "messages": messages}, TOKENS.get(name, 0)
            assert outcome(request, target, tokens) == outcome(request, msgspec.structs.replace(target), tokens)


@pytest.mark.parametrize("name", ["a question", "an answer before", "two answers in a row", "a prefill", "nothing"])
def test_words_are_blocks_of_text_at_every_backend(name: str) -> None:
    for dialect, asked in itertools.product(EVERY_DIALECT, (ASKED["little"], ASKED["thoughts"])):
        target = Target(backend="b", model="m", dialect=dialect, seal=b"k")
        request = {"model": "c", **asked, "system": "You help.", "messages": CONVERSATIONS[name]}
        assert outcome(request, target) == outcome(as_blocks(request), target)


def as_blocks(request: dict[str, Any]) -> dict[str, Any]:
    messages = [
        {**message, "content": [{"type": "text", "text": message["content"]}]} for message in request["messages"]
    ]
    return {**request, "messages": messages}


@given(sessions(), SAID, TARGETS)
def test_words_are_translated_as_blocks_of_text_are(
    session: list[tuple[dict[str, Any], int]], said: list[dict[str, Any]], target: Target
) -> None:
    for request, tokens in session:
        spoken = {**request, "messages": said}
        assert outcome(spoken, target, tokens) == outcome(as_blocks(spoken), msgspec.structs.replace(target), tokens)


def ask(target: Target, number: int, size: int = 0) -> None:
    outcome(
        {"model": "c", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}], "x": [number, "y" * size]},
        target,
    )


def test_what_is_kept_is_bounded_in_number_and_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = wishes.Memory()
    monkeypatch.setattr(wishes, "_memory", memory)
    target = Target(backend="b", model="m", dialect=GENERIC, seal=b"k")
    most = [0, 0]
    for number, size in itertools.product(range(300), (0, 12_000, 15_000, 100_000)):
        ask(target, number, size)
        most = [max(most[0], len(memory.kept)), max(most[1], memory.size)]
    assert 200 < most[0] <= 256
    assert 1_000_000 < most[1] <= 4 * 1024 * 1024
    assert max(len(key[1]) for key in memory.kept) < 16 * 1024


def test_large_tools_count_for_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = wishes.Memory()
    monkeypatch.setattr(wishes, "_memory", memory)
    target = Target(backend="b", model="m", dialect=GENERIC, seal=b"k")
    for number in range(100):
        tool = {"name": f"t{number}", "description": "d" * 100_000, "input_schema": SCHEMA}
        outcome(
            {"model": "c", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}], "tools": [tool]}, target
        )
        assert len(memory.kept) < 45
