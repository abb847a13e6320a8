"""`claude-code-proxy env` and `settings`: what clients of a running proxy need, printed and nowhere written."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..doctor.report import writable
from ..endpoint import read_base_url
from ..errors import ConfigError
from ..launch.environment import REMOVED, Connection, variables
from ..launch.running import client_key, connection_to, usual_url
from ..launch.shells import SHELLS, script, shell_of
from ..launch.snippets import CLIENTS, snippets
from ..setting_layers import settings_folder

_FAILED, _WRONG_USE = 1, 2  # exit codes


def env(*, shell: str, url: str) -> int:
    """Print a shell's lines for Claude Code; returns 1, and prints none, when no proxy runs."""
    name = shell or shell_of(os.environ.get("SHELL", ""))
    if name not in SHELLS:
        _complain(f"--shell takes {', '.join(SHELLS)}, not {shell}.")
        return _WRONG_USE
    if url and (wrong := _wrong_url(url)):
        _complain(wrong)
        return _WRONG_USE
    connection = _connection(url)
    if connection is None:
        return _FAILED
    _say(*script(name, variables(connection, os.environ), REMOVED))
    if sys.stdout.isatty():
        _complain("", f"These lines are for a shell to read: {SHELLS[name].use}")
    return 0


def settings(*, client: str, url: str, as_data: bool) -> int:
    """Print what each client needs; returns 1 when no proxy runs."""
    if client and client not in CLIENTS:
        _complain(f"--client takes {', '.join(CLIENTS)}, not {client}.")
        return _WRONG_USE
    if url and (wrong := _wrong_url(url)):
        _complain(wrong)
        return _WRONG_USE
    connection = _connection(url)
    if connection is None:
        return _FAILED
    exempt = {name: value for name, value in os.environ.items() if name.upper() == "NO_PROXY"}
    wanted = variables(connection, exempt)  # for programs with another environment than this shell's
    found = snippets(connection, wanted)
    if as_data:
        facts = {"base_url": connection.url, "key": connection.key or "any"}
        models = {tier.family: {"model": tier.model, "window": tier.window} for tier in connection.tiers}
        print(json.dumps({**facts, "models": models, "environment": wanted}, indent=2))
    elif client:
        _say(found[client][1])
    else:
        for where, text in found.values():
            _say(f"# {where}", "", text, "", "")
    return 0


def _wrong_url(url: str) -> str:
    """What is wrong with a URL, "" for nothing."""
    try:
        read_base_url(url)
    except ValueError as taken:
        return f"--url takes {taken}, not {url}."
    return ""


def _connection(url: str) -> Connection | None:
    """The proxy at a URL, else where this folder's settings put it, else where the person's own configuration does."""
    problems: list[str] = []
    for folder in dict.fromkeys((Path.cwd(), settings_folder(os.environ, Path.cwd()))):
        try:
            return connection_to(url.rstrip("/") or usual_url(os.environ, folder), client_key(os.environ, folder))
        except ConfigError as error:
            problems += error.problems
    _complain(problems[0])
    return None


def _say(*lines: str) -> None:
    for line in lines:
        print(writable(line, sys.stdout.encoding))


def _complain(*lines: str) -> None:
    for line in lines:
        print(writable(line, sys.stderr.encoding), file=sys.stderr)
