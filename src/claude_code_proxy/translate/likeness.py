"""What a request asks for beside its conversation, as a key: what was found out of one request holds for its like."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

_LARGEST = 16 * 1024  # bytes of the fields
_LARGEST_TOOLS = 256 * 1024  # bytes
_MOST_SOUND = 512
_LARGEST_SOUND = 2048  # bytes of fields

_encode = msgspec.json.Encoder().encode


class Likeness(NamedTuple):
    """Two requests alike differ in their messages and their system prompt alone.

    fields: all others but the tools as JSON, in their order, b"" where they are huge; tools: a hash of their JSON, b""
    for none, None where they are huge; size: bytes of both as JSON.
    """

    fields: bytes
    tools: bytes | None
    size: int

    @property
    def is_known(self) -> bool:
        """Whether anything may be kept of such requests."""
        return self.fields != b"" and self.tools is not None


class Sound:
    """Which tools, and which fields of requests to be counted or not, were found as they should be.

    A number of them: then it begins anew.
    """

    def __init__(self) -> None:
        self.known: set[tuple[bool, bytes] | bytes] = set()

    def remember(self, key: tuple[bool, bytes] | bytes | None) -> None:
        """Remember fields or tools that are sound; nothing of what has no key."""
        if not key or len(key[1] if isinstance(key, tuple) else key) > _LARGEST_SOUND:
            return
        if len(self.known) >= _MOST_SOUND:
            self.known.clear()
        self.known.add(key)


class Request(dict[str, Any]):
    """A checked request, with its likeness. Whoever changes one makes another dictionary, which has none yet."""

    __slots__ = ("likeness",)
    likeness: Likeness


def likeness_of(request: Mapping[str, Any]) -> Likeness:
    """Return the likeness of a request."""
    return request.likeness if type(request) is Request else read_likeness(request)


def read_likeness(request: Mapping[str, Any]) -> Likeness:
    """Work out the likeness of a request."""
    fields = dict(request)
    tools = fields.pop("tools", None)
    fields.pop("messages", None)
    fields.pop("system", None)
    said = as_json(fields)
    fields_key = said if len(said) <= _LARGEST else b""
    if not tools:
        return Likeness(fields_key, b"", len(said))
    declared = as_json(tools)
    return Likeness(
        fields_key, hashed(declared) if 0 < len(declared) <= _LARGEST_TOOLS else None, len(said) + len(declared)
    )


def as_json(value: object) -> bytes:
    """Return a value as JSON, b"" for what is none: halves of characters, or nested beyond any use."""
    try:
        return _encode(value)
    except (ValueError, TypeError, RecursionError):
        return b""


def hashed(said: bytes) -> bytes:
    """Return what stands for bytes in a key."""
    return hashlib.blake2b(said, digest_size=16).digest()
