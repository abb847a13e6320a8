"""What a prompt may have where a backend tells only its sum with the output, or a lower bound.

The proxy's own count decides then. Backends: SiliconFlow (sum), Cerebras and Perplexity (a sum or the prompt, nobody
says which), vLLM since 0.14, which stops counting one token above what would have fitted.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Overflow

_LEAST_ROOM = 1024  # tokens of output that are worth another try
_PARTS = 8  # a room that was tried is cut to this part of it: one more try, and the prompt is the cause


class Own(NamedTuple):
    """The proxy's own view of what was sent.

    counted: the prompt, 0 unknown; most: what it may have at most; lowered: less output was asked for than wanted.
    """

    counted: int = 0
    most: int = 0
    lowered: bool = False


UNCOUNTED = Own()


def of_sum(total: int, window: int, asked: int) -> Overflow:
    """Return the overflow of prompt and output together. asked: the output limit that was sent."""
    return (
        Overflow("total", total - asked, asked, window) if 0 < asked < total else Overflow("prompt", total, 0, window)
    )


def of_either(said: int, window: int, asked: int, own: Own) -> Overflow:
    """Return the overflow of what is the prompt, or its sum with the output: what is nearer to the own count.

    Once less output did not help it is the prompt.
    """
    prompt = said - asked
    may_be = own.counted and asked and not own.lowered and 0 < prompt < window
    if may_be and abs(prompt - own.counted) < abs(said - own.counted):
        return of_sum(said, window, asked)
    return Overflow("prompt", said, 0, window)


def of_unsaid(asked: int, own: Own) -> Overflow:
    """Return the overflow of both together in a sentence without numbers (Claude on Bedrock): less output may help."""
    room = asked // _PARTS
    if own.lowered or room < _LEAST_ROOM:
        return Overflow("prompt")
    return Overflow("total", output=asked, limit=room)


def of_least(least: int, output: int, window: int, own: Own) -> Overflow:
    """Return the overflow of a prompt that has `least` tokens or any number more."""
    if not own.counted or least >= window:
        return Overflow("total", least, output, window)
    known = max(least, own.counted) if own.counted < window else least
    most = own.most
    if own.lowered or window - most < _LEAST_ROOM:
        most = window - (window - known) // (_PARTS if own.lowered else 2)
    if window - most < _LEAST_ROOM:
        return Overflow("prompt", own.counted, 0, window)
    return Overflow("total", known, output, window, most=most)
