"""What is counted of all requests, for /metrics and the live page: plain numbers, added up when a request ends.

Names and buckets are those of `exposition.py`. Models are named by those who set the proxy up or by clients, so that
only so many of them are told apart.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from ..record import Record

FIRST_TOKEN = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 60.0, 120.0, 300.0)
DURATION = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0)
RATE = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
"""Upper bounds of buckets: seconds, seconds, tokens a second."""

BUCKETS: Mapping[str, tuple[float, ...]] = {"first_token": FIRST_TOKEN, "duration": DURATION, "rate": RATE}

_MOST_MODELS = 200  # told apart; the rest is "other"
_OTHER = "other"
_AT_ONCE = 32  # requests

Key = tuple[str, ...]
"""A name of `exposition.py`, and its labels' values."""


class Totals(msgspec.Struct):
    """Everything counted. counts: by key; spread: by key each bucket's count, what is beyond, and the sum."""

    counts: dict[Key, float] = {}
    spread: dict[Key, list[float]] = {}

    def add(self, key: Key, value: float = 1) -> None:
        """Count."""
        if value:
            self.counts[key] = self.counts.get(key, 0) + value

    def observe(self, key: Key, value: float) -> None:
        """Count a value into its bucket."""
        bounds, cells = BUCKETS[key[0]], self.spread.get(key)
        if cells is None:
            cells = self.spread[key] = [0.0] * (len(bounds) + 2)
        cells[bisect_left(bounds, value)] += 1
        cells[-1] += value

    def merged(self, others: Iterable[Totals]) -> Totals:
        """Return these and others together; times of last success are the latest, everything else is a sum."""
        counts, spread = dict(self.counts), {key: list(cells) for key, cells in self.spread.items()}
        for other in others:
            for key, value in other.counts.items():
                known = counts.get(key, 0)
                counts[key] = max(known, value) if key[0] == "last_success" else known + value
            for key, cells in other.spread.items():
                known_cells = spread.get(key, [0.0] * len(cells))
                spread[key] = [one + two for one, two in zip(known_cells, cells, strict=True)]
        return Totals(counts, spread)


class Tally:
    """Counts finished requests; some at once, which costs a third of one after the other."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._models: set[tuple[str, str]] = set()
        self._waiting: deque[Record] = deque()
        self._counting = threading.Lock()  # a worker's totals are told to the others by a thread

    def add(self, record: Record) -> None:
        """Take a request; it is counted before anybody sees the totals."""
        self._waiting.append(record)
        if len(self._waiting) >= _AT_ONCE:
            self._settle()

    @property
    def totals(self) -> Totals:
        """What was counted."""
        self._settle()
        return self._totals

    def _settle(self) -> None:
        with self._counting:
            while self._waiting:
                self._count(self._waiting.popleft())

    def _count(self, record: Record) -> None:
        totals = self._totals
        place = self._place(record)
        totals.add(("requests", *place, record.tier, record.outcome, str(record.status)))
        if record.backend:
            self._spread(record, place)
            self._tokens(record, place)
        if record.notes or record.error_type or record.retries or record.failed_over:
            self._trouble(record, place[0])

    def close(self) -> None:
        """Nothing is left to do."""

    def _trouble(self, record: Record, backend: str) -> None:
        totals = self._totals
        for code in record.codes:
            totals.add(("notes", code))
        if record.error_type:
            totals.add(("errors", backend, record.error_type))
        totals.add(("retries", backend), record.retries)
        totals.add(("repairs", backend), record.repairs)
        totals.add(("failovers", backend), len(record.failed_over))

    def _spread(self, record: Record, place: Key) -> None:
        if record.first_byte >= 0:
            self._totals.observe(("first_token", *place), record.first_byte)
        self._totals.observe(("duration", *place), max(0.0, record.duration))
        if record.rate:
            self._totals.observe(("rate", *place), record.rate)
        if record.outcome == "ok":
            ended = record.started + max(0.0, record.duration)
            self._totals.counts["last_success", place[0]] = ended

    def _tokens(self, record: Record, place: Key) -> None:
        kinds = (
            ("input", record.input_tokens - record.cache_write),
            ("cache_read", record.cache_read),
            ("cache_write", record.cache_write),
            ("output", record.output_tokens),
            ("thinking", record.thinking_tokens),
        )
        for kind, tokens in kinds:
            if tokens > 0:
                self._totals.add(("tokens", *place, kind), tokens)
        if record.cost:
            self._totals.add(("cost", *place), record.cost)

    def _place(self, record: Record) -> tuple[str, str]:
        place = (record.backend, record.upstream_model)
        if place not in self._models:
            if len(self._models) >= _MOST_MODELS:
                return record.backend, _OTHER
            self._models.add(place)
        return place
