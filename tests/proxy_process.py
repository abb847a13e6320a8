"""A real proxy process: started the way a user starts it, with nothing of the test's own environment."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_START", "COVERAGE_FILE")
START_SECONDS = 30
STOP_SECONDS = 15


@dataclass
class ProxyProcess:
    """A running proxy. url: what ANTHROPIC_BASE_URL is set to; home: its folder, removed with it."""

    url: str
    process: subprocess.Popen[bytes]
    home: tempfile.TemporaryDirectory[str]
    log_path: Path = field(repr=False)

    def log(self) -> str:
        """Return everything it wrote so far, both streams."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_gauge(self, name: str, holds: Callable[[float], bool], seconds: float = 20) -> None:
        """Return when a number of its /metrics is as it should be: `in_flight`, or `queue_waiting` at its backend."""
        deadline = time.monotonic() + seconds
        while not holds(value := self._gauge(name)):
            assert time.monotonic() < deadline, f"{name} is still {value} after {seconds} s:\n{self.log()[-1000:]}"
            time.sleep(0.01)

    def _gauge(self, name: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as page:
            found = re.search(rf"(?m)^claude_code_proxy_{name}(?:\{{.*\}})? (\S+)$", page.read().decode())
        return float(found[1]) if found else 0.0

    def kill(self) -> None:
        """End it without a word, for when a test has failed anyway."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.home.cleanup()

    def stop(self) -> None:
        """Ask it to end and demand that it ends well: exit code 0, no traceback."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
            log = self.log()
        finally:
            self.kill()
        assert code == 0, f"the proxy ended with {code}:\n{log[-2000:]}"
        assert not _traceback(log), _traceback(log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop() if kind is None else self.kill()


def start_proxy(env: Mapping[str, str], *, arguments: tuple[str, ...] = ("serve",)) -> ProxyProcess:
    """Start `claude-code-proxy` with exactly these settings on a free port and return when /health answers."""
    port = env.get("PORT") or str(free_port())
    home = tempfile.TemporaryDirectory(prefix="proxy-home-")
    log_path = Path(home.name) / "proxy.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "claude_code_proxy", *arguments],
            env={**clean_environment(Path(home.name)), **env, "PORT": port},
            cwd=home.name,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    proxy = ProxyProcess(f"http://127.0.0.1:{port}", process, home, log_path)
    try:
        _waithealthy(proxy)
    except BaseException:
        proxy.kill()
        raise
    return proxy


@contextlib.contextmanager
def proxy_for(backend: object, **env: str) -> Iterator[ProxyProcess]:
    """Run a proxy in front of a scripted backend. env: more settings."""
    settings = {"OPENAI_BASE_URL": backend.url, "OPENAI_API_KEY": backend.key, "MAX_RETRIES": "0"}  # type: ignore[attr-defined]
    with start_proxy({**settings, **env}) as proxy:
        yield proxy


def run_command(
    cwd: Path, env: Mapping[str, str], *arguments: str, given: str = "", seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command line that ends by itself, with exactly this environment. given: what it reads on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "claude_code_proxy", *arguments],
        env=env,
        cwd=cwd,
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment in which no setting of the person who runs the tests survives."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """Return a port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _waithealthy(proxy: ProxyProcess) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert proxy.process.poll() is None, f"the proxy did not start ({proxy.process.returncode}):\n{proxy.log()}"
        if healthy(proxy.url):
            return
        time.sleep(0.05)
    raise AssertionError(f"no /health within {START_SECONDS} s:\n{proxy.log()}")


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _traceback(log: str) -> str:
    """Return where a log's first traceback begins, and the log's end; nothing when there is no traceback."""
    before, found, behind = log.partition("Traceback (most recent call last)")
    return f"{before[-300:]}{found}{behind[:1000]}\n...\n{behind[1000:][-2000:]}" if found else ""
