"""Fewer and shorter tools, for windows that Claude Code's own fill. Deterministic: same tools, same bytes.

What a tool takes stays: names, types, which fields are required. Tools of the user's (MCP, another program's), tools
the request insists on and tools that were called already are never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import items, mapping, text
from .sections import is_claude_codes
from .tool_names import CLAUDE_CODES

_LONGEST = 300  # characters of a tool's description
_LONGEST_FIELD = 100  # of a field's
_LENGTHS = (1200, 600, _LONGEST)  # of descriptions that are to fit a window, the longest that does
_SHARE = 3  # a third of a window is for tools; a third for the system prompt and an answer, a third for the work
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n\n")

_encode = msgspec.json.Encoder().encode


class Trimmed(NamedTuple):
    """A request with fewer tools.

    removed: their names; before, after: characters of all descriptions; longest: characters a description was cut to
    for a window, 0 for none; unmatched: the subset would have left no tool at all, and was not applied.
    """

    request: Mapping[str, Any]
    removed: tuple[str, ...]
    before: int
    after: int
    longest: int = 0
    unmatched: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything is different."""
        return bool(self.removed) or self.after < self.before

    @property
    def summary(self) -> str:
        """One line for the log."""
        gone = f"left out {', '.join(self.removed)}; " if self.removed else ""
        cut = f", each cut to {self.longest} at most" if self.longest else ""
        return f"{gone}descriptions of {self.before} characters, now {self.after}{cut}"


def trim(request: Mapping[str, Any], *, keep: frozenset[str], short: bool) -> Trimmed:
    """Return `request` with the tools named in `keep` (empty: all), described shortly where `short`.

    A subset that would leave nothing is not applied: a model without a tool is of no use to anybody.
    """
    tools = [mapping(tool) for tool in items(request.get("tools"))]
    if not tools:
        return Trimmed(request, (), 0, 0)
    wanted = keep | _needed(request)
    kept = [tool for tool in tools if not keep or _name(tool) in wanted or not _own(tool)]
    unmatched = not kept
    kept = kept or tools
    removed = tuple(_name(tool) for tool in tools if tool not in kept)
    shown = [_shorter(tool, _LONGEST) if short else dict(tool) for tool in kept]
    before, after = (sum(map(_described, some)) for some in (kept, shown))
    return Trimmed({**request, "tools": shown}, removed, before, after, unmatched=unmatched)


def fit(request: Mapping[str, Any], window: int, count: Callable[[str], int]) -> Trimmed:
    """Return `request` with Claude Code's own tools described as shortly as a window of `window` tokens asks for.

    Only what a tool's description says in prose is cut, at a sentence's end; schemas are never touched, nor tools of
    others. Tools that are loaded later have no say in how long the others' descriptions are.
    """
    tools = [mapping(tool) for tool in items(request.get("tools"))]
    first = [tool for tool in tools if tool.get("defer_loading") is not True]
    if not first or not _is_claude_codes(request) or _size(first, count) * _SHARE <= window:
        return Trimmed(request, (), 0, 0)
    for longest in _LENGTHS:
        if _size(_cut(first, longest), count) * _SHARE <= window:
            break
    shown = _cut(tools, longest)
    before, after = (sum(map(_described, some)) for some in (tools, shown))
    return Trimmed({**request, "tools": shown}, (), before, after, longest=longest)


def _size(tools: Sequence[Mapping[str, Any]], count: Callable[[str], int]) -> int:
    return sum(count(_encode(tool).decode()) for tool in tools)


def _cut(tools: Sequence[Mapping[str, Any]], longest: int) -> list[Mapping[str, Any]]:
    return [
        {**tool, "description": _beginning(text(tool.get("description")), longest)}
        if tool.get("description") and _own(tool)
        else tool
        for tool in tools
    ]


def _name(tool: Mapping[str, Any]) -> str:
    return text(tool.get("name"))


def _own(tool: Mapping[str, Any]) -> bool:
    """Whether a tool is Claude Code's, by its name; those with a type of their own are Anthropic's."""
    return _name(tool) in CLAUDE_CODES and tool.get("type") in (None, "custom")


def _is_claude_codes(request: Mapping[str, Any]) -> bool:
    system = request.get("system")
    blocks = [system] if isinstance(system, str) else [text(mapping(block).get("text")) for block in items(system)]
    return any(map(is_claude_codes, blocks))


def _needed(request: Mapping[str, Any]) -> frozenset[str]:
    blocks = (b for m in items(request.get("messages")) for b in items(mapping(m).get("content")))
    called = {_name(mapping(block)) for block in blocks if mapping(block).get("type") == "tool_use"}
    return frozenset(called | {_name(mapping(request.get("tool_choice")))})


def _described(value: object) -> int:
    """The characters of every description in a tool."""
    if isinstance(value, list):
        return sum(map(_described, value))
    if not isinstance(value, Mapping):
        return 0
    own = value.get("description")
    return (len(own) if isinstance(own, str) else 0) + sum(map(_described, value.values()))


def _shorter(value: Any, longest: int) -> Any:
    """A tool or schema with each description cut; a field that is called `description` is no description."""
    if isinstance(value, list):
        return [_shorter(one, _LONGEST_FIELD) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _beginning(one, longest)
        if name == "description" and isinstance(one, str)
        else one
        if name in _VALUES
        else _shorter(one, _LONGEST_FIELD)
        for name, one in value.items()
    }


_VALUES = frozenset({"enum", "const", "default", "examples", "required", "input_examples"})


def _beginning(described: str, longest: int) -> str:
    """As many whole sentences as fit; the first one cut where even that does not."""
    if len(described) <= longest:
        return described
    ends = [found.end() for found in _SENTENCE.finditer(described, 0, longest)]
    return (described[: ends[-1]] if ends else described[: longest - 1] + "…").rstrip()
