"""The log file: one JSON object for each request, bounded, for `logs`, `show` and `statusline`. No bodies.

    <state directory>/requests.jsonl      the latest
    <state directory>/requests.1.jsonl    what came before, until the next turn

Several processes may write to it; a lock of its own (`requests.lock`) orders them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..background import Background
from ..record import Record
from ..state import locked

_LONGEST = 1000  # characters of a text of others
_MOST_NOTES = 50  # of one request
_POLL = 0.25  # seconds between two looks at a file that is followed

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def log_path(state: Path) -> Path:
    """Return where the log file is in a state directory."""
    return state / "requests.jsonl"


def usage_path(state: Path) -> Path:
    """Return where usage is kept beside it (`usage.py`)."""
    return state / "usage.sqlite3"


class LogFile:
    """Keeps records in a file of at most `most` bytes."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._half = most // 2
        self._background = Background("the log file", self._write)
        self.add = self._background.add
        self.close = self._background.close

    def _write(self, records: Sequence[Record]) -> None:
        lines = b"\n".join([*map(_line, records), b""])
        with locked(self._path):
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(lines)
                full = file.tell() >= self._half
            if full:
                self._path.replace(_before(self._path))


def read_log(path: Path) -> Iterator[Record]:
    """Yield the kept records, the oldest first; a line that is none, such as a half written one, is passed over."""
    for part in (_before(path), path):
        try:
            with part.open("rb") as file:
                yield from _records(file)
        except OSError:
            continue


def follow_log(path: Path) -> Iterator[Record]:
    """Return what is written from now on, for ever."""
    number, size = _now(path)
    return _follow(path, size, number)


def _follow(path: Path, at: int, known: int) -> Iterator[Record]:
    while True:
        time.sleep(_POLL)
        number, size = _now(path)
        if number != known:  # the file had its turn: its rest is in the one before
            yield from (record for record, _ in _behind(_before(path), at) if known)
            at, known = 0, _now(path)[0]
        elif size < at:  # it had so many that its number came again
            at = 0
        for record, end in _behind(path, at):
            at = end
            yield record


def _behind(path: Path, at: int) -> Iterator[tuple[Record, int]]:
    """Yield the whole lines behind a place, each with the place it ends at."""
    try:
        with path.open("rb") as file:
            file.seek(at)
            for line in file:
                at += len(line)
                if line.endswith(b"\n"):
                    for record in _records([line]):
                        yield record, at
    except OSError:
        return


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    for line in lines:
        try:
            yield _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _now(path: Path) -> tuple[int, int]:
    """Which file it is, however it is named, and its bytes; 0 for none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_ino, stat.st_size


def _before(path: Path) -> Path:
    return path.with_suffix(".1.jsonl")


def _line(record: Record) -> bytes:
    """The record as JSON; most lines are shorter than any text of them may be."""
    try:
        line = _encode(record)
        return line if len(line) <= _LONGEST and len(record.notes) <= _MOST_NOTES else _encode(_short(record))
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON may carry and UTF-8 may not
        short = _short(record)
        whole = {name: getattr(short, name).encode("utf-8", "replace").decode() for name in _TEXTS}
        return _encode(msgspec.structs.replace(short, notes=[], **whole))


def _short(record: Record) -> Record:
    """The record with the texts of others cut: a line is a line, whatever a client sent."""
    notes = [note._replace(path=note.path[:_LONGEST], detail=note.detail[:_LONGEST]) for note in record.notes]
    texts = {name: getattr(record, name)[:_LONGEST] for name in _TEXTS}
    return msgspec.structs.replace(record, notes=notes[:_MOST_NOTES], **texts)


_TEXTS = tuple(name for name, kind in Record.__annotations__.items() if kind == "str")
