"""Answers of a backend as literal chunks, and the ways they arrive."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.backend import Answer, Bytes, Pause, Reply, Step

USAGE = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}
SSE = {"content-type": "text/event-stream; charset=utf-8"}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk as OpenAI sends it."""
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-q",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


def said(text: str) -> dict[str, Any]:
    return chunk({"content": text})


def called(*entries: dict[str, Any]) -> dict[str, Any]:
    """Return a chunk with these entries of `tool_calls`."""
    return chunk({"tool_calls": list(entries)})


def entry(arguments: Any = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one entry; what is None is left out. more: index, id, type."""
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    return {**more, "function": function}


def counts(**usage: Any) -> dict[str, Any]:
    """Return the chunk with the token counts."""
    return {"id": "chatcmpl-q", "object": "chat.completion.chunk", "choices": [], "usage": usage or USAGE}


def sse(*chunks: dict[str, Any], done: bool = True, ascii_only: bool = False) -> bytes:
    """Return a stream."""
    frames = [json.dumps(one, ensure_ascii=ascii_only).encode() for one in chunks]
    return b"".join(b"data: %s\n\n" % frame for frame in [*frames, *([b"[DONE]"] if done else [])])


def ended(*chunks: dict[str, Any], finish: str = "stop") -> bytes:
    """Return a stream that ends as it should."""
    return sse(*chunks, chunk(finish=finish), counts())


def at_once(data: bytes) -> Step:
    """All in one write."""
    return Reply(200, data, SSE)


def in_pieces(data: bytes) -> Step:
    """Cut at places that respect neither frames nor characters."""
    sizes = [1, 7, 64, 3, 200, 31]
    cuts: list[Bytes | Pause] = []
    at = 0
    while at < len(data):
        size = sizes[len(cuts) % len(sizes)]
        cuts.append(Bytes(data[at : at + size]))
        at += size
    for place in range(len(cuts) // 2, 0, -8):
        cuts.insert(place, Pause(0.003))
    return Answer(tuple(cuts), complete=False)


Way = Callable[[bytes], Step]

each_way = pytest.mark.parametrize("way", [at_once, in_pieces], ids=["at once", "in pieces"])


def completion(message: dict[str, Any], finish: str = "stop", usage: dict[str, Any] | None = None) -> Reply:
    """Return a whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return Reply(200, {"id": "chatcmpl-q", "object": "chat.completion", "choices": [choice], "usage": usage or USAGE})


def tool_calls(*calls: tuple[str | None, str, Any]) -> list[dict[str, Any]]:
    """Return `tool_calls` of a whole answer from (id, name, arguments)."""
    made: list[dict[str, Any]] = []
    for call_id, name, arguments in calls:
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        one = {"type": "function", "function": {"name": name, "arguments": written}}
        made.append(one if call_id is None else {"id": call_id, **one})
    return made


def pieces_of(text: str, size: int) -> Iterable[str]:
    return (text[at : at + size] for at in range(0, len(text), size))
