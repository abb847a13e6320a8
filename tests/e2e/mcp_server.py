"""A tiny MCP server over stdio, nothing but the standard library: 40 tools whose names Claude Code makes 90 characters long."""

from __future__ import annotations

import json
import sys
from typing import Any

SERVER = "warehouse"
TOOLS = 40
FULL_LENGTH = 90


def full_name(number: int) -> str:
    """Return the name Claude Code gives the tool: `mcp__server__tool`, 90 characters."""
    return f"mcp__{SERVER}__{tool_name(number)}"


def tool_name(number: int) -> str:
    """Return the tool's own name. All differ only at their end, where a careless cut makes them the same."""
    stem = "count_all_the_items_that_are_stored_in_the_warehouse_on_the_shelf_with_the_number_"
    room = FULL_LENGTH - len(f"mcp__{SERVER}__") - len("_00")
    return f"{stem[:room].ljust(room, 'x')}_{number:02d}"


def tool(number: int) -> dict[str, Any]:
    """Return a tool's declaration, with what MCP servers like to write into schemas."""
    shelf = {"anyOf": [{"$ref": "#/$defs/Shelf"}, {"type": "null"}], "default": None}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"item": {"type": "string"}, "shelf": shelf},
        "required": ["item"],
        "$defs": {"Shelf": {"type": "object", "properties": {"row": {"type": "integer", "format": "int32"}}}},
        "additionalProperties": False,
    }
    return {"name": tool_name(number), "description": f"Counts items on shelf number {number}.", "inputSchema": schema}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the result of one call."""
    if method == "initialize":
        version = params.get("protocolVersion", "2025-06-18")
        return {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": SERVER, "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [tool(number) for number in range(TOOLS)]}
    if method == "tools/call":
        said = f"{params['name'][-2:]} counted {json.dumps(params['arguments'], sort_keys=True)}"
        return {"content": [{"type": "text", "text": said}], "isError": False}
    return {}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params") or {})
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
