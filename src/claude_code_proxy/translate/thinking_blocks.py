"""Thinking blocks of an answer: their text, and the one signature that carries what the backend wants back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..wire.anthropic import SignatureDelta, ThinkingDelta
from .deltas import Thinking, ThinkingState
from .envelope import Envelope, digest, seal
from .grammar import State

if TYPE_CHECKING:
    from .writer import Writer


class ThinkingBlocks:
    """The writer's part for reasoning. `calls`: signatures of tool calls that travel in the next envelope."""

    def __init__(self, writer: Writer) -> None:
        self.calls: dict[str, str] = {}
        self._writer = writer
        self._field = "reasoning_content"
        self._text: list[str] = []
        self._details: list[dict[str, Any]] = []

    def text(self, delta: Thinking) -> None:
        """Add visible reasoning; a client that forbade thinking is not shown any."""
        writer = self._writer
        if writer.plan.hide_thinking or writer.plan.discard:
            writer.notes.add("thinking-hidden")
            return
        if writer.state is not State.THINKING:
            self._open()
        self._field = delta.field
        self.remember(delta.text)
        writer.characters += len(delta.text)
        if writer.plan.show_thinking:
            writer.delta(ThinkingDelta(delta.text))

    def remember(self, text: str) -> None:
        """Keep a piece of reasoning for the signature."""
        self._text.append(text)

    def state(self, delta: ThinkingState) -> None:
        """Keep opaque state for the envelope: fragments of one detail are merged (translation reference, 3.2)."""
        last = self._details[-1] if self._details else None
        if last is not None and _continues(last, delta.detail):
            _merge(last, delta.detail)
        else:
            self._details.append(dict(delta.detail))

    def flush(self) -> None:
        """Give state without a block one of its own: an empty, signed thinking block, which clients keep."""
        if (self._details or self.calls) and self._writer.state is not State.THINKING:
            self._open()

    def sign(self) -> None:
        """Send the signature of the open block and begin a new envelope."""
        plan = self._writer.plan
        text = "".join(self._text)
        envelope = Envelope(
            backend=plan.backend,
            model=plan.upstream_model,
            field=self._field,
            text=None if plan.show_thinking else text,
            digest=digest(text) if plan.show_thinking else "",
            details=self._details,
            calls=self.calls,
        )
        self._writer.delta(SignatureDelta(seal(envelope, plan.seal)))
        self._text, self._details, self.calls = [], [], {}

    def _open(self) -> None:
        self._writer.open({"type": "thinking", "thinking": "", "signature": ""})


_JOINED = ("text", "summary", "data")


def _continues(last: dict[str, Any], piece: dict[str, Any]) -> bool:
    same = last.get("type") == piece.get("type") and last.get("index") == piece.get("index")
    other_id = last.get("id") and piece.get("id") and last["id"] != piece["id"]
    return same and not other_id and "index" in last


def _merge(last: dict[str, Any], piece: dict[str, Any]) -> None:
    for key, value in piece.items():
        if key in _JOINED and isinstance(value, str) and isinstance(last.get(key), str):
            last[key] += value
        elif value is not None:
            last[key] = value
