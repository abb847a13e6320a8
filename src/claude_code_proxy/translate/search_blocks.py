"""The pages of a hosted web search: one call with its results, and citations on the text.

Anthropic's answer has the call and the results before the text that leans on them. A backend names its pages with the
text or behind it: what is known before the text stands before it, as in whole answers, the rest behind it. No text is
held back for that; clients read the blocks in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..wire.anthropic import CitationsDelta
from .deltas import Citation, Usage
from .ending import CUTTING
from .grammar import State
from .server_tools import failed_call

if TYPE_CHECKING:
    from .writer import Writer

_MOST = 100  # pages of one answer
_TEXT = State.TEXT


class SearchBlocks:
    """The writer's part for pages."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._pages: dict[str, Citation] = {}
        self._waiting: list[Citation] = []
        self._told = False
        self._calls: list[dict[str, Any]] = []

    def page(self, page: Citation) -> None:
        """Take a page the answer leans on; a text that is open cites it at once, else the next one does."""
        if len(self._pages) < _MOST:
            self._pages.setdefault(page.url, page)
        if self._writer.state is _TEXT:
            self._cite(page)
        else:
            self._waiting.append(page)

    def call(self, given: dict[str, Any]) -> None:
        """Take a call of the search that the backend hands to us: it fails, unless pages show that it was served."""
        self._calls.append(given)

    def lead(self) -> None:
        """Write the results, before a text that comes after them."""
        if self._pages and not self._told:
            self._tell()

    def cite(self) -> None:
        """Write the citations that waited for a text."""
        waiting, self._waiting = self._waiting, []
        for page in waiting:
            self._cite(page)

    def finish(self) -> None:
        """Write the results that were not told yet; a page no text could cite is noted where nothing else tells it."""
        usage = self._writer.usage
        searched = bool(self._pages) or bool(usage and usage.searches)
        if searched and not self._told:
            self._tell()
        ending = self._writer.ending
        if self._writer.plan.search_demanded and not searched and not (ending and ending.reason in CUTTING):
            self._writer.notes.add("choice-unmet", "tool_choice", "nothing was searched")
        for given in () if searched or self._writer.plan.discard else self._calls:
            self._writer.open_server_blocks(*failed_call("web_search", given))
        if self._waiting and self._writer.plan.search_query is None:
            self._writer.notes.add("chunk-ignored", "content", "citation outside of text")

    def usage(self, usage: Usage) -> dict[str, dict[str, int]]:
        """Return the field of the usage that counts searches; nothing where the client declared none."""
        if self._writer.plan.search_query is None:
            return {}
        known = usage.searches if usage.searches is not None else int(bool(self._pages))
        return {"server_tool_use": {"web_search_requests": known, "web_fetch_requests": 0}}

    def _tell(self) -> None:
        query = self._writer.plan.search_query
        if query is None or self._writer.plan.discard:
            return
        self._told = True
        call, result = failed_call("web_search", self._calls[-1] if self._calls else {"query": query})
        self._writer.open_server_blocks(call, {**result, "content": self._results()})

    def _results(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "web_search_result",
                "url": page.url,
                "title": page.title or page.url,
                "encrypted_content": "",
                "page_age": None,
            }
            for page in self._pages.values()
        ]

    def _cite(self, page: Citation) -> None:
        self._writer.delta(
            CitationsDelta(
                {
                    "type": "web_search_result_location",
                    "url": page.url,
                    "title": page.title or None,
                    "cited_text": page.cited_text,
                    "encrypted_index": "",
                }
            )
        )
