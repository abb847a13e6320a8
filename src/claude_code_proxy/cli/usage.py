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

from ..journal.log_file import usage_path
from ..journal.usage import Sum, read_rows, read_usage_by
from ..record import readable, visible
from ..state import state_dir

_DAY = 86_400
_NONE_YET = "No usage is kept yet. It is kept while USAGE_DB is on."
_HEADS = ("", "requests", "failed", "input", "cached", "output", "cost", "first", "tok/s")


def usage(*, by: str, days: int, session: str, as_csv: bool, as_json: bool, every: bool) -> int:
    """Print usage; returns the exit code. every: each request instead of sums."""
    state = state_dir(os.environ)
    path = usage_path(state) if state is not None else Path(os.devnull)
    since = _midnight(time.time() - (days - 1) * _DAY)
    try:
        if every:
            rows = list(read_rows(path, since=since, session=session))
            return _print(rows, as_csv=as_csv, as_json=as_json)
        sums = read_usage_by(path, by, since=since, session=session)
    except (OSError, sqlite3.Error) as error:
        print(f"The usage file can't be read: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 1
    rows = [_named(by, one) for one in sums]
    if as_csv or as_json:
        return _print(rows, as_csv=as_csv, as_json=as_json)
    if not sums:
        print(_NONE_YET, file=sys.stderr)
        return 0
    table([*sums, total(sums)], head=by)
    return 0


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


def _cells(one: Sum) -> tuple[str, ...]:
    cost = "?" if one.cost is None else f"${one.cost:.4f}{' + ?' if one.unpriced else ''}"
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


def _print(rows: Sequence[Mapping[str, Any]], *, as_csv: bool, as_json: bool) -> int:
    if as_csv:
        writer = csv.DictWriter(sys.stdout, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif as_json:
        print(json.dumps(msgspec.to_builtins(rows), indent=1))
    else:
        for row in rows:
            print(
                "  ".join(
                    f"{name}={readable(name, value)}" for name, value in row.items() if value not in ("", None, 0)
                )
            )
    return 0


def _midnight(when: float) -> float:
    return datetime.fromtimestamp(when).astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
