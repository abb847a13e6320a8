"""`claude-code-proxy run`: a private proxy, and Claude Code on it, until Claude Code ends."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from .. import __version__
from ..backends.learned import Learned
from ..config import Config, load
from ..dialects import DIALECTS
from ..doctor.report import writable
from ..errors import ConfigError
from ..keeping import secrets_of
from ..launch.child import run_in_foreground
from ..launch.claude_settings import clashes, overruled
from ..launch.environment import Connection, Tier, claude_environment, variables
from ..launch.preflight import look_ahead
from ..launch.private_proxy import private_proxy
from ..local_servers import find_servers
from ..observe import hear_libraries, setup
from ..setting_layers import settings_folder
from ..state import state_dir

_FAILED, _WRONG_SETTINGS, _NOT_FOUND, _INTERRUPTED = 1, 2, 127, 130  # exit codes
_LOGS_KEPT = 20
_INSTALL = (
    "Claude Code is not installed, or not on PATH. Install it and try again:\n"
    "  npm install -g @anthropic-ai/claude-code       (or see https://code.claude.com/docs)\n"
    "If it is somewhere else, name it: claude-code-proxy run --claude /path/to/claude"
)


def run(arguments: Sequence[str], *, profile: str = "", program: str = "", quiet: bool = False) -> int:
    """Run Claude Code on a proxy of its own; returns its exit code.

    2: a setting is wrong; 1: a backend does not answer; 127: there is no Claude Code.
    """
    claude = find_claude(program, os.environ)
    if not claude:
        _say(_INSTALL)
        return _NOT_FOUND
    try:
        config = _config(profile)
        state = state_dir(os.environ)
        with _log_file(state) as log:
            setup(config.log_level, config.log_format, file=log, secrets=secrets_of(config))
            hear_libraries()  # the terminal is Claude Code's
            return _run(config, state, [claude, *arguments], log, quiet=quiet)
    except ConfigError as error:
        _say(*error.problems)
        return _WRONG_SETTINGS
    except KeyboardInterrupt:
        return _INTERRUPTED


def find_claude(program: str, environ: Mapping[str, str]) -> str:
    """Return the path of Claude Code: as named, on PATH, or where its own installers put it; "" for nowhere."""
    home = Path(environ.get("HOME", ""))
    usual = [home / ".local/bin/claude", home / ".claude/local/claude"] if home.is_absolute() else []
    tried = [program] if program else ["claude", *map(str, usual)]
    return next((found for name in tried if (found := shutil.which(name, path=environ.get("PATH")))), "")


def _config(profile: str) -> Config:
    """The settings as `serve` has them, but for address and key: this proxy is nobody else's."""
    own = {"HOST": "127.0.0.1", "PORT": "0", "ANTHROPIC_API_KEY": f"run-{secrets.token_urlsafe(24)}"}
    honest = {"CONTEXT_SCALE": "off"}  # this client is told the true window
    overrides = {**own, **honest, **({"CONFIG_PROFILE": profile} if profile else {})}
    folder = settings_folder(os.environ, Path.cwd())
    return load(os.environ, cwd=folder, overrides=overrides, find_servers=find_servers, dialects=tuple(DIALECTS))


def _run(config: Config, state: Path | None, command: Sequence[str], log: TextIO, *, quiet: bool) -> int:
    outlook = asyncio.run(look_ahead(config, Learned(state and state / "learned.json")))
    _say(*config.warnings, *outlook.warnings)
    if outlook.problems:
        _say(*outlook.problems, "Claude Code was not started. `claude-code-proxy doctor` says more.")
        return _FAILED
    with private_proxy(config, state) as url:
        timeouts = config.default_backend.timeouts
        connection = Connection(
            url=url, key=config.client_key, tiers=outlook.tiers, patience=timeouts.first_byte + timeouts.idle
        )
        if not quiet:
            _say(*banner(connection, config.default_backend.base_url, log.name))
        return _start(command, connection)


def _start(command: Sequence[str], connection: Connection) -> int:
    """Start Claude Code, over what its own settings files say of another server."""
    wanted = variables(connection, os.environ)
    found = clashes(wanted, os.environ, Path.cwd())
    for clash in found:
        _say(f"{_homely(str(clash.path))} sets {', '.join(clash.names)}: for this run the proxy's count, not these.")
    program, *arguments = command
    try:
        with overruled(found, wanted, arguments, None) as given:
            return run_in_foreground([program, *given], claude_environment(connection, os.environ), last=True)
    except OSError as error:
        _say(f"{program} can't be started: {error.strerror}.")
        return _NOT_FOUND


def banner(connection: Connection, backend: str, log: str) -> list[str]:
    """Return the five lines that say what runs where."""
    window = f"{connection.window:,} tokens" if connection.window else "unknown (MODEL_WINDOW sets it)"
    tiers = [f"  {tier.family:7} {tier.shown}{_own_window(tier, connection)}" for tier in connection.tiers]
    return [
        f"claude-code-proxy {__version__} on {connection.url} -> {backend}",
        *tiers,
        f"  window  {window}, log {_homely(log)}",
    ]


def _own_window(tier: Tier, connection: Connection) -> str:
    differs = tier.window and tier.window != connection.window
    return f" ({tier.window:,} tokens)" if differs else ""


def _homely(path: str) -> str:
    home = os.environ.get("HOME", "")
    return f"~{path[len(home) :]}" if len(home) > 1 and path.startswith(f"{home}/") else path


def _log_file(state: Path | None) -> TextIO:
    """A fresh file for what the proxy has to say while Claude Code has the terminal; the oldest ones go."""
    name = f"run-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    if state is not None:
        folder = state / "logs"
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o700)  # of parents it makes, mkdir chooses the mode
            folder.mkdir(exist_ok=True, mode=0o700)
            for old in sorted(folder.glob("run-*.log"))[: -_LOGS_KEPT + 1]:
                old.unlink(missing_ok=True)
            (folder / name).touch(0o600)
            return (folder / name).open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            _say(f"No log is kept: {folder} can't be written ({error.strerror}).")
    return Path(os.devnull).open("w", encoding="utf-8")


def _say(*lines: str) -> None:
    for line in lines:
        print(writable(line, sys.stderr.encoding), file=sys.stderr, flush=True)
