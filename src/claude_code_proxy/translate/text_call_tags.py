"""Readers of calls that are written in tags: functions and invokes with parameters, names with keys and values, marks.

What is not read is no call: a block with words left over in it was cut off, or is malformed, and a call without a part
of its arguments does something else than was meant. A reader returns nothing for such a block.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

Calls = list[tuple[str, str]]

NONE_GIVEN = ""
"""The arguments of a call that is nothing but a name."""

_MOST_CALLS = 128  # of one block: more are a model that repeats itself, and no call
_PREFIX = r"(?:[|｜]DSML[|｜]|\w{1,64}:)?"
_NAME = re.compile(r"[\w.:-]{1,256}")
_FUNCTION = re.compile(r"<function=([^>\s{]{1,256})>?")
_FUNCTION_END = "</function>"
_GLM_KEY = re.compile(r"<arg_key>([^<]{1,256})</arg_key>\s*+<arg_value>")
_GLM_END = re.compile(r"</arg_value>")
_MARKS = re.compile(rf"<(/)?+(?:{_PREFIX}parameter(?(1)>|(?:=| name=))|arg_value>)|({_FUNCTION_END})")
_INVOKE = re.compile(rf"<{_PREFIX}invoke name=\"([^\"]{{1,256}})\"[^>]{{0,256}}>")
_INVOKE_END = re.compile(rf"</{_PREFIX}invoke>")
_SECTION = re.compile(rf"\s*+</?{_PREFIX}(?:function_calls|tool_calls|tool_call)>\s*+")
_DEEPSEEK = re.compile(r"<[|｜]tool[▁_]call[▁_]begin[|｜]>([^<]{0,256})<[|｜]tool[▁_]sep[|｜]>")
_DEEPSEEK_END = re.compile(r"<[|｜]tool[▁_]call[▁_]end[|｜]>")
_DEEPSEEK_SECTION = re.compile(r"\s*+<[|｜]tool[▁_]calls[▁_](?:begin|end)[|｜]>\s*+")
_KIMI = re.compile(
    r"<\|tool_call_begin\|>\s*+(?:functions\.)?([^\s<]{1,256}?)(?::\d{1,9})?\s*+<\|tool_call_argument_begin\|>"
)
_KIMI_END = re.compile(r"<\|tool_call_end\|>")
_KIMI_SECTION = re.compile(r"\s*+<\|tool_calls_section_(?:begin|end)\|>\s*+")


class _Parameters(NamedTuple):
    """How parameters are written. lines: a value stands on lines of its own; loose: a closing may be missing."""

    marks: re.Pattern[str]
    lines: bool
    loose: bool


_OF_FUNCTION = _Parameters(re.compile(r"<parameter=([^>\s]{1,256})>|</parameter>"), lines=True, loose=True)
_OF_INVOKE = _Parameters(
    re.compile(rf"<{_PREFIX}parameter name=\"([^\"]{{1,256}})\"[^>]{{0,256}}>|</{_PREFIX}parameter>"),
    lines=False,
    loose=False,
)


def encoded(arguments: Mapping[str, Any]) -> str:
    """Return arguments as JSON text."""
    return msgspec.json.encode(arguments).decode()


def is_open(block: str) -> bool:
    """Whether a parameter was opened that is not closed."""
    return sum(-1 if mark[1] else 1 for mark in _MARKS.finditer(block) if not mark[2]) > 0


def keys_and_values(inner: str) -> Calls:
    """GLM: a name, then keys and values."""
    name, key, rest = inner.partition("<arg_key>")
    pairs = _between(key + rest, _GLM_KEY, _GLM_END)
    if pairs is None or not _NAME.fullmatch(name.strip()):
        return []
    return [(name.strip(), _given(dict(pairs)))]


def functions(block: str, *, closed: bool = False) -> Calls:
    """`<function=name>` around JSON or parameters. closed: by a tag around it, if not by its own."""
    found: Calls = []
    ends = _Ends(block)
    at = 0
    while head := _FUNCTION.search(block, at):
        end = ends.behind(head.end())
        inner = block[head.end() : end if end >= 0 else len(block)]
        arguments = _body(inner, _OF_FUNCTION)
        whole = closed or end >= 0 or inner.lstrip().startswith("{")
        if arguments is None or not whole or len(found) == _MOST_CALLS or block[at : head.start()].strip():
            return []
        found.append((head[1], arguments))
        at = len(block) if end < 0 else end + len(_FUNCTION_END)
    return [] if block[at:].strip() else found


class _Ends:
    """Where the functions of a block are closed: the marks are read once, however many functions there are."""

    def __init__(self, block: str) -> None:
        self._marks: list[int] = []  # of parameters, with how many are open behind each
        self._opened = [0]
        self._closings: list[tuple[int, int]] = []
        for mark in _MARKS.finditer(block):
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


def invokes(block: str) -> Calls:
    """`<invoke name="...">` around parameters or JSON, in a section or without."""
    calls: Calls = []
    for name, inner in _between(_without_section(block, _SECTION), _INVOKE, _INVOKE_END) or []:
        arguments = _body(inner, _OF_INVOKE)
        if arguments is None:
            return []
        calls.append((name, arguments))
    return calls


def deepseek(block: str) -> Calls:
    """V3 writes `function<sep>name` and a fenced object, V3.1 `name<sep>{...}`."""
    found = []
    for head, rest in _between(_without_section(block, _DEEPSEEK_SECTION), _DEEPSEEK, _DEEPSEEK_END) or []:
        name, written = head.strip(), rest.strip()
        if name == "function":
            name, _, written = written.partition("\n")
        written = written.strip().removeprefix("```").removesuffix("```").removeprefix("json")
        found.append((name.strip(), written.strip()))
    return found


def kimi(block: str) -> Calls:
    """`functions.name:0`, its arguments behind a mark."""
    calls = _between(_without_section(block, _KIMI_SECTION), _KIMI, _KIMI_END) or []
    return [(name, arguments.strip()) for name, arguments in calls]


def _without_section(block: str, mark: re.Pattern[str]) -> str:
    """The block without the marks around it."""
    begin = mark.match(block)
    block = block[begin.end() :] if begin else block
    last = block.rfind("<")
    return block[:last] if last >= 0 and mark.fullmatch(block, last) else block


def _between(written: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> list[tuple[str, str]] | None:
    """What the openings name, and what stands between each and the closing that is next; None for anything else."""
    found: list[tuple[str, str]] = []
    at = 0
    while head := opening.search(written, at):
        end = closing.search(written, head.end())
        if end is None or written[at : head.start()].strip() or len(found) == _MOST_CALLS:
            return None
        found.append((head[1], written[head.end() : end.start()]))
        at = end.end()
    return None if written[at:].strip() else found


def _body(inner: str, how: _Parameters) -> str | None:
    """The arguments within a call's tags, as JSON text; None where words are left over."""
    written = inner.strip()
    if written.startswith("{"):
        return written
    pairs = _balanced(inner, how)
    pairs = _by_lines(inner, how) if pairs is None else pairs
    return None if pairs is None else _given(pairs)


def _given(pairs: dict[str, str]) -> str:
    return encoded(pairs) if pairs else NONE_GIVEN


def _balanced(inner: str, how: _Parameters) -> dict[str, str] | None:
    """Parameters in which every opening has its closing, also those within values."""
    pairs: dict[str, str] = {}
    depth = at = start = 0
    name = ""
    for mark in how.marks.finditer(inner):
        if mark[1] is not None and not depth:
            name, start = mark[1], mark.end()
            if name in pairs or inner[at : mark.start()].strip():
                return None
        depth += -1 if mark[1] is None else 1
        if depth < 0:
            return None
        if not depth:
            at = mark.end()
            pairs[name] = _value(inner[start : mark.start()], how)
    return None if depth or inner[at:].strip() else pairs


def _by_lines(inner: str, how: _Parameters) -> dict[str, str] | None:
    """Parameters that begin on a line, or behind a closing, and go on to the last closing before the next one."""
    pairs: dict[str, str] = {}
    marks = list(how.marks.finditer(inner))
    opened = [mark for mark in marks if mark[1] is not None]
    openings = [mark for mark in opened if _begins(inner, mark.start())]
    if not openings or inner[: openings[0].start()].strip():
        return None
    if len(openings) < len(opened) and 2 * len(opened) > len(marks):  # one that is not closed, and which one is it?
        return None
    for mark, following in zip(openings, [*openings[1:], None], strict=True):
        written = inner[mark.end() : following.start() if following else len(inner)]
        closings = [one for one in how.marks.finditer(written) if one[1] is None]
        left = written[closings[-1].end() :] if closings else ""
        if mark[1] in pairs or left.strip() or not (closings or how.loose):
            return None
        pairs[mark[1]] = _value(written[: closings[-1].start()] if closings else written, how)
    return pairs


def _begins(inner: str, at: int) -> bool:
    before = inner[max(0, at - 64) : at].rstrip(" \t")
    return before[-1:] in {"", "\n", ">"}


def _value(written: str, how: _Parameters) -> str:
    """A value without the line ends next to its tags."""
    return written.removeprefix("\n").removesuffix("\n") if how.lines else written
