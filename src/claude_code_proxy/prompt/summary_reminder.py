"""The compaction format enforcer: Claude Code asks for `<analysis>` and `<summary>`, and weak models forget.

A request to compact is recognised by the frame of its last user text: how it begins (a call for text only, the task, or
both) and the tags it asks for (CLI 2.1.197 and 2.1.330 with their three wordings, 2026-11-22). Talk about summaries and
quotations of the order begin otherwise. The reminder goes to its end, where models look last.
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

_TEXT_ONLY = "CRITICAL: Respond with TEXT ONLY"
"""How the order of both versions begins; what follows says that tools are forbidden, then names the task."""

_FRAME = re.compile(
    rf"\s*+(?:{_TEXT_ONLY}[\s\S]{{0,2000}}?\n\s{{0,8}})?(?:Your task is to create|Please write) a detailed summary of "
    r"(?:the|this) (?:[\w ]{0,40} of the )?conversation"
)
"""The conversation so far, the recent portion of it, or this conversation."""

_REMINDER = "<system-reminder>"


def is_compaction(request: Mapping[str, Any]) -> bool:
    """Whether this request asks for a summary of its own conversation."""
    content: object = None
    for one in reversed(items(request.get("messages"))):
        if isinstance(one, dict) and one.get("role") == "user":
            content = one.get("content")
            break
    asked = content if isinstance(content, str) else _last_text(content)
    if "<summary>" not in asked:
        return False
    begun = _FRAME.match(asked)
    return begun is not None and ("<analysis>" in asked or _TEXT_ONLY in begun[0])


def remind(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return `request` with the reminder behind its last user message. Nothing of the request is changed."""
    messages = list(items(request.get("messages")))
    at = max(i for i, message in enumerate(messages) if mapping(message).get("role") == "user")
    content = messages[at].get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(items(content))
    messages[at] = {**messages[at], "content": [*blocks, {"type": "text", "text": REMINDER}]}
    return {**request, "messages": messages}


def _last_text(content: object) -> str:
    """The last text of a message that is not a reminder of the client's."""
    texts = (text(mapping(block).get("text")) for block in reversed(items(content)))
    return next((one for one in texts if one and not one.startswith(_REMINDER)), "")
