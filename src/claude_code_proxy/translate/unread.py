"""What a request says in places no backend has a counterpart for: found by its names, so that it can be noted.

The names are those of the API (SDK 2.12.0 types) that the other modules read, or that say nothing a backend could do
differently. Everything else is accepted, left out and told: a field of a later version, or a client's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text
from .builtin_tools import is_builtin
from .context_edits import EDITS

_ALL = frozenset({"type", "cache_control"})
_CALL = frozenset({"id", "name", "input", "caller", "toolset_name"})
_OUTPUT = frozenset({"stdout", "stderr", "return_code", "content"})
_LINES = frozenset({"start_line", "num_lines", "total_lines"})
_RESULT = frozenset({"tool_use_id", "content", "caller", "is_error", "toolset_name"})

_BLOCKS: Mapping[str, frozenset[str]] = {
    kind: _ALL.union(fields)
    for kind, fields in {
        "text": {"text", "citations"},
        "image": {"source"},
        "document": {"source", "title", "context", "citations"},
        "search_result": {"source", "title", "content", "citations"},
        "thinking": {"thinking", "signature"},
        "redacted_thinking": {"data"},
        "tool_use": _CALL,
        "server_tool_use": _CALL,
        "mcp_tool_use": {*_CALL, "server_name"},
        "container_upload": {"file_id"},
        "tool_reference": {"tool_name"},
        "tool_search_tool_search_result": {"tool_references"},
        "browser_state": {"tabs", "state_changes"},
        "web_search_result": {"title", "url", "page_age", "encrypted_content"},
        "web_fetch_result": {"url", "retrieved_at", "content"},
        "code_execution_result": _OUTPUT,
        "bash_code_execution_result": _OUTPUT,
        "encrypted_code_execution_result": {*_OUTPUT, "encrypted_stdout"},
        "text_editor_code_execution_view_result": {*_LINES, "file_type", "content"},
        "text_editor_code_execution_create_result": {"is_file_update"},
        "text_editor_code_execution_str_replace_result": {"lines", "old_start", "old_lines", "new_start", "new_lines"},
        "advisor_result": {"text"},
        "advisor_redacted_result": {"encrypted_content"},
        "tool_addition": {"tool"},
        "tool_removal": {"tool"},
        "compaction": {"content", "encrypted_content", "signature", "tool_changes"},
    }.items()
}
_PLAIN = frozenset({"type", "text"})  # a text without anything
_RESULTS = _ALL | _RESULT

_OBJECTS: Mapping[str, frozenset[str]] = {
    "thinking": frozenset({"type", "budget_tokens", "display"}),
    "tool_choice": frozenset({"type", "name", "disable_parallel_tool_use"}),
    "output_config": frozenset({"effort", "format", "task_budget"}),  # the budget is told by its name
    "metadata": frozenset({"user_id"}),
    "context_management": frozenset({"edits"}),
}
_LOOKED_INTO = frozenset({*_OBJECTS, "output_format", "tools"})
_FORMAT = frozenset({"type", "schema", "name"})
_SOURCE = frozenset({"type", "media_type", "data", "url", "file_id", "content"})
_TOOL = _ALL | {"name", "description", "input_schema", "strict", "input_examples", "defer_loading", "allowed_callers"}
_CUSTOM = _TOOL | {"eager_input_streaming"}  # arguments come as the backend streams them, whatever it says
_OUR_KINDS = frozenset({None, "", "custom"})
_BUILTIN = (_TOOL - {"description", "input_schema"}) | {
    *("max_characters", "display_width_px", "display_height_px", "display_number", "enable_zoom"),
}
_TOOLSET = _TOOL - {"name", "description", "input_schema"} | {"configs"}
_EDIT = frozenset({"type", "trigger", "keep", "clear_at_least", "exclude_tools", "clear_tool_inputs"})
_CLEARED = frozenset({None, "never", "next_user_message"})

_OF_OTHERS = frozenset({"role", "content"})
_OF_SYSTEM = _OF_OTHERS | {"output_config", "clear_at"}
_OF_TURNS = frozenset({"effort"})

_READ = (
    *_BLOCKS.values(),
    *_OBJECTS.values(),
    _RESULTS,
    _FORMAT,
    _SOURCE,
    _CUSTOM,
    _BUILTIN,
    _TOOLSET,
    _EDIT,
    _OF_SYSTEM,
)
NAMES = frozenset().union(*_READ, _OF_SYSTEM)
"""Every name of a field, wherever it belongs."""


class Unread(msgspec.Struct, frozen=True):
    """What was found.

    fields: names nobody reads, as `block.field`, each once; sealed: blocks with words only their provider can read;
    markers: cache breakpoints on anything but tools.
    """

    fields: tuple[str, ...] = ()
    sealed: int = 0
    markers: int = 0


def read_fields(request: Mapping[str, Any]) -> Unread:
    """Look through all of a request but its messages and its system prompt."""
    fields: dict[str, None] = {}  # a set that keeps its order
    _parameters(request, fields)
    return Unread(tuple(fields), 0, 1 if request.get("cache_control") else 0)


def read_unread(request: Mapping[str, Any], known: Unread) -> Unread:
    """Look through a request once. It is walked for every request, so what is as expected costs no call.

    known: as `read_fields` returns it.
    """
    fields = dict.fromkeys(known.fields)
    blocks = _blocks(request, fields)
    sealed, markers = 0, known.markers
    for block in blocks:
        if not block.keys() <= _PLAIN:
            _block(block, fields)
            markers += 1 if block.get("cache_control") else 0
            sealed += 1 if block.get("encrypted_content") else 0
    return Unread(tuple(fields), sealed, markers)


def _parameters(request: Mapping[str, Any], fields: dict[str, None]) -> None:
    if _LOOKED_INTO.isdisjoint(request):
        return
    for name, known in _OBJECTS.items():
        if name in request:
            _unknown(mapping(request[name]), known, name, fields)
    if "output_config" in request or "output_format" in request:
        for holder in (mapping(request.get("output_config")).get("format"), request.get("output_format")):
            _unknown(mapping(holder), _FORMAT, "format", fields)
    managed = mapping(request["context_management"]) if "context_management" in request else {}
    for edit in items(managed["edits"]) if "edits" in managed else ():
        if mapping(edit).get("type") in EDITS:
            _unknown(mapping(edit), _EDIT, "edit", fields)
    for tool in items(request["tools"]) if "tools" in request else ():
        if type(tool) is dict and (not tool.keys() <= _CUSTOM or tool.get("type") not in _OUR_KINDS):
            _tool(tool, fields)


def _tool(tool: Mapping[str, Any], fields: dict[str, None]) -> None:
    """Look at a tool that is no plain one of the client's; those of servers are told as a whole."""
    kind = text(tool.get("type"))
    if kind in _OUR_KINDS or "input_schema" in tool:
        _unknown(tool, _CUSTOM, "tool", fields)
    elif is_builtin(kind):
        _unknown(tool, _TOOLSET if "_toolset_" in kind else _BUILTIN, kind, fields)


def _message(message: Mapping[str, Any], fields: dict[str, None]) -> None:
    known = _OF_SYSTEM if message.get("role") == "system" else _OF_OTHERS
    _unknown(message, known, "message", fields)
    if message.get("clear_at") not in _CLEARED:
        fields["message.clear_at"] = None
    _unknown(mapping(message.get("output_config")), _OF_TURNS, "message.output_config", fields)


def _block(block: Mapping[str, Any], fields: dict[str, None]) -> None:
    kind = text(block.get("type"))
    known = _BLOCKS.get(kind) or (_RESULTS if kind.endswith("tool_result") else None)
    if known is not None:
        _unknown(block, known, kind, fields)
    if "source" in block:
        _unknown(mapping(block["source"]), _SOURCE, f"{kind}.source", fields)
    if mapping(block.get("caller")).get("type", "direct") != "direct":
        fields[f"{kind}.caller"] = None


def _unknown(value: Mapping[str, Any], known: frozenset[str], name: str, fields: dict[str, None]) -> None:
    if not value.keys() <= known:
        for key, held in value.items():
            if key not in known and held is not None:
                fields[f"{name}.{key[:40]}"] = None


def _blocks(request: Mapping[str, Any], fields: dict[str, None]) -> list[Mapping[str, Any]]:
    """Return every block: of the system prompt, of messages, and those inside results, documents and compactions."""
    system = request.get("system")
    found: list[Any] = list(system) if type(system) is list else []
    for message in items(request.get("messages")):
        if type(message) is dict:
            if not message.keys() <= _OF_OTHERS:
                _message(message, fields)
            content = message.get("content")
            if type(content) is list:
                found += content
    for block in list(found):
        if type(block) is dict and not block.keys() <= _PLAIN:
            found += _inside(block)
    return [block for block in found if type(block) is dict]


def _inside(block: Mapping[str, Any]) -> Sequence[Any]:
    content = block.get("content")
    if type(content) is list:
        return content
    return [content] if type(content) is dict else items(mapping(block.get("source")).get("content"))
