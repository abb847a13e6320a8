"""PROMPT_COMPRESSION=summarize: the backend's model condenses what compact leaves of Claude Code's own text.

A summary is made once for a content, however many requests wait for it, and kept, so that the same prompt stays the
same bytes. Where none could be made the prompt is compacted as long as it is in use, and the model is asked again after
a pause: a session that began so goes on so, and keeps its prefix cache. What is kept ends with the process. What may
never be touched is never sent to be summarized.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from ..errors import ProxyError
from ..wire.shapes import items, mapping
from .compact import Compacted, CountText, compact
from .sections import sections_of, texts_of

_KEPT = 64  # summaries
_SHORTEST = 20  # a summary of less than a twentieth is none
_PAUSE = 600.0  # seconds without use after which a content that failed is asked for again
_LEAST = 200  # tokens: a shorter text is not worth a call
_ORDER = (
    "Condense the following instructions of a coding assistant to at most {budget} tokens. Keep every rule, name, "
    "path, tag and format; leave out explanations, examples and repetitions. Answer with the condensed instructions "
    "only."
)

Ask = Callable[[dict[str, Any]], Coroutine[Any, Any, str]]


class Summaries:
    """Condensed prompts by content."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._made: OrderedDict[str, asyncio.Task[str]] = OrderedDict()
        self._failed: dict[str, tuple[float, ProxyError]] = {}

    async def summarize(self, system: object, budget: int, count: CountText, ask: Ask | None) -> tuple[Compacted, str]:
        """Return the compressed prompt, and why it could not be condensed (then it is compacted), or an empty string.

        ask: puts a Messages request to the backend and returns the text of its answer; None: use what is known.
        """
        compacted = compact(system, budget, count)
        short = compact(system, 1 << 30, count)  # boilerplate only: what is spare is to be condensed
        spare = _spare(short.system)
        if not spare or count(spare) < _LEAST:
            return compacted, ""
        try:
            condensed = await self._once(spare, max(_LEAST, budget - (short.after - count(spare))), ask)
        except _UnknownError:
            return compacted, ""
        except ProxyError as error:
            return compacted, error.message
        if not count(spare) // _SHORTEST < count(condensed) < count(spare):
            return compacted, "the summary was too short to be one, or no shorter"
        shorter = _replaced(short.system, condensed)
        after = sum(count(block) for block in texts_of(shorter))
        if after > budget >= compacted.after:
            return compacted, "the summary was over the budget"
        return Compacted(shorter, (*short.removed, "condensed the rest"), short.before, after, budget), ""

    async def _once(self, spare: str, budget: int, ask: Ask | None) -> str:
        key = hashlib.sha256(f"{budget}\n{spare}".encode("utf-8", "replace")).hexdigest()
        self._recall(key)
        task = self._made.get(key)
        if ask is None and (task is None or not task.done()):
            raise _UnknownError
        if task is None and ask is not None:
            task = self._begin(key, ask(_order(spare, budget)))
        assert task is not None
        try:
            return await asyncio.shield(task)
        except ProxyError as error:
            self._failed[key] = self._now(), error
            if len(self._failed) > _KEPT:
                self._failed.pop(next(iter(self._failed)))
            raise

    def _recall(self, key: str) -> None:
        """Raise what went wrong with a content, for as long as it is in use."""
        used, error = self._failed.pop(key, (0.0, None))
        if error is not None and self._now() - used < _PAUSE:
            self._failed[key] = self._now(), error
            raise error

    def _begin(self, key: str, answer: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        """Ask, for everybody who waits; what failed is forgotten, and asked again by the next request."""
        task = self._made[key] = asyncio.create_task(answer)

        def ended(task: asyncio.Task[str]) -> None:
            if task.cancelled() or task.exception() is not None:
                self._made.pop(key, None)

        task.add_done_callback(ended)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return task


class _UnknownError(Exception):
    """No summary is known, and nobody may be asked."""


def _order(spare: str, budget: int) -> dict[str, Any]:
    """The request for a summary."""
    return {
        "max_tokens": budget * 2,
        "system": _ORDER.format(budget=budget),
        "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": spare}],
    }


def _spare(system: object) -> str:
    return "".join(one.text for sections in sections_of(system) for one in sections if one.kind == "spare")


def _replaced(system: object, condensed: str) -> Any:
    """The prompt with its spare sections replaced by their summary, where the first of them stood."""
    left = condensed.strip() + "\n\n"
    texts = []
    for sections in sections_of(system):
        parts = []
        for section in sections:
            if section.kind == "spare":
                parts.append(left)
                left = ""
            else:
                parts.append(section.text)
        texts.append("".join(parts))
    if isinstance(system, str):
        return texts[0]
    pairs = ((mapping(block), shorter) for block, shorter in zip(items(system), texts, strict=True))
    return [{**block, "text": shorter} if "text" in block else block for block, shorter in pairs]
