"""A second reading of chat completions: plain code, written from the providers' documents and not from our readers.

It reads a recorded answer all at once and says what a client must see of it. Where the documents leave two answers
open, it says both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
STOPS = {
    "stop": "end_turn",
    "eos": "end_turn",
    "length": "max_tokens",
    "tool_calls": "end_turn",  # without a call; with one it is tool_use
    "function_call": "end_turn",
    "content_filter": "refusal",
}


@dataclass
class Tool:
    """A call. broken: its arguments are no JSON, so the answer broke off inside them."""

    name: str = ""
    id: str = ""
    text: str = ""
    given: Any = None

    @property
    def broken(self) -> bool:
        return self.given is None and _parsed(self.text) is _BROKEN

    @property
    def begun(self) -> bool:
        return self.given is not None or bool(self.text.strip())

    @property
    def input(self) -> dict[str, Any]:
        value = self.given if self.given is not None else _parsed(self.text)
        if value is None or value is _BROKEN:
            return {}
        return value if isinstance(value, dict) else {"value": value}


@dataclass
class Expected:
    """What a client must see. stops: the stop reasons that are right; prompt, output: tokens, None when not said."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: list[Tool] = field(default_factory=list)
    finish: str = ""
    native: str = ""
    done: bool = False
    error: Any = None
    usage: dict[str, Any] | None = None
    slots: dict[Any, Tool] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        silent = not (self.text or self.reasoning or self.tools)
        return self.error is not None or not (self.finish or self.done) or (silent and not self.finish)

    @property
    def whole_tools(self) -> list[Tool]:
        """The calls that were not cut off; the last one may have been so right behind its name."""
        named = self.tools[-1:] if self.finish == "length" and self.tools and not self.tools[-1].begun else []
        return [tool for tool in self.tools if not (tool.broken or tool in named)]

    @property
    def stops(self) -> set[str]:
        if self.refusal:
            return {"refusal"}
        if self.finish == "length":
            return {"max_tokens"}
        if any(tool.broken for tool in self.tools):  # OpenRouter calls a cut-off call `tool_calls`
            return {"max_tokens", "tool_use"}
        if self.tools and self.finish in {"stop", "tool_calls", "function_call", "eos", ""}:
            return {"tool_use"}
        return {STOPS.get(self.finish, "end_turn")}

    @property
    def prompt(self) -> int | None:
        return None if self.usage is None else self.usage["prompt_tokens"]

    @property
    def cached(self) -> int:
        usage = self.usage or {}
        details = usage.get("prompt_tokens_details") or {}
        return details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens") or 0

    @property
    def output(self) -> int | None:
        """Completion tokens; some count reasoning apart from them, which the total gives away."""
        if self.usage is None:
            return None
        prompt, completion = self.usage["prompt_tokens"], self.usage["completion_tokens"]
        apart = max(0, self.usage.get("total_tokens", 0) - prompt - completion)
        audio = (self.usage.get("prompt_tokens_details") or {}).get("audio_tokens") or 0
        return completion + (0 if apart == audio else apart)  # Mistral counts heard audio apart from the prompt


def read_stream(sse: bytes, *, think_tags: bool = False) -> Expected:
    """Read a streamed answer."""
    expected = Expected()
    for payload in _payloads(sse.decode()):
        if payload == "[DONE]":
            expected.done = True
            break
        _take(expected, json.loads(payload), "delta")
    return _split_think(expected) if think_tags else expected


def read_answer(body: bytes, *, think_tags: bool = False) -> Expected:
    """Read a whole answer."""
    expected = Expected(done=True)
    _take(expected, json.loads(body), "message")
    return _split_think(expected) if think_tags else expected


def _payloads(text: str) -> list[str]:
    blocks = re.split(r"\r\n\r\n|\n\n|\r\r", text)
    found = []
    for block in blocks:
        lines = [line[5:].removeprefix(" ") for line in re.split(r"\r\n|\n|\r", block) if line.startswith("data:")]
        if "\n".join(lines).strip():
            found.append("\n".join(lines).strip())
    return found


def _take(expected: Expected, chunk: dict[str, Any], where: str) -> None:
    """Take a chunk, or a whole answer: Perplexity puts an empty `delta` beside the `message` of the latter."""
    x_groq = chunk.get("x_groq") or {}
    error = chunk.get("error") or x_groq.get("error")
    if error or chunk.get("object") == "error":
        expected.error = error or chunk
    expected.usage = chunk.get("usage") or x_groq.get("usage") or expected.usage
    for choice in chunk.get("choices") or []:
        if choice.get("index", 0) == 0:
            _take_choice(expected, choice, where)


def _take_choice(expected: Expected, choice: dict[str, Any], where: str) -> None:
    said = choice.get(where) or choice.get("message") or {}
    expected.reasoning += _reasoning(said)
    content = said.get("content")
    if isinstance(content, list):
        expected.reasoning += "".join(
            piece["text"] for part in content if part["type"] == "thinking" for piece in part["thinking"]
        )
        expected.text += "".join(part["text"] for part in content if part["type"] == "text")
    else:
        expected.text += content or ""
    expected.text += said.get("refusal") or ""
    expected.refusal += said.get("refusal") or ""
    for fragment in said.get("tool_calls") or []:
        _take_tool(expected, fragment)
    if said.get("function_call"):
        _take_tool(expected, {"index": 0, "function": said["function_call"]})
    expected.finish = choice.get("finish_reason") or expected.finish
    expected.native = choice.get("native_finish_reason") or expected.native


def _reasoning(said: dict[str, Any]) -> str:
    """One of the three fields; gateways fill several of them with the same text."""
    for name in ("reasoning_content", "reasoning", "thinking"):
        if isinstance(said.get(name), str) and said[name]:
            return said[name]
    details = said.get("reasoning_details") or []
    return "".join(detail.get("text") or detail.get("summary") or "" for detail in details)


def _take_tool(expected: Expected, fragment: dict[str, Any]) -> None:
    """A call is known by its index; where that is missing or 0 for all, a new id opens a new call."""
    function = fragment.get("function") or {}
    tool_id, index = fragment.get("id") or "", fragment.get("index")
    key = index if isinstance(index, int) else (tool_id or "last")
    tool = expected.slots.get(key)
    if tool is None or (tool_id and tool.id and tool_id != tool.id):
        tool = expected.slots[key] = expected.slots["last"] = Tool()
        expected.tools.append(tool)
    tool.id = tool.id or tool_id
    tool.name = tool.name or function.get("name") or ""
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        tool.text += arguments
    elif arguments is not None:
        tool.given = arguments


_BROKEN = object()


def _parsed(text: str) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return _BROKEN


def _split_think(expected: Expected) -> Expected:
    """`<think>` at the very start of the text is reasoning."""
    opened = re.match(r"\s*<think>", expected.text)
    if opened:
        thought, _, rest = expected.text[opened.end() :].partition("</think>")
        expected.reasoning, expected.text = expected.reasoning + thought.strip("\n"), rest.lstrip("\n")
    return expected
