"""One look at a request's messages, so that nobody searches them for what is hardly ever there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..wire.shapes import items, mapping

_FIELDS = 2  # who says it, and what


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
    role: object = ""
    replied = False
    for message in messages:
        if type(message) is not dict or len(message) != _FIELDS:
            break
        before, role, words = role, message.get("role"), message.get("content")
        if type(words) is not str or not words or words.isspace():
            break
        if role == "assistant" != before:
            replied = True
        elif role != "user":
            break
    else:
        return Glance(bool(messages), replied)
    return Glance(False, any(mapping(one).get("role") == "assistant" for one in messages))
