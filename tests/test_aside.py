"""What is large is worked on beside the streams, in order; what is small waits for nobody."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.asgi import App, running
from tests.backend import Backend, say
from tests.messages_api import HELLO, envelope

from claude_code_proxy import answering, prepare
from claude_code_proxy.aside import LARGE, Aside
from claude_code_proxy.errors import ClientError

SMALL: dict[str, Any] = {**HELLO, "model": "local-model"}


def large(text: str = "x") -> dict[str, Any]:
    return {**SMALL, "messages": [{"role": "user", "content": text + " word" * (LARGE // 4)}]}


class Held:
    """Holds up work on large requests until it is let go. begun: what began, in order."""

    def __init__(self, work: Any) -> None:
        self._work = work
        self.begun: list[str] = []
        self.threads: set[str] = set()
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, request: Any, *arguments: Any, **named: Any) -> Any:
        if len(request["messages"][0]["content"]) >= LARGE:
            self.begun.append(request["messages"][0]["content"].split()[0])
            self.reached.set()
            assert self.go.wait(20)
        self.threads.add(threading.current_thread().name)
        return self._work(request, *arguments, **named)

    async def until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 20)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    holding = Held(prepare.translate_request)
    monkeypatch.setattr(prepare, "translate_request", holding)
    yield holding
    holding.go.set()


@pytest.fixture
async def app(backend: Backend) -> AsyncIterator[App]:
    backend.play(lambda _: say("hello"))
    async with running(backend) as one:
        yield one


async def test_a_small_request_is_answered_while_a_large_one_is_translated(app: App, held: Held) -> None:
    talk = app.start(large())
    await held.until_reached()
    assert (await app.post(SMALL)).status_code == 200
    assert (await app.post(SMALL, "/v1/messages/count_tokens")).status_code == 200
    assert talk.status == 0
    held.go.set()
    assert (await talk.reply()).status_code == 200


async def test_large_ones_come_one_after_the_other(app: App, held: Held) -> None:
    talks = [app.start(large("first"))]
    await held.until_reached()
    talks += [app.start(large("second")), app.start(large("third"), "/v1/messages/count_tokens")]
    await asyncio.sleep(0.05)
    assert held.begun == ["first"]
    held.go.set()
    assert [(await talk.reply()).status_code for talk in talks] == [200] * 3
    assert held.begun[0] == "first"
    assert sorted(held.begun) == ["first", "second", "third"]


async def test_a_client_may_leave_meanwhile(app: App, backend: Backend, held: Held) -> None:
    first, second = app.start(large("first")), app.start(large("second"))
    await held.until_reached()
    first.leave()
    second.leave()
    await asyncio.wait_for(asyncio.gather(first.task, second.task), 5)
    assert len([line for line in app.lines() if "cancelled" in line]) == 2
    held.go.set()
    assert (await app.post(large("third"))).status_code == 200
    assert len(backend.chats) == 1


async def test_both_are_counted_alike(app: App) -> None:
    asked = large()
    whole = await app.post(asked, "/v1/messages/count_tokens")
    halves = [{**asked, "messages": [{"role": "user", "content": part}]} for part in _halves(asked)]
    counts = [(await app.post(half, "/v1/messages/count_tokens")).json()["input_tokens"] for half in halves]
    assert whole.json()["input_tokens"] == pytest.approx(sum(counts), rel=0.01)


def _halves(asked: dict[str, Any]) -> tuple[str, str]:
    text = asked["messages"][0]["content"]
    return text[: len(text) // 2], text[len(text) // 2 :]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_what_is_wrong_in_a_large_one_is_told(app: App, path: str) -> None:
    wrong = large()
    wrong["messages"].append({"role": "user", "content": [{}]})
    status, kind, message = envelope(await app.post(wrong, path))
    assert (status, kind) == (400, "invalid_request_error")
    assert "messages.1.content" in message
    assert envelope(await app.post(json.dumps(wrong).encode()[:-1], path))[0] == 400


async def test_few_bytes_that_are_many_are_unpacked_aside(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(json.dumps(large()).encode())
    assert len(packed) < LARGE
    threads: list[str] = []
    checked = answering.checked

    def noting(body: bytes, **named: bool) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return checked(body, **named)

    monkeypatch.setattr(answering, "checked", noting)
    assert (await app.post(packed, headers={"content-encoding": "gzip"})).status_code == 200
    assert threads != [threading.current_thread().name]


# -- the thread ---------------------------------------------------------------------------------------------------------


async def test_small_work_is_done_at_once_and_large_work_in_a_thread() -> None:
    aside = Aside()
    here = threading.get_ident()
    assert await aside.run(LARGE - 1, threading.get_ident) == here
    assert await aside.run(LARGE, threading.get_ident) != here
    aside.close()


@pytest.mark.parametrize("size", [0, LARGE])
async def test_what_goes_wrong_in_it_is_raised(size: int) -> None:
    def wrong() -> None:
        raise ClientError("no", path="messages")

    aside = Aside()
    with pytest.raises(ClientError, match="no"):
        await aside.run(size, wrong)
    aside.close()
