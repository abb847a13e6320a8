"""What the workers of one proxy tell each other: each keeps a file of its totals and of the requests it has under way.

Whichever worker is asked for /metrics or the live page so answers for all. A worker that died stays counted, what it
had under way does not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..background import Background
from ..record import Record
from .tally import Totals

_PREFIX = "workers-"


class Sheet(msgspec.Struct):
    """One worker's. keys are lists: JSON has no tuples for keys."""

    counts: list[tuple[tuple[str, ...], float]] = []
    spread: list[tuple[tuple[str, ...], list[float]]] = []
    running: list[Record] = []
    ended: list[Record] = []

    @property
    def totals(self) -> Totals:
        """The totals."""
        return Totals(dict(self.counts), dict(self.spread))


class Board:
    """The files of all workers. own: what this one has to tell; it is called in a thread of its own."""

    def __init__(self, folder: Path, own: Callable[[], Sheet]) -> None:
        self._folder = folder
        self._own = own
        self._background: Background[bool] = Background("what workers tell each other", self._write)
        self.close = self._background.close

    def tell(self) -> None:
        """Something has changed. What is to be written anyway is told but once."""
        if not self._background.waiting:
            self._background.add(True)

    def others(self) -> Iterator[Sheet]:
        """Yield what the other workers last told."""
        for path in sorted(self._folder.glob("*.json")):
            if path.stem == str(os.getpid()):
                continue
            try:
                sheet = msgspec.json.decode(path.read_bytes(), type=Sheet)
            except (OSError, msgspec.DecodeError):
                continue
            yield sheet if _lives(path.stem) else msgspec.structs.replace(sheet, running=[])

    def _write(self, _news: Sequence[bool]) -> None:
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.mkdir(exist_ok=True, mode=0o700)
        path = self._folder / f"{os.getpid()}.json"
        path.with_suffix(".new").write_bytes(msgspec.json.encode(self._own()))
        path.with_suffix(".new").replace(path)


def board_folder(state: Path) -> Path:
    """Return the folder of this worker's proxy; those of proxies that are gone are removed."""
    for old in state.glob(f"{_PREFIX}*"):
        if not _lives(old.name.removeprefix(_PREFIX)):
            shutil.rmtree(old, ignore_errors=True)
    return state / f"{_PREFIX}{os.getppid()}"


def _lives(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
