"""A conversation summed up comes in the tags Claude Code reads it by, also where a weak model forgot them.

The client cuts `<analysis>...</analysis>` out and keeps what stands in `<summary>...</summary>` (CLI 2.1.197, 2.1.330;
2026-11-22). Nobody reads along while a summary is written, so the text is held until its end and mended as a whole.
"""

from __future__ import annotations

import re

from .deltas import Delta, Text
from .notes import Notes
from .text_filter import TextFilter

_TAG = re.compile(r"<\s*+(/?)\s*+(analysis|summary)\s*+>", re.IGNORECASE)
_OPEN, _CLOSE = "<summary>", "</summary>"
_THOUGHT, _THOUGHT_END = "<analysis>", "</analysis>"


class SummaryTags(TextFilter):
    """Holds the text of a summary and gives it out with its tags."""

    def __init__(self, notes: Notes) -> None:
        self._held: list[str] = []
        self._notes = notes

    def text(self, piece: str) -> list[Delta]:
        """Hold a piece."""
        self._held.append(piece)
        return []

    def release(self) -> list[Delta]:
        """Return the summary."""
        written, self._held = "".join(self._held), []
        whole = with_tags(written)
        if whole != written:
            self._notes.add("compaction-repaired", "", "its tags")
        return [Text(whole)] if whole else []


def with_tags(text: str) -> str:
    """Return a summary with every tag in its place; one that has them all, or says nothing, as it is."""
    if not text.strip():
        return text
    text = _TAG.sub(lambda tag: f"<{tag[1]}{tag[2].lower()}>", text)
    begin = text.find(_OPEN)
    if begin < 0:
        return _without_summary(text)
    before, summary = text[:begin], text[begin:]
    if before.rfind(_THOUGHT) > before.rfind(_THOUGHT_END):
        before = f"{before.rstrip()}\n{_THOUGHT_END}\n\n"
    return before + (summary if _CLOSE in summary else f"{summary.rstrip()}\n{_CLOSE}")


def _without_summary(text: str) -> str:
    """What follows the analysis is the summary; where nothing does, the analysis is all there is of one."""
    text = text.replace(_CLOSE, "").rstrip()
    thought, end, rest = text.partition(_THOUGHT_END)
    if end and rest.strip():
        return f"{thought}{end}\n\n{_OPEN}\n{rest.strip()}\n{_CLOSE}"
    return f"{_OPEN}\n{thought.replace(_THOUGHT, '').strip()}\n{_CLOSE}"
