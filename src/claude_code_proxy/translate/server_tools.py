"""Server tools that nothing serves: the answer says so in the block the client waits for, and never hangs.

Claude Code's WebSearch asks with nothing but `web_search_*` in its tools and reads the result block; without one it
reports "0 searches" as if the search had found nothing (case TO-09). Block shapes: Anthropic SDK 2.12.0 types.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from ..wire.shapes import items, mapping, text
from .tool_choice import forced_server_tool
from .toolset import TOOL_SEARCH, ToolSet

_RESULTS: Mapping[str, str] = {
    "web_search": "web_search_tool_result",
    "web_fetch": "web_fetch_tool_result",
    "code_execution": "code_execution_tool_result",
    "bash_code_execution": "bash_code_execution_tool_result",
    "text_editor_code_execution": "text_editor_code_execution_tool_result",
    "tool_search_tool_regex": "tool_search_tool_result",
    "tool_search_tool_bm25": "tool_search_tool_result",
    "advisor": "advisor_tool_result",
}
_MEMBERS = {"bash_code_execution": "code_execution", "text_editor_code_execution": "code_execution"}
_LONGEST_QUERY = 400
_TOLD = (
    "The tool {name} is not available here, and its call has just failed. Say so plainly. You may answer from what you "
    "know, but make clear that nothing was looked up or run."
)


def unserved(request: Mapping[str, Any], tools: ToolSet) -> tuple[tuple[dict[str, Any], ...], str]:
    """Return the blocks that open the answer, and a sentence for the model; both empty when nothing has to be said.

    The blocks' id is the answer's to give.

    Something has to be said when the client forces a server tool, or declares nothing else: then it waits for a result.
    """
    name = forced_server_tool(request, tools) if "tool_choice" in request else ""
    if not name and tools.server_tools and not tools.functions and not tools.left_out:
        name = tools.server_tools[0]
    if not name:
        return (), ""
    found_anyway = name.startswith(TOOL_SEARCH) and tools.functions  # every tool it could find is there
    forbidden = mapping(request.get("tool_choice")).get("type") == "none"
    if name not in _RESULTS or found_anyway or forbidden:
        return (), ""
    return failed_call(name, _input(name, last_words(request))), _TOLD.format(name=name)


def failed_call(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the call of a server tool and the result that says that nothing serves it; their id is not set."""
    kind = _RESULTS[name]
    call = {"type": "server_tool_use", "id": "", "name": name, "input": dict(given)}
    failure = {"type": f"{kind}_error", "error_code": "unavailable"}
    return call, {"type": kind, "tool_use_id": "", "content": failure}


def is_unserved(name: str, server_tools: Container[str]) -> bool:
    """Whether a call goes to one of these server tools, or to a part of one, and has a result block of its own."""
    return name in _RESULTS and (name in server_tools or _MEMBERS.get(name) in server_tools)


def _input(name: str, query: str) -> dict[str, str]:
    return {"query": query} if name in ("web_search", "tool_search_tool_bm25") else {}


def last_words(request: Mapping[str, Any]) -> str:
    """What the user asked for last, as the query of the call that could not be made."""
    for message in reversed(items(request.get("messages"))):
        content = mapping(message).get("content")
        texts = (
            [content] if isinstance(content, str) else [text(mapping(b).get("text")) for b in reversed(items(content))]
        )
        found = next((words.strip() for words in texts if words and words.strip()), "")
        if mapping(message).get("role") == "user" and found:
            return found[:_LONGEST_QUERY]
    return ""
