"""Token counts: the many shapes backends report them in, and the one shape clients read.

Anthropic's `input_tokens` excludes cached tokens, OpenAI's `prompt_tokens` includes them: the law here is
input + cache_read + cache_creation == prompt tokens (translation reference, 4.9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs

from ..wire.shapes import count, mapping
from .deltas import Usage

_SHORTEST = 3000  # tokens of a prompt: below that an estimate proves nothing
_SLACK = 8  # tokens a server keeps free
_BLOCK = 1024  # windows are multiples of it
_OWN = ("cache_read_input_tokens", "cache_creation_input_tokens")  # beside input_tokens, which excludes them
_USUAL = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)
_CACHED = (  # of DeepSeek, Kimi, Mistral, Anthropic
    *("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens"),
)
_DEAREST = 1e9  # of any currency: more is no price


def read_usage(usage: object, timings: object = None) -> Usage | None:
    """Return the counts of a backend's `usage` (and llama.cpp's `timings`), None when there are none."""
    given = mapping(usage)
    if not timings and _USUAL.issuperset(given) and (usual := _usual(given)) is not None:
        return usual
    prompt = _first(given, "prompt_tokens", "input_tokens")
    completion = _first(given, "completion_tokens", "output_tokens")
    if not (prompt or completion):
        return _from_timings(mapping(timings))
    total = _first(given, "total_tokens")
    prompt_details = mapping(given.get("prompt_tokens_details")) or mapping(given.get("input_tokens_details"))
    output_details = mapping(given.get("completion_tokens_details")) or mapping(given.get("output_tokens_details"))
    cached = _first(prompt_details, "cached_tokens") or _first(given, *_CACHED)
    prompt = prompt or _unsaid(mapping(timings), 0 if cached else total - completion)
    if "cached_tokens" not in prompt_details:
        cached = cached or min(prompt, count(mapping(timings).get("cache_n")))
    written = _first(prompt_details, "cache_write_tokens") or _first(given, "cache_creation_input_tokens")
    apart = cached + written if _are_apart(given, prompt, cached, written) else 0
    if not apart:  # what is written of the part that was read is one and the same
        written = min(written, prompt - cached)
    thinking = _first(output_details, "reasoning_tokens") or _first(given, "reasoning_tokens")
    audio = _first(prompt_details, "audio_tokens")  # Mistral counts them in the total only
    return Usage(
        input_tokens=prompt + apart - cached - written,
        # reasoning that is not part of completion_tokens shows in the total (xAI, Gemini)
        output_tokens=max(completion, total - prompt - apart - audio),
        cache_read=cached,
        cache_write=written,
        thinking=thinking or None,
        cost=_cost(given.get("cost")),
        searches=_searches(given),
    )


def cut_window(usage: Usage, estimate: Callable[[], int]) -> int:
    """Return the window a backend seems to have cut the prompt to in silence, 0 for none (case CX-08).

    The sign of it: much less than the prompt was read, and what was read or written ends at a window's edge. Less
    alone is no sign, since some servers leave out what they had in their cache. estimate: counts the prompt, which is
    asked for in that rare case alone.
    """
    prompt = usage.input_tokens + usage.cache_read + usage.cache_write
    edge = edge_of(prompt, usage.output_tokens) if prompt else 0
    return edge if edge and estimate() >= max(_SHORTEST, 2 * prompt) else 0


def edge_of(prompt: int, output: int) -> int:
    """Return the window at whose edge a prompt, or its answer, ends, 0 for none. Tokens."""
    left, left_behind = -prompt % _BLOCK, -(prompt + output) % _BLOCK
    if left <= _SLACK:
        return prompt + left
    return prompt + output + left_behind if left_behind <= _SLACK else 0


def whole_prompt(usage: Usage, estimate: int) -> Usage:
    """Return the counts with the prompt as the client has it, not as it was cut: by them it knows when to compact."""
    return structs.replace(usage, input_tokens=max(0, estimate - usage.cache_read - usage.cache_write))


def anthropic_usage(usage: Usage, scale: float = 1.0) -> dict[str, Any]:
    """Return the counts as a client reads them, in `message_delta` and in whole messages.

    scale: of the prompt's tokens; the answer's stay true, since `max_tokens` limits them.
    """
    fresh, read, written = usage.input_tokens, usage.cache_read, usage.cache_write
    if scale != 1.0:
        prompt, read = round((fresh + read + written) * scale), round(read * scale)
        written = min(round(written * scale), prompt - read)
        fresh = prompt - read - written
    shown: dict[str, Any] = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens,
    }
    if usage.thinking is not None:
        shown["output_tokens_details"] = {"thinking_tokens": usage.thinking}
    return shown


def _are_apart(given: Mapping[str, Any], prompt: int, cached: int, written: int) -> bool:
    """Whether a server counts cached tokens beside those of the prompt, not among them (case CX-06).

    It does when a part is more than the whole, in Anthropic's own fields, and where its total says so.
    """
    own = not given.get("prompt_tokens") and any(name in given for name in _OWN)
    if max(cached, written) > prompt or own:
        return True
    completion = _first(given, "completion_tokens", "output_tokens")
    return cached + written > prompt and count(given.get("total_tokens")) == prompt + cached + written + completion


def _unsaid(timings: Mapping[str, Any], left: int) -> int:
    """Return the prompt's tokens where they are said nowhere but in `timings`, or by what is `left` of the total."""
    return count(timings.get("cache_n")) + count(timings.get("prompt_n")) or max(0, left)


def _first(holder: Mapping[str, Any], *names: str) -> int:
    """Return the first of these counts that is one, else 0."""
    for name in names:
        value = holder.get(name)
        if value and (found := count(value)):
            return found
    return 0


def _searches(given: Mapping[str, Any]) -> int | None:
    """How often the backend searched the web, None when it does not say."""
    used = mapping(given.get("server_tool_use")) or mapping(given.get("server_tool_use_details"))
    for said in (used.get("web_search_requests"), given.get("num_search_queries")):  # OpenRouter, Perplexity
        if isinstance(said, int) and not isinstance(said, bool) and said >= 0:
            return said
    return None


def _usual(given: Mapping[str, Any]) -> Usage | None:
    """Return the counts of OpenAI's own fields, None where they contradict each other and need a second look."""
    prompt, completion = count(given.get("prompt_tokens")), count(given.get("completion_tokens"))
    total, cached, written, audio, thinking = count(given.get("total_tokens")), 0, 0, 0, 0
    read, wrote = given.get("prompt_tokens_details"), given.get("completion_tokens_details")
    if isinstance(read, dict):
        cached, written = count(read.get("cached_tokens")), count(read.get("cache_write_tokens"))
        audio = count(read.get("audio_tokens"))  # Mistral counts them in the total only
    if isinstance(wrote, dict):
        thinking = count(wrote.get("reasoning_tokens"))
    if not prompt or cached + written > prompt:
        return None
    # reasoning that is not part of completion_tokens shows in the total (xAI, Gemini)
    output = max(completion, total - prompt - audio)
    return Usage(prompt - cached - written, output, cached, written, thinking or None)


def _from_timings(timings: Mapping[str, Any]) -> Usage | None:
    """llama.cpp says with `timings` alone how much it read and wrote."""
    cached, read, written = (count(timings.get(key)) for key in ("cache_n", "prompt_n", "predicted_n"))
    if not (cached or read or written):
        return None
    return Usage(input_tokens=read, output_tokens=written, cache_read=cached)


def _cost(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _DEAREST:
        return None
    return float(value)
