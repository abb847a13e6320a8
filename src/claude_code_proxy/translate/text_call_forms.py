"""The forms in which models write tool calls as text, when their server has no parser for them.

Each form has an opening, a closing (none: the end of the answer) and a reader. A reader returns the calls of a block as
(name, arguments as JSON text), or nothing when it is not what it looked like. Sources of the forms: the chat templates
of Hermes/Qwen, Qwen-Coder, GLM, Llama 3, Mistral, DeepSeek V3/V3.1/V3.2 (DSML), Kimi K2, gpt-oss (harmony), MiniMax,
Granite, Phi and Command; what models make of them, in reports (a missing opening tag: ollama/ollama#16686; one closing
tag too many: guoqingbao/xinfer#392; `[TOOL_CALLS]name{...}`: raullenchai/Rapid-MLX#1071; a glued `json`:
ggml-org/llama.cpp#15158; read 2026-11-23); `[Tool call: ...]` is how models repeat transcripts
(openclaw/openclaw#989, 2026-01); cases ST-24..ST-26.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..wire.json_scan import JsonScan
from ..wire.shapes import items, mapping, text
from .relaxed_json import read_value
from .text_call_tags import Calls, deepseek, encoded, functions, invokes, is_open, keys_and_values, kimi


class Form(NamedTuple):
    """One form. close: "" means that the block goes on to the end of the answer."""

    open: str
    close: str
    read: Callable[[str], Calls]


_JSON = json.JSONDecoder()
_MISTRAL = re.compile(
    r"\s*+(?:\[TOOL_CALLS\]\s*+)?([\w.:-]{1,256}+)\s*+(?:\[CALL_ID\][\w-]{0,256}+\s*+)?(?:\[ARGS\]\s*+)?(?=\{)"
)
_HARMONY = re.compile(
    r"\s*+(?:<\|start\|>)?(?:assistant)?(?:<\|channel\|>)?(?:commentary)?\s*+to=(?:functions\.)?([\w.-]{1,256}?)"
    r"(?:<\|channel\|>commentary)?\s*+(?:<\|constrain\|>\s*+)?(?:json\s*+)?(?:<\|message\|>\s*+)?(?=\{)"
)
_HARMONY_END = re.compile(r"\s*+(?:<\|(?:call|end|return)\|>)?")
_BRACKETED = re.compile(
    r"\s*+\[tool call:\s*+([\w.:-]{1,256}+)\s*+(?:(\()|(?:\(id:[^)\]]{0,256}\)\s*+)?\]\s*+(?:arguments:)?)\s*+(?=\{)",
    re.IGNORECASE,
)
_BRACKETED_END = re.compile(r"\s*+\)\s*+\]")
_END_TOKENS = re.compile(r"(?:<\|(?:eom_id|eot_id|im_end|end_of_text)\|>|</s>)\s*$")
_BETWEEN = re.compile(r"(?:[\s;,]|</?tool_call>)*+")
_LEFT_OVER = re.compile(r"[\s}]*+")
_MOST_CALLS = 128  # of one block: more are a model that repeats itself, and no call

NOTHING_TAKEN = "null"
"""The arguments of a call in JSON that has none: a call only of a tool that takes none."""

_OF_A_NAME = {"name", "arguments", "parameters", "type", "id"}

STRAYS = (
    *("</tool_call>", "</tool_calls>", "</function_calls>", "</minimax:tool_call>", "<|tool_calls_section_end|>"),
    *("<｜tool▁calls▁end｜>", "</｜DSML｜function_calls>", "</｜DSML｜tool_calls>", "<|/tool_call|>"),
    *("</|DSML|function_calls>", "</|DSML|tool_calls>", "<|tool▁calls▁end|>", "<|tool_calls_end|>"),
    *("<|eom_id|>", "<|eot_id|>", "<|im_end|>", "</s>"),
)
"""What may stand behind a call without meaning anything: the closing of a tag that was never opened, ends of turns."""


def is_unfinished(block: str) -> bool:
    """Whether a block that ends in its form's closing is still within a value, which happens to hold that closing."""
    inner = block[block.find(">") + 1 :].lstrip()
    if inner.startswith(("{", "[")):
        scan = JsonScan()
        scan.feed(inner)
        return not (scan.complete or scan.broken)
    return is_open(block)


def _hermes(block: str) -> Calls:
    """`<tool_call>` holds JSON (Hermes, Qwen), functions in tags (Qwen-Coder), or a name and keys (GLM)."""
    closed = block.endswith("</tool_call>")
    inner = block.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    if inner.startswith(("{", "[")):
        return _json_calls(inner, named=True) or (_json_calls(inner + "}", named=True) if closed else [])
    if inner.startswith("<function="):
        return functions(_END_TOKENS.sub("", inner), closed=closed)
    return keys_and_values(inner) if closed else []


def _tagged(block: str) -> Calls:
    """JSON in a pair of tags of any name."""
    return _json_calls(block[block.index(">") + 1 : block.rfind("<")])


def _listed(block: str) -> Calls:
    """`<tools>` as Qwen2.5-Coder writes it; what its own prompt has there are declarations, which have no arguments."""
    return _tagged(block) if '"arguments"' in block else []


def _piped(block: str) -> Calls:
    """`<|tool_call|>` and a list to the end (Granite, Phi)."""
    inner = block.removeprefix("<|tool_call|>").strip()
    return _json_calls(_END_TOKENS.sub("", inner).removesuffix("<|/tool_call|>"))


def _mistral(block: str) -> Calls:
    """`[TOOL_CALLS]` and a list of calls, or (newer) `name[ARGS]{...}` for each."""
    inner = _END_TOKENS.sub("", block.removeprefix("[TOOL_CALLS]")).strip()
    return _json_calls(inner) if inner.startswith(("[", "{")) else _sequence(inner, _MISTRAL, _LEFT_OVER)


def _harmony(block: str) -> Calls:
    """`to=functions.name` in a header, the arguments behind it; the last call has no end token, which stops a model."""
    return _sequence(_END_TOKENS.sub("", block).rstrip(), _HARMONY, _HARMONY_END)


def _sequence(written: str, head: re.Pattern[str], tail: re.Pattern[str]) -> Calls:
    """Calls one behind the other, and nothing else: a head that has the name, an object, a tail."""
    calls: Calls = []
    at = 0
    while at < len(written):
        found = head.match(written, at)
        end = _end_of_object(written, found.end()) if found else 0
        if found is None or not end or len(calls) == _MOST_CALLS:
            return []
        calls.append((found[1], written[found.end() : end]))
        at = _past(tail, written, end)
    return calls


def _bracketed(block: str) -> Calls:
    """`[Tool call: name({...})]`, or the arguments behind the bracket; nothing else stands between or behind."""
    calls: Calls = []
    at, written = 0, block.rstrip()
    while at < len(written):
        head = _BRACKETED.match(written, at)
        end = _end_of_object(written, head.end()) if head else 0
        closed = _BRACKETED_END.match(written, end) if head and head[2] else None
        if head is None or not end or (head[2] and not closed) or len(calls) == _MOST_CALLS:
            return []
        calls.append((head[1], written[head.end() : end]))
        at = closed.end() if closed else end
    return calls


def _end_of_object(written: str, start: int) -> int:
    """Return where the JSON object that begins at `start` ends, 0 for none."""
    try:
        return _value(written, start)[1]
    except (ValueError, RecursionError):
        return 0


def _value(written: str, start: int) -> tuple[Any, int]:
    """The JSON value at `start`, strictly written or loosely, and where it ends. Raises ValueError."""
    try:
        return _JSON.raw_decode(written, start)
    except ValueError:
        return read_value(written, start)


def _llama(block: str) -> Calls:
    return _json_calls(_END_TOKENS.sub("", block.removeprefix("<|python_tag|>")).strip())


def _json_calls(written: str, *, named: bool = False) -> Calls:
    """Read `{"name": ..., "arguments" | "parameters": {...}}`, several of them, or a list. named: a name may do."""
    try:
        return [call for value in _values(written) for call in _calls(value, named=named)]
    except (ValueError, RecursionError):
        return []


def _values(written: str) -> Iterator[Any]:
    """The values that stand one behind the other; a bracket too many at the end changes none of them."""
    at = _past(_BETWEEN, written, 0)
    for _ in range(_MOST_CALLS):
        if at >= len(written):
            return
        value, end = _value(written, at)
        yield value
        at = _past(_BETWEEN, written, end)
        if _LEFT_OVER.fullmatch(written, at):
            return
    raise ValueError("no calls")


def _past(what: re.Pattern[str], written: str, at: int) -> int:
    found = what.match(written, at)
    return found.end() if found else at


def _calls(value: object, *, named: bool) -> Iterator[tuple[str, str]]:
    """The calls in a value. Raises ValueError for one that is none: a declaration of a tool, for one."""
    for entry in items(value) or [value]:
        whole = mapping(entry)
        call = mapping(whole.get("function")) or whole
        name = text(call.get("name")) or text(call.get("function")) or text(call.get("tool_name"))
        arguments: Any = call.get("arguments", call.get("parameters"))
        if not name or _is_declaration(call):
            raise ValueError("no call")
        if isinstance(arguments, dict):
            yield name, encoded(arguments)
        elif isinstance(arguments, str):
            yield name, arguments
        elif named and arguments is None and call.keys() <= _OF_A_NAME:
            yield name, NOTHING_TAKEN
        else:
            raise ValueError("no call")


def _is_declaration(call: Mapping[str, Any]) -> bool:
    """Whether this says what a tool takes."""
    schema = mapping(call.get("parameters"))
    return "arguments" not in call and schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping)


_INVOKING = (
    "function_calls",
    "｜DSML｜function_calls",
    "｜DSML｜tool_calls",
    "|DSML|function_calls",
    "|DSML|tool_calls",
    "minimax:tool_call",
    "antml:function_calls",
)
_HARMONIES = (
    "<|start|>assistant<|channel|>commentary to=",
    "<|start|>assistant to=functions.",
    "<|channel|>commentary to=",
)

_PIPES = (("｜", "▁"), ("|", "▁"), ("|", "_"))

FORMS: tuple[Form, ...] = (
    Form("<tool_call>", "</tool_call>", _hermes),
    Form("<function=", "</function>", functions),
    *(Form(f"<{name}>", f"</{name}>", _tagged) for name in ("function_call", "tool_calls")),
    Form("<tools>", "</tools>", _listed),
    *(Form(f"<{name}>", f"</{name}>", invokes) for name in _INVOKING),
    *(Form(f"<{prefix}invoke name=", f"</{prefix}invoke>", invokes) for prefix in ("", "｜DSML｜", "|DSML|", "antml:")),
    *(Form(f"<{a}tool{b}calls{b}begin{a}>", f"<{a}tool{b}calls{b}end{a}>", deepseek) for a, b in _PIPES),
    *(Form(f"<{a}tool▁call▁begin{a}>", f"<{a}tool▁call▁end{a}>", deepseek) for a in "｜|"),
    Form("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", kimi),
    Form("<|tool_call_begin|>", "<|tool_call_end|>", kimi),
    Form("<|START_ACTION|>", "<|END_ACTION|>", _tagged),
    Form("<|tool_call|>", "", _piped),
    *(Form(mark, "", _harmony) for mark in _HARMONIES),
    Form("[TOOL_CALLS]", "", _mistral),
    Form("<|python_tag|>", "", _llama),
    *(Form(mark, "", _bracketed) for mark in ("[Tool call:", "[Tool Call:", "[TOOL CALL:", "[tool call:")),
)

BARE = Form("{", "", _llama)
"""An answer that is nothing but the JSON of a call (Llama 3)."""
