"""Several worker processes: all serve, one that dies is replaced, and they end together and well."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.backend import Backend, Gate, Pause, Text, answer, say
from tests.messages_api import HELLO
from tests.proxy_process import ProxyProcess, clean_environment, free_port, proxy_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
SECONDS = 15
ASKED = {**HELLO, "model": "local-model"}


def workers(proxy: ProxyProcess) -> list[int]:
    pid = proxy.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def ask(proxy: ProxyProcess) -> httpx2.Response:
    """Send a request on a connection of its own."""
    return httpx2.post(f"{proxy.url}/v1/messages", json=ASKED, trust_env=False, timeout=SECONDS)


def serving(proxy: ProxyProcess) -> set[int]:
    """Return the workers that hold a connection of ours now."""
    port = int(proxy.url.rsplit(":", 1)[1])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {line[9] for line in lines if line[3] == "01" and int(line[1].split(":")[1], 16) == port}
    return {pid for pid in workers(proxy) if ours & _sockets(pid)}


def _sockets(pid: int) -> set[str]:
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def test_all_workers_serve_and_finish_their_streams_before_they_end(backend: Backend) -> None:
    gate = Gate(opens_at=99)
    backend.play(lambda _: answer(Text("first "), gate, Text("last")))
    with proxy_for(backend, WORKERS="2") as proxy, concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert len(workers(proxy)) == 2
        asked = [pool.submit(ask, proxy) for _ in range(24)]
        gate.wait_reached(24)
        assert len(serving(proxy)) == 2
        proxy.process.send_signal(signal.SIGTERM)
        threading.Timer(0.5, gate.open).start()
        texts = [future.result().json()["content"][0]["text"] for future in asked]
        assert texts == ["first last"] * 24
        assert proxy.process.wait(SECONDS) == 0


def test_a_worker_that_dies_is_replaced_and_nobody_notices(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    with proxy_for(backend, WORKERS="2") as proxy:
        before = workers(proxy)
        os.kill(before[0], signal.SIGKILL)
        for _ in range(12):  # some of them wait at the dead one's socket for the one that follows it
            assert ask(proxy).status_code == 200
        until(lambda: len(workers(proxy)) == 2, "another worker")
        assert before[0] not in workers(proxy)
        assert "another one takes its place" in proxy.log()


def test_workers_share_the_backends_slots(backend: Backend) -> None:
    running: list[int] = []

    def step(_: object) -> object:
        running.append(sum(not received.finished for received in backend.chats))
        return answer(Text("x"), Pause(0.05))

    backend.play(step)
    with (
        proxy_for(backend, WORKERS="2", MAX_CONCURRENT_REQUESTS="4") as proxy,
        concurrent.futures.ThreadPoolExecutor(24) as pool,
    ):
        assert [reply.status_code for reply in pool.map(lambda _: ask(proxy), range(24))] == [200] * 24
    assert max(running) <= 4


def test_there_are_no_more_workers_than_slots(backend: Backend) -> None:
    backend.play([say("hello")])
    with proxy_for(backend, WORKERS="3", MAX_CONCURRENT_REQUESTS="1") as proxy:
        assert workers(proxy) == []
        assert ask(proxy).status_code == 200
        assert "MAX_CONCURRENT_REQUESTS" in proxy.log()


@pytest.mark.parametrize("after", [0, 0.02, 0.05, 0.1])
def test_a_signal_while_workers_start_ends_them_well(tmp_path: Path, after: float) -> None:
    port = free_port()
    settings = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k", "PORT": str(port), "WORKERS": "2"}
    process = subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy", "serve"],
        env={**clean_environment(tmp_path), **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: _is_open(port), "the port")
    time.sleep(after)
    process.terminate()
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_workers_end_when_the_one_who_started_them_is_gone(backend: Backend) -> None:
    backend.play([])
    with proxy_for(backend, WORKERS="2") as proxy:
        orphans = workers(proxy)
        proxy.process.kill()
        proxy.process.wait()
        until(lambda: not any(_lives(pid) for pid in orphans), "the end of the workers")
        proxy.process.returncode = 0  # it was our doing


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
