"""The official SDKs as programs: each scenario runs in a process of its own, in its own language and version."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import installs
from tests.proxy_process import clean_environment

HERE = Path(__file__).parent
SCENARIO_SECONDS = 180
NAMES = ("python-2.12.0", "python-0.125.0", "typescript-1.12.0")


@dataclass
class Sdk:
    """One SDK: the command that runs its scenarios and the environment it needs."""

    command: tuple[str, ...]
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, scenario: str, url: str, model: str = "gpt-5.4") -> dict[str, Any]:
        """Run a scenario against a proxy and return what came of it."""
        return self.run_all([scenario], url, model)[0]

    def run_all(self, scenarios: list[str], url: str, model: str = "gpt-5.4") -> list[dict[str, Any]]:
        """Run scenarios one after the other in one process."""
        done = subprocess.run(
            [*self.command, url, model, *scenarios],
            env={**clean_environment(self.home), **self.env},
            capture_output=True,
            text=True,
            timeout=SCENARIO_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{scenarios}: {done.stderr[-3000:]}"
        results: list[dict[str, Any]] = json.loads(done.stdout)
        return results


def sdk_named(name: str, home: Path) -> Sdk:
    """Return the SDK, installed if need be."""
    python = (sys.executable, str(HERE / "sdk_scenarios.py"))
    if name == "python-2.12.0":
        return Sdk(python, home)
    if name == "python-0.125.0":
        return Sdk(python, home, {"PYTHONPATH": str(installs.old_python_sdk())})
    return Sdk((installs.node(), str(HERE / "sdk_scenarios.mjs")), home)
