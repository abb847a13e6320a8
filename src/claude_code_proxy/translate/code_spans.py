"""Which places of a Markdown text are code, as it comes: fences, indented blocks, ticks (CommonMark 4.4, 4.5, 6.1).

Cut anywhere, a text gives the same answers. Two things are simpler than in a browser: code between ticks ends with its
line, so that a lonely tick does not reach the next one, and a fence may be indented as deep as the list it stands in.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LONGEST_START = 256  # characters of a line that tell what it is
_TAB = 4
_CODE_INDENT = 4
_TICKS = re.compile("`+")
_QUOTE = re.compile(r"(?:[ \t]{0,3}>[ \t]?)+")
_FENCE = re.compile(r"[ \t]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+(`{3,}+|~{3,}+)")
_HEADING = re.compile(r"[ \t]*+#{1,6}(?:[ \t]|$)")


class _Fence(NamedTuple):
    """A line of marks. indent: columns before them; info: what stands behind them on the line."""

    run: str
    indent: int
    quoted: bool
    info: str

    @property
    def opens(self) -> bool:
        """Whether a fence can begin like this: ticks with a tick behind them are code within the line."""
        return self.run[0] == "~" or "`" not in self.info

    def closed_by(self, other: _Fence) -> bool:
        """Whether `other` is the end of this fence."""
        same = other.run[0] == self.run[0] and len(other.run) >= len(self.run) and other.quoted == self.quoted
        return same and not other.info.strip() and other.indent < self.indent + _CODE_INDENT


class CodeSpans:
    """`feed` the text. words: whether any stand on the line so far."""

    def __init__(self) -> None:
        self.words = False
        self._start = ""  # of the line
        self._fence: _Fence | None = None
        self._paragraph = False  # the line before is one of a paragraph
        self._open = 0  # ticks that opened code on this line
        self._run = 0  # ticks at the end of what came

    def feed(self, text: str) -> None:
        """Follow the text, which comes right after what was fed before."""
        line, *lines = text.split("\n")
        self._go_on(line)
        for line in lines:
            self._end_line()
            self._go_on(line)

    @property
    def is_code(self) -> bool:
        """Whether what comes next is code, if it is no tick."""
        if self._open_fence() is not None or self._indented():
            return True
        if self._run:
            return self._open != self._run
        return bool(self._open) or self._opening() is not None

    @property
    def is_behind_fence(self) -> bool:
        """Whether nothing but the end of a fence stands on the line: a mark that is no text may follow it there."""
        fence, here = self._open_fence(), _fence_of(self._start)
        return fence is not None and here is not None and fence.closed_by(here)

    def _go_on(self, piece: str) -> None:
        """Follow a piece of a line."""
        if not piece:
            return
        if len(self._start) < _LONGEST_START:
            self._start = (self._start + piece)[:_LONGEST_START]
        self.words = self.words or not piece.isspace()
        at = 0
        for ticks in _TICKS.finditer(piece):
            if ticks.start() > at or not self._run:
                self._end_run()
            self._run += len(ticks[0])
            at = ticks.end()
        if at < len(piece):
            self._end_run()

    def _end_run(self) -> None:
        if self._run:
            self._open = 0 if self._open == self._run else self._open or self._run
        self._run = 0

    def _end_line(self) -> None:
        fence, here = self._open_fence(), _fence_of(self._start)
        indented = self._indented()
        if fence is not None:
            self._fence = None if here is not None and fence.closed_by(here) else fence
            self._paragraph = False
        else:
            self._fence = self._opening()
            heading = _HEADING.match(_unquoted(self._start))
            self._paragraph = self.words and not (self._fence or indented or heading or _is_empty(self._start))
        self._start, self.words = "", False
        self._open = self._run = 0

    def _opening(self) -> _Fence | None:
        here = _fence_of(self._start)
        return here if here is not None and here.opens else None

    def _open_fence(self) -> _Fence | None:
        """The fence this line stands in: one in a quotation ends with that."""
        fence = self._fence
        return None if fence is not None and fence.quoted and not _QUOTE.match(self._start) else fence

    def _indented(self) -> bool:
        return not self._paragraph and not self._open_fence() and _indent(_unquoted(self._start)) >= _CODE_INDENT


def _unquoted(line: str) -> str:
    quote = _QUOTE.match(line)
    return line[quote.end() :] if quote else line


def _is_empty(line: str) -> bool:
    return not _unquoted(line).strip()


def _indent(line: str) -> int:
    """Columns of white space before the words."""
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(_TAB))


def _fence_of(line: str) -> _Fence | None:
    unquoted = _unquoted(line)
    found = _FENCE.match(unquoted)
    if found is None:
        return None
    before = len(unquoted[: found.start(1)].expandtabs(_TAB))
    return _Fence(found[1], before, unquoted != line, unquoted[found.end() :])
