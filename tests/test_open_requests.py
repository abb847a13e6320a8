"""MAX_OPEN_REQUESTS: one request too many is told to come back, at once; what costs nothing is always answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, Gate, Text, answer, say
from tests.messages_api import HELLO, envelope


def asked(text: str) -> dict[str, Any]:
    return {**HELLO, "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/v1/messages"])
async def test_one_too_many_is_told_to_come_back(backend: Backend, path: str) -> None:
    gate = Gate()
    backend.play([*(answer(Text("slow"), before=(gate,)) for _ in range(2)), say("later")])
    async with running(backend, MAX_OPEN_REQUESTS="2") as app:
        talks = [app.start(asked(str(n))) for n in range(2)]
        await asyncio.to_thread(gate.wait_reached, 2)
        refused = await app.post(asked("third"), path)
        status, kind, message = envelope(refused)
        assert (status, kind) == (529, "overloaded_error")
        assert "MAX_OPEN_REQUESTS" in message
        assert int(refused.headers["retry-after"]) > 0
        assert (await app.get("/health")).status_code == 200
        assert (await app.get("/v1/models")).status_code == 200
        gate.open()
        assert [(await talk.reply()).status_code for talk in talks] == [200, 200]
        assert (await app.post(asked("third"), path)).status_code == 200


async def test_who_leaves_makes_room(backend: Backend) -> None:
    gate = Gate()
    backend.play([answer(Text("never"), before=(gate,)), say("next")])
    async with running(backend, MAX_OPEN_REQUESTS="1") as app:
        talk = app.start(asked("first"))
        await asyncio.to_thread(gate.wait_reached)
        talk.leave()
        await talk.task
        assert (await app.post(asked("second"))).status_code == 200
    gate.open()
