"""`claude-code-proxy logs` and `show`: the log file of requests, read for people and for programs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..journal.log_file import follow_log, log_path, read_log
from ..record import Record, facts, readable, sentence, visible
from ..state import state_dir

_COLOURS = {"ok": "32", "failed": "31", "broke": "31", "cancelled": "33", "stopped": "33", "joined": "36"}
_NONE_YET = "No requests are in the log file yet. They are kept there while REQUEST_LOG is on."
_MOST_SHOWN = 10  # requests among which an id is to be told more exactly
_INTERRUPTED = 130  # exit code after Ctrl-C


def logs(*, follow: bool, last: int, session: str, failed: bool, as_data: bool) -> int:
    """Print the last requests, then, with `follow`, each one as it ends; returns the exit code."""
    path = _path()
    if path is None:
        return 1
    fresh = follow_log(path) if follow else iter(())  # from here on, whatever is read before
    known = deque(_wanted(read_log(path), session, failed=failed), maxlen=last)
    if not (known or follow) and last:
        print(_why_none(path, session, failed=failed), file=sys.stderr)
    try:
        for record in known:
            _say(record, as_data=as_data)
        for record in _wanted(fresh, session, failed=failed):
            _say(record, as_data=as_data)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _why_none(path: Path, session: str, *, failed: bool) -> str:
    """Why nothing is printed: nothing is there, or nothing that was asked for."""
    count = sum(1 for _ in read_log(path))
    if not count:
        return _NONE_YET
    of = f' of a session that begins with "{visible(session)}"' if session else ""
    return f"No{' failed' if failed else ''} request{of} is among the {count} in the log file."


def show(wanted: str, *, as_data: bool) -> int:
    """Print everything known of one request, by any of its ids or an id's beginning; returns the exit code."""
    path = _path()
    if path is None:
        return 1
    found = _found(path, wanted)
    if len(found) != 1:
        if found or any(True for _ in read_log(path)):
            _say_which(found, wanted)
        else:
            print(_NONE_YET, file=sys.stderr)
        return 1
    (record,) = found
    if as_data:
        print(json.dumps(facts(record), indent=1))
        return 0
    print(line(record, colour=_colour()))
    for name, value in facts(record).items():
        if name != "notes":
            print(f"  {name:18} {readable(name, value)}")
    for note in record.notes:
        print(f"  note {visible(note.code):18} {visible(note.path)} {visible(note.detail)}".rstrip())
    return 0


def line(record: Record, *, colour: bool) -> str:
    """Return one line: when, who, what, how it ended."""
    when = time.strftime("%m-%d %H:%M:%S", time.localtime(record.started))
    said = visible(sentence(record))
    if colour:
        code = _COLOURS.get(record.outcome, "0")
        said = said.replace(f"| {record.outcome}", f"| \x1b[{code}m{record.outcome}\x1b[0m", 1)
    error = f" | {visible(record.error)}" if record.error else ""
    return f"{when} {said}{error} | {visible(record.id)}"


def _say(record: Record, *, as_data: bool) -> None:
    print(json.dumps(facts(record)) if as_data else line(record, colour=_colour()), flush=True)


def _wanted(records: Iterable[Record], session: str, *, failed: bool) -> Iterator[Record]:
    for record in records:
        if record.session.startswith(session) and (not failed or record.outcome in ("failed", "broke")):
            yield record


def _found(path: Path, wanted: str) -> list[Record]:
    """The request of an id, the latest where a client used one twice; all of them where only the beginning fits."""
    begun: dict[str, Record] = {}
    exact = None
    for record in read_log(path):
        names = [name for name in (record.id, record.client_id, record.upstream_id) if name]
        if wanted in names:
            exact = record
        elif any(name.startswith(wanted) for name in names):
            begun[record.id] = record
    return [exact] if exact is not None else list(begun.values())


def _say_which(found: Sequence[Record], wanted: str) -> None:
    """Say that none is meant, or that many may be, and which those are."""
    shown = visible(wanted)
    if not found:
        print(f"No request in the log file has the id {shown}. `claude-code-proxy logs` lists them.", file=sys.stderr)
        return
    latest = f", the latest {_MOST_SHOWN} of which are" if len(found) > _MOST_SHOWN else ""
    print(f'{len(found)} requests have an id that begins with "{shown}"{latest}:', file=sys.stderr)
    for record in found[-_MOST_SHOWN:]:
        print(line(record, colour=False), file=sys.stderr)


def _path() -> Path | None:
    state = state_dir(os.environ)
    if state is None:
        print("There is no home directory to keep a log file in: set HOME or XDG_STATE_HOME.", file=sys.stderr)
        return None
    return log_path(state)


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
