"""What the doctor found, one line each, for people and for programs. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from .. import __version__

Status = Literal["ok", "warning", "failed"]

WELL, FAILED, WRONG_SETTINGS = 0, 1, 2
"""Exit codes."""

_MARKS: dict[Status, str] = {"ok": "✓", "warning": "!", "failed": "✗"}
_WORDS: dict[int, str] = {ord("✓"): "ok", ord("✗"): "FAILED", ord("→"): "->", ord("…"): "..."}
_LONGEST = 400  # characters of one text; backends write long errors
_NARROWEST = 40  # characters of a terminal whose lines are broken by us
_SECRET = 6  # characters; a shorter key (`local`, `any`) is a word, no secret


class Line(msgspec.Struct, frozen=True):
    """One finding. id: for programs, stable; remedy: what to do about it, "" where there is nothing to do."""

    group: str
    id: str
    status: Status
    text: str
    remedy: str = ""


class Group:
    """Makes the lines of one group."""

    def __init__(self, title: str) -> None:
        self._title = title

    def ok(self, name: str, text: str) -> Line:
        """Return a line of something that is well."""
        return self.line(name, "ok", text)

    def warning(self, name: str, text: str, remedy: str = "") -> Line:
        """Return a line of something a person may want to look at."""
        return self.line(name, "warning", text, remedy)

    def failed(self, name: str, text: str, remedy: str) -> Line:
        """Return a line of something that does not work."""
        return self.line(name, "failed", text, remedy)

    def line(self, name: str, status: Status, text: str, remedy: str = "") -> Line:
        """Return a line of any status."""
        return Line(self._title, name, status, text, remedy)


def harmless(line: Line, secrets: Iterable[str]) -> Line:
    """Return a line fit for a terminal: backends and environments wrote parts of it, and may have repeated a key."""
    return msgspec.structs.replace(
        line, group=_clean(line.group, ()), text=_clean(line.text, secrets), remedy=_clean(line.remedy, secrets)
    )


def exit_code(lines: Iterable[Line]) -> int:
    """Return 0 when nothing failed, 2 when a setting is wrong, else 1."""
    failed = {line.id for line in lines if line.status == "failed"}
    return WRONG_SETTINGS if "settings.problem" in failed else FAILED if failed else WELL


def as_text(line: Line, width: int = 0) -> str:
    """Return a line for people; where a terminal has a width, in characters, broken at words."""
    remedy = f" → {line.remedy}" if line.remedy else ""
    whole = f"  {_MARKS[line.status]} {line.text}{remedy}"
    if width < _NARROWEST:
        return whole
    return textwrap.fill(whole, width - 1, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def summary(lines: Sequence[Line]) -> str:
    """Return the last line: how many are how."""
    counts = {status: sum(line.status == status for line in lines) for status in _MARKS}
    return f"{counts['ok']} well, {counts['warning']} to look at, {counts['failed']} failed"


def as_json(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the report for programs. docs/doctor.md describes it."""
    return {
        "version": __version__,
        "exit_code": exit_code(lines),
        "lines": [msgspec.structs.asdict(line) for line in lines],
    }


def writable(text: str, encoding: str | None) -> str:
    """Return a text in the characters a terminal has."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return text.translate(_WORDS).encode("ascii", "replace").decode()
    return text


def _clean(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SECRET:
            text = text.replace(secret, "***")
    line = " ".join(text.split())
    shown = line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
