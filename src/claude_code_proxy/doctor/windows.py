"""Windows in which Claude Code has no room to work (case CX-08), in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_LEAST = 32_000  # tokens: Claude Code's own prompt and tools take some 20,000 of them
_LEAST_COMPRESSED = 16_000  # with PROMPT_COMPRESSION


def is_narrow(window: int, *, compressed: bool) -> bool:
    """Tell whether a window is too small. window: tokens, 0 for an unknown one."""
    return 0 < window < (_LEAST_COMPRESSED if compressed else _LEAST)


def narrow_window(windows: Mapping[str, int], *, compressed: bool) -> str:
    """Return what is wrong and what to do. windows: the small ones, by model."""
    which = ", ".join(f"{model} ({window:,} tokens)" for model, window in windows.items())
    larger = "start the server with a larger context (Ollama: num_ctx of 32768 or more)"
    remedy = larger if compressed else f"set PROMPT_COMPRESSION=compact, or {larger}"
    return f"Too small for Claude Code, whose own prompt takes some 20,000 tokens: the window of {which}; {remedy}."
