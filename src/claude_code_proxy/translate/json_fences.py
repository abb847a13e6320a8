"""JSON a client asked for comes without a fence around it, as from a model that is held to its format (case PA-15)."""

from __future__ import annotations

from .deltas import Delta, Text
from .text_filter import TextFilter

_FENCE = "```"
_OPENINGS = (_FENCE, "```json")
_LONGEST = 1000  # characters held back: more white space than that is the answer


class JsonFences(TextFilter):
    """Leaves out a fence that opens the text, and the one at its end. Other text passes as it is."""

    def __init__(self) -> None:
        self._held = ""
        self._where = "start"

    def text(self, piece: str) -> list[Delta]:
        """Pass text on, but for what may be a fence."""
        piece, self._held = self._held + piece, ""
        if self._where == "start":
            piece = self._opened(piece)
        if self._where == "inside":
            piece = self._without_end(piece)
        return [Text(piece)] if piece else []

    def release(self) -> list[Delta]:
        """Give up what is held, unless it is the last fence."""
        held, self._held = self._held, ""
        if self._where == "start" and held:
            self._where, self.inert = "text", True
        if not held or (self._where == "inside" and held.strip() in ("", _FENCE)):
            return []
        return [Text(held)]

    def _opened(self, piece: str) -> str:
        line, newline, rest = piece.lstrip().partition("\n")
        line = line.rstrip().lower()
        if newline and line in _OPENINGS:
            self._where = "inside"
            return rest
        if not newline and _OPENINGS[-1].startswith(line) and len(piece) < _LONGEST:
            self._held = piece
            return ""
        self._where, self.inert = "text", True
        return piece

    def _without_end(self, piece: str) -> str:
        """Hold back white space and ticks at the end: only what follows tells whether they are the last fence."""
        body = piece.rstrip()
        ticks = len(body) - len(body.rstrip("`"))
        if 0 < ticks <= len(_FENCE) and (ticks == len(_FENCE) or body == piece):
            body = body[:-ticks].rstrip()
        if len(piece) - len(body) >= _LONGEST:
            return piece
        self._held = piece[len(body) :]
        return body
