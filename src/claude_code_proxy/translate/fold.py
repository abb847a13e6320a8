"""Events folded into one message: a whole answer takes the same way as a streamed one, so they can't disagree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
            match event:
                case MessageStart(message=message):
                    self.message = {**message, "content": []}
                case ContentBlockStart(content_block=block):
                    self.message["content"].append(dict(block))
                    self._pieces = []
                case ContentBlockDelta(delta=delta):
                    self._delta(self.message["content"][-1], delta)
                case ContentBlockStop():
                    self._stop(self.message["content"][-1])
                case MessageDelta(delta=delta, usage=usage, context_management=edits):
                    self.message.update(delta)
                    self.message["usage"] = usage
                    if edits is not msgspec.UNSET:
                        self.message["context_management"] = edits
                case MessageStop():
                    pass

    def _delta(self, block: dict[str, Any], delta: object) -> None:
        match delta:
            case TextDelta(text=piece) | ThinkingDelta(thinking=piece) | InputJsonDelta(partial_json=piece):
                self._pieces.append(piece)
            case SignatureDelta(signature=signature):
                block["signature"] = signature
            case CitationsDelta(citation=citation):
                block.setdefault("citations", []).append(citation)

    def _stop(self, block: dict[str, Any]) -> None:
        text = "".join(self._pieces)
        match block["type"]:
            case "text":
                block["text"] = text
            case "thinking":
                block["thinking"] = text
            case "tool_use" if _is_half(text):
                self.message["content"].pop()
            case "tool_use":
                block["input"] = msgspec.json.decode(text) if text else {}
        self._pieces = []


def _is_half(arguments: str) -> bool:
    """Whether a limit cut a call off: half a call is none (translation reference, 5.7)."""
    try:
        msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return True
    return False
