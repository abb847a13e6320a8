"""Poisoned conversations, and what healing makes of them."""

import copy
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_proxy.translate.history import INTERRUPTED, ORPHANED, heal_history, is_result
from claude_code_proxy.translate.notes import Notes


def words(text):
    return {"type": "text", "text": text}


def call(name="c1", tool="Read", **more):
    return {"type": "tool_use", "id": name, "name": tool, "input": {}, **more}


def result(name="c1", content="done", **more):
    return {"type": "tool_result", "tool_use_id": name, "content": content, **more}


def user(*blocks):
    return {"role": "user", "content": [words(block) if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks):
    return {**user(*blocks), "role": "assistant"}


def system(*blocks, **more):
    return {**user(*blocks), "role": "system", **more}


def healed(*messages):
    notes = Notes()
    return heal_history(list(messages), notes), notes.codes()


HEALED = {
    "a sound history stays as it is": (
        [user("hi"), assistant("a", call()), user(result()), assistant("b")],
        [user("hi"), assistant("a", call()), user(result()), assistant("b")],
        [],
    ),
    "a string becomes a block": ([{"role": "user", "content": "hi"}], [user("hi")], []),
    "an unanswered call gets a result": (
        [user("hi"), assistant(call()), user("stop")],
        [user("hi"), assistant(call()), user(result(content=INTERRUPTED)), user("stop")],
        ["history-unanswered"],
    ),
    "an unanswered call at the end gets a result": (
        [user("hi"), assistant(call())],
        [user("hi"), assistant(call()), user(result(content=INTERRUPTED))],
        ["history-unanswered"],
    ),
    "one of two calls unanswered": (
        [assistant(call("a"), call("b")), user(result("b"))],
        [assistant(call("a"), call("b")), user(result("a", INTERRUPTED), result("b"))],
        ["history-unanswered"],
    ),
    "an orphan result becomes text": (
        [user(result("gone", "42"))],
        [user(ORPHANED, "42")],
        ["history-orphan"],
    ),
    "an orphan error says that it was one": (
        [user(result("gone", "no such file", is_error=True))],
        [user("[result of an earlier tool call, an error]", "no such file")],
        ["history-orphan"],
    ),
    "an orphan keeps its pictures": (
        [user(result("gone", [words("see"), {"type": "image", "source": {}}]))],
        [user(ORPHANED, "see", {"type": "image", "source": {}})],
        ["history-orphan"],
    ),
    "an orphan between others": (
        [user("a", result("gone", "42"), "b")],
        [user("a", ORPHANED, "42", "b")],
        ["history-orphan"],
    ),
    "a result before its call is an orphan": (
        [user(result("c1", "early")), assistant(call())],
        [user(ORPHANED, "early"), assistant(call()), user(result(content=INTERRUPTED))],
        ["history-orphan", "history-unanswered"],
    ),
    "of two results the last one counts": (
        [assistant(call()), user(result(content="old"), result(content="new"))],
        [assistant(call()), user(result(content="new"))],
        ["history-duplicate"],
    ),
    "a second result many turns later": (
        [assistant(call()), user(result(content="old")), assistant("x"), user(result(content="new"), "go")],
        [assistant(call()), user(result(content="new")), assistant("x"), user("go")],
        ["history-duplicate", "history-order"],
    ),
    "the same id in two turns": (
        [
            assistant(call("call_0")),
            user(result("call_0", "1")),
            assistant(call("call_0")),
            user(result("call_0", "2")),
        ],
        [
            assistant(call("call_0")),
            user(result("call_0", "1")),
            assistant(call("call_0_2")),
            user(result("call_0_2", "2")),
        ],
        ["history-renamed"],
    ),
    "the same id twice in one turn": (
        [assistant(call("x"), call("x")), user(result("x", "1"), result("x", "2"))],
        [assistant(call("x"), call("x_2")), user(result("x", "1"), result("x_2", "2"))],
        ["history-renamed"],
    ),
    "an id used again after its first use was interrupted": (
        [assistant(call("x")), user("stop"), assistant(call("x")), user(result("x", "2"))],
        [
            assistant(call("x")),
            user(result("x", INTERRUPTED)),
            user("stop"),
            assistant(call("x_2")),
            user(result("x_2", "2")),
        ],
        ["history-renamed", "history-unanswered"],
    ),
    "an id that looks renamed": (
        [
            assistant(call("x"), call("x"), call("x_2")),
            user(result("x", "1"), result("x", "2"), result("x_2", "3")),
        ],
        [
            assistant(call("x"), call("x_2"), call("x_2_2")),
            user(result("x", "1"), result("x_2", "2"), result("x_2_2", "3")),
        ],
        ["history-renamed"],
    ),
    "an empty id": (
        [assistant(call("")), user(result(""))],
        [assistant(call("call")), user(result("call"))],
        ["history-renamed"],
    ),
    "results in order of completion": (
        [assistant(call("a"), call("b"), call("c")), user(result("c"), result("a"), result("b"))],
        [assistant(call("a"), call("b"), call("c")), user(result("a"), result("b"), result("c"))],
        [],
    ),
    "text before results": (
        [assistant(call()), user("look:", result(), "go on")],
        [assistant(call()), user(result(), "look:", "go on")],
        ["history-order"],
    ),
    "results split over messages": (
        [assistant(call("a"), call("b")), user(result("a")), user("and"), user(result("b"), "go")],
        [assistant(call("a"), call("b")), user(result("a"), result("b")), user("and"), user("go")],
        ["history-order"],
    ),
    "results split over two messages without text": (
        [assistant(call("a"), call("b")), user(result("b")), user(result("a"))],
        [assistant(call("a"), call("b")), user(result("a"), result("b"))],
        ["history-order"],
    ),
    "a result after later assistant text": (
        [assistant(call("a")), user("wait"), assistant("waiting"), user(result("a"), "now")],
        [assistant(call("a")), user(result("a")), user("wait"), assistant("waiting"), user("now")],
        ["history-order"],
    ),
    "a system message between call and result": (
        [assistant(call()), system("agents: x"), user(result(), "go")],
        [assistant(call()), user(result()), system("agents: x"), user("go")],
        ["history-order"],
    ),
    "a system message after the result": (
        [assistant(call()), user(result()), system("agents: x"), assistant("ok")],
        [assistant(call()), user(result()), system("agents: x"), assistant("ok")],
        [],
    ),
    "text after a call stays in its turn": (
        [assistant(call(), "after"), user(result())],
        [assistant(call(), "after"), user(result())],
        [],
    ),
    "assistant messages side by side are one": (
        [assistant("a"), assistant("b", call("x")), assistant(call("y")), user(result("x"), result("y"))],
        [assistant("a", "b", call("x"), call("y")), user(result("x"), result("y"))],
        [],
    ),
    "assistant messages that end up side by side": (
        [assistant(call("a")), user("text"), assistant("b"), user(result("a")), assistant("c")],
        [assistant(call("a")), user(result("a")), user("text"), assistant("b", "c")],
        ["history-order"],
    ),
    "user messages side by side stay apart": ([user("a"), user("b")], [user("a"), user("b")], []),
    "empty texts": (
        [user("", "a", ""), assistant("")],
        [user("a")],
        ["history-empty"],
    ),
    "an empty message": (
        [user("a"), {"role": "user", "content": []}, {"role": "user", "content": ""}, assistant("b")],
        [user("a"), assistant("b")],
        ["history-empty"],
    ),
    "white space alone is no content": ([user("a", " \n"), user("\t")], [user("a")], ["history-empty"]),
    "white space between cited pieces is a paragraph's end": (
        [assistant({"type": "text", "text": "a", "citations": [{}]}, "\n\n", "b")],
        [assistant({"type": "text", "text": "a", "citations": [{}]}, "\n\n", "b")],
        [],
    ),
    "an unknown role": (
        [{"role": "ctx", "content": "x"}, {"role": "msg", "content": "y"}],
        [user("x"), user("y")],
        ["history-role"],
    ),
    "a system message without content": (
        [user("a"), {"role": "system", "content": [], "output_config": {"effort": "low"}}, assistant("b")],
        [user("a"), assistant("b")],
        [],
    ),
    "a system message that only sets the effort between two assistant turns": (
        [assistant("a"), {"role": "system", "output_config": {"effort": "low"}}, assistant("b")],
        [assistant("a", "b")],
        [],
    ),
    "a system message for one user turn, expired": (
        [user("a"), system("now", clear_at="next_user_message"), assistant("b"), user("c")],
        [user("a"), assistant("b"), user("c")],
        [],
    ),
    "a system message for one user turn, alive": (
        [user("a"), system("now", clear_at="next_user_message"), assistant("b")],
        [user("a"), system("now"), assistant("b")],
        [],
    ),
    "a system message that never goes": (
        [system("now", clear_at="never"), user("c")],
        [system("now", clear_at="never"), user("c")],
        [],
    ),
    "a server tool's result splits the turn": (
        [
            assistant(
                "searching",
                {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srv",
                    "content": [{"type": "web_search_result", "url": "u", "title": "t"}],
                },
                "found",
            )
        ],
        [
            assistant("searching", {"type": "tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}}),
            user(
                {
                    "is_error": False,
                    "type": "tool_result",
                    "tool_use_id": "srv",
                    "content": [{"type": "web_search_result", "url": "u", "title": "t"}],
                }
            ),
            assistant("found"),
        ],
        [],
    ),
    "a server tool that failed": (
        [
            assistant(
                {"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {}},
                {
                    "type": "web_fetch_tool_result",
                    "tool_use_id": "s",
                    "content": {"type": "web_fetch_tool_result_error", "error_code": "unavailable"},
                },
            )
        ],
        [
            assistant({"type": "tool_use", "id": "s", "name": "web_fetch", "input": {}}),
            user(
                {
                    "is_error": True,
                    "type": "tool_result",
                    "tool_use_id": "s",
                    "content": [{"type": "web_fetch_tool_result_error", "error_code": "unavailable"}],
                }
            ),
        ],
        [],
    ),
    "a server tool nobody answered (pause_turn)": (
        [assistant({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})],
        [
            assistant({"type": "tool_use", "id": "s", "name": "web_search", "input": {}}),
            user(result("s", INTERRUPTED)),
        ],
        ["history-unanswered"],
    ),
    "a client's and a server's call in one turn": (
        [
            assistant(
                call("a"),
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                call("b"),
            ),
            user(result("a"), result("b")),
        ],
        [
            assistant(call("a"), {"type": "tool_use", "id": "s", "name": "web_search", "input": {}}),
            user(result("a"), {"is_error": False, "type": "tool_result", "tool_use_id": "s", "content": []}),
            assistant(call("b")),
            user(result("b")),
        ],
        ["history-order"],
    ),
    "an MCP call and its result": (
        [
            assistant(
                {"type": "mcp_tool_use", "id": "m", "name": "find", "server_name": "docs", "input": {}},
                {"type": "mcp_tool_result", "tool_use_id": "m", "is_error": False, "content": "x"},
            )
        ],
        [
            assistant({"type": "tool_use", "id": "m", "name": "mcp__docs__find", "server_name": "docs", "input": {}}),
            user({"is_error": False, "type": "tool_result", "tool_use_id": "m", "content": "x"}),
        ],
        [],
    ),
    "a call in a user message is the assistant's": (
        [user("a", call(), "b")],
        [user("a"), assistant(call()), user(result(content=INTERRUPTED)), user("b")],
        ["history-unanswered"],
    ),
    "a picture in an assistant message is the user's": (
        [assistant("a", {"type": "image", "source": {}}, "b")],
        [assistant("a"), user({"type": "image", "source": {}}), assistant("b")],
        [],
    ),
    "a compaction block stands for all before it": (
        [
            user("old"),
            assistant(call("old")),
            user(result("old")),
            assistant("older", {"type": "compaction", "content": "the story so far"}, "new"),
            user("next"),
        ],
        [user({"type": "compaction", "content": "the story so far"}), assistant("new"), user("next")],
        ["compaction-applied"],
    ),
    "a failed compaction is nothing": (
        [user("a", {"type": "compaction", "content": None}), assistant("b")],
        [user("a"), assistant("b")],
        ["history-empty"],
    ),
    "blocks the model never said": (
        [assistant("a", {"type": "fallback", "to": {}}, {"type": "mcp_tool_listing", "tools": []}), user("b")],
        [assistant("a"), user("b")],
        ["history-empty"],
    ),
    "a hallucinated history block inside an orphan stays text": (
        [user(result("gone", [call("x")]))],
        [user(ORPHANED, '{"type":"tool_use","id":"x","name":"Read","input":{}}')],
        ["history-orphan"],
    ),
}


@pytest.mark.parametrize(("messages", "expected", "codes"), HEALED.values(), ids=HEALED)
def test_history(messages, expected, codes):
    before = copy.deepcopy(messages)
    assert healed(*messages) == (expected, codes)
    assert messages == before, "the client's messages were changed"
    assert healed(*expected)[0] == expected


def test_notes_name_the_message():
    notes = Notes()
    heal_history([user("a"), assistant(call()), user("stop")], notes)
    assert [(note.code, note.path) for note in notes] == [("history-unanswered", "messages.1")]


def test_appended_turns_leave_what_stood_before():
    story = [
        user("hi"),
        assistant({"type": "thinking", "thinking": "t", "signature": ""}, "a", call("x"), call("y")),
        user(result("y"), result("x")),
        system("reminder"),
        assistant(call("x")),
        user(result("x"), "and"),
        assistant("done"),
        user("thanks"),
    ]
    whole, _ = healed(*story)
    for length in (1, 3, 4, 6, 7):
        part, _ = healed(*story[:length])
        assert whole[: len(part)] == part


def test_many_calls_of_one_id_are_linear():
    size = 3000
    messages = [assistant(*[call("x") for _ in range(size)]), user(*[result("x", str(n)) for n in range(size)])]
    answers = healed(*messages)[0][1]["content"]
    assert [answer["content"] for answer in answers] == [str(n) for n in range(size)]
    assert len({answer["tool_use_id"] for answer in answers}) == size


# -- any history ----------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c", "a_2", ""])
TEXT = st.text(alphabet="xyz é", max_size=3)
BLOCKS = st.one_of(
    TEXT.map(words),
    st.builds(call, IDS),
    st.builds(call, IDS),
    st.builds(result, IDS, TEXT),
    st.builds(result, IDS, TEXT),
    st.builds(lambda name, text: result(name, [words(text), {"type": "image", "source": {}}]), IDS, TEXT),
    st.builds(lambda name: {"type": "server_tool_use", "id": name, "name": "web_search", "input": {}}, IDS),
    st.builds(lambda name: {"type": "web_search_tool_result", "tool_use_id": name, "content": []}, IDS),
    st.builds(lambda name: result(name, [call("a"), {"type": "compaction", "content": "q"}]), IDS),
    st.just({"type": "thinking", "thinking": "t", "signature": "s"}),
    st.just({"type": "image", "source": {}}),
    st.just({"type": "hologram"}),
    st.just({"type": ["odd"]}),
    st.just({}),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "assistant", "user", "system", "ctx"]),
            "content": st.lists(BLOCKS, max_size=4) | TEXT,
        },
        optional={"clear_at": st.sampled_from(["next_user_message", "never"])},
    ),
    max_size=8,
)


def assert_lawful(history):
    seen = set()
    for place, message in enumerate(history):
        blocks = message["content"]
        assert message["role"] in {"user", "assistant", "system"}
        assert blocks
        assert {"type": "text", "text": ""} not in blocks
        calls = [block["id"] for block in blocks if block.get("type") == "tool_use"]
        assert not calls or message["role"] == "assistant"
        assert seen.isdisjoint(calls)
        assert len(set(calls)) == len(calls)
        seen.update(calls)
        asked = (
            [block["id"] for block in history[place - 1]["content"] if block.get("type") == "tool_use"] if place else []
        )
        assert [block["tool_use_id"] for block in blocks[: len(asked)] if is_result(block)] == asked
        assert not any(is_result(block) for block in blocks[len(asked) :])
        assert not place or (message["role"], history[place - 1]["role"]) != ("assistant", "assistant")
    assert not history or not any(block.get("type") == "tool_use" for block in history[-1]["content"])


@settings(max_examples=600, deadline=None)
@given(MESSAGES)
def test_any_history_obeys_the_laws_and_heals_once(messages):
    before = copy.deepcopy(messages)
    once, _ = healed(*messages)
    assert_lawful(once)
    assert healed(*once)[0] == once
    assert messages == before


@settings(max_examples=600, deadline=None)
@given(MESSAGES)
def test_what_is_passed_on_as_sound_is_what_healing_would_make_of_it(messages):
    """Law: a history that is not looked at closely comes out as the closer look would return it, without notes."""
    with patch("claude_code_proxy.translate.history._as_they_are", lambda _: None):
        first = healed(*messages)
        again = healed(*first[0])
    assert (healed(*messages), healed(*first[0])) == (first, again)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="pqrst", min_size=4, max_size=9), min_size=1, max_size=6), st.data())
def test_no_text_is_lost(texts, data):
    placed = [
        data.draw(st.sampled_from([user(text), assistant(text), system(text), user(result("gone", text))]))
        for text in texts
    ]
    said = repr(healed(*placed)[0])
    assert all(text in said for text in texts)
