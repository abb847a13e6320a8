"""What is known of a backend's health: which keys rest, and for which models its circuit is open.

A key rests after a 429, a 401, a 402 or a 403. A circuit opens after a few failures in a row of one model; while it is
open others are asked instead, and when its time is over one request tries whether the backend is well again. Both only
say who goes first: with nobody else to ask, nobody is refused.

Also known is for which models whole answers take long: a stream shows that the backend lives, and no gateway on the way
gives it up, so that the next whole answer is asked as a stream and put together here.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from ..errors import RetryableError, UpstreamError

_OPENS_AFTER = 3  # failures in a row
_FIRST_REST = 5.0  # seconds a circuit is open; each further time twice as long
_LONGEST_REST = 60.0
_RATE_REST = 10.0  # seconds a key rests after a 429 that does not say how long
_KEY_REST = 300.0  # seconds a key rests that was refused, or has no credit
_MOST = 1000  # entries of each kind: model names come from clients
_RESTS = {"rate": _RATE_REST, "quota": _KEY_REST, "allowance": _KEY_REST, "key": _KEY_REST, "access": _KEY_REST}
_OF_THE_BACKEND = ("silent", "address")  # faults that are no RetryableError
_OF_THE_REQUEST = ("conflict", "output")  # those that are, and say nothing of the backend


class Circuit(msgspec.Struct):
    """Failures of one model on a backend. until: when it may be tried again; trying: somebody does."""

    failures: int = 0
    until: float = 0.0
    rest: float = _FIRST_REST
    trying: bool = False


class Health:
    """The health of one backend, known to one process."""

    def __init__(self) -> None:
        self._rests: dict[tuple[str, str], float] = {}  # (key, model; "" for all models) -> until
        self._circuits: dict[str, Circuit] = {}
        self._slow: dict[str, bool] = {}

    def is_slow(self, model: str) -> bool:
        """Tell whether whole answers of a model take so long that it is better asked for streams."""
        return model in self._slow

    def found_slow(self, model: str) -> None:
        """Take note that a whole answer took long, or too long for somebody on the way."""
        _keep(self._slow, model, True)

    def ready_at(self, model: str, key: str) -> float:
        """Return when this model should be asked with this key: 0 for now, else a time of the monotonic clock."""
        now = time.monotonic()
        times = [self._rests.get((key, model), 0.0), self._rests.get((key, ""), 0.0)]
        circuit = self._circuits.get(model)
        if circuit is not None:
            times.append(now + _FIRST_REST if circuit.trying else circuit.until)
        latest = max(times)
        return latest if latest > now else 0.0

    @property
    def is_broken(self) -> bool:
        """Whether a circuit is open: some model of this backend failed so often that others are asked first."""
        now = time.monotonic()
        return any(circuit.until > now for circuit in self._circuits.values())

    def begin(self, model: str) -> Circuit | None:
        """Take note that a model is asked; an open circuit is tried then, until who does no longer says `trying`."""
        circuit = self._circuits.get(model)
        if circuit is not None and circuit.until:
            circuit.trying = True
        return circuit

    def answered(self, model: str, key: str) -> None:
        """Take note that an answer has begun."""
        if self._circuits:
            self._circuits.pop(model, None)
        if self._rests:
            for scope in (model, ""):
                self._rests.pop((key, scope), None)

    def failed(self, model: str, key: str, error: UpstreamError) -> None:
        """Take note of a failure: the key rests, or the circuit is nearer to being open."""
        now = time.monotonic()
        if error.kind in _RESTS:
            seconds = min(_KEY_REST, error.retry_after or _RESTS[error.kind])
            _keep(self._rests, (key, model if error.kind in {"rate", "allowance"} else ""), now + seconds)
        elif error.kind in _OF_THE_BACKEND or (isinstance(error, RetryableError) and error.kind not in _OF_THE_REQUEST):
            circuit = self._circuits.get(model) or Circuit()
            _keep(self._circuits, model, circuit)
            circuit.failures += 1
            if circuit.failures >= _OPENS_AFTER:
                circuit.until = now + circuit.rest
                circuit.rest = min(_LONGEST_REST, circuit.rest * 2)


def _keep(known: dict[Any, Any], key: Any, value: Any) -> None:
    """Put an entry last, and let the oldest go."""
    known.pop(key, None)
    known[key] = value
    if len(known) > _MOST:
        del known[next(iter(known))]
