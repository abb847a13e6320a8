"""Arguments made to fit the tool's schema while they stream: `argument_types` for text that can't be taken back.

A member is passed on as soon as nothing about it can change: a text from its first character on, a list or an object
from its bracket on, a number or a word when it has ended. So only keys and short values are ever held back.

    "".join(feed(piece) for piece in pieces)   is JSON for   fit_object(the whole object)

for every cut of the text into pieces. (A key that comes with blanks first and without them later is sent under one name
twice; the later one counts, here as there.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.shapes import items, mapping
from .argument_types import declared_key, fit, means_nothing, resolved, types_of, variant

_STRING = re.compile(r'(?:[^"\\]+|\\.)*', re.DOTALL)
_SCALAR = re.compile(r'[^\s,:{}\[\]"]+')
_DEPTH = 32  # levels that are looked at; what lies deeper is passed on

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class _Level:
    """One open object or list. sent: members passed on; key: of the member that is coming, as text for the client."""

    def __init__(self, *, is_list: bool, schema: Mapping[str, Any], root: Mapping[str, Any]) -> None:
        self.is_list = is_list
        self.properties = mapping(schema.get("properties"))
        self.required = items(schema.get("required"))
        self.element = resolved(schema.get("items"), root) if is_list else {}
        self.names: set[str] = set()
        self.name: str | None = None
        self.sent = 0

    @property
    def declared(self) -> Any:
        """The schema of the member that is coming."""
        return self.element if self.is_list else self.properties.get(self.name or "")


class ArgumentStream:
    """`feed` each piece of an object's JSON and pass on what it returns. mended: something was changed."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.mended = False
        self._root = schema
        self._levels: list[_Level] = []
        self._out: list[str] = []
        self._held: list[str] | None = None  # a string that is not passed on yet: a key, or a value that may change
        self._live = False  # inside a string that is passed on
        self._cut = ""  # the beginning of a number, a word or an escape
        self._plain = not schema or not mapping(resolved(schema, schema).get("properties"))

    def feed(self, piece: str) -> str:
        """Follow `piece`, which comes right after what was fed before; return what of it can be passed on."""
        if self._plain:
            return piece
        piece, self._cut = self._cut + piece, ""
        at = 0
        while at < len(piece):
            inside = self._live or self._held is not None
            at = self._string(piece, at) if inside else self._token(piece, at)
        out, self._out = "".join(self._out), []
        return out

    # -- reading ----------------------------------------------------------------------------------------------------

    def _token(self, piece: str, at: int) -> int:
        scalar = _SCALAR.match(piece, at)
        if scalar and scalar.end() == len(piece):
            self._cut = scalar.group()
            return len(piece)
        if scalar:
            self._scalar(scalar.group())
            return scalar.end()
        mark = piece[at]
        if mark == '"':
            self._held = []
        elif mark in "{[":
            self._open(mark)
        elif mark in "}]":
            self._levels.pop()
            self._out.append(mark)
        return at + 1

    def _string(self, piece: str, at: int) -> int:
        found = _STRING.match(piece, at)
        end = found.end() if found else at
        if end > at:
            self._characters(piece[at:end])
        if end == len(piece):
            return end
        if piece[end] == '"':
            self._string_ended()
        else:
            self._cut = piece[end:]
        return end + 1

    def _characters(self, characters: str) -> None:
        if self._live:
            self._out.append(characters)
        elif self._held is not None:
            self._held.append(characters)
            if self._is_value() and self._may_be_text():
                self._begin_member()
                self._out.append('"' + "".join(self._held))
                self._held, self._live = None, True

    def _string_ended(self) -> None:
        if self._live:
            self._out.append('"')
            self._live = False
            self._member_ended()
            return
        raw = '"' + "".join(self._held or ()) + '"'
        self._held = None
        if self._is_value():
            self._scalar(raw)
        else:
            self._key(_decode(raw))

    # -- judging ----------------------------------------------------------------------------------------------------

    def _is_value(self) -> bool:
        return self._levels[-1].is_list or self._levels[-1].name is not None

    def _may_be_text(self) -> bool:
        """Whether a text that is not empty can stay one here."""
        types = types_of(resolved(self._levels[-1].declared, self._root), self._root)
        return not types or "string" in types

    def _key(self, given: str) -> None:
        level = self._levels[-1]
        level.name = declared_key(given, level.names, level.properties)
        self.mended = self.mended or level.name != given
        level.names.add(level.name)

    def _scalar(self, raw: str) -> None:
        """Pass on a value that is known whole, as it is or made to fit."""
        level = self._levels[-1]
        declared = resolved(level.declared, self._root)
        value = _decode(raw)
        optional = not level.is_list and level.name not in level.required
        if optional and declared and means_nothing(value, declared, self._root):
            self.mended = True
            self._member_ended()
            return
        fitted, changed = fit(value, declared, self._root, len(self._levels))
        self.mended = self.mended or changed
        self._begin_member()
        self._out.append(_encode(fitted).decode() if changed else raw)
        self._member_ended()

    def _open(self, bracket: str) -> None:
        schema = self._root
        if self._levels:
            schema = variant(resolved(self._levels[-1].declared, self._root), self._root)
            self._begin_member()
            self._member_ended()
        known = resolved(schema, self._root) if len(self._levels) <= _DEPTH else {}
        self._levels.append(_Level(is_list=bracket == "[", schema=known, root=self._root))
        self._out.append(bracket)

    # -- writing ----------------------------------------------------------------------------------------------------

    def _begin_member(self) -> None:
        level = self._levels[-1]
        if level.sent:
            self._out.append(",")
        level.sent += 1
        if level.name is not None:
            self._out.append(_encode(level.name).decode() + ":")

    def _member_ended(self) -> None:
        self._levels[-1].name = None
