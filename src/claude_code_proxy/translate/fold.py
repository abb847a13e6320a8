"""Events folded into one message: a whole answer takes the same way as a streamed one, so they can't disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from ..wire.anthropic import (
    CitationsDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Event,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)


class Fold:
    """Builds a message from its events: `add` each batch; `message` is complete after message_stop."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self._pieces: list[str] = []

    def add(self, events: Iterable[Event]) -> None:
        """Apply events in order."""
        for event in events:
            self._APPLIED[type(event)](self, event)

    def _start(self, event: MessageStart) -> None:
        self.message = {**event.message, "content": []}

    def _open(self, event: ContentBlockStart) -> None:
        self.message["content"].append(dict(event.content_block))
        self._pieces = []

    def _grow(self, event: ContentBlockDelta) -> None:
        delta = event.delta
        if isinstance(delta, TextDelta):
            self._pieces.append(delta.text)
        else:
            self._delta(self.message["content"][-1], delta)

    def _close(self, _event: ContentBlockStop) -> None:
        block, text = self.message["content"][-1], "".join(self._pieces)
        match block["type"]:
            case "text":
                block["text"] = text
            case "thinking":
                block["thinking"] = text
            case "tool_use" if _is_half(text):
                self.message["content"].pop()
            case "server_tool_use" if text:
                block["input"] = msgspec.json.decode(text)
            case "tool_use":
                block["input"] = msgspec.json.decode(text) if text else {}
        self._pieces = []

    def _conclude(self, event: MessageDelta) -> None:
        self.message.update(event.delta)
        self.message["usage"] = event.usage
        if event.context_management is not msgspec.UNSET:
            self.message["context_management"] = event.context_management

    def _end(self, _event: MessageStop) -> None:
        """Nothing is left to be said."""

    def _delta(self, block: dict[str, Any], delta: object) -> None:
        match delta:
            case ThinkingDelta(thinking=piece) | InputJsonDelta(partial_json=piece):
                self._pieces.append(piece)
            case SignatureDelta(signature=signature):
                block["signature"] = signature
            case CitationsDelta(citation=citation):
                block.setdefault("citations", []).append(citation)

    _APPLIED: ClassVar[Mapping[type[Event], Callable[[Fold, Any], None]]] = {
        MessageStart: _start,
        ContentBlockStart: _open,
        ContentBlockDelta: _grow,
        ContentBlockStop: _close,
        MessageDelta: _conclude,
        MessageStop: _end,
    }


def _is_half(arguments: str) -> bool:
    """Whether a limit cut a call off: half a call is none (translation reference, 5.7)."""
    try:
        msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return True
    return False
