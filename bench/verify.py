"""A speed is worth nothing if the answer is wrong: each target must deliver every token before it is measured."""

from __future__ import annotations

import json

from .client import FailedError, checked
from .frames import Script, pieces
from .targets import Target


async def verify(target: Target) -> None:
    """Raise FailedError when a target loses or changes text, reasoning or a tool call's arguments."""
    for kind in ("text", "reasoning", "tools"):
        script = Script(kind, 40, 0)
        request = target.request(script)
        request.keep = True
        sse = _unchunked(checked(await target.client.ask(request)).body).decode()
        got = _read(sse)
        if got != _expected(kind, 40):
            raise FailedError(f"{kind}: got {str(got)[:300]}")


def _expected(kind: str, tokens: int) -> dict[str, str]:
    if kind == "text":
        return {"text": "".join(pieces(tokens))}
    if kind == "reasoning":
        return {"thinking": "".join(pieces(tokens // 2)), "text": "".join(pieces(tokens - tokens // 2))}
    return {"tool": json.dumps({"file_path": "Begin/a.py", "content": "".join(pieces(tokens))[: 4 * tokens]})}


def _unchunked(body: bytes) -> bytes:
    parts, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if not size:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size


def _read(sse: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in sse.splitlines():
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            for kind, piece in _pieces_of(json.loads(line[5:])):
                said[kind] = said.get(kind, "") + piece
    return {kind: words for kind, words in said.items() if words}


def _pieces_of(event: dict) -> list[tuple[str, str]]:
    delta = event.get("delta", {}) if "type" in event else next((c["delta"] for c in event.get("choices", [])), {})
    calls = delta.get("tool_calls") or [{}]
    return [
        ("text", delta.get("text") or delta.get("content") or ""),
        ("thinking", delta.get("thinking") or delta.get("reasoning_content") or ""),
        ("tool", delta.get("partial_json") or calls[0].get("function", {}).get("arguments") or ""),
    ]
