"""`context_management`: the API clears old tool results and old thinking before the model sees them, and says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.backend import Backend, say
from tests.cases.picky import fresh
from tests.cases.talk import BASH, READ, Client, Heard, assistant, both, envelope, result, text, use, user

OUTPUT = "drwxr-xr-x 2 anna users 4096 Nov 22 quelltext\n" * 40


def uses(number: int, *names: str) -> list[dict[str, Any]]:
    """Return a conversation with this many calls, of these tools in turn, and their results."""
    messages: list[dict[str, Any]] = [user("Räum auf.")]
    for n in range(number):
        name = names[n % len(names)] if names else "Bash"
        given = {"command": f"ls {n}"} if name == "Bash" else {"file_path": f"{n}.md"}
        messages += [assistant(use(f"toolu_{n}", name, **given)), user(result(f"toolu_{n}", f"{n}: {OUTPUT}"))]
    return messages


def edit(**fields: Any) -> dict[str, Any]:
    """Return `context_management` with one edit of tool uses; it applies whatever the prompt's size."""
    small = {"type": "input_tokens", "value": 1}  # counting learns from what the backend of the tests makes up
    return {"edits": [{"type": "clear_tool_uses_20250919", "trigger": small, **fields}]}


def asked(backend: Backend, client: Client, *, stream: bool = False, **fields: Any) -> tuple[Heard, list[str]]:
    """Ask; return the answer and, for each call, what is left of its result."""
    backend.play([say("gut")])
    heard = client.ask(tools=[BASH, READ], stream=stream, **fields)
    assert heard.text == "gut"
    assert heard.usage["input_tokens"] >= 0
    return heard, [str(content) for content in backend.chats[-1].results.values()]


def applied(heard: Heard) -> list[dict[str, Any]]:
    """Return the edits a whole answer, or the last event but one of a streamed one, says were applied."""
    told = heard.message
    if heard.raw.startswith(b"event:"):
        (told,) = (event for event in heard.events() if event["type"] == "message_delta")
    return told["context_management"]["applied_edits"]


@both
def test_cx_05_old_results_are_cleared_and_the_last_three_stay(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    heard, results = asked(backend, client, messages=uses(5), context_management=edit(), stream=stream)
    assert [OUTPUT in words for words in results] == [False, False, True, True, True]
    assert all("cleared" in words and len(words) < 80 for words in results[:2])
    assert next(call["function"]["arguments"] for call in backend.chats[-1].calls()) == '{"command":"ls 0"}'
    (told,) = applied(heard)
    assert (told["type"], told["cleared_tool_uses"]) == ("clear_tool_uses_20250919", 2)
    assert 0 < told["cleared_input_tokens"] < 5000
    assert "context-edited" in heard.notes


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"keep": {"type": "tool_uses", "value": 1}}, [3]),
        ({"keep": {"type": "tool_uses", "value": 0}}, []),
        ({"keep": {"type": "tool_uses", "value": 9}}, [0, 1, 2, 3]),
        ({"exclude_tools": ["Read"], "keep": {"type": "tool_uses", "value": 0}}, [1, 3]),
        ({"trigger": {"type": "input_tokens", "value": 90_000}}, [0, 1, 2, 3]),
        ({"trigger": None}, [0, 1, 2, 3]),
        ({"trigger": {"type": "tool_uses", "value": 3}}, [1, 2, 3]),
        ({"trigger": {"type": "tool_uses", "value": 4}}, [0, 1, 2, 3]),
        ({"clear_at_least": {"type": "input_tokens", "value": 50_000}}, [0, 1, 2, 3]),
        ({"clear_at_least": {"type": "input_tokens", "value": 1}}, [1, 2, 3]),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_cx_05_what_is_cleared_is_what_was_asked(
    backend: Backend, client: Client, fields: dict[str, Any], left: list[int]
) -> None:
    management = {"edits": [{key: value for key, value in edit(**fields)["edits"][0].items() if value is not None}]}
    unlearned = fresh("gpt-edited")
    heard, results = asked(
        backend, client, messages=uses(4, "Bash", "Read"), context_management=management, model=unlearned
    )
    assert [number for number, words in enumerate(results) if OUTPUT in words] == left
    assert sum(one["cleared_tool_uses"] for one in applied(heard)) == 4 - len(left)
    assert len(applied(heard)) == (len(left) < 4)


@pytest.mark.parametrize(("inputs", "cleared"), [(True, [0, 1, 2]), (False, []), (None, []), (["Read"], [1])])
def test_cx_05_inputs_go_with_their_results_where_that_was_asked(
    backend: Backend, client: Client, inputs: Any, cleared: list[int]
) -> None:
    keep = {"type": "tool_uses", "value": 1}
    management = edit(clear_tool_inputs=inputs, keep=keep)
    asked(backend, client, messages=uses(4, "Bash", "Read"), context_management=management)
    arguments = [call["function"]["arguments"] for call in backend.chats[-1].calls()]
    assert [number for number, words in enumerate(arguments) if words == "{}"] == cleared


def test_cx_05_what_is_counted_is_what_is_sent(client: Client) -> None:
    plain = {"model": "claude-sonnet-4-6", "messages": uses(8), "tools": [BASH]}
    reply = client.http.post("/v1/messages/count_tokens", json={**plain, "context_management": edit()}).json()
    assert reply["context_management"] == {"original_input_tokens": client.count(**plain)}
    assert reply["input_tokens"] < reply["context_management"]["original_input_tokens"] / 2
    assert "context_management" not in client.http.post("/v1/messages/count_tokens", json=plain).json()


def thought(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "x"}


THOUGHTS = [
    user("a"),
    assistant(thought("erster"), "eins"),
    user("b"),
    assistant(thought("zweiter"), use("toolu_1", "Bash", command="ls")),
    user(result("toolu_1")),
    assistant(thought("noch zweiter"), "zwei"),
    user("c"),
    assistant("ohne"),
    user("d"),
    assistant(thought("dritter"), "drei"),
    user("e"),
]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (None, ["dritter"]),
        ({"type": "thinking_turns", "value": 2}, ["zweiter", "noch zweiter", "dritter"]),
        ({"type": "thinking_turns", "value": 7}, ["erster", "zweiter", "noch zweiter", "dritter"]),
        ({"type": "all"}, ["erster", "zweiter", "noch zweiter", "dritter"]),
        ("all", ["erster", "zweiter", "noch zweiter", "dritter"]),
    ],
    ids=str,
)
def test_cx_05_old_thinking_is_cleared_by_turns(backend: Backend, client: Client, keep: Any, left: list[str]) -> None:
    one = {"type": "clear_thinking_20251015", **({"keep": keep} if keep else {})}
    heard, _ = asked(backend, client, messages=THOUGHTS, context_management={"edits": [one]})
    sent = [message.get("reasoning_content", "").strip() for message in backend.chats[-1].messages]
    assert [words for words in sent if words] == left
    turns = {"erster", "zweiter", "dritter"} - set(left)
    assert [told.get("cleared_thinking_turns") for told in applied(heard)] == ([len(turns)] if turns else [])


def test_cx_05_both_edits_are_applied_and_told_in_their_order(backend: Backend, client: Client) -> None:
    thinking = {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}}
    management = {"edits": [thinking, *edit()["edits"]]}
    heard, results = asked(backend, client, messages=[*THOUGHTS[:-1], *uses(5)], context_management=management)
    assert [told["type"] for told in applied(heard)] == ["clear_thinking_20251015", "clear_tool_uses_20250919"]
    assert [OUTPUT in words for words in results] == [False] * 3 + [True] * 3


def test_cx_05_a_conversation_without_edits_says_nothing_of_them(backend: Backend, client: Client) -> None:
    heard, _ = asked(backend, client, messages=uses(5))
    assert "context_management" not in heard.message


def test_cx_05_results_of_servers_are_cleared_too(backend: Backend, client: Client) -> None:
    search = assistant(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Wetter"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [{"type": "web_search_result", "url": "https://w.test", "title": OUTPUT}],
        },
        "Regen.",
    )
    messages = [user("Wetter?"), search, *uses(3)]
    heard, results = asked(backend, client, messages=messages, context_management=edit())
    assert [OUTPUT in words for words in results] == [False, True, True, True]
    assert applied(heard)[0]["cleared_tool_uses"] == 1


def test_cx_05_tools_found_in_a_cleared_result_stay(backend: Backend, client: Client) -> None:
    search = [
        user("Ticket?"),
        assistant(use("s", "Search", query="x")),
        user(result("s", [text(OUTPUT), {"type": "tool_reference", "tool_name": "Jira"}])),
    ]
    backend.play([say("gut")])
    tools = [BASH, {**BASH, "name": "Jira", "defer_loading": True}]
    client.ask(tools=tools, messages=[*search, *uses(3)], context_management=edit())
    assert list(backend.chats[0].tools) == ["Bash", "Jira"]
    assert "cleared" in next(iter(backend.chats[0].results.values()))


@pytest.mark.parametrize("wrong", [[], "all", {"edits": {}}, {"edits": "x"}])
def test_cx_05_edits_nobody_can_read_are_refused_with_the_field(client: Client, wrong: Any) -> None:
    reply = client.http.post(
        "/v1/messages", json={"model": "m", "max_tokens": 9, "messages": [user("a")], "context_management": wrong}
    )
    status, kind, message = envelope(reply)
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith("context_management")
