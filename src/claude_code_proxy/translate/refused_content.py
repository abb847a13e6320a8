"""Messages whose content a backend wants to be a string: no list of parts, and no null beside calls (PA-10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping
from .dialect import Dialect
from .refusal import Refusal

Facts = Mapping[str, Any]

_PLACE = re.compile(r"\bmessages?\W{0,3}(\d{1,6})\b", re.IGNORECASE)
_ABOUT = r"\bcontent\b|\bmessages?\W{0,3}\d+\W{1,3}invalid type"
_STRING = (
    r"(?:must|should|has to|needs to) be (?:a |of type )?(?:valid )?\W?str(?:ing)?\b"
    r"|expected (?:a )?(?:valid )?\W?string"
    r"|(?:not|unsupported|invalid)[^.]{0,30}\b(?:array|list|sequence)"
    r"|\b(?:array|list|sequence)s?\b[^.]{0,30}(?:not|unsupported)"
)
_NOTHING = r"\bnull\b|\bnone\b|nonetype|field required|\bmissing\b|(?:is|are) required|must (?:be present|not be empty)"


def refused_content(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Send texts as strings, without cache markers, and the empty string where there is no text beside calls."""
    if not refusal.says(_ABOUT) and "content" not in refusal.param:
        return None
    sent = _meant(refusal)
    if refusal.says(_NOTHING):
        return {"null_content": False} if dialect.null_content and any(map(_is_silent, sent)) else None
    if not refusal.says(_STRING):
        return None
    lists = [message for message in sent if _is_text_list(message)]
    if dialect.tool_content == "parts" and any(message.get("role") == "tool" for message in lists):
        return {"tool_content": "text"}
    if dialect.cache_markers != "none" and lists:
        return {"cache_markers": "none"}
    return {"null_content": False} if dialect.null_content and any(map(_is_silent, sent)) else None


def _meant(refusal: Refusal) -> list[Mapping[str, Any]]:
    """Return the message that is named, where it may be the cause, else all."""
    messages = [mapping(message) for message in items(refusal.body.get("messages"))]
    place = _PLACE.search(f"{refusal.text} {refusal.param}")
    named = messages[int(place[1]) :][:1] if place else []
    return (
        named if any(isinstance(message.get("content"), list) or _is_silent(message) for message in named) else messages
    )


def _is_silent(message: Mapping[str, Any]) -> bool:
    return "tool_calls" in message and message.get("content") is None


def _is_text_list(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and all(mapping(part).get("type") == "text" for part in content)
