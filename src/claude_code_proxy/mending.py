"""What a backend refuses of one request, and what is different when it is asked again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .backends.learned import Learned
from .errors import ContextOverflowError, RetryableError, UpstreamError
from .prepare import Prepared
from .routing import Route
from .shaping import Shaper
from .targets import known_window
from .translate.notes import Notes
from .translate.repairs import Passing, Refusal, read_repair

_NUMBERS = re.compile(r"\d+")
_MOST_REPAIRS = 3  # different ones, for one request
_REFUSED = (400, 404, 422)  # statuses of a backend that refuses a field
_OF_THE_REQUEST = ("request", "tools", "oversized")  # kinds of failure that say so at any other status (llama.cpp: 500)


class Mending:
    """The repairs of one request at one backend.

    taught: facts that will hold; passing: those of this request alone; rooms: output limits that fit now.
    """

    def __init__(self, learned: Learned, notes: Notes, shaper: Shaper) -> None:
        self.taught: dict[str, Any] = {}
        self.passing: dict[str, Any] = {}
        self.rooms: list[int] = []
        self._learned = learned
        self._notes = notes
        self._shaper = shaper
        self._repairs: list[Mapping[str, Any]] = []
        self._refused = ""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is different when the request is made again."""
        return {**self.taught, **self.passing}

    def mend(self, prepared: Prepared, error: UpstreamError) -> bool:
        """Learn from a refusal what is to be different; False where asking again would not help."""
        if isinstance(error, RetryableError):
            return False
        said = _NUMBERS.sub("", error.words)
        if said != self._refused:  # another complaint: what the last one was about is mended
            self.learn(prepared.route)
        self._refused = said
        repair = {} if len(self._repairs) >= _MOST_REPAIRS else self._read(prepared, error)
        if not repair or repair in self._repairs:
            return False
        self._repairs.append(repair)
        self.rooms += [repair["room"]] if "room" in repair else []
        return True

    def learn(self, route: Route) -> None:
        """Remember what the backend refused, once it has taken the request without that: only then it was the cause."""
        if not self.taught:
            return
        known = self._learned.facts(route.backend, route.model)
        fresh = {name: value for name, value in self.taught.items() if known.get(name) != value}
        if fresh:
            self._learned.add(route.backend, route.model, fresh)

    def _fits_now(self, prepared: Prepared) -> bool:
        """Whether the refusal made a window known for which the tools would have been described more shortly."""
        learned = self._learned.facts(prepared.route.backend, prepared.route.model)
        window = known_window(prepared.facts, learned, prepared.identity)
        known = prepared.translated.plan.window
        return window != known and self._shaper.is_shorter(prepared.request, window)

    def _read(self, prepared: Prepared, error: UpstreamError) -> Mapping[str, Any]:
        body = prepared.translated.body
        if isinstance(error, ContextOverflowError):
            overflow = error.overflow
            if self._fits_now(prepared):
                return {"window": overflow.window}  # as learn_window has it: nothing more is to be taught
            if not 0 < overflow.room < body.get(prepared.dialect.max_tokens_field, 0):
                return {}
            self._notes.add("max-tokens-clamped", "max_tokens", "what the backend had room for")
            capped = overflow.limit and overflow.kind == "output"
            facts: Mapping[str, Any] = {"max_output": overflow.limit} if capped else Passing(room=overflow.room)
        elif error.kind == "oversized" and self.rooms:
            return {}  # less output was asked for already
        elif may_be_repaired(error):
            facts = read_repair(Refusal(text=error.words, param=error.param, body=body), prepared.dialect)
            if "room" in facts:
                self._notes.add("max-tokens-clamped", "max_tokens", "what one request may have a minute")
        else:
            return {}
        if isinstance(facts, Passing):
            self.passing |= facts
        elif facts:
            self.taught |= facts
            self._notes.add("backend-learned", "body", ", ".join(facts))
        return facts


def may_be_repaired(error: UpstreamError) -> bool:
    """Tell whether a failure is a refusal of something in the request, so that its words may say what to change."""
    return error.upstream_status in _REFUSED or error.kind in _OF_THE_REQUEST
