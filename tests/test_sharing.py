"""A request sent again while it runs joins the running one (case TI-01): one call to the backend, both clients served."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import httpx2
import pytest
from tests.asgi import running
from tests.backend import Backend, Bytes, Gate, Stall, Text, answer
from tests.proxy_process import ProxyProcess

from claude_code_proxy import relay as relays
from claude_code_proxy import sharing
from claude_code_proxy.aside import LARGE
from claude_code_proxy.errors import ProxyError
from claude_code_proxy.record import Record
from claude_code_proxy.relay import Kept, Relay
from claude_code_proxy.sharing import Running, key_of, name_of
from claude_code_proxy.way import Sending, Way, write_message

LATER = sharing.RESENT_AFTER + 0.3


def asked(text: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": "gpt-5.4", "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": text}]}


class Client(threading.Thread):
    """Sends a request and keeps what comes."""

    def __init__(self, proxy: ProxyProcess, body: dict[str, Any], headers: dict[str, str] = {}) -> None:
        super().__init__(daemon=True)
        self._url, self._body, self._headers = proxy.url + "/v1/messages", json.dumps(body), headers
        self.status, self.text, self.id = 0, "", ""
        self.begun = threading.Event()
        self._leave = threading.Event()
        self.start()

    def run(self) -> None:
        with (
            httpx2.Client(timeout=30, trust_env=False) as client,
            client.stream("POST", self._url, content=self._body, headers=self._headers) as reply,
        ):
            self.status, self.id = reply.status_code, reply.headers["request-id"]
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
    told = [json.loads(client.done()) for client in (first, second)]
    assert told[0]["error"] == told[1]["error"]
    assert [one["request_id"] for one in told] == [first.id, second.id]
    assert first.id != second.id
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


async def test_a_client_that_stops_reading_holds_up_neither_answer_nor_pings_of_the_other() -> None:
    gate, words = Gate(), Text("word " * 2000)
    with Backend([answer(Text("begin"), *[words] * 20, gate, Text("end"))]) as backend:
        async with running(backend, PING_INTERVAL="1") as app:
            first = app.start(asked("stalled"))
            first.stop_reading()
            await asyncio.sleep(0.3)
            second = app.start(asked("stalled"), headers={"x-stainless-retry-count": "1"})
            await second.until(b"event: ping")
            gate.open()
            whole = await second.reply()
            assert b"message_stop" in whole.content
            first.read_on()
            assert (await first.reply()).content == whole.content
        assert len(backend.chats) == 1
        line = next(line["event"] for line in app.logs if line.get("id") == whole.headers["request-id"])
        assert f"gpt-5.4 -> default/gpt-5.4 | joined {first.headers['request-id']} | 200" in line


async def test_who_joined_and_left_is_logged_as_that(backend: Backend) -> None:
    backend.play([answer(Text("begin"), Stall())])
    async with running(backend) as app:
        first = app.start(asked("left"))
        await first.until(b"begin")
        second = app.start(asked("left"), headers={"x-stainless-retry-count": "1"})
        await second.until(b"begin")
        for talk in (second, first):
            talk.leave()
            await talk.task
        line = next(line["event"] for line in app.logs if line.get("id") == second.headers["request-id"])
        assert f"gpt-5.4 -> default/gpt-5.4 | cancelled | joined {first.headers['request-id']} | 200" in line


# -- the parts ---------------------------------------------------------------------------------------------------------


def test_every_byte_and_the_sender_make_a_request_the_same() -> None:
    large = b"a" * LARGE
    different: list[tuple[bytes, dict[str, str]]] = [
        (b"a", {}),
        (b"b", {}),
        (b"a", {"x-api-key": "1"}),
        (b"a", {"authorization": "1"}),
        (b"a", {"x-claude-code-session-id": "1"}),
        (b"a", {"x-claude-code-agent-id": "1"}),
        (large, {}),
        (large + b"b", {}),
    ]
    for name in (key_of, lambda body, headers: name_of(key_of(body, headers))):
        assert len({name(*one) for one in different}) == len(different)
        assert name(b"a", {"user-agent": "x"}) == name(b"a", {})
        assert name(bytes(bytearray(large)), {}) == name(large, {})


def test_a_request_of_some_length_is_not_kept_to_be_found() -> None:
    body, sender = key_of(b"a" * 2048, {})
    assert len(body) < 100
    assert not any(sender)


def relay_to(send: Any, kept: Kept | None = None) -> Relay:
    return Relay(Sending(send), kept or Kept(), Record(id="req_1"))


async def send_on(way: Way, message: Any) -> None:
    write_message(way, message)
    if way.is_full():
        await way.drain()


def body(data: bytes, *, more: bool = True) -> Any:
    return {"type": "http.response.body", "body": data, "more_body": more}


HEAD = {"type": "http.response.start", "status": 200, "headers": []}


class Reader:
    """A client that reads when it is told to."""

    def __init__(self, *, reads: bool = True) -> None:
        self.got = b""
        self.ended = False
        self.ends = self.parts = 0
        self._reading = asyncio.Event()
        if reads:
            self._reading.set()

    def read_on(self) -> None:
        self._reading.set()

    async def __call__(self, message: Any) -> None:
        await self._reading.wait()
        self.parts += 1
        self.got += message.get("body", b"")
        self.ended = message.get("more_body") is False
        self.ends += self.ended


async def test_an_answer_is_joined_until_it_has_come_far_and_not_kept_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "_BEGINNING", 30_000)
    relay = relay_to(Reader())
    assert relay.is_joinable(0)
    assert not relay.is_joinable(1)
    for _ in range(4):
        assert relay.is_joinable(0)
        await send_on(relay, body(b"x" * 8192))
    assert not relay.is_joinable(0)
    assert relay.beginning == 0


async def test_of_all_beginnings_the_longest_goes_when_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "_BEGINNINGS", 10_000)
    running = Running()
    many = [relay_to(Reader(), running.kept) for _ in range(5)]
    for number, relay in enumerate(many):
        running.begin(key_of(b"%d" % number, {}), relay)
    for number, relay in enumerate(many):
        await send_on(relay, body(b"x" * (5000 if number == 1 else 2000)))
    assert [relay.is_joinable(0) for relay in many] == [True, False, True, True, True]
    assert running.kept.beginnings == sum(relay.beginning for relay in many) == 8000
    for relay in many:
        relay.finish()
    assert running.kept.beginnings == 0


async def test_a_run_that_is_over_can_not_be_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    running, relay, key = Running(), relay_to(Reader()), key_of(b"k", {})
    running.begin(key, relay)
    assert running.joinable(key, again=False) is None, "requests that start together are several"
    assert running.joinable(key, again=True) is relay
    monkeypatch.setattr(sharing, "RESENT_AFTER", 0.0)
    assert running.joinable(key, again=False) is relay
    assert running.joinable(key_of(b"other", {}), again=True) is None
    running.end(key, relay)
    assert running.joinable(key, again=True) is None
    assert not await asyncio.wait_for(relay.follow(Sending(Reader())), 1)


@pytest.mark.parametrize("joined", [False, True], ids=["alone", "joined"])
async def test_of_an_answer_that_is_over_nothing_is_sent(*, joined: bool) -> None:
    """A worker may have found it while it ran, and ask for it a moment later."""
    relay, late = relay_to(Reader()), Reader()
    following = asyncio.create_task(relay.follow(Sending(Reader()))) if joined else None
    await settled()
    for message in (HEAD, body(b"all of it", more=False)):
        await send_on(relay, message)
    relay.finish()
    assert following is None or await asyncio.wait_for(following, 1)
    assert not await asyncio.wait_for(relay.follow(Sending(late)), 1)
    assert late.parts == 0


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("who", ["the first", "the other"])
async def test_who_does_not_read_holds_up_nobody_and_gets_all_of_it_later(who: str) -> None:
    first, other = Reader(reads=who != "the first"), Reader(reads=who != "the other")
    kept, joined = Kept(), asyncio.Event()
    relay = relay_to(first, kept)

    async def source() -> None:
        await send_on(relay, HEAD)
        await send_on(relay, body(b"begin "))
        await joined.wait()
        for n in range(100):
            await send_on(relay, body(b"%d " % n))
        await send_on(relay, body(b"end", more=False))
        relay.finish()

    sending = asyncio.create_task(source())
    await settled()
    following = asyncio.create_task(relay.follow(Sending(other)))
    await settled()
    joined.set()
    quick, slow = (other, first) if who == "the first" else (first, other)
    async with asyncio.timeout(1):
        while not quick.ended:  # noqa: ASYNC110 - of a plain attribute
            await asyncio.sleep(0)
        assert slow.got == b""
        slow.read_on()
        await asyncio.gather(sending, following)
    assert first.got == other.got == b"begin " + b"".join(b"%d " % n for n in range(100)) + b"end"
    assert (kept.beginnings, kept.shared) == (0, 0)


async def test_who_falls_too_far_behind_is_told_and_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "_BEGINNING", 10_000)
    monkeypatch.setattr(relays, "_BEHIND", 100_000)
    first, kept = Reader(reads=False), Kept()
    relay, other = relay_to(first, kept), Reader()
    sending = asyncio.create_task(send_on(relay, HEAD))
    await settled()
    following = asyncio.create_task(relay.follow(Sending(other)))
    await asyncio.wait_for(sending, 1)
    for _ in range(20):
        await asyncio.wait_for(send_on(relay, body(b"x" * 10_000)), 1)
        assert kept.shared <= 110_000
    assert len(other.got) == 200_000
    assert kept.shared == 0, "what everybody has is not kept"
    first.read_on()
    await settled()
    assert b"event: error" in first.got
    assert first.ended
    await send_on(relay, body(b"end", more=False))
    relay.finish()
    assert await asyncio.wait_for(following, 1)
    assert other.got.endswith(b"end")


async def test_a_follower_that_falls_too_far_behind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "_BEHIND", 100_000)
    slow = Reader(reads=False)
    relay = relay_to(Reader())
    await send_on(relay, HEAD)
    following = asyncio.create_task(relay.follow(Sending(slow)))
    for _ in range(20):
        await asyncio.wait_for(send_on(relay, body(b"x" * 10_000)), 1)
    slow.read_on()
    with pytest.raises(ProxyError, match="send the request again"):
        await asyncio.wait_for(following, 1)


async def test_who_joins_when_the_first_has_all_takes_nothing_from_it() -> None:
    first, other = Reader(), Reader()
    relay = relay_to(first)
    for message in (HEAD, body(b"all of it", more=False)):
        await send_on(relay, message)
    following = asyncio.create_task(relay.follow(Sending(other)))
    await settled()
    relay.finish()
    assert await asyncio.wait_for(following, 1)
    assert first.got == other.got == b"all of it"
    assert first.ends == other.ends == 1


async def test_a_run_whose_client_was_cancelled_while_it_did_not_read_stays_cancelled() -> None:
    relay = relay_to(Reader(reads=False))
    sending = asyncio.create_task(send_on(relay, HEAD))
    await settled()
    following = asyncio.create_task(relay.follow(Sending(Reader())))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    relay.leave()
    relay.finish()
    with pytest.raises(ProxyError, match="broke off"):
        await asyncio.wait_for(following, 1)
