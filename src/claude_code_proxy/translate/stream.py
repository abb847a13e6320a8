"""A backend's answer translated: bytes in, Anthropic's event stream out; or a whole answer in, a message out.

    bytes -> payloads (wire.sse) -> deltas (chunks) -> filters -> events (writer) -> bytes

Everything here is pure: the shell feeds what it reads, sends what it gets, and looks at `failure`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from ..errors import UpstreamError
from ..wire.anthropic import Event, encode
from ..wire.sse import Decoder, is_stream
from .chunks import read_answer, read_chunk
from .deltas import Delta, Finish, Thinking
from .dialect import Dialect
from .fastpath import TokenPath
from .filters import Filters
from .fold import Fold
from .halves import Halves, is_halved
from .notes import Notes
from .plan import Plan
from .writer import Writer

_BACKSLASH = ord("\\")
_decode_text = msgspec.json.Decoder(str).decode


class StreamTranslator:
    """Translates one streamed answer.

    `feed` each read and `finish` at its end; both return frames for the client. `done`: nothing more is needed of
    the backend. `failure`: the backend failed; frames returned with it are still good, and what follows them is the
    caller's to say: a status before the first frame was sent, an `error` event after. estimate: counts the prompt when
    its size must be told and the backend does not tell it; None: the plan has it.
    """

    def __init__(
        self,
        dialect: Dialect,
        plan: Plan,
        *,
        message_id: str,
        notes: Notes | None = None,
        estimate: Callable[[], int] | None = None,
    ) -> None:
        self.notes = notes if notes is not None else Notes()
        self.done = False
        self.writer = Writer(plan, self.notes, message_id=message_id, estimate=estimate)
        self._dialect = dialect
        self._filters = Filters(dialect, plan, self.notes)
        self._decoder: Decoder | None = None  # of a stream, from its first bytes on
        self._tokens: TokenPath
        self._halves: Halves | None = None  # from the first half of a character on

    @property
    def failure(self) -> UpstreamError | None:
        """What went wrong on the backend's side, None while all is well."""
        return self.writer.failure

    @property
    def finishing(self) -> bool:
        """The finish reason is known; only token counts may still come."""
        return self.writer.ending is not None

    def feed(self, data: bytes) -> bytes:
        """Return the frames for what `data` completes."""
        frames: list[bytes] = []
        for payload in self._payloads(data):
            frame = self._tokens.frame(payload)
            if frame is not None:
                self._take_note(self._tokens)
            else:
                frame = encode(self._one(payload))
            frames.append(frame)
            if self.done:
                break
        return b"".join(frames)

    def finish(self) -> bytes:
        """Return the last frames: the backend's connection has ended."""
        return encode(self.last_events())

    def events(self, data: bytes) -> list[Event]:
        """`feed`, before encoding."""
        return self._write(self._payloads(data))

    def last_events(self) -> list[Event]:
        """`finish`, before encoding."""
        if self.done:
            return []
        rest = self._decoder.finish() if self._decoder is not None else []
        if self.finishing:  # what is cut off behind the finish reason is no loss
            rest = [payload for payload in rest if _is_json(payload)]
        return self._write(rest) + self._end()

    def whole_events(self, body: bytes) -> list[Event]:
        """Return the events of an answer that came whole, whether or not a stream was asked for."""
        if is_stream(body):  # although none was asked for
            return self.events(body) + self.last_events()
        self.done = True
        return self.writer.write(self._filters.whole(read_answer(body, self._dialect))) + self.writer.finish()

    def refuse(self, explanation: str) -> list[Event]:
        """Return the events of an answer that a content filter of the backend took the place of."""
        self.writer.refusal.append(explanation)
        return self.writer.write([Finish("refusal", "content_filter")]) + self._end()

    @property
    def stop_reason(self) -> str:
        """The stop reason sent, for the log."""
        return self.writer.stop_reason

    def close(self) -> None:
        """Let go of everything: nothing is asked of the translator after that."""
        self.writer.let_go()

    def _write(self, payloads: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for payload in payloads:
            events += self._one(payload)
            if self.done:
                break
        return events

    def _one(self, payload: bytes) -> list[Event]:
        known = self._tokens.fragment(payload)
        deltas: list[Delta] = [known] if known else read_chunk(payload, self._dialect)
        if self._halves is not None or (not known and is_halved(payload)):  # a known fragment has whole characters only
            deltas = self._joined(deltas)
        events = self.writer.write(self._filters.feed(deltas))
        if self.writer.ended or self._filters.stopped or self.writer.failure is not None:
            return events + self._end()
        if not known:
            self._tokens.learn(payload, deltas, events, inert=self._filters.inert)
        return events

    def _payloads(self, data: bytes) -> list[bytes]:
        if self.done:
            return []
        if self._decoder is None:
            self._decoder = Decoder()
            self._tokens = TokenPath(partial(read_chunk, dialect=self._dialect), self._filters.watches)
        try:
            return self._decoder.feed(data)
        except UpstreamError as error:
            self.writer.failure, self.done = error, True
            return []

    def _take_note(self, tokens: TokenPath) -> None:
        """What the writer must know of a frame it did not write."""
        text = _decode_text(b'"%b"' % tokens.text) if _BACKSLASH in tokens.text else tokens.text.decode()
        self.writer.characters += len(text)
        if tokens.kind is Thinking:
            self.writer.thinking.remember(text)
        elif self._filters.past is not None:
            self._filters.past.add(text)

    def _joined(self, deltas: list[Delta]) -> list[Delta]:
        if self._halves is None:
            self._halves = Halves()
        return self._halves.join(deltas)

    def _end(self) -> list[Event]:
        if self.done:
            return []
        self.done = True
        rest = self._filters.feed(self._halves.flush()) if self._halves is not None else []
        return self.writer.write(rest + self._filters.flush()) + self.writer.finish()


def _is_json(payload: bytes) -> bool:
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def read_whole(
    body: bytes, dialect: Dialect, plan: Plan, *, message_id: str, notes: Notes | None = None
) -> dict[str, Any]:
    """Return the message in a backend's whole answer. Raises UpstreamError for an answer that failed or is none."""
    translator = StreamTranslator(dialect, plan, message_id=message_id, notes=notes)
    fold = Fold()
    fold.add(translator.whole_events(body))
    if translator.failure is not None:
        raise translator.failure
    return fold.message
