"""A client that leaves frees the backend within a second, whatever phase its request is in."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Reply, Stall, Text, Thought, answer, say
from tests.proxy_process import ProxyProcess, proxy_for

SECONDS = 1.0  # what issue 2 demands
SYN_SENT = "02"


class Client:
    """A client on a bare socket, so that it can leave at any moment."""

    def __init__(self, url: str, *, stream: bool) -> None:
        host, port = url.removeprefix("http://").split(":")
        asked = {
            "model": "gpt-5.4",
            "max_tokens": 100,
            "stream": stream,
            "messages": [{"role": "user", "content": "hi"}],
        }
        body = json.dumps(asked).encode()
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        head = f"POST /v1/messages HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)

    def read_until(self, text: bytes) -> None:
        """Read until `text` has come."""
        read = b""
        while text not in read:
            part = self._socket.recv(65536)
            assert part, read
            read += part

    def leave(self) -> float:
        """Hang up and return when that was."""
        self._socket.close()
        return time.monotonic()


STALLED: dict[str, tuple[bool, Any, bytes]] = {
    "before the first byte of a stream": (True, answer(before=(Stall(),)), b""),
    "before the first byte of a whole answer": (False, answer(before=(Stall(),)), b""),
    "after the headers of a stream": (True, answer(Stall()), b""),
    "in a stream that stands still": (True, answer(Text("half "), Stall()), b"half"),
    "in a stream that thinks": (True, answer(Thought("hm "), Stall()), b"hm"),
    "in a stream that flows": (True, say("word " * 5000, size=5, drip=0.01), b"word"),
}


@pytest.mark.parametrize("phase", STALLED)
def test_leaving_frees_the_backend(backend: Backend, proxy: ProxyProcess, http: httpx2.Client, phase: str) -> None:
    stream, step, seen = STALLED[phase]
    backend.play(lambda received: step if len(backend.chats) == 1 else say("still here"))
    client = Client(proxy.url, stream=stream)
    asked = backend.wait_chats()
    client.read_until(seen)
    left = client.leave()
    backend.wait(lambda: asked.left_at is not None, 10, what=f"the end of the backend's request, {phase}")
    assert asked.left_at is not None
    assert asked.left_at - left <= SECONDS
    hello = {"model": "gpt-5.4", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    assert http.post("/v1/messages", json=hello).json()["content"] == [{"type": "text", "text": "still here"}]
    assert len(backend.chats) == 2, "the abandoned request was not asked again"


def test_leaving_frees_only_its_own_request(backend: Backend, proxy: ProxyProcess) -> None:
    backend.play(lambda received: answer(Text("half "), Stall()))
    clients = [Client(proxy.url, stream=True) for _ in range(6)]
    for client in clients:
        client.read_until(b"half")
    for client in clients[:3]:
        client.leave()
    backend.wait(
        lambda: sum(asked.left_at is not None for asked in backend.chats) >= 3, what="the end of three requests"
    )
    assert sum(asked.left_at is not None for asked in backend.chats) == 3
    for client in clients[3:]:
        client.leave()
    backend.wait(lambda: all(asked.left_at is not None for asked in backend.chats), what="the end of the rest")


def test_leaving_ends_the_wait_for_another_try() -> None:
    """A client that stays is served by the second try; the one that leaves meanwhile has none made for it."""
    busy = Reply(503, {"error": {"message": "busy"}}, {"retry-after": "1"})
    script = [busy, say("second try"), busy, say("never asked for")]
    with Backend(script) as backend, proxy_for(backend, MAX_RETRIES="2") as proxy:
        staying = Client(proxy.url, stream=True)
        staying.read_until(b"message_stop")
        leaving = Client(proxy.url, stream=True)
        asked = backend.wait_chats(3)
        backend.wait(lambda: asked.finished, what="the refusal")
        leaving.leave()
        proxy.wait_gauge("in_flight", lambda number: number == 0)
        assert len(backend.chats) == 3
        staying.leave()


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of TCP connections")
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_leaving_ends_the_attempt_to_connect(*, stream: bool) -> None:
    """The backend's machine does not answer: the attempt is given up with the client."""
    with deaf_listener() as port:
        backend = Deaf(f"http://127.0.0.1:{port}/v1")
        with proxy_for(backend) as proxy:
            before = connecting(port)
            client = Client(proxy.url, stream=stream)
            until(lambda: connecting(port) > before, 10)
            left = client.leave()
            until(lambda: connecting(port) <= before, 10)
            assert time.monotonic() - left <= SECONDS


class Deaf:
    """The settings of a backend that never accepts."""

    key = "sk-backend"

    def __init__(self, url: str) -> None:
        self.url = url


@contextlib.contextmanager
def deaf_listener() -> Iterator[int]:
    """A port whose queue is full: the system drops every further attempt to connect."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


def connecting(port: int) -> int:
    """Return how many attempts to connect to this port are under way on this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == SYN_SENT for row in rows)


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
