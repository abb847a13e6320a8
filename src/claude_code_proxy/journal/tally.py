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
_KINDS = ("input", "cache_read", "cache_write", "output", "thinking")  # of tokens

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
            cells = self.spread[key] = _cells(bounds)
        _put(cells, bounds, value)

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


class _Model:
    """What is counted of one model of one backend.

    ended: requests by tier, outcome and status; first_token, duration, rate: the cells of their histograms.
    """

    __slots__ = (
        *("cache_read", "cache_write", "cost", "duration", "ended"),
        *("first_token", "fresh", "output", "rate", "thinking"),
    )

    def __init__(self) -> None:
        self.ended: dict[tuple[str, str, int], int] = {}
        self.fresh = self.cache_read = self.cache_write = self.output = self.thinking = 0
        self.cost = 0.0
        self.first_token, self.duration, self.rate = map(_cells, (FIRST_TOKEN, DURATION, RATE))

    def count(self, record: Record, took: float) -> None:
        """Count what an answer took. took: seconds."""
        if record.first_byte >= 0:
            _put(self.first_token, FIRST_TOKEN, record.first_byte)
        _put(self.duration, DURATION, took)
        if record.stream and (rate := record.rate):
            _put(self.rate, RATE, rate)
        fresh = record.input_tokens - record.cache_write
        if fresh > 0:
            self.fresh += fresh
        self.cache_read += record.cache_read
        self.cache_write += record.cache_write
        self.output += record.output_tokens
        self.thinking += record.thinking_tokens
        if record.cost:
            self.cost += record.cost

    def into(self, totals: Totals, backend: str, model: str) -> None:
        """Add what was counted to totals, under this model's name."""
        for (tier, outcome, status), requests in self.ended.items():
            totals.add(("requests", backend, model, tier, outcome, str(status)), requests)
        tokens = (self.fresh, self.cache_read, self.cache_write, self.output, self.thinking)
        for kind, counted in zip(_KINDS, tokens, strict=True):
            totals.add(("tokens", backend, model, kind), counted)
        totals.add(("cost", backend, model), self.cost)
        for name, cells in (("first_token", self.first_token), ("duration", self.duration), ("rate", self.rate)):
            if any(cells[:-1]):
                totals.spread[name, backend, model] = list(cells)


class Tally:
    """Counts finished requests; some at once, which costs a third of one after the other."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], _Model] = {}
        self._answered: dict[str, float] = {}  # when a backend last answered well
        self._troubles = Totals()
        self._waiting: deque[Record] = deque()
        self._counting = threading.Lock()  # a worker's totals are told to the others by a thread

    def add(self, record: Record) -> None:
        """Take a request; it is counted before anybody sees the totals."""
        self._waiting.append(record)
        if len(self._waiting) >= _AT_ONCE:
            with self._counting:
                self._settle()

    @property
    def totals(self) -> Totals:
        """What was counted."""
        with self._counting:
            self._settle()
            totals = Totals(dict(self._troubles.counts))
            for (backend, model), counted in self._models.items():
                counted.into(totals, backend, model)
            for backend, when in self._answered.items():
                totals.counts["last_success", backend] = when
            return totals

    def _settle(self) -> None:
        while self._waiting:
            self._count(self._waiting.popleft())

    def _count(self, record: Record) -> None:
        model = self._models.get((record.backend, record.upstream_model)) or self._new(record)
        ended, how = model.ended, (record.tier, record.outcome, record.status)
        ended[how] = ended.get(how, 0) + 1
        if record.backend:
            took = record.duration if record.duration > 0 else 0.0  # -1: unknown
            model.count(record, took)
            if record.outcome == "ok":
                self._answered[record.backend] = record.started + took
        if record.notes or record.error_type or record.retries or record.failed_over:
            self._trouble(record)

    def close(self) -> None:
        """Nothing is left to do."""

    def _trouble(self, record: Record) -> None:
        troubles, backend = self._troubles, record.backend
        for code in record.codes:
            troubles.add(("notes", code))
        if record.error_type:
            troubles.add(("errors", backend, record.error_type))
        troubles.add(("retries", backend), record.retries)
        troubles.add(("repairs", backend), record.repairs)
        troubles.add(("failovers", backend), len(record.failed_over))

    def _new(self, record: Record) -> _Model:
        """Return what counts a model that was not seen before, or all of those that are too many."""
        name = record.upstream_model if len(self._models) < _MOST_MODELS else _OTHER
        return self._models.setdefault((record.backend, name), _Model())


def _cells(bounds: tuple[float, ...]) -> list[float]:
    return [0.0] * (len(bounds) + 2)


def _put(cells: list[float], bounds: tuple[float, ...], value: float) -> None:
    cells[bisect_left(bounds, value)] += 1
    cells[-1] += value
