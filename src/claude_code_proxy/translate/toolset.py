"""The tools of one request, under both their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .names import Letters, legal_name
from .plan import ToolFacts

TOOL_SEARCH = "tool_search_tool"
"""Begins the types and names of Anthropic's searches for deferred tools."""


class ToolSet(msgspec.Struct, frozen=True):
    """The tools of one request.

    functions: OpenAI's `tools`; empty: the key is left out. facts: by backend name. aliases: backend name by client
    name (members of a toolset as `toolset/member`). server_tools: declared tools that Anthropic's servers would run.
    left_out: client tools that were declared and are not sent. limit, letters: of a name. history: calls or results
    were found in the messages. search: the declared web_search, where the backend serves it; search_path: its place.
    """

    functions: list[dict[str, Any]] = []
    facts: dict[str, ToolFacts] = {}
    aliases: dict[str, str] = {}
    server_tools: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    limit: int = 64
    letters: Letters = "any"
    history: bool = False
    search: Mapping[str, Any] | None = None
    search_path: str = ""

    def alias_of(self, name: str, toolset: str = "") -> str:
        """Return the backend's name of any tool: declared, or only found in the history (invented ones too)."""
        return self.aliases.get(key_of(name, toolset)) or legal_name(flat(name, toolset), self.limit, self.letters)


def flat(name: str, toolset: str) -> str:
    """Return one name for a member of a toolset, `computer__left_click`; members of two toolsets share names."""
    return f"{toolset}__{name}" if toolset else name


def key_of(name: str, toolset: str) -> str:
    """Return the key of a client's tool in `ToolSet.aliases`."""
    return f"{toolset}/{name}" if toolset else name
