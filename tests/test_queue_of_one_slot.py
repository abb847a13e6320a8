"""One local slot, many requests: the session's own turn goes first, and who waits is kept alive with pings."""

from __future__ import annotations

from typing import Any

from tests.asgi import running
from tests.backend import Backend, Gate, Received, Step, Text, answer, say
from tests.messages_api import HELLO

ASKED: dict[str, Any] = {**HELLO, "model": "local", "stream": True}


def asking(words: str, **more: Any) -> dict[str, Any]:
    return {**ASKED, "messages": [{"role": "user", "content": words}], **more}


async def test_the_main_turn_goes_before_subagents_before_background_and_all_are_pinged(backend: Backend) -> None:
    gate = Gate()

    def script(received: Received) -> Step:
        return answer(Text("erst"), gate) if received.prompt == "first" else say("dann")

    backend.play(script)
    settings = {"MAX_CONCURRENT_REQUESTS": "1", "COMMIT_AFTER": "0.05", "PING_INTERVAL": "1", "SMALL_MODEL": "small"}
    async with running(backend, **settings) as app:
        first = app.start(asking("first"))
        await first.until(b"erst")
        background = app.start(asking("background", model="claude-haiku-4-5"))
        subagent = app.start(asking("subagent"), headers={"x-claude-code-agent-id": "a1"})
        main = app.start(asking("main"))
        for waiting in (background, subagent, main):
            await waiting.until(b"event: ping")
        assert len(backend.chats) == 1
        gate.open()
        for talk in (first, main, subagent, background):
            assert b"message_stop" in (await talk.reply()).content
    assert [received.prompt for received in backend.chats] == ["first", "main", "subagent", "background"]


async def test_who_leaves_while_it_waits_is_never_asked_and_holds_up_nobody(backend: Backend) -> None:
    gate = Gate()

    def script(received: Received) -> Step:
        return answer(Text("erst"), gate) if received.prompt == "first" else say("dann")

    backend.play(script)
    settings = {"MAX_CONCURRENT_REQUESTS": "1", "COMMIT_AFTER": "0.05", "PING_INTERVAL": "1"}
    async with running(backend, **settings) as app:
        first = app.start(asking("first"))
        await first.until(b"erst")
        leaving, staying = app.start(asking("leaving")), app.start(asking("staying"))
        for waiting in (leaving, staying):
            await waiting.until(b"event: ping")
        leaving.leave()
        gate.open()
        for talk in (first, staying):
            assert b"message_stop" in (await talk.reply()).content
    assert [received.prompt for received in backend.chats] == ["first", "staying"]
