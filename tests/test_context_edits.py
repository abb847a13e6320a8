"""Edits of the context: pure list edits that nothing a client sends can break."""

from __future__ import annotations

import copy

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_proxy.translate.context_edits import CLEARED, EDITS, apply_edits

IDS = st.sampled_from(["a", "b", "c", ""])
NAMES = st.sampled_from(["Read", "Bash"])
ODD = st.sampled_from([None, 0, "x", [], {}, [None], [{}], True])
BLOCKS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=5)}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": st.text(max_size=5)}),
    st.fixed_dictionaries({"type": st.just("tool_use"), "id": IDS, "name": NAMES, "input": st.just({"q": 1})}),
    st.fixed_dictionaries({"type": st.just("tool_result"), "tool_use_id": IDS, "content": st.text(max_size=9)}),
    st.fixed_dictionaries({"type": st.just("web_fetch_tool_result"), "tool_use_id": IDS, "content": ODD}),
)
CONTENT = st.one_of(st.text(max_size=5), st.lists(BLOCKS, max_size=4), ODD)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": CONTENT}), max_size=7
)
VALUES = st.one_of(
    ODD, st.fixed_dictionaries({"type": st.sampled_from(["tool_uses", "x"]), "value": st.integers(-1, 4)})
)
FIELDS = ("trigger", "keep", "clear_at_least", "exclude_tools", "clear_tool_inputs")
ONE_EDIT = st.fixed_dictionaries(
    {"type": st.sampled_from([*sorted(EDITS), "compact_20260112"])}, optional=dict.fromkeys(FIELDS, VALUES)
)


def size(request) -> int:
    return len(msgspec.json.encode(request["messages"]))


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.lists(ONE_EDIT, max_size=3))
def test_any_edits_of_any_conversation_keep_its_messages_and_pairs(messages, edits):
    request = {"messages": messages, "context_management": {"edits": edits}}
    before = copy.deepcopy(request)
    edited = apply_edits(request, size)
    assert request == before
    assert len(edited.request["messages"]) == len(messages)
    for old, new in zip(messages, edited.request["messages"], strict=True):
        assert new["role"] == old["role"]
        if isinstance(old["content"], list) and all(old["content"]):
            kept = [block["type"] for block in old["content"] if block["type"] != "thinking"]
            assert [block["type"] for block in new["content"] if block["type"] != "thinking"] == kept
    assert (edited.applied is None) == (not edits)
    assert apply_edits(request, size) == edited


def test_a_cleared_result_keeps_that_it_failed():
    messages = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Bash", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": True, "content": "x" * 99}],
        },
    ]
    keep, always = {"type": "tool_uses", "value": 0}, {"type": "tool_uses", "value": 0}
    one = {"type": "clear_tool_uses_20250919", "keep": keep, "trigger": always}
    edited = apply_edits({"messages": messages, "context_management": {"edits": [one]}}, size)
    (block,) = edited.request["messages"][1]["content"]
    assert block == {"type": "tool_result", "tool_use_id": "a", "is_error": True, "content": CLEARED}
    assert edited.applied is not None
    assert edited.applied[0]["cleared_tool_uses"] == 1
