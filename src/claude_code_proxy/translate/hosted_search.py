"""web_search where the backend searches itself: what to ask it, in its own words.

The answer's pages become the result block the client waits for (`search_blocks`). Sources: types of @openrouter/sdk and
openrouter.ai/docs on the `openrouter:web_search` server tool, which replaces the `web` plugin and `:online` (2026-10),
and on ChatServerToolChoice, a tool_choice that forces it by its type (2026-11);
developers.openai.com on web search in chat completions, which only its search models do (2026-10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.shapes import count, items, mapping, text
from .dialect import Dialect
from .notes import Notes
from .server_tools import last_words
from .toolset import ToolSet

_ASKED = "Perform a web search for the query: "  # how Claude Code's WebSearch asks
_SERVER_TOOL = "openrouter:web_search"
_MUST_SEARCH = "Search the web before you answer."
_HEARD = frozenset({"type", "name", "max_uses", "allowed_domains", "blocked_domains", "user_location", "cache_control"})
_PLACE = ("city", "region", "country", "timezone")


class HostedSearch(msgspec.Struct, frozen=True):
    """What a hosted search adds to a request.

    query: as far as it is known; None: there is no search; demanded: tool_choice names it.
    """

    query: str | None = None
    tools: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    sentence: str = ""
    demanded: bool = False


def hosted_search(request: Mapping[str, Any], tools: ToolSet, dialect: Dialect, notes: Notes) -> HostedSearch:
    """Return how the backend is asked to search; nothing where the client declared no search or nobody serves it."""
    declared = tools.search
    if declared is None or mapping(request.get("tool_choice")).get("type") == "none":
        return HostedSearch()
    notes.add("search-hosted", tools.search_path)
    query = last_words(request).removeprefix(_ASKED)
    forced = mapping(request.get("tool_choice")).get("name") == (text(declared.get("name")) or "web_search")
    sentence = _MUST_SEARCH if forced else ""
    unheard = [name[:40] for name in declared if name not in _HEARD and declared[name]]
    if dialect.web_search == "server_tool":
        told = forced and "named" in dialect.tool_choices
        if forced and not told:
            notes.add("tool-choice", "tool_choice", "a search is asked for in words")
        return _told(
            HostedSearch(
                query,
                [_server_tool(declared)],
                {"tool_choice": {"type": _SERVER_TOOL}} if told else {},
                "" if told else sentence,
                demanded=forced,
            ),
            unheard,
            tools,
            notes,
        )
    unheard += [name for name in ("max_uses", "allowed_domains", "blocked_domains") if declared.get(name)]
    place = _place(declared)
    if dialect.web_search == "builtin":
        return _told(
            HostedSearch(query, demanded=forced), [*unheard, *(["user_location"] if place else [])], tools, notes
        )
    options = {"user_location": {"type": "approximate", "approximate": place}} if place else {}
    return _told(HostedSearch(query, [], {"web_search_options": options}, demanded=forced), unheard, tools, notes)


def _told(hosted: HostedSearch, unheard: list[str], tools: ToolSet, notes: Notes) -> HostedSearch:
    if unheard:
        notes.add("search-limits", tools.search_path, ", ".join(unheard))
    return hosted


def _server_tool(declared: Mapping[str, Any]) -> dict[str, Any]:
    """OpenRouter's own tool: the model decides when to search, as it does with Anthropic's."""
    place = _place(declared)
    asked: dict[str, Any] = {
        "max_uses": count(declared.get("max_uses")),
        "allowed_domains": [name for name in items(declared.get("allowed_domains")) if isinstance(name, str)],
        "excluded_domains": [name for name in items(declared.get("blocked_domains")) if isinstance(name, str)],
        "user_location": {"type": "approximate", **place} if place else {},
    }
    parameters = {name: value for name, value in asked.items() if value}
    tool: dict[str, Any] = {"type": _SERVER_TOOL}
    return {**tool, "parameters": parameters} if parameters else tool


def _place(declared: Mapping[str, Any]) -> dict[str, str]:
    location = mapping(declared.get("user_location"))
    return {name: text(location.get(name)) for name in _PLACE if text(location.get(name))}
