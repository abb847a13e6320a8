"""Usage kept: a row for each request in a small SQLite file, written in a thread, read by `usage`. No content.

Several processes may share the file. Migrations are only ever added; the file's `user_version` says how many it had.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ..background import Background
from ..errors import reason
from ..record import Record

_BUSY = 1.0  # seconds another process may hold the file before rows wait for the next time
_AGAIN = 2.0  # seconds until then
_LAST = 5.0  # seconds it may hold it when this process ends
_READING = 5.0  # seconds it may hold it while somebody wants to read
_MOST_WAITING = 10_000  # rows that wait for a file that can't be written
_DAY = 86_400
_CLEAN_EVERY = 3600.0  # seconds between two looks for rows that are too old
_LONGEST = 300  # characters of a name
_GATHER = 1.0  # seconds rows are gathered: opening and closing the file costs as much as a hundred of them

MIGRATIONS = (
    """
    CREATE TABLE requests (
        id TEXT PRIMARY KEY,
        started REAL NOT NULL,
        model TEXT NOT NULL,
        tier TEXT NOT NULL,
        backend TEXT NOT NULL,
        upstream_model TEXT NOT NULL,
        session TEXT NOT NULL,
        agent TEXT NOT NULL,
        outcome TEXT NOT NULL,
        status INTEGER NOT NULL,
        error_type TEXT NOT NULL,
        stop TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        thinking_tokens INTEGER NOT NULL,
        cost REAL,
        first_byte REAL,
        duration REAL,
        retries INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX requests_by_time ON requests (started);
    """,
)
"""Each runs once on every file, in this order; what is here never changes."""

COLUMNS = (
    *("id", "started", "model", "tier", "backend", "upstream_model", "session", "agent", "outcome", "status"),
    *("error_type", "stop", "input_tokens", "cache_read", "cache_write", "output_tokens", "thinking_tokens"),
    *("cost", "first_byte", "duration", "retries"),
)
"""What is kept of a request, in this order."""

_TEXTS = tuple(name for name in COLUMNS if Record.__annotations__[name] == "str")
_NUMBERS = tuple(name for name in COLUMNS if name not in _TEXTS)
_texts, _numbers = attrgetter(*_TEXTS), attrgetter(*_NUMBERS)
_INSERT = f"INSERT OR REPLACE INTO requests ({', '.join(_TEXTS + _NUMBERS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names

GROUPS = {
    "day": "strftime('%Y-%m-%d', started, 'unixepoch', 'localtime')",
    "hour": "strftime('%Y-%m-%d %H:00', started, 'unixepoch', 'localtime')",
    "quarter": "CAST(CAST(started / 900 AS INTEGER) * 900 AS TEXT)",
    "model": "CASE WHEN backend = '' THEN '(not sent)' ELSE backend || '/' || upstream_model END",
    "session": "CASE WHEN session = '' THEN '(none)' ELSE session END",
    "backend": "CASE WHEN backend = '' THEN '(not sent)' ELSE backend END",
    "tier": "CASE WHEN tier = '' THEN '(by name)' ELSE tier END",
}
"""What usage can be added up by; quarters of an hour are Unix times, from which every clock's hours and days follow."""


class NewerFileError(Exception):
    """The file was written by a newer version of the proxy."""


class Sum(msgspec.Struct, frozen=True):
    """Usage of one day, model or session.

    cost: US dollars, None where no price is known; unpriced: requests among them whose price is not known; rate: output
    tokens a second of the streams; first_token: mean seconds.
    """

    key: str
    requests: int
    failed: int
    input_tokens: int
    cache_read: int
    cache_write: int
    output_tokens: int
    thinking_tokens: int
    cost: float | None
    unpriced: int
    first_token: float | None
    rate: float | None


class Usage:
    """Keeps a row for each request. days: how long."""

    def __init__(self, path: Path, days: int) -> None:
        self._path = path
        self._days = days
        self._waiting: list[tuple[Any, ...]] = []
        self._locked = False
        self._cleaned = -_CLEAN_EVERY
        self._background: Background[Record] = Background("usage", self._write, again=_AGAIN, gather=_GATHER)
        self.add = self._background.add

    def close(self) -> None:
        """Write what waits; what another process kept from being written gets a last try."""
        self._background.close()
        if not (self._waiting and self._locked):  # nothing but a lock goes by itself
            return
        log, count = structlog.get_logger(), len(self._waiting)
        what = f"usage of {count} request{'s' if count != 1 else ''} is"
        log.warning(f"{what} still to be written; this takes up to {_LAST:.0f} s")
        try:
            self._insert(_LAST)
        except (sqlite3.Error, OSError, NewerFileError) as error:
            log.warning(f"{what} lost: {reason(error)}")

    def _write(self, records: Sequence[Record]) -> None:
        self._waiting = [*self._waiting, *map(_row, records)][-_MOST_WAITING:]
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._insert()
        except sqlite3.DatabaseError as error:
            self._locked = _code(error) == sqlite3.SQLITE_BUSY
            if _code(error) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
            self._set_aside()
            self._insert()

    def _insert(self, patience: float | None = None) -> None:
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(self._path, timeout=patience or _BUSY, isolation_level=None)) as database:
            _prepare(database)
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_INSERT, self._waiting)
            self._clean(database)
            database.execute("COMMIT")
        self._waiting = []

    def _clean(self, database: sqlite3.Connection) -> None:
        if time.monotonic() - self._cleaned >= _CLEAN_EVERY:
            database.execute("DELETE FROM requests WHERE started < ?", (time.time() - self._days * _DAY,))
            self._cleaned = time.monotonic()

    def _set_aside(self) -> None:
        """Begin a new file where the old one can't be read: no usage is worth a request, and nothing is thrown away."""
        aside = self._path.with_name(f"usage-broken-{int(time.time())}.sqlite3")
        self._path.replace(aside)
        for rest in ("-wal", "-shm"):
            self._path.with_name(self._path.name + rest).unlink(missing_ok=True)
        structlog.get_logger().warning(f"the usage file can't be read; it is kept as {aside.name}, a new one begins")


def read_usage_by(path: Path, group: str, *, since: float, session: str = "") -> list[Sum]:
    """Return usage since a Unix time, by one of `GROUPS`, in its order. Raises OSError or sqlite3.Error."""
    if not path.exists():
        return []
    query = f"""
        SELECT {GROUPS[group]} AS key, COUNT(*), SUM(outcome IN ('failed', 'broke')),
            SUM(input_tokens), SUM(cache_read), SUM(cache_write), SUM(output_tokens), SUM(thinking_tokens),
            SUM(cost), SUM(cost IS NULL AND input_tokens + output_tokens > 0),
            AVG(NULLIF(first_byte, -1)),
            SUM(CASE WHEN first_byte >= 0 AND duration - first_byte > 0.05 THEN output_tokens END)
                / SUM(CASE WHEN first_byte >= 0 AND duration - first_byte > 0.05 THEN duration - first_byte END)
        FROM requests WHERE started >= ? AND outcome != 'joined' AND session LIKE ? ESCAPE '!'
        GROUP BY key ORDER BY MIN(started)
    """  # noqa: S608 - our own expressions
    with closing(_open(path)) as database:
        rows = database.execute(query, (since, _prefix(session))).fetchall()
    return [Sum(*row) for row in rows]


def known_usage(path: Path, group: str, *, since: float) -> list[Sum]:
    """`read_usage_by`; nothing where the file can't be read."""
    try:
        return read_usage_by(path, group, since=since)
    except (OSError, sqlite3.Error):
        return []


def read_rows(path: Path, *, since: float, session: str = "") -> Iterator[dict[str, Any]]:
    """Yield every request since a Unix time, as it is kept. Raises OSError or sqlite3.Error."""
    if not path.exists():
        return
    query = (
        f"SELECT {', '.join(COLUMNS)} FROM requests WHERE started >= ? AND session LIKE ? ESCAPE '!' ORDER BY started"  # noqa: S608 - our own names
    )
    with closing(_open(path)) as database:
        for row in database.execute(query, (since, _prefix(session))):
            yield dict(zip(COLUMNS, row, strict=True))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_READING)


def _prefix(text: str) -> str:
    return "".join(f"!{c}" if c in "!%_" else c for c in text) + "%"


def _prepare(database: sqlite3.Connection) -> None:
    """Bring the file to this version's form. Raises NewerFileError for one of a newer version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == len(MIGRATIONS):
        return
    if version > len(MIGRATIONS):
        raise NewerFileError("it was written by a newer version of claude-code-proxy")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN EXCLUSIVE")
    (version,) = database.execute("PRAGMA user_version").fetchone()  # another process may have been first
    for number in range(version, len(MIGRATIONS)):
        for statement in MIGRATIONS[number].split(";"):
            if statement.strip():
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {number + 1}")
    database.execute("COMMIT")


def _row(record: Record) -> tuple[Any, ...]:
    """What is inserted of a record: nearly always its names as they are, all together no longer than one may be."""
    texts: tuple[str, ...] = _texts(record)
    together = "".join(texts)
    if len(together) > _LONGEST or not together.isascii():
        texts = tuple(map(_text, texts))
    return texts + _numbers(record)


def _text(value: str) -> str:
    """A name as SQLite takes it: short, and without half of a surrogate pair."""
    short = value[:_LONGEST]
    return short if short.isascii() else short.encode("utf-8", "replace").decode()


def _code(error: sqlite3.DatabaseError) -> int:
    """SQLite's own number of an error; some errors of its binding have none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK))
