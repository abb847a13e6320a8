"""Questions on a terminal: one line each, without colours or cursor movements, so that any terminal will do."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..doctor.report import writable

T = TypeVar("T")

_SHOWN = 9  # rows of a long list


def say(*lines: str) -> None:
    """Write lines, to standard error: standard output belongs to what a command is asked for."""
    for line in lines:
        sys.stderr.write(f"{writable(line, sys.stderr.encoding)}\n")
    sys.stderr.flush()


def ask(question: str) -> str:
    """Return the line a person types. EOFError, KeyboardInterrupt: they don't want to."""
    sys.stderr.write(writable(question, sys.stderr.encoding))
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def ask_secret(question: str) -> str:
    """Return a line that is typed without being shown."""
    return getpass.getpass(question, stream=sys.stderr).strip()


def choose(
    title: str,
    rows: Sequence[T],
    shown: Callable[[T], str],
    *,
    found: Callable[[str], Sequence[T]],
    default: T | str,
) -> T | str:
    """Let a person choose: Enter for the default, a number of a row, or letters, which shorten the list.

    Returns a row, or what was typed where nothing has it.
    """
    say("", title)
    listed = list(rows)
    _list(listed, shown)
    while True:
        typed = ask("> ")
        if not typed:
            return default
        if typed.isdecimal() and 1 <= int(typed[:6]) <= min(len(listed), _SHOWN):
            return listed[int(typed[:6]) - 1]
        fitting = list(found(typed))
        if len(fitting) <= 1:
            return fitting[0] if fitting else typed
        listed = fitting
        _list(listed, shown)


def _list(rows: Sequence[T], shown: Callable[[T], str]) -> None:
    width = _width()
    for number, row in enumerate(rows[:_SHOWN], 1):
        say(f"  {number:2}  {shown(row)}"[:width])
    if len(rows) > _SHOWN:
        say(f"      and {len(rows) - _SHOWN} more: type some letters of the name")


def _width() -> int:
    try:
        return max(40, os.get_terminal_size(sys.stderr.fileno()).columns - 1)
    except (OSError, ValueError):
        return 119
