"""Local model servers, found on real ports of this machine."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from claude_code_proxy.local_servers import PROBES, LocalServer, Probe, find_servers

MODELS = {"object": "list", "data": [{"id": "qwen3:8b"}, {"id": "llama3.3"}]}


@contextmanager
def serving(answers: dict[str, object]) -> Iterator[int]:
    """A server on a free port; a path's answer is JSON, raw bytes, or an HTTP status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.get(self.path, 404)
            self.send_response(answer if isinstance(answer, int) else 200)
            self.end_headers()
            if not isinstance(answer, int):
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def log_message(self, *_):
            """Nothing to the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def listening(first_bytes: bytes) -> Iterator[int]:
    """A server that says `first_bytes` to whoever connects, and then nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            connection.sendall(first_bytes)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            connection.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def find(*probes: Probe, timeout: float = 5) -> list[LocalServer]:
    return find_servers(probes, timeout=timeout)


def test_the_usual_ports():
    assert {(probe.kind, probe.port) for probe in PROBES} == {
        ("Ollama", 11434),
        ("LM Studio", 1234),
        ("llama.cpp", 8080),
        ("llama.cpp", 9931),
        ("vLLM", 8000),
    }


@pytest.mark.parametrize("usual", PROBES, ids=lambda probe: f"{probe.kind} {probe.port}")
def test_a_server_is_named_by_its_own_path(usual):
    with serving({"/v1/models": MODELS, usual.path: {**MODELS, usual.key: "1"}}) as port:
        assert find(usual._replace(port=port)) == [
            LocalServer(usual.kind, f"http://127.0.0.1:{port}/v1", ("qwen3:8b", "llama3.3"))
        ]


def test_a_server_of_another_kind_is_not_given_the_port_s_usual_name():
    with serving({"/v1/models": MODELS}) as port:
        found = find(Probe("vLLM", port, "/version", "version"))
    assert [server.name for server in found] == [f"an OpenAI-compatible server on port {port}"]


@pytest.mark.parametrize(
    "answer",
    [404, 401, 503, b"", b"<html>hello</html>", b"[1]", b"null", b"\xff\xfe", {"data": "x"}, {}, b"[" * 100_000],
    ids=lambda answer: ascii(answer)[:30],
)
def test_what_is_no_model_server_is_not_found(answer):
    with serving({"/v1/models": answer, "/version": {"version": "1"}}) as port:
        assert find(Probe("vLLM", port, "/version", "version")) == []


@pytest.mark.parametrize(
    "first_bytes",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"\x00\xff" * 100],
    ids=["silence", "another protocol", "half an answer", "noise"],
)
def test_a_server_that_does_not_answer_is_given_up(first_bytes):
    with listening(first_bytes) as port:
        assert find(Probe("vLLM", port, "/version", "version"), timeout=0.2) == []


def test_nobody_listens():
    assert find(Probe("Ollama", closed_port(), "/api/version", "version")) == []


def test_servers_come_in_the_order_of_the_probes():
    with serving({"/v1/models": MODELS}) as first, serving({"/v1/models": {"data": []}}) as second:
        probes = [Probe("A", second, "/x", "x"), Probe("B", closed_port(), "/x", "x"), Probe("C", first, "/x", "x")]
        found = find(*probes)
    assert [server.base_url for server in found] == [f"http://127.0.0.1:{port}/v1" for port in (second, first)]
    assert [len(server.models) for server in found] == [0, 2]


def test_names_of_models_can_not_move_the_cursor_and_are_few():
    data = [{"id": "a\x1b[2Jb"}, {"id": 5}, {}, "x", None, {"id": ""}, {"id": "n" * 500}]
    data += [{"id": f"model-{n}"} for n in range(50)]
    with serving({"/v1/models": {"data": data}}) as port:
        [server] = find(Probe("A", port, "/x", "x"))
    assert server.models == ("n" * 80, "model-0", "model-1", "model-2", "model-3")


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with serving({"/v1/models": MODELS}) as port:
        assert len(find(Probe("A", port, "/x", "x"))) == 1
