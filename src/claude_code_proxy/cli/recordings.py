"""`claude-code-proxy record`, `replay` and `report`: exchanges kept, run again, and given to others."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from ..doctor.settings import read_settings
from ..errors import reason
from ..journal.log_file import log_path, read_log
from ..keeping import recording_folder, secrets_of
from ..record import Record, visible
from ..recording.case import Case, read_case
from ..recording.replay import Replayed, accept, differences, replay
from ..recording.report import write_report
from ..redaction import Redaction
from ..state import state_dir

_DIFFERENT = 1  # exit code


def replay_folder(folder: Path, *, trace: bool, diff: bool, accept_as: Path | None) -> int:
    """Run a recorded exchange again; returns 1 when it comes out otherwise than recorded, 2 when it can't be read."""
    case = _read(folder)
    if case is None:
        return 2
    try:
        replayed = replay(case)
        found = differences(case, replayed)
    except (OSError, ValueError, LookupError) as error:
        print(f"{folder} can't be replayed: {reason(error)}", file=sys.stderr)
        return 2
    if accept_as is not None:
        try:
            accept(case, accept_as)
        except (OSError, ValueError) as error:
            print(f"{accept_as} can't be written: {reason(error)}", file=sys.stderr)
            return 2
        print(f"Accepted: {accept_as}")
        return 0
    _print(case, replayed, trace=trace)
    if diff and found:
        _say(*found)
    otherwise = f"It comes out otherwise: {len(found)} lines of difference."
    if replayed.verdict and (not found or not replayed.sent):
        otherwise = replayed.verdict
    _say(otherwise if found or replayed.verdict else "It comes out as recorded.")
    return _DIFFERENT if found else 0


def _print(case: Case, replayed: Replayed, *, trace: bool) -> None:
    if replayed.error and not case.refused:
        _say(f"The request can't be sent: {replayed.error}")
    if trace:
        _say(*replayed.trace)
    else:
        _say(replayed.sent)
    _say(*(f"note {note.code} {note.path} {note.detail}".rstrip() for note in replayed.notes))
    if case.about.get("truncated"):
        _say("The recording is not whole: the answer was too long.")


def _read(folder: Path) -> Case | None:
    try:
        return read_case(folder)
    except (OSError, ValueError) as error:
        print(f"{folder} has no recorded exchange: {reason(error)}", file=sys.stderr)
        return None


def _say(*lines: str) -> None:
    for line in lines:
        print("\n".join(visible(part) for part in line.split("\n")))


def record_serve(directory: Path, *, everything: bool) -> int:
    """Serve, and record into a directory; returns the exit code."""
    from .serve import serve  # noqa: PLC0415 - the other commands need none of it

    return serve({"RECORD_DIR": str(directory.resolve()), "RECORD": "all" if everything else "failures"})


def report(wanted: list[str], *, to: Path, prompts: bool, last: int) -> int:
    """Write a bundle for a bug report; returns 1 when what it is about is not there, 2 when that is broken."""
    settings = read_settings(os.environ, Path.cwd())
    directory = recording_folder(settings.config) if settings.config and settings.config.record_dir else None
    folders, records = [], deque(_kept(), maxlen=last)
    for name in wanted:
        folder = _folder(name, directory)
        if folder is None:
            print(
                f"{name} is no recorded exchange: give a folder, or the id of a request in RECORD_DIR.", file=sys.stderr
            )
            return 1
        folders.append(folder)
    secrets = secrets_of(settings.config) if settings.config else ()
    redaction = Redaction(secrets, os.environ.get("HOME", ""))
    rows = (f"{row.name} = {row.value}  ({row.source})" for row in settings.rows)
    told = [*rows, *settings.problems]
    try:
        names = write_report(to, folders, records=records, settings=told, redaction=redaction, prompts=prompts)
    except OSError as error:
        print(f"{to} can't be written: {reason(error)}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    _say(f"{to}:", *(f"  {name}" for name in names))
    _say("Look through it before you give it to others." if not prompts else "It has prompts and answers in it.")
    return 0


def _folder(name: str, directory: Path | None) -> Path | None:
    """The folder of a recording, by its path or by the request's id."""
    if (Path(name) / "about.toml").is_file():
        return Path(name)
    if directory is None or not directory.is_dir():
        return None
    folders = [path for path in sorted(directory.iterdir()) if (path / "about.toml").is_file()]
    return next((path for path in reversed(folders) if name and path.name.endswith(name[-8:])), None)


def _kept() -> Iterable[Record]:
    state = state_dir(os.environ)
    return read_log(log_path(state)) if state is not None else ()
