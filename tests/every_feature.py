"""Requests that use one feature of the Messages API each, every value in them a word that stands nowhere else.

`FEATURES` maps what a request is about to its fields; `PARTS` holds the same by what can be put together at random:
blocks of users, turns of assistants with what answers them, tools and parameters. The API is that of SDK 2.12.0.
"""

from __future__ import annotations

import itertools
from typing import Any

Block = dict[str, Any]

_numbers = itertools.count(1)

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQK"
MARK = {"type": "ephemeral"}


def word() -> str:
    """Return a word that stands nowhere else."""
    return f"w{next(_numbers):04d}q"


def text(**more: Any) -> Block:
    return {"type": "text", "text": word(), **more}


def user(*blocks: Any) -> Block:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> Block:
    return {"role": "assistant", "content": list(blocks)}


def system(*blocks: Any, **more: Any) -> Block:
    return {"role": "system", "content": list(blocks), **more}


def image(**more: Any) -> Block:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}, **more}


def document(source: Block, **more: Any) -> Block:
    return {"type": "document", "source": source, "title": word(), "context": word(), **more}


def plain() -> Block:
    return {"type": "text", "media_type": "text/plain", "data": word()}


def found(**more: Any) -> Block:
    return {"type": "search_result", "source": word(), "title": word(), "content": [text(), text()], **more}


def use(call_id: str = "t1", name: str = "Read", **more: Any) -> Block:
    given = {"p": word(), "deep": {"list": [1234567, 0.125, True, word()]}}
    return {"type": "tool_use", "id": call_id, "name": name, "input": given, **more}


def result(content: Any, call_id: str = "t1", **more: Any) -> Block:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def tool(name: str = "Read", **more: Any) -> Block:
    schema = {"type": "object", "properties": {"p": {"type": "string", "description": word()}}, "required": ["p"]}
    return {"name": name, "description": word(), "input_schema": schema, **more}


def served(name: str, content: Any) -> list[Block]:
    """Return the call of a server's tool and its result."""
    call = {"type": "server_tool_use", "id": "s1", "name": name, "input": {"query": word()}}
    kind = "tool_search" if name.startswith("tool_search") else name
    return [call, {"type": f"{kind}_tool_result", "tool_use_id": "s1", "content": content}]


def ran(kind: str, **more: Any) -> Block:
    files = [{"type": f"{kind}_output", "file_id": word()}]
    return {"type": f"{kind}_result", "stdout": word(), "stderr": word(), "return_code": 1237, "content": files, **more}


def cited(**more: Any) -> Block:
    return text(citations=[{"type": "char_location", "cited_text": word(), "document_title": word(), **more}])


USERS: dict[str, Block] = {
    "text": text(),
    "text with citations": cited(),
    "text with a field of tomorrow": text(tone=word()),
    "text with a breakpoint": text(cache_control={**MARK, "ttl": "1h"}),
    "image": image(),
    "image by address": {"type": "image", "source": {"type": "url", "url": f"https://example.org/{word()}"}},
    "image by file": {"type": "image", "source": {"type": "file", "file_id": word()}},
    "image no model takes": {"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": "PHN2Zz4="}},
    "image not to be scaled": image(transformations={"oversized_image": "error"}),
    "image of a source of tomorrow": {"type": "image", "source": {"type": "beam", "ray": word()}},
    "document of text": document(plain()),
    "document to be cited": document(plain(), citations={"enabled": True}),
    "document not to be cited": document(plain(), citations={"enabled": False}),
    "document of a string": document({"type": "content", "content": word()}),
    "document of blocks": document({"type": "content", "content": [text(), image()]}),
    "document by file": document({"type": "file", "file_id": word()}),
    "document by address": document({"type": "url", "url": f"https://example.org/{word()}"}),
    "document in PDF": document({"type": "base64", "media_type": "application/pdf", "data": PDF}),
    "document of a source of tomorrow": document({"type": "beam", "ray": word()}),
    "search result": found(citations={"enabled": False}),
    "search result to be cited": found(citations={"enabled": True}),
    "search result with a picture": {**found(), "content": [text(), image()]},
    "upload": {"type": "container_upload", "file_id": word()},
    "compaction": {"type": "compaction", "content": word()},
    "sealed compaction": {"type": "compaction", "content": word(), "encrypted_content": word(), "signature": word()},
    "block of tomorrow": {"type": "hologram", "beams": word(), "count": 1234599},
}  # fmt: skip

RESULTS: dict[str, Any] = {
    "a string": word(),
    "texts": [text(), text()],
    "a picture": [text(), image()],
    "a picture by address": [USERS["image by address"]],
    "a document": [document(plain())],
    "a PDF": [document({"type": "base64", "media_type": "application/pdf", "data": PDF})],
    "a search result": [found()],
    "a reference": [{"type": "tool_reference", "tool_name": "Read"}],
    "a reference to nothing": [{"type": "tool_reference", "tool_name": f"Tool{word()}"}],
    "a browser": [
        {
            "type": "browser_state",
            "tabs": [
                {"tab_id": word(), "title": word(), "url": word(), "active": True},
                {"tab_id": 7777123, "title": word(), "url": word(), "sound": word()},
            ],
            "state_changes": [
                {"type": "navigated", "tab_id": word(), "url": word()},
                {"type": "download", "download_id": word(), "path": word(), "error": word(), "size": 6543217},
            ],
        }
    ],
    "cited text": [cited()],
    "a block of tomorrow": [{"type": "hologram", "beams": word()}],
    "a marked text": [text(cache_control=MARK)],
    "a call": [use("t9")],
}

ASSISTANTS: dict[str, list[Block]] = {
    "text": [text()],
    "cited text": [cited(url=word(), encrypted_index=word())],
    "an image": [image(), text()],
    "a document": [document(plain()), text()],
    "thinking of others": [{"type": "thinking", "thinking": word(), "signature": word()}, text()],
    "thinking without a signature": [{"type": "thinking", "thinking": word()}, text()],
    "redacted thinking": [{"type": "redacted_thinking", "data": word()}, text()],
    "a web search": [text(), *served("web_search", [{"type": "web_search_result", "title": word(), "url": word(), "page_age": word(), "encrypted_content": word()}])],
    "a failed web search": served("web_search", {"type": "web_search_tool_result_error", "error_code": word()}),
    "an error that says more": served("warp", {"type": "warp_tool_result_error", "error_code": word(), "hint": word()}),
    "a web fetch": served("web_fetch", {"type": "web_fetch_result", "url": word(), "retrieved_at": word(), "content": document(plain())}),
    "a web fetch of tomorrow": served("web_fetch", {"type": "web_fetch_result", "url": word(), "cached": word(), "content": document(plain())}),
    "executed code": served("code_execution", ran("code_execution")),
    "sealed code": served("code_execution", {"type": "encrypted_code_execution_result", "encrypted_stdout": word(), "stderr": word(), "return_code": 3, "content": []}),
    "executed bash": served("bash_code_execution", ran("bash_code_execution")),
    "a viewed file": served("text_editor_code_execution", {"type": "text_editor_code_execution_view_result", "file_type": "text", "content": word(), "start_line": 8823, "num_lines": 3, "total_lines": 9923}),
    "a viewed picture": served("text_editor_code_execution", {"type": "text_editor_code_execution_view_result", "file_type": "image", "content": PNG}),
    "a created file": served("text_editor_code_execution", {"type": "text_editor_code_execution_create_result", "is_file_update": True}),
    "a changed file": served("text_editor_code_execution", {"type": "text_editor_code_execution_str_replace_result", "lines": [word(), word()], "old_start": 5531, "old_lines": 5532, "new_start": 5533, "new_lines": 5534}),
    "a tool search": served("tool_search_tool_regex", {"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "Read"}]}),
    "advice": served("advisor", {"type": "advisor_result", "text": word()}),
    "sealed advice": served("advisor", {"type": "advisor_redacted_result", "encrypted_content": word()}),
    "a tool of tomorrow": served("warp", {"type": "warp_result", "speed": word(), "count": 4455123}),
    "an MCP call": [
        {"type": "mcp_tool_use", "id": "s1", "name": word(), "server_name": word(), "input": {"a": word()}},
        {"type": "mcp_tool_result", "tool_use_id": "s1", "content": [text()], "is_error": True},
    ],
    "a block of tomorrow": [{"type": "hologram", "beams": word()}],
}  # fmt: skip

CALLS: dict[str, Block] = {
    "plain": use(),
    "from the client": use(caller={"type": "direct"}),
    "from code": use(caller={"type": "code_execution_20260120", "tool_id": word()}),
    "with a breakpoint": use(cache_control=MARK),
    "with a string": use(input=word()),
    "with a list": use(input=[word(), 7654321]),
    "unparsed": use(input={"__unparsedToolInput": {"raw": f'{{"a": {word()}', "len": 9}}),
    "unparsed beside others": use(input={"__unparsedToolInput": {"raw": f'{{"a": "{word()}"}}', "len": 9}, "b": word()}),
    "nameless": use(name=""),
    "of a toolset": use(name="left_click", toolset_name="computer"),
}  # fmt: skip

SYSTEMS: dict[str, Block] = {
    "a string": {"role": "system", "content": word()},
    "blocks": system(text(), text()),
    "an image": system(image(), text()),
    "an effort": system(text(), output_config={"effort": "low"}),
    "a configuration of tomorrow": system(text(), output_config={"verbosity": word()}),
    "words that are to go some day": system(text(), clear_at=word()),
    "a new tool": system({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool("Added")}}),
    "a tool nobody knows": system({"type": "tool_addition", "tool": {"type": "tool_reference", "name": word()}}),
    "tools of an MCP server": system({"type": "tool_addition", "tool": {"type": "mcp_toolset_reference", "server_name": word()}}),
}  # fmt: skip

TOOLS: dict[str, Block] = {
    "plain": tool("Plain"),
    "custom": tool("Custom", type="custom"),
    "strict": tool("Strict", strict=True),
    "with examples": tool("Examples", input_examples=[{"p": word()}, word()]),
    "eager": tool("Eager", eager_input_streaming=True),
    "called by code too": tool("Callers", allowed_callers=["direct", "code_execution_20260120"]),
    "called by code only": tool("Inner", allowed_callers=["code_execution_20260120"]),
    "deferred": tool("Later", defer_loading=True),
    "with a breakpoint": tool("Marked", cache_control=MARK),
    "with a field of tomorrow": tool("Fields", color=word()),
    "without anything": {"name": "Bare"},
    "with a long name": tool(f"mcp__{'x' * 90}"),
    "with an odd name": tool("größe a.b"),
    "of tomorrow": {"type": "warp_20270101", "name": "warp", "speed": word()},
    "of tomorrow with a schema": tool("warped", type="warp_20270101", speed=word()),
    "bash": {"type": "bash_20250124", "name": "bash", "input_examples": [{"command": word()}], "color": word()},
    "editor": {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 876543},
    "memory": {"type": "memory_20250818", "name": "memory", "cache_control": MARK},
    "computer": {"type": "computer_20251124", "name": "computer", "display_width_px": 1023, "display_height_px": 767, "display_number": 77, "enable_zoom": True},
    "toolset": {"type": "browser_toolset_20260801", "configs": {"zoom": {"enabled": False}, "wait": {"defer_loading": True}}, "size": word()},
    "web search": {"type": "web_search_20250305", "name": "web_search", "max_uses": 7123, "allowed_domains": [word()], "blocked_domains": [word()], "user_location": {"type": "approximate", "city": word(), "region": word(), "country": "DE", "timezone": word()}},
    "newer web search": {"type": "web_search_20260318", "name": "web_search", "response_inclusion": word(), "defer_loading": True},
    "web fetch": {"type": "web_fetch_20260309", "name": "web_fetch", "use_cache": True, "max_content_tokens": 5123, "url_sources": [word()]},
    "code execution": {"type": "code_execution_20260521", "name": "code_execution"},
    "MCP toolset": {"type": "mcp_toolset", "mcp_server_name": word(), "tools": [{"name": word()}]},
    **{
        f"with a schema of {kind}": {"name": "Schema", "description": "d", "input_schema": {"type": "object", "title": word(), "properties": {"a": schema}, "required": ["a"], "$defs": {"R": {"type": "string", "description": word()}}}}
        for kind, schema in {
            "bounds": {"type": "integer", "minimum": 71231, "maximum": 71232, "exclusiveMinimum": 71233, "multipleOf": 71234},
            "patterns": {"type": "string", "pattern": f"^{word()}", "format": "uri", "minLength": 4, "maxLength": 71235},
            "choices": {"anyOf": [{"type": "string", "enum": [word(), word()]}, {"const": word()}, {"$ref": "#/$defs/R"}]},
            "lists": {"type": "array", "items": {"$ref": "#/$defs/R"}, "minItems": 2, "maxItems": 71236, "contains": {"const": word()}},
            "objects": {"type": "object", "properties": {"b": {"$ref": "#/$defs/R"}}, "patternProperties": {f"^{word()}": {"description": word()}}, "dependentRequired": {"b": [word()]}},
            "words": {"type": "string", "title": word(), "default": word(), "examples": [word()], "$comment": word(), "x-own": word(), "description": word()},
        }.items()
    },
}  # fmt: skip

_SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "description": word(), "pattern": word()}}, "required": ["a"]}  # fmt: skip
PARAMETERS: dict[str, Block] = {
    "temperature": {"temperature": 0.317},
    "top_p": {"top_p": 0.713},
    "top_k": {"top_k": 317},
    "stop_sequences": {"stop_sequences": [word(), word()]},
    "metadata": {"metadata": {"user_id": word(), "team": word()}},
    "service_tier": {"service_tier": "standard_only"},
    "a tier of tomorrow": {"service_tier": word()},
    "speed": {"speed": "fast"},
    "a speed of tomorrow": {"speed": word()},
    "two speeds": {"speed": "fast", "service_tier": "standard_only"},
    "inference_geo": {"inference_geo": word()},
    "container": {"container": {"id": word()}},
    "diagnostics": {"diagnostics": {"previous_message_id": word()}},
    "fallbacks": {"fallbacks": [{"model": word()}]},
    "mcp_servers": {"mcp_servers": [{"type": "url", "url": word(), "name": word()}]},
    "a parameter of tomorrow": {"mood": word()},
    "cache_control": {"cache_control": MARK},
    "a compaction": {"context_management": {"edits": [{"type": "compact_20260112", "instructions": word()}]}},
    "an edit of tomorrow": {"context_management": {"edits": [{"type": "clear_tool_uses_20250919", "mood": word()}]}},
    "a budget": {"thinking": {"type": "enabled", "budget_tokens": 4321}},
    "a budget beside adaptive": {"thinking": {"type": "adaptive", "budget_tokens": 4321}},
    "bound thinking": {"thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": word()}}},
    "thinking of tomorrow": {"thinking": {"type": "later", "display": word()}},
    "effort": {"output_config": {"effort": "xhigh"}},
    "an effort of tomorrow": {"output_config": {"effort": word()}},
    "a task budget": {"output_config": {"task_budget": {"type": "tokens", "total": 123432}}},
    "an output of tomorrow": {"output_config": {"verbosity": word()}},
    "a format": {"output_config": {"format": {"type": "json_schema", "name": word(), "schema": _SCHEMA}}},
    "the older format": {"output_format": {"type": "json_schema", "schema": _SCHEMA}},
    "both formats": {"output_config": {"format": {"type": "json_schema", "schema": _SCHEMA}}, "output_format": {"type": "json_schema", "schema": {"type": "object", "title": word()}}},
    "a described format": {"output_config": {"format": {"type": "json_schema", "description": word(), "schema": _SCHEMA}}},
    "a format of tomorrow": {"output_config": {"format": {"type": "grammar", "rules": word()}}},
}  # fmt: skip


def answered(call: Block, said: Any, **more: Any) -> list[Block]:
    """Return the turns of a call: asked, made, answered."""
    return [user(text()), assistant(text(), call), user(result(said, **more), text())]


def _features() -> dict[str, Block]:
    listed = [tool()]
    click = [{"type": "computer_toolset_20260801"}]
    return {
        "a system string": {"system": word()},
        "system blocks": {"system": [text(), text(cache_control=MARK), cited()]},
        "a system document": {"system": [document(plain())]},
        **{f"user: {name}": {"messages": [user(block, text())]} for name, block in USERS.items()},
        **{f"assistant: {name}": {"messages": [user(text()), assistant(*blocks), user(text())], "tools": listed} for name, blocks in ASSISTANTS.items()},
        **{f"result: {name}": {"messages": answered(use(), said), "tools": listed} for name, said in RESULTS.items()},
        **{f"failed result: {name}": {"messages": answered(use(), said, is_error=True), "tools": listed} for name, said in RESULTS.items()},
        **{f"orphaned result: {name}": {"messages": [user(text(), result(said))], "tools": listed} for name, said in RESULTS.items()},
        **{f"call: {name}": {"messages": answered(call, word()), "tools": click if "toolset" in name else listed} for name, call in CALLS.items()},
        **{f"system in between: {name}": {"messages": [user(text()), message, user(text())], "tools": listed} for name, message in SYSTEMS.items()},
        **{f"tool: {name}": {"tools": [one]} for name, one in TOOLS.items()},
        **{f"tool beside another: {name}": {"tools": [tool(), one]} for name, one in TOOLS.items()},
        **{f"parameter: {name}": fields for name, fields in PARAMETERS.items()},
        **{f"parameter beside a tool: {name}": {**fields, "tools": listed} for name, fields in PARAMETERS.items()},
        "a prefill": {"messages": [user(text()), assistant(text())]},
        "a role of tomorrow": {"messages": [{"role": "narrator", "content": word()}, user(text())]},
        "a message with more": {"messages": [{**user(text()), "id": word(), "name": word()}]},
        "a call nobody answered": {"messages": [user(text()), assistant(use()), user(text())], "tools": listed},
        "a call answered twice": {"messages": [user(text()), assistant(use()), user(result(word()), result(word()))], "tools": listed},
    }  # fmt: skip


FEATURES: dict[str, Block] = _features()
