"""first version"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .estimate import estimate


class Counter:
    """Counts tokens of texts and bodies."""

    def text(self, text: str) -> int:
        """Return the tokens of a text."""
        return estimate(text)

    def body(self, body: Mapping[str, Any]) -> int:
        """Return the tokens of a chat body."""
        return estimate(msgspec.json.encode({"m": body.get("messages"), "t": body.get("tools")}).decode())
