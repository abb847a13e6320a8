"""The forms in which models write tool calls as text, when their server has no parser for them.

Each form has an opening, a closing (none: the end of the answer) and a reader. A reader returns the calls of a block as
(name, arguments as JSON text), or nothing when it is not what it looked like. Sources of the forms: the chat templates
of Hermes/Qwen, Qwen-Coder, GLM, Llama 3, Mistral, DeepSeek V3/V3.1/V3.2 (DSML) and Kimi K2; `[Tool call: ...]` is how
models repeat transcripts (openclaw/openclaw#989, 2026-01); cases ST-24..ST-26.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import items, mapping, text

Calls = list[tuple[str, str]]


class Form(NamedTuple):
    """One form. close: "" means that the block goes on to the end of the answer."""

    open: str
    close: str
    read: Callable[[str], Calls]


_JSON = json.JSONDecoder()
_FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_GLM_ARGUMENT = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_INVOKE = re.compile(r"<(?:｜DSML｜)?invoke name=\"([^\"]+)\"[^>]*>(.*?)</(?:｜DSML｜)?invoke>", re.DOTALL)
_INVOKE_PARAMETER = re.compile(
    r"<(?:｜DSML｜)?parameter name=\"([^\"]+)\"[^>]*>(.*?)</(?:｜DSML｜)?parameter>", re.DOTALL
)
_DEEPSEEK = re.compile(r"<｜tool▁call▁begin｜>(.*?)<｜tool▁sep｜>(.*?)<｜tool▁call▁end｜>", re.DOTALL)
_KIMI = re.compile(
    r"<\|tool_call_begin\|>\s*(?:functions\.)?([^\s<]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>(.*?)<\|tool_call_end\|>",
    re.DOTALL,
)
_MISTRAL = re.compile(r"([^\s\[\]{}]+)\[ARGS\]")
_BRACKETED = re.compile(
    r"\s*\[tool call:\s*([\w.:-]+)\s*(?:(\()|(?:\(id:[^)\]]*\)\s*)?\]\s*(?:arguments:)?)\s*(?=\{)", re.IGNORECASE
)
_BRACKETED_END = re.compile(r"\s*\)\s*\]")
_END_TOKENS = re.compile(r"(?:<\|(?:eom_id|eot_id|im_end|end_of_text)\|>|</s>)\s*$")


def _hermes(block: str) -> Calls:
    """`<tool_call>` holds JSON (Hermes, Qwen), functions in tags (Qwen-Coder), or a name and keys (GLM)."""
    inner = block.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    if inner.startswith("{"):
        return _json_calls(inner)
    if inner.startswith("<function="):
        return _functions(inner)
    name, pairs = inner.split("<arg_key>")[0].strip(), _GLM_ARGUMENT.findall(inner)
    return [(name, _encoded(dict(pairs)))] if name and re.fullmatch(r"[\w.:-]+", name) else []


def _functions(block: str) -> Calls:
    found = []
    for name, inner in _FUNCTION.findall(block):
        written = inner.strip()
        pairs = _PARAMETER.findall(inner)
        if written and not pairs and not written.startswith("{"):
            return []
        found.append((name, written if written.startswith("{") else _encoded(dict(pairs))))
    return found


def _invokes(block: str) -> Calls:
    return [(name, _encoded(dict(_INVOKE_PARAMETER.findall(inner)))) for name, inner in _INVOKE.findall(block)]


def _deepseek(block: str) -> Calls:
    """V3 writes `function<sep>name` and a fenced object, V3.1 `name<sep>{...}`."""
    found = []
    for head, rest in _DEEPSEEK.findall(block):
        name, written = head.strip(), rest.strip()
        if name == "function":
            name, _, written = written.partition("\n")
        written = re.sub(r"^```(?:json)?\s*|\s*```$", "", written.strip())
        found.append((name.strip(), written))
    return found


def _kimi(block: str) -> Calls:
    return [(name, arguments.strip()) for name, arguments in _KIMI.findall(block)]


def _mistral(block: str) -> Calls:
    """`[TOOL_CALLS]` and a list of calls, or (newer) `name[ARGS]{...}` for each."""
    inner = _END_TOKENS.sub("", block.removeprefix("[TOOL_CALLS]")).strip()
    if inner.startswith(("[", "{")):
        return _json_calls(inner)
    pieces = _MISTRAL.split(inner.replace("[TOOL_CALLS]", ""))[1:]
    return [(name, arguments.strip()) for name, arguments in zip(pieces[::2], pieces[1::2], strict=True)]


def _bracketed(block: str) -> Calls:
    """`[Tool call: name({...})]`, or the arguments behind the bracket; nothing else stands between or behind."""
    calls: Calls = []
    at, written = 0, block.rstrip()
    while at < len(written):
        head = _BRACKETED.match(written, at)
        end = _end_of_object(written, head.end()) if head else 0
        closed = _BRACKETED_END.match(written, end) if head and head[2] else None
        if head is None or not end or (head[2] and not closed):
            return []
        calls.append((head[1], written[head.end() : end]))
        at = closed.end() if closed else end
    return calls


def _end_of_object(written: str, start: int) -> int:
    """Return where the JSON object that begins at `start` ends, 0 for none."""
    try:
        return _JSON.raw_decode(written, start)[1]
    except (ValueError, RecursionError):
        return 0


def _llama(block: str) -> Calls:
    inner = _END_TOKENS.sub("", block.removeprefix("<|python_tag|>")).strip()
    calls: Calls = []
    for part in re.split(r";\s*(?=\{)", inner):
        calls += _json_calls(part)
    return calls


def _json_calls(written: str) -> Calls:
    """Read `{"name": ..., "arguments" | "parameters": {...}}`, or a list of them."""
    try:
        value = msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return []
    return list(_calls(value))


def _calls(value: object) -> Iterator[tuple[str, str]]:
    for entry in items(value) or [value]:
        call = mapping(mapping(entry).get("function")) or mapping(entry)
        name = text(call.get("name"))
        arguments: Any = call.get("arguments", call.get("parameters"))
        if name and isinstance(arguments, dict):
            yield name, _encoded(arguments)
        elif name and isinstance(arguments, str):
            yield name, arguments


def _encoded(arguments: dict[str, Any]) -> str:
    return msgspec.json.encode(arguments).decode()


FORMS: tuple[Form, ...] = (
    Form("<tool_call>", "</tool_call>", _hermes),
    Form("<function=", "</function>", _functions),
    Form("<function_calls>", "</function_calls>", _invokes),
    Form("<invoke name=", "</invoke>", _invokes),
    Form("<｜DSML｜function_calls>", "</｜DSML｜function_calls>", _invokes),
    Form("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", _deepseek),
    Form("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", _kimi),
    Form("[TOOL_CALLS]", "", _mistral),
    Form("<|python_tag|>", "", _llama),
    *(Form(mark, "", _bracketed) for mark in ("[Tool call:", "[Tool Call:", "[TOOL CALL:", "[tool call:")),
)

BARE = Form("{", "", _json_calls)
"""An answer that is nothing but the JSON of a call (Llama 3)."""
