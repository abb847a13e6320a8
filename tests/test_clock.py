"""A clock that is set back, or far ahead: requests, waits and rests go by another one, and ages are never negative."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from tests.asgi import running
from tests.backend import Backend, Gate, Text, answer, error, say
from tests.messages_api import HELLO


@pytest.mark.parametrize("seconds", [-86_400.0 * 365, 86_400.0 * 3650], ids=["back", "ahead"])
async def test_a_clock_that_is_set_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    gate = Gate()
    steps = [answer(Text("before "), gate, Text("after")), error(429, "slow down", retry_after="0.1"), say("again")]
    with Backend(steps) as backend:
        async with running(backend, state=tmp_path, MAX_RETRIES="1") as app:
            talk = app.start({**HELLO, "stream": True})
            await talk.until(b"before")
            real = time.time
            monkeypatch.setattr(time, "time", lambda: real() + seconds)
            feed = app.start(b"", "/ui/feed", "GET")
            await feed.until(b"running")
            feed.leave()
            gate.open()
            assert b"message_stop" in (await talk.reply()).content
            reply = await asyncio.wait_for(app.post(HELLO), 5)
            assert (reply.status_code, len(backend.chats)) == (200, 3)
    state = json.loads(feed.content.split(b"data: ", 1)[1].split(b"\n\n", 1)[0])
    assert all(one["age"] >= 0 for one in state["running"])
