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
from bisect import bisect
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
_FUNCTION = re.compile(r"<function=([^>\s{]{1,256})>?")
_PARAMETER = re.compile(r"<parameter=([^>\s]{1,256})>\n?")
_PARAMETER_END = re.compile(r"</parameter>")
_PARAMETER_OR_NEXT = re.compile(r"</parameter>|(?=<parameter=)|\Z")
_GLM_KEY = re.compile(r"<arg_key>([^<]{1,256})</arg_key>\s*+<arg_value>")
_GLM_END = re.compile(r"</arg_value>")
_PARAMETER_MARKS = re.compile(r"<(/)?+(?:｜DSML｜|\w{1,64}:)?parameter(?(1)>|(?:=| name=))|(</function>)")
_INVOKE = re.compile(r"<(?:｜DSML｜|\w{1,64}:)?invoke name=\"([^\"]{1,256})\"[^>]{0,256}>")
_INVOKE_END = re.compile(r"</(?:｜DSML｜|\w{1,64}:)?invoke>")
_INVOKE_PARAMETER = re.compile(r"<(?:｜DSML｜|\w{1,64}:)?parameter name=\"([^\"]{1,256})\"[^>]{0,256}>")
_INVOKE_PARAMETER_END = re.compile(r"</(?:｜DSML｜|\w{1,64}:)?parameter>")
_DEEPSEEK = re.compile(r"<｜tool▁call▁begin｜>([^<]{0,256})<｜tool▁sep｜>")
_DEEPSEEK_END = re.compile(r"<｜tool▁call▁end｜>")
_KIMI = re.compile(
    r"<\|tool_call_begin\|>\s*+(?:functions\.)?([^\s<]{1,256}?)(?::\d{1,9})?\s*+<\|tool_call_argument_begin\|>"
)
_KIMI_END = re.compile(r"<\|tool_call_end\|>")
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
    return sum(-1 if mark[1] else 1 for mark in _PARAMETER_MARKS.finditer(block) if not mark[2]) > 0


def _hermes(block: str) -> Calls:
    """`<tool_call>` holds JSON (Hermes, Qwen), functions in tags (Qwen-Coder), or a name and keys (GLM)."""
    inner = block.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    if inner.startswith(("{", "[")):
        closed = block.endswith("</tool_call>")
        return _json_calls(inner) or (_json_calls(inner + "}") if closed else [])
    if inner.startswith("<function="):
        return _functions(inner, closed=block.endswith("</tool_call>"))
    name, pairs = inner.partition("<arg_key>")[0].strip(), dict(_between(inner, _GLM_KEY, _GLM_END))
    return [(name, _encoded(pairs))] if name and re.fullmatch(r"[\w.:-]+", name) else []


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


def _between(written: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """What the openings name, and what stands between each and the closing that is next."""
    at = 0
    while (head := opening.search(written, at)) and (end := closing.search(written, head.end())):
        yield head[1], written[head.end() : end.start()]
        at = end.end()


def _functions(block: str, *, closed: bool = False) -> Calls:
    """`<function=name>` around JSON or parameters. closed: by a tag around it, if not by its own."""
    found: Calls = []
    ends = _Ends(block)
    at = 0
    while head := _FUNCTION.search(block, at):
        end = ends.behind(head.end())
        inner = block[head.end() : end if end >= 0 else len(block)]
        at = len(block) if end < 0 else end
        written = inner.strip()
        pairs = {} if written.startswith("{") else _pairs(inner)
        if pairs is None or not (closed or end >= 0 or written.startswith("{")) or len(found) == _MOST_CALLS:
            return []
        found.append((head[1], written if written.startswith("{") else _encoded(pairs)))
    return found


class _Ends:
    """Where the functions of a block are closed: the marks are read once, however many functions there are."""

    def __init__(self, block: str) -> None:
        self._marks: list[int] = []  # of parameters, with how many are open behind each
        self._opened = [0]
        self._closings: list[tuple[int, int]] = []
        for mark in _PARAMETER_MARKS.finditer(block):
            if mark[2]:
                self._closings.append((mark.start(), self._opened[-1]))
            else:
                self._marks.append(mark.start())
                self._opened.append(self._opened[-1] + (-1 if mark[1] else 1))

    def behind(self, start: int) -> int:
        """Where the closing is that stands in none of a function's values; the first one where all do, -1 without."""
        opened = self._opened[bisect(self._marks, start - 1)]
        first = bisect(self._closings, (start, -len(self._marks) - 1))
        coming = self._closings[first:]
        return next((at for at, level in coming if level <= opened), coming[0][0] if coming else -1)


def _pairs(inner: str) -> dict[str, str] | None:
    """The parameters of a function; None where words are left over. A missing closing is the next one's opening."""
    pairs: dict[str, str] = {}
    at, left = 0, []
    while (head := _PARAMETER.search(inner, at)) and (end := _PARAMETER_END.search(inner, head.end())):
        left.append(inner[at : head.start()])
        pairs[head[1]] = _line(inner[head.end() : end.start()])
        at = end.end()
    if "".join((*left, inner[at:])).strip():
        pairs = {name: _line(value) for name, value in _between(inner, _PARAMETER, _PARAMETER_OR_NEXT)}
    return pairs if pairs or not inner.strip() else None


def _line(value: str) -> str:
    """A value without the line end before its closing."""
    return value.removesuffix("\n")


def _invokes(block: str) -> Calls:
    return [
        (name, _encoded(dict(_between(inner, _INVOKE_PARAMETER, _INVOKE_PARAMETER_END))))
        for name, inner in _between(block, _INVOKE, _INVOKE_END)
    ]


def _deepseek(block: str) -> Calls:
    """V3 writes `function<sep>name` and a fenced object, V3.1 `name<sep>{...}`."""
    found = []
    for head, rest in _between(block, _DEEPSEEK, _DEEPSEEK_END):
        name, written = head.strip(), rest.strip()
        if name == "function":
            name, _, written = written.partition("\n")
        written = written.strip().removeprefix("```").removesuffix("```").removeprefix("json")
        found.append((name.strip(), written.strip()))
    return found


def _kimi(block: str) -> Calls:
    return [(name, arguments.strip()) for name, arguments in _between(block, _KIMI, _KIMI_END)]


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


def _json_calls(written: str) -> Calls:
    """Read `{"name": ..., "arguments" | "parameters": {...}}`, several of them, or a list."""
    try:
        return [call for value in _values(written) for call in _calls(value)]
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
