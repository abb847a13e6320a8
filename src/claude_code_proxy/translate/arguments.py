"""The arguments of a tool call, as a backend wrote them, as the input object a client can use.

A repair is made only where one reading fits: of the text (`relaxed_json`), of a text and its tool's schema together
(`loose_quotes`), and of a value by the schema. Text that was cut off is never completed. What can't be read stays as it
is under `_raw`, so that the tool's own check tells the model. (translation reference, section 5.7)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.json_scan import JsonScan, is_too_deep
from .argument_types import contradicts, fit_object, only_property
from .loose_quotes import read_by_schema
from .relaxed_json import NoValueError, read_value

REPAIRED, BROKEN = "arguments-repaired", "arguments-broken"

_LONGEST = 4_000_000  # characters that are repaired: beyond that a call is not a call
_DEEPEST = 400  # nested brackets: a parser reads these wherever it is called from, so that the way makes no difference
_MOST_OBJECTS = 64  # one behind the other
_FENCE = "```"
_FENCE_OPENS = re.compile(r"```[\w-]*+[ \t]*+\r?\n?")

_decode = msgspec.json.Decoder().decode


def read_arguments(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the input object, and the code of a note: "", `arguments-repaired` or `arguments-broken`.

    Laws: never raises; the object can be written as JSON; valid JSON that fits the schema comes back unchanged.
    """
    if not text.strip():
        return {}, ""
    if is_too_deep(text.encode("utf-8", "replace"), _DEEPEST):
        return {"_raw": _writable(text)}, BROKEN
    try:
        value, repaired = _decode(text), False
    except (ValueError, RecursionError):
        try:
            value, repaired = _read(text, schema), True
        except (NoValueError, RecursionError):
            return {"_raw": _writable(text)}, BROKEN
    arguments, shaped = _as_object(value, schema)
    arguments, fitted = fit_object(arguments, schema, schema)
    guessed = shaped or (repaired and not _is_json(text))
    if guessed and contradicts(arguments, schema):  # a reading that can't be what was meant
        return {"_raw": _writable(text)}, BROKEN
    return arguments, REPAIRED if repaired or shaped or fitted else ""


def _is_json(text: str) -> bool:
    """Whether half a character, or the same word for word again, is all that is wrong: there is nothing to guess."""
    scan = JsonScan()
    scan.feed(text)
    again = text[scan.passed :].replace(text[: scan.passed].strip(), "")
    return scan.complete and not scan.broken and not again.strip()


def _as_object(value: Any, schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A tool's input is an object: text that holds one is read again, any other value becomes a property."""
    shaped = False
    for _ in range(2):
        if not (isinstance(value, str) and value.lstrip()[:1] in {"{", "["}):
            break
        try:
            value, shaped = _decode(value), True
        except (ValueError, RecursionError):
            break
    if value is None:
        return {}, shaped
    if isinstance(value, dict):
        return value, shaped
    return {only_property(value, schema) or "value": value}, True


def _read(text: str, schema: Mapping[str, Any]) -> Any:
    """Return the value in text that is not JSON: loosely written, or so that only the schema tells how to read it."""
    if len(text) > _LONGEST:
        raise NoValueError
    try:
        return _loose(text)
    except NoValueError:
        if _begins_with_object(text):  # and goes on: that is one reading too many
            raise
        return read_by_schema(text, schema)


def _begins_with_object(text: str) -> bool:
    try:
        return isinstance(read_value(text)[0], dict)
    except NoValueError:
        return False


def _loose(text: str) -> Any:
    """Return the value in a fence, behind a few words, twice over, loosely written."""
    body = _unfenced(text)
    start = body.find("{")
    if start < 0 or body.lstrip()[:1] in {"[", '"', "'"}:
        value, end = read_value(body)
        if body[end:].strip():
            raise NoValueError
        return value
    return _last_of(_objects(body, start))


def _unfenced(text: str) -> str:
    body = text.strip()
    opened = _FENCE_OPENS.match(body)
    if opened is None or not body.endswith(_FENCE, opened.end()):
        return text
    return body[opened.end() :].removesuffix(_FENCE).rstrip()


def _objects(text: str, start: int) -> list[dict[str, Any]]:
    """Return the objects that stand one behind the other from `start` on; words may follow the last."""
    objects: list[dict[str, Any]] = []
    while True:
        value, end = read_value(text, start)
        objects.append(value)
        rest = text[end : end + 64].lstrip()
        if not rest.startswith("{"):
            break
        if len(objects) == _MOST_OBJECTS:
            raise NoValueError
        start = text.index("{", end)
    rest = text[end:]
    if "{" in rest or rest.rstrip().endswith('"}'):  # another object, or the first one's end: which one is meant?
        raise NoValueError
    return objects


def _last_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Several objects are one call only when the last repeats all the others: `{}{"a": 1}`, the same one twice."""
    last = objects[-1]
    for earlier in objects:
        if any(key not in last or last[key] != value for key, value in earlier.items()):
            raise NoValueError
    return last


def _writable(text: str) -> str:
    """Half a surrogate pair can't be written as UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
