"""The one place that hears of every request: when it begins, and when all is known of it.

Keepers (log file, usage, metrics, traces, live page) are told in turn. Each takes a record in microseconds and does its
work elsewhere: what they do can't hold up a stream, and what goes wrong with them is theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ..errors import ProxyError
from ..observe import log_exchange
from ..record import Record, without_input
from .board import Board, Sheet
from .live import Live, merged
from .tally import Tally, Totals

_TOLD = 100  # requests a worker tells the others of


class Keeper(Protocol):
    """Keeps something of finished requests."""

    def add(self, record: Record) -> None:
        """Take a record; never waits, never fails. Nothing changes the record any more."""

    def close(self) -> None:
        """Finish what was taken."""


class Recorder(Keeper, Protocol):
    """Keeps all of an exchange (`recording.recorder`)."""

    def begin(self, record: Record) -> Any:
        """Return what collects an exchange, None where none is to be recorded."""


class Journal:
    """Hears of requests.

    running: those under way, by id, the oldest first. folder: where the workers of one proxy tell each other what they
    know, None for a proxy that is one process. log: the log file, for what was before this process;
    usage: the file of usage, None where none is kept.
    """

    def __init__(
        self,
        keepers: Iterable[Keeper] = (),
        recorder: Recorder | None = None,
        *,
        folder: Path | None = None,
        log: Path | None = None,
        usage: Path | None = None,
    ) -> None:
        self.running: dict[str, Record] = {}
        self._tally = Tally()
        self._live = Live(log)
        self.usage = usage
        self.folder = folder
        self._board = Board(folder, self._sheet) if folder is not None else None
        self._keepers: tuple[Keeper, ...] = (
            self._tally,
            self._live,
            *keepers,
            *([recorder] if recorder is not None else []),
        )
        self._recorder = recorder

    def recording(self, record: Record) -> Any:
        """Return what collects all of an exchange, None where none is to be recorded."""
        return None if self._recorder is None else self._recorder.begin(record)

    def begin(self, record: Record) -> None:
        """Take note that a request is under way, until `end`."""
        self.running[record.id] = record
        if self._board is not None:
            self._board.tell()

    def end(self, record: Record) -> None:
        """Take note that all is known of it."""
        del self.running[record.id]
        log_exchange(record)
        for keeper in self._keepers:
            keeper.add(record)
        if self._board is not None:
            self._board.tell()

    @contextmanager
    def following_own(self, record: Record) -> Iterator[None]:
        """Follow a request of the proxy's own within this block: it costs as much as a client's."""
        record.started, begun = time.time(), time.monotonic()
        self.begin(record)
        try:
            yield
            record.outcome = "ok"
        except ProxyError as error:
            record.outcome, record.error, record.error_type = "failed", without_input(error.message), error.type
            raise
        finally:
            record.outcome = record.outcome or "cancelled"
            record.duration = time.monotonic() - begun
            self.end(record)

    async def totals(self) -> Totals:
        """Return what was counted, by all workers."""
        others = await self._others()
        totals = self._tally.totals.merged(sheet.totals for sheet in others)
        totals.counts["in_flight",] = len(self.running) + sum(len(sheet.running) for sheet in others)
        return totals

    async def latest(self) -> tuple[list[Record], list[Record]]:
        """Return the requests under way and those that ended lately, of all workers, the oldest first."""
        await self._live.remember()
        others = await self._others()
        running = [*self.running.values(), *(record for sheet in others for record in sheet.running)]
        return running, merged(self._live.recent, *(sheet.ended for sheet in others))

    async def _others(self) -> list[Sheet]:
        """Return what the other workers told; their files are read where no stream waits for it."""
        board = self._board
        return [] if board is None else await asyncio.to_thread(lambda: list(board.others()))

    def _sheet(self) -> Sheet:
        totals = self._tally.totals
        return Sheet(
            list(totals.counts.items()),
            list(totals.spread.items()),
            list(self.running.values()),
            self._live.recent[-_TOLD:],
        )

    def close(self) -> None:
        """Let all keepers finish."""
        for keeper in self._keepers:
            keeper.close()
        if self._board is not None:
            self._board.close()
