"""Total accessors for JSON that others wrote: each returns the type its name says, whatever it is given.

Reading foreign data through these four keeps every later line free of type checks: a backend may send a list
where a string is due, and the answer is still a string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_NOTHING: Mapping[str, Any] = {}
_UNCOUNTABLE = 2**53  # from here on a client's own numbers are not exact


def text(value: object) -> str:
    """Return a string; anything else is empty."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """Return a whole number >= 0 (tokens, bytes); whole floats count; booleans, the absurd and the rest are 0."""
    if type(value) is int:  # the usual case; a bool is another type
        return value if 0 < value < _UNCOUNTABLE else 0
    if value is None or isinstance(value, bool):
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 < value < _UNCOUNTABLE else 0


def items(value: object) -> Sequence[Any]:
    """Return a list; anything else is empty."""
    return value if isinstance(value, list) else ()


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; anything else is empty."""
    return value if isinstance(value, dict) else _NOTHING
