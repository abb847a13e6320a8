"""How deep a request may be nested."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 128
"""Deepest nesting read: far beyond any real schema or tool input, far below what recursion can bear."""


def is_deep(text: bytes) -> bool:
    """Tell whether JSON has so many brackets that it may be nested too deeply."""
    return text.count(b"[") + text.count(b"{") > MAX_DEPTH


def is_too_deep(value: Any) -> bool:
    """Tell whether a decoded JSON value is nested deeper than the API takes it."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            for child in (value.values() if type(value) is dict else value)
            if type(child) is dict or type(child) is list  # exactly what a JSON decoder makes
        ]
        if not level:
            return False
    return True
