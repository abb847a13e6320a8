r"""Characters that come in two halves: `"...\ud83d"` in one chunk, `"\ude00..."` in the next.

Backends that cut their text by UTF-16 units write such chunks. Half a surrogate pair is no character, so the first half
waits for its other one; what stays alone becomes U+FFFD. Most streams have none: `is_halved` tells it of a payload.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from .deltas import Delta, Refusal, Text, Thinking, ToolFragment

_LONE = "\ufffd"
_BACKSLASH = ord("\\")  # a number is found faster in bytes than bytes are
ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
"""What a backslash begins; a surrogate pair is one escape. Of all only a half of one has `HALF` bytes."""

HALF = len(rb"\ud83d")


def is_halved(payload: bytes) -> bool:
    """Whether there is an escape that stands for half a character and has no other half."""
    if _BACKSLASH not in payload or (b"\\ud" not in payload and b"\\uD" not in payload):
        return False
    return any(len(escape.group()) == HALF for escape in ESCAPES.finditer(payload))


def whole(text: str) -> str:
    """Return `text` with its pairs joined, and U+FFFD for every half that stands alone."""
    if text.isascii() or not any("\ud800" <= mark <= "\udfff" for mark in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_but_ends(text: str) -> str:
    """Return `text` as `whole` does, but for a second half at its start and a first half at its end."""
    start = 1 if "\udc00" <= text[:1] <= "\udfff" else 0
    end = len(text) - 1 if len(text) > start and "\ud800" <= text[-1] <= "\udbff" else len(text)
    return text[:start] + whole(text[start:end]) + text[end:]


class Halves:
    """Joins the halves of a stream's deltas: `join` each batch, `flush` at the end."""

    def __init__(self) -> None:
        self._half = ""
        self._of: Delta | None = None

    def join(self, deltas: list[Delta]) -> list[Delta]:
        """Return the deltas with whole characters only."""
        if self._of is None and not any(_is_cut(_text_of(delta)) for delta in deltas):
            return deltas
        joined: list[Delta] = []
        for delta in deltas:
            if self._of is not None and _text_of(delta) and not self._goes_on(delta):
                joined += self.flush()
            joined += self._take(delta)
        return joined

    def flush(self) -> list[Delta]:
        """Give up a half whose other one never came."""
        of, self._of, self._half = self._of, None, ""
        return [] if of is None else [_with_text(of, _LONE)]

    def _goes_on(self, delta: Delta) -> bool:
        """Whether `delta` continues the text that the waiting half ended."""
        of = self._of
        if isinstance(of, ToolFragment) and isinstance(delta, ToolFragment):
            return of.index == delta.index and not delta.name
        return type(of) is type(delta)

    def _take(self, delta: Delta) -> list[Delta]:
        text = _text_of(delta)
        if not text:
            return [delta]
        text = self._half + text
        self._half, self._of = "", None
        if "\ud800" <= text[-1] <= "\udbff":
            self._half = text[-1]
            self._of = replace(delta, id=None, name="", state=None) if isinstance(delta, ToolFragment) else delta
            text = text[:-1]
        return [_with_text(delta, whole(text))] if text or isinstance(delta, ToolFragment) else []


def _text_of(delta: Delta) -> str:
    if isinstance(delta, Text | Thinking | Refusal):
        return delta.text
    return delta.arguments if isinstance(delta, ToolFragment) else ""


def _with_text(delta: Delta, text: str) -> Delta:
    return replace(delta, **{"arguments" if isinstance(delta, ToolFragment) else "text": text})


def _is_cut(text: str) -> bool:
    return bool(text) and ("\ud800" <= text[-1] <= "\udfff" or "\udc00" <= text[0] <= "\udfff")
