"""Is this a Messages request? Malformed ones are refused with the path of the field, everything new is accepted.

Lenient where clients run ahead of us (unknown fields, block types, roles and betas pass, a null is an absent field),
clear where a request can't be understood. What passes here may still be odd; the later steps read it through total
accessors and heal it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple, NoReturn

import msgspec

from ..errors import ClientError
from .depth import MAX_DEPTH, is_too_deep
from .likeness import Request, Sound, read_likeness

MOST: Mapping[str, int] = {"messages": 100_000, "tools": 10_000, "stop_sequences": 1000}
"""Most elements of a list. Messages: as the API's; the others are far beyond any real request."""

MOST_BLOCKS = 100_000
"""Content blocks in all messages together, those within results too."""

LONGEST_NAME = 100_000
"""Characters of a model's name."""

REQUIRED = "Field required"


class _Kind(NamedTuple):
    """What a field may hold. type: values of exactly this type fit without a closer look."""

    fits: Callable[[Any], bool]
    message: str
    type: object = None


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and isfinite(value)))


def _is_whole(value: Any) -> bool:
    return type(value) is int or (_is_number(value) and value == int(value))


def _up_to(most: int) -> _Kind:
    return _Kind(lambda value: _is_number(value) and 0 <= value <= most, f"Input should be a number from 0 to {most}")


_STRING = _Kind(lambda value: isinstance(value, str), "Input should be a valid string", str)
_NAME = _Kind(lambda value: isinstance(value, str) and value != "", "Input should be a string that is not empty")
_BOOLEAN = _Kind(lambda value: isinstance(value, bool), "Input should be a valid boolean", bool)
_OBJECT = _Kind(lambda value: isinstance(value, dict), "Input should be an object", dict)
_LIST = _Kind(lambda value: isinstance(value, list), "Input should be a valid list", list)
_INTEGER = _Kind(_is_whole, "Input should be a valid integer", int)
_LIMIT = _Kind(lambda value: _is_whole(value) and value >= 0, "Input should be an integer of at least 0")
_TEMPERATURE = _up_to(2)  # OpenAI's range, the wider one
_SHARE = _up_to(1)
_CONTENT = _Kind(lambda value: isinstance(value, (str, list)), "Input should be a string or a list of blocks", str)

_FIELDS: Mapping[str, _Kind] = {
    "model": _NAME,
    "max_tokens": _LIMIT,
    "messages": _LIST,
    "system": _CONTENT,
    "tools": _LIST,
    "tool_choice": _OBJECT,
    "stop_sequences": _LIST,
    "stream": _BOOLEAN,
    "temperature": _TEMPERATURE,
    "top_p": _SHARE,
    "top_k": _LIMIT,
    "metadata": _OBJECT,
    "thinking": _OBJECT,
    "output_config": _OBJECT,
    "context_management": _OBJECT,
    "service_tier": _STRING,
}

_COUNTED = ("model", "messages")
_ASKED = ("model", "max_tokens", "messages")

_ROLE, _TYPE = {"role": _STRING}, {"type": _STRING}

_TOOL = {"type": _STRING, "name": _NAME, "description": _STRING, "input_schema": _OBJECT}

_NESTED: Mapping[str, Mapping[str, _Kind]] = {
    "tool_choice": {"type": _STRING, "name": _NAME, "disable_parallel_tool_use": _BOOLEAN},
    "thinking": {"type": _STRING, "budget_tokens": _INTEGER, "display": _STRING},
    "output_config": {"effort": _STRING, "format": _OBJECT},
    "metadata": {"user_id": _STRING},
    "context_management": {"edits": _LIST},
}

_BLOCKS: Mapping[str, Mapping[str, _Kind]] = {
    "text": {"text": _STRING},
    "image": {"source": _OBJECT},
    "document": {"source": _OBJECT},
    "tool_use": {"id": _STRING, "name": _STRING},
    "server_tool_use": {"id": _STRING, "name": _STRING},
    "mcp_tool_use": {"id": _STRING, "name": _STRING},
    "tool_result": {"tool_use_id": _STRING},
    "mcp_tool_result": {"tool_use_id": _STRING},
    "tool_reference": {"tool_name": _STRING},
}

_SOURCES: Mapping[str, Mapping[str, _Kind]] = {
    "base64": {"data": _STRING},
    "text": {"data": _STRING},
    "url": {"url": _STRING},
    "file": {"file_id": _STRING},
    "content": {"content": _CONTENT},
}

_FORMATS = frozenset({"output_config", "output_format"})

_LOOKED_INTO = frozenset({*_NESTED, *_FORMATS, "thread", "compaction"})

_RESULTS_WITH_BLOCKS = frozenset({"tool_result", "mcp_tool_result"})


def check_request(body: object, *, counting: bool = False, deep: bool = True) -> Request:
    """Return the request with its null fields left out; raise ClientError with the field's path if it is malformed.

    What its like was found to be is not looked at again, but for its messages and its system prompt.

    counting: the request of `count_tokens`, which has no `max_tokens`, and is counted with whatever is in its messages;
    deep: it may be nested too deeply (`is_deep`).
    """
    if not isinstance(body, dict):
        _refuse("body", "Input should be an object")
    _check_sizes(body)
    request = _given(body)
    like = request.likeness
    known = (counting, like.fields) in _sound.known and _has_right_types(request)
    known_tools = like.tools in _sound.known
    if deep and is_too_deep({**request, "tools": ()} if known_tools else body):
        _refuse("body", f"Input is nested deeper than {MAX_DEPTH} levels")
    if not known:
        _check_fields_alone(request, counting=counting)
    _check_conversation(request, counting=counting)
    if "tools" in request and not known_tools:
        _check_tools(request["tools"])
        _sound.remember(like.tools)
    if not known:
        _check_choice(request)
        _sound.remember((counting, like.fields) if like.fields else None)
    return request


_sound = Sound()


def _has_right_types(request: Mapping[str, Any]) -> bool:
    """Whether the fields that are looked at each time hold what they may hold."""
    said, system, tools = request.get("messages"), request.get("system", ""), request.get("tools", [])
    return type(said) is list and type(system) in (str, list) and type(tools) is list


def _given(body: dict[str, Any]) -> Request:
    """Return what is given: a null is an absent field."""
    given = {key: value for key, value in body.items() if value is not None} if None in body.values() else body
    request = Request(given)
    request.likeness = read_likeness(given)
    return request


def _check_fields_alone(request: Mapping[str, Any], *, counting: bool) -> None:
    """Look at everything but what is said and what is in the tools."""
    for name in _COUNTED if counting else _ASKED:
        if name not in request:
            _refuse(name, REQUIRED)
    _check_fields(request, _FIELDS, "")
    if not _LOOKED_INTO.isdisjoint(request):
        _check_inside(request, counting=counting)
    if not counting:
        _check_asked(request)  # that nothing is asked comes before what is wrong with the strings
    if "stop_sequences" in request:
        _check_strings(request)


def _check_conversation(request: Request, *, counting: bool) -> None:
    if counting:
        request["messages"] = [_countable(message) for message in request["messages"]]
    else:
        _check_asked(request)
    _check_messages(request["messages"])
    if "system" in request:
        _check_content(request["system"], "system")


def _refuse(path: str, message: str, code: str | None = None) -> NoReturn:
    raise ClientError(message, path=path, code=code)


def _check_sizes(body: dict[str, Any]) -> None:
    for name, most in MOST.items():
        if name in body and type(body[name]) is list and len(body[name]) > most:
            _refuse(name, f"List should have at most {most} items, not {len(body[name])}")
    model = body.get("model")
    if type(model) is str and len(model) > LONGEST_NAME:
        _refuse("model", f"String should have at most {LONGEST_NAME} characters")


def _check_fields(value: Mapping[str, Any], fields: Mapping[str, _Kind], prefix: str) -> None:
    for name, found in value.items():
        kind = fields.get(name)
        if kind is not None and found is not None and type(found) is not kind.type and not kind.fits(found):
            _refuse_first(value, fields, prefix)


def _refuse_first(value: Mapping[str, Any], fields: Mapping[str, _Kind], prefix: str) -> NoReturn:
    """Refuse the first of several bad fields, in the table's order: the same one, however a request is sorted."""
    name = next(name for name, kind in fields.items() if value.get(name) is not None and not kind.fits(value[name]))
    _refuse(f"{prefix}{name}", fields[name].message)


def _require_fields(value: Mapping[str, Any], fields: Mapping[str, _Kind], path: str) -> None:
    for name, kind in fields.items():
        found = value.get(name)
        if found is None:
            _refuse(f"{path}.{name}", REQUIRED)
        if type(found) is not kind.type and not kind.fits(found):
            _refuse(f"{path}.{name}", kind.message)


def _check_inside(request: Mapping[str, Any], *, counting: bool) -> None:
    """Look into the fields that hold others, and at those that ask for another kind of answer."""
    for name, fields in _NESTED.items():
        if name in request:
            _check_fields(request[name], fields, f"{name}.")
    _check_formats(request)
    if not counting:
        _check_kind_of_answer(request)


def _check_asked(request: Mapping[str, Any]) -> None:
    if not request["messages"]:
        _refuse("messages", "at least one message is required")


def _check_strings(request: Mapping[str, Any]) -> None:
    for number, stop in enumerate(request["stop_sequences"]):
        if not _NAME.fits(stop):
            _refuse(f"stop_sequences.{number}", _NAME.message)


def _check_formats(request: Mapping[str, Any]) -> None:
    """A `json_schema` without its schema asks for nothing; formats of other types are for later versions to know."""
    if _FORMATS.isdisjoint(request):
        return
    for path, holder in (("output_config.format", request.get("output_config", {})), ("output_format", request)):
        wanted = holder.get(path.rpartition(".")[2])
        if isinstance(wanted, dict) and wanted:
            _require_fields(wanted, _TYPE, path)
            _require_fields(wanted, {"schema": _OBJECT} if wanted["type"] == "json_schema" else {}, path)


def _check_kind_of_answer(request: Mapping[str, Any]) -> None:
    """Refuse what asks for another answer than the next message of this conversation: an ordinary one would mislead.

    `thread: create` is none of these: it only offers to be continued, and continuing is what is refused.
    """
    thread, compaction = request.get("thread"), request.get("compaction")
    if thread is not None and (not isinstance(thread, dict) or thread.get("type") != "create"):
        _refuse(
            "thread",
            "This endpoint keeps no conversations to continue: send all messages, without `thread`.",
            code="thread_unsupported_request",
        )
    if compaction is not None:
        _refuse(
            "compaction",
            "This endpoint makes no compaction blocks: leave `compaction` out and ask for a summary in a user message.",
        )


# -- messages -------------------------------------------------------------------------------------------------------


def _check_messages(messages: list[Any]) -> None:
    left = MOST_BLOCKS
    for number, message in enumerate(messages):
        if type(message) is dict and type(message.get("content")) is str and type(message.get("role")) is str:
            continue  # as most are: nothing else is looked at
        left -= _blocks_of(message)
        if left < 0:
            _refuse("messages", f"Input should have at most {MOST_BLOCKS} content blocks in all messages together")
        _check_message(message, f"messages.{number}")


def _countable(message: object) -> object:
    """Return a message to be counted: what no backend could be sent of it counts as the JSON it is."""
    if not isinstance(message, dict):
        return message
    content = message.get("content")
    if content is None:
        return {**message, "content": []}
    if not isinstance(content, list):
        return message
    return {**message, "content": [block if _is_sound(block) else _as_text(block) for block in content]}


def _is_sound(block: object) -> bool:
    try:
        _check_block(block, "")
    except ClientError:
        return False
    return True


def _as_text(block: object) -> object:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return block  # of no kind at all: it is refused
    return {"type": "text", "text": msgspec.json.encode(block).decode()}


def _blocks_of(holder: object) -> int:
    content = holder.get("content") if isinstance(holder, dict) else None
    if not isinstance(content, list):
        return 0
    if len(content) > MOST_BLOCKS:
        return len(content)
    within = [len(block["content"]) for block in content if type(block) is dict and type(block.get("content")) is list]
    return len(content) + sum(within)


def _check_message(message: object, path: str) -> None:
    if not isinstance(message, dict):
        _refuse(path, _OBJECT.message)
    _require_fields(message, _ROLE, path)
    if message["role"] == "system" and message.get("content") is None:
        return  # only output_config: the session's settings change here
    if "content" not in message:
        _refuse(f"{path}.content", REQUIRED)
    if not isinstance(message["content"], str):
        _check_content(message["content"], f"{path}.content")


def _check_content(content: object, path: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        _refuse(path, _CONTENT.message)
    for number, block in enumerate(content):
        if not _is_words(block):
            _check_block(block, f"{path}.{number}")


def _is_words(block: object) -> bool:
    return type(block) is dict and block.get("type") == "text" and type(block.get("text")) is str


def _check_block(block: object, path: str) -> None:
    if not isinstance(block, dict):
        _refuse(path, _OBJECT.message)
    _require_fields(block, _TYPE, path)
    kind = block["type"]
    _require_fields(block, _BLOCKS.get(kind, {}), path)
    if kind in {"image", "document"}:
        _check_source(block["source"], f"{path}.source")
    if kind in _RESULTS_WITH_BLOCKS and block.get("content") is not None:
        _check_content(block["content"], f"{path}.content")


def _check_source(source: Mapping[str, Any], path: str) -> None:
    _require_fields(source, _TYPE, path)
    _require_fields(source, _SOURCES.get(source["type"], {}), path)
    if source["type"] == "content":
        _check_content(source["content"], f"{path}.content")


# -- tools ----------------------------------------------------------------------------------------------------------


def _check_tools(tools: list[Any]) -> None:
    for number, tool in enumerate(tools):
        _check_tool(tool, f"tools.{number}")


def _check_choice(request: Mapping[str, Any]) -> None:
    if "tool_choice" not in request:
        return
    choice = request["tool_choice"]
    if choice.get("type") is None:
        _refuse("tool_choice.type", REQUIRED)
    if choice["type"] == "tool" and choice.get("name") is None:
        _refuse("tool_choice.name", REQUIRED)


def _check_tool(tool: object, path: str) -> None:
    if not isinstance(tool, dict):
        _refuse(path, _OBJECT.message)
    _check_fields(tool, _TOOL, f"{path}.")
    if tool.get("type") in {None, "custom"} and tool.get("name") is None:
        _refuse(f"{path}.name", REQUIRED)  # toolsets have none
