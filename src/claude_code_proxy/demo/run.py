"""`claude-code-proxy demo`: the embedded model, the proxy in front of it, an answer and a tool call through both."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_code_proxy.settings import SETTINGS

from .conversation import ask
from .embedded import DemoError, EmbeddedModel

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[2]
USUAL_PORT = 8082
START_SECONDS = 60.0
STOP_SECONDS = 15.0
INTERRUPTED = 130
CLIENT_MODEL = "claude-haiku-4-5"
QUESTION = "What is the capital of France?"
TOOL_QUESTION = "What is the weather in Paris?"
TOOL_RESULT = "14 degrees and rain"
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def run(once: bool) -> int:
    """Run the demo and return its exit code. once: end after the two questions instead of serving on."""
    try:
        with _ended_by_sigterm(), EmbeddedModel() as model, _proxy(model) as (url, process):
            _converse(url, model)
            if not once:
                _serve_on(url, process)
    except KeyboardInterrupt:
        return INTERRUPTED
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _converse(url: str, model: EmbeddedModel) -> None:
    _say(f"Model  {model.name} at {model.base_url}, {model.window} tokens of context")
    _say(f"Proxy  {url}\n")
    body: dict[str, Any] = {"model": CLIENT_MODEL, "max_tokens": 200}
    turns: list[dict[str, Any]] = [{"role": "user", "content": QUESTION}]
    _say(f"> {QUESTION}")
    ask(url, {**body, "messages": turns}, sys.stdout)
    _say(f"\n> {TOOL_QUESTION}")
    turns = [{"role": "user", "content": TOOL_QUESTION}]
    blocks = ask(url, {**body, "messages": turns, "tools": [TOOL]}, sys.stdout)
    calls = [block for block in blocks if block["type"] == "tool_use"]
    if not calls:
        raise DemoError("The model answered without calling the tool.")
    _say(f"< {TOOL_RESULT}")
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": TOOL_RESULT} for call in calls]
    turns += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    ask(url, {**body, "messages": turns, "tools": [TOOL]}, sys.stdout)


def _serve_on(url: str, process: subprocess.Popen[bytes]) -> None:
    """Serve until somebody ends it, which is no failure."""
    _say(
        f"\nStill serving on {url}; Ctrl-C ends it. Point a client at it, for example:\n"
        f"  ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN=any claude --bare\n"
        "The full prompt of Claude Code doesn't fit this model. For work, start the proxy on a real backend:\n"
        "  OPENAI_API_KEY=your-key claude-code-proxy"
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        _say("\nStopped.")
    else:
        raise DemoError(f"The proxy ended by itself with code {code}; its own words are above.")


@contextlib.contextmanager
def _proxy(model: EmbeddedModel) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the proxy in front of the model, with nothing of the user's own settings; yield its URL and the process."""
    port = _port()
    url = f"http://127.0.0.1:{port}"
    # An empty working folder has no .env.
    with tempfile.TemporaryDirectory(prefix="claude-code-proxy-demo-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "claude_code_proxy", "serve"],
            env=_environment(model, port),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            _await_health(process, port)
            yield url, process
        finally:
            _end(process)


def _environment(model: EmbeddedModel, port: int) -> dict[str, str]:
    own = {setting.name for setting in SETTINGS}
    kept = {k: v for k, v in os.environ.items() if k not in own and not k.startswith("CUSTOM_HEADER_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH")))),
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "none-needed",
        "BIG_MODEL": model.name,
        "MIDDLE_MODEL": model.name,
        "SMALL_MODEL": model.name,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def _port() -> int:
    """Return the port asked for with PORT, else the usual one, else, when that is taken, a free one."""
    wanted = os.environ.get("PORT", "")
    if wanted and not wanted.isdecimal():
        raise DemoError(f"PORT is {wanted!r}; it must be a number, for example PORT={USUAL_PORT}.")
    for port in (int(wanted),) if wanted else (USUAL_PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DemoError(f"Port {wanted} can't be bound. Leave PORT unset to take a free one.")


def _await_health(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"The proxy ended at once with code {process.returncode}; its own words are above.")
        if _healthy(port):
            return
        time.sleep(0.05)
    raise DemoError(f"The proxy did not answer on port {port} within {START_SECONDS:.0f} s. LOG_LEVEL=DEBUG says more.")


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make `kill` end the demo as Ctrl-C does, children first."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
