"""The client's own `max_tokens`, where the backend was given a larger one (translation reference, 4.1 and 4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from ..tokens.estimate import estimate
from .deltas import Delta, Finish, Text, ToolFragment
from .text_filter import TextFilter

_UNIT = re.compile(r"\s{0,32}\S{1,12}|\s{32}")  # counted as one, wherever a stream is cut
_ENDS = ("end_turn", "stop_sequence", "unknown")  # what a model says of an answer that the client gets a part of


class TextLimit(TextFilter):
    """Leaves out the text behind so many tokens, by our count; the answer then ends as `max_tokens`.

    Text of just that many is at its limit, too: a model needs one token more to say that it is done. Calls are never
    cut, and what comes behind the text is still read: the backend's counts are.
    """

    def __init__(self, tokens: int) -> None:
        self._left = tokens
        self._held = ""
        self._called = False

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """Return what `deltas` become."""
        return [self._ended(delta) for delta in super().feed(deltas)]

    def text(self, piece: str) -> list[Delta]:
        """Pass on what is within the limit; what may be the beginning of a longer unit waits."""
        if self._left <= 0:
            return []
        text, end = self._held + piece, 0
        for unit in _UNIT.finditer(text):
            if unit.end() == len(text):
                break
            end = self._within(unit)
            if self._left <= 0:
                return self._passed(text[:end], "")
        return self._passed(text[:end], text[end:])

    def release(self) -> list[Delta]:
        """Give up what is held, if it is within the limit."""
        unit = _UNIT.match(self._held)
        end = self._within(unit) if unit else len(self._held)
        return self._passed(self._held[:end], "")

    def _passed(self, text: str, held: str) -> list[Delta]:
        self._held = held
        return [Text(text)] if text else []

    def _within(self, unit: re.Match[str]) -> int:
        """Return where the part of a unit ends that is within the limit, and count it."""
        cost, left = estimate(unit.group()), self._left
        self._left -= cost
        return unit.end() if cost <= left else unit.start() + max(1, (unit.end() - unit.start()) * left // cost)

    def _ended(self, delta: Delta) -> Delta:
        self._called = self._called or isinstance(delta, ToolFragment)
        if isinstance(delta, Finish) and delta.reason in _ENDS and self._left <= 0 and not self._called:
            return replace(delta, reason="max_tokens", stop=None)
        return delta
