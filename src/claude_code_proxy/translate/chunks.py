"""A backend's chunk, or its whole answer, read into deltas: stateless, the only code that knows a backend's fields.

A chunk's `choices[].delta` and an answer's `choices[].message` have the same fields, so one reader serves both, and
a streamed and a whole answer can't disagree. What is read was written by somebody else: total accessors only.
Source of the fields: translation reference, sections 2.2, 3 and 5.2, and the recorded streams.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..wire.shapes import count, items, mapping, text
from .deltas import (
    Citation,
    Delta,
    Ended,
    Failed,
    Finish,
    Refusal,
    Text,
    Thinking,
    ThinkingState,
    ToolFragment,
    Usage,
)
from .dialect import Dialect
from .failure import failure_of
from .usage import read_usage

STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "eos": "end_turn",
    "eos_token": "end_turn",
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "model_length": "model_context_window_exceeded",
    "model_context_window_exceeded": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "content-filter": "refusal",
    "sensitive": "refusal",
    "safety": "refusal",
    "recitation": "refusal",
    "refusal": "refusal",
}
"""A backend's finish_reason, lower case, in Anthropic's words (translation reference, 4.8)."""

FAILED_FINISH: Mapping[str, int] = {
    "error": 502,
    "network_error": 502,
    "abort": 502,
    "cancelled": 502,
    "insufficient_system_resource": 529,
}
"""Finish reasons that are failures, with the status a client is shown for them."""

_decode = msgspec.json.Decoder().decode


def read_chunk(payload: bytes, dialect: Dialect) -> list[Delta]:
    """Return what one SSE payload says. A payload that is not JSON is a broken backend: one `Failed`."""
    if payload.strip() == b"[DONE]":
        return [Ended()]
    try:
        chunk = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Failed(failure_of("The backend sent a chunk that is not JSON."))]
    return list(_chunk(chunk, dialect, "delta", "message"))


def read_answer(body: bytes, dialect: Dialect) -> list[Delta]:
    """Return what a whole answer says, ended by `Ended`. What is not JSON becomes one `Failed`."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Failed(failure_of("The backend sent an answer that is not JSON."))]
    if not (isinstance(answer, dict) and (answer.get("choices") or _error_of(answer))):
        return [Failed(failure_of("The backend sent an answer without choices."))]
    return [*_chunk(answer, dialect, "message", "delta"), Ended()]


def _chunk(chunk: object, dialect: Dialect, *fields: str) -> Iterator[Delta]:
    """Read either; `fields`: where the content stands, first choice first (Perplexity fills both, the other one wrongly)."""
    data = mapping(chunk)
    for choice in items(data.get("choices")):
        if count(mapping(choice).get("index")) == 0:  # the client asked for one answer
            yield from _choice(mapping(choice), dialect, fields)
    usage = _usage(data)
    if usage is not None:
        yield usage
    error = _error_of(data)
    if error:
        yield Failed(failure_of(error))


def _error_of(data: Mapping[str, Any]) -> object:
    """The error object of a 200 answer, in any of its places; falsy when there is none."""
    if data.get("object") == "error":
        return data
    base = mapping(data.get("base_resp"))
    if base.get("status_code"):  # MiniMax
        return data
    return data.get("error") or mapping(data.get("x_groq")).get("error")


def _usage(data: Mapping[str, Any]) -> Usage | None:
    choices = items(data.get("choices"))
    return (
        read_usage(data.get("usage"), data.get("timings"))
        or read_usage(mapping(data.get("x_groq")).get("usage"))
        or (read_usage(mapping(choices[0]).get("usage")) if choices else None)  # Kimi
    )


def _choice(choice: Mapping[str, Any], dialect: Dialect, fields: tuple[str, ...]) -> Iterator[Delta]:
    said = next((mapping(choice.get(name)) for name in fields if choice.get(name)), {})
    if said:
        yield from _thinking(said, dialect)
        yield from _content(said.get("content"))
        if text(said.get("refusal")):
            yield Refusal(text(said.get("refusal")))
        yield from _tool_fragments(said)
        yield from _citations(said)
    elif text(choice.get("text")):  # a legacy completion
        yield Text(text(choice.get("text")))
    yield from _finish(choice)


def _thinking(said: Mapping[str, Any], dialect: Dialect) -> Iterator[Delta]:
    details = [dict(detail) for detail in items(said.get("reasoning_details")) if isinstance(detail, dict)]
    visible = next(((text(said.get(name)), name) for name in dialect.thinking_fields if text(said.get(name))), None)
    if visible:  # some send the same text in two fields: never both
        yield Thinking(*visible)
    elif details:
        shown = "".join(text(detail.get("text")) or text(detail.get("summary")) for detail in details)
        if shown:
            yield Thinking(shown, "reasoning_details")
    for detail in details:
        yield ThinkingState(detail)


def _content(content: object) -> Iterator[Delta]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for part in items(content):
        yield from _part(part)


def _part(part: object) -> Iterator[Delta]:
    """One part of a content list (Mistral, and gateways that pass Anthropic's blocks on)."""
    if isinstance(part, str):
        yield from _content(part)
        return
    fields = mapping(part)
    kind = fields.get("type")
    if kind in ("thinking", "reasoning"):
        inner = fields.get("thinking") or fields.get("text")
        shown = inner if isinstance(inner, str) else "".join(text(mapping(p).get("text")) for p in items(inner))
        if shown:
            yield Thinking(shown, "thinking_parts")
        if text(fields.get("signature")):
            yield ThinkingState({"type": "thinking", "signature": fields["signature"]})
    elif kind == "refusal":
        yield Refusal(text(fields.get("refusal")))
    elif text(fields.get("text")):
        yield Text(text(fields.get("text")))


def _tool_fragments(said: Mapping[str, Any]) -> Iterator[Delta]:
    for call in items(said.get("tool_calls")):
        yield _tool_fragment(mapping(call))
    legacy = mapping(said.get("function_call"))
    if legacy:
        yield _tool_fragment({"index": 0, "function": legacy})


def _tool_fragment(call: Mapping[str, Any]) -> ToolFragment:
    function = mapping(call.get("function")) or mapping(call.get("custom"))
    arguments = function.get("arguments")
    whole = isinstance(arguments, dict | list)
    if "custom" in call and "input" in function:
        arguments, whole = {"input": function["input"]}, True
    index = call.get("index")
    google = mapping(mapping(call.get("extra_content")).get("google"))
    call_id = text(call.get("id"))
    return ToolFragment(
        index=index if isinstance(index, int) and not isinstance(index, bool) else None,
        id=call_id if call_id not in ("", "null") else None,  # Mistral's default id is the word null
        name=text(function.get("name")),
        arguments=msgspec.json.encode(arguments).decode() if whole else text(arguments),
        whole=whole,
        state=text(google.get("thought_signature")) or None,
    )


def _citations(said: Mapping[str, Any]) -> Iterator[Delta]:
    for annotation in items(said.get("annotations")):
        page = mapping(mapping(annotation).get("url_citation"))
        if text(page.get("url")):
            yield Citation(text(page.get("url")), text(page.get("title")), text(page.get("content")))


def _finish(choice: Mapping[str, Any]) -> Iterator[Delta]:
    native = text(choice.get("finish_reason"))
    if not native:
        return
    word = native.lower()
    if word in FAILED_FINISH:
        if not mapping(choice.get("error")) and word == "error":
            yield Finish("error", native)  # the error object beside it says more, if there is one
            return
        yield Failed(
            failure_of(choice.get("error") or f"The backend stopped with {native!r}.", status=FAILED_FINISH[word])
        )
        return
    matched = choice.get("stop_reason") or choice.get("matched_stop")
    reason = STOP_REASONS.get(word, "unknown")
    if STOP_REASONS.get(text(choice.get("native_finish_reason")).lower()) == "max_tokens":
        reason = "max_tokens"  # OpenRouter says tool_calls for a call that was cut
    yield Finish(reason, native, matched if isinstance(matched, str) else None)
