"""`claude-code-proxy statusline`: one line for Claude Code's status line, below the person's own.

Claude Code gives a JSON object on standard input (session, model, folders) and shows what is printed. The person's own
command, found where Claude Code finds it, is run first with the same input: nothing of theirs is replaced.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..journal.log_file import log_path, read_log
from ..record import Record, is_main, visible
from ..state import state_dir
from ..wire.shapes import mapping, text

_OWN_SECONDS = 5.0  # that the person's own command may take
_OURS = "claude-code-proxy statusline"
_THOUSAND = 1000


def statusline(own: str | None) -> int:
    """Print the person's own line and ours; returns the exit code. own: their command, None to look for it."""
    given = sys.stdin.read()
    try:
        told = mapping(json.loads(given))
    except ValueError:
        told = {}
    command = _own_command(told) if own is None else own
    above = _run(command, given) if command else ""
    if above:
        print(above)
    state = state_dir(os.environ)
    print(ours(read_log(log_path(state)) if state else (), text(told.get("session_id"))))
    return 0


def ours(records: Iterable[Record], session: str) -> str:
    """Return our line on a session: where it goes, how full the window is, what it cost, how fast it was."""
    mine = [record for record in records if record.session == session or not session]
    answered = [record for record in mine if record.outcome == "ok" and record.backend]
    if not answered:
        return "proxy: no answer yet" + (f", {len(mine)} failed" if mine else "")
    main = next((record for record in reversed(answered) if is_main(record)), answered[-1])
    parts = [f"{main.backend}/{main.upstream_model}", _fill(main), *_cost(answered)]
    if main.rate:
        parts.append(f"{main.rate:.0f} tok/s")
    failed = sum(record.outcome == "failed" for record in mine)
    if failed:
        parts.append(f"{failed} failed")
    return visible(" · ".join(part for part in parts if part))


def _fill(record: Record) -> str:
    used = record.prompt_tokens + record.output_tokens
    if not record.window:
        return f"{_short(used)} tokens"
    return f"{_short(used)} of {_short(record.window)} ({100 * used // record.window} %)"


def _cost(records: Iterable[Record]) -> Iterator[str]:
    known = [record.cost for record in records if record.cost is not None]
    if known:
        yield f"${sum(known):.4f}"


def _short(tokens: int) -> str:
    return f"{tokens / _THOUSAND:.0f}k" if tokens >= _THOUSAND else str(tokens)


def _own_command(told: Mapping[str, Any]) -> str:
    """The status line a person has set for Claude Code, "" for none: the folder's settings count before the user's."""
    project = text(mapping(told.get("workspace")).get("project_dir")) or text(told.get("cwd"))
    folders = [Path(project) / ".claude"] if project else []
    home = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path(os.environ.get("HOME", "")) / ".claude")
    files = [folder / name for folder in folders for name in ("settings.local.json", "settings.json")]
    for file in (*files, home / "settings.json"):
        command = _command_in(file)
        if command and _OURS not in command:
            return command
    return ""


def _command_in(file: Path) -> str:
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return text(mapping(mapping(settings).get("statusLine")).get("command"))


def _run(command: str, given: str) -> str:
    """What the person's command prints; a command that fails or hangs costs its own line only."""
    try:
        done = subprocess.run(  # noqa: S602 - the person's own command, run as Claude Code runs it
            command, shell=True, input=given, capture_output=True, text=True, timeout=_OWN_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout.rstrip("\n")
