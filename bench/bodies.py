"""Requests of the sizes that clients send: plain, with a long history, with many tools, as Claude Code's."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

from .client import NONCE
from .frames import Script

_SYSTEM = "You are a coding agent. " + "Work in small steps, read before you write, and say what you did. " * 3
_LINE = "    {name} = load({path!r}, mode={mode})  # {comment}\n"
_WORDS = ("config", "session", "buffer", "stream", "token", "reader", "writer", "parser", "signal", "handler", "answer")


def body(script: Script, *, stream: bool = True, **fields: Any) -> bytes:
    """Return a small Messages request."""
    request = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "stream": stream,
        "messages": [{"role": "user", "content": f"Please fix leak {NONCE}. {script.words}"}],
        **fields,
    }
    return encode(request)


def openai_body(script: Script, *, stream: bool = True) -> bytes:
    """Return the same request to the backend itself."""
    return encode(
        {
            "model": "bench-model",
            "max_tokens": 4096,
            "stream": stream,
            "messages": [{"role": "user", "content": f"Please fix leak {NONCE}. {script.words}"}],
        }
    )


def history_body(size: int, script: Script, *, turns: int = 0, tools: int = 0, system: int = 400) -> bytes:
    """Return a request of about `size` bytes: a session of tool calls and their results.

    turns: messages, 0 for one of about 6 kB each; tools: how many are declared; system: bytes of the system prompt.
    """
    declared = tool_list(tools)
    prompt = [{"type": "text", "text": (_SYSTEM * (1 + system // len(_SYSTEM)))[:system]}]
    room = size - len(encode(declared)) - system
    count = max(1, (turns or max(2, room // 3000)) // 2)
    each = max(40, room // count - 420)
    request = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "stream": True,
        "system": prompt,
        "messages": [*_session(count, each), {"role": "user", "content": f"Go on with {NONCE}. {script.words}"}],
        **({"tools": declared} if tools else {}),
    }
    return encode(request)


def claude_code_body(script: Script) -> bytes:
    """Return a request of the size Claude Code sends in the middle of a session: 120 kB, 30 tools, 40 messages."""
    return history_body(120_000, script, turns=40, tools=30, system=14_000)


@functools.cache
def tool_list(count: int) -> list[dict[str, Any]]:
    """Return tools with schemas of ordinary size (about 1 kB each)."""
    return [_tool(number) for number in range(count)]


def encode(value: Any) -> bytes:
    """Return JSON as clients write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _session(count: int, each: int) -> list[dict[str, Any]]:
    dice = random.Random(7)
    messages: list[dict[str, Any]] = []
    for number in range(count):
        call = {"file_path": f"/src/app/{dice.choice(_WORDS)}_{number}.py", "offset": number, "limit": 200}
        use = {"type": "tool_use", "id": f"toolu_{number:024d}", "name": "Tool0Read", "input": call}
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": _code(each, dice)}
        words = {"type": "text", "text": f"I'll read {call['file_path']} to see how the {dice.choice(_WORDS)} is used."}
        said = f"Look at step {number}."
        first = [{"role": "user", "content": said}] if not messages else []
        messages += [*first, {"role": "assistant", "content": [words, use]}, {"role": "user", "content": [result]}]
    return messages


def _code(size: int, dice: random.Random) -> str:
    lines, length = [], 0
    while length < size:
        name, comment = dice.choice(_WORDS), " ".join(dice.choices(_WORDS, k=5))
        lines.append(_LINE.format(name=name, path=f"src/{name}.py", mode=dice.randrange(9), comment=comment))
        length += len(lines[-1])
    return "".join(lines)[:size]


def _tool(number: int) -> dict[str, Any]:
    verb = ("Read", "Write", "Search", "Run", "List")[number % 5]
    properties = {
        "file_path": {"type": "string", "description": "The absolute path of the file, never a relative one."},
        "limit": {"type": "integer", "minimum": 1, "description": "How many lines to take, all when left out."},
        "mode": {"type": "string", "enum": ["fast", "safe", "dry"], "default": "safe"},
        "edits": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"old": {"type": "string"}, "new": {"type": "string"}, "all": {"type": "boolean"}},
                "required": ["old", "new"],
                "additionalProperties": False,
            },
        },
    }
    return {
        "name": f"Tool{number}{verb}",
        "description": f"{verb}s files of the project (tool {number}). " + "Use it for one thing at a time. " * 8,
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": properties,
            "required": ["file_path"],
            "additionalProperties": False,
        },
    }
