"""What every filter of text does: it may hold back what it can't judge yet, and gives it up when more comes."""

from __future__ import annotations

from collections.abc import Iterable

from .deltas import Delta, Text, Usage


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
            if isinstance(delta, Text):
                out += self.text(delta.text)
            elif isinstance(delta, Usage):
                out.append(delta)
            elif not self.stopped:
                out += self.release()
                out.append(delta)
        return out

    def text(self, piece: str) -> list[Delta]:
        """Return what a piece of text becomes."""
        raise NotImplementedError

    def release(self) -> list[Delta]:
        """Return what was held back."""
        raise NotImplementedError


def overlap(text: str, marks: tuple[str, ...]) -> int:
    """Return the length of the longest end of `text` that begins one of `marks`."""
    longest = min(len(text), max(len(mark) for mark in marks) - 1)
    for size in range(longest, 0, -1):
        if any(mark.startswith(text[-size:]) for mark in marks):
            return size
    return 0
