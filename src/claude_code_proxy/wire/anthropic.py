"""The closed set of events and bodies we send, in the shapes of Anthropic's API, and their bytes.

Source: Anthropic SDK 2.12.0 types and its behaviour on 28 canned streams (translation reference 1.10-1.15): every
frame needs its `event:` line, `message_delta` needs `usage.output_tokens`, a thinking block one signature.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from ..errors import ProxyError


class TextDelta(msgspec.Struct, frozen=True, gc=False, tag="text_delta"):
    """A piece of a text block."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False, tag="thinking_delta"):
    """A piece of a thinking block."""

    thinking: str


class SignatureDelta(msgspec.Struct, frozen=True, gc=False, tag="signature_delta"):
    """The signature of a thinking block: once, as its last delta (clients keep only the last one)."""

    signature: str


class InputJsonDelta(msgspec.Struct, frozen=True, gc=False, tag="input_json_delta"):
    """A piece of a tool call's input, as JSON text."""

    partial_json: str


class CitationsDelta(msgspec.Struct, frozen=True, tag="citations_delta"):
    """One citation of a text block."""

    citation: dict[str, Any]


AnyDelta: TypeAlias = TextDelta | ThinkingDelta | SignatureDelta | InputJsonDelta | CitationsDelta


class MessageStart(msgspec.Struct, frozen=True, tag="message_start"):
    """The first event: the message, still empty."""

    message: dict[str, Any]


class ContentBlockStart(msgspec.Struct, frozen=True, tag="content_block_start"):
    """A block opens. Blocks never overlap and are numbered from 0 without gaps."""

    index: int
    content_block: dict[str, Any]


class ContentBlockDelta(msgspec.Struct, frozen=True, gc=False, tag="content_block_delta"):
    """The open block grows."""

    index: int
    delta: AnyDelta


class ContentBlockStop(msgspec.Struct, frozen=True, gc=False, tag="content_block_stop"):
    """The open block closes."""

    index: int


class MessageDelta(msgspec.Struct, frozen=True, tag="message_delta"):
    """Why the message ended, the final token counts, and what `context_management` did where it was asked for."""

    delta: dict[str, Any]
    usage: dict[str, Any]
    context_management: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class MessageStop(msgspec.Struct, frozen=True, gc=False, tag="message_stop"):
    """The last event of a message that ended well."""


Event: TypeAlias = MessageStart | ContentBlockStart | ContentBlockDelta | ContentBlockStop | MessageDelta | MessageStop

PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_json = msgspec.json.Encoder().encode
_LINES: dict[type, bytes] = {
    kind: b"event: %s\ndata: " % kind.__struct_config__.tag.encode()  # type: ignore[union-attr]
    for kind in (MessageStart, ContentBlockStart, ContentBlockDelta, ContentBlockStop, MessageDelta, MessageStop)
}


def encode(events: list[Event]) -> bytes:
    """Return the frames of `events`, joined: what one write sends."""
    return b"".join([_LINES[type(event)] + _json(event) + b"\n\n" for event in events])


def error_body(error: ProxyError, request_id: str) -> dict[str, Any]:
    """Return the error envelope."""
    inner: dict[str, Any] = {"type": error.type, "message": error.told or error.message}
    if error.code:
        inner["details"] = {"error_code": error.code}
    return {"type": "error", "error": inner, "request_id": request_id}


def error_event(error: ProxyError, request_id: str) -> bytes:
    """Return the frame that ends a stream which can't end well: the only honest way once the status is sent."""
    return b"event: error\ndata: " + _json(error_body(error, request_id)) + b"\n\n"
