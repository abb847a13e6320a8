"""The process: how it starts, what it says, how it ends, and what it costs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.asgi import running
from tests.backend import Backend, Gate, Stall, Text, answer, say
from tests.grammar_oracle import check
from tests.messages_api import HELLO, events
from tests.proxy_process import ProxyProcess, clean_environment, free_port, healthy, proxy_for, run_command, start_proxy

SECONDS = 15
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of processes")


class Somewhere:
    """A backend nobody asks."""

    url, key = "http://127.0.0.1:9/v1", "sk-very-secret-backend-key"


def run(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command line that ends by itself."""
    settings = {"OPENAI_API_KEY": Somewhere.key, "OPENAI_BASE_URL": Somewhere.url, **env}
    return run_command(tmp_path, {**clean_environment(tmp_path), **settings}, *arguments)


# -- starting -----------------------------------------------------------------------------------------------------------


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = run(tmp_path, "serve", PORT=str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_host_that_is_no_address_is_a_wrong_setting(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", HOST="999.1.1.1", PORT="0")
    assert done.returncode == 2
    assert 'HOST: got "999.1.1.1"' in done.stderr


def test_an_address_of_another_machine_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", HOST="192.0.2.1", PORT="0")
    assert done.returncode == 1
    assert "Can't listen on 192.0.2.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_told_and_nothing_is_served(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", PORT="http")
    assert done.returncode == 2
    assert done.stderr.startswith("PORT ")
    assert "Traceback" not in done.stderr


def test_options_win_over_settings(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = str(holder.getsockname()[1])
        done = run(tmp_path, "serve", "--port", taken, "--host", "127.0.0.1", PORT="0", HOST="192.0.2.1")
    assert f"127.0.0.1:{taken}" in done.stderr


def test_the_start_says_where_it_listens_and_no_secret() -> None:
    with start_proxy({"OPENAI_API_KEY": Somewhere.key, "OPENAI_BASE_URL": Somewhere.url}) as proxy:
        told = proxy.log()
    assert proxy.url.rpartition(":")[2] in told
    assert "ANTHROPIC_BASE_URL=http://localhost:" in told
    assert "127.0.0.1 only" in told
    assert Somewhere.key not in told


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process just begun, on a free port of its own choice."""
    settings = {"OPENAI_API_KEY": Somewhere.key, "OPENAI_BASE_URL": Somewhere.url, "PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy"],
        env={**clean_environment(tmp_path), **settings},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def told_url(child: subprocess.Popen[str]) -> str:
    """Return the address a process says it listens on."""
    assert child.stderr
    for line in child.stderr:
        if "ANTHROPIC_BASE_URL=" in line:
            return line.split("ANTHROPIC_BASE_URL=")[1].split()[0]
    raise AssertionError(f"it ended with {child.wait(SECONDS)}")


def test_port_0_takes_a_free_one_and_says_which(child: subprocess.Popen[str]) -> None:
    url = told_url(child).replace("localhost", "127.0.0.1")
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            assert httpx2.get(f"{url}/health", trust_env=False).status_code == 200
            break
        except httpx2.TransportError:
            time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    assert child.wait(SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_while_it_starts_ends_it_well(child: subprocess.Popen[str], number: signal.Signals) -> None:
    """The address is said before the event loop runs: a signal in between must not be lost."""
    told_url(child)
    child.send_signal(number)
    assert child.wait(SECONDS) == 0
    assert child.stderr
    assert "Traceback" not in child.stderr.read()


def test_a_backend_that_is_not_there_delays_no_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        begun = time.monotonic()
        with start_proxy({"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": url}):
            assert time.monotonic() - begun < SECONDS


# -- ending -------------------------------------------------------------------------------------------------------------


class Reader(threading.Thread):
    """A client that reads one stream to its end."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.text = ""
        self.begun = threading.Event()
        self._url = url
        self.start()

    def run(self) -> None:
        body = {**HELLO, "model": "local-model", "stream": True}
        with httpx2.stream("POST", f"{self._url}/v1/messages", json=body, timeout=60, trust_env=False) as reply:
            for part in reply.iter_text():
                self.text += part
                if "first" in self.text:
                    self.begun.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_running_stream_finishes_before_the_process_ends(backend: Backend, number: signal.Signals) -> None:
    gate = Gate()
    backend.play(lambda _: answer(Text("first "), gate, Text("last")))
    with proxy_for(backend) as proxy:
        readers = [Reader(proxy.url) for _ in range(3)]
        assert all(reader.begun.wait(SECONDS) for reader in readers)
        proxy.process.send_signal(number)
        _until_refused(proxy.url)
        assert proxy.process.poll() is None, "it waits for its streams"
        gate.open()
        for reader in readers:
            reader.join(SECONDS)
        assert proxy.process.wait(SECONDS) == 0
        assert all("last" in reader.text and "message_stop" in reader.text for reader in readers)
        assert "Traceback" not in proxy.log()


def test_idle_connections_delay_no_end(backend: Backend) -> None:
    with proxy_for(backend) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        assert http.get("/health").status_code == 200
        begun = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(SECONDS) == 0
        assert time.monotonic() - begun < SECONDS


def test_under_load_every_stream_ends_properly_and_the_exit_code_is_0(backend: Backend) -> None:
    """Half of them finish in time, half would go on for ever."""
    gate = Gate(opens_at=999)
    parts = {"ends": (Text("first "), gate, Text("last")), "goes on": (Text("first "), Stall())}
    backend.play(lambda received: answer(*parts[received.prompt]))
    asked = [{**HELLO, "stream": True, "messages": [{"role": "user", "content": name}]} for name in parts] * 20
    with (
        proxy_for(backend, DRAIN_TIMEOUT="2") as proxy,
        httpx2.Client(base_url=proxy.url, timeout=60, trust_env=False, limits=httpx2.Limits()) as http,
        concurrent.futures.ThreadPoolExecutor(len(asked)) as pool,
    ):
        futures = [pool.submit(http.post, "/v1/messages", json=body) for body in asked]
        backend.wait_chats(len(asked))
        gate.wait_reached(20)
        proxy.process.send_signal(signal.SIGTERM)
        threading.Timer(0.5, gate.open).start()
        for body, future in zip(asked, futures, strict=True):
            message = check(future.result().content)
            if body["messages"][0]["content"] == "ends":
                assert message.text() == "first last"
            else:
                assert message.error is not None
                assert message.error["type"] == "overloaded_error"
        assert proxy.process.wait(SECONDS) == 0


@linux
@pytest.mark.usefixtures("terminal_signals")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_terminal_that_closes_lets_streams_finish(backend: Backend, workers: str) -> None:
    gate = Gate()
    backend.play([answer(Text("first "), gate, Text("last"))])
    with (
        proxy_for(backend, WORKERS=workers) as proxy,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        url, asked = f"{proxy.url}/v1/messages", {**HELLO, "stream": True}
        future = pool.submit(lambda: httpx2.post(url, json=asked, trust_env=False, timeout=60))
        gate.wait_reached()
        proxy.process.send_signal(signal.SIGHUP)
        threading.Timer(0.5, gate.open).start()
        assert check(future.result().content).text() == "first last"
        assert proxy.process.wait(SECONDS) == 0


@linux
def test_who_presses_twice_is_not_shown_a_trace(backend: Backend) -> None:
    backend.play([answer(Text("first "), Stall())])
    with proxy_for(backend) as proxy, concurrent.futures.ThreadPoolExecutor(1) as pool:
        url, asked = f"{proxy.url}/v1/messages", {**HELLO, "stream": True}
        future = pool.submit(lambda: httpx2.post(url, json=asked, trust_env=False, timeout=60))
        backend.wait_chats(1)
        for _ in range(2):
            proxy.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert proxy.process.wait(SECONDS) == 0
        future.exception()
        assert "Traceback" not in proxy.log()


@linux
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full here")
def test_a_full_disk_under_the_log_costs_lines_and_no_answer(backend: Backend, tmp_path: Path) -> None:
    backend.play([say("hello"), say("again")])
    url = f"http://127.0.0.1:{free_port()}"
    env = {**clean_environment(tmp_path), "PORT": url.rpartition(":")[2]}
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "claude_code_proxy"],
            env={**env, "OPENAI_API_KEY": backend.key, "OPENAI_BASE_URL": backend.url},
            cwd=tmp_path,
            stdout=full,
            stderr=full,
        )
        try:
            end = time.monotonic() + SECONDS
            while not healthy(url):
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            replies = [httpx2.post(f"{url}/v1/messages", json=HELLO, trust_env=False).json() for _ in range(2)]
            assert [reply["content"][0]["text"] for reply in replies] == ["hello", "again"]
        finally:
            process.kill()
            process.wait()


def test_as_many_files_are_opened_as_the_system_allows(backend: Backend) -> None:
    command = f"ulimit -Sn 64; exec {sys.executable} -m claude_code_proxy serve"
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        settings = {
            "OPENAI_BASE_URL": backend.url,
            "OPENAI_API_KEY": backend.key,
            "PORT": str(port),
        }
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], env={**clean_environment(Path(home)), **settings}, stderr=subprocess.DEVNULL
        )
        try:
            backend.play(lambda _: say("served"))
            with contextlib.ExitStack() as idle:
                for _ in range(200):
                    idle.enter_context(_connected(port))
                url = f"http://127.0.0.1:{port}/v1/messages"
                assert httpx2.post(url, json=HELLO, trust_env=False, timeout=SECONDS).status_code == 200
        finally:
            process.terminate()
            assert process.wait(SECONDS) == 0


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


async def test_a_stream_that_outlives_the_drain_ends_in_an_error(backend: Backend) -> None:
    """The server cancels what still runs: the client is told, and asks again elsewhere."""
    backend.play([answer(Text("first"), Stall())])
    async with running(backend) as app:
        talk = app.start({**HELLO, "stream": True})
        await talk.until(b"first")
        talk.task.cancel()
        told = events(await talk.reply())
        assert told[-1]["type"] == "error"
        assert told[-1]["error"]["type"] == "overloaded_error"
        assert "| stopped" in await app.line("stopped")
        await asyncio.to_thread(backend.wait, lambda: backend.chats[0].left_at is not None)


async def test_a_request_that_outlives_the_drain_is_an_error(backend: Backend) -> None:
    backend.play([answer(before=(Stall(),))])
    async with running(backend) as app:
        talk = app.start(HELLO)
        await asyncio.to_thread(backend.wait_chats)
        talk.task.cancel()
        assert (await talk.reply()).status_code == 529


def test_a_log_in_json_has_nothing_else_in_it(backend: Backend, tmp_path: Path) -> None:
    """From the first line to the last: settings, banner, libraries' complaints, an answer the drain cuts off."""
    backend.play([answer(Text("first"), Stall())])
    env = {"LOG_FORMAT": "json", "DRAIN_TIMEOUT": "1", "PORTT": "1", "RECORD_DIR": str(tmp_path)}
    with proxy_for(backend, **env) as proxy:
        with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as odd:
            odd.sendall(b"\x16\x03\x01 is not HTTP\r\n\r\n")
            odd.recv(1000)
        with httpx2.stream("POST", f"{proxy.url}/v1/messages", json={**HELLO, "stream": True}, trust_env=False) as talk:
            pieces = talk.iter_bytes()
            next(pieces)
            proxy.process.send_signal(signal.SIGTERM)
            assert proxy.process.wait(SECONDS) == 0
        told = [json.loads(line)["event"] for line in proxy.log().splitlines()]
    assert any(
        event.startswith(f"claude-code-proxy on {proxy.url.replace('127.0.0.1', 'localhost')}") for event in told
    )
    for part in (
        "prompts included",
        "127.0.0.1 only",
        "uvicorn: Invalid HTTP request",
        "timeout graceful shutdown exceeded",
    ):
        assert any(part in event for event in told), part


@pytest.mark.parametrize("wrong", [{"MAX_RETRIES": "many"}, {"HOST": "192.0.2.1"}, {"RECORD_DIR": "/proc/nowhere"}])
def test_why_it_does_not_start_is_json_too(tmp_path: Path, wrong: dict[str, str]) -> None:
    done = run(tmp_path, "serve", LOG_FORMAT="json", LOG_LEVEL="ERROR", PORT="0", **wrong)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in told if line["level"] != "info"] == ["error"]


def _until_refused(url: str) -> None:
    """Return when no new connection is taken."""
    host, port = url.removeprefix("http://").split(":")
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("it still takes connections")


# -- what it costs ------------------------------------------------------------------------------------------------------

MEGABYTE = 1024 * 1024


def memory_of(proxy: ProxyProcess) -> int:
    """Return the resident memory of a process, in bytes."""
    pages = int(Path(f"/proc/{proxy.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@linux
def test_a_client_that_does_not_read_fills_no_memory(backend: Backend) -> None:
    """The backend is made to wait instead; and everybody else is served."""
    backend.play(
        lambda received: say("x" * 80 * MEGABYTE, size=MEGABYTE) if "slow" in received.prompt else say("quick")
    )
    with proxy_for(backend) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        assert http.post("/v1/messages", json={**HELLO, "stream": True}).status_code == 200
        before = memory_of(proxy)
        clients = [_asking(proxy.url) for _ in range(3)]
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
        for _ in range(20):
            assert "quick" in http.post("/v1/messages", json={**HELLO, "stream": True}).text
            time.sleep(0.05)
        grown = memory_of(proxy) - before
        for client in clients:
            client.close()
    assert grown < 60 * MEGABYTE, f"{grown / MEGABYTE:.0f} MB for three clients"


def _asking(url: str) -> socket.socket:
    """Return a connection that has asked for a stream, and reads none of it by itself."""
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({**HELLO, "stream": True, "messages": [{"role": "user", "content": "slow"}]}).encode()
    client = socket.create_connection((host, int(port)), timeout=SECONDS)
    client.sendall(f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return client


def test_a_body_too_large_is_refused_and_the_next_request_served(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    with proxy_for(backend, MAX_BODY_MB="1") as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        for _ in range(3):
            reply = http.post("/v1/messages", content=_pieces(), headers={"content-type": "application/json"})
            assert reply.status_code == 413
            assert reply.json()["error"]["type"] == "request_too_large"
            assert http.post("/v1/messages", json=HELLO).status_code == 200


def _pieces() -> Iterator[bytes]:
    yield b'{"model": "'
    for _ in range(24):
        yield b"x" * (MEGABYTE // 8)
    yield b'"}'


HOSTILE: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00 hello\r\n\r\n",
    "a line of a megabyte": b"GET /" + b"a" * MEGABYTE + b" HTTP/1.1\r\n\r\n",
    "a header of a megabyte": b"GET / HTTP/1.1\r\nx: " + b"a" * MEGABYTE + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
    "two lengths": b"POST /v1/messages HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "a length and chunks": b"POST /v1/messages HTTP/1.1\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a path that is no text": b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a percent sign": b"GET /%zz%00%ff HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a path like another host": b"GET //evil.example/v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a proxy's request": b"GET http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
    "half a request": b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
}


def test_hostile_bytes_hurt_nobody(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    with proxy_for(backend) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        host, port = proxy.url.removeprefix("http://").split(":")
        for name, data in HOSTILE.items():
            with socket.create_connection((host, int(port)), timeout=SECONDS) as client:
                _send_all(client, data)
                first = _first_line(client)
            assert not first or first.split()[1] in (b"200", b"400", b"403", b"404", b"431", b"426", b"500"), name
            assert http.post("/v1/messages", json=HELLO).status_code == 200, name
        assert "bug" not in proxy.log()


def _send_all(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it may not want to hear all of it, and have closed
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)


def _first_line(client: socket.socket) -> bytes:
    try:
        return client.recv(65536).split(b"\r\n")[0]
    except ConnectionError:
        return b""


def test_a_free_port_is_free_again_at_once(backend: Backend) -> None:
    port = str(free_port())
    for _ in range(2):
        backend.play([say("hello")])
        with proxy_for(backend, PORT=port) as proxy:
            assert _hello(proxy.url).status_code == 200


def _hello(url: str) -> Any:
    return httpx2.post(f"{url}/v1/messages", json=HELLO, trust_env=False)


def test_a_taken_port_is_told_with_the_program_that_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "claude_code_proxy", "serve", "--port", str(port)],
            env={**clean_environment(tmp_path), "OPENAI_API_KEY": "k"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert f"The port is taken by {Path(sys.executable).name}" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "set PORT to another one" in done.stderr
