"""Script parts to bytes: SSE frames of a stream, or one JSON answer. No I/O here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .script import (
    Act,
    Answer,
    Bytes,
    Call,
    Cut,
    Delta,
    Event,
    Failure,
    Fragment,
    Gate,
    Part,
    Pause,
    Stall,
    Text,
    Thought,
)

CREATED = 1_790_000_000


def frames(answer: Answer, number: int, model: str, *, usage: bool) -> Iterator[bytes | Act]:
    """Yield a stream's bytes and the acts between them. usage: the request asked for `include_usage`."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": CREATED, "model": model}
    yield _data(_chunk(head, {"role": "assistant", "content": ""}))
    for part in _numbered(answer, number):
        yield from _part_frames(part, head, answer)
    if not answer.complete:
        return
    yield _data(_chunk(head, {}, finish_of(answer)))
    if usage and answer.usage is not None:
        yield _data({**head, "choices": [], "usage": dict(answer.usage)})
    if answer.done:
        yield b"data: [DONE]\n\n"


def whole(answer: Answer, number: int, model: str) -> dict[str, Any]:
    """Return the answer as one `chat.completion` object."""
    failures = [part for part in answer.parts if isinstance(part, Failure)]
    if failures:
        return error_body(failures[0])
    choice = {"index": 0, "message": _message(answer, number), "finish_reason": finish_of(answer)}
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
    }
    return body if answer.usage is None else {**body, "usage": dict(answer.usage)}


def finish_of(answer: Answer) -> str:
    """Return the finish reason, derived from the parts where the script names none."""
    called = any(isinstance(part, Call | Fragment) for part in answer.parts)
    return answer.finish or ("tool_calls" if called else "stop")


def error_body(failure: Failure) -> dict[str, Any]:
    """Return OpenAI's error envelope."""
    return {"error": {"message": failure.message, "type": failure.type, "param": None, "code": failure.code}}


def _numbered(answer: Answer, number: int) -> Iterator[Part]:
    """Give each whole call its place and, where the script has none, an id that is unique in the conversation."""
    index = 0
    for part in answer.parts:
        if isinstance(part, Call):
            call_id = part.id or f"call_{number}_{index}"
            yield Fragment(index, call_id, part.name, "")
            yield from (Fragment(index, arguments=piece) for piece in _cuts(part.json, answer.size))
            index += 1
        else:
            yield part


def _part_frames(part: Part, head: Mapping[str, Any], answer: Answer) -> Iterator[bytes | Act]:
    match part:
        case Text(text):
            deltas: Iterator[dict[str, Any]] = ({"content": piece} for piece in _cuts(text, answer.size))
        case Thought(text, field):
            deltas = ({field: piece} for piece in _cuts(text, answer.size))
        case Fragment():
            deltas = iter([{"tool_calls": [_entry(part)]}])
        case Delta(delta, finish):
            yield _data(_chunk(head, delta, finish))
            return
        case Pause() | Stall() | Cut() | Gate():
            yield part
            return
        case _:
            yield _verbatim(part)
            return
    for delta in deltas:
        yield _data(_chunk(head, delta))
        if answer.drip:
            yield Pause(answer.drip)


def _verbatim(part: Part) -> bytes:
    match part:
        case Bytes(data):
            return data
        case Event(body):
            return _data(body)
        case Failure():
            return _data(error_body(part))
    raise TypeError(part)


def _entry(part: Fragment) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.arguments}
    entry: dict[str, Any] = {"index": part.index, "id": part.id, "type": "function" if part.name else None}
    entry["function"] = {key: value for key, value in function.items() if value is not None}
    return {key: value for key, value in entry.items() if value is not None}


def _message(answer: Answer, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls: dict[int, dict[str, Any]] = {}
    for part in _numbered(answer, number):
        match part:
            case Text(text):
                message["content"] = (message["content"] or "") + text
            case Thought(text, field):
                message[field] = message.get(field, "") + text
            case Fragment():
                _add(calls, part)
            case Delta(delta):
                message.update(delta)
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return message


def _add(calls: dict[int, dict[str, Any]], part: Fragment) -> None:
    call = calls.setdefault(part.index or 0, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call["id"] = part.id or call["id"]
    call["function"]["name"] = part.name or call["function"]["name"]
    call["function"]["arguments"] += part.arguments or ""


def _chunk(head: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {**head, "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish}]}


def _data(body: Any) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def _cuts(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))
