"""Whom a request asks, and whom next: the keys and models of its chain, in order, as long as the client has nothing.

What fails is asked of the next one at once. When all have failed there is a pause, and it begins again, `MAX_RETRIES`
times. Health (backends/health.py) decides who is left out meanwhile.
"""

from __future__ import annotations

import itertools
import math
import random
import zlib
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from .backends.health import Health
from .errors import RetryableError, UpstreamError
from .routing import Route

_FIRST_WAIT = 0.5  # seconds of the first back-off; each further one is twice as long
_MAX_WAIT = 8.0  # seconds of one back-off; a backend that wants longer is reported, with its retry-after
_OF_A_KEY = ("rate", "allowance", "quota", "key", "access")  # kinds of failure that another key may not meet
_ELSEWHERE = (*_OF_A_KEY, "oversized", "silent", "address", "model", "tools", "queue")  # what repeating does not help

_turns = itertools.count()


class Tries:
    """The attempts of one request.

    `route`: whom to ask now, with one key; `health`: of that backend; `told`: who failed, and how; `alone`: there is
    nobody else to ask.

    may_be_empty: an answer without content is what the model means, since one was met or none is asked again;
    sender: requests of one sender begin with the same key, so that its prompt caches are of use; "" takes turns.
    """

    route: Route
    health: Health
    _last: UpstreamError | None = None
    _failed: frozenset[tuple[int, str]] = frozenset()
    _refused: frozenset[tuple[int, str]] = frozenset()
    _waited = 0
    _at = 0

    def __init__(self, routes: Sequence[Route], health: Mapping[str, Health], retries: int, sender: str = "") -> None:
        self.told: list[str] = []
        self.may_be_empty = not retries
        self._routes = routes
        self._health = health
        self._left = retries
        backend = routes[0].backend
        self.alone = len(routes) == 1 and not backend.spare_keys
        if self.alone:
            self.route, self.health = routes[0], health[backend.name]
        else:
            self._turn = zlib.crc32(sender.encode()) if sender else next(_turns)
            self._go(*self._readiest())

    def after(self, error: UpstreamError, *, crowded: bool, left: float = math.inf) -> float | None:
        """Choose who is next; return the seconds to wait before, None when nobody can help.

        crowded: there were too many requests at once; the same backend takes it when another one has ended.
        left: seconds until ANSWER_DEADLINE; who was silent is asked again if it may be silent as long once more.
        """
        self._last = error
        silent = error.kind == "silent"
        self.may_be_empty = self.may_be_empty or error.kind == "empty"
        longest = self._routes[self._at].backend.timeouts.first_byte
        if self._move(error):
            return 0.0
        if error.should_retry is False or not (left > longest if silent else isinstance(error, RetryableError)):
            return None
        if crowded and self._left:
            return self._begin_again(error.retry_after or 0.0)
        wait = _backoff(self._waited, error.retry_after)
        if self._waited >= self._left or wait > _MAX_WAIT:
            return None
        self._waited += 1
        return self._begin_again(wait)

    def late(self, deadline: float) -> UpstreamError:
        """Return what the client is told when `deadline` seconds (ANSWER_DEADLINE) went by without an answer."""
        message = f"No answer began within {deadline:g} s (ANSWER_DEADLINE)."
        message += "".join(f" Tried before: {told}." for told in self.told)
        last = self._last
        if last is None:
            return UpstreamError(message, status=504)
        status = last.upstream_status or last.status
        late = UpstreamError(
            f"{message} The last try failed with {status}: {last.message}",
            status=504,
            upstream_status=last.upstream_status,
            retry_after=last.retry_after,
            should_retry=last.should_retry,
        )
        late.words = last.words
        return late

    def answered(self) -> None:
        """Take note that the answer has begun."""
        self.health.answered(self.route.model, self.route.backend.key)

    def _go(self, at: int, key: str) -> None:
        """Ask this one next."""
        self._at, route = at, self._routes[at]
        backend = route.backend
        self.health = self._health[backend.name]
        if key != backend.key or backend.spare_keys:
            others = tuple(one for one in backend.pool if one != key)
            route = replace(route, backend=replace(backend, key=key, spare_keys=others))
        self.route = route

    def _move(self, error: UpstreamError) -> bool:
        """Go to the next one that is well and has not failed yet."""
        refused = isinstance(error, RetryableError) and error.should_retry is False  # its x-should-retry, of all keys
        own = error.kind in _OF_A_KEY and not refused
        failed = {(self._at, self.route.backend.key)} if own else set(self._of(self._at))
        self._failed = self._failed | failed
        if refused:
            self._refused = self._refused | failed
        if not (isinstance(error, RetryableError) or error.kind in _ELSEWHERE):
            return False
        fit = (one for one in self._all() if one not in self._failed and not self._ready_at(*one))
        found = next(fit, None)
        if found is None:
            return False
        route = self._routes[self._at]
        key = " (one of its keys)" if route.backend.spare_keys and error.kind in _OF_A_KEY else ""
        told = f"{route.backend.name}/{route.model}{key} {error.upstream_status or error.status}"
        if told not in self.told:
            self.told.append(told)
        self._go(*found)
        return True

    def _begin_again(self, wait: float) -> float | None:
        if wait > _MAX_WAIT:
            return None
        self._failed = self._refused
        self._go(*self._readiest())
        return wait

    def _readiest(self) -> tuple[int, str]:
        return min((one for one in self._all() if one not in self._refused), key=lambda one: self._ready_at(*one))

    def _all(self) -> Iterator[tuple[int, str]]:
        return itertools.chain.from_iterable(map(self._of, range(len(self._routes))))

    def _of(self, at: int) -> Iterator[tuple[int, str]]:
        keys = self._routes[at].backend.pool
        first = 0 if self.alone else self._turn % len(keys)
        return ((at, key) for key in (*keys[first:], *keys[:first]))

    def _ready_at(self, at: int, key: str) -> float:
        route = self._routes[at]
        return self._health[route.backend.name].ready_at(route.model, key)


def _backoff(retries: int, asked: float | None) -> float:
    """Return seconds to wait: what the backend asked for, else a doubling time, with jitter against herds.

    A time that is over, or none at all, asks for nothing: another try at once would only add to what it suffers from.
    """
    if asked is not None and asked > 0:
        return asked
    return float(min(_MAX_WAIT, _FIRST_WAIT * 2**retries) * random.uniform(0.5, 1))  # noqa: S311 - no secret
