"""Follows one JSON object as it arrives in pieces: how much of it is certainly right, and when it is complete.

Tool arguments are passed on while they arrive. A client can't take anything back, so text is passed on only while all
of it so far is the beginning of a JSON object: a number, a word or an escape waits for its end. Where models err, what
comes next decides: the quote that ends a text waits for a comma or a bracket behind it (it may be one nobody escaped),
a comma and a key for the value (it may be one too many), and the last brace for the end of all.
"""

from __future__ import annotations

import re

MAX_DEPTH = 256  # of nested brackets: parsers give up on more, and no tool asks for more
_LONGEST_LITERAL = 1024  # characters of a number

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)  # one without end ends with the text
_BRACKET = re.compile(rb"[\[\]{}]")
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'[^"\\]*+(?:\\["\\/bfnrt][^"\\]*+)*+')
_CONTROL = re.compile(r"[\x00-\x1f]")
_CONTROLS = {code: f"\\u{code:04x}" for code in range(32)}
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf'\\["\\/bfnrt]|\\u(?:[0-9a-ceA-CEfF][0-9a-fA-F]{{3}}|[dD][0-7][0-9a-fA-F]{{2}})|{_HIGH}{_LOW}')
_ESCAPE_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_PAIR_BEGUN = re.compile(rf"{_HIGH}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]{{0,2}})?)?)?)?")
_HALF = re.compile(_LOW)
_HALF_LENGTH = 6
_LITERAL = re.compile(r"[-+.0-9eEtrufalsn]*")
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null")
_FRACTION = re.compile(r"\d[.eE]")

_VALUE = frozenset({"value", "value or ]"})
_KEY = frozenset({"key", "key or }"})
_BRACKETS = {"}": "{", "]": "["}
_OPENING = frozenset('"{[')


def is_too_deep(text: bytes, deepest: int = MAX_DEPTH) -> bool:
    """Whether JSON nests deeper than `deepest`. How deep a parser really gets depends on who calls it from where."""
    if text.count(b"[") + text.count(b"{") <= deepest:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRINGS.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        if depth > deepest:
            return True
    return False


class JsonScan:
    """`feed` each piece and pass on what it returns.

    begun: a first key has; complete: the object has ended; broken: the text is no JSON object; repaired: what was
    passed on differs from what came; passed: characters read up to the end of the object, or to where it broke;
    rest: what follows the text passed on when the object is complete and nothing comes behind it.
    """

    def __init__(self) -> None:
        self.begun = False
        self.complete = False
        self.broken = False
        self.repaired = False
        self.passed = 0
        self._open: list[str] = []
        self._expect = "object"
        self._in_string = False
        self._escape = ""
        self._literal = ""
        self._proven: list[str] = []
        self._waiting: list[str] = []  # proven by what comes next
        self._waits = False

    @property
    def rest(self) -> str:
        """What is not passed on yet, although all of it was read as JSON."""
        return "".join(self._waiting)

    def feed(self, piece: str) -> str:
        """Follow `piece`, which comes right after what was fed before; return the text that is proven by it."""
        at = 0
        while at < len(piece) and not (self.complete or self.broken):
            at = self._string(piece, at) if self._in_string else self._structure(piece, at)
        self.passed += at
        proven, self._proven = "".join(self._proven), []
        return proven

    # -- strings --------------------------------------------------------------------------------------------------

    def _string(self, piece: str, at: int) -> int:
        if self._escape:
            return self._escaped(piece, at)
        at = self._characters(piece, at)
        if at == len(piece):
            return at
        if piece[at] == "\\":
            self._escape = "\\"
            return at + 1
        self._waits = True
        self._pass('"')
        self._in_string = False
        self._expect = "colon" if self._expect in _KEY else "comma or end"
        return at + 1

    def _characters(self, piece: str, at: int) -> int:
        """Pass on all up to a quote or a rare escape; a raw control character has one reading only."""
        end = _end(_STRING, piece, at)
        written = piece[at:end]
        if _CONTROL.search(written):
            written = written.translate(_CONTROLS)
            self.repaired = True
        if written:
            self._pass(written)
        return end

    def _escaped(self, piece: str, at: int) -> int:
        escape = self._escape + piece[at]
        if len(escape) > _HALF_LENGTH and not (_PAIR_BEGUN.fullmatch(escape) or _ESCAPE.fullmatch(escape)):
            self._replace_half()  # and look again at what came behind it
            self._escape = self._escape[_HALF_LENGTH:]
            return at
        self._escape = escape
        if _ESCAPE.fullmatch(escape):
            self._pass(escape)
            self._escape = ""
        elif _HALF.fullmatch(escape):
            self._replace_half()
            self._escape = ""
        elif not (_ESCAPE_BEGUN.fullmatch(escape) or _PAIR_BEGUN.fullmatch(escape)):
            self.broken = True
            return at
        return at + 1

    def _replace_half(self) -> None:
        """Half a surrogate pair is no character: some readers refuse all of the text for it."""
        self._pass(r"\ufffd")
        self.repaired = True

    # -- everything else ------------------------------------------------------------------------------------------

    def _structure(self, piece: str, at: int) -> int:
        if not self._literal:
            at = self._take(_SPACE, piece, at)
        if self._literal or self._expect in _VALUE:
            end = _end(_LITERAL, piece, at)
            self._literal += piece[at:end]
            self.broken = len(self._literal) > _LONGEST_LITERAL
            if end == len(piece) or not self._close_literal():
                return end
            at = self._take(_SPACE, piece, end)
        if at < len(piece):
            self.broken = not self._token(piece[at])
            at += not self.broken
        return at

    def _close_literal(self) -> bool:
        """Judge a number or word that has ended; False when it is none."""
        if self._literal:
            self.broken = self.broken or not _is_scalar(self._literal)
            if not self.broken:
                self._release()
                self._pass(self._literal)
            self._literal = ""
            self._expect = "comma or end"
        return not self.broken

    def _token(self, char: str) -> bool:
        """Take one character of structure; False when it can't stand here."""
        expect = self._expect
        if char == '"' and expect in _VALUE | _KEY:
            self._in_string = self.begun = True
        elif char == "{" and (expect in _VALUE or expect == "object"):
            self._enter("{", "key or }")
        elif char == "[" and expect in _VALUE:
            self._enter("[", "value or ]")
        elif char == ":" and expect == "colon":
            self._expect = "value"
        elif char == "," and expect == "comma or end":
            self._expect = "key" if self._open[-1] == "{" else "value"
        elif not self._leave(char):
            return False
        if len(self._open) > MAX_DEPTH:
            return False
        if char in _OPENING and expect not in _KEY:
            self._release()
        self._waits = self._waits or char == "," or self.complete or expect in _KEY
        self._pass(char)
        if char in _BRACKETS and not self.complete:
            self._release()
        return True

    def _pass(self, text: str) -> None:
        (self._waiting if self._waits else self._proven).append(text)

    def _release(self) -> None:
        """What waited is proven."""
        self._proven += self._waiting
        self._waiting.clear()
        self._waits = False

    def _enter(self, bracket: str, expect: str) -> None:
        self._open.append(bracket)
        self._expect = expect

    def _leave(self, char: str) -> bool:
        if not self._open or self._expect not in ("comma or end", "key or }" if char == "}" else "value or ]"):
            return False
        if _BRACKETS.get(char) != self._open.pop():
            return False
        self._expect = "comma or end"
        self.complete = not self._open
        return True

    def _take(self, pattern: re.Pattern[str], piece: str, at: int) -> int:
        """Pass on what matches."""
        end = _end(pattern, piece, at)
        if end > at:
            self._pass(piece[at:end])
        return end


def _end(pattern: re.Pattern[str], piece: str, at: int) -> int:
    match = pattern.match(piece, at)
    return match.end() if match else at


def _is_scalar(literal: str) -> bool:
    """Whether it is a word or a number of JSON, and a number that a reader can hold."""
    if not _SCALAR.fullmatch(literal):
        return False
    return not _FRACTION.search(literal) or abs(float(literal)) != float("inf")
