"""What other backends refuse or allow beyond OpenAI, as rules for a `Backend`."""

from __future__ import annotations

from typing import Any

from tests.strict_openai import problems


def deepseek(body: dict[str, Any]) -> list[str]:
    """DeepSeek's rule: after a turn with tools, every assistant message brings its `reasoning_content` back."""
    legal = problems(body, top_level={"thinking"}, message={"reasoning_content"})
    off = (body.get("thinking") or {}).get("type") == "disabled"
    history = [message for message in body.get("messages", ()) if message.get("role") == "assistant"]
    lost = any(message.get("tool_calls") and not message.get("reasoning_content") for message in history)
    refusal = ["The `reasoning_content` in the thinking mode must be passed back to the API."]
    return legal + (refusal if lost and not off else [])
