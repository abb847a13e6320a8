"""Claude Code's own settings files, read and never written: their `env` would win over the environment we give it.

Where one sets a variable that matters here, the command line gets `--settings` with a file of our own, which wins over
them (measured with 2.1.197 and 2.1.330). The file is private and goes with the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ConfigError
from ..wire.shapes import mapping
from .environment import REMOVED

_OPTION = "--settings"
_OF_ANOTHER_SERVER = ("ANTHROPIC_MODEL", "ANTHROPIC_CUSTOM_HEADERS")  # meant for the server that the file names


class Clash(msgspec.Struct, frozen=True):
    """A file that says otherwise. names: its variables that matter here."""

    path: Path
    names: tuple[str, ...]


def clashes(wanted: Mapping[str, str], environ: Mapping[str, str], cwd: Path) -> list[Clash]:
    """Return the settings files whose `env` would undo what is wanted."""
    home = Path(environ.get("CLAUDE_CONFIG_DIR") or Path(environ.get("HOME", "")) / ".claude")
    found = []
    for path in (home / "settings.json", cwd / ".claude/settings.json", cwd / ".claude/settings.local.json"):
        env = mapping(_read(path).get("env"))
        moved = env.get("ANTHROPIC_BASE_URL", wanted["ANTHROPIC_BASE_URL"]) != wanted["ANTHROPIC_BASE_URL"]
        names = [name for name, value in env.items() if wanted.get(name, value) != value or name in REMOVED]
        names += [name for name in _OF_ANOTHER_SERVER if moved and name in env]
        if names:
            found.append(Clash(path, tuple(dict.fromkeys(names))))
    return found


@contextlib.contextmanager
def overruled(
    found: Sequence[Clash], wanted: Mapping[str, str], arguments: Sequence[str], folder: Path | None
) -> Iterator[list[str]]:
    """Give the arguments with a settings file that undoes the clashes, for as long as the context lasts.

    folder: where to put it, None for the system's folder for temporary files. ConfigError: the person's own --settings
    can't be read.
    """
    if not found:
        yield list(arguments)
        return
    names = dict.fromkeys(name for clash in found for name in clash.names)
    kept, own = _without_settings(arguments)
    env = {**mapping(own.get("env")), **{name: wanted.get(name, "") for name in names}}
    handle, path = tempfile.mkstemp(prefix="run-", suffix=".json", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({**own, "env": env}, file)
        yield [_OPTION, path, *kept]
    finally:
        Path(path).unlink(missing_ok=True)


def _without_settings(arguments: Sequence[str]) -> tuple[list[str], Mapping[str, Any]]:
    """The arguments without `--settings`, and what it said: a file's name or JSON."""
    for at, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name != _OPTION:
            continue
        rest = list(arguments[at + 1 :])
        said = value if equals else rest.pop(0) if rest else ""
        return [*arguments[:at], *rest], _parsed(said)
    return list(arguments), {}


def _parsed(said: str) -> Mapping[str, Any]:
    try:
        text = said if said.lstrip().startswith("{") else Path(said).read_text(encoding="utf-8")
        return mapping(json.loads(text))
    except (OSError, ValueError) as error:
        raise ConfigError([f"--settings can't be read: {error}"]) from None


def _read(path: Path) -> Mapping[str, Any]:
    """The settings in a file; what can't be read is Claude Code's affair to complain about."""
    try:
        return mapping(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        return {}
