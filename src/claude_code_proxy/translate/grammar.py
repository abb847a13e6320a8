"""Which event may follow which: everything about the legal order of events lives in this table, and nowhere else.

The writer advances through it, so an illegal order can't leave the proxy; docs/stream-states.md is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import get_args

from ..wire.anthropic import (
    AnyDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Event,
)


class State(Enum):
    """Where a stream of events stands: before its start, between blocks, or inside one."""

    BEFORE = "before"
    BETWEEN = "between blocks"
    THINKING = "in a thinking block"
    SIGNED = "in a thinking block, signed"
    TEXT = "in a text block"
    TOOL = "in a tool_use or server_tool_use block"
    WHOLE = "in a block that came whole"
    CLOSING = "after message_delta"
    ENDED = "ended"

    __hash__ = object.__hash__  # a state is itself only; Enum's own hash is a Python call for every event


MOVES: Mapping[State, Mapping[str, State]] = {
    State.BEFORE: {"message_start": State.BETWEEN},
    State.BETWEEN: {
        "start thinking": State.THINKING,
        "start text": State.TEXT,
        "start tool_use": State.TOOL,
        "start server_tool_use": State.TOOL,
        "start whole": State.WHOLE,
        "message_delta": State.CLOSING,
    },
    State.THINKING: {"thinking_delta": State.THINKING, "signature_delta": State.SIGNED},
    State.SIGNED: {"stop": State.BETWEEN},
    State.TEXT: {"text_delta": State.TEXT, "citations_delta": State.TEXT, "stop": State.BETWEEN},
    State.TOOL: {"input_json_delta": State.TOOL, "stop": State.BETWEEN},
    State.WHOLE: {"stop": State.BETWEEN},
    State.CLOSING: {"message_stop": State.ENDED},
    State.ENDED: {},
}
"""`ping` and `error` are not in the table: a ping is legal anywhere, an error is legal before ENDED and ends all."""

_WHOLE = "start whole"
_NAMES: Mapping[type | str, str] = {
    **{kind: str(kind.__struct_config__.tag) for kind in (*get_args(AnyDelta), *get_args(Event))},
    **{kind: f"start {kind}" for kind in ("thinking", "text", "tool_use", "server_tool_use")},
    ContentBlockStop: "stop",
}
FOLLOWING: Mapping[State, Mapping[type | str, State]] = {
    state: {kind: moves[name] for kind, name in {**_NAMES, _WHOLE: _WHOLE}.items() if name in moves}
    for state, moves in MOVES.items()
}
"""`MOVES` by what an event shows of itself: its type, that of its delta, or the type of the block it opens."""


def _shown(event: Event) -> type | str:
    kind = type(event)
    if kind is ContentBlockDelta:
        return type(event.delta)  # type: ignore[union-attr]
    if kind is ContentBlockStart:
        opened: str = event.content_block["type"]  # type: ignore[union-attr]
        return opened if opened in _NAMES else _WHOLE
    return kind


def move_of(event: Event) -> str:
    """Return the name an event has in the table."""
    return _NAMES.get(_shown(event), _WHOLE)


def advance(state: State, event: Event) -> State:
    """Return the state after `event`. An event the table does not allow is a bug of the writer: AssertionError."""
    following = FOLLOWING[state].get(_shown(event))
    if following is None:
        raise AssertionError(f"{move_of(event)} may not follow: {state.value}")
    return following
