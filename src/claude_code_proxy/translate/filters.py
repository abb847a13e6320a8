"""What stands between reader and writer: deltas in, deltas out, for what shows only in the text as a whole.

A filter may hold back text it can't judge yet, never more than that; `release` gives it up when something else follows.
"""

from __future__ import annotations

from .deltas import Delta, Finish, Text, Thinking
from .dialect import Dialect
from .json_answer import JsonAnswer
from .json_fences import JsonFences
from .notes import Notes
from .plan import Plan
from .summary_tags import SummaryTags
from .text_calls import TextCalls
from .text_filter import Past, TextFilter, overlap
from .text_limit import TextLimit

_LONGEST_START = 1000  # characters of white space before a tag
_TELLING = 4  # characters of a prefill: a model that goes on seldom begins with the same ones


class Filters:
    """The filters one answer needs, in order. `stopped`: the answer is complete, whatever else the backend sends."""

    def __init__(self, dialect: Dialect, plan: Plan, notes: Notes) -> None:
        self.past: Past | None = None  # kept for a filter that must know all of the text
        self._filters: list[TextFilter] = []
        if dialect.think_tags:
            self._filters.append(ThinkTags(notes, opened=dialect.think_opened and dialect.think_unparsed))
        if plan.prefill and _may_be_echoed(plan.prefill, dialect):
            self._filters.append(PrefillEcho(plan.prefill))
        if dialect.text_tools and plan.tools and plan.choice != "none":
            self.past = Past()
            self._filters.append(TextCalls(plan, notes, self.past))
        if plan.json_shape is not None:
            self._filters.append(JsonFences(notes))
            if plan.json_shape.wrapped or plan.json_shape.schema is not None:
                self._filters.append(JsonAnswer(plan.json_shape))
        if plan.summary:
            self._filters.append(SummaryTags(notes))
        if plan.text_limit:
            self._filters.append(TextLimit(plan.text_limit))
        if plan.stops or plan.scan_stops:
            self._look_for_stops(plan, notes)

    def _look_for_stops(self, plan: Plan, notes: Notes) -> None:
        if any(plan.scan_stops):
            notes.add("stops-local", "stop_sequences")
        stops = tuple(filter(None, dict.fromkeys((*plan.stops, *plan.scan_stops))))
        if stops:
            self._filters.append(StopScan(stops))

    @property
    def watches(self) -> str:
        """The characters that can begin something a filter looks for."""
        return "".join([one.watches for one in self._filters])

    @property
    def inert(self) -> bool:
        """Whether text without any of `watches` passes through unchanged."""
        for one in self._filters:  # noqa: SIM110 - asked for every chunk that is read: a generator costs twice as much
            if not one.inert:
                return False
        return True

    @property
    def stopped(self) -> bool:
        """Whether a stop sequence of the client was found."""
        for one in self._filters:  # noqa: SIM110 - as above
            if one.stopped:
                return True
        return False

    def feed(self, deltas: list[Delta]) -> list[Delta]:
        """Return what `deltas` become."""
        for one in self._filters:
            deltas = one.feed(deltas)
        return deltas

    def whole(self, deltas: list[Delta]) -> list[Delta]:
        """Return what all the deltas of an answer become: the same as by `feed` and `flush`."""
        for one in self._filters:
            deltas = one.whole(deltas)
        return deltas

    def flush(self) -> list[Delta]:
        """Return what the filters still hold, at the end."""
        deltas: list[Delta] = []
        for one in self._filters:
            deltas = one.feed(deltas) + one.release()
        return deltas


class ThinkTags(TextFilter):
    """`<think>...</think>` at the start of the text is reasoning; anywhere else it is text (it may be code).

    `<thought>` is Gemini's word for it. opened: the prompt has the first tag, so text waits for the second one, unless
    reasoning comes in a field of its own. Elsewhere a second tag without a first is noted: what was sent can't be taken
    back.
    """

    _PAIRS = (("<think>", "</think>"), ("<thought>", "</thought>"))
    _OPEN, _CLOSE = _PAIRS[0]
    watches = "<"

    def __init__(self, notes: Notes, *, opened: bool = False) -> None:
        self._notes = notes
        self._opened = opened
        self._held = ""
        self._close = ""
        self._where = "start"
        self._thought: list[str] = []  # of a thought that began in the prompt, if it is one
        self._tail = ""  # of what was looked at last: it may begin a tag
        self._named = False  # the first tag stands somewhere in the text

    def whole(self, deltas: list[Delta]) -> list[Delta]:
        """Return what all the deltas of an answer become; mostly no tag is in them."""
        for delta in deltas:
            if type(delta) is Text and (self._opened or "<" in delta.text or not delta.text[:1].strip()):
                return super().whole(deltas)
        return deltas

    def text(self, piece: str) -> list[Delta]:
        """Split a piece."""
        if self._where == "text":
            self._look(piece)
            return [Text(piece)]
        if self._where == "opened":
            return self._inside(piece)
        piece, self._held = self._held + piece, ""
        return self._at_start(piece) if self._where == "start" else self._after(piece, self._where)

    def release(self) -> list[Delta]:
        """Give up what is held: an unfinished tag is what it looks like."""
        held, self._held = self._held, ""
        self._opened = False
        if self._where == "opened":
            return self._begin("".join(self._thought))
        if not held or self._where == "gap":
            return []
        if self._where == "thinking":
            return _thinking(held)
        return self._begin(held)

    def _at_start(self, piece: str) -> list[Delta]:
        begun = piece.lstrip()
        if begun and not begun.startswith("<"):
            return self._inside(piece) if self._opened else self._begin(piece)
        for opened, closed in self._PAIRS:
            if begun.startswith(opened):
                self._where, self._close = "thinking", closed
                return self._after(begun.removeprefix(opened), "thinking")
        if any(opened.startswith(begun) for opened, _ in self._PAIRS) and len(piece) < _LONGEST_START:
            self._held = piece
            return []
        return self._inside(piece) if self._opened else self._begin(piece)

    def _inside(self, piece: str) -> list[Delta]:
        """Hold a text that begins in the middle of a thought, until the thought ends."""
        self._where, seen = "opened", self._tail + piece
        self._thought.append(piece)
        self._tail = seen[len(seen) - overlap(seen, (self._CLOSE,)) :]
        if self._CLOSE not in seen:
            return []
        thought, self._close, after = "".join(self._thought).partition(self._CLOSE)
        self._tail = ""
        return [*_thinking(thought), *self._after(after, "gap")]

    def _begin(self, piece: str) -> list[Delta]:
        self._where, self._tail = "text", ""
        self._look(piece)
        return [Text(piece)]

    def _look(self, piece: str) -> None:
        """Look for a tag that ends what none began."""
        if not self._tail and "<" not in piece:
            self.inert = True
            return
        seen = self._tail + piece
        before, closed, _ = seen.partition(self._CLOSE)
        self._named = self._named or self._OPEN in before
        if closed and not (self._named or self._close):
            self._notes.add("think-unopened", "content")
        self._tail = seen[len(seen) - overlap(seen, self._PAIRS[0]) :]
        self.inert = not self._tail

    def _after(self, piece: str, where: str) -> list[Delta]:
        if where == "gap":  # white space between reasoning and answer belongs to neither
            piece = piece.lstrip()
            self._where = "gap"
            return self._begin(piece) if piece else []
        before, tag, after = piece.partition(self._close)
        if tag:
            self._where = "gap"
            return [*_thinking(before), *self._after(after, "gap")]
        keep = overlap(piece, (self._close,))
        self._held = piece[len(piece) - keep :]
        return _thinking(piece[: len(piece) - keep])


class PrefillEcho(TextFilter):
    """An answer may not repeat the beginning the client gave it (prefill)."""

    def __init__(self, prefill: str) -> None:
        self._prefill = prefill
        self._same = 0

    def text(self, piece: str) -> list[Delta]:
        """Leave the echo out."""
        if self.inert:
            return [Text(piece)]
        if self._prefill.startswith(piece, self._same):
            self._same += len(piece)
            self.inert = self._same == len(self._prefill)
            return []
        self.inert = True
        rest = len(self._prefill) - self._same
        if piece.startswith(self._prefill[self._same :]):
            return [Text(piece[rest:])]
        return [Text(self._prefill[: self._same] + piece)]

    def release(self) -> list[Delta]:
        """Give up a beginning that was no echo."""
        held = "" if self.inert else self._prefill[: self._same]
        self.inert = self.inert or bool(held)
        return [Text(held)] if held else []


def _may_be_echoed(prefill: str, dialect: Dialect) -> bool:
    """Whether an answer that begins with all of a prefill repeats it; else it may go on with the same characters.

    Mistral repeats a `prefix`, and vLLM sends what comes behind it. Elsewhere a model that begins anew is told from one
    that goes on by a beginning too long for chance, or one that is never doubled: no JSON has `{{`.
    """
    if dialect.prefill in ("continue", "prefix"):
        return dialect.prefill == "prefix"
    repetitive = prefill in (prefill + prefill)[1:-1]  # haha
    return "{" in prefill or (len(prefill) >= _TELLING and not repetitive)


class StopScan(TextFilter):
    """Finds the client's stop sequences in the text, also those the backend was told of: it may not keep to them."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.watches = "".join(stop[0] for stop in stops)
        self.inert = True

    def text(self, piece: str) -> list[Delta]:
        """Pass text on up to the first stop sequence, which ends the answer."""
        if self.stopped:
            return []
        text = self._held + piece
        found = min(((at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0), default=None)
        if found is None:
            keep = overlap(text, self._stops)
            self._held = text[len(text) - keep :]
            self.inert = not keep
            return [Text(text[: len(text) - keep])] if keep < len(text) else []
        self._held = ""
        self.stopped, self.inert = True, False
        _, at, stop = found
        before: list[Delta] = [Text(text[:at])] if at else []
        return [*before, Finish("stop_sequence", stop, stop)]

    def release(self) -> list[Delta]:
        """Give up a beginning that was no stop sequence."""
        held, self._held = self._held, ""
        self.inert = not self.stopped
        return [Text(held)] if held else []


def _thinking(text: str) -> list[Delta]:
    return [Thinking(text, "think_tag")] if text else []
