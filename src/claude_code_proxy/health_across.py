"""What one worker has found out of a backend's health is known to all workers of the proxy a moment later.

Only changes are told: a key that rests or no longer does, failures in a row, an open circuit, a model whose whole
answers take long. What changed between two ticks of the pulse is one message to each of the others; a worker that
starts knows nothing yet. Times are of the monotonic clock, which all processes of a machine share. Keys are told as
their places in the backend's pool.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import msgspec

from .backends.health import Circuit, Health
from .endpoint import Backend
from .errors import UpstreamError
from .neighbours import Line, Neighbours
from .pulse import Pulse

_SUBJECT = "health"


class State(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a model with a key. rests: until when that key rests for this model, and for all; 0 for not."""

    rests: tuple[float, float] = (0.0, 0.0)
    failures: int = 0
    until: float = 0.0
    rest: float = 0.0
    slow: bool = False


class News(msgspec.Struct, frozen=True, array_like=True):
    """A change. key: its place in the backend's pool."""

    backend: str
    model: str
    key: int
    state: State


class HealthToldOf(Health):
    """Health whose changes are told. changed: is called with model and key."""

    def __init__(self, changed: Callable[[str, str], object]) -> None:
        super().__init__()
        self._changed = changed

    def found_slow(self, model: str) -> None:
        """Take note that a whole answer took long, or too long for somebody on the way."""
        if not self.is_slow(model):
            self._changed(model, "")
        super().found_slow(model)

    def answered(self, model: str, key: str) -> None:
        """Take note that an answer has begun."""
        if model in self._circuits or (key, model) in self._rests or (key, "") in self._rests:
            self._changed(model, key)
        super().answered(model, key)

    def failed(self, model: str, key: str, error: UpstreamError) -> None:
        """Take note of a failure."""
        before = self.state(model, key)
        super().failed(model, key, error)
        if self.state(model, key) != before:
            self._changed(model, key)

    def state(self, model: str, key: str) -> State:
        """Return what is known."""
        rests = (self._rests.get((key, model), 0.0), self._rests.get((key, ""), 0.0))
        circuit, slow = self._circuits.get(model), self.is_slow(model)
        if circuit is None:
            return State(rests, slow=slow)
        return State(rests, circuit.failures, circuit.until, circuit.rest, slow)

    def take(self, model: str, key: str, state: State) -> None:
        """Know what another worker knows."""
        if not state.failures:
            self._circuits.pop(model, None)
        else:
            circuit = self._circuits.setdefault(model, Circuit())
            circuit.failures, circuit.until, circuit.rest = state.failures, state.until, state.rest
        for scope, until in zip((model, ""), state.rests, strict=True):
            if until:
                self._rests[key, scope] = until
            else:
                self._rests.pop((key, scope), None)
        if state.slow:
            super().found_slow(model)


class HealthAcross:
    """The health of all backends, and what of it the other workers are to be told."""

    def __init__(self, neighbours: Neighbours, backends: Mapping[str, Backend]) -> None:
        self._neighbours = neighbours
        self._pools = {name: ("", *backend.pool) for name, backend in backends.items()}
        self._news: set[tuple[str, str, str]] = set()
        self._telling: asyncio.Task[None] | None = None
        self.of = {name: HealthToldOf(partial(self._changed, name)) for name in backends}
        neighbours.on(_SUBJECT, self._heard)

    def tick(self, _now: float) -> None:
        """Tell what has changed since the last time."""
        if self._news and (self._telling is None or self._telling.done()):
            news, self._news = [self._told(*one) for one in self._news], set()
            self._telling = asyncio.create_task(self._neighbours.tell(_SUBJECT, news))

    def close(self) -> None:
        """Tell no more."""
        if self._telling is not None:
            self._telling.cancel()

    def _changed(self, backend: str, model: str, key: str) -> None:
        self._news.add((backend, model, key))

    def _told(self, backend: str, model: str, key: str) -> News:
        return News(backend, model, self._pools[backend].index(key), self.of[backend].state(model, key))

    async def _heard(self, _line: Line, matter: object) -> None:
        for news in msgspec.convert(matter, list[News]):
            self.of[news.backend].take(news.model, self._pools[news.backend][news.key], news.state)


@contextlib.asynccontextmanager
async def health_of(
    backends: Mapping[str, Backend], neighbours: Neighbours | None, pulse: Pulse
) -> AsyncIterator[Mapping[str, Health]]:
    """Give the health of each backend, as this worker and its neighbours know it."""
    if neighbours is None:
        yield {name: Health() for name in backends}
        return
    across = HealthAcross(neighbours, backends)
    with pulse.watching(across):
        try:
            yield across.of
        finally:
            across.close()
