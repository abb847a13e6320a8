"""Mock backends other people wrote, as their users run them: aimock (npm) and llmock (PyPI)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from tests.e2e import installs
from tests.proxy_process import clean_environment, free_port, start_proxy

LLMOCK = "llmock==0.2.2"
START_SECONDS = 30
WINDOW = 4000  # tokens of llmock's models


@dataclass
class Foreign:
    """A running mock. control: requests to itself, not to the API it plays."""

    url: str
    control: httpx2.Client

    def queue(self, *behaviours: dict[str, Any]) -> None:
        """Tell llmock what to do with the next requests."""
        self.control.post("/_llmock/reset").raise_for_status()
        if behaviours:
            self.control.post("/_llmock/scenario", json={"behaviors": behaviours}).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return what llmock was asked since then."""
        journal = self.control.get("/_llmock/requests").json()
        return journal["requests"] if isinstance(journal, dict) else journal

    def journal(self) -> list[dict[str, Any]]:
        """Return the chat bodies aimock was sent."""
        entries = self.control.get("/__aimock/journal").json()
        return [entry["body"] for entry in entries if str(entry.get("path", "")).endswith("/chat/completions")]


@contextlib.contextmanager
def llmock(folder: Path) -> Iterator[Foreign]:
    """Run llmock with a small window."""
    target = installs.python_target("llmock", LLMOCK)
    code = "from llmock.cli import app; app()"
    port = free_port()
    command = [sys.executable, "-c", code, "serve", "--port", str(port), "--context-window", str(WINDOW)]
    with _running(command, port, folder, PYTHONPATH=str(target)) as foreign:
        yield foreign


@contextlib.contextmanager
def aimock(folder: Path, fixtures: Sequence[dict[str, Any]]) -> Iterator[Foreign]:
    """Run aimock with fixtures."""
    node = installs.node()
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": fixtures}))
    program = installs.NODE_MODULES / "@copilotkit" / "aimock" / "dist" / "cli.js"
    port = free_port()
    with _running([node, str(program), "-p", str(port), "-f", str(path)], port, folder) as foreign:
        yield foreign


@contextlib.contextmanager
def asking(foreign: Foreign, **env: str) -> Iterator[httpx2.Client]:
    """Run a proxy in front of a mock."""
    settings = {"OPENAI_BASE_URL": f"{foreign.url}/v1", "OPENAI_API_KEY": "any", "MAX_RETRIES": "2", **env}
    with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as http:
        yield http


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, folder: Path, **env: str) -> Iterator[Foreign]:
    log = folder / "foreign.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**clean_environment(folder), **env}, cwd=folder, stdout=out, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=url, timeout=10, trust_env=False) as control:
            _wait(control, process, log)
            yield Foreign(url, control)
    finally:
        process.terminate()
        process.wait(10)


def _wait(control: httpx2.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        with contextlib.suppress(httpx2.TransportError):
            control.get("/v1/models")
            return
        time.sleep(0.05)
    raise AssertionError(f"not there within {START_SECONDS} s: {log.read_text(errors='replace')[-2000:]}")
