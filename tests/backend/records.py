"""What a scripted backend was asked, kept for assertions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """One request, as it came.

    problems: why OpenAI would refuse it; arrived, left_at: seconds on the monotonic clock; left_at is set when the peer
    hung up before the answer was complete; finished: the whole answer was written.
    """

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    arrived: float
    problems: list[str] = field(default_factory=list)
    left_at: float | None = None
    finished: bool = False

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", ()))

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The declared functions by name."""
        return {tool["function"]["name"]: tool["function"] for tool in self.body.get("tools", ())}

    @property
    def prompt(self) -> str:
        """The text of the first user message: who this conversation is with."""
        return next((text_in(message["content"]) for message in self.messages if message["role"] == "user"), "")

    @property
    def turns(self) -> int:
        """How often the assistant has spoken in the history."""
        return sum(message["role"] == "assistant" for message in self.messages)

    @property
    def results(self) -> dict[str, str]:
        """Text of every tool result by call id."""
        return {m["tool_call_id"]: text_in(m["content"]) for m in self.messages if m["role"] == "tool"}

    def calls(self) -> list[dict[str, Any]]:
        """Every tool call of the history, in order."""
        return [call for message in self.messages for call in message.get("tool_calls") or ()]

    def parts(self, kind: str) -> list[dict[str, Any]]:
        """Every content part of this type, in order."""
        lists = [message["content"] for message in self.messages if isinstance(message.get("content"), list)]
        return [part for parts in lists for part in parts if part.get("type") == kind]

    def text(self) -> str:
        """The whole body as text, to look for what must or must not be in it."""
        return json.dumps(self.body, ensure_ascii=False)


def text_in(content: Any) -> str:
    """Return the text of message content, string or parts."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or () if isinstance(part, dict))
