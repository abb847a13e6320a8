"""Content parts of a chat message, and what rendering a block into them needs to know."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..wire.shapes import text
from .dialect import Dialect
from .notes import Notes

Part = dict[str, Any]
Block = Mapping[str, Any]

_PLAIN = frozenset({"type", "text"})


class Page(msgspec.Struct, frozen=True):
    """One page of a document: its text, or a picture of it (data URL) where it has none."""

    number: int
    text: str = ""
    image: str = ""


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """What was fetched or read outside for one document or address.

    data: the fetched bytes in base64; media_type: what they are; text: they, if they are text; pages: of a PDF;
    unread: how many further pages were not read; error: why there is nothing, for the model and the log.
    """

    media_type: str = ""
    data: str = ""
    text: str = ""
    pages: tuple[Page, ...] = ()
    unread: int = 0
    error: str = ""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What rendering needs to know. sees: the model takes images; alias: (name, toolset) -> the backend's tool name."""

    dialect: Dialect
    notes: Notes
    sees: bool = True
    resources: Mapping[str, Resource] = {}
    alias: Callable[[str, str], str] = lambda name, _: name


def key_of(source: Block) -> str:
    """Return the name of a source's content, equal for equal content: the key of its `Resource`."""
    kind = "url" if source.get("type") == "url" else "data"
    return f"{kind}:{hashlib.sha256(text(source.get(kind)).encode('utf-8', 'surrogatepass')).hexdigest()}"


def text_part(words: str) -> Part:
    """Return a text part."""
    return {"type": "text", "text": words}


def is_text(part: Part) -> bool:
    """Whether a part is text."""
    return part.get("type") == "text"


def is_marked(part: Part) -> bool:
    """Whether a part carries a cache marker, so that it can't become a plain string."""
    return "cache_control" in part or "prompt_cache_breakpoint" in part


def words_of(parts: Iterable[Part], between: str) -> str:
    """Return the text of the text parts."""
    return between.join(part["text"] for part in parts if is_text(part))


def glued(parts: Iterable[Part]) -> list[Part]:
    """Join neighbouring text parts of one block, line by line."""
    joined: list[Part] = []
    for part in parts:
        if joined and is_text(part) and is_text(joined[-1]):
            joined[-1] = text_part(f"{joined[-1]['text']}\n{part['text']}")
        else:
            joined.append(part)
    return joined


def content_of(parts: Sequence[Part]) -> str | list[Part]:
    """Return a message's content: a string where all is plain text, else the parts.

    Every backend reads strings; lists of texts are refused by some and split into messages by others (PA-10).
    """
    if len(parts) == 1 and parts[0].keys() == _PLAIN:
        return str(parts[0]["text"])
    plain = all(is_text(part) and not is_marked(part) for part in parts)
    return words_of(parts, "\n\n") if plain else list(parts)
