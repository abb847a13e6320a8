"""The law of counts: what count_tokens says is what message_start says of the same request at the same moment.

The moment matters: a report between the two makes the later number the truer one. And a prefix law beside it: whatever
the settings do to prompts and tools, the next turn's body begins with this one's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from tests.asgi import App, running
from tests.backend import Backend, Received, Step, say
from tests.messages_api import HELLO, events
from tests.prompts import blocks, long_prompt

from claude_code_proxy.tokens.estimate import estimate

LINE = "The file says that line {} of the log was written before the next one. "
TOOL = {
    "description": "Reads a file. " * 60,
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
FORMAT = {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}}
SUMMARIZE = "Your task is to create a detailed summary of the conversation so far, in <analysis> and <summary>."


def session(turns: int, **more: Any) -> dict[str, Any]:
    """The request of a session's last turn: tools, one of them loaded by a search, and results."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Read everything."}]
    for n in range(turns):
        call = {"type": "tool_use", "id": f"t{n}", "name": "Read", "input": {"path": f"{n}.log"}}
        result = {"type": "tool_result", "tool_use_id": f"t{n}", "content": LINE.format(n) * 30}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    tools = [{"name": name, **TOOL} for name in ("Bash", "Edit", "Read", "WebFetch", "mcp__files__find")]
    hidden = [{"name": "NotebookEdit", "defer_loading": True, **TOOL}]
    system = [{"type": "text", "text": f"x-anthropic-billing-header: cc_version=2; cch={turns:04x};"}]
    return {
        **HELLO,
        "model": "local",
        "system": [*system, *blocks(long_prompt())],
        "tools": [*tools, *hidden],
        "messages": messages,
        **more,
    }


def reporting(received: Received) -> Step:
    """Answer as a model that counts a seventh more than the estimate."""
    tokens = round(estimate(json.dumps(received.body["messages"])) * 1.15)
    return say("ja", usage={"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1})


async def counted(app: App, request: dict[str, Any]) -> int:
    return int((await app.post(request, "/v1/messages/count_tokens")).json()["input_tokens"])


async def started(app: App, request: dict[str, Any]) -> int:
    begun = events(await app.post({**request, "stream": True}))
    return int(next(event for event in begun if event["type"] == "message_start")["message"]["usage"]["input_tokens"])


SETTINGS: dict[str, dict[str, str]] = {
    "as it comes": {},
    "compact": {"PROMPT_COMPRESSION": "compact"},
    "a small window": {"PROMPT_COMPRESSION": "compact", "MODEL_WINDOW": "9000"},
    "stretched": {"CONTEXT_SCALE": "auto", "MODEL_WINDOW": "32000"},
    "a subset": {"TOOL_SUBSET": "Read,Bash", "TOOL_DESCRIPTIONS": "short"},
}


@pytest.mark.parametrize("env", SETTINGS.values(), ids=SETTINGS)
async def test_in_every_turn_the_count_is_what_the_stream_begins_with(backend: Backend, env: dict[str, str]) -> None:
    backend.play(reporting)
    async with running(backend, **env) as app:
        for turn in range(7):
            request = session(turn)
            before = await counted(app, request)
            assert before == await counted(app, request)
            assert await started(app, request) == before


@pytest.mark.parametrize(
    "more", [FORMAT, {"thinking": {"type": "adaptive"}}, {"tool_choice": {"type": "any"}}], ids=str
)
async def test_whatever_else_a_request_has(backend: Backend, more: dict[str, Any]) -> None:
    backend.play(reporting)
    async with running(backend, PROMPT_COMPRESSION="compact") as app:
        for turn in range(5):
            request = session(turn, **more)
            assert await counted(app, request) == await started(app, request)


async def test_a_request_to_compact_is_counted_with_its_reminder(backend: Backend) -> None:
    backend.play(reporting)
    request = session(2)
    request["messages"].append({"role": "user", "content": SUMMARIZE})
    async with running(backend) as app:
        assert await counted(app, request) == await started(app, request)


async def test_once_it_was_answered_a_prompt_counts_what_its_backend_said(backend: Backend) -> None:
    backend.play(reporting)
    async with running(backend) as app:
        for turn in range(5):
            await started(app, session(turn))
        last = backend.chats[-1]
        assert await counted(app, session(4)) == round(estimate(json.dumps(last.body["messages"])) * 1.15)


async def test_many_at_once_agree(backend: Backend) -> None:
    backend.play(lambda _: say("ja"))  # which reports nothing of use
    async with running(backend) as app:
        requests = [session(turn) for turn in range(6)]
        counts = await asyncio.gather(*(counted(app, request) for request in requests))
        starts = await asyncio.gather(*(started(app, request) for request in requests))
    assert list(counts) == list(starts)


@pytest.mark.parametrize("env", SETTINGS.values(), ids=SETTINGS)
async def test_the_next_turn_begins_with_this_one_to_the_byte(backend: Backend, env: dict[str, str]) -> None:
    """Prefix caches live on it: system prompt, tools and all earlier messages are the same bytes in every turn."""
    backend.play(reporting)
    async with running(backend, **env) as app:
        for turn in range(5):
            await app.post(session(turn))
    bodies = [chat.body for chat in backend.chats]
    tools = {json.dumps(body["tools"]) for body in bodies}
    assert len(tools) == 1
    assert "NotebookEdit" not in tools.pop()
    texts = [json.dumps(body["messages"]).removesuffix("]") for body in bodies]
    for this, following in itertools.pairwise(texts):
        assert following.startswith(this)
