"""JSON a client asked for comes alone, as from a model that is held to its format (case PA-15).

A fence around it goes, and so do words before and behind it, where there is one value and no more: `Sure! {...}`, a
fence and `Hope it helps`. What begins with the value streams; what begins with words waits for its end, since only
that tells whether another value follows.
"""

from __future__ import annotations

import json
import re

from .deltas import Delta, Text
from .notes import Notes
from .text_filter import TextFilter

_FENCE = "```"
_OPENINGS = (_FENCE, "```json")
_LONGEST = 1000  # characters held back: more white space than that is the answer
_LONGEST_WORDS = 100_000  # characters around a value: more than that is an answer of its own
_MOST_STARTS = 32  # brackets in words that are looked at

_MARK = re.compile(r'["\\{}\[\]]')
_WORD = re.compile(r"[^\W\d_]|[*#>]")
_JSON = json.JSONDecoder()


class JsonFences(TextFilter):
    """Leaves out what stands around the one JSON value of a text. Other text passes as it is."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._held: list[str] = []
        self._length = 0
        self._where = "start"
        self._fenced = False
        self._end = _End()

    def text(self, piece: str) -> list[Delta]:
        """Pass on what is surely of the value."""
        if self._where == "start":
            piece = self._opened(self._taken() + piece)
        out: list[Delta] = []
        if self._where == "text" and piece:
            return [Text(piece)]
        if self._where == "value" and piece:
            end = self._end.find(piece)
            self._where = "value" if end < 0 else "behind"
            value, piece = (piece, "") if end < 0 else (piece[:end], piece[end:])
            out.append(Text(value))
        if piece:
            self._hold(piece)
        return out + self._given_up() if self._length > _LONGEST_WORDS else out

    def release(self) -> list[Delta]:
        """Judge what is held: the text ends here, or something else follows."""
        held, where = self._taken(), self._where
        self._where, self.inert = "text", True
        if where == "words":
            held = self._cut(held)
        elif where == "behind" and held.strip():
            held = self._behind(held)
        elif where == "behind" and self._fenced:
            held = ""
        return [Text(held)] if held else []

    def _opened(self, piece: str) -> str:
        """Find out how the text begins; return what of it is left to look at."""
        body = piece.lstrip()
        line, newline, rest = body.partition("\n")
        line = line.rstrip().lower()
        if newline and line in _OPENINGS and not self._fenced:
            self._fenced = True
            return self._opened(rest)
        if body.startswith(("{", "[")):
            self._where = "value"
            return body if self._fenced else piece
        waits = not body or (not newline and not self._fenced and _OPENINGS[-1].startswith(line))
        if waits and len(piece) < _LONGEST:
            return piece
        self._where = "words" if self._fenced or _WORD.match(body) else "text"
        self.inert = self._where == "text"
        return piece

    def _hold(self, piece: str) -> None:
        self._held.append(piece)
        self._length += len(piece)

    def _taken(self) -> str:
        held, self._held, self._length = "".join(self._held), [], 0
        return held

    def _given_up(self) -> list[Delta]:
        self._where, self.inert = "text", True
        return [Text(self._taken())]

    def _behind(self, words: str) -> str:
        """What of the text behind the value the client gets: all of it where it holds another value."""
        if _values(words):
            return words
        if words.strip() != _FENCE:
            self._notes.add("format-cut", "content")
        return ""

    def _cut(self, words: str) -> str:
        values = _values(words)
        if len(values) != 1:
            return words.rstrip().removesuffix(_FENCE).rstrip() if self._fenced else words
        self._notes.add("format-cut", "content")
        return values[0]


class _End:
    """Finds the end of an object or a list that comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = False

    def find(self, piece: str) -> int:
        """Return where the value ends in `piece`, -1 where it goes on."""
        at = int(self._escaped)
        self._escaped = False
        while mark := _MARK.search(piece, at):
            at = mark.end()
            if mark[0] == '"':
                self._in_string = not self._in_string
            elif self._in_string:
                at += mark[0] == "\\"
            elif mark[0] != "\\":
                self._depth += 1 if mark[0] in "{[" else -1
                if self._depth == 0:
                    return at
        self._escaped = at > len(piece)
        return -1


def _values(words: str) -> list[str]:
    """The objects in a text, as they are written, two at the most; the lists where there is no object."""
    return _of("{", words) or _of("[", words)


def _of(bracket: str, words: str) -> list[str]:
    found: list[str] = []
    at = words.find(bracket)
    for _ in range(_MOST_STARTS):
        if at < 0 or len(found) > 1:
            break
        try:
            end = _JSON.raw_decode(words, at)[1]
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found.append(words[at:end])
        at = words.find(bracket, end)
    return found
