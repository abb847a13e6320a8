"""Claude Code's system prompt cut into its sections, and what each is: boilerplate, spare, or never to be touched.

Titles and openings read from what the CLI sends: 2.1.197 (the long prompt of known models and the short one of unknown
models) and 2.1.330, 2026-11-22. A section counts as Claude Code's by its title and how it begins (`beginnings.py`); one
nobody knows is kept: it may be the user's. Only behind the CLI's own sentence of who it is, in a text that tells the
environment as its prompt does and whose sections mostly begin otherwise, is a title enough: so another version's
wording is known too, and in a prompt of these versions a person's section under one of the titles is theirs. Here
everything of the user's stands behind the environment (`--append-system-prompt` right behind "Context management",
without a mark of its own, then the git status), and project instructions are never followed by a section of Claude
Code's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Literal, NamedTuple

from ..wire.shapes import items, mapping, text
from .beginnings import BOILERPLATE, SPARE, begins_so

Kind = Literal["boilerplate", "spare", "kept"]


def texts_of(system: object) -> list[str]:
    """Return the texts of a request's system prompt, which is one text or a list of blocks."""
    return [system] if isinstance(system, str) else [text(mapping(block).get("text")) for block in items(system)]


class Section(NamedTuple):
    """A part of a prompt. text: with its title line, byte for byte."""

    title: str
    text: str
    kind: Kind


_LATE = frozenset({"output style", "vscode extension context", "ide context"})
"""Boilerplate that may stand behind the environment; any other title there is the user's."""

_OPENINGS = (
    "You are Claude Code",
    "You are a Claude agent, built on",
    "You are an interactive agent",
    "You are an interactive CLI tool",
    "You are an agent working with the user",
)
_IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude"
_EARLY = 400  # characters
_FIRST_LINES = 8  # among which an opening stands, behind an empty line or a billing line
_SURE = 3  # titles of Claude Code's in one text are no chance

_ENVIRONMENT = re.compile(r"# Environment\s*$|<env>|Here is useful information about the environment")
_PROJECT = re.compile(r"# claudeMd|Contents of ")
_GIT = re.compile(r"gitStatus:")
_REMEMBERED = re.compile(r"## MEMORY\.md")  # what a person let it remember
_REMINDER_END = "</system-reminder>"
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\n?", re.DOTALL)
_BLANK_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"(?<![ \t])[ \t]+\n")  # from the first blank on, else a line of them takes for ever


def is_persons(sections: list[Section]) -> bool:
    """Whether these are of a text that is not Claude Code's."""
    return len(sections) == 1 and not sections[0].title and sections[0].kind == "kept"


def sections_of(system: object) -> list[list[Section]]:
    """Return the sections of each text of a system prompt; a text that is not Claude Code's is one, never touched."""
    texts = texts_of(system)
    official = any(_IDENTITY in text[:_EARLY] for text in texts)
    return [
        split(text, official=official and _is_reworded(text)) if is_claude_codes(text) else [Section("", text, "kept")]
        for text in texts
    ]


def _is_reworded(text: str) -> bool:
    """Whether this tells the environment as the CLI does, behind sections that have its titles and other words."""
    ahead = list(takewhile(lambda section: not _tells_environment(section.text), split(text)))
    titled = [section for section in ahead if _name(section.title) in {*BOILERPLATE, *SPARE}]
    known = sum(section.kind != "kept" for section in titled)
    return _tells_environment(text) and known * 2 < len(titled)


def _tells_environment(text: str) -> bool:
    return any(_ENVIRONMENT.match(line) for line in text.splitlines())


def is_claude_codes(text: str) -> bool:
    """Whether this is Claude Code's own prompt: only then do the titles mean what we think.

    A user's own prompt stands beside it as a block of its own, and is none. A version with a new opening is known by
    its titles.
    """
    lines = text.splitlines()
    if any(line.startswith(_OPENINGS) for line in lines[:_FIRST_LINES]):
        return True
    titles = {_name(line[2:]) for line in lines if line.startswith("# ")}
    return len(titles & {*BOILERPLATE, *SPARE}) >= _SURE and _tells_environment(text)


def split(text: str, *, official: bool = False) -> list[Section]:
    """Return the sections of a prompt; joined, their texts are the prompt. official: a title is enough to know one."""
    sections: list[Section] = []
    title, place = "", ""
    lines: list[str] = []
    for line, start in _lines(text):
        if start and lines:
            sections.append(Section(title, "".join(lines), _kind(title, place, lines, official=official)))
            lines = []
        if start:
            title = start
            place = _place(line, place)
        lines.append(line)
    return (
        [*sections, Section(title, "".join(lines), _kind(title, place, lines, official=official))]
        if lines
        else sections
    )


def folded(section: Section) -> str:
    """Return a section's text without reminders and superfluous white space; what is never touched is not."""
    if section.kind == "kept":
        return section.text
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("\n", _without_reminders(section.text)))


def _without_reminders(text: str) -> str:
    """Behind the last end there is nothing to find, and every beginning there would be searched to the text's end."""
    end = text.rfind(_REMINDER_END)
    if end < 0:
        return text
    end += len(_REMINDER_END) + 1
    return _REMINDER.sub("", text[:end]) + text[end:]


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line, with the title of the section it starts, or an empty string.

    A comment in a block of code is no title. What is never touched starts its section even there: a block that nobody
    closed must not swallow it.
    """
    fenced = False
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            fenced = not fenced
        kept = any(start.match(line) for start in (_ENVIRONMENT, _PROJECT, _GIT, _REMEMBERED))
        if line.startswith("# ") and (kept or not fenced):
            yield line, line[2:].strip()
        else:
            yield line, line.split(":")[0].strip() if kept else ""


def _place(line: str, before: str) -> str:
    """Where a section stands: ahead of the environment (nothing), in it or behind it, or in project instructions."""
    if before == "project" or _PROJECT.match(line):
        return "project"
    return "behind" if before or _ENVIRONMENT.match(line) else ""


def _kind(title: str, place: str, lines: list[str], *, official: bool) -> Kind:
    name, section = _name(title), "".join(lines)
    if place == "project" or (place and name not in _LATE):
        return "kept"
    known = official and not place and ":" not in title  # `Output Style: Mine` is a person's
    if begins_so(section, BOILERPLATE.get(name, ())) or (known and name in BOILERPLATE):
        return "boilerplate"
    return "spare" if begins_so(section, SPARE.get(name, ())) or (known and name in SPARE) else "kept"


def _name(title: str) -> str:
    return title.lower().split("(")[0].split(":")[0].strip()
