"""What a prompt will cost on a model, by our count and by what the model's backend reported of earlier prompts.

Two things are remembered. A ratio of reported to counted tokens, for each model of each backend, kept in a file beside
what was learned (`tokens.json`). And, in this process only, what was reported of the very prompts that were sent: a
session's next request begins with its last one, so that only what was added is counted by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from ..config import Backend
from ..tokens.calibration import SHORTEST, UNPROVEN, Calibration, is_likely, may_teach, observe
from ..tokens.count import Counter, Measure
from .kept import Kept, Later, at_once
from .learned import key_of

_MOST = 2000  # models
_MODELS = 2000  # whose ratios are known: a client can make up any number of names
_ANCHORS = 4096  # reported prompts, of each half of the memory
_MOVED = 0.01  # of a factor: a smaller change is not worth a write
_MOSTLY_MEDIA = 5  # a fifth of a prompt: what an image costs is a guess, no measure of the tokenizer
_SURE_PART = 50  # of a count that is off by a fiftieth at most
_REPORTED_ERROR = 0.005  # of what was reported of the beginning: the template may render an earlier turn otherwise


class Counted(NamedTuple):
    """The size of a prompt. tokens: as the model is thought to count it; bound: tokens it may be off by."""

    tokens: int
    bound: int
    measure: Measure

    @property
    def least(self) -> int:
        """The tokens it surely has."""
        return self.tokens - self.bound

    @property
    def most(self) -> int:
        """The tokens it has at most, for what must fit at once: a count is now and then off by more than its bound."""
        return self.tokens + 2 * self.bound


NOTHING = Counted(0, 0, Measure(0, 0, ()))


class Gauges:
    """Counts prompts for models. path: the file of the ratios, None to keep them in memory only; later: writes it."""

    def __init__(self, counter: Counter, path: Path | None = None, later: Later = at_once) -> None:
        self._later = later
        self._counter = counter
        self._aside = counter.twin()
        self._kept = Kept(path, "ratios", most=_MOST)
        self._known = {key: _read(facts) for key, facts in self._kept.read().items()}
        self._written = {key: known.factor for key, known in self._known.items()}
        self._largest: dict[str, int] = {}
        self._anchors: dict[tuple[str, int], int] = {}
        self._old_anchors: dict[tuple[str, int], int] = {}

    def of(self, backend: Backend, model: str, *, aside: bool = False) -> Gauge:
        """Return the counter of one request to a model. aside: it counts in the thread of large requests."""
        return Gauge(self, key_of(backend, model), self._aside if aside else self._counter)

    def sized(self, key: str, measure: Measure) -> Counted:
        """Return the size of what was measured, from the longest beginning of it whose size was reported."""
        known = self._known.get(key, Calibration())
        if not known.proven:
            return Counted(measure.tokens, round(measure.tokens * UNPROVEN), measure)
        for fingerprint, so_far in reversed(measure.steps):
            reported = self._anchor(key, fingerprint)
            if reported:
                added = (measure.tokens - so_far) * known.factor
                bound = added * known.bound + reported * _REPORTED_ERROR
                return Counted(reported + round(added), round(bound), measure)
        tokens = measure.tokens * known.factor + measure.preamble
        return Counted(round(tokens), round(tokens * known.bound), measure)

    def learn(self, key: str, counted: Counted, reported: int) -> None:
        """Take note of what a backend reported of a prompt."""
        tokens, media, steps, preamble = counted.measure
        if tokens < SHORTEST or not (steps and is_likely(tokens, reported)):
            return
        self._largest[key] = max(reported, self._largest.get(key, 0))
        known = self._known.get(key, Calibration())
        if key not in self._known and len(self._known) >= _MODELS:
            self._known.pop(oldest := next(iter(self._known)))
            self._written.pop(oldest, None)
            self._largest.pop(oldest, None)
        if media * _MOSTLY_MEDIA < tokens:
            self._known[key] = observe(known, tokens, reported - preamble)
        if not self._known.get(key, known).odd:
            self._remember((key, steps[-1][0]), reported)
        self._keep(key)

    def ratio(self, backend: Backend, model: str) -> float:
        """Return how many tokens a model counts where we count one."""
        return self._known.get(key_of(backend, model), Calibration()).factor

    def largest(self, key: str) -> int:
        """Return the largest prompt that a model's backend has reported to this process, 0 for none."""
        return self._largest.get(key, 0)

    def _anchor(self, key: str, fingerprint: int) -> int:
        return self._anchors.get((key, fingerprint)) or self._old_anchors.get((key, fingerprint), 0)

    def _remember(self, where: tuple[str, int], reported: int) -> None:
        if len(self._anchors) >= _ANCHORS:
            self._old_anchors, self._anchors = self._anchors, {}
        self._anchors[where] = reported

    def _keep(self, key: str) -> None:
        known = self._known.get(key)
        if known is None or abs(known.factor / self._written.get(key, 1.0) - 1) < _MOVED:
            return
        self._written[key] = known.factor
        self._later(lambda: self._write(key, known))

    def _write(self, key: str, known: Calibration) -> None:
        try:
            self._kept.write(key, lambda _: msgspec.to_builtins(known))
        except OSError as error:
            structlog.get_logger().warning(f"the ratio of tokens can't be kept: {error.strerror}")


class Gauge:
    """Counts the bodies of one request to one model."""

    def __init__(self, gauges: Gauges, key: str, counter: Counter) -> None:
        self._gauges = gauges
        self._key = key
        self._counter = counter
        self._counted = NOTHING
        self._waiting: Mapping[str, Any] | None = None

    def __call__(self, body: Mapping[str, Any]) -> int:
        """Return the tokens of a body."""
        self._waiting = None
        self._counted = self._gauges.sized(self._key, self._counter.measure(body))
        return self._counted.tokens

    def later(self, body: Mapping[str, Any]) -> int:
        """Return 0: the body is counted when somebody wants to know, behind what can't wait."""
        self._waiting = body
        return 0

    @property
    def counted(self) -> Counted:
        """The latest body's size."""
        if self._waiting is not None:
            self(self._waiting)
        return self._counted

    def tokens(self) -> int:
        """Return the tokens of the latest body."""
        return self.counted.tokens

    @property
    def waits(self) -> bool:
        """Whether the latest body is still to be counted."""
        return self._waiting is not None

    @property
    def is_sure(self) -> bool:
        """Whether the latest count is as good as exact."""
        return self.counted.bound * _SURE_PART <= self.counted.tokens

    @property
    def largest(self) -> int:
        """The largest prompt that the backend has reported of this model."""
        return self._gauges.largest(self._key)

    def settle(self, tokens: int) -> None:
        """Take an exact count of the latest body."""
        self._gauges.learn(self._key, self.counted, tokens)
        self._counted = self.counted._replace(tokens=tokens, bound=0)

    def reported(self, tokens: int) -> None:
        """Take note of what the backend reported of the latest body, which is counted only where that teaches."""
        if may_teach(tokens):
            self._gauges.learn(self._key, self.counted, tokens)


def _read(facts: Mapping[str, Any]) -> Calibration:
    """What is in the file, or nothing: a person may have changed it."""
    try:
        return msgspec.convert(facts, Calibration)
    except msgspec.ValidationError:
        return Calibration()
