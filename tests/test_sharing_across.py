"""A request sent again joins the running one also where another worker runs it (case TI-01, with several workers)."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.asgi import App, running
from tests.backend import Backend, Gate, Received, Stall, Text, answer, say
from tests.proxy_process import ProxyProcess, proxy_for
from tests.test_workers import until, workers

from claude_code_proxy import neighbours, sharing, sharing_across
from claude_code_proxy.journal.board import board_folder

SECONDS = 15


def asked(text: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": "gpt-5.4", "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": text}]}


# -- two processes -----------------------------------------------------------------------------------------------------


class Client:
    """A request on a connection of its own to a worker of the test's choice."""

    def __init__(self, proxy: ProxyProcess, worker: int, body: dict[str, Any], key: str = "mine") -> None:
        self.connection = _connected(proxy, worker)
        self.connection.request("POST", "/v1/messages", json.dumps(body), {"x-api-key": key})

    def reads(self) -> bytes:
        with self.connection.getresponse() as response:
            return response.read()

    def leaves(self) -> None:
        self.connection.close()


def _connected(proxy: ProxyProcess, worker: int) -> http.client.HTTPConnection:
    """The kernel spreads connections over the workers: ask until it is the right one."""
    port = int(proxy.url.rsplit(":", 1)[1])
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.connect()
        if _worker_of(proxy, connection.sock) == worker:
            return connection
        connection.close()
    raise AssertionError("the kernel chose the other worker 200 times")


def _worker_of(proxy: ProxyProcess, ours: socket.socket) -> int:
    """Return which worker has accepted a connection."""
    wanted, server = f":{ours.getsockname()[1]:04X}", f":{ours.getpeername()[1]:04X}"
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {line[9] for line in lines if line[1].endswith(server) and line[2].endswith(wanted)}
        for pid in workers(proxy):
            links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
            if inodes & {link[8:-1] for link in links}:
                return pid
        time.sleep(0.01)
    raise AssertionError("nobody accepts")


class Scene(NamedTuple):
    """Two workers; the first one has run these requests for a while."""

    backend: Backend
    proxy: ProxyProcess
    gate: Gate
    begun: dict[str, Client]
    one: int
    other: int
    ended: contextlib.ExitStack

    def again(self, text: str, *, stream: bool = True, key: str = "mine") -> Client:
        """Send it again, to the other worker."""
        client = Client(self.proxy, self.other, asked(text, stream=stream), key)
        self.ended.callback(client.leaves)
        return client

    def calls(self, text: str) -> list[Received]:
        return [chat for chat in self.backend.chats if text in chat.text()]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    if sys.platform != "linux":
        pytest.skip("looks at processes as Linux shows them")
    gate = Gate()

    def played(received: Received) -> Any:
        slow = Stall() if "left" in received.text() or "killed" in received.text() else gate
        before = () if "middle" in received.text() else (slow,)
        return answer(Text("the "), slow, Text(f"answer {received.number}"), before=before)

    with Backend(played) as backend, proxy_for(backend, WORKERS="2") as proxy:
        one, other = workers(proxy)
        begun = {
            text: Client(proxy, one, asked(text, stream=text != "whole"))
            for text in ("streamed", "whole", "middle", "left", "key", "killed")
        }
        until(lambda: len(backend.chats) == len(begun), "the calls to the backend")
        time.sleep(sharing_across.TOLD_AFTER + 0.5)
        with contextlib.ExitStack() as ended:
            for client in begun.values():
                ended.callback(client.leaves)
            yield Scene(backend, proxy, gate, begun, one, other, ended)
            gate.open()


def test_who_comes_to_another_worker_joins_and_another_key_does_not(scene: Scene) -> None:
    names = ("streamed", "whole", "middle")
    copies = {name: [scene.again(name, stream=name != "whole") for _ in range(2)] for name in names}
    stranger = scene.again("key", key="another")
    until(lambda: len(scene.calls("key")) == 2, "a call of its own for another key")
    left = [scene.again("left"), scene.begun["left"]]
    time.sleep(0.3)
    left[1].leaves()
    time.sleep(0.7)
    assert scene.calls("left")[0].left_at is None, "somebody still listens, in the other worker"
    left[0].leaves()
    until(lambda: scene.calls("left")[0].left_at is not None, "the end of a call nobody listens to")
    follower = scene.again("killed")
    scene.gate.open()
    for name in names:
        first = scene.begun[name].reads()
        assert b"answer" in first
        assert [copy.reads() for copy in copies[name]] == [first, first]
        assert len(scene.calls(name)) == 1
    assert stranger.reads() != scene.begun["key"].reads()
    assert "joined" in scene.proxy.log()
    os.kill(scene.one, signal.SIGKILL)
    until(lambda: len(scene.calls("killed")) == 2, "a call in place of that of a worker that died")
    follower.leaves()


# -- two applications that share a folder as workers do -------------------------------------------------------------------


@contextlib.asynccontextmanager
async def two_workers(backend: Backend, state: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[App, App]]:
    monkeypatch.setattr(sharing, "RESENT_AFTER", 0.0)
    monkeypatch.setattr(sharing_across, "TOLD_AFTER", 0.0)
    options = {"WORKERS": "2", "REQUEST_LOG": "off", "USAGE_DB": "off"}
    async with running(backend, state=state, **options) as one, running(backend, state=state, **options) as other:
        yield one, other


async def known(state: Path, count: int) -> None:
    """Return when so many requests are known to all workers."""
    async with asyncio.timeout(SECONDS):
        while len(links(state)) != count:  # noqa: ASYNC110 - of the file system
            await asyncio.sleep(0.02)


def links(state: Path) -> list[Path]:
    return [path for path in board_folder(state).glob("*") if path.is_symlink()]


async def test_an_answer_that_grows_long_is_passed_on_whole_and_its_link_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    with Backend([answer(Text("a"), gate, *[Text("word " * 400)] * 50)]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch) as (one, other):
            first = one.start(asked("long"))
            await known(tmp_path, 1)
            second = other.start(asked("long"))
            await second.until(b"text_delta")
            gate.open()
            assert (await first.reply()).content == (await second.reply()).content
            await known(tmp_path, 0)
        assert len(backend.chats) == 1


async def test_a_client_that_stops_reading_holds_up_nobody_in_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    with Backend([answer(Text("a"), gate, *[Text("word " * 400)] * 50)]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch) as (one, other):
            first = one.start(asked("stalled"))
            await first.until(b"text_delta")
            first.stop_reading()
            await known(tmp_path, 1)
            second = other.start(asked("stalled"))
            await second.until(b"text_delta")
            gate.open()
            whole = await second.reply()
            first.read_on()
            assert (await first.reply()).content == whole.content
            assert whole.headers["request-id"] != first.headers["request-id"]
            line = next(line["event"] for line in other.logs if line.get("id") == whole.headers["request-id"])
            assert f"gpt-5.4 -> default/gpt-5.4 | joined {first.headers['request-id']} | 200" in line
        assert len(backend.chats) == 1


async def test_a_failure_is_told_in_every_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Backend([answer(before=(Stall(),))]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch) as (one, other):
            first = one.start(asked("refused"))
            await known(tmp_path, 1)
            second = other.start(asked("refused"))
            await asyncio.sleep(0.1)
            first.task.cancel()  # as the end of the time to drain does
            reply = await second.reply()
            assert (reply.status_code, reply.json()["error"]["type"]) == (529, "overloaded_error")
            with contextlib.suppress(asyncio.CancelledError):
                await first.task


async def test_a_link_to_a_worker_that_is_gone_is_removed_and_the_request_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Backend([say("mine")]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch) as (_, other):
            body = json.dumps(asked("orphan")).encode()
            link = board_folder(tmp_path) / sharing.name_of(sharing.key_of(body, {})).hex()
            link.symlink_to("999999999-dead.sock")
            assert b"mine" in (await other.start(body).reply()).content
            assert not link.is_symlink()


async def test_a_worker_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing_across, "PATIENCE", 0.05)
    with Backend([say("mine")]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch) as (_, other):
            stuck = neighbours.Neighbours(board_folder(tmp_path))
            stuck.on("join", lambda line, _key: line.until_gone())
            body = json.dumps(asked("stuck")).encode()
            async with stuck.listening():
                (board_folder(tmp_path) / sharing.name_of(sharing.key_of(body, {})).hex()).symlink_to(stuck.name)
                assert b"mine" in (await other.start(body).reply()).content


async def test_a_run_that_breaks_off_in_the_middle_ends_in_an_error_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Backend([]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch) as (_, other):
            dying = neighbours.Neighbours(board_folder(tmp_path))

            async def join(line: neighbours.Line, _key: Any) -> None:
                await line.say({})
                await line.say({"type": "http.response.start", "status": 200, "headers": []})
                await line.say({"type": "http.response.body", "body": b"event: ping\ndata: {}\n\n", "more_body": True})

            dying.on("join", join)
            body = json.dumps(asked("dying")).encode()
            async with dying.listening():
                (board_folder(tmp_path) / sharing.name_of(sharing.key_of(body, {})).hex()).symlink_to(dying.name)
                reply = await other.start(body).reply()
        assert reply.content.startswith(b"event: ping")
        assert b"event: error" in reply.content
        assert b"overloaded_error" in reply.content


async def test_where_workers_can_not_talk_each_serves_alone_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 120)
    with Backend(lambda _: say("hello")) as backend:
        async with two_workers(backend, deep, monkeypatch) as (one, other):
            assert [(await app.post(asked("alone"))).status_code for app in (one, other)] == [200, 200]
            assert any("workers can't talk to each other" in line["event"] for line in other.logs)


async def test_the_folder_is_nobody_elses_and_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Backend([]) as backend:
        async with two_workers(backend, tmp_path, monkeypatch):
            assert board_folder(tmp_path).stat().st_mode & 0o777 == 0o700
            assert len(list(board_folder(tmp_path).glob("*.sock"))) == 2
        assert not list(board_folder(tmp_path).glob("*.sock"))
