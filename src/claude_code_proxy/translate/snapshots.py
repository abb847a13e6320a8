"""A text that comes in pieces, in ever longer snapshots of itself, or once more as a whole at its end.

MiniMax writes `reasoning_details` as snapshots on one of its hosts and as pieces on the other (its documents, 2026-11;
MiniMax-AI/MiniMax-M2#95 and t8y2/dbx#6535, 2026-08), and gateways repeat the whole at the end. What begins with all
that came before is a snapshot; where that is too short to tell, the piece waits for the next one.
"""

from __future__ import annotations

_SURE = 8  # characters: no model begins a piece with so many that it has just written


class Snapshots:
    """`add` each piece and pass on what it returns; `rest` at the end."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._waiting = ""
        self._grows = False

    def add(self, piece: str, *, repeats: bool = False) -> str:
        """Return what is new in `piece`. repeats: what came before is not of its kind, so it begins anew."""
        if self._waiting:
            waiting, self._waiting = self._waiting, ""
            self._grows = piece.startswith(waiting)
            return self._new(piece) if self._grows else self._keep(waiting) + self.add(piece)
        if len(piece) < self._length or not self._length or not self._begins(piece):
            return self._keep(piece)
        if repeats or self._grows or self._length >= _SURE:
            self._grows = True
            return self._new(piece)
        if len(self._pieces) > 1 or len(piece) == self._length:  # pieces so far
            return self._keep(piece)
        self._waiting = piece
        return ""

    def keep(self, piece: str) -> None:
        """Take note of what came from elsewhere."""
        self._keep(piece)

    def whole(self) -> str:
        """Return all of the text."""
        self.rest()
        return "".join(self._pieces)

    def rest(self) -> str:
        """Return what still waits: of two, the longer one that begins with the shorter is a snapshot."""
        waiting, self._waiting = self._waiting, ""
        return self._new(waiting) if len(waiting) > self._length else self._keep(waiting)

    def _begins(self, piece: str) -> bool:
        self._pieces = ["".join(self._pieces)] if self._length >= _SURE else self._pieces
        return piece.startswith("".join(self._pieces))

    def _new(self, snapshot: str) -> str:
        return self._keep(snapshot[self._length :])

    def _keep(self, piece: str) -> str:
        self._pieces.append(piece)
        self._length += len(piece)
        return piece
