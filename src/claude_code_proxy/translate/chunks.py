"""A backend's chunk, or its whole answer, read into deltas: stateless, the only code that knows a backend's fields.

A chunk's `choices[].delta` and an answer's `choices[].message` have the same fields, so one reader serves both, and
a streamed and a whole answer can't disagree. What is read was written by somebody else: total accessors only.
Source of the fields: translation reference, sections 2.2, 3 and 5.2, and the recorded streams.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from ..wire.json_scan import MAX_DEPTH, is_too_deep
from ..wire.shapes import count, items, mapping, text
from .deltas import (
    Citation,
    Delta,
    Ended,
    Failed,
    Finish,
    Ignored,
    Refusal,
    Served,
    Text,
    Thinking,
    ThinkingState,
    ToolFragment,
    Usage,
)
from .dialect import Dialect
from .failure import failure_of
from .halves import ESCAPES, HALF, is_halved, whole_but_ends
from .usage import read_usage

STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "eos": "end_turn",
    "eos_token": "end_turn",
    "end_turn": "end_turn",
    "complete": "end_turn",
    "completed": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "model_length": "model_context_window_exceeded",
    "model_context_window_exceeded": "model_context_window_exceeded",
    "context_length_exceeded": "model_context_window_exceeded",
    "tool_call": "tool_use",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "content-filter": "refusal",
    "content_filtered": "refusal",
    "guardrail_intervened": "refusal",
    "sensitive": "refusal",
    "safety": "refusal",
    "recitation": "refusal",
    "prohibited_content": "refusal",
    "blocklist": "refusal",
    "spii": "refusal",
    "refusal": "refusal",
}
"""A backend's finish_reason, lower case, in Anthropic's words (translation reference, 4.8)."""

FAILED_FINISH: Mapping[str, int] = {
    "error": 502,
    "network_error": 502,
    "abort": 502,
    "cancelled": 502,
    "insufficient_system_resource": 529,
    "malformed_function_call": 502,
    "malformed_tool_call": 502,
    "unexpected_tool_call": 502,
    "server_error": 502,
    "timeout": 504,
}
"""Finish reasons that are failures, with the status a client is shown for them."""

_CHUNK, _ANSWER = ("delta", "message"), ("message", "delta")  # where the content stands
_ENDED = Ended()
_PLAIN = frozenset({"role", "content"})  # what an ordinary text says, and nothing beside it
_PRIORITY = "priority"
_ARGUMENTS = ("arguments", "parameters", "input")
_PAGES = frozenset({"search_results", "citations"})
_ENDS: Mapping[str, tuple[Delta, ...]] = {native: (Finish(reason, native),) for native, reason in STOP_REASONS.items()}
_MORE_OF_THE_END = frozenset({"stop_reason", "matched_stop", "native_finish_reason"})
_DONE = (b"[DONE]", b'"[DONE]"')
_REASONING = ("text", "content", "thinking", "reasoning")
_SENTENCES = ("message", "detail", "msg")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SHORT = 2 * MAX_DEPTH  # bytes: what is nested deeper has not even room for its closing brackets, so it is no JSON

_decode = msgspec.json.Decoder().decode


def read_chunk(payload: bytes, dialect: Dialect) -> list[Delta]:
    """Return what one SSE payload says. A payload that is not JSON is a broken backend: one `Failed`."""
    if payload.strip() in _DONE:
        return [_ENDED]
    try:
        deltas = _deltas(_read(payload), dialect, _CHUNK)
    except _UNREADABLE:
        return [Failed(failure_of("The backend sent a chunk that is not JSON."))]
    return _with_halves(deltas, payload, dialect) if is_halved(payload) else deltas


def _deltas(value: object, dialect: Dialect, fields: tuple[str, str]) -> list[Delta]:
    """Read either; `fields`: where the content stands, first choice first (Perplexity fills both)."""
    if isinstance(value, dict):
        return _chunk(value, dialect, fields)
    return [delta for one in _several(value) for delta in _chunk(one, dialect, fields)]


def _with_halves(deltas: list[Delta], payload: bytes, dialect: Dialect) -> list[Delta]:
    """Return a chunk's deltas with the halves of characters its texts begin or end in, for `halves` to join."""
    try:
        halved = _deltas(json.loads(payload.decode("utf-8", "replace"), strict=False), dialect, _CHUNK)
    except (ValueError, RecursionError):
        return deltas
    pairs = zip(deltas, halved, strict=True) if len(deltas) == len(halved) else ()
    return [_halved(delta, other) for delta, other in pairs] or deltas


def _halved(delta: Delta, halved: Delta) -> Delta:
    """Take over the text of the same delta read with its halves, nothing else."""
    if isinstance(delta, Text | Thinking | Refusal) and type(halved) is type(delta):
        return structs.replace(delta, text=whole_but_ends(halved.text))
    if isinstance(delta, ToolFragment) and isinstance(halved, ToolFragment):
        return structs.replace(delta, arguments=whole_but_ends(halved.arguments))
    return delta


def read_answer(body: bytes, dialect: Dialect) -> list[Delta]:
    """Return what a whole answer says, ended by `Ended`. What is not JSON becomes one `Failed`."""
    try:
        answer = _read(body)
    except _UNREADABLE:
        return [Failed(failure_of("The backend sent an answer that is not JSON."))]
    if not _says_anything(answer):
        return [Failed(failure_of("The backend sent an answer without choices."))]
    deltas = _deltas(answer, dialect, _ANSWER)
    deltas.append(_ENDED)
    return deltas


def _says_anything(answer: object) -> bool:
    if isinstance(answer, dict):
        return bool(answer.get("choices") or _error_of(answer))
    return any(map(_says_anything, _several(answer)))


def _read(payload: bytes) -> object:
    """Decode JSON. Half a character is replaced: it is not worth the answer."""
    if len(payload) > _SHORT and is_too_deep(payload):
        raise msgspec.DecodeError
    try:
        return _decode(payload)
    except UnicodeDecodeError:
        payload = payload.decode("utf-8", "replace").encode()
    except msgspec.DecodeError:
        if b"\\u" not in payload:
            raise
    return _decode(ESCAPES.sub(_mended, payload))


def _mended(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if len(escape.group()) == HALF else escape.group()


def _several(value: object) -> list[Mapping[str, Any]]:
    """A list is several chunks (Gemini's errors come in one)."""
    return [mapping(one) for one in items(value)]


def _chunk(data: Mapping[str, Any], dialect: Dialect, fields: tuple[str, str]) -> list[Delta]:
    choices = items(data.get("choices"))
    usage = _usage(data, choices)
    found: list[Delta] = [] if usage is None else [usage]
    error = _error_of(data)
    for one in choices:
        choice = mapping(one)
        if choice.get("index") and count(choice["index"]):  # the client asked for one answer
            found.append(Ignored("choice"))
            continue
        found += _content_of(choice, dialect, fields)
        error = error or choice.get("error")
        finished = choice.get("finish_reason")
        if not finished:
            continue
        if not _PAGES.isdisjoint(data):  # Perplexity: in every chunk
            found += _pages(data)
        if not error:  # it says more than a finish reason beside it
            found += _finish(choice, finished)
    if not found and data.get("service_tier") == _PRIORITY:  # a stream's first chunk
        found.append(Served())
    if error:
        found.append(Failed(failure_of(error)))
    return found


def _error_of(data: Mapping[str, Any]) -> object:
    """The error object of a 200 answer, in any of its places; falsy when there is none."""
    if data.get("object") == "error":  # vLLM
        return data
    if "base_resp" in data and count(mapping(data["base_resp"]).get("status_code")):  # MiniMax
        return data
    found = data.get("error") or ("x_groq" in data and mapping(data["x_groq"]).get("error"))
    if found or "choices" in data:
        return found
    said = data.get("type") == "error" or any(isinstance(data.get(name), str | list) for name in _SENTENCES)
    return data if said or items(data.get("errors")) else None


def _usage(data: Mapping[str, Any], choices: Sequence[Any]) -> Usage | None:
    given, timings = data.get("usage"), data.get("timings")
    told = read_usage(given, timings) if given or timings else None  # in nearly every chunk there are none
    if told is None and "x_groq" in data:
        told = read_usage(mapping(data["x_groq"]).get("usage"))
    if told is None and choices and (kimi := mapping(choices[0]).get("usage")):
        told = read_usage(kimi)
    if told is not None and data.get("service_tier") == _PRIORITY:
        return structs.replace(told, priority=True)
    return told


def _content_of(choice: Mapping[str, Any], dialect: Dialect, fields: tuple[str, str]) -> Iterable[Delta]:
    field, other = fields
    said: object = choice.get(field)
    if not isinstance(said, dict):
        field, said = other, choice.get(other)
    if not isinstance(said, dict):  # a legacy completion
        return (Text(choice["text"]),) if text(choice.get("text")) else ()
    content = said.get("content")
    if (content is None or isinstance(content, str)) and (
        _PLAIN.issuperset(said) or _PLAIN.issuperset([name for name, value in said.items() if value])
    ):
        return (Text(content),) if content else ()
    return _said(said, dialect, whole=field == "message")


def _said(said: Mapping[str, Any], dialect: Dialect, *, whole: bool) -> Iterator[Delta]:
    yield from _thinking(said, dialect)
    if whole:  # all is known at once: its pages stand before the text
        yield from _citations(said)
    yield from _content(said.get("content"))
    if text(said.get("refusal")):
        yield Refusal(text(said.get("refusal")))
    if not whole:
        yield from _citations(said)
    yield from _tool_fragments(said, numbered=whole)
    for name in ("audio", "images"):
        if said.get(name):
            yield Ignored(name)


def _thinking(said: Mapping[str, Any], dialect: Dialect) -> Iterator[Delta]:
    details = [dict(detail) for detail in items(said.get("reasoning_details")) if isinstance(detail, dict)]
    named = ((_reasoning(said[name]), name) for name in dialect.thinking_fields if said.get(name))
    visible = next((one for one in named if one[0]), None)
    if visible:  # some send the same text in two fields: never both
        yield Thinking(*visible)
    elif details:
        shown = "".join(text(detail.get("text")) or text(detail.get("summary")) for detail in details)
        if shown:
            yield Thinking(shown, "reasoning_details")
    for detail in details:
        yield ThinkingState(detail)


def _reasoning(value: object) -> str:
    """Reasoning is text, or stands one level deeper: in an object, or in the parts of a list."""
    if isinstance(value, str):
        return value
    parts = [mapping(part) for part in (value if isinstance(value, list) else [value])]
    return "".join(next((text(part[name]) for name in _REASONING if text(part.get(name))), "") for part in parts)


def _content(content: object) -> Iterator[Delta]:
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for part in [content] if isinstance(content, dict) else items(content):
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
    elif "text" not in fields:
        yield Ignored(text(kind) or "content")


def _tool_fragments(said: Mapping[str, Any], *, numbered: bool) -> Iterator[Delta]:
    """numbered: the calls are whole, so that each entry is one, whatever number or id it was given."""
    calls = said.get("tool_calls")
    for place, call in enumerate([calls] if isinstance(calls, dict) else items(calls)):  # TGI sends one without a list
        fragment = _tool_fragment(mapping(call), place if numbered else None)
        if fragment.id or fragment.name or fragment.arguments or fragment.state:
            yield fragment
    legacy = mapping(said.get("function_call"))
    if legacy:
        yield _tool_fragment({"index": 0, "function": legacy}, 0 if numbered else None)


def _tool_fragment(call: Mapping[str, Any], place: int | None) -> ToolFragment:
    function = mapping(call.get("function")) or mapping(call.get("custom")) or call  # some write it without a shell
    arguments = next((function[name] for name in _ARGUMENTS if function.get(name) is not None), None)
    if "custom" in call and "input" in function:
        arguments = {"input": function["input"]}
    decoded = not isinstance(arguments, str | None)
    index = call.get("index") if place is None else place
    google = mapping(mapping(call.get("extra_content")).get("google"))
    call_id = text(call.get("id"))
    return ToolFragment(
        index=index if isinstance(index, int) and not isinstance(index, bool) else None,
        id=call_id if call_id not in ("", "null") else None,  # Mistral's default id is the word null
        name=text(function.get("name")),
        arguments=msgspec.json.encode(arguments).decode() if decoded else text(arguments),
        whole=decoded or place is not None,
        state=text(google.get("thought_signature")) or None,
    )


def _citations(said: Mapping[str, Any]) -> Iterator[Delta]:
    for annotation in items(said.get("annotations")):
        page = mapping(mapping(annotation).get("url_citation"))
        if text(page.get("url")):
            yield Citation(text(page.get("url")), text(page.get("title")), text(page.get("content")))


def _pages(data: Mapping[str, Any]) -> Iterator[Citation]:
    """The pages a whole answer leans on, where they stand beside it."""
    pages = items(data.get("search_results")) or [{"url": url} for url in items(data.get("citations"))]
    for page in map(mapping, pages):
        if text(page.get("url")):
            yield Citation(text(page.get("url")), text(page.get("title")), text(page.get("snippet")))


def _finish(choice: Mapping[str, Any], native: object) -> tuple[Delta, ...]:
    if not isinstance(native, str):
        return ()
    usual = _ENDS.get(native)
    if usual is not None and _MORE_OF_THE_END.isdisjoint(choice):
        return usual
    word = native.lower().rpartition(": ")[2]  # Gemini: `function_call_filter: MALFORMED_FUNCTION_CALL`
    if word == "error":
        return (Finish("error", native),)  # an error object that says more may still come
    if word in FAILED_FINISH:
        return (Failed(failure_of(f"The backend stopped with {native!r}.", status=FAILED_FINISH[word])),)
    matched = choice.get("stop_reason") or choice.get("matched_stop")
    reason = STOP_REASONS.get(word, "unknown")
    if "native_finish_reason" in choice and _is_cut(choice["native_finish_reason"]):
        reason = "max_tokens"  # OpenRouter says tool_calls for a call that was cut
    return (Finish(reason, native, matched if isinstance(matched, str) else None),)


def _is_cut(native: object) -> bool:
    return STOP_REASONS.get(text(native).lower()) == "max_tokens"
