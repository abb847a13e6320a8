"""An independent, strict validator of chat-completions bodies, after what OpenAI's server refuses.

It shares no code with the product. `problems(body)` returns one line for everything OpenAI would answer 400 to; an
empty list is a legal body. What other backends accept beyond OpenAI is allowed by naming it:

    problems(body, top_level={"top_k"}, message={"reasoning_content"}, call={"extra_content"})
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import Any

TOP_LEVEL = frozenset(
    [
        "messages",
        "model",
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
MESSAGE_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "audio", "tool_calls", "function_call"},
    "tool": {"role", "content", "tool_call_id"},
}
PARTS = {
    "system": {"text"},
    "developer": {"text"},
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
}
PART_KEYS = {
    "text": {"type", "text", "prompt_cache_breakpoint"},
    "image_url": {"type", "image_url", "prompt_cache_breakpoint"},
    "input_audio": {"type", "input_audio", "prompt_cache_breakpoint"},
    "file": {"type", "file", "prompt_cache_breakpoint"},
    "refusal": {"type", "refusal"},
}
EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh", "max"}
TIERS = {"auto", "default", "flex", "scale", "priority", "fast"}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_ID = 40
MAX_TOOLS = 128
MAX_STOPS = 4
MAX_BREAKPOINTS = 4


def problems(
    body: object,
    *,
    top_level: Collection[str] = (),
    message: Collection[str] = (),
    part: Collection[str] = (),
    call: Collection[str] = (),
    tool_parts: bool = False,
    file_addresses: bool = False,
    max_id: int = MAX_ID,
    tool_types: Collection[str] = (),
) -> list[str]:
    """Return what is wrong with a chat-completions body, one line each.

    top_level, message, part, call: further keys to allow there; tool_parts: tool messages may hold images;
    file_addresses: a file's data may be its address; max_id: longest tool call id; tool_types: of tools the backend
    runs itself, beside functions.
    """
    if not isinstance(body, dict):
        return ["body: not an object"]
    keys = (frozenset(message), frozenset(part), frozenset(call))
    allowed = _Allowed(*keys, tool_parts=tool_parts, file_addresses=file_addresses, max_id=max_id)
    return [
        *_serialisable(body),
        *_unknown(body, TOP_LEVEL | set(top_level), "body"),
        *_nowhere_cache_control(body, allowed.part | set(top_level)),
        *_model(body),
        *_messages(body.get("messages"), allowed),
        *_pairing(body.get("messages")),
        *_tools(body, tool_types),
        *_tool_choice(body),
        *_numbers(body),
        *_stops(body.get("stop")),
        *_words(body),
        *_stream(body),
        *_response_format(body.get("response_format")),
        *_breakpoints(body.get("messages")),
    ]


class _Allowed:
    def __init__(
        self,
        message: frozenset[str],
        part: frozenset[str],
        call: frozenset[str],
        *,
        tool_parts: bool,
        file_addresses: bool,
        max_id: int,
    ) -> None:
        self.message, self.part, self.call, self.tool_parts, self.max_id = message, part, call, tool_parts, max_id
        self.file_data = r"data:[a-z]+/[a-z0-9.+-]+;base64,." + (r"|https?://." if file_addresses else "")


def _serialisable(body: dict[str, Any]) -> Iterator[str]:
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        yield f"body: cannot be written as JSON: {error}"


def _unknown(value: dict[str, Any], known: Collection[str], path: str) -> Iterator[str]:
    for key in value:
        if key not in known:
            yield f"{path}.{key}: unrecognized request argument"


def _nowhere_cache_control(value: Any, allowed: Collection[str], path: str = "body") -> Iterator[str]:
    if "cache_control" in allowed:
        return
    if path.endswith((".parameters", ".schema")):
        return  # a tool's own schema may name a property so
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "cache_control":
                yield f"{path}: cache_control"
            yield from _nowhere_cache_control(item, allowed, f"{path}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _nowhere_cache_control(item, allowed, f"{path}.{number}")


def _model(body: dict[str, Any]) -> Iterator[str]:
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "model: required, a string"


# -- messages -----------------------------------------------------------------------------------------------------


def _messages(messages: Any, allowed: _Allowed) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages: required, a list with at least one message"
        return
    for number, item in enumerate(messages):
        yield from _message(item, allowed, f"messages.{number}")


def _message(item: Any, allowed: _Allowed, path: str) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"{path}: not an object"
        return
    role = item.get("role")
    if role not in MESSAGE_KEYS:
        yield f"{path}.role: {role!r} is not one of {sorted(MESSAGE_KEYS)}"
        return
    yield from _unknown(item, MESSAGE_KEYS[role] | allowed.message, path)
    if "name" in item and not (isinstance(item["name"], str) and NAME.fullmatch(item["name"])):
        yield f"{path}.name: does not match {NAME.pattern}"
    if role == "tool" and not (isinstance(item.get("tool_call_id"), str) and item["tool_call_id"]):
        yield f"{path}.tool_call_id: required, a string"
    if role == "assistant":
        yield from _assistant(item, allowed, path)
    elif item.get("content") is None:
        yield f"{path}.content: expected a string or a list, got null"
    if item.get("content") is not None:
        yield from _content(item["content"], role, allowed, f"{path}.content")


def _content(content: Any, role: str, allowed: _Allowed, path: str) -> Iterator[str]:
    if isinstance(content, str):
        if not content and role != "tool":
            yield f"{path}: empty"  # OpenAI bears it, others don't
        return
    if not isinstance(content, list):
        yield f"{path}: expected a string or a list of parts"
        return
    if not content:
        yield f"{path}: [] is too short"
    kinds = set(PARTS[role])
    if role == "tool" and allowed.tool_parts:
        kinds |= {"image_url", "file"}
    for number, item in enumerate(content):
        yield from _part(item, kinds, allowed, f"{path}.{number}")


def _part(item: Any, kinds: set[str], allowed: _Allowed, path: str) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"{path}: not an object"
        return
    kind = item.get("type")
    if kind == "thinking" and "thinking" in allowed.part:
        return
    if kind not in kinds:
        yield f"{path}.type: invalid value {kind!r}, supported are {sorted(kinds)}"
        return
    yield from _unknown(item, PART_KEYS[kind] | allowed.part, path)
    if kind in {"text", "refusal"} and not (isinstance(item.get(kind), str) and item[kind]):
        yield f"{path}.{kind}: required, a string that is not empty"
    if kind == "image_url":
        yield from _image(item.get("image_url"), f"{path}.image_url")
    if kind == "file":
        yield from _file(item.get("file"), allowed, f"{path}.file")


def _image(image: Any, path: str) -> Iterator[str]:
    if not isinstance(image, dict):
        yield f"{path}: expected an object, got a string instead"
        return
    yield from _unknown(image, {"url", "detail"}, path)
    url = image.get("url")
    if not isinstance(url, str) or not re.match(r"https?://.|data:image/[a-z.+-]+;base64,.", url):
        yield f"{path}.url: not a web address or image data URL"
    if image.get("detail", "auto") not in {"auto", "low", "high", "original"}:
        yield f"{path}.detail: invalid"


def _file(file: Any, allowed: _Allowed, path: str) -> Iterator[str]:
    if not isinstance(file, dict):
        yield f"{path}: required, an object"
        return
    yield from _unknown(file, {"file_data", "file_id", "filename"}, path)
    if "file_id" in file:
        return
    data = file.get("file_data")
    if not isinstance(data, str) or not re.match(allowed.file_data, data):
        yield f"{path}.file_data: not a base64 data URL"
    if not (isinstance(file.get("filename"), str) and file["filename"]):
        yield f"{path}.filename: required with file_data"


def _assistant(item: dict[str, Any], allowed: _Allowed, path: str) -> Iterator[str]:
    calls = item.get("tool_calls")
    if "tool_calls" in item and (not isinstance(calls, list) or not calls):
        yield f"{path}.tool_calls: [] is too short"
        return
    if item.get("content") is None and not calls:
        yield f"{path}.content: required unless tool_calls is given"
    for number, call in enumerate(calls or []):
        yield from _call(call, allowed, f"{path}.tool_calls.{number}")


def _call(call: Any, allowed: _Allowed, path: str) -> Iterator[str]:
    if not isinstance(call, dict):
        yield f"{path}: not an object"
        return
    yield from _unknown(call, {"id", "type", "function"} | allowed.call, path)
    if call.get("type") != "function":
        yield f"{path}.type: expected 'function'"
    identity = call.get("id")
    if not isinstance(identity, str) or not identity:
        yield f"{path}.id: required, a string"
    elif len(identity) > allowed.max_id:
        yield f"{path}.id: string too long, at most {allowed.max_id}"
    function = call.get("function")
    if not isinstance(function, dict):
        yield f"{path}.function: required, an object"
        return
    yield from _unknown(function, {"name", "arguments"}, f"{path}.function")
    if not (isinstance(function.get("name"), str) and NAME.fullmatch(function["name"])):
        yield f"{path}.function.name: does not match {NAME.pattern}"
    yield from _arguments(function.get("arguments"), f"{path}.function.arguments")


def _arguments(arguments: Any, path: str) -> Iterator[str]:
    if not isinstance(arguments, str):
        yield f"{path}: expected a string"
        return
    try:
        value = json.loads(arguments)
    except ValueError:
        yield f"{path}: not JSON"
        return
    if not isinstance(value, dict):
        yield f"{path}: not a JSON object"


def _pairing(messages: Any) -> Iterator[str]:
    """Every tool_call is answered directly behind its message, and every tool message answers one."""
    pending: list[str] = []
    seen: set[str] = set()
    for number, item in enumerate(messages if isinstance(messages, list) else []):
        if not isinstance(item, dict):
            continue
        path = f"messages.{number}"
        if item.get("role") == "tool":
            identity = item.get("tool_call_id")
            if identity in pending:
                pending.remove(identity)
            else:
                yield f"{path}: role 'tool' must answer a preceding tool_calls message ({identity!r} is not open)"
            continue
        if pending:
            yield f"{path}: tool_call_ids without a tool message: {pending}"
        pending = _opened(item)
        for identity in pending:
            if identity in seen:
                yield f"{path}: tool call id {identity!r} used twice"
            seen.add(identity)
    if pending:
        yield f"messages: tool_call_ids without a tool message at the end: {pending}"


def _opened(item: dict[str, Any]) -> list[str]:
    calls = item.get("tool_calls") if item.get("role") == "assistant" else None
    return [str(call.get("id")) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


# -- tools --------------------------------------------------------------------------------------------------------


def _tools(body: dict[str, Any], own: Collection[str]) -> Iterator[str]:
    if "tools" not in body:
        if "parallel_tool_calls" in body:
            yield "parallel_tool_calls: only allowed when 'tools' are specified"
        return
    tools = body["tools"]
    if not isinstance(tools, list) or not tools:
        yield "tools: [] is too short"
        return
    if len(tools) > MAX_TOOLS:
        yield f"tools: array too long, at most {MAX_TOOLS}"
    if "parallel_tool_calls" in body and not isinstance(body["parallel_tool_calls"], bool):
        yield "parallel_tool_calls: expected a boolean"
    names: set[str] = set()
    for number, tool in enumerate(tools):
        if not (isinstance(tool, dict) and tool.get("type") in own):
            yield from _tool(tool, names, f"tools.{number}")


def _tool(tool: Any, names: set[str], path: str) -> Iterator[str]:
    if not isinstance(tool, dict) or tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
        yield f"{path}: expected {{type: function, function: object}}"
        return
    yield from _unknown(tool, {"type", "function"}, path)
    function = tool["function"]
    yield from _unknown(function, {"name", "description", "parameters", "strict"}, f"{path}.function")
    name = function.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield f"{path}.function.name: {name!r} does not match {NAME.pattern}"
    elif name in names:
        yield f"{path}.function.name: {name!r} used twice"
    else:
        names.add(name)
    if "description" in function and not isinstance(function["description"], str):
        yield f"{path}.function.description: expected a string"
    if function.get("strict") not in {None, True, False}:
        yield f"{path}.function.strict: expected a boolean"
    if "parameters" in function:
        yield from _parameters(function["parameters"], strict=bool(function.get("strict")), path=path)


def _parameters(schema: Any, *, strict: bool, path: str) -> Iterator[str]:
    path = f"{path}.function.parameters"
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield f"{path}: schema must be a JSON Schema of 'type: \"object\"'"
        return
    for word in ("oneOf", "anyOf", "allOf", "enum", "not"):
        if word in schema:
            yield f"{path}: schema must not have {word!r} at the top level"
    yield from _schema(schema, strict=strict, path=path)


def _schema(schema: Any, *, strict: bool, path: str) -> Iterator[str]:
    if isinstance(schema, bool) or not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if properties is not None and not isinstance(properties, dict):
        yield f"{path}.properties: expected an object"
        return
    if schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
        yield f"{path}: array schema missing items"
    if strict and schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield f"{path}: strict needs additionalProperties: false"
        if set(schema.get("required") or []) != set(properties or {}):
            yield f"{path}: strict needs every property in required"
    children = [*list((properties or {}).items()), ("items", schema.get("items"))]
    for name, child in children:
        yield from _schema(child, strict=strict, path=f"{path}.{name}")


def _tool_choice(body: dict[str, Any]) -> Iterator[str]:
    if "tool_choice" not in body:
        return
    choice = body["tool_choice"]
    if "tools" not in body:
        yield "tool_choice: only allowed when 'tools' are specified"
        return
    if isinstance(choice, str):
        if choice not in {"none", "auto", "required"}:
            yield f"tool_choice: invalid value {choice!r}"
        return
    name = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or choice.get("type") != "function" or set(choice) != {"type", "function"}:
        yield "tool_choice: expected a word or {type: function, function: {name}}"
    elif name not in [tool["function"].get("name") for tool in body["tools"] if isinstance(tool.get("function"), dict)]:
        yield f"tool_choice: function {name!r} not found in the 'tools' parameter"


# -- the other parameters -----------------------------------------------------------------------------------------


def _number(value: Any, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and low <= value <= high
    )


def _numbers(body: dict[str, Any]) -> Iterator[str]:
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "max_tokens: setting max_tokens and max_completion_tokens at the same time is not supported"
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body and not (isinstance(body[name], int) and _number(body[name], 1, 10**9)):
            yield f"{name}: expected an integer of at least 1"
    for name, low, high in (
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    ):
        if name in body and not _number(body[name], low, high):
            yield f"{name}: expected a number from {low} to {high}"


def _stops(stop: Any) -> Iterator[str]:
    if stop is None or (isinstance(stop, str) and stop):
        return
    if not isinstance(stop, list) or not stop:
        yield "stop: expected a string or a list that is not empty"
        return
    if len(stop) > MAX_STOPS:
        yield f"stop: array too long, at most {MAX_STOPS}"
    for number, item in enumerate(stop):
        if not isinstance(item, str) or not item:
            yield f"stop.{number}: expected a string that is not empty"


def _words(body: dict[str, Any]) -> Iterator[str]:
    for name, words in (
        ("reasoning_effort", EFFORTS),
        ("service_tier", TIERS),
        ("verbosity", {"low", "medium", "high"}),
    ):
        if name in body and body[name] not in words:
            yield f"{name}: invalid value {body[name]!r}"
    for name, limit in (("user", 10**6), ("safety_identifier", 128), ("prompt_cache_key", 1024)):
        if name in body and not (isinstance(body[name], str) and 0 < len(body[name]) <= limit):
            yield f"{name}: expected a string of at most {limit}"
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict) or len(metadata) > 16:
        yield "metadata: expected at most 16 pairs"
    elif any(not isinstance(value, str) or len(value) > 512 or len(key) > 64 for key, value in metadata.items()):
        yield "metadata: keys at most 64, values strings of at most 512"
    if "store" in body and not isinstance(body["store"], bool):
        yield "store: expected a boolean"


def _stream(body: dict[str, Any]) -> Iterator[str]:
    if "stream" in body and not isinstance(body["stream"], bool):
        yield "stream: expected a boolean"
    options = body.get("stream_options")
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options: only allowed when 'stream' is true"
    if "stream_options" in body:
        if not isinstance(options, dict):
            yield "stream_options: expected an object"
        else:
            yield from _unknown(options, {"include_usage", "include_obfuscation"}, "stream_options")


def _response_format(value: Any) -> Iterator[str]:
    if value is None:
        return
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in {"text", "json_object", "json_schema"}:
        yield f"response_format.type: invalid value {kind!r}"
        return
    if kind != "json_schema":
        yield from _unknown(value, {"type"}, "response_format")
        return
    schema = value.get("json_schema")
    if not isinstance(schema, dict) or not NAME.fullmatch(str(schema.get("name", ""))):
        yield "response_format.json_schema.name: required, letters, digits, _ and -"
        return
    yield from _unknown(schema, {"name", "description", "schema", "strict"}, "response_format.json_schema")
    if "schema" in schema:
        yield from _schema(schema["schema"], strict=bool(schema.get("strict")), path="response_format.json_schema")


def _breakpoints(messages: Any) -> Iterator[str]:
    parts = [
        part
        for item in (messages if isinstance(messages, list) else [])
        if isinstance(item, dict) and isinstance(item.get("content"), list)
        for part in item["content"]
        if isinstance(part, dict) and ("prompt_cache_breakpoint" in part or "cache_control" in part)
    ]
    if len(parts) > MAX_BREAKPOINTS:
        yield f"messages: {len(parts)} cache markers, at most {MAX_BREAKPOINTS}"
