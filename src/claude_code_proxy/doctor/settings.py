"""The settings as they are in force, where each comes from, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ..config import Config, load
from ..dialects import DIALECTS
from ..errors import ConfigError
from ..local_servers import find_servers
from ..setting_layers import gather
from ..setting_values import DEFAULT, Reading
from ..settings import HEADER_FAMILY, SETTINGS
from .report import Group, Line

_SHOW = "claude-code-proxy config show"


class Row(msgspec.Struct, frozen=True):
    """One setting. value: as text, secrets masked."""

    name: str
    value: str
    source: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings.

    config: None when they are wrong; problems: why, one each; warnings: what is probably a mistake; notices: what a
    person should know.
    """

    config: Config | None
    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def read_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read the settings as `serve` does."""
    try:
        config = load(environ, cwd=cwd, find_servers=find_servers, dialects=tuple(DIALECTS))
    except ConfigError as error:
        return Settings(config=None, rows=tuple(_readable(environ, cwd)), problems=tuple(error.problems))
    rows = tuple(Row(name, config.shown[name], source) for name, source in config.sources.items())
    return Settings(config=config, rows=rows, warnings=config.warnings, notices=config.notices)


def settings_lines(settings: Settings) -> Iterator[Line]:
    """Yield the problems, what is probably a mistake, and every setting that somebody set."""
    group = Group("Settings")
    for problem in settings.problems:
        said = "; ".join(part.strip() for part in problem.split("\n"))
        yield group.failed("settings.problem", said, "Correct it: docs/settings.md says what each setting takes")
    for warning in settings.warnings:
        yield group.warning("settings.warning", warning)
    for notice in settings.notices:
        yield group.ok("settings.notice", notice)
    wrong = "\n".join(settings.problems)
    for row in settings.rows:
        if row.source != DEFAULT and not re.search(rf"\b{re.escape(row.name)}\b", wrong):  # that says its value too
            yield group.ok("settings.value", f"{row.name} = {row.value} ({row.source})")
    defaults = sum(row.source == DEFAULT for row in settings.rows)
    yield group.ok("settings.defaults", f"{defaults} others have their defaults: {_SHOW}")


def _readable(environ: Mapping[str, str], cwd: Path) -> Iterator[Row]:
    """What the settings are as far as they can be read, for a person who looks for what is wrong."""
    reading = Reading(gather(environ, cwd, {}))
    for setting in SETTINGS:
        if setting.name != HEADER_FAMILY:
            known = len(reading.problems)
            reading.value(setting.name)
            if len(reading.problems) > known:
                reading.shown[setting.name] = "wrong"
    reading.custom_headers()
    for name, source in reading.sources.items():
        yield Row(name, reading.shown[name], source)
