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

import msgspec

from ..wire.json_scan import JsonScan
from ..wire.shapes import items, mapping, text
from .relaxed_json import read_value

Calls = list[tuple[str, str]]


class Form(NamedTuple):
    """One form. close: "" means that the block goes on to the end of the answer."""

    open: str
    close: str
    read: Callable[[str], Calls]


_JSON = json.JSONDecoder()
_FUNCTION = re.compile(r"<function=([^>\s{]+)>?")
_FUNCTION_END = "</function>"
_PARAMETER = re.compile(r"<parameter=([^<>\s]++)>\n?(.*?)\n?</parameter>", re.DOTALL)
_OPEN_PARAMETER = re.compile(r"<parameter=([^<>\s]++)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|$)", re.DOTALL)
_GLM_ARGUMENT = re.compile(r"<arg_key>((?:(?!<arg_key>).)*?)</arg_key>\s*+<arg_value>(.*?)</arg_value>", re.DOTALL)
_GLM_CLOSES = re.compile("</arg_value>")
_PARAMETER_OPENS = re.compile(r"<(?:｜DSML｜|\w+:)?parameter(?:=| name=)")
_PARAMETER_CLOSES = re.compile(r"</(?:｜DSML｜|\w+:)?parameter>")
_INVOKE = re.compile(r"<(?:｜DSML｜|\w+:)?invoke name=\"([^\"]++)\"[^<>]*+>(.*?)</(?:｜DSML｜|\w+:)?invoke>", re.DOTALL)
_INVOKE_CLOSES = re.compile(r"</(?:｜DSML｜|\w+:)?invoke>")
_INVOKE_PARAMETER = re.compile(
    r"<(?:｜DSML｜|\w+:)?parameter name=\"([^\"]++)\"[^<>]*+>(.*?)</(?:｜DSML｜|\w+:)?parameter>", re.DOTALL
)
_DEEPSEEK = re.compile(
    r"<｜tool▁call▁begin｜>((?:(?!<｜tool▁call▁begin｜>).)*?)<｜tool▁sep｜>(.*?)<｜tool▁call▁end｜>", re.DOTALL
)
_DEEPSEEK_CLOSES = re.compile("<｜tool▁call▁end｜>")
_FENCE_OPENS = re.compile(r"```(?:json)?\s*")
_KIMI = re.compile(
    r"<\|tool_call_begin\|>\s*+(?:functions\.)?([^\s<]+?)(?::\d+)?\s*+<\|tool_call_argument_begin\|>(.*?)<\|tool_call_end\|>",
    re.DOTALL,
)
_KIMI_CLOSES = re.compile(r"<\|tool_call_end\|>")
_MISTRAL = re.compile(r"\s*+(?:\[TOOL_CALLS\]\s*+)?([\w.:-]++)\s*+(?:\[CALL_ID\][\w-]*+\s*+)?(?:\[ARGS\]\s*+)?(?=\{)")
_HARMONY = re.compile(
    r"\s*+(?:<\|start\|>)?(?:assistant)?(?:<\|channel\|>)?(?:commentary)?\s*+to=(?:functions\.)?([\w.-]+?)"
    r"(?:<\|channel\|>commentary)?\s*+(?:<\|constrain\|>\s*+)?(?:json\s*+)?(?:<\|message\|>\s*+)?(?=\{)"
)
_HARMONY_END = re.compile(r"\s*(?:<\|(?:call|end|return)\|>)?")
_BRACKETED = re.compile(
    r"\s*+\[tool call:\s*+([\w.:-]++)\s*+(?:(\()|(?:\(id:[^)\]]*+\)\s*+)?\]\s*+(?:arguments:)?)\s*+(?=\{)",
    re.IGNORECASE,
)
_BRACKETED_END = re.compile(r"\s*\)\s*\]")
_END_TOKENS = re.compile(r"(?:<\|(?:eom_id|eot_id|im_end|end_of_text)\|>|</s>)\s*$")
_BETWEEN = re.compile(r"(?:[\s;,]|</?tool_call>)*")
_LEFT_OVER = re.compile(r"[\s}]*")

STRAYS = (
    *("</tool_call>", "</tool_calls>", "</function_calls>", "</minimax:tool_call>", "<|tool_calls_section_end|>"),
    *("<｜tool▁calls▁end｜>", "</｜DSML｜function_calls>", "</｜DSML｜tool_calls>", "<|/tool_call|>"),
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
    return _is_open(block)


def _is_open(block: str) -> bool:
    """Whether a parameter was opened that is not closed."""
    return _opened(block) > 0


def _opened(block: str) -> int:
    """How many more parameters are opened than closed."""
    return len(_PARAMETER_OPENS.findall(block)) - len(_PARAMETER_CLOSES.findall(block))


def _closed(block: str, closing: re.Pattern[str]) -> str:
    """The text up to the last closing: behind it every opening would be searched to the end in vain."""
    end = 0
    for found in closing.finditer(block):
        end = found.end()
    return block[:end]


def _hermes(block: str) -> Calls:
    """`<tool_call>` holds JSON (Hermes, Qwen), functions in tags (Qwen-Coder), or a name and keys (GLM)."""
    inner = block.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    if inner.startswith(("{", "[")):
        closed = block.endswith("</tool_call>")
        return _json_calls(inner) or (_json_calls(inner + "}") if closed else [])
    if inner.startswith("<function="):
        return _functions(inner, closed=block.endswith("</tool_call>"))
    name, pairs = inner.split("<arg_key>")[0].strip(), _GLM_ARGUMENT.findall(_closed(inner, _GLM_CLOSES))
    return [(name, _encoded(dict(pairs)))] if name and re.fullmatch(r"[\w.:-]+", name) else []


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


def _functions(block: str, *, closed: bool = False) -> Calls:
    """`<function=name>` around JSON or parameters. closed: by a tag around it, if not by its own."""
    found: Calls = []
    at = 0
    while head := _FUNCTION.search(block, at):
        end = _end_of_function(block, head.end())
        inner = block[head.end() : end if end >= 0 else len(block)]
        at = len(block) if end < 0 else end
        written = inner.strip()
        if written.startswith("{"):
            found.append((head[1], written))
        elif (pairs := _pairs(inner)) is None or not (closed or end >= 0):
            return []
        else:
            found.append((head[1], _encoded(pairs)))
    return found


def _end_of_function(block: str, start: int) -> int:
    """Where the function's closing is that stands in none of its values; the first one where all do, -1 without one."""
    first = end = block.find(_FUNCTION_END, start)
    opened = 0
    while end >= 0:
        opened += _opened(block[start:end])
        if opened <= 0:
            return end
        start, end = end, block.find(_FUNCTION_END, end + 1)
    return first


def _pairs(inner: str) -> dict[str, str] | None:
    """The parameters of a function; None where words are left over. A missing closing is the next one's opening."""
    closed = _closed(inner, _PARAMETER_CLOSES)
    pairs = dict(_PARAMETER.findall(closed))
    if _PARAMETER.sub("", closed).strip() or inner[len(closed) :].strip():
        pairs = dict(_OPEN_PARAMETER.findall(inner))
    return pairs if pairs or not inner.strip() else None


def _invokes(block: str) -> Calls:
    return [(name, _encoded(_named(inner))) for name, inner in _INVOKE.findall(_closed(block, _INVOKE_CLOSES))]


def _named(inner: str) -> dict[str, str]:
    return dict(_INVOKE_PARAMETER.findall(_closed(inner, _PARAMETER_CLOSES)))


def _deepseek(block: str) -> Calls:
    """V3 writes `function<sep>name` and a fenced object, V3.1 `name<sep>{...}`."""
    found = []
    for head, rest in _DEEPSEEK.findall(_closed(block, _DEEPSEEK_CLOSES)):
        name, written = head.strip(), rest.strip()
        if name == "function":
            name, _, written = written.partition("\n")
        written = written.strip().removesuffix("```").rstrip()
        written = written[_past(_FENCE_OPENS, written, 0) :]
        found.append((name.strip(), written))
    return found


def _kimi(block: str) -> Calls:
    return [(name, arguments.strip()) for name, arguments in _KIMI.findall(_closed(block, _KIMI_CLOSES))]


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
        if found is None or not end:
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
        if head is None or not end or (head[2] and not closed):
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


def _json_calls(written: str) -> Calls:
    """Read `{"name": ..., "arguments" | "parameters": {...}}`, several of them, or a list."""
    try:
        return [call for value in _values(written) for call in _calls(value)]
    except (ValueError, RecursionError):
        return []


def _values(written: str) -> Iterator[Any]:
    """The values that stand one behind the other; a bracket too many at the end changes none of them."""
    at = _past(_BETWEEN, written, 0)
    while at < len(written):
        value, end = _value(written, at)
        yield value
        at = _past(_BETWEEN, written, end)
        if _LEFT_OVER.fullmatch(written, at):
            return


def _past(what: re.Pattern[str], written: str, at: int) -> int:
    found = what.match(written, at)
    return found.end() if found else at


def _calls(value: object) -> Iterator[tuple[str, str]]:
    """The calls in a value. Raises ValueError for one that is none: a declaration of a tool, for one."""
    for entry in items(value) or [value]:
        whole = mapping(entry)
        call = mapping(whole.get("function")) or whole
        name = text(call.get("name")) or text(call.get("function")) or text(call.get("tool_name"))
        arguments: Any = call.get("arguments", call.get("parameters"))
        if not name or _is_declaration(call):
            raise ValueError("no call")
        if isinstance(arguments, dict):
            yield name, _encoded(arguments)
        elif isinstance(arguments, str):
            yield name, arguments
        else:
            raise ValueError("no call")  # noqa: TRY004 - of what a model wrote


def _is_declaration(call: Mapping[str, Any]) -> bool:
    """Whether this says what a tool takes."""
    schema = mapping(call.get("parameters"))
    return "arguments" not in call and schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping)


def _encoded(arguments: dict[str, Any]) -> str:
    return msgspec.json.encode(arguments).decode()


_INVOKING = (
    "function_calls",
    "｜DSML｜function_calls",
    "｜DSML｜tool_calls",
    "minimax:tool_call",
    "antml:function_calls",
)
_HARMONIES = (
    "<|start|>assistant<|channel|>commentary to=",
    "<|start|>assistant to=functions.",
    "<|channel|>commentary to=",
)

FORMS: tuple[Form, ...] = (
    Form("<tool_call>", "</tool_call>", _hermes),
    Form("<function=", "</function>", _functions),
    *(Form(f"<{name}>", f"</{name}>", _tagged) for name in ("function_call", "tool_calls")),
    Form("<tools>", "</tools>", _listed),
    *(Form(f"<{name}>", f"</{name}>", _invokes) for name in _INVOKING),
    *(Form(f"<{prefix}invoke name=", f"</{prefix}invoke>", _invokes) for prefix in ("", "｜DSML｜", "antml:")),
    Form("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", _deepseek),
    Form("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", _deepseek),
    Form("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", _kimi),
    Form("<|tool_call_begin|>", "<|tool_call_end|>", _kimi),
    Form("<|START_ACTION|>", "<|END_ACTION|>", _tagged),
    Form("<|tool_call|>", "", _piped),
    *(Form(mark, "", _harmony) for mark in _HARMONIES),
    Form("[TOOL_CALLS]", "", _mistral),
    Form("<|python_tag|>", "", _llama),
    *(Form(mark, "", _bracketed) for mark in ("[Tool call:", "[Tool Call:", "[TOOL CALL:", "[tool call:")),
)

BARE = Form("{", "", _llama)
"""An answer that is nothing but the JSON of a call (Llama 3)."""
