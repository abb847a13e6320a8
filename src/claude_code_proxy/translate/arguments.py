"""first version"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def read_arguments(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the input object and a note code or ""."""
    if not text.strip():
        return {}, ""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {"_raw": text}, "arguments-broken"
    if value is None:
        return {}, ""
    return (value, "") if isinstance(value, dict) else ({"value": value}, "arguments-repaired")
