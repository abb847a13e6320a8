"""Thinking blocks of an answer: their text, and the one signature that carries what the backend wants back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..wire.anthropic import SignatureDelta, ThinkingDelta
from ..wire.shapes import text
from .deltas import Thinking, ThinkingState
from .envelope import Envelope, digest, seal
from .grammar import State
from .snapshots import Snapshots

if TYPE_CHECKING:
    from .writer import Writer

_THINKING = State.THINKING


class ThinkingBlocks:
    """The writer's part for reasoning. hidden: there was some, and the client did not want any; unsaid: its text."""

    def __init__(self, writer: Writer) -> None:
        self.hidden = False
        self.unsaid: list[str] = []
        self._writer = writer
        self._field = "reasoning_content"
        self._text: list[str] = []
        self._said = Snapshots()
        self._said_in = ""
        self._unmirrored: list[str] = []
        self._ahead = ""
        self._mirrored = 0  # characters of `_ahead`
        self._details = Details()
        self._calls: dict[str, str] = {}

    def text(self, delta: Thinking) -> None:
        """Add visible reasoning; a client that forbade thinking is not shown any."""
        writer = self._writer
        writer.characters += len(delta.text)
        if self._hidden():
            self.unsaid.append(delta.text)
            return
        if not delta.text:
            return
        fresh = delta.text
        if delta.field == _TAG:
            fresh = "" if self._mirrors(fresh) else fresh
        elif delta.field == _DETAILS:
            fresh = self._said.add(delta.text, repeats=self._said_in not in ("", _DETAILS))
        else:
            self._said.keep(fresh)
            self._said_in = delta.field
            self._unmirrored.append(fresh)
        if fresh:
            if writer.state is not _THINKING:
                self._open()
            self._field = delta.field
            self._show(fresh)

    def remember(self, thought: str) -> None:
        """Keep a piece of reasoning for the signature, which was sent without this writer."""
        self._said.keep(thought)
        self._unmirrored.append(thought)
        self._text.append(thought)

    def _mirrors(self, tagged: str) -> bool:
        """Whether reasoning in `<think>` tags repeats what came in a field of its own (MiniMax M3 writes both)."""
        piece = "".join(tagged.split())
        if not piece:
            return bool(self._said_in)
        if self._unmirrored:
            self._ahead = self._ahead[self._mirrored :] + "".join("".join(self._unmirrored).split())
            self._unmirrored, self._mirrored = [], 0
        mirrors = self._ahead.startswith(piece, self._mirrored)
        self._mirrored = self._mirrored + len(piece) if mirrors else len(self._ahead)
        return mirrors

    def _show(self, thought: str) -> None:
        self._text.append(thought)
        if self._writer.plan.show_thinking:
            self._writer.delta(ThinkingDelta(thought))

    def state(self, delta: ThinkingState) -> None:
        """Keep opaque state for the envelope."""
        if not self._hidden():
            self._details.add(delta.detail)

    def carry(self, call_id: str, signature: str) -> None:
        """Keep the signature of a tool call for the envelope."""
        if not self._hidden():
            self._calls[call_id] = signature

    def flush(self) -> None:
        """Give state without a block one of its own: an empty, signed thinking block, which clients keep."""
        if (self._details or self._calls) and self._writer.state is not _THINKING:
            self._open()

    def sign(self) -> None:
        """Send the signature of the open block and begin a new envelope."""
        plan = self._writer.plan
        waiting = self._said.rest()
        if waiting:
            self._show(waiting)
        thought = "".join(self._text)
        envelope = Envelope(
            backend=plan.backend,
            model=plan.upstream_model,
            field=self._field,
            text=None if plan.show_thinking else thought,
            digest=digest(thought) if plan.show_thinking else "",
            details=self._details.merged(),
            calls=self._calls,
        )
        self._writer.delta(SignatureDelta(seal(envelope, plan.seal)))
        self._text, self._details, self._calls = [], Details(), {}

    def _open(self) -> None:
        self._writer.open({"type": "thinking", "thinking": "", "signature": ""})

    def _hidden(self) -> bool:
        if self._writer.plan.hide_thinking:
            self._writer.notes.add("thinking-hidden", "content", "the client disabled thinking")
            self.hidden = True
        return self.hidden


_DETAILS = "reasoning_details"
_TAG = "think_tag"
_JOINED = ("text", "summary", "data")


class Details:
    """Fragments of `reasoning_details`, merged as a backend wants them back (translation reference, 3.2)."""

    def __init__(self) -> None:
        self._all: list[_Detail] = []
        self._by_place: dict[tuple[str, int], _Detail] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, piece: Mapping[str, Any]) -> None:
        """Take a fragment in. Type and index say what it continues; without an index, text continues text."""
        kind, index = text(piece.get("type")), piece.get("index")
        if isinstance(index, int):
            open_one = self._by_place.get((kind, index))
        else:
            last = self._all[-1] if self._all else None
            open_one = last if last and "data" not in piece and last.is_text_of(kind) else None
        if open_one is None or open_one.is_other(piece):
            open_one = _Detail(kind)
            self._all.append(open_one)
        if isinstance(index, int):
            self._by_place[kind, index] = open_one
        open_one.add(piece)

    def merged(self) -> list[dict[str, Any]]:
        """Return the details, in the order they began."""
        return [detail.whole() for detail in self._all]


class _Detail:
    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._fields: dict[str, Any] = {}
        self._pieces: dict[str, Snapshots] = {}

    def is_text_of(self, kind: str) -> bool:
        return kind == self._kind and "index" not in self._fields and "data" not in self._fields

    def is_other(self, piece: Mapping[str, Any]) -> bool:
        mine, its = self._fields.get("id"), piece.get("id")
        return bool(mine and its and mine != its)

    def add(self, piece: Mapping[str, Any]) -> None:
        """Text is joined; of everything else the last value that is one stays."""
        for key, value in piece.items():
            if key in _JOINED and isinstance(value, str):
                known = self._pieces.setdefault(key, Snapshots())
                take = known.keep if key == "data" else known.add
                take(value)
                self._fields[key] = ""
            elif value is not None or key not in self._fields:
                self._fields[key] = value

    def whole(self) -> dict[str, Any]:
        return self._fields | {key: pieces.whole() for key, pieces in self._pieces.items()}
