"""`claude-code-proxy usage`: what was used, by day, model or session; as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ..errors import reason
from ..journal.log_file import usage_path
from ..journal.usage import COLUMNS, Sum, read_rows, read_usage_by
from ..record import readable, visible
from ..state import state_dir

_DAY = 86_400
_NONE_YET = "No usage is kept yet. It is kept while USAGE_DB is on."
_NOTHING = ("", None, 0, -1)  # -1: no first byte came
_DAMAGED = " A proxy that serves sets it aside with the next request, and begins a new one."
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HEADS = ("", "requests", "failed", "input", "cached", "output", "cost", "first", "tok/s")


def usage(*, by: str, days: int, session: str, as_csv: bool, as_json: bool, every: bool) -> int:
    """Print usage; returns the exit code. every: each request instead of sums."""
    state = state_dir(os.environ)
    path = usage_path(state) if state is not None else Path(os.devnull)
    since = _midnight(time.time() - (days - 1) * _DAY)
    try:
        if every:
            rows = [_rounded(row) for row in read_rows(path, since=since, session=session)]
            names: Sequence[str] = COLUMNS
        else:
            sums = read_usage_by(path, by, since=since, session=session)
            rows, names = [_rounded(_named(by, one)) for one in sums], (by, *Sum.__struct_fields__[1:])
    except (OSError, sqlite3.Error) as error:
        remedy = "" if isinstance(error, OSError | sqlite3.OperationalError) else _DAMAGED
        print(f"The usage file can't be read: {reason(error)}.{remedy}", file=sys.stderr)
        return 1
    if as_csv:
        _as_csv(rows, names)
    elif as_json:
        print(json.dumps(msgspec.to_builtins(rows), indent=1))
    elif not rows:
        print(_why_none(path, days, session), file=sys.stderr)
    elif every:
        _say_each(rows)
    else:
        table([*sums, total(sums)], head=by)
    return 0


def _why_none(path: Path, days: int, session: str) -> str:
    """Why nothing is printed: nothing is kept, or nothing that was asked for."""
    if next(read_rows(path, since=0), None) is None:
        return _NONE_YET
    of = f' of a session that begins with "{visible(session)}"' if session else ""
    return f"No usage{of} is kept from the last {days} days. --days looks further back."


def table(sums: Sequence[Sum], *, head: str) -> None:
    """Print sums as a table, the last one below a line."""
    lines = [(head, *_HEADS[1:]), *map(_cells, sums)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_HEADS))]
    for number, line in enumerate(lines):
        if number == len(lines) - 1:
            print("  ".join("-" * width for width in widths))
        first, *rest = line
        print(
            "  ".join(
                [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
            )
        )


def total(sums: Iterable[Sum]) -> Sum:
    """Return the sum of sums; means are of the requests, not of the days."""
    sums = list(sums)
    known = [one.cost for one in sums if one.cost is not None]
    timed = [(one.first_token, one.requests) for one in sums if one.first_token is not None]
    added = {
        name: sum(getattr(one, name) for one in sums)
        for name in (
            "requests",
            "failed",
            "input_tokens",
            "cache_read",
            "cache_write",
            "output_tokens",
            "thinking_tokens",
        )
    }
    return Sum(
        key="all",
        **added,
        cost=sum(known) if known else None,
        unpriced=sum(one.unpriced for one in sums),
        first_token=sum(value * count for value, count in timed) / sum(count for _, count in timed) if timed else None,
        rate=None,
    )


def _named(by: str, one: Sum) -> dict[str, Any]:
    known: dict[str, Any] = msgspec.structs.asdict(one)
    return {by: known.pop("key"), **known}


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers without the digits that a sum in binary leaves: a millionth of a dollar or second is the least."""
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}


def _cells(one: Sum) -> tuple[str, ...]:
    cost = _cost(one)
    return (
        visible(one.key),
        f"{one.requests}",
        f"{one.failed}",
        f"{one.input_tokens:,}",
        f"{one.cache_read:,}",
        f"{one.output_tokens:,}",
        cost,
        "" if one.first_token is None else f"{one.first_token:.2f}s",
        "" if one.rate is None else f"{one.rate:.0f}",
    )


def _cost(one: Sum) -> str:
    """What is known of the cost; nothing where no request used a token."""
    if one.cost is None:
        return "?" if one.unpriced else ""
    return f"${one.cost:.4f}{' + ?' if one.unpriced else ''}"


def _as_csv(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula: names of sessions and models come from clients."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _say_each(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        told = (f"{name}={readable(name, value)}" for name, value in row.items() if value not in _NOTHING)
        print("  ".join(told))


def _midnight(when: float) -> float:
    return datetime.fromtimestamp(when).astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
