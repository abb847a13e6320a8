"""What systemd and launchd are told to run. Pure; sources: systemd.service(5), systemd.exec(5), launchd.plist(5)."""

from __future__ import annotations

import math
import plistlib
from collections.abc import Mapping, Sequence

LABEL = "claude-code-proxy"
_LONGER = 10  # seconds than running streams get to finish
_RESTART = 2  # seconds


def systemd_unit(command: Sequence[str], folder: str, env_file: str, drain: float) -> str:
    """Return a user unit. folder: to run in; env_file: holds the environment's settings; drain: DRAIN_TIMEOUT."""
    return f"""\
[Unit]
Description=Claude Code on any OpenAI-compatible backend
After=network-online.target

[Service]
ExecStart={" ".join(_word(part) for part in command)}
WorkingDirectory={_path(folder)}
EnvironmentFile=-{_path(env_file)}
Restart=on-failure
RestartSec={_RESTART}
RestartPreventExitStatus=2
TimeoutStopSec={math.ceil(drain) + _LONGER}
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


def environment_file(variables: Mapping[str, str]) -> str:
    """Return the text of a systemd EnvironmentFile."""
    return "".join(f'{name}="{_escaped(value)}"\n' for name, value in variables.items())


def launchd_plist(command: Sequence[str], folder: str, log: str, variables: Mapping[str, str], drain: float) -> str:
    """Return a launch agent; it holds the settings of the environment itself. drain: DRAIN_TIMEOUT, in seconds."""
    agent = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "WorkingDirectory": folder,
        "EnvironmentVariables": dict(variables),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": math.ceil(drain) + _LONGER,
        "StandardErrorPath": log,
        "StandardOutPath": log,
    }
    return plistlib.dumps(agent, sort_keys=False).decode()


def _word(part: str) -> str:
    """One argument: `%` and `$` mean something to systemd, quotes and backslashes too."""
    return '"' + _escaped(part).replace("\\$", "$").replace("\\`", "`").replace("%", "%%").replace("$", "$$") + '"'


def _path(path: str) -> str:
    return path.replace("%", "%%")


def _escaped(value: str) -> str:
    return "".join(f"\\{c}" if c in '"\\`$' else c for c in value)
