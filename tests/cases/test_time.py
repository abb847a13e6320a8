"""Cases TI-*, CA-*, CO-*, ME-*: silence, leaving, many at once, memory. Time-outs are short by setting, not by luck."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Bytes, Cut, Gate, Pause, Reply, Stall, Text, Thought, answer, error, say
from tests.backend.script import Call
from tests.cases.conftest import asked_through, environment, rules
from tests.cases.talk import BASH, Client, Heard, user
from tests.cases.wire import said, sse
from tests.proxy_process import ProxyProcess, start_proxy
from tests.raw_backend import Asked, completion, raw_backend, whole

BRISK = {"COMMIT_AFTER": "0.5", "PING_INTERVAL": "0.5", "REQUEST_TIMEOUT": "1.5", "FIRST_BYTE_TIMEOUT": "20"}
SOON = 2.0  # seconds within which a backend learns that nobody listens any more


@pytest.fixture(scope="module")
def brisk(module_backend: Backend) -> Iterator[tuple[ProxyProcess, Client]]:
    """A proxy that commits and pings soon, and gives a silent backend a second."""
    with (
        start_proxy(environment(module_backend, **BRISK)) as proxy,
        httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as http,
    ):
        yield proxy, Client(http, proxy.log)


class Leaver:
    """A client on a bare socket, that can leave at any moment or stop reading."""

    def __init__(self, url: str, **fields: Any) -> None:
        host, port = url.removeprefix("http://").split(":")
        asked = {"model": "gpt-5.4", "max_tokens": 100, "messages": [user("hi")], **fields}
        body = json.dumps(asked).encode()
        self.socket = socket.create_connection((host, int(port)), timeout=15)
        head = f"POST /v1/messages HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def read_until(self, text: bytes) -> bytes:
        read = b""
        while text not in read:
            part = self.socket.recv(65_536)
            assert part, read
            read += part
        return read

    def leave(self) -> float:
        self.socket.close()
        return time.monotonic()


# -- TI-01 to TI-04 -------------------------------------------------------------------------------------------------

LIVES: dict[str, tuple[Any, ...]] = {
    "comments": (Text("a"), *([Bytes(b": OPENROUTER PROCESSING\n\n"), Pause(0.6)] * 4), Text("b")),
    "slow words": (*([Text("w"), Pause(0.6)] * 4), Text("b")),
    "slow thoughts": (Text("a"), *([Thought("h"), Pause(0.6)] * 4), Text("b")),
    "empty deltas": (Text("a"), *([Bytes(sse(said(""), done=False)), Pause(0.6)] * 4), Text("b")),
}
SLOW: dict[str, tuple[bool, Any]] = {
    "a slow beginning": (True, answer(Text("endlich"), before=(Pause(2.2),))),
    "a slow whole answer": (False, answer(Text("lange gedacht"), before=(Pause(2.2),))),
    "silence in an answer": (True, answer(Text("halb"), Stall())),
    **{name: (True, answer(*parts)) for name, parts in LIVES.items()},
}


@pytest.fixture(scope="module")
def slow() -> Iterator[tuple[Backend, dict[str, concurrent.futures.Future[Heard]]]]:
    """Everything that takes its time, begun together: what each asks says which answer it gets."""
    with (
        Backend(lambda received: SLOW[received.prompt][1], rules=rules) as backend,
        start_proxy(environment(backend, **BRISK)) as proxy,
        httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as http,
        concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool,
    ):
        client = Client(http)
        yield (
            backend,
            {name: pool.submit(client.ask, stream=stream, messages=[user(name)]) for name, (stream, _) in SLOW.items()},
        )


Slow = tuple[Backend, dict[str, concurrent.futures.Future[Heard]]]


def test_ti_01_a_slow_beginning_is_bridged_with_pings(slow: Slow) -> None:
    heard = slow[1]["a slow beginning"].result()
    assert heard.text == "endlich"
    names = [event["type"] for event in heard.events()]
    assert names.count("ping") >= 2
    assert names[0] == "ping"


@pytest.mark.parametrize("life", LIVES)
def test_ti_02_a_stream_that_lives_is_never_cut(slow: Slow, life: str) -> None:
    heard = slow[1][life].result()
    assert heard.error is None
    assert heard.text.endswith("b")


def test_ti_02_a_backend_that_falls_silent_for_too_long_is_an_error_event(slow: Slow) -> None:
    backend, futures = slow
    heard = futures["silence in an answer"].result()
    assert heard.error is not None
    assert heard.error[0] == "timeout_error"
    stalled = next(received for received in backend.chats if received.prompt == "silence in an answer")
    backend.wait(lambda: stalled.left_at is not None, what="the end of the silent request")


def test_ti_04_a_long_whole_answer_arrives(slow: Slow) -> None:
    heard = slow[1]["a slow whole answer"].result()
    assert (heard.status, heard.text) == (200, "lange gedacht")


def test_ti_01_a_request_sent_again_joins_the_running_one(backend: Backend, brisk: tuple[ProxyProcess, Client]) -> None:
    gate = Gate()
    backend.play(lambda received: answer(Text(f"einmal {received.prompt}"), before=(gate,)))
    client = brisk[1]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = {stream: {"stream": stream, "messages": [user(f"langsam {stream}")]} for stream in (True, False)}
        first = [pool.submit(client.ask, **one) for one in asked.values()]
        gate.wait_reached(2)
        time.sleep(2.2)  # a copy counts as sent again only when it comes later
        second = [pool.submit(client.ask, **one) for one in asked.values()]
        brisk[0].wait_gauge("in_flight", lambda number: number == 4)
        gate.open()
        told = [future.result().text for future in (*first, *second)]
    assert told == ["einmal langsam True", "einmal langsam False"] * 2
    assert len(backend.chats) == 2


def test_ti_01_equal_requests_at_the_same_time_are_several(
    backend: Backend, brisk: tuple[ProxyProcess, Client]
) -> None:
    gate = Gate(opens_at=3)
    backend.play(lambda _: answer(Text("je eine"), before=(gate,)))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda _: brisk[1].ask(stream=True).text, range(3)))
    assert told == ["je eine"] * 3
    assert len(backend.chats) == 3


def test_ti_02_a_long_thought_in_silence_is_waited_for_by_default(backend: Backend, client: Client) -> None:
    backend.play([answer(Thought("hm"), Pause(1.8), Text("doch"))])
    heard = client.ask(stream=True)
    assert (heard.error, heard.text) == (None, "doch")


def test_ti_02_a_set_time_out_bounds_the_beginning_too(backend: Backend) -> None:
    backend.play(lambda _: answer(before=(Stall(),)))
    with asked_through(backend, REQUEST_TIMEOUT="0.5", MAX_RETRIES="0") as client:
        heard = client.ask(stream=True)
        assert (heard.status, heard.error and heard.error[0]) == (504, "timeout_error")


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_ti_03_a_connection_that_died_while_idle_costs_nothing(how: str) -> None:
    """No retries are allowed here: a dead connection is not the backend's answer."""

    async def reply(asked: Asked) -> None:
        if asked.again:
            asked.reset() if how == "reset" else asked.close()
            return
        asked.send(whole(completion("da")))
        await asked.writer.drain()

    async with raw_backend(reply) as backend:
        settings = {"OPENAI_API_KEY": backend.key, "OPENAI_BASE_URL": backend.url, "MAX_RETRIES": "0"}
        proxy = await asyncio.to_thread(start_proxy, settings)
        try:
            async with httpx2.AsyncClient(base_url=proxy.url, timeout=10, trust_env=False) as http:
                for _ in range(3):
                    body = {"model": "m", "max_tokens": 9, "messages": [user("x")]}
                    answered = await http.post("/v1/messages", json=body)
                    assert answered.json()["content"] == [{"type": "text", "text": "da"}]
        finally:
            await asyncio.to_thread(proxy.stop)


# -- CA-01, CA-02 ---------------------------------------------------------------------------------------------------

PHASES: dict[str, tuple[bool, Any, bytes]] = {
    "before the first byte of a stream": (True, answer(before=(Stall(),)), b""),
    "before the first byte of a whole answer": (False, answer(before=(Stall(),)), b""),
    "while pings go out": (True, answer(before=(Stall(),)), b"event: ping"),
    "in text": (True, answer(Text("halb "), Stall()), b"halb"),
    "in a tool call": (True, answer(Text("x"), Call("Bash", {"command": "ls"}), Stall()), b"tool_use"),
    "in a flood": (True, say("wort " * 20_000, size=5, drip=0.005), b"wort"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_ca_01_a_client_that_leaves_frees_the_backend(
    backend: Backend, brisk: tuple[ProxyProcess, Client], phase: str
) -> None:
    stream, step, seen = PHASES[phase]
    backend.play(lambda _: step)
    leaver = Leaver(brisk[0].url, stream=stream, tools=[BASH])
    asked = backend.wait_chats()
    leaver.read_until(seen)
    left = leaver.leave()
    backend.wait(lambda: asked.left_at is not None, what=f"the end of the backend's request, {phase}")
    assert asked.left_at is not None
    assert asked.left_at - left <= SOON
    backend.play([say("frei")])
    assert brisk[1].ask().text == "frei"


def test_ca_02_leaving_between_two_tries_ends_them(backend: Backend) -> None:
    faults = {"busy": error(503, "busy", retry_after="1"), "cut": answer(before=(Cut(),))}
    backend.play(lambda received: faults[received.prompt])
    with asked_through(backend, MAX_RETRIES="5") as client:
        url = str(client.http.base_url).rstrip("/")
        leavers = [Leaver(url, stream=True, messages=[user(fault)]) for fault in faults]
        backend.wait_chats(2)
        for leaver in leavers:
            leaver.leave()
        client.wait_gauge("in_flight", lambda number: number == 0)
        tries = Counter(received.prompt for received in backend.chats)
    assert tries["busy"] == 1
    assert tries["cut"] < 6


# -- CO-01 to CO-04 -------------------------------------------------------------------------------------------------


def test_co_01_a_stream_does_not_wait_for_another_one(backend: Backend, brisk: tuple[ProxyProcess, Client]) -> None:
    gate = Gate()
    backend.play(lambda r: answer(Text("erst "), gate, Text("dann")) if r.prompt == "lang" else say("kurz"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(brisk[1].ask, stream=True, messages=[user("lang")])
        gate.wait_reached()
        for stream in (True, False, True):
            assert brisk[1].ask(stream=stream, messages=[user("schnell")]).text == "kurz"
        assert not slow.done()
        gate.open()
        assert slow.result().text == "erst dann"


@pytest.mark.parametrize("limit", ["0", "1"], ids=["no limit", "one slot"])
def test_co_02_clients_that_vanish_at_any_moment_lock_nobody_out(backend: Backend, limit: str) -> None:
    backend.play(lambda r: answer(Text("x"), Stall()) if r.prompt == "weg" else say("frei"))
    with asked_through(backend, MAX_CONCURRENT_REQUESTS=limit) as client:
        url = str(client.http.base_url).rstrip("/")
        leavers = [Leaver(url, stream=number % 2 == 0, messages=[user("weg")]) for number in range(8)]
        backend.wait_chats()
        for leaver in leavers:
            leaver.leave()
        assert client.ask(stream=True).text == "frei"
        assert client.ask().text == "frei"
        backend.wait(lambda: all(r.left_at or r.finished for r in backend.chats), what="the end of all requests")


def test_co_03_counting_a_large_request_stops_no_stream(backend: Backend, brisk: tuple[ProxyProcess, Client]) -> None:
    gate = Gate(opens_at=64)
    backend.play(lambda _: answer(Text("da"), gate, Text("!")))
    large = [user("Ein Satz mit Wörtern. " * 20_000)]
    with concurrent.futures.ThreadPoolExecutor(68) as pool:
        streams = [pool.submit(brisk[1].ask, stream=True, messages=[user(f"nr {n}")]) for n in range(64)]
        counted = [pool.submit(brisk[1].count, messages=large) for _ in range(4)]
        assert all(one.result().text == "da!" for one in streams)
        assert len({one.result() for one in counted}) == 1


def test_co_04_no_more_requests_at_once_than_the_backend_takes(backend: Backend) -> None:
    running: list[int] = []

    def step(_: Any) -> Any:
        running.append(sum(not received.finished for received in backend.chats))
        return answer(Text("dran"), Pause(0.05), Text("!"))

    backend.play(step)
    with (
        asked_through(backend, MAX_CONCURRENT_REQUESTS="5", PING_INTERVAL="0.3", COMMIT_AFTER="0.3") as client,
        concurrent.futures.ThreadPoolExecutor(40) as pool,
    ):
        heard = list(pool.map(lambda n: client.ask(stream=n % 2 == 0, messages=[user(str(n))]), range(40)))
    assert [one.text for one in heard] == ["dran!"] * 40
    assert max(running) <= 5


@pytest.mark.parametrize("wait", [{}, {"retry_after": "0.2"}], ids=["without a word", "with a time to wait"])
def test_co_04_a_burst_at_a_backend_that_refuses_the_sixth_is_answered_whole(
    backend: Backend, wait: dict[str, str]
) -> None:
    """Nothing is set: what the backend takes at once is learned from its 429."""

    def step(_: Any) -> Any:
        running = sum(not received.finished for received in backend.chats)
        return error(429, "Too many requests", **wait) if running > 5 else answer(Text("dran"), Pause(0.1), Text("!"))

    backend.play(step)
    with asked_through(backend, MAX_RETRIES="2") as client, concurrent.futures.ThreadPoolExecutor(40) as pool:
        heard = list(pool.map(lambda n: client.ask(stream=n % 2 == 0, messages=[user(str(n))]), range(40)))
    assert [one.text for one in heard] == ["dran!"] * 40


def test_co_04_the_main_turn_waits_before_subagents_and_small_models(backend: Backend) -> None:
    gate = Gate()
    backend.play(lambda r: answer(Text("x"), gate) if r.prompt == "erster" else say(r.prompt))
    waiting: dict[str, dict[str, Any]] = {
        "hintergrund": {"model": "claude-haiku-4-5"},
        "agent": {"headers": {"x-claude-code-agent-id": "a1", "x-claude-code-session-id": "s"}},
        "haupt": {"headers": {"x-claude-code-session-id": "s"}},
    }
    with (
        asked_through(backend, MAX_CONCURRENT_REQUESTS="1") as client,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        futures = [pool.submit(client.ask, messages=[user("erster")], stream=True)]
        gate.wait_reached()
        for waits, (name, fields) in enumerate(waiting.items(), 1):
            futures.append(pool.submit(client.ask, messages=[user(name)], stream=True, **fields))
            client.wait_gauge("queue_waiting", lambda number, waits=waits: number == waits)
        gate.open()
        assert all(future.result().error is None for future in futures)
    assert [received.prompt for received in backend.chats] == ["erster", "haupt", "agent", "hintergrund"]


def test_co_04_more_than_may_wait_are_told_to_come_back(backend: Backend) -> None:
    gate = Gate()
    backend.play(lambda r: answer(Text("x"), gate) if r.prompt == "erster" else say("dran"))
    with (
        asked_through(backend, MAX_CONCURRENT_REQUESTS="1", QUEUE_LIMIT="1", MAX_RETRIES="0") as client,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(client.ask, messages=[user("erster")], stream=True)
        gate.wait_reached()
        second = pool.submit(client.ask, messages=[user("zweiter")], stream=True)
        client.wait_gauge("queue_waiting", lambda number: number == 1)
        third = client.ask(messages=[user("dritter")])
        gate.open()
        assert (first.result().error, second.result().text) == (None, "dran")
    assert third.status in (429, 529)
    assert int(third.headers["retry-after"]) >= 1


# -- ME-01 ----------------------------------------------------------------------------------------------------------


def resident(proxy: ProxyProcess) -> int:
    """Return the resident memory of a process in kB."""
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")


@on_linux
def test_me_01_a_client_that_reads_slowly_fills_no_memory(backend: Backend, brisk: tuple[ProxyProcess, Client]) -> None:
    flood = Bytes(sse(said("x" * 60_000), done=False))
    backend.play([answer(*([flood] * 1500))])
    before = resident(brisk[0])
    leaver = Leaver(brisk[0].url, stream=True)
    leaver.read_until(b"content_block_delta")
    time.sleep(1.5)  # 90 MB would have come through by now
    assert resident(brisk[0]) - before < 20_000
    leaver.leave()
    backend.wait(lambda: backend.chats[0].left_at is not None, what="the end of the flood")


@on_linux
def test_me_01_many_streams_leave_nothing_behind(backend: Backend, brisk: tuple[ProxyProcess, Client]) -> None:
    backend.play(lambda _: answer(Thought("hm " * 40), Text("wort " * 200), Call("Bash", {"command": "x" * 300})))

    def batch(number: int) -> None:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: brisk[1].ask(stream=True, tools=[BASH]), range(number)))
        backend.requests.clear()

    batch(80)
    before = resident(brisk[0])
    batch(160)
    assert resident(brisk[0]) - before < 5000


def test_ca_01_a_proxy_that_is_asked_to_end_lets_a_running_answer_finish() -> None:
    gate = Gate()
    with (
        Backend([answer(Text("erst "), gate, Text("dann"))], rules=rules) as backend,
        start_proxy(environment(backend)) as proxy,
        httpx2.Client(base_url=proxy.url, trust_env=False) as http,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        running = pool.submit(Client(http).ask, stream=True)
        gate.wait_reached()
        proxy.process.terminate()
        time.sleep(0.3)
        gate.open()
        heard = running.result()
        assert heard.text.startswith("erst ")
        assert heard.error is not None or heard.text == "erst dann"


def test_ti_03_a_backend_that_restarts_is_found_again(backend: Backend, patient: Client) -> None:
    backend.play([Reply(502, "<html>starting</html>"), say("wieder da")])
    assert patient.ask(stream=True).text == "wieder da"
