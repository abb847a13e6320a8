"""Fewer and shorter tools, for windows that Claude Code's own fill: only where a person asked for it. Deterministic.

What a tool takes stays: names, types, which fields are required. Tools of the user's (MCP), tools the request insists
on and tools that were called already are never left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..wire.shapes import items, mapping, text

_LONGEST = 300  # characters of a tool's description
_LONGEST_FIELD = 100  # of a field's
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n\n")
_OTHERS = "mcp__"


class Trimmed(NamedTuple):
    """A request with fewer tools. removed: their names; before, after: characters of all descriptions."""

    request: Mapping[str, Any]
    removed: tuple[str, ...]
    before: int
    after: int

    @property
    def changed(self) -> bool:
        """Whether anything is different."""
        return bool(self.removed) or self.after < self.before

    @property
    def summary(self) -> str:
        """One line for the log."""
        gone = f"left out {', '.join(self.removed)}; " if self.removed else ""
        return f"{gone}descriptions of {self.before} characters, now {self.after}"


def trim(request: Mapping[str, Any], *, keep: frozenset[str], short: bool) -> Trimmed:
    """Return `request` with the tools named in `keep` (empty: all), described shortly where `short`."""
    tools = [mapping(tool) for tool in items(request.get("tools"))]
    if not tools:
        return Trimmed(request, (), 0, 0)
    needed = _needed(request)
    kept = [tool for tool in tools if not keep or _name(tool) in keep | needed or not _is_claude_codes(tool)]
    removed = tuple(_name(tool) for tool in tools if tool not in kept)
    shown = [_shorter(tool, _LONGEST) if short else dict(tool) for tool in kept]
    before, after = (sum(map(_described, some)) for some in (kept, shown))
    return Trimmed({**request, "tools": shown}, removed, before, after)


def _name(tool: Mapping[str, Any]) -> str:
    return text(tool.get("name"))


def _is_claude_codes(tool: Mapping[str, Any]) -> bool:
    """Tools with a type of their own are Anthropic's, those of servers carry the server's name."""
    return not (_name(tool).startswith(_OTHERS) or tool.get("type") not in (None, "custom"))


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
