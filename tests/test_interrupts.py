"""Ctrl-C: what waits or goes on ends with exit code 130, what serves ends well, and nothing ends in a traceback."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.proxy_process import clean_environment

SECONDS = 30

pytestmark = pytest.mark.usefixtures("terminal_signals")


class Mute:
    """A backend that takes connections and says nothing. asked: somebody has connected."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.asked = threading.Event()
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                self._open.append(self._listener.accept()[0])
            except OSError:
                return
            self.asked.set()

    def close(self) -> None:
        self._listener.close()
        for one in self._open:
            one.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    backend = Mute()
    yield backend
    backend.close()


def started(home: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy", *arguments],
        env={**clean_environment(home), "MAX_RETRIES": "0", "OPENAI_API_KEY": "any", **env},
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return process.returncode, said


@pytest.mark.parametrize(
    "arguments", [("doctor",), ("doctor", "--json"), ("setup", "--yes"), ("run", "--claude", sys.executable), ("env",)]
)
def test_a_command_that_waits_for_an_answer(tmp_path: Path, mute: Mute, arguments: tuple[str, ...]) -> None:
    url = ("--url", mute.url) if arguments == ("env",) else ()
    process = started(tmp_path, *arguments, *url, OPENAI_BASE_URL=mute.url)
    assert mute.asked.wait(SECONDS)
    code, said = interrupted(process)
    assert code == 130, said
    assert "Traceback" not in said


def test_logs_that_follow(tmp_path: Path) -> None:
    state = tmp_path / ".local" / "state" / "claude-code-proxy"
    state.mkdir(parents=True)
    (state / "requests.jsonl").write_text('{"id": "req_1", "outcome": "ok"}\n')
    process = started(tmp_path, "logs", "-f")
    assert process.stdout is not None
    assert "req_1" in process.stdout.readline()
    assert interrupted(process) == (130, "")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a process waits for")
@pytest.mark.parametrize("arguments", [("prompt", "-"), ("statusline",)])
def test_a_command_that_reads_what_is_typed(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    process = started(tmp_path, *arguments)
    assert process.stdin is not None
    deadline = time.monotonic() + SECONDS
    while not _reads(process.pid):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    code, said = interrupted(process)
    assert (code, said) == (130, "")


@pytest.mark.parametrize("arguments", [("serve",), ("record", "kept")])
def test_what_serves_until_it_is_told_to_stop_ends_well(tmp_path: Path, mute: Mute, arguments: tuple[str, ...]) -> None:
    process = started(tmp_path, *arguments, OPENAI_BASE_URL=mute.url, PORT="0")
    assert process.stderr is not None
    while "ANTHROPIC_BASE_URL" not in process.stderr.readline():
        assert process.poll() is None
    code, said = interrupted(process)
    assert code == 0, said
    assert "Traceback" not in said


def _reads(pid: int) -> bool:
    """Whether a process waits for its standard input (Linux: system call 0 is read, its first argument the file)."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text().split()[:2] == ["0", "0x0"]
    except OSError:
        return False
