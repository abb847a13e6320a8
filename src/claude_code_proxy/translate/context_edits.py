"""`context_management`: old tool results and old thinking cleared from a request, as the client asked, before all else.

The edits are Anthropic's `clear_tool_uses_20250919` and `clear_thinking_20251015` (SDK 2.12.0 types; their defaults:
docs.anthropic.com on context editing). Both are pure list edits. What they free is measured on the body the backend
gets, so that the counts of the answer, of `count_tokens` and of `applied_edits` agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import count, items, mapping, text
from .history import is_call, is_result

Request = Mapping[str, Any]
Messages = list[Any]
Measure = Callable[[Request], int]
"""Tokens of a request's prompt."""

CLEARED = "[tool result cleared to save context]"
"""Stands for a result that was cleared: the model knows that there was one."""

EDITS = frozenset({"clear_tool_uses_20250919", "clear_thinking_20251015"})
"""The types that are executed."""

_TRIGGER = 100_000  # input tokens
_KEPT_USES = 3
_KEPT_TURNS = 1
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})


class Edited(msgspec.Struct, frozen=True, kw_only=True):
    """A request after its edits.

    applied: the answer's `applied_edits`, None when the client asked for no edit; original: tokens before the edits, 0
    when nobody had to measure them.
    """

    request: Request
    applied: tuple[dict[str, Any], ...] | None = None
    original: int = 0


class _Change(NamedTuple):
    """What one edit would do. uses: of tools in the request; cleared: of these, or turns of thinking."""

    messages: Messages
    counted: str
    cleared: int
    uses: int = 0


def apply_edits(request: Request, measure: Measure) -> Edited:
    """Execute the edits in their order; an edit that has nothing to clear, or not enough, is not applied."""
    if "context_management" not in request:
        return Edited(request=request)
    edits = [mapping(edit) for edit in items(mapping(request["context_management"]).get("edits"))]
    if not edits:
        return Edited(request=request)
    applied: list[dict[str, Any]] = []
    original = tokens = 0
    for edit in edits:
        change = _change(request, edit)
        if change is None or not change.cleared:
            continue
        tokens = tokens or measure(request)
        original = original or tokens
        if not _is_triggered(edit, change, tokens):
            continue
        shorter = {**request, "messages": change.messages}
        left = measure(shorter)
        freed = max(0, tokens - left)
        if freed < count(mapping(edit.get("clear_at_least")).get("value")):
            continue
        applied.append({"type": edit["type"], change.counted: change.cleared, "cleared_input_tokens": freed})
        request, tokens = shorter, left
    return Edited(request=request, applied=tuple(applied), original=original)


def _change(request: Request, edit: Mapping[str, Any]) -> _Change | None:
    messages = items(request.get("messages"))
    match edit.get("type"):
        case "clear_tool_uses_20250919":
            return _without_results(messages, edit)
        case "clear_thinking_20251015":
            return _without_thinking(messages, edit)
        case _:
            return None


def _is_triggered(edit: Mapping[str, Any], change: _Change, tokens: int) -> bool:
    if edit.get("type") != "clear_tool_uses_20250919":
        return True
    trigger = mapping(edit.get("trigger"))
    if trigger.get("type") == "tool_uses":
        return change.uses > count(trigger.get("value"))
    return tokens > (count(trigger.get("value")) if "value" in trigger else _TRIGGER)


def _kept(edit: Mapping[str, Any], default: int) -> int:
    keep = mapping(edit.get("keep"))
    return count(keep["value"]) if "value" in keep else default


# -- tool uses ------------------------------------------------------------------------------------------------------


def _without_results(messages: Sequence[Any], edit: Mapping[str, Any]) -> _Change:
    """Clear the results of all uses but the last ones and those of excluded tools; their inputs too if asked."""
    blocks = list(chain.from_iterable(_blocks(message) for message in messages))
    uses = [block for block in blocks if is_call(block)]
    answered = {text(block.get("tool_use_id")) for block in blocks if is_result(block)}
    excluded = {text(name) for name in items(edit.get("exclude_tools"))}
    old = uses[: max(0, len(uses) - _kept(edit, _KEPT_USES))]
    cleared = {
        text(use.get("id")): text(use.get("name"))
        for use in old
        if text(use.get("id")) in answered and text(use.get("name")) not in excluded
    }
    inputs = edit.get("clear_tool_inputs")
    asked = {text(name) for name in items(inputs)}
    names = set(cleared.values()) if inputs is True else asked

    def shorter(block: Any) -> Any:
        if is_result(mapping(block)) and text(block.get("tool_use_id")) in cleared:
            return {**block, "content": _nothing_of(block)}
        if is_call(mapping(block)) and cleared.get(text(block.get("id"))) in names:
            return {**block, "input": {}}
        return block

    return _Change([_each(message, shorter) for message in messages], "cleared_tool_uses", len(cleared), len(uses))


def _nothing_of(result: Mapping[str, Any]) -> Any:
    """Return what stands for a result's content; the types of servers' results take an object or list of their own."""
    said = [{"type": "text", "text": CLEARED}]
    return CLEARED if result.get("type") == "tool_result" else said


# -- thinking -------------------------------------------------------------------------------------------------------


def _without_thinking(messages: Sequence[Any], edit: Mapping[str, Any]) -> _Change | None:
    """Clear the thinking of all turns but the last ones that have any.

    A turn lasts until the user speaks again: the thoughts between its calls belong together, and go or stay so.
    """
    keep = edit.get("keep")
    if keep == "all" or mapping(keep).get("type") == "all":
        return None
    turn, turns = 0, []
    for message in messages:
        turn += _speaks(mapping(message))
        turns.append(turn)
    thinking = list(
        dict.fromkeys(turn for turn, one in zip(turns, messages, strict=True) if any(map(_thinks, _blocks(one))))
    )
    cleared = set(thinking[: max(0, len(thinking) - (_kept(edit, _KEPT_TURNS) or _KEPT_TURNS))])
    shorter = [
        _unthinking(message) if turn in cleared else message for turn, message in zip(turns, messages, strict=True)
    ]
    return _Change(shorter, "cleared_thinking_turns", len(cleared))


def _speaks(message: Mapping[str, Any]) -> bool:
    """Whether a message is the user's own, and not only results."""
    content = message.get("content")
    own = isinstance(content, str) or any(not is_result(block) for block in _blocks(message))
    return message.get("role") == "user" and own


def _thinks(block: Mapping[str, Any]) -> bool:
    return block.get("type") in _THOUGHTS


def _unthinking(message: Any) -> Any:
    content = mapping(message).get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [block for block in content if not _thinks(mapping(block))]}


# -- blocks ---------------------------------------------------------------------------------------------------------


def _blocks(message: Any) -> list[Mapping[str, Any]]:
    return [mapping(block) for block in items(mapping(message).get("content"))]


def _each(message: Any, change: Callable[[Any], Any]) -> Any:
    content = mapping(message).get("content")
    return {**message, "content": [change(block) for block in content]} if isinstance(content, list) else message
