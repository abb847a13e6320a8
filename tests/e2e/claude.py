"""Claude Code in print mode, in a home of its own, cut off from everything but loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.proxy_process import clean_environment

DEAD_END = "http://127.0.0.1:9"
SETTINGS = {"skipWebFetchPreflight": True}
RUN_SECONDS = 180

QUIET = {
    "IS_SANDBOX": "1",
    "TERM": "dumb",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
    "HTTP_PROXY": DEAD_END,
    "HTTPS_PROXY": DEAD_END,
    "NO_PROXY": "127.0.0.1,localhost",
}


@dataclass(frozen=True)
class Outcome:
    """What one run of the CLI came to. result: its JSON."""

    exit_code: int
    result: Mapping[str, Any]
    stderr: str

    @property
    def text(self) -> str:
        return str(self.result.get("result"))

    @property
    def session(self) -> str:
        return str(self.result["session_id"])

    def succeeded(self) -> bool:
        """Tell whether it did what it was asked; `subtype` says "success" even on errors."""
        return self.exit_code == 0 and self.result.get("is_error") is False


@dataclass
class Claude:
    """One installed CLI with a home and a folder to work in."""

    binary: Path
    home: Path
    folder: Path
    url: str = ""
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.home / ".claude").mkdir(parents=True, exist_ok=True)
        (self.home / ".claude" / "settings.json").write_text(json.dumps(SETTINGS))
        self.folder.mkdir(parents=True, exist_ok=True)

    def run(self, prompt: str, *arguments: str, model: str = "gpt-5.4", **env: str) -> Outcome:
        """Ask once, in print mode, and return its JSON result."""
        command = [str(self.binary), "-p", prompt, "--model", model, "--output-format", "json"]
        done = subprocess.run(
            [*command, "--dangerously-skip-permissions", *arguments],
            env={**self._environment(), **env},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Outcome(done.returncode, _result(done.stdout), done.stderr)

    def _environment(self) -> dict[str, str]:
        base = {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_AUTH_TOKEN": "dummy"}
        return {**clean_environment(self.home), **QUIET, **base, **self.env}


def _result(stdout: str) -> Mapping[str, Any]:
    """Return the JSON result; what is no JSON is shown as it is."""
    try:
        decoded = json.loads(stdout)
    except ValueError:
        return {"is_error": True, "result": f"not JSON: {stdout}"}
    return decoded if isinstance(decoded, dict) else {"is_error": True, "result": decoded}
