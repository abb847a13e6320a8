"""How an answer ends: stop reason, stop details, final counts, and the message they belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from .deltas import Finish, Usage
from .notes import Notes
from .plan import Plan

_WINDOW_STOP = "model_context_window_exceeded"
CUTTING = ("max_tokens", _WINDOW_STOP, "refusal")
"""Reasons to stop anywhere, inside of a call too."""

_WINDOW_BETA = "model-context-window-exceeded-2025-08-26"
_FIRST_VERSION = "2023-06-01"
_CHARACTERS_PER_TOKEN = 4  # of English and code, when the backend counts nothing


def message(plan: Plan, message_id: str, usage: dict[str, Any]) -> dict[str, Any]:
    """Return a message that has said nothing yet. `model` is the name the client asked for."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": plan.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def knows_window_stop(version: str, betas: str) -> bool:
    """Whether a client knows the stop reason of a full window: by its `anthropic-version`, or the beta it came with.

    To others a full window is `max_tokens` (translation reference, 4.8).
    """
    return version > _FIRST_VERSION or _WINDOW_BETA in betas


def emptiness(finish: Finish | None, plan: Plan, usage: Usage | None, *, forbidden: bool) -> str:
    """Return why an answer without content is a fault, "" where it is none: a limit, a filter, a stop sequence.

    forbidden: it had calls, which tool_choice does not allow.
    """
    explained = finish is not None and finish.reason not in ("end_turn", "tool_use", "unknown")
    if plan.discard or plan.prefill or plan.lead_blocks or explained:
        return ""
    if forbidden:
        return "The backend's answer was nothing but a tool call, which tool_choice none forbids."
    # A model may end its turn at once, and be paid for it; of that only a second answer can convince (case ST-16).
    ended = finish is not None and finish.reason == "end_turn" and usage is not None and usage.output_tokens
    return "" if ended and plan.may_be_empty else "The backend's answer was empty: no text, no reasoning, no tool call."


def counted(usage: Usage | None, estimate: Callable[[], int], characters: int) -> tuple[Usage, str]:
    """Return an answer's counts, and which of them the backend did not give, "" for none: those are estimated.

    A prompt of 0 tokens is none, and so is an output of 0 where something was said (translation reference, 4.9).
    estimate: counts the prompt.
    """
    if usage is None:
        return Usage(estimate(), _tokens(characters)), "the backend counted nothing"
    missing = []
    if not (usage.input_tokens or usage.cache_read or usage.cache_write):
        usage = msgspec.structs.replace(usage, input_tokens=estimate())
        missing.append("input")
    if characters and not usage.output_tokens:
        usage = msgspec.structs.replace(usage, output_tokens=_tokens(characters))
        missing.append("output")
    return usage, f"the backend counted no {' and no '.join(missing)}" if missing else ""


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)


def without_output(usage: Usage) -> Usage:
    """Return the counts of an answer the client asked to be empty, whatever the backend wrote (`max_tokens: 0`)."""
    return msgspec.structs.replace(usage, output_tokens=0, thinking=None)


def edits(plan: Plan) -> dict[str, Any] | msgspec.UnsetType:
    """Return the `context_management` of an answer, unset where the client asked for no edits."""
    return msgspec.UNSET if plan.applied_edits is None else {"applied_edits": list(plan.applied_edits)}


def stop(
    finish: Finish | None, plan: Plan, notes: Notes, usage: Usage, *, called: bool, refusal: str
) -> dict[str, Any]:
    """Return the `delta` of message_delta (translation reference, 4.8)."""
    if finish is None:
        notes.add("finish-missing", "stop_reason", "derived from the content")
    reason = finish.reason if finish else "end_turn"
    matched = finish.stop if finish and finish.stop in plan.stops else None
    if reason == "unknown":
        notes.add("stop-unknown", "stop_reason", finish.native[:40] if finish else "")
    reason, matched = _settled(reason, matched, plan, usage, called=called, refused=bool(refusal))
    delta: dict[str, Any] = {"stop_reason": reason, "stop_sequence": matched if reason == "stop_sequence" else None}
    if reason == "refusal":
        delta["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal or None}
    return delta


def _settled(
    reason: str, matched: str | None, plan: Plan, usage: Usage, *, called: bool, refused: bool
) -> tuple[str, str | None]:
    """Return the stop reason the client is told, and the stop sequence that goes with it."""
    if plan.discard:
        reason = "max_tokens"
    elif called and reason not in ("max_tokens", "refusal", _WINDOW_STOP):
        reason, matched = "tool_use", None
    elif refused:
        reason = "refusal"
    elif matched is not None:
        reason = "stop_sequence"
    elif reason in ("tool_use", "unknown") or (reason == "stop_sequence" and matched is None):
        reason = "end_turn"
    elif reason == "max_tokens" and _window_is_full(plan, usage):
        reason = _WINDOW_STOP
    if reason == _WINDOW_STOP and not plan.window_stop:
        reason = "max_tokens"
    return reason, matched


def _window_is_full(plan: Plan, usage: Usage) -> bool:
    """The model stopped for its window, not for the client's limit: 8 tokens cover what servers reserve."""
    used = usage.input_tokens + usage.cache_read + usage.cache_write + usage.output_tokens
    return bool(plan.window) and used >= plan.window - 8 and usage.output_tokens < plan.max_tokens
