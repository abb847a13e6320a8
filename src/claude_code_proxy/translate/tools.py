"""The client's tools as OpenAI functions.

What can't be a function is left out and noted: server tools nothing serves, deferred tools nobody asked for yet,
placeholders, tools only code execution may call. The order is the client's, and what was loaded later stands behind it
in the order of loading, so that prefix caches live.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ..errors import ClientError
from ..wire.shapes import items, mapping, text
from .builtin_tools import Function, builtin_functions
from .dialect import Dialect
from .likeness import as_json, hashed, likeness_of
from .names import legal_name, shown
from .notes import Note, Notes
from .plan import ToolFacts
from .schemas import clean_schema, strict_schema
from .tool_changes import ToolChanges, read_tool_changes
from .tool_choice import forced_server_tool, one_tool_only, translate_tool_choice
from .toolset import TOOL_SEARCH, ToolSet, flat, key_of

__all__ = [
    "ToolSet",
    "forced_server_tool",
    "one_tool_only",
    "translate_tool_choice",
    "translate_tools",
]

_SERVER = re.compile(r"(web_search|web_fetch|code_execution|tool_search_tool|advisor|mcp_toolset)(_|$)")
_ADDED = "messages.tool_addition"
_PLACEHOLDER = "deferredtoolplaceholder"  # Claude Code's, always deferred, never to be called

_encode = msgspec.json.Encoder().encode


class _Tool(NamedTuple):
    """One declared tool that may be sent. later: it was not among the tools of the first turn."""

    function: Function
    declared: Mapping[str, Any]
    path: str
    later: bool = False


def translate_tools(
    request: Mapping[str, Any], dialect: Dialect, notes: Notes, referenced: frozenset[str] = frozenset()
) -> ToolSet:
    """Return the tools of `request`; a deferred one is sent once the messages, `referenced` or a choice name it.

    A session declares the same tools in every turn, so that the result is kept; it is shared: read it only.
    """
    return tools_of(request, dialect, notes, read_tool_changes(request), likeness_of(request).tools, referenced)


def tools_of(  # noqa: PLR0917 - in the order of what is always there
    request: Mapping[str, Any],
    dialect: Dialect,
    notes: Notes,
    changes: ToolChanges,
    declared: bytes | None,
    referenced: frozenset[str] = frozenset(),
) -> ToolSet:
    """Return what `translate_tools` does, of a request that has been looked at. declared: as its likeness has it."""
    if not (request.get("tools") or request.get("tool_choice") or changes.added or changes.asked):
        return ToolSet(limit=dialect.name_length, letters=dialect.name_letters, history=changes.history)
    key = _key(request, declared, changes, referenced, dialect)
    known = _kept.get(key) if key else None
    if known is None:
        noted = Notes()
        known = _Kept(_translated(request, dialect, noted, changes, referenced), tuple(noted))
        if key:
            for oldest in list(_kept)[: len(_kept) - _MOST_KEPT + 1]:  # in steps no other thread comes between
                _kept.pop(oldest, None)
            _kept[key] = known
    for note in known.notes:
        notes.add(*note)
    return known.tools


class _Kept(NamedTuple):
    """Tools translated before, and what was noted."""

    tools: ToolSet
    notes: tuple[Note, ...]


_kept: dict[bytes, _Kept] = {}
_MOST_NAMES = 12  # in the log
_MOST_KEPT = 64  # lists of tools: each subagent of a session has its own
_LARGEST_KEPT = 256 * 1024  # bytes


def _key(
    request: Mapping[str, Any],
    declared: bytes | None,
    changes: ToolChanges,
    referenced: frozenset[str],
    dialect: Dialect,
) -> bytes:
    """Return what the result depends on, as a hash; b"" for tools not to be kept."""
    if declared is None:
        return b""
    facts = as_json((declared, request.get("tool_choice"), changes, sorted(referenced), dialect))
    return hashed(facts) if 0 < len(facts) <= _LARGEST_KEPT else b""


def _translated(
    request: Mapping[str, Any], dialect: Dialect, notes: Notes, changes: ToolChanges, referenced: frozenset[str]
) -> ToolSet:
    wanted = ({*changes.referenced, *referenced} | {_forced(request)}) - {""}
    searches = bool(dialect.web_search)
    selection = _Selection(changes, frozenset(wanted), notes, searched=_is_searched(request), searches=searches)
    for path, declared in _declared(request, changes):
        selection.add(path, declared)
    selection.note_unresolved()
    tools = _in_order_of_loading(selection.tools, changes)
    tools = _limited(tools, dialect.tool_limit, frozenset(wanted), notes)
    if _forbidden(request, dialect, changes):
        notes.add("tool-choice", "tool_choice", "none: the tools are left out")
        tools = []
    return _tool_set(tools, selection, dialect, notes, history=changes.history)


def _declared(request: Mapping[str, Any], changes: ToolChanges) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, tool in enumerate(items(request.get("tools"))):
        yield f"tools.{index}", mapping(tool)
    for tool in changes.added:
        yield _ADDED, tool


def _is_searched(request: Mapping[str, Any]) -> bool:
    """Whether Anthropic's servers would search the deferred tools: a backend can't, so it gets them all."""
    return any(text(mapping(tool).get("type")).startswith(TOOL_SEARCH) for tool in items(request.get("tools")))


def _in_order_of_loading(tools: list[_Tool], changes: ToolChanges) -> list[_Tool]:
    """Return the tools with those that came later behind the others, the first loaded first."""
    places = {name: place for place, name in enumerate(changes.referenced)}
    last = len(places)

    def place(tool: _Tool) -> int:
        names = (tool.function.name, tool.function.toolset)
        return min(places.get(name, last) for name in names) if tool.later else -1

    return sorted(tools, key=place)


def _forced(request: Mapping[str, Any]) -> str:
    choice = mapping(request.get("tool_choice"))
    return text(choice.get("name")) if choice.get("type") == "tool" else ""


def _forbidden(request: Mapping[str, Any], dialect: Dialect, changes: ToolChanges) -> bool:
    """A choice of none on a backend without it: no tools at all, unless the history has calls of declared tools."""
    kind = mapping(request.get("tool_choice")).get("type")
    return kind == "none" and "none" not in dialect.tool_choices and not changes.history


class _Selection:
    """Which of the declared tools are sent."""

    def __init__(
        self, changes: ToolChanges, wanted: frozenset[str], notes: Notes, *, searched: bool, searches: bool
    ) -> None:
        self.tools: list[_Tool] = []
        self.server_tools: list[str] = []
        self.left_out: set[str] = set()
        self.search: Mapping[str, Any] | None = None
        self.search_path = ""
        self._changes = changes
        self._wanted = wanted
        self._notes = notes
        self._searched = searched
        self._searches = searches
        self._keys: set[str] = set()

    def add(self, path: str, declared: Mapping[str, Any]) -> None:
        kind = text(declared.get("type"))
        functions = builtin_functions(declared)
        if functions is not None:
            self._notes.add("tool-shape", path, kind)
        elif kind in {"", "custom"} or "input_schema" in declared:
            functions = [_custom(declared, path)]
        else:
            self._serve(path, declared, kind)
            return
        for function in functions:
            code = self._obstacle(function, declared)
            if code:
                self._notes.add(code, path)
                self.left_out.add(function.name)
            else:
                self._keys.add(key_of(function.name, function.toolset))
                later = self._deferred(function, declared, path) or path == _ADDED
                self.tools.append(_Tool(function, declared, path, later))

    def note_unresolved(self) -> None:
        """Note references to tools nobody declared."""
        known = {name for tool in self.tools for name in (tool.function.name, tool.function.toolset)}
        lost = [name for name in self._changes.asked if name not in known | self.left_out]
        if lost:
            self._notes.add("tool-unresolved", "messages", ", ".join(map(shown, lost[:_MOST_NAMES])))

    def _deferred(self, function: Function, declared: Mapping[str, Any], path: str) -> bool:
        """Whether a tool that is sent was deferred; where nothing can search, it stands in the client's order."""
        deferred = function.deferred or declared.get("defer_loading") is True
        if deferred and self._searched:
            self._notes.add("tool-search", path)
        return deferred and not self._searched

    def _serve(self, path: str, declared: Mapping[str, Any], kind: str) -> None:
        if self._searches and kind.startswith("web_search"):
            self.search, self.search_path = declared, path
            return
        name = text(declared.get("name")) or (_SERVER.match(kind) or [kind])[0].rstrip("_")
        self._notes.add("tool-server", path, shown(kind))
        self.server_tools.append(name)

    def _obstacle(self, function: Function, declared: Mapping[str, Any]) -> str:
        """Return the note code of why a function is not sent, "" when it is."""
        callers = items(declared.get("allowed_callers"))
        if function.name.replace("_", "").lower() == _PLACEHOLDER:
            return "tool-placeholder"
        if callers and "direct" not in callers:
            return "tool-callers"
        if not self._changes.removed.isdisjoint({function.name, function.toolset}):
            return "tool-removed"
        deferred = function.deferred or declared.get("defer_loading") is True
        if deferred and not self._searched and self._wanted.isdisjoint({function.name, function.toolset}):
            return "tool-deferred"
        return "tool-duplicate" if key_of(function.name, function.toolset) in self._keys else ""


def _custom(declared: Mapping[str, Any], path: str) -> Function:
    name = text(declared.get("name"))
    if not name:
        raise ClientError("Field required", path=f"{path}.name")
    return Function(name, text(declared.get("description")), mapping(declared.get("input_schema")))


def _limited(tools: list[_Tool], limit: int, wanted: frozenset[str], notes: Notes) -> list[_Tool]:
    """Keep the tools the conversation already uses and the first of the others, in the client's order."""
    if not limit or len(tools) <= limit:
        return tools
    used = [
        index for index, tool in enumerate(tools) if not wanted.isdisjoint({tool.function.name, tool.function.toolset})
    ]
    rest = [index for index in range(len(tools)) if index not in set(used)]
    kept = set([*used, *rest][:limit])
    dropped = [shown(tool.function.name) for index, tool in enumerate(tools) if index not in kept]
    notes.add("tool-limit", "tools", f"{len(tools)} > {limit}: {', '.join(dropped[:40])}")
    return [tool for index, tool in enumerate(tools) if index in kept]


def _tool_set(tools: list[_Tool], selection: _Selection, dialect: Dialect, notes: Notes, *, history: bool) -> ToolSet:
    functions: list[dict[str, Any]] = []
    facts: dict[str, ToolFacts] = {}
    aliases: dict[str, str] = {}
    sent = {tool.function.name for tool in tools}
    for tool in tools:
        function = tool.function
        alias = _alias(function, dialect, facts, sent)
        if alias != function.name and not function.toolset:
            notes.add("tool-renamed", tool.path, alias)
        declared, meant = _function(tool, alias, dialect, notes)
        functions.append(declared)
        facts[alias] = ToolFacts(name=function.name, schema=meant, toolset=function.toolset)
        aliases[key_of(function.name, function.toolset)] = alias
    return ToolSet(
        functions=functions,
        facts=facts,
        aliases=aliases,
        server_tools=tuple(name for name in dict.fromkeys(selection.server_tools) if name not in sent),
        left_out=frozenset(selection.left_out | {tool.function.name for tool in selection.tools}) - sent,
        limit=dialect.name_length,
        letters=dialect.name_letters,
        history=history,
        search=selection.search,
        search_path=selection.search_path,
    )


def _alias(function: Function, dialect: Dialect, taken: Mapping[str, Any], declared: set[str]) -> str:
    """Return a backend name no other tool of the request has: a name that is legal as it stands goes first."""
    name = flat(function.name, function.toolset)
    alias = legal_name(name, dialect.name_length, dialect.name_letters)
    own = alias == function.name and not function.toolset
    while not own and (alias in taken or alias in declared):
        name += "\0"
        alias = legal_name(name, dialect.name_length, dialect.name_letters)
    return alias


def _function(tool: _Tool, alias: str, dialect: Dialect, notes: Notes) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return the function for the backend, and the schema that its arguments are held against on the way back."""
    path = f"{tool.path}.input_schema"
    function: dict[str, Any] = {"name": alias}
    description = _description(tool, notes)
    if description:
        function["description"] = description
    if tool.declared.get("cache_control"):
        notes.add("tool-cache-marker", tool.path)
    wants_strict = tool.declared.get("strict") is True
    strict = strict_schema(tool.function.schema, dialect, notes, path) if wants_strict and dialect.strict_flag else None
    if strict is not None:
        function |= {"parameters": strict.sent, "strict": True}
        return {"type": "function", "function": function}, strict.meant
    if wants_strict:
        notes.add("tool-strict", tool.path)
    function["parameters"] = clean_schema(tool.function.schema, dialect, notes, path)
    return {"type": "function", "function": function}, tool.function.schema


def _description(tool: _Tool, notes: Notes) -> str:
    examples = [example for example in items(tool.declared.get("input_examples")) if example is not None]
    if not examples:
        return tool.function.description
    notes.add("tool-examples", tool.path)
    lines = "\n".join(_encode(example).decode() for example in examples)
    return f"{tool.function.description}\n\nExamples of input:\n{lines}".lstrip()
