"""PROMPT_COMPRESSION=compact: Claude Code's boilerplate goes, facts and instructions stay. Same prompt, same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..wire.shapes import items, mapping
from .beginnings import SPARE
from .sections import Section, folded, sections_of, texts_of

CountText = Callable[[str], int]


class Compacted(NamedTuple):
    """A system prompt and what became of it. before, after, budget: tokens; removed: titles, as they stood."""

    system: Any
    removed: tuple[str, ...]
    before: int
    after: int
    budget: int

    @property
    def is_over(self) -> bool:
        """Whether the budget could not be met."""
        return self.after > self.budget

    @property
    def changed(self) -> bool:
        """Whether anything was removed."""
        return self.after < self.before

    @property
    def summary(self) -> str:
        """One line for the log."""
        over = f", {self.after - self.budget} over the budget: the rest is never cut" if self.is_over else ""
        removed = ", ".join(self.removed) or ("white space" if self.changed else "nothing")
        return f"{self.before} -> {self.after} tokens{over}; removed: {removed}"


def compact(system: object, budget: int, count: CountText) -> Compacted:
    """Return `system` (a string or text blocks) within `budget` tokens, if Claude Code's own text suffices."""
    before = sum(map(count, texts_of(system)))
    removed: list[str] = []
    split_blocks = [_without(sections, "boilerplate", removed) for sections in sections_of(system)]
    for title in SPARE:
        if _size(split_blocks, count) <= budget:
            break
        split_blocks = [_without_title(sections, title, removed) for sections in split_blocks]
    texts = ["".join(folded(section) for section in sections) for sections in split_blocks]
    after = sum(count(block) for block in texts)
    return Compacted(_rebuilt(system, texts), tuple(removed), before, after, budget)


def _without(sections: list[Section], kind: str, removed: list[str]) -> list[Section]:
    removed += [section.title for section in sections if section.kind == kind]
    return [section for section in sections if section.kind != kind]


def _without_title(sections: list[Section], title: str, removed: list[str]) -> list[Section]:
    gone = [section for section in sections if section.kind == "spare" and section.title.lower().startswith(title)]
    removed += [section.title for section in gone]
    return [section for section in sections if section not in gone]


def _size(blocks: list[list[Section]], count: CountText) -> int:
    return sum(count("".join(folded(section) for section in sections)) for sections in blocks)


def _rebuilt(system: object, texts: list[str]) -> Any:
    """The prompt in the shape it came in, markers kept; a block that became empty is gone."""
    if isinstance(system, str):
        return texts[0]
    pairs: list[tuple[Mapping[str, Any], str]] = [(mapping(b), t) for b, t in zip(items(system), texts, strict=True)]
    return [
        {**block, "text": shorter} if "text" in block else block
        for block, shorter in pairs
        if shorter or not block.get("text")
    ]
