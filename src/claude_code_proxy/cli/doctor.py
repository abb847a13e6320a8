"""`claude-code-proxy doctor`, `config check` and `config show`: look, say what was found, serve nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from ..backend_tables import DEFAULT_NAME
from ..doctor.examine import examine
from ..doctor.report import WELL, WRONG_SETTINGS, Line, as_json, as_text, exit_code, summary, writable
from ..doctor.settings import Settings, read_settings
from ..endpoint import Backend
from ..observe import setup

_INTERRUPTED = 130  # exit code after Ctrl-C


def doctor(*, deep: bool, as_data: bool) -> int:
    """Examine; returns the exit code: 0 all well, 1 something failed, 2 settings wrong. as_data: print JSON."""
    setup("ERROR", "text")  # the findings say what the log would
    try:
        lines = asyncio.run(_examined(deep=deep, as_data=as_data))
    except KeyboardInterrupt:
        return _INTERRUPTED
    if as_data:
        print(json.dumps(as_json(lines), indent=1))
    else:
        _say("", summary(lines))
    return exit_code(lines)


def config_check() -> int:
    """Print the settings in force, then what is wrong with them; returns 2 when something is."""
    settings = read_settings(os.environ, Path.cwd())
    _say(*_listing(settings), "")
    _say(*(f"  ✗ {problem}" for problem in settings.problems), *(f"  ! {warning}" for warning in settings.warnings))
    _say("The settings are wrong." if settings.problems else "The settings are well.")
    return WRONG_SETTINGS if settings.problems else WELL


def config_show(*, as_data: bool) -> int:
    """Print the settings in force; returns 2, and says why on standard error, when something is wrong."""
    settings = read_settings(os.environ, Path.cwd())
    if as_data:
        rows = [{"name": row.name, "value": row.value, "source": row.source} for row in settings.rows]
        print(json.dumps({"settings": rows, "problems": settings.problems, "warnings": settings.warnings}, indent=1))
    else:
        _say(*_listing(settings))
        for problem in settings.problems:
            print(problem, file=sys.stderr)
    return WRONG_SETTINGS if settings.problems else WELL


async def _examined(*, deep: bool, as_data: bool) -> list[Line]:
    """Collect the findings; for people, print each as it is found."""
    lines: list[Line] = []
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0  # programs read a line each
    settings = read_settings(os.environ, Path.cwd())
    async with aclosing(examine(os.environ, Path.cwd(), settings, deep=deep)) as found:
        async for line in found:
            if not as_data:
                _say(*([line.group] if not lines or line.group != lines[-1].group else []), as_text(line, width))
            lines.append(line)
    return lines


def _listing(settings: Settings) -> Iterator[str]:
    for row in settings.rows:
        yield f"{row.name} = {row.value}  ({row.source})"
    if settings.config is not None and list(settings.config.backends) != [DEFAULT_NAME]:
        for backend in settings.config.backends.values():
            yield f"backend {backend.name}: {backend.base_url}, {_keys(backend)}"


def _keys(backend: Backend) -> str:
    if not backend.key:
        return "key not set"
    return f"{len(backend.pool)} keys set" if backend.spare_keys else "key set"


def _say(*lines: str) -> None:
    for line in lines:
        print(writable(line, sys.stdout.encoding), flush=True)
