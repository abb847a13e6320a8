"""Which keepers the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..config import Config
from .journal import Journal, Keeper
from .log_file import LogFile, log_path


def journal_for(config: Config, state: Path | None) -> Journal:
    """Return the journal of a serving process. state: the directory for what is kept, None where there is none."""
    return Journal(_keepers(config, state))


def _keepers(config: Config, state: Path | None) -> Iterator[Keeper]:
    if state is not None and config.request_log:
        yield LogFile(log_path(state), config.request_log_size)
