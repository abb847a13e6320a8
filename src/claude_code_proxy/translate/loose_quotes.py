r"""Arguments with quotes nobody escaped, or without their last brace: read where the tool's schema tells how.

    {"command": "echo "hi"", "description": "Greet"}      echo "hi"
    {"command": "echo hi"                                 the answer says that the call is complete

A text of the object ends at a quote behind which the next declared member begins that was not given yet, or behind
which nothing comes but the last brace. What is read so must be declared, all of it, and all that is required be there.
Nothing is closed but the object itself: a text, a list or a number without its end was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping
from .argument_types import resolved
from .relaxed_json import NoValueError, read_value

_BEGIN = re.compile(r"\s*\{")
_MEMBER = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*:\s*', re.DOTALL)
_UP_TO_QUOTE = re.compile(r'([^"\\]*+(?:\\.[^"\\]*+)*+)("|\\?\Z)', re.DOTALL)  # or to the end: it always fits
_NEXT = re.compile(r'\s*,\s*"([^"\\]*)"\s*:')
_ANEW = re.compile(r'\s*\{\s*"[^"\\]*"\s*:')  # an object begins: a text that goes on, or the arguments once more?
_COMMA = re.compile(r"\s*,")
_LAST = re.compile(r"\s*+,?\s*+\}\s*+\Z")
_WHOLE = re.compile(r'(?:["}\]]|true|false|null|True|False|None)\s*\Z')  # ends of values that could not go on


def read_by_schema(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object in `text`. Raises NoValueError where the schema leaves more readings than one, or none."""
    root = resolved(schema, schema)
    names = mapping(root.get("properties")).keys()
    value = _unclosed(text) if _WHOLE.search(text) else None
    if value is None or not value.keys() <= names:
        value = _members(text, names)
    missing = [name for name in items(root.get("required")) if name not in value]
    if missing or not value or not value.keys() <= names:
        raise NoValueError
    return value


def _unclosed(text: str) -> dict[str, Any] | None:
    closed = text + "}"
    try:
        value, end = read_value(closed)
    except NoValueError:
        return None
    return value if isinstance(value, dict) and end == len(closed) else None


def _members(text: str, names: Any) -> dict[str, Any]:
    members: dict[str, Any] = {}
    begin = _BEGIN.match(text)
    at = begin.end() if begin else len(text)
    while True:
        key = _MEMBER.match(text, at)
        if key is None or key[1] not in names or key[1] in members:
            raise NoValueError
        if text.startswith('"', key.end()):
            end = _end_of_text(text, key.end() + 1, names - {key[1], *members})
            members[key[1]], _ = read_value(f'"{_quoted(text[key.end() + 1 : end])}"')
            at = end + 1
        else:
            members[key[1]], at = read_value(text, key.end())
        if _LAST.match(text, at):
            return members
        comma = _COMMA.match(text, at)
        at = comma.end() if comma else len(text)


def _quoted(words: str) -> str:
    """Escape the quotes in `words`. Raises NoValueError for an odd number: one of them may end the text."""
    pieces = _UP_TO_QUOTE.findall(words)
    if sum(end == '"' for _, end in pieces) % 2:
        raise NoValueError
    return "".join(piece + ('\\"' if end == '"' else end) for piece, end in pieces)


def _end_of_text(text: str, start: int, names: Any) -> int:
    """Return the place of the quote that ends the text which begins at `start`. names: of members still to come."""
    for mark in _UP_TO_QUOTE.finditer(text, start):
        if mark[2] != '"':
            break
        coming = _NEXT.match(text, mark.end())
        if (coming and coming[1] not in names) or _ANEW.match(text, mark.end()):
            break  # a member of no schema, or a text with JSON in it?
        if coming or _LAST.match(text, mark.end()):
            return mark.end() - 1
    raise NoValueError
