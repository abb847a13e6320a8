"""What a conversation says about its tools: loaded by reference, added and taken away between turns.

A deferred tool is sent once a `tool_reference` names it, or once it was called, behind all tools that were there
before: a prefix cache holds the tools as they stood in earlier turns. `tool_addition` and `tool_removal` of system
messages are walked in order; a compaction block carries the changes it swallowed (`tool_changes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text


class ToolChanges(msgspec.Struct, frozen=True):
    """What the messages say.

    referenced: names loaded or called, in that order; asked: those that a reference names, also to what is never sent;
    added: whole definitions; removed: names gone at the end.
    """

    referenced: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    added: tuple[Mapping[str, Any], ...] = ()
    removed: frozenset[str] = frozenset()
    history: bool = False


NO_CHANGES = ToolChanges()
"""Of messages without a block."""


def read_tool_changes(request: Mapping[str, Any]) -> ToolChanges:
    """Read the messages of `request` once. history: there are calls or results of client tools in them."""
    referenced: dict[str, None] = {}  # a set that keeps its order
    asked: dict[str, None] = {}
    removed: set[str] = set()
    added: dict[str, Mapping[str, Any]] = {}
    history = False
    for block in _blocks(request):
        kind = block.get("type")
        if kind == "tool_reference":
            referenced[text(block.get("tool_name"))] = asked[text(block.get("tool_name"))] = None
        elif kind == "tool_use":
            history = True
            referenced |= dict.fromkeys((text(block.get("toolset_name")), text(block.get("name"))))
        elif kind == "tool_result":
            history = True
        elif kind in {"tool_addition", "tool_removal"}:
            _change(block, kind == "tool_addition", referenced, removed, added)
            tool = mapping(block.get("tool"))
            if kind == "tool_addition" and "definition" not in tool:
                asked[text(tool.get("name")) or text(tool.get("server_name"))] = None
    referenced.pop("", None)
    asked.pop("", None)
    return ToolChanges(tuple(referenced), tuple(asked), tuple(added.values()), frozenset(removed - {""}), history)


def _change(
    block: Mapping[str, Any],
    adds: bool,
    referenced: dict[str, None],
    removed: set[str],
    added: dict[str, Mapping[str, Any]],
) -> None:
    tool = mapping(block.get("tool"))
    definition = mapping(tool.get("definition"))
    name = text(definition.get("name")) or text(tool.get("name"))
    if not adds:
        removed.add(name)
        return
    removed.discard(name)
    referenced[name] = None
    if definition:
        added[name or text(definition.get("type"))] = definition


def _blocks(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every block that can say something about tools, those inside results and compactions too."""
    for message in items(request.get("messages")):
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                yield block
                yield from _inside(block)


def _inside(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = block.get("content")
    if isinstance(content, list):
        yield from map(mapping, content)
    elif isinstance(content, dict):
        yield from map(mapping, items(content.get("tool_references")))
    if "tool_changes" in block:
        yield from map(mapping, items(block["tool_changes"]))
