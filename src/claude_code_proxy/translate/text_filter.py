"""What every filter of text does: it may hold back what it can't judge yet, and gives it up when more comes."""

from __future__ import annotations

from collections.abc import Iterable

from .deltas import Delta, Ignored, Served, Text, ThinkingState, Usage

BESIDE = frozenset({Usage, ThinkingState, Ignored, Served})  # what has no place in the order of content


class Past:
    """What went past the filters, as it has none of the characters they watch. `add` a piece."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.add = self._pieces.append

    def take(self) -> str:
        """Return all that went past since this was asked last."""
        pieces = "".join(self._pieces)
        self._pieces.clear()
        return pieces


_TAIL = 64  # characters: no mark is longer


class TextFilter:
    """A filter of text. Subclasses decide what a piece of text becomes; all else passes, after what is held back.

    stopped: the answer is complete. inert: text without any character of `watches` passes through unchanged.
    """

    stopped = False
    inert = False
    watches = ""

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """Return what `deltas` become."""
        out: list[Delta] = []
        for delta in deltas:
            kind = type(delta)
            if kind is Text:
                out += self.text(delta.text)  # type: ignore[attr-defined]
            elif kind in BESIDE:
                out.append(delta)
            elif not self.stopped:
                out += self.release()
                out.append(delta)
        return out

    def whole(self, deltas: list[Delta]) -> list[Delta]:
        """Return what all the deltas of an answer become."""
        return self.feed(deltas) + self.release()

    def text(self, piece: str) -> list[Delta]:
        """Return what a piece of text becomes."""
        raise NotImplementedError

    def release(self) -> list[Delta]:
        """Return what was held back."""
        raise NotImplementedError


class Growing:
    """Text that grows by pieces and is joined once. tail: its last characters; length: in characters."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.tail = ""
        self.length = 0

    def add(self, piece: str, near: str) -> None:
        """Append a piece. near: text that ends with it, and begins before it."""
        self._pieces.append(piece)
        self.tail = near[-_TAIL:]
        self.length += len(piece)

    def take(self) -> str:
        """Return all of it, and be empty."""
        whole = "".join(self._pieces)
        self._pieces, self.tail, self.length = [], "", 0
        return whole


def overlap(text: str, marks: tuple[str, ...]) -> int:
    """Return the length of the longest end of `text` that begins one of `marks`."""
    near = text[1 - max(map(len, marks), default=1) :]
    return max([_overlap(near, mark) for mark in marks if mark[0] in near], default=0)


def _overlap(text: str, mark: str) -> int:
    at = text.find(mark[0], max(0, len(text) - len(mark) + 1))
    while at >= 0:
        if mark.startswith(text[at:]):
            return len(text) - at
        at = text.find(mark[0], at + 1)
    return 0
