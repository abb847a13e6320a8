"""What the settings do to prompts, on the wire: the backend's request, the log's line, the count, and the waiting client."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

import pytest
from tests import prompts
from tests.asgi import App, running
from tests.backend import Backend, Gate, Received, Reply, Step, Text, answer, error, say, text_in
from tests.messages_api import HELLO, events
from tests.prompts import blocks, long_prompt

from claude_code_proxy import services
from claude_code_proxy.pulse import Pulse

COMPACT = {"PROMPT_COMPRESSION": "compact"}
SUMMARIZE = {"PROMPT_COMPRESSION": "summarize"}
SUMMARY = "Tools ask. Think before you delete. Use the hints. " * 6
TOOLS = [{"name": "Look", "description": "# Tone and style\nLooks.   \n\n\n\n", "input_schema": {"type": "object"}}]
MESSAGES = [{"role": "user", "content": prompts.STYLE + prompts.TASKS + "<system-reminder>\nmine\n</system-reminder>"}]


def coding(**more: Any) -> dict[str, Any]:
    """A request of Claude Code's."""
    prompt = long_prompt(appended=prompts.APPENDED, project=prompts.PROJECT)
    return {**HELLO, "model": "local-model", "system": blocks(prompt), "tools": TOOLS, "messages": MESSAGES, **more}


def system_of(asked: Received) -> str:
    return text_in(asked.messages[0]["content"])


def told(app: App) -> list[str]:
    """Return what the log says of the system prompt."""
    return [line for line in app.lines() if line.startswith("system prompt:")]


def condensing(step: Step) -> Any:
    """A backend that is asked for a summary, and for answers."""

    def play(received: Received) -> Step:
        return step if is_order(received) else say("hello")

    return play


def is_order(received: Received) -> bool:
    return "Condense the following" in system_of(received)


# -- compact ------------------------------------------------------------------------------------------------------------


async def test_without_the_setting_a_prompt_is_as_it_came(backend: Backend) -> None:
    backend.play([say("hello")])
    async with running(backend) as app:
        reply = await app.post(coding())
        assert told(app) == []
    assert prompts.STYLE.strip() in system_of(backend.chats[0])
    assert "prompt-compressed" not in reply.headers.get("x-proxy-notes", "")


async def test_a_compacted_prompt_reaches_the_backend_and_nothing_else_is_touched(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    async with running(backend) as plain, running(backend, **COMPACT) as short:
        await plain.post(coding())
        reply = await short.post(coding())
    full, less = backend.chats
    assert "Be brief." not in system_of(less)
    for kept in (prompts.UNKNOWN, prompts.ENVIRONMENT, prompts.APPENDED, prompts.PROJECT):
        assert kept.rstrip("\n") in system_of(less)
    assert (less.messages[1:], less.body["tools"]) == (full.messages[1:], full.body["tools"])
    assert "prompt-compressed" in reply.headers["x-proxy-notes"]
    assert backend.illegal == []


async def test_what_was_removed_is_said_once(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    async with running(backend, **COMPACT) as app:
        for _ in range(3):
            await app.post(coding())
        (line,) = told(app)
    assert "Tone and style" in line
    assert "->" in line


@pytest.mark.parametrize(
    "system", [blocks(long_prompt()), "You are a pirate. " * 100], ids=["Claude Code's", "a pirate's"]
)
async def test_a_budget_that_can_not_be_met_is_said(backend: Backend, system: Any) -> None:
    backend.play([say("hello")])
    async with running(backend, PROMPT_MAX_SYSTEM_TOKENS="10", **COMPACT) as app:
        await app.post(coding(system=system))
        (line,) = told(app)
    assert "over the budget" in line


async def test_a_budget_that_is_met_is_met_on_the_wire(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    async with running(backend, PROMPT_MAX_SYSTEM_TOKENS="450", **COMPACT) as app:
        await app.post(coding(messages=HELLO["messages"], tools=[]))
        (line,) = told(app)
    assert "over" not in line
    assert len(system_of(backend.chats[0]).split()) < 450


@pytest.mark.parametrize("env", [COMPACT, SUMMARIZE], ids=["compact", "summarize"])
@pytest.mark.parametrize("system", [None, "", [], "You are a pirate.\n# Tone and style\nArr.\n"], ids=repr)
async def test_a_request_of_anybody_else_is_untouched(backend: Backend, system: Any, env: dict[str, str]) -> None:
    backend.play(lambda _: say("hello"))
    body = coding() if system is None else coding(system=system)
    if system is None:
        del body["system"]
    async with running(backend) as plain, running(backend, **env) as short:
        await plain.post(body)
        await short.post(body)
        assert told(short) == []
    assert backend.chats[0].body == backend.chats[1].body


async def test_the_count_is_of_what_is_sent(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    async with running(backend) as plain, running(backend, **COMPACT) as short:
        full, less = [await count(app) for app in (plain, short)]
    assert less < full - 20
    assert backend.chats == []


async def count(app: App) -> int:
    return int((await app.post(coding(), "/v1/messages/count_tokens")).json()["input_tokens"])


# -- summarize ----------------------------------------------------------------------------------------------------------


async def test_the_backends_model_condenses_once_for_everybody(backend: Backend) -> None:
    backend.play(condensing(say(SUMMARY)))
    async with running(backend, **SUMMARIZE) as app:
        replies = await asyncio.gather(*(app.post(coding(stream=n % 2 == 0)) for n in range(6)))
        await app.post(coding())
        (line,) = told(app)
    assert [reply.status_code for reply in replies] == [200] * 6
    orders, talks = [a for a in backend.chats if is_order(a)], [a for a in backend.chats if not is_order(a)]
    assert (len(orders), len(talks)) == (1, 7)
    assert orders[0].model == "local-model"
    assert all(SUMMARY.strip() in system_of(asked) for asked in talks)
    assert len({system_of(asked) for asked in talks}) == 1
    assert "condensed" in line
    assert backend.illegal == []


async def test_no_summary_is_made_of_what_is_the_users(backend: Backend) -> None:
    backend.play(condensing(say(SUMMARY)))
    async with running(backend, **SUMMARIZE) as app:
        await app.post(coding())
    (order,) = [asked for asked in backend.chats if is_order(asked)]
    for mine in ("/home/me", "Latin", "Shout", "Sing", "Looks.", "mine"):
        assert mine not in json.dumps(order.body)


@pytest.mark.parametrize(
    "step",
    [error(500, "oops"), error(400, "no"), say("No."), answer(usage=None)],
    ids=["500", "400", "a word", "nothing"],
)
async def test_a_summary_that_fails_is_compacted_and_said(backend: Backend, step: Step) -> None:
    backend.play(condensing(step))
    async with running(backend, **SUMMARIZE) as app:
        assert (await app.post(coding())).status_code == 200
        failed, removed = told(app)
    assert "summarize failed, compact was used" in failed
    assert "Tone and style" in removed
    sent = system_of(backend.chats[-1])
    assert "Be brief." not in sent
    assert prompts.ENVIRONMENT.rstrip("\n") in sent


async def test_counting_asks_no_model_and_complains_of_nothing(backend: Backend) -> None:
    backend.play(condensing(say(SUMMARY)))
    async with running(backend, **SUMMARIZE) as app:
        await count(app)
        assert backend.chats == []
        assert not [line for line in told(app) if "failed" in line]
        await app.post(coding())
        asked = len(backend.chats)
        known = await count(app)
        assert len(backend.chats) == asked
    async with running(backend) as plain:
        assert known < await count(plain)


async def test_a_client_that_waits_for_a_summary_hears_pings(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "Pulse", functools.partial(Pulse, 0.02))
    gate = Gate()
    backend.play(condensing(answer(gate, Text(SUMMARY))))
    async with running(backend, COMMIT_AFTER="0.1", PING_INTERVAL="0.1", **SUMMARIZE) as app:
        talk = app.start(coding(stream=True))
        await talk.until(b"event: ping")
        gate.open()
        heard = events(await talk.reply())
    assert heard[0] == {"type": "ping"}
    assert heard[-1]["type"] == "message_stop"


async def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(backend: Backend) -> None:
    """The summary is made all the same: the next request has it."""
    gate = Gate()
    backend.play(condensing(answer(gate, Text(SUMMARY))))
    async with running(backend, **SUMMARIZE) as app:
        talk = app.start(coding(stream=True))
        await asyncio.to_thread(gate.wait_reached)
        talk.leave()
        await asyncio.wait_for(talk.task, 5)
        gate.open()
        assert (await app.post(coding())).status_code == 200
    assert [is_order(asked) for asked in backend.chats] == [True, False]


async def test_a_summary_that_was_cut_is_none(backend: Backend) -> None:
    backend.play(condensing(say(SUMMARY, finish="length")))
    async with running(backend, **SUMMARIZE) as app:
        await app.post(coding())
        assert [line for line in app.lines() if "summarize failed" in line and "cut" in line]
    main = next(asked for asked in backend.chats if not is_order(asked))
    assert SUMMARY.strip() not in system_of(main)
    assert "All text you output outside of tool use is displayed." in system_of(main)


async def test_a_failure_in_the_middle_changes_no_prompt_of_a_session(backend: Backend) -> None:
    faults = iter([Reply(500, {"error": {"message": "boom"}})])

    def step(asked: Received) -> Step:
        return next(faults, say(SUMMARY)) if is_order(asked) else say("hello")

    backend.play(step)
    async with running(backend, MAX_RETRIES="0", **SUMMARIZE) as app:
        for _ in range(3):
            await app.post(coding())
    prompts_sent = {system_of(asked) for asked in backend.chats if not is_order(asked)}
    assert len(prompts_sent) == 1
