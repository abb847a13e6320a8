"""The compaction format enforcer: Claude Code asks for `<analysis>` and `<summary>`, and weak models forget.

A request to compact is recognised by its last user message, which names the tag and a summary of the conversation
(CLI 2.1.197 and 2.1.330, 2026-11-22). The reminder goes to its end, where models look last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping, text

REMINDER = (
    "Reminder of the required form: answer with text only and call no tool. First write your reasoning between "
    "<analysis> and </analysis>, then the complete summary between <summary> and </summary>. Write nothing outside of "
    "these two tags."
)

_ORDER = re.compile(r"summary of (?:the|this) (?:[\w ]{0,40} of the )?conversation", re.IGNORECASE)
"""The conversation so far, the recent portion of it, or this conversation."""


def is_compaction(request: Mapping[str, Any]) -> bool:
    """Whether this request asks for a summary of its own conversation."""
    said = request.get("messages")
    messages = (one for one in reversed(said if isinstance(said, list) else []) if isinstance(one, dict))
    content = next((one.get("content") for one in messages if one.get("role") == "user"), None)
    asked = content if isinstance(content, str) else _last_text(content)
    return "<summary>" in asked and _ORDER.search(asked) is not None


def remind(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return `request` with the reminder behind its last user message. Nothing of the request is changed."""
    messages = list(items(request.get("messages")))
    at = max(i for i, message in enumerate(messages) if mapping(message).get("role") == "user")
    content = messages[at].get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(items(content))
    messages[at] = {**messages[at], "content": [*blocks, {"type": "text", "text": REMINDER}]}
    return {**request, "messages": messages}


def _last_text(content: object) -> str:
    return next(
        (text(mapping(block).get("text")) for block in reversed(items(content)) if mapping(block).get("text")), ""
    )
