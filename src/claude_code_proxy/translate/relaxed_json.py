r"""JSON as models write it, where only one reading fits.

Beyond JSON it takes single-quoted strings, bare keys, True/False/None, a comma before a closing bracket, comments, raw
line ends in strings, NaN and Infinity (which JavaScript writes as null), and unknown escapes (`\d` is a backslash and
a d; beside a `\n` nobody knows, `C:\dir\\new`). It never closes what is open and never guesses where a string ends:
text with two readings, or cut off, is no value. One pass, linear.
"""

from __future__ import annotations

import re
from typing import Any

from .halves import whole

_DEPTH = 100
_SPACE = re.compile(r"(?:[ \t\r\n\ufeff\xa0]++|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?(?![\w.+-])")
_NOT_FINITE = re.compile(r"-?(?:NaN|Infinity)(?![\w$-])")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_UP_TO = {
    '"': re.compile(r'([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL),
    "'": re.compile(r"([^'\\]*+(?:\\.[^'\\]*+)*+)'", re.DOTALL),
}
_MARKED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_INVISIBLE = frozenset("bfnrt")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}


class NoValueError(ValueError):
    """The text is not one value in one reading."""


def read_value(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the value that begins at `start` and where it ends. Raises NoValueError."""
    return _Reader(text).value(start, 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        at = self._space(at)
        mark = self._text[at : at + 1]
        if depth > _DEPTH or not mark:
            raise NoValueError
        if mark == "{":
            return self._object(at + 1, depth)
        if mark == "[":
            return self._array(at + 1, depth)
        if mark in _UP_TO:
            return self._string(at + 1, mark)
        return self._scalar(at)

    def _space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _scalar(self, at: int) -> tuple[Any, int]:
        number = _NUMBER.match(self._text, at)
        if number:
            digits = number.group()
            value: Any = int(digits) if digits.lstrip("-").isdigit() else float(digits)
            if value in (float("inf"), float("-inf")):
                raise NoValueError
            return value, number.end()
        infinite = _NOT_FINITE.match(self._text, at)
        if infinite:
            return None, infinite.end()
        word = _WORD.match(self._text, at)
        if word is None or word.group() not in _WORDS:
            raise NoValueError
        return _WORDS[word.group()], word.end()

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        while True:
            at = self._space(at)
            if self._text.startswith("}", at):
                return members, at + 1
            key, at = self._key(at)
            at = self._space(at)
            if not self._text.startswith(":", at):
                raise NoValueError
            members[key], at = self.value(at + 1, depth + 1)
            at = self._comma(at, "}")

    def _array(self, at: int, depth: int) -> tuple[list[Any], int]:
        members: list[Any] = []
        while True:
            at = self._space(at)
            if self._text.startswith("]", at):
                return members, at + 1
            member, at = self.value(at, depth + 1)
            members.append(member)
            at = self._comma(at, "]")

    def _comma(self, at: int, closing: str) -> int:
        """Step over the comma after a member; before a closing bracket there may be none."""
        at = self._space(at)
        if self._text.startswith(",", at):
            return at + 1
        if self._text.startswith(closing, at):
            return at
        raise NoValueError

    def _key(self, at: int) -> tuple[str, int]:
        quote = self._text[at : at + 1]
        if quote in _UP_TO:
            return self._string(at + 1, quote)
        word = _WORD.match(self._text, at)
        if word is None:
            raise NoValueError
        return word.group(), word.end()

    def _string(self, at: int, quote: str) -> tuple[str, int]:
        found = _UP_TO[quote].match(self._text, at)
        if found is None:
            raise NoValueError
        return whole(_unescaped(found[1]) if "\\" in found[1] else found[1]), found.end()


def _unescaped(written: str) -> str:
    """Return what a string with escapes says; an escape nobody knows is its two characters."""
    marks = set(_MARKED.findall(written))
    if marks - _ESCAPES.keys() - {"u"} and marks & _INVISIBLE:
        raise NoValueError
    return _ESCAPE.sub(_meaning, written)


def _meaning(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _ESCAPES.get(escape[2], escape[0])
