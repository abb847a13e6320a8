"""What is measured: this proxy as users run it, the peers that can be installed here, and the backend itself.

Peers go into folders of their own under bench/.installed, at the versions named here. One that can't be installed or
does not answer is left out, and the report says why.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .bodies import body, openai_body
from .client import Answer, Client, FailedError, Request, checked
from .frames import Script
from .process import Process, free_port

_ROOT = Path(__file__).parents[1]
INSTALLED = _ROOT / "bench" / ".installed"
LITELLM = "1.106.2"
CCR = "2.0.0"
FRAMEWORK = ("fastapi==0.165.0", "openai==3.54.0", "uvicorn[standard]==0.54.0")
_OURS = INSTALLED / "claude-code-proxy"
_LITELLM = INSTALLED / f"litellm-{LITELLM}"
_FRAMEWORK = INSTALLED / "fastapi-openai"
_START = 90  # seconds
_SHORT = Script("text", 8, 0)


@dataclass
class Target:
    """Something that answers. slow: it gets less load, so that a run stays short; error: why it is not measured."""

    name: str
    version: str
    command: Callable[[int, int, Path], tuple[list[str], Mapping[str, str]]] | None = None
    install: Callable[[], None] | None = None
    path: str = "/v1/messages"
    slow: bool = False
    error: str = ""
    port: int = 0
    process: Process | None = None
    client: Client = field(default_factory=lambda: Client(0))

    @property
    def direct(self) -> bool:
        """Whether this is the backend itself."""
        return self.command is None

    def request(self, script: Script, *, stream: bool = True) -> Request:
        """Return a small request for a script."""
        made = openai_body(script, stream=stream) if self.direct else body(script, stream=stream)
        return Request(self.path, made, HEADERS)

    def start(self, backend: int, home: Path) -> None:
        """Start it before the backend on port `backend`."""
        if self.command is None:
            self.port = backend
        else:
            self.port = free_port()
            command, env = self.command(self.port, backend, home)
            self.process = Process(command, env, home)
        self.client = Client(self.port)

    async def first_answer(self) -> Answer:
        """Ask until it answers well; raises FailedError when it does not in time."""
        deadline = time.perf_counter() + _START
        said = "no answer"
        while time.perf_counter() < deadline and (self.process is None or self.process.alive):
            try:
                async with asyncio.timeout(20):
                    return checked(await self.client.ask(self.request(_SHORT, stream=False)))
            except FailedError as error:
                said = str(error)
            except (OSError, TimeoutError):
                pass
            await asyncio.sleep(0.01)
        raise FailedError(f"{self.name} did not start: {said}")

    def stop(self) -> None:
        """End it."""
        self.client.close()
        if self.process is not None:
            self.process.stop()
            self.process = None


KEY = "sk-bench-0123456789abcdef0123456789abcdef"
HEADERS = {"host": "127.0.0.1", "x-api-key": KEY, "anthropic-version": "2023-06-01", "authorization": f"Bearer {KEY}"}


def all_targets(wanted: str) -> list[Target]:
    """Return this proxy, the peers named in `wanted` (`none`, `ccr,litellm`), and the direct connection."""
    names = [name.strip() for name in wanted.split(",") if name.strip() not in ("", "none")]
    return [ours(), *(_PEERS[name]() for name in names if name in _PEERS), _direct()]


# -- this proxy -----------------------------------------------------------------------------------------------------


def ours(workers: int = 1) -> Target:
    """Return this proxy with so many workers."""
    from claude_code_proxy import __version__  # noqa: PLC0415 - of the environment that is measured

    command = functools.partial(_ours_command, workers)
    return Target("claude-code-proxy", __version__, command, _install_ours)


def _install_ours() -> None:
    """An environment with what users get and nothing else; the code is this folder's."""
    _venv(_OURS, "--requirement", str(_ROOT / "requirements.txt"))


def _ours_command(workers: int, port: int, backend: int, _home: Path) -> tuple[list[str], Mapping[str, str]]:
    env = {
        "PYTHONPATH": str(_ROOT / "src"),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{backend}/v1",
        "OPENAI_API_KEY": "any",
        "PORT": str(port),
        "WORKERS": str(workers),
        **{f"{tier}_MODEL": "bench-model" for tier in ("BIG", "MIDDLE", "SMALL")},
    }
    return [str(_OURS / "bin" / "python"), "-m", "claude_code_proxy"], env


def _direct() -> Target:
    return Target("direct", "no proxy", path="/v1/chat/completions")


# -- LiteLLM --------------------------------------------------------------------------------------------------------


def _litellm() -> Target:
    return Target("LiteLLM", LITELLM, _litellm_command, _install_litellm, slow=True)


def _install_litellm() -> None:
    _venv(_LITELLM, f"litellm[proxy]=={LITELLM}")


def _litellm_command(port: int, backend: int, home: Path) -> tuple[list[str], Mapping[str, str]]:
    config = {
        "model_list": [
            {
                "model_name": "*",
                "litellm_params": {
                    "model": "openai/bench-model",
                    "api_base": f"http://127.0.0.1:{backend}/v1",
                    "api_key": "any",
                },
            }
        ],
        "litellm_settings": {"telemetry": False, "use_chat_completions_url_for_anthropic_messages": True},
    }
    file = home / "config.yaml"
    file.write_text(json.dumps(config))  # JSON is YAML
    bin_ = _LITELLM / "bin"
    env = {
        "LITELLM_MASTER_KEY": KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PATH": f"{bin_}:{os.environ.get('PATH', '')}",
    }
    return [str(bin_ / "litellm"), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)], env


# -- claude-code-router ---------------------------------------------------------------------------------------------


def _ccr() -> Target:
    return Target("claude-code-router", CCR, _ccr_command, _install_ccr)


def _install_ccr() -> None:
    folder = INSTALLED / f"ccr-{CCR}"
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        package = f"@musistudio/claude-code-router@{CCR}"
        _run(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", package])


def _ccr_command(port: int, backend: int, home: Path) -> tuple[list[str], Mapping[str, str]]:
    config = {
        "HOST": "127.0.0.1",
        "PORT": port,
        "LOG": False,
        "NON_INTERACTIVE_MODE": True,
        "Providers": [
            {
                "name": "bench",
                "api_base_url": f"http://127.0.0.1:{backend}/v1/chat/completions",
                "api_key": "any",
                "models": ["bench-model"],
                "transformer": {"use": ["reasoning"]},
            }
        ],
        "Router": {"default": "bench,bench-model"},
    }
    place = home / ".claude-code-router"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config))
    script = INSTALLED / f"ccr-{CCR}" / "node_modules/@musistudio/claude-code-router/dist/cli.js"
    return ["node", str(script), "start"], {}


# -- FastAPI and the openai package -----------------------------------------------------------------------------------


def _framework() -> Target:
    return Target("FastAPI + openai", "0.165.0 + 3.54.0", _framework_command, _install_framework)


def _install_framework() -> None:
    _venv(_FRAMEWORK, *FRAMEWORK)


def _framework_command(port: int, backend: int, _home: Path) -> tuple[list[str], Mapping[str, str]]:
    script = str(_ROOT / "bench" / "framework_peer.py")
    return [str(_FRAMEWORK / "bin" / "python"), script, str(port), f"http://127.0.0.1:{backend}/v1"], {}


_PEERS: Mapping[str, Callable[[], Target]] = {"ccr": _ccr, "litellm": _litellm, "fastapi": _framework}


def _venv(folder: Path, *requirements: str) -> None:
    """Make an environment, once for the same requirements."""
    lock = folder / "installed"
    wanted = "\n".join([*requirements, *(Path(name).read_text() for name in requirements if name.endswith(".txt"))])
    if lock.exists() and lock.read_text() == wanted:
        return
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    _run([str(folder / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install", *requirements])
    lock.write_text(wanted)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1][:200]}")
