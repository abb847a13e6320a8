"""What a person asked the proxy to do to prompts, done to a request before it is translated (settings, group Prompt).

Counting takes the same way, so that count_tokens and the bill agree; but counting never asks a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from .config import Config
from .prompt.compact import Compacted, compact
from .prompt.summarize import Ask, Summaries
from .prompt.summary_reminder import remind
from .prompt.tools import fit, trim
from .tokens.count import Counter
from .translate.notes import Notes


class Shaper:
    """Shapes requests by the settings."""

    def __init__(self, config: Config, counter: Counter) -> None:
        self._config = config
        self._counter = counter
        self._summaries = Summaries()
        self._told: set[str] = set()
        trims = bool(config.tools) or config.tool_descriptions == "short"
        self._always = trims or config.prompt_compression != "none"

    def has_work(self, *, compacts: bool) -> bool:
        """Whether the settings ask for anything to be done to requests; compacts: to one for a summary."""
        return self._always or (compacts and self._config.compaction_reminder)

    async def shape(
        self,
        request: Mapping[str, Any],
        notes: Notes,
        ask: Ask | None,
        window: int = 0,
        *,
        compacts: bool = False,
    ) -> Mapping[str, Any]:
        """Return the request as it is to be sent.

        ask: puts a request to the backend; None: only count. window: the model's, in tokens, 0 where nobody knows it.
        compacts: it asks for a summary of its conversation.
        """
        if compacts and self._config.compaction_reminder:
            notes.add("compaction-reminded", "messages", "of <analysis> and <summary>")
            request = remind(request)
        request = self._with_fewer_tools(request, notes)
        if self.fits(window):
            request = self._fitted(request, notes, window)
        if self._config.prompt_compression == "none" or not request.get("system"):
            return request
        shorter = await self._compressed(request["system"], ask)
        if shorter.changed or shorter.is_over:
            self._tell(f"system prompt: {shorter.summary}")
        if not shorter.changed:
            return request
        notes.add("prompt-compressed", "system", shorter.summary)
        return {**request, "system": shorter.system}

    def fits(self, window: int) -> bool:
        """Whether a window of that many tokens has a say in how tools are described."""
        compresses = self._config.prompt_compression != "none"
        return compresses and self._config.tool_descriptions == "auto" and window > 0

    def is_shorter(self, request: Mapping[str, Any], window: int) -> bool:
        """Whether a shaped request would become shorter if its window were known to be that small."""
        return not self._config.model_window and self.fits(window) and fit(request, window, self._counter.text).changed

    def _fitted(self, request: Mapping[str, Any], notes: Notes, window: int) -> Mapping[str, Any]:
        fitted = fit(request, window, self._counter.text)
        if fitted.changed:
            notes.add("tools-trimmed", "tools", fitted.summary)
            self._tell(f"tools, for a window of {window} tokens: {fitted.summary}")
        return fitted.request

    def _with_fewer_tools(self, request: Mapping[str, Any], notes: Notes) -> Mapping[str, Any]:
        short = self._config.tool_descriptions == "short"
        if not (short or self._config.tools):
            return request
        trimmed = trim(request, keep=self._config.tools, short=short)
        if trimmed.changed:
            notes.add("tools-trimmed", "tools", trimmed.summary)
            self._tell(f"tools: {trimmed.summary}")
        if trimmed.unmatched:
            told = "TOOL_SUBSET names none of the tools of a request: it keeps all of them"
            notes.add("tools-trimmed", "tools", told)
            self._tell(f"tools: {told}", level="warning")
        return trimmed.request

    async def _compressed(self, system: object, ask: Ask | None) -> Compacted:
        budget, count = self._config.prompt_max_system_tokens, self._counter.text
        if self._config.prompt_compression == "compact":
            return compact(system, budget, count)
        shorter, fault = await self._summaries.summarize(system, budget, count, ask)
        if fault:
            self._tell(f"system prompt: summarize failed, compact was used: {fault}", level="warning")
        return shorter

    def _tell(self, text: str, level: str = "info") -> None:
        """Log a result once: the same prompt gives the same one in every turn."""
        if text not in self._told:
            self._told = {*list(self._told)[-100:], text}
            getattr(structlog.get_logger(), level)(text)
