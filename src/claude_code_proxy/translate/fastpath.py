"""The short way for token frames, which are most of all traffic: one stream's differ only in the content string.

That string is JSON text in the backend's frame and in ours, so once a frame has taken the long way, the next one needs
no decoding, only a proof that it is the same frame with another string: same bytes before, same bytes after, and
between them nothing but characters that mean themselves in JSON. Whatever is not proven takes the long way.

The law, tested on every recording and on mutations: with and without this file a client reads the same events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from ..wire.anthropic import ContentBlockDelta, Event, TextDelta, ThinkingDelta
from .deltas import Delta, Text, Thinking

_PLAIN = re.compile(rb'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])+')
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
        self._before = b""
        self._after = b""
        self._least = 0
        self._opening = b""
        self._misses = 0

    def frame(self, payload: bytes) -> bytes | None:
        """Return the frame for `payload`, None when it must take the long way."""
        if self.kind is None or not self._fits(payload):
            return None
        text = payload[len(self._before) : -len(self._after)]
        if not self._plain.fullmatch(text) or not (text.isascii() or _is_utf8(text)):
            return None
        self.text = text
        self._misses = 0
        return self._opening + text + _END

    def learn(self, payload: bytes, deltas: list[Delta], events: list[Event]) -> None:
        """Learn from a payload that took the long way and became one delta of the open block; else forget."""
        known, self.kind = self.kind, None
        if len(deltas) != 1 or len(events) != 1 or self._misses >= _MISSES:
            return
        delta, event = deltas[0], events[0]
        if not isinstance(event, ContentBlockDelta):
            return
        if isinstance(delta, Text) and event.delta == TextDelta(delta.text):
            field = "content"
        elif isinstance(delta, Thinking) and event.delta == ThinkingDelta(delta.text):
            field = delta.field
        else:  # the event is what a filter held back, or the delta is hidden
            return
        opening = _FRAME[type(delta)] % event.index
        if known is type(delta) and opening == self._opening and self._fits(payload):
            self.kind = known  # the frame that is known, with a string that was not plain
            return
        self._misses += 1
        if self._find(payload, field, delta):
            self.kind, self._opening = type(delta), opening

    def _find(self, payload: bytes, field: str, delta: Text | Thinking) -> bool:
        """Look for the string, and prove it to be the one that is read: another one there must be read as such."""
        places = [*re.finditer(rb'"%s": ?"' % field.encode(), payload)]
        found = _PLAIN.match(payload, places[0].end()) if len(places) == 1 else None
        if found is None:
            return False
        self._before, self._after = payload[: found.start()], payload[found.end() :]
        self._least = len(self._before) + len(self._after) + 1
        probe = self._read(self._before + _PROBE.encode() + self._after)
        return probe == [msgspec.structs.replace(delta, text=_PROBE)]

    def _fits(self, payload: bytes) -> bool:
        return len(payload) >= self._least and payload.startswith(self._before) and payload.endswith(self._after)


@lru_cache(64)
def _plain(watches: str) -> re.Pattern[bytes]:
    """The strings that need no second look. Where something is looked for, escapes could hide it."""
    if not watches:
        return _PLAIN
    heads = bytes(sorted({character.encode("utf-8", "replace")[0] for character in watches}))
    return re.compile(rb'[^"\\\x00-\x1f' + re.escape(heads) + rb"]+")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
