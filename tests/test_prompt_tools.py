"""Fewer and shorter tools: only where it was asked for, told, the same bytes every time, and what a tool takes stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, say
from tests.messages_api import HELLO

from claude_code_proxy.prompt.tools import trim

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
