"""A request sent again while it runs joins the running one (case TI-01): one call to the backend, both clients served."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Bytes, Gate, Text, answer
from tests.proxy_process import ProxyProcess

from claude_code_proxy import sharing
from claude_code_proxy.errors import ProxyError
from claude_code_proxy.sharing import Relay, Running, key_of

LATER = sharing.RESENT_AFTER + 0.3


def asked(text: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": "gpt-5.4", "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": text}]}


class Client(threading.Thread):
    """Sends a request and keeps what comes."""

    def __init__(self, proxy: ProxyProcess, body: dict[str, Any], headers: dict[str, str] = {}) -> None:
        super().__init__(daemon=True)
        self._url, self._body, self._headers = proxy.url + "/v1/messages", json.dumps(body), headers
        self.status, self.text = 0, ""
        self.begun = threading.Event()
        self._leave = threading.Event()
        self.start()

    def run(self) -> None:
        with (
            httpx2.Client(timeout=30, trust_env=False) as client,
            client.stream("POST", self._url, content=self._body, headers=self._headers) as reply,
        ):
            self.status = reply.status_code
            for part in reply.iter_text():
                self.text += part
                self.begun.set()
                if self._leave.is_set():
                    return

    def leave(self) -> None:
        self._leave.set()

    def done(self) -> str:
        self.join(20)
        assert not self.is_alive()
        return self.text


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_request_sent_again_before_the_first_word_gets_the_same_answer(
    backend: Backend, proxy: ProxyProcess, *, stream: bool
) -> None:
    gate = Gate()
    backend.play([answer(Text("one "), Text("answer"), before=(gate,))])
    first = Client(proxy, asked(f"slow {stream}", stream=stream))
    gate.wait_reached()
    time.sleep(LATER)
    second = Client(proxy, asked(f"slow {stream}", stream=stream))
    proxy.wait_gauge("in_flight", lambda number: number == 2)
    gate.open()
    assert first.done() == second.done()
    assert "answer" in second.text
    assert (first.status, second.status) == (200, 200)
    assert len(backend.chats) == 1


def test_who_joins_in_the_middle_gets_it_from_the_start(backend: Backend, proxy: ProxyProcess) -> None:
    gate = Gate()
    backend.play([answer(Text("begin "), gate, Text("end"))])
    first = Client(proxy, asked("middle"))
    assert first.begun.wait(10)
    time.sleep(LATER)
    second = Client(proxy, asked("middle"))
    assert second.begun.wait(10)
    gate.open()
    assert first.done() == second.done()
    assert len(backend.chats) == 1


def test_the_first_may_leave_when_another_has_joined(backend: Backend, proxy: ProxyProcess) -> None:
    gate = Gate()
    backend.play([answer(Text("begin "), gate, Text("and "), Text("end"))])
    first = Client(proxy, asked("leaver"))
    assert first.begun.wait(10)
    time.sleep(LATER)
    second = Client(proxy, asked("leaver"))
    assert second.begun.wait(10)
    first.leave()
    gate.open()
    assert "end" in second.done()
    assert "message_stop" in second.text
    assert len(backend.chats) == 1


def test_a_failure_is_told_to_all(backend: Backend, proxy: ProxyProcess) -> None:
    gate = Gate()
    backend.play([answer(Bytes(b'data: {"error": {"message": "no", "code": 400}}\n\n'), before=(gate,))])
    first = Client(proxy, asked("refused"))
    gate.wait_reached()
    time.sleep(LATER)
    second = Client(proxy, asked("refused"))
    proxy.wait_gauge("in_flight", lambda number: number == 2)
    gate.open()
    assert first.done() == second.done()
    assert (first.status, second.status) == (400, 400)


def test_requests_that_start_together_are_several(backend: Backend, proxy: ProxyProcess) -> None:
    gate = Gate()
    backend.play([answer(Text(f"answer {n}"), before=(gate,)) for n in range(3)])
    clients = [Client(proxy, asked("together")) for _ in range(3)]
    gate.wait_reached(3)
    gate.open()
    assert len({client.done() for client in clients}) == 3
    assert len(backend.chats) == 3


def test_another_agent_asks_for_itself(backend: Backend, proxy: ProxyProcess) -> None:
    gate = Gate()
    backend.play([answer(Text(f"answer {n}"), before=(gate,)) for n in range(2)])
    first = Client(proxy, asked("agents"), {"x-claude-code-agent-id": "a"})
    gate.wait_reached()
    time.sleep(LATER)
    second = Client(proxy, asked("agents"), {"x-claude-code-agent-id": "b"})
    gate.wait_reached(2)
    gate.open()
    assert first.done() != second.done()
    assert len(backend.chats) == 2


# -- the parts ---------------------------------------------------------------------------------------------------------


def test_every_byte_and_the_sender_make_a_request_the_same() -> None:
    keys = {
        key_of(b"a", {}),
        key_of(b"b", {}),
        key_of(b"a", {"x-api-key": "1"}),
        key_of(b"a", {"authorization": "1"}),
        key_of(b"a", {"x-claude-code-session-id": "1"}),
    }
    assert len(keys) == 5
    assert key_of(b"a", {"user-agent": "x"}) == key_of(b"a", {})


async def test_an_answer_that_has_come_far_is_not_joined_and_not_kept() -> None:
    relay = Relay(_nowhere)
    relay.begun -= LATER
    assert relay.is_joinable
    for _ in range(5):
        await relay.send({"type": "http.response.body", "body": b"x" * 8192, "more_body": True})
    assert not relay.is_joinable
    assert relay._body == b""


async def test_a_run_that_is_over_can_not_be_joined() -> None:
    running, relay = Running(), Relay(_nowhere)
    relay.begun -= LATER
    with running.runs(b"k", relay):
        assert running.joinable(b"k") is relay
        assert running.joinable(b"other") is None
    assert running.joinable(b"k") is None
    await asyncio.wait_for(relay.follow(_nowhere), 1)


async def test_a_slow_follower_does_not_hold_up_the_first_client() -> None:
    got: list[bytes] = []
    held = asyncio.Event()

    async def client(message: Any) -> None:
        got.append(message["body"])

    async def slow(_message: Any) -> None:
        await held.wait()

    relay = Relay(client)
    follower = asyncio.create_task(relay.follow(slow))
    await asyncio.sleep(0)
    for n in range(100):
        await relay.send({"type": "http.response.body", "body": b"%d" % n, "more_body": True})
    assert len(got) == 100
    held.set()
    relay.finish()
    await asyncio.wait_for(follower, 1)


async def test_what_is_kept_for_followers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_MOST", 100_000)
    relay = Relay(_nowhere)
    follower = asyncio.create_task(relay.follow(_nowhere))
    await asyncio.sleep(0)
    for _ in range(20):
        await relay.send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
        await asyncio.sleep(0)
    assert relay._body == b""
    with pytest.raises(ProxyError, match="send the request again"):
        await asyncio.wait_for(follower, 1)


async def _nowhere(_message: Any) -> None:
    pass
