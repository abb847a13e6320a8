"""The short way for token frames, which are most of all traffic: one stream's differ only in the content string.

That string is JSON text in the backend's frame and in ours, so once a frame has taken the long way, the next one needs
no decoding, only a proof that it is the same frame with another string: same bytes before, same bytes after, and
between them nothing but characters that mean themselves in JSON. Whatever is not proven takes the long way.

The arguments of a tool call go half the way: they need no reading, but the writer must follow their JSON.

The law, tested on every recording and on mutations: with and without this file a client reads the same events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from ..wire.anthropic import ContentBlockDelta, Event, TextDelta, ThinkingDelta
from .deltas import Delta, Text, Thinking, ToolFragment

_ESCAPES = tuple(zip(rb'"\/bfnrt', '"\\/\b\f\n\r\t', strict=True))
_PLAIN = re.compile(rb'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])+')
_LEARNED = frozenset({Text, Thinking, ToolFragment})
_MISSES = 16  # frames in a row that were learned in vain: this stream's frames are not alike
_FRAME = {
    Text: (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
        b'{"type":"text_delta","text":"'
    ),
    Thinking: (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
        b'{"type":"thinking_delta","thinking":"'
    ),
}
_END = b'"}}\n\n'
_PROBE = "a string no backend sends"

_decode_text = msgspec.json.Decoder(str).decode


class TokenPath:
    """Remembers what the last token frame looked like. `text`: the string of the frame last taken, still as JSON.

    read: the long way of a payload, up to deltas; watches: characters that something else looks for in the text: a
    string with one of them takes the long way.
    """

    def __init__(self, read: Callable[[bytes], list[Delta]], watches: str = "") -> None:
        self._read = read
        self._plain = _plain(watches)
        self.kind: type[Delta] | None = None
        self.text = b""
        self._piece: ToolFragment | None = None
        self._before = b""
        self._after = b""
        self._least = 0
        self._opening = b""
        self._misses = 0
        self._following = b""  # what came behind the frame that is studied
        self._lesson: tuple[bytes, Delta, list[Event], bool] | None = None

    def frame(self, payload: bytes) -> bytes | None:
        """Return the frame for `payload`, None when it must take the long way."""
        if self._lesson is not None:
            self._study(payload, *self._lesson)
        text = self._string(payload, self._plain) if self.kind else None
        if text is None:
            return None
        self.text = text
        return self._opening + text + _END

    def fragment(self, payload: bytes) -> ToolFragment | None:
        """Return what `payload` says, None when it must be read."""
        if self._lesson is not None:
            self._study(payload, *self._lesson)
        piece = self._piece
        text = self._string(payload, _PLAIN) if piece else None
        if piece is None or text is None:
            return None
        return replace(piece, arguments=_decode_text(b'"' + text + b'"'))

    def _string(self, payload: bytes, plain: re.Pattern[bytes]) -> bytes | None:
        """Return the string in a payload that is the known frame."""
        if not self._fits(payload):
            return None
        text = payload[len(self._before) : -len(self._after)]
        if not plain.fullmatch(text) or not (text.isascii() or _is_utf8(text)):
            return None
        self._misses = 0
        return text

    def learn(self, payload: bytes, deltas: list[Delta], events: list[Event], *, inert: bool) -> None:
        """Learn from a payload that took the long way and became one delta, the last event of it; else forget.

        It is studied when the next payload comes, and proven if that one is like it: a client waits for the first token
        of an answer, not for what comes of it. inert: text passes the filters unchanged; reasoning does in any case,
        once it has passed.
        """
        if len(deltas) == 1 and type(deltas[0]) in _LEARNED and self._misses < _MISSES:
            self._lesson = payload, deltas[0], events, inert
        else:
            self.kind = self._piece = None

    def _study(self, following: bytes, payload: bytes, delta: Delta, events: list[Event], inert: bool) -> None:
        self._lesson, self._following = None, following
        (known, piece), (self.kind, self._piece) = (self.kind, self._piece), (None, None)
        if isinstance(delta, ToolFragment):
            self._learn_piece(payload, delta, piece)
        elif isinstance(delta, Text | Thinking) and events and (inert or isinstance(delta, Thinking)):
            self._learn_text(payload, delta, events[-1], known)

    def _learn_text(self, payload: bytes, delta: Text | Thinking, event: Event, known: type[Delta] | None) -> None:
        shown = TextDelta(delta.text) if isinstance(delta, Text) else ThinkingDelta(delta.text)
        if not isinstance(event, ContentBlockDelta) or event.delta != shown:
            return  # the event is what a filter held back, or the delta is hidden
        opening = _FRAME[type(delta)] % event.index
        same = known is type(delta) and opening == self._opening and self._fits(payload)  # but its string is not plain
        if same or self._find(payload, delta, "content" if isinstance(delta, Text) else delta.field, text=_PROBE):
            self.kind, self._opening = type(delta), opening

    def _learn_piece(self, payload: bytes, delta: ToolFragment, known: ToolFragment | None) -> None:
        piece = replace(delta, arguments="")
        if (piece == known and self._fits(payload)) or self._find(payload, delta, "arguments", arguments=_PROBE):
            self._piece = piece

    def _find(self, payload: bytes, delta: Delta, field: str, **probe: str) -> bool:
        """Look for the string, and prove it to be the one that is read: another one there must be read as such."""
        self._misses += 1
        places = [*_field(field).finditer(payload)]
        found = _PLAIN.match(payload, places[0].end()) if len(places) == 1 else None
        if found is None:
            return False
        self._before, self._after = payload[: found.start()], payload[found.end() :]
        self._least = len(self._before) + len(self._after) + 1
        if not self._fits(self._following):  # nothing would come of it
            return False
        return self._read(self._before + _PROBE.encode() + self._after) == [replace(delta, **probe)]

    def _fits(self, payload: bytes) -> bool:
        return len(payload) >= self._least and payload.startswith(self._before) and payload.endswith(self._after)


@lru_cache(64)
def _field(name: str) -> re.Pattern[bytes]:
    return re.compile(rb'"%s": ?"' % re.escape(name.encode()))


@lru_cache(64)
def _plain(watches: str) -> re.Pattern[bytes]:
    """The strings that need no second look: none of `watches` is in them, as itself or as an escape."""
    heads = bytes(sorted({character.encode("utf-8", "replace")[0] for character in watches}))
    escapes = bytes(letter for letter, meant in _ESCAPES if meant not in watches)
    return re.compile(rb'(?:[^"\\\x00-\x1f%b]|\\[%b])+' % (re.escape(heads), re.escape(escapes)))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
