"""Follows one JSON object as it arrives in pieces: how much of it is certainly right, and when it is complete.

Tool arguments are passed on while they arrive. A client can't take anything back, so a character is passed on only
while all text so far is the beginning of a JSON object.
"""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'[^"\\\x00-\x1f]*')
_LITERAL = re.compile(r"[-+.0-9eEtrufalsn]*")
_SCALAR = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?|true|false|null")

_VALUE = frozenset({"value", "value or ]"})
_KEY = frozenset({"key", "key or }"})


class JsonScan:
    """`feed` each piece; `passed` counts the characters proven right, `complete` and `broken` end the scan."""

    def __init__(self) -> None:
        self.passed = 0
        self.complete = False
        self.broken = False
        self._open: list[str] = []
        self._expect = "object"
        self._in_string = False
        self._escaped = False
        self._literal = ""

    def feed(self, piece: str) -> None:
        """Follow `piece`, which comes right after what was fed before."""
        at = 0
        while at < len(piece) and not (self.complete or self.broken):
            at = self._string(piece, at) if self._in_string else self._structure(piece, at)
        self.passed += at

    def _string(self, piece: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            self.broken = piece[at] not in '"\\/bfnrtu'
            return at if self.broken else at + 1
        at = _end(_STRING, piece, at)
        if at == len(piece):
            return at
        if piece[at] == "\\":
            self._escaped = True
        elif piece[at] == '"':
            self._in_string = False
            self._expect = "colon" if self._expect in _KEY else "comma or end"
        else:
            self.broken = True  # a raw control character
            return at
        return at + 1

    def _structure(self, piece: str, at: int) -> int:
        if not self._literal:
            at = _end(_SPACE, piece, at)
        if self._literal or self._expect in _VALUE:
            end = _end(_LITERAL, piece, at)
            self._literal += piece[at:end]
            at = end
            if at == len(piece) or not self._close_literal():
                return at
        at = _end(_SPACE, piece, at)
        if at < len(piece):
            self.broken = not self._token(piece[at])
            at += not self.broken
        return at

    def _close_literal(self) -> bool:
        if self._literal:
            self.broken = not _SCALAR.fullmatch(self._literal)
            self._literal = ""
            self._expect = "comma or end"
        return not self.broken

    def _token(self, char: str) -> bool:
        """Take one character of structure; False when it can't stand here."""
        expect = self._expect
        if char == '"' and expect in _VALUE | _KEY:
            self._in_string = True
        elif char == "{" and (expect in _VALUE or expect == "object"):
            self._enter("{", "key or }")
        elif char == "[" and expect in _VALUE:
            self._enter("[", "value or ]")
        elif char == ":" and expect == "colon":
            self._expect = "value"
        elif char == "," and expect == "comma or end":
            self._expect = "key" if self._open[-1] == "{" else "value"
        else:
            return self._leave(char)
        return True

    def _enter(self, bracket: str, expect: str) -> None:
        self._open.append(bracket)
        self._expect = expect

    def _leave(self, char: str) -> bool:
        if not self._open or self._expect not in ("comma or end", "key or }" if char == "}" else "value or ]"):
            return False
        if {"}": "{", "]": "["}.get(char) != self._open.pop():
            return False
        self._expect = "comma or end"
        self.complete = not self._open
        return True


def _end(pattern: re.Pattern[str], piece: str, at: int) -> int:
    match = pattern.match(piece, at)
    return match.end() if match else at
