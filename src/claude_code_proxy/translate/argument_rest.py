"""Arguments that turn out broken when some of them have been sent: what can still be said, so that the whole is right.

A client takes nothing back. What it was sent is the beginning of a JSON object: mended arguments that begin with the
same members only need their rest, others send a member once more, of which every reader keeps the later one. Where
there is nothing to mend, every member the client has seen becomes null in this way, and all of the text stands under
`_raw`: the tool's own check answers the model, and half a call is never run. Whole answers take the same decision, so
that they can't disagree with streamed ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.json_scan import JsonScan
from .argument_stream import ArgumentStream
from .arguments import BROKEN, read_arguments

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)("?)|[{}\[\]]|[^\s,:{}\[\]"]+')
_OPEN = object()  # the value that is coming

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_compare = msgspec.json.Encoder(order="sorted").encode


def settle(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], str, str]:
    """Return the input object, the code of a note, and what completes the text already sent to the whole of it."""
    arguments, code = read_arguments(text, schema)
    sent = Sent(ArgumentStream(schema).feed(JsonScan().feed(text)))
    try:
        rest = None if code == BROKEN else sent.rest_of(arguments)
    except RecursionError:
        rest = None
    if rest is None and (code == BROKEN or not arguments.keys() >= set(sent.names)):
        arguments, code = {**dict.fromkeys(sent.names), "_raw": text.encode("utf-8", "replace").decode()}, BROKEN
    return arguments, code, sent.overruled_by(arguments) if rest is None else rest


class Sent:
    """The beginning of a JSON object, as a client has it. names: of its own members."""

    def __init__(self, beginning: str) -> None:
        self._levels: list[Any] = []
        self._keys: list[str | None] = []
        self._text: str | None = None  # of a string that has no end yet
        for token in _TOKEN.finditer(beginning):
            self._take(token)
        self._close_with = "".join("}" if isinstance(level, dict) else "]" for level in reversed(self._levels))

    @property
    def names(self) -> list[str]:
        """The names of the object's members, the one that is coming included."""
        return list(self._levels[0]) if self._levels else []

    def overruled_by(self, arguments: dict[str, Any]) -> str:
        """Return what makes every member one of `arguments`, whatever was sent of it."""
        if not self._levels:
            return _encode(arguments).decode()
        begun = any(value is _OPEN for value in self._levels[0].values())
        closing = '"' if self._text is not None else "null" if begun and len(self._levels) == 1 else ""
        comma = "," if self._levels[0] else ""
        return f"{closing}{self._close_with[:-1]}{comma}{_encode(arguments).decode()[1:]}"

    def rest_of(self, arguments: dict[str, Any]) -> str | None:
        """Return what follows on the way to `arguments`; None when there is no way from here."""
        value: Any = arguments
        endings: list[str] = []
        for level in self._levels:
            if type(value) is not type(level) or not _agrees(level, value):
                return None
            endings.append(_ending(level, value))
            at = _place_of_open(level)
            value = None if at is None else value[at]
        if not self._levels:
            return _encode(arguments).decode()
        begun = _place_of_open(self._levels[-1]) is not None
        first = self._value(value) if begun else ""
        return None if first is None else first + "".join(reversed(endings))

    def _value(self, value: Any) -> str | None:
        """Return the rest of the innermost value."""
        if self._text is None:
            return _encode(value).decode()
        if not isinstance(value, str) or not value.startswith(self._text):
            return None
        return _encode(value[len(self._text) :]).decode()[1:]

    def _take(self, token: re.Match[str]) -> None:
        mark = token.group()
        if mark in "{[":
            opened: Any = {} if mark == "{" else []
            self._put(_OPEN)
            self._levels.append(opened)
            self._keys.append(None)
        elif mark in "}]":
            closed = self._levels.pop()
            self._keys.pop()
            self._replace_open(closed)
        elif mark.startswith('"') and not token.group(2):
            self._put(_OPEN)
            self._text = _decode(mark + '"')
        elif mark.startswith('"') and isinstance(self._levels[-1], dict) and self._keys[-1] is None:
            self._keys[-1] = _decode(mark)
            self._levels[-1][self._keys[-1]] = _OPEN
        else:
            self._put(_decode(mark))

    def _put(self, value: Any) -> None:
        if not self._levels:
            return
        level = self._levels[-1]
        if isinstance(level, list):
            level.append(value)
        else:
            level.pop(self._keys[-1])  # a name sent twice counts where it stands last
            level[self._keys[-1]] = value
            if value is not _OPEN:
                self._keys[-1] = None

    def _replace_open(self, value: Any) -> None:
        level = self._levels[-1]
        if isinstance(level, list):
            level[-1] = value
        else:
            level[self._keys[-1]] = value
            self._keys[-1] = None


def _place_of_open(level: Any) -> Any:
    """Return the key or number of the member that is coming, None when none is."""
    places = level.items() if isinstance(level, dict) else enumerate(level)
    return next((place for place, value in places if value is _OPEN), None)


def _agrees(sent: Any, value: Any) -> bool:
    """Whether the members that were sent whole are those of `value`."""
    if isinstance(sent, list):
        return len(sent) <= len(value) and all(
            one is _OPEN or _compare(one) == _compare(other) for one, other in zip(sent, value, strict=False)
        )
    return all(key in value and (one is _OPEN or _compare(one) == _compare(value[key])) for key, one in sent.items())


def _ending(sent: Any, value: Any) -> str:
    """Return the members that were not sent, and the bracket."""
    missing: Any = (
        value[len(sent) :] if isinstance(sent, list) else {key: one for key, one in value.items() if key not in sent}
    )
    written = _encode(missing).decode()[1:]
    return f",{written}" if sent and missing else written
