"""JSON text in the shape the client asked for, where a backend had to be asked for another one.

A root that is no object came as the property `value` of one; an optional property came as null, since strict mode
requires all of them. Both are undone while the text streams. Text that is no JSON object passes as it is.
"""

from __future__ import annotations

import re

from ..wire.json_scan import JsonScan
from ..wire.shapes import mapping
from .argument_stream import ArgumentStream
from .argument_types import means_nothing, resolved
from .deltas import Delta, Text
from .plan import JsonShape
from .text_filter import TextFilter

_OPENING = re.compile(r'\s*\{\s*"value"\s*:\s*')
_OPENING_BEGUN = re.compile(r'\s*(?:\{\s*(?:"(?:v(?:a(?:l(?:u(?:e(?:"\s*)?)?)?)?)?)?)?)?')
_RUN = re.compile(r'[^"\\\[\]{},]+')


class JsonAnswer(TextFilter):
    """Undoes what `response_format` did to the shape of an answer."""

    def __init__(self, shape: JsonShape) -> None:
        self._scan = JsonScan()
        self._nulls = None if shape.schema is None else OptionalNulls(shape.schema)
        self._wrapping = _Wrapping() if shape.wrapped else None
        self._unproven = ""
        self._raw = False

    def text(self, piece: str) -> list[Delta]:
        """Pass on what is certain of the JSON in it."""
        if self._raw:
            return _text(piece)
        proven = self._scan.feed(piece) + (self._scan.rest if self._scan.complete else "")
        self._unproven = (self._unproven + piece)[len(proven) :]
        out = self._shaped(proven)
        if self._scan.broken or self._scan.complete:
            out += self._rest()
        return _text(out)

    def release(self) -> list[Delta]:
        """Give up what is held: the text ends here, or something else follows."""
        return [] if self._raw else _text(self._rest())

    def _shaped(self, proven: str) -> str:
        if self._nulls is not None:
            proven = self._nulls.feed(proven)
        return self._wrapping.feed(proven) if self._wrapping is not None else proven

    def _rest(self) -> str:
        self._raw = True
        held = self._wrapping.held if self._wrapping is not None and not self._scan.complete else ""
        rest, self._unproven = held + self._unproven, ""
        return "" if self._scan.complete and not rest.strip() else rest


class OptionalNulls(ArgumentStream):
    """Leaves out an optional member that is null where the client's own schema has no null. All else stays."""

    def _may_be_text(self) -> bool:
        return True

    def _key(self, given: str) -> None:
        self._levels[-1].name = given

    def _scalar(self, raw: str) -> None:
        level = self._levels[-1]
        declared = mapping(resolved(level.declared, self._root))
        optional = not level.is_list and level.name not in level.required
        if raw != "null" or not (optional and declared and means_nothing(None, declared, self._root)):
            self._begin_member()
            self._out.append(raw)
        self._member_ended()


class _Wrapping:
    """Passes on the member `value` of an object. held: what may still turn out to be another object."""

    def __init__(self) -> None:
        self.held = ""
        self._where = "before"
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, proven: str) -> str:
        """Return what of `proven`, the next piece of a valid object, belongs to the value."""
        if self._where == "before":
            proven = self._opened(self.held + proven)
        if self._where != "inside":
            return proven if self._where == "other" else ""
        end = self._end(proven)
        if end < len(proven):
            self._where = "behind"
        return proven[:end]

    def _opened(self, text: str) -> str:
        found = _OPENING.match(text)
        if found and found.end() < len(text):
            self._where, self.held = "inside", ""
            return text[found.end() :]
        if found or _OPENING_BEGUN.fullmatch(text):
            self.held = text
            return ""
        self._where, self.held = "other", ""
        return text

    def _end(self, text: str) -> int:
        """Return where the value ends: at a comma or bracket of the object around it."""
        at = 0
        while at < len(text):
            char = text[at]
            if self._in_string:
                self._string(char)
            elif char == '"':
                self._in_string = True
            elif char in "[{":
                self._depth += 1
            elif char in "]},":
                if not self._depth:
                    return at
                self._depth -= char != ","
            run = None if self._escaped else _RUN.match(text, at + 1)
            at = run.end() if run else at + 1
        return at

    def _string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._in_string = False


def _text(piece: str) -> list[Delta]:
    return [Text(piece)] if piece else []
