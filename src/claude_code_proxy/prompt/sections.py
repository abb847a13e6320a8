"""Claude Code's system prompt cut into its sections, and what each is: boilerplate, spare, or never to be touched.

Titles read from what the CLI sends: 2.1.197 (the long prompt of known models and the short one of unknown models) and
2.1.330, 2026-11-22. A section nobody knows is kept: it may be the user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["boilerplate", "spare", "kept"]


class Section(NamedTuple):
    """A part of a prompt. text: with its title line, byte for byte."""

    title: str
    text: str
    kind: Kind


BOILERPLATE = frozenset(
    {
        "tone and style",
        "text output",
        "output style",
        "output efficiency",
        "professional objectivity",
        "doing tasks",
        "task management",
        "using your tools",
        "tool usage policy",
        "asking questions as you work",
        "planning without timelines",
        "looking up your own documentation",
        "code references",
        "auto memory",
        "memory",
        "vscode extension context",
        "ide context",
    }
)
"""Dropped by every compression (product contract: tone, output style, task and tool guidance, memory, editor)."""

SPARE = ("context management", "session-specific guidance", "system", "harness", "executing actions with care")
"""Dropped for the budget only, in this order."""

_MARKS = (
    "You are Claude Code",
    "built on Anthropic's Claude Agent SDK",
    "You are an interactive agent",
    "interactive CLI tool",
)
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\n?", re.DOTALL)
_STARTS = ("gitStatus:", "<env>", "Here is useful information about the environment", "Contents of ", "# claudeMd")
_BLANK_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"[ \t]+\n")


def is_claude_codes(text: str) -> bool:
    """Whether this is Claude Code's own prompt: only then do the titles mean what we think."""
    return any(mark in text for mark in _MARKS)


def split(text: str) -> list[Section]:
    """Return the sections of a prompt; joined, their texts are the prompt."""
    sections: list[Section] = []
    title = ""
    lines: list[str] = []
    for line, start in _lines(text):
        if start and lines:
            sections.append(_section(title, "".join(lines)))
            lines = []
        if start:
            title = start
        lines.append(line)
    return [*sections, _section(title, "".join(lines))] if lines else sections


def folded(section: Section) -> str:
    """Return a section's text without reminders and superfluous white space; what is never touched is not."""
    if section.kind == "kept":
        return section.text
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("\n", _REMINDER.sub("", section.text)))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line, with the title of the section it starts, or an empty string."""
    fenced = False
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            fenced = not fenced
        start = ""
        if not fenced and line.startswith("# "):
            start = line[2:].strip()
        elif not fenced and line.startswith(_STARTS):
            start = line.split(":")[0].strip()
        yield line, start


def _section(title: str, text: str) -> Section:
    name = title.lower().split("(")[0].split(":")[0].strip()
    kind: Kind = "boilerplate" if name in BOILERPLATE else "spare" if name in SPARE else "kept"
    return Section(title, text, kind)
