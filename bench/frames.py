"""What the scripted backend says: chat-completions answers, built once and sent as bytes.

A request names its script in its last message: `[[text 300 50]]` is a text of 300 tokens at 50 a second, 0 for all at
once. Any peer passes that text on, whatever it does with model names.
"""

from __future__ import annotations

import functools
import json
import re
from itertools import cycle, islice
from typing import NamedTuple

FIRST = "Begin"
"""The first token of every answer: what a client looks for to take the time."""

_PROSE = """\
 The fix is small: `read_config()` opens the file twice, and the second handle is never closed.

```python
def read_config(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        return dict(line.split("=", 1) for line in file if "=" in line)
```

Was sich ändert: nothing for callers, only the leak is gone. I'll run the tests next, then look at “edge” cases
like C:\\temp or 北京.
"""
_PIECE = re.compile(r"\s*\w{1,6}|[^\w\s]{1,3}|\s+")
_SCRIPT = re.compile(rb"\[\[(text|reasoning|tools) (\d+) (\d+(?:\.\d+)?)\]\]")


class Script(NamedTuple):
    """What to answer: kind, tokens, tokens a second (0: as fast as the socket takes them)."""

    kind: str
    tokens: int
    rate: float

    @property
    def words(self) -> str:
        """The text that asks for it."""
        return f"[[{self.kind} {self.tokens} {self.rate:g}]]"


def script_in(body: bytes) -> Script:
    """Return the script a request asks for: the last one in it."""
    found = _SCRIPT.findall(body[-4000:]) or _SCRIPT.findall(body)
    kind, tokens, rate = found[-1] if found else (b"text", b"8", b"0")
    return Script(kind.decode(), int(tokens), float(rate))


def pieces(tokens: int) -> list[str]:
    """Return a text in `tokens` pieces of the sizes tokenizers cut."""
    return [FIRST, *islice(cycle(_PIECE.findall(_PROSE)), tokens - 1)]


@functools.cache
def frames(kind: str, tokens: int) -> tuple[bytes, ...]:
    """Return the stream as server-sent events, one a token, then the end."""
    deltas = [{"role": "assistant", "content": ""}, *_deltas(kind, tokens)]
    reason = "tool_calls" if kind == "tools" else "stop"
    chunks = [_chunk([_choice(delta)]) for delta in deltas] + [_chunk([_choice({}, reason)])]
    usage = {"prompt_tokens": 42, "completion_tokens": tokens, "total_tokens": 42 + tokens}
    return (*map(_event, chunks), _event({**_chunk([]), "usage": usage}), b"data: [DONE]\n\n")


@functools.cache
def answer(tokens: int) -> bytes:
    """Return the whole answer as one JSON text."""
    message = {"role": "assistant", "content": "".join(pieces(tokens))}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 42, "completion_tokens": tokens, "total_tokens": 42 + tokens}
    return json.dumps({**_chunk([choice]), "object": "chat.completion", "usage": usage}).encode()


def _deltas(kind: str, tokens: int) -> list[dict]:
    if kind == "text":
        return [{"content": piece} for piece in pieces(tokens)]
    if kind == "reasoning":
        thoughts = [{"reasoning_content": piece} for piece in pieces(tokens // 2)]
        return thoughts + [{"content": piece} for piece in pieces(tokens - tokens // 2)]
    arguments = json.dumps({"file_path": FIRST + "/a.py", "content": "".join(pieces(tokens))[: 4 * tokens]})
    step = -(-len(arguments) // tokens)
    parts = [arguments[at : at + step] for at in range(0, len(arguments), step)]
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "Write", "arguments": ""}}
    return [
        {"tool_calls": [head]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts),
    ]


def _choice(delta: dict, reason: str | None = None) -> dict:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _chunk(choices: list[dict]) -> dict:
    return {
        "id": "chatcmpl-CbkS1ahVYHRQmPKZoW5jB7yN",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "bench-model",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": choices,
    }


def _event(chunk: dict) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"
