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
_SUMMARY = re.compile(r"<summary>")
_SUMMARY_LINE = re.compile(r"^<summary>", re.MULTILINE)  # not one that a sentence mentions
_EMPTY = re.compile(r"<summary>\s*+</summary>")
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
    """Return a summary with every tag in its place; one that the client can read, or that says nothing, as it is."""
    if not text.strip() or _is_read(text):
        return text
    text = _TAG.sub(lambda tag: f"<{tag[1]}{tag[2].lower()}>", text)
    if _is_read(text):
        return text
    thought, rest = _cut(text)
    rest = _EMPTY.sub("", rest)
    opened = _SUMMARY_LINE.search(rest) or _SUMMARY.search(rest)
    if opened is None:
        return _without_summary(thought, rest)
    before, summary = rest[: opened.start()], rest[opened.end() :]
    if not summary.replace(_CLOSE, "").strip():
        return _without_summary(thought, before)
    if _THOUGHT in before:
        before = f"{before.rstrip()}\n{_THOUGHT_END}\n\n"
    closed = _CLOSE in summary
    return f"{thought}{before}{_OPEN}" + (summary if closed else f"{summary.rstrip()}\n{_CLOSE}")


def _is_read(text: str) -> bool:
    """Whether the client finds a summary, and nothing of an analysis before it."""
    _, rest = _cut(text)
    before, opened, summary = rest.partition(_OPEN)
    said, closed, _ = summary.partition(_CLOSE)
    return bool(opened and closed and said.strip()) and _THOUGHT not in before


def _cut(text: str) -> tuple[str, str]:
    """The first analysis, with what stands before it, and the rest: what the client leaves of an answer."""
    begin = text.find(_THOUGHT)
    end = text.find(_THOUGHT_END, begin) if begin >= 0 else -1
    end = end + len(_THOUGHT_END) if end >= 0 else 0
    return text[:end], text[end:]


def _without_summary(thought: str, rest: str) -> str:
    """What follows the analysis is the summary; where nothing does, the analysis is all there is of one."""
    said = rest.replace(_CLOSE, "").replace(_THOUGHT, "").replace(_THOUGHT_END, "").strip()
    if said:
        return f"{thought}\n\n{_OPEN}\n{said}\n{_CLOSE}".lstrip()
    return f"{_OPEN}\n{thought.replace(_THOUGHT, '').replace(_THOUGHT_END, '').strip()}\n{_CLOSE}"
