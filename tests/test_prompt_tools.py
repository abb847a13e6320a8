"""Fewer and shorter tools: only where it was asked for, told, the same bytes every time, and what a tool takes stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, Received, Reply, Step, say
from tests.messages_api import HELLO, envelope
from tests.prompts import blocks, long_prompt

from claude_code_proxy.prompt.tools import fit, trim
from claude_code_proxy.tokens.estimate import estimate

LONG = "Runs a command in a shell and returns what it prints. " + "Use it with care, and quote paths with spaces. " * 40


def tool(name: str, **more: Any) -> dict[str, Any]:
    field = {"type": "string", "description": "What to run. " + "Only one line. " * 30, "enum": ["a" * 500, "b"]}
    schema = {
        "type": "object",
        "properties": {"command": field, "description": {"type": "string", "description": "Why. " * 60}},
        "required": ["command"],
    }
    return {"name": name, "description": LONG, "input_schema": schema, **more}


ASKED: dict[str, Any] = {**HELLO, "model": "local", "tools": [tool("Bash"), tool("Read"), tool("mcp__files__find")]}


def names(request: Any) -> list[str]:
    return [one["name"] for one in request["tools"]]


def without_descriptions(value: Any) -> Any:
    if isinstance(value, list):
        return [without_descriptions(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {k: without_descriptions(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}


def test_short_descriptions_begin_as_the_long_ones_and_nothing_else_changes() -> None:
    trimmed = trim(ASKED, keep=frozenset(), short=True)
    assert without_descriptions(trimmed.request) == without_descriptions(ASKED)
    first = trimmed.request["tools"][0]
    assert LONG.startswith(first["description"])
    assert first["description"].endswith(".")
    assert 50 < len(first["description"]) <= 300
    assert trimmed.after < trimmed.before / 4
    assert json.dumps(trimmed.request) == json.dumps(trim(ASKED, keep=frozenset(), short=True).request)


def test_a_short_description_stays_as_it_is() -> None:
    request = {**ASKED, "tools": [{"name": "x", "description": "Does x.", "input_schema": {"type": "object"}}]}
    trimmed = trim(request, keep=frozenset(), short=True)
    assert trimmed.request["tools"] == request["tools"]
    assert not trimmed.changed


def test_a_subset_leaves_out_claude_codes_others_and_never_a_servers() -> None:
    trimmed = trim(ASKED, keep=frozenset({"Bash"}), short=False)
    assert names(trimmed.request) == ["Bash", "mcp__files__find"]
    assert trimmed.removed == ("Read",)


@pytest.mark.parametrize(
    "more",
    [
        {"tool_choice": {"type": "tool", "name": "Read"}},
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Read", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "y"}]},
            ]
        },
    ],
)
def test_what_the_request_needs_is_never_left_out(more: dict[str, Any]) -> None:
    assert "Read" in names(trim({**ASKED, **more}, keep=frozenset({"Bash"}), short=False).request)


@pytest.mark.parametrize("odd", [None, [], "x", [None, 5, {}], {"name": "Bash"}])
def test_nonsense_passes(odd: Any) -> None:
    trim({**HELLO, "tools": odd}, keep=frozenset({"Bash"}), short=True)


async def test_the_settings_do_it_and_the_client_is_told(backend: Backend) -> None:
    backend.play([say("ja"), say("ja")])
    async with running(backend, TOOL_DESCRIPTIONS="short", TOOL_SUBSET="Bash, Edit") as app:
        reply = await app.post(ASKED)
        counted = (await app.post(ASKED, "/v1/messages/count_tokens")).json()["input_tokens"]
    async with running(backend) as app:
        await app.post(ASKED)
        full = (await app.post(ASKED, "/v1/messages/count_tokens")).json()["input_tokens"]
    assert "tools-trimmed" in reply.headers["x-proxy-notes"]
    assert list(backend.chats[0].tools) == ["Bash", "mcp__files__find"]
    assert list(backend.chats[1].tools) == ["Bash", "Read", "mcp__files__find"]
    assert counted < full / 2


# -- a subset ----------------------------------------------------------------------------------------------------------


def test_another_programs_tools_are_no_part_of_a_subset() -> None:
    request = {**ASKED, "tools": [tool("Read"), tool("get_weather")]}
    assert names(trim(request, keep=frozenset({"Bash"}), short=False).request) == ["get_weather"]


def test_a_tool_of_the_users_in_claude_codes_request_is_no_part_of_a_subset() -> None:
    theirs = ["my_tool", "StructuredOutput", "mcp__a__b"]
    request = {**CODING, "tools": [tool("Bash"), tool("Read"), *map(tool, theirs)]}
    assert names(trim(request, keep=frozenset({"Bash"}), short=False).request) == ["Bash", *theirs]


def test_a_tool_of_the_users_is_never_described_shorter_for_a_window() -> None:
    request = {**CODING, "tools": [tool("Bash"), tool("my_tool")]}
    assert fit(request, 1, estimate).request["tools"][1] == tool("my_tool")


def test_a_subset_that_would_leave_nothing_leaves_everything() -> None:
    request = {**ASKED, "tools": [tool("Bash"), tool("Read")]}
    trimmed = trim(request, keep=frozenset({"Baash"}), short=False)
    assert names(trimmed.request) == ["Bash", "Read"]
    assert trimmed.unmatched


async def test_a_subset_without_effect_is_said_once_in_the_log_and_to_the_client(backend: Backend) -> None:
    backend.play(lambda _: say("ja"))
    async with running(backend, TOOL_SUBSET="Baash") as app:
        replies = [await app.post({**ASKED, "tools": [tool("Bash"), tool("Read")]}) for _ in range(2)]
        told = [line for line in app.lines() if "TOOL_SUBSET names none" in line]
    assert [list(chat.tools) for chat in backend.chats] == [["Bash", "Read"]] * 2
    assert all("tools-trimmed" in reply.headers["x-proxy-notes"] for reply in replies)
    assert len(told) == 1


# -- a small window ----------------------------------------------------------------------------------------------------

CODING: dict[str, Any] = {**ASKED, "system": blocks(long_prompt())}
COMPACT = {"PROMPT_COMPRESSION": "compact"}


def schemas(request: Any) -> list[Any]:
    return [{name: value for name, value in one.items() if name != "description"} for one in request["tools"]]


def test_a_window_that_holds_the_tools_changes_nothing() -> None:
    fitted = fit(CODING, 100_000, estimate)
    assert not fitted.changed
    assert fitted.request == CODING


@pytest.mark.parametrize("window", [6000, 4000, 2000, 1])
def test_a_small_window_cuts_what_claude_codes_tools_say_and_no_schema(window: int) -> None:
    fitted = fit(CODING, window, estimate)
    assert fitted.changed
    assert schemas(fitted.request) == schemas(CODING)
    *own, servers = fitted.request["tools"]
    assert servers == CODING["tools"][2]
    for one in own:
        assert LONG.startswith(one["description"])
        assert one["description"].endswith(".")
    assert json.dumps(fitted.request) == json.dumps(fit(CODING, window, estimate).request)


def test_the_smaller_the_window_the_shorter_and_never_shorter_than_a_beginning() -> None:
    lengths = [
        len(fit(CODING, window, estimate).request["tools"][0]["description"]) for window in (6000, 4000, 2000, 1)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) > 1
    assert lengths[-1] > 100


def test_a_tool_that_is_loaded_later_changes_no_other_tool() -> None:
    later = [tool("Agent", defer_loading=True), tool("Skill", defer_loading=True)]
    for window in (6000, 4000, 2000):
        before = fit(CODING, window, estimate).request["tools"]
        after = fit({**CODING, "tools": [*CODING["tools"], *later]}, window, estimate).request["tools"]
        assert after[:3] == before


def test_another_programs_request_is_never_cut() -> None:
    assert not fit(ASKED, 1, estimate).changed


@pytest.mark.parametrize("odd", [None, [], "x", [None, 5, {}], [{"name": "Bash", "description": 5}]])
def test_nonsense_fits(odd: Any) -> None:
    fit({**CODING, "tools": odd}, 1, estimate)


@pytest.mark.parametrize(
    ("env", "fitted"),
    [
        ({**COMPACT, "MODEL_WINDOW": "4000"}, True),
        ({"PROMPT_COMPRESSION": "summarize", "MODEL_WINDOW": "4000", "PROMPT_MAX_SYSTEM_TOKENS": "9000"}, True),
        ({**COMPACT, "MODEL_WINDOW": "100000"}, False),
        (COMPACT, False),
        ({"MODEL_WINDOW": "16000"}, False),
        ({**COMPACT, "MODEL_WINDOW": "8000", "TOOL_DESCRIPTIONS": "full"}, False),
    ],
    ids=["compact", "summarize", "large", "unknown", "no compression", "in full"],
)
async def test_tools_are_fitted_where_compression_is_on_and_the_window_known(
    backend: Backend, env: dict[str, str], *, fitted: bool
) -> None:
    backend.play(lambda _: say("ja"))
    async with running(backend, **env) as app:
        replies = [await app.post(CODING) for _ in range(2)]
        told = [line for line in app.lines() if line.startswith("tools, for a window of ")]
    first, second = [chat for chat in backend.chats if chat.tools]
    assert first.body["tools"] == second.body["tools"]
    described = first.body["tools"][0]["function"]["description"]
    assert (len(described) < len(LONG)) is fitted
    assert len(told) == fitted
    assert ("tools-trimmed" in replies[0].headers.get("x-proxy-notes", "")) is fitted


async def test_a_refusal_that_makes_the_window_known_is_answered_with_what_fits(backend: Backend) -> None:
    """As a backend does that does not list its window: the client never hears of it."""

    def play(received: Received) -> Step:
        tokens = len(json.dumps(received.body)) // 4
        words = (
            f"This model's maximum context length is 4096 tokens. However, your messages resulted in {tokens} tokens."
        )
        return say("ja") if tokens < 4096 else Reply(400, {"error": {"message": words}})

    backend.play(play)
    large = {
        **CODING,
        "max_tokens": 64,
        "tools": [tool(name) for name in ("Bash", "Read", "Edit", "Write", "Glob", "Grep")],
    }
    async with running(backend, **COMPACT) as app:
        reply = await app.post(large)
        again = await app.post(large)
    assert (reply.status_code, again.status_code) == (200, 200)
    assert len(backend.chats) == 3
    assert backend.chats[1].body == backend.chats[2].body


async def test_a_refusal_that_nothing_can_be_done_about_is_told_at_once(backend: Backend) -> None:
    words = "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens."
    backend.play(lambda _: Reply(400, {"error": {"message": words}}))
    async with running(backend, **COMPACT) as app:
        error = envelope(await app.post(HELLO))
    assert error[2] == "prompt is too long: 9000 tokens > 4096 maximum"
    assert len(backend.chats) == 1
