"""`claude-code-proxy prompt FILE`: what compression and trimming make of a captured request. Asks no model."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..prompt.compact import Compacted, compact
from ..prompt.sections import folded, is_persons, sections_of, texts_of
from ..prompt.tools import Trimmed, fit, trim
from ..tokens.count import Counter
from ..tokens.estimate import estimate
from ..tokens.vocabulary import load_vocabulary
from ..translate.messages import without_attribution
from ..wire.shapes import items, mapping, text

_USAGE = 2  # exit code
_TITLE = 44  # characters


class Part(NamedTuple):
    """A section of the system prompt. fate: kept, shortened or removed; tokens: of it as it came."""

    title: str
    tokens: int
    fate: str


class Shown(NamedTuple):
    """What becomes of a request. tools: of each that is another: name, tokens before and after."""

    parts: tuple[Part, ...]
    tools: tuple[tuple[str, int, int], ...]
    compacted: Compacted
    trimmed: Trimmed
    tools_before: int
    tools_after: int

    def as_data(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "system": {
                "before": self.compacted.before,
                "after": self.compacted.after,
                "budget": self.compacted.budget,
                "sections": [part._asdict() for part in self.parts],
            },
            "tools": {
                "before": self.tools_before,
                "after": self.tools_after,
                "removed": list(self.trimmed.removed),
                "shortened": [{"name": name, "before": before, "after": after} for name, before, after in self.tools],
            },
        }


VIEWS = ("table", "json", "diff", "text")


class Wanted(NamedTuple):
    """What to do to tools: TOOL_DESCRIPTIONS=short, TOOL_SUBSET, and the model's window in tokens."""

    short: bool = False
    subset: str = ""
    window: int = 0


def prompt(file: str, *, budget: int, wanted: Wanted, view: str) -> int:
    """Print what compact compression makes of the request in `file` ("-": standard input); returns the exit code.

    budget: tokens; view: table, json, diff or text.
    """
    if view not in VIEWS:
        return _complain(f"--view takes {', '.join(VIEWS)}, not {view}")
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        request = _request(msgspec.json.decode(data))
    except OSError as error:
        return _complain(f"{file} can't be read: {error.strerror}")
    except (ValueError, RecursionError):
        return _complain(f"{file} holds no Messages request: it takes JSON with `messages`, `system` or `tools`")
    shown = examine(request, budget, wanted)
    print("\n".join(_lines(shown, request, view)))
    return 0


def examine(request: Mapping[str, Any], budget: int, wanted: Wanted) -> Shown:
    """Return what becomes of a request's system prompt and tools."""
    counter = Counter(load_vocabulary() or estimate)
    compacted = compact(request.get("system") or "", budget, counter.text)
    trimmed = _trimmed(request, wanted, counter)
    kept = "".join(texts_of(compacted.system))
    parts = tuple(
        Part(section.title or "(opening)", counter.text(section.text), _fate(section.text, folded(section), kept))
        for sections in sections_of(request.get("system") or "")
        for section in sections
        if section.text.strip() and not is_persons(sections)
    )
    before, after = (counter.body({"tools": list(items(one.get("tools")))}) for one in (request, trimmed.request))
    return Shown(parts, _differences(request, trimmed, counter), compacted, trimmed, before, after)


def _trimmed(request: Mapping[str, Any], wanted: Wanted, counter: Counter) -> Trimmed:
    """The tools as a request of these settings has them: the subset, then their descriptions."""
    keep = frozenset(filter(None, map(str.strip, wanted.subset.split(","))))
    trimmed = trim(request, keep=keep, short=wanted.short)
    if wanted.short or not wanted.window:
        return trimmed
    return fit(trimmed.request, wanted.window, counter.text)._replace(removed=trimmed.removed)


def _differences(request: Mapping[str, Any], trimmed: Trimmed, counter: Counter) -> tuple[tuple[str, int, int], ...]:
    """Each tool that is left and is another now."""
    now = {text(mapping(tool).get("name")): tool for tool in items(trimmed.request.get("tools"))}
    pairs = (
        (name, tool, now.get(name))
        for tool in items(request.get("tools"))
        for name in [text(mapping(tool).get("name"))]
    )
    return tuple(
        (name, counter.body({"tools": [before]}), counter.body({"tools": [after]}))
        for name, before, after in pairs
        if after is not None and after != before
    )


def _request(decoded: object) -> Mapping[str, Any]:
    """The request in a captured file: the body itself, or in a recording's `request` or `body`."""
    found = mapping(decoded)
    for inner in ("request", "body"):
        if not ({"messages", "system", "tools"} & set(found)):
            found = mapping(found.get(inner)) or found
    if not ({"messages", "system", "tools"} & set(found)):
        raise ValueError
    return found


def _fate(whole: str, shorter: str, kept: str) -> str:
    return "kept" if whole in kept else "white space only" if shorter in kept else "removed"


def _lines(shown: Shown, request: Mapping[str, Any], view: str) -> Iterator[str]:
    before, after = _sent(request.get("system") or ""), _sent(shown.compacted.system)
    match view:
        case "json":
            yield json.dumps(shown.as_data(), indent=1, ensure_ascii=False)
        case "text":
            yield after
        case "diff":
            yield from difflib.unified_diff(
                before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=1
            )
        case _:
            yield from _table(shown)


def _sent(system: object) -> str:
    """A system prompt as a backend has it: without the line that is never sent."""
    return "\n\n".join(filter(None, map(without_attribution, texts_of(system))))


def _table(shown: Shown) -> Iterator[str]:
    over = f", {shown.compacted.after - shown.compacted.budget} over the budget" if shown.compacted.is_over else ""
    yield f"System prompt: {shown.compacted.before} -> {shown.compacted.after} tokens{over}"
    if not shown.parts:
        yield "  no prompt of Claude Code's: nothing is touched"
    for part in shown.parts:
        yield f"  {part.title[:_TITLE]:{_TITLE}} {part.tokens:7}  {part.fate}"
    yield f"Tools: {shown.tools_before} -> {shown.tools_after} tokens"
    if shown.trimmed.removed:
        yield f"  left out: {', '.join(shown.trimmed.removed)}"
    for name, before, after in shown.tools:
        yield f"  {name[:_TITLE]:{_TITLE}} {before:7}  described in {after}"
    if shown.tools_after == shown.tools_before:
        yield "  untouched; a small window (--window), TOOL_DESCRIPTIONS=short (--short) and TOOL_SUBSET (--tools) make"
        yield "  them fewer and shorter"


def _complain(problem: str) -> int:
    print(f"prompt: {problem}.", file=sys.stderr)
    return _USAGE
