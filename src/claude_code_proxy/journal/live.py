"""The latest requests, for those who look on: what a live page is told, and when."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from ..record import Record
from .log_file import read_log

KEPT = 500
"""Finished requests that are remembered."""


class Live:
    """Remembers the latest requests. log: the file of those before this process, None for none."""

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self._ended: deque[Record] = deque(maxlen=KEPT)
        self._remembered = log is None

    def add(self, record: Record) -> None:
        """Take a finished request."""
        self._ended.append(record)

    def close(self) -> None:
        """Nothing is left to do."""

    @property
    def recent(self) -> list[Record]:
        """What ended lately in this process, the oldest first."""
        return list(self._ended)

    async def remember(self) -> None:
        """Read what was before this process, once, when somebody first looks."""
        if self._remembered or self._log is None:
            return
        self._remembered = True
        before = await asyncio.to_thread(_latest, self._log)
        self._ended = deque(merged(before, self._ended), maxlen=KEPT)


def merged(*several: Iterable[Record]) -> list[Record]:
    """Return requests of several sources, each once, in the order they began."""
    known = {record.id: record for records in several for record in records}
    return sorted(known.values(), key=lambda record: record.started)[-KEPT:]


def _latest(path: Path) -> list[Record]:
    return list(deque(read_log(path), maxlen=KEPT))
