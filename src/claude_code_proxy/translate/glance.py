"""One look at a request's messages, so that nobody searches them for what is hardly ever there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..wire.shapes import items, mapping

_SIDES = frozenset({"user", "assistant"})


class Glance(NamedTuple):
    """What is in the messages at all.

    words: there are some, and all are texts of the user's and the assistant's that need no healing (`history`), without
    any other field; replied: the assistant has said something.
    """

    words: bool
    replied: bool


def glance(request: Mapping[str, Any]) -> Glance:
    """Look at the messages of a request."""
    messages = items(request.get("messages"))
    role, replied = "", False
    for message in messages:
        before, role = role, _speaker(message)
        if not role or role == before == "assistant":
            return Glance(False, any(mapping(one).get("role") == "assistant" for one in messages))
        replied = replied or role == "assistant"
    return Glance(bool(messages), replied)


def _speaker(message: Any) -> str:
    """Return who says a text that is sound as it is, "" for any other message."""
    if type(message) is not dict or len(message) != 2:  # noqa: PLR2004 - who, and what
        return ""
    role, content = message.get("role"), message.get("content")
    if type(content) is not str or role not in _SIDES or not content or content.isspace():
        return ""
    return str(role)
