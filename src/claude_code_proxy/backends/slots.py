"""How many requests a backend works on at once: a fair queue for servers with few slots.

The main turn of a session goes before its subagents, those before background work, each in order of arrival; a request
waits here with pings, holding nothing, and leaves the queue when its client leaves.

A backend that says 429 while it works on others of ours has fewer slots than it was asked for: from then on it gets one
request less at once, and one more after as many good answers (case CO-04). A burst of subagents so becomes a queue.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from ..errors import ProxyError, RetryableError

_TOO_MANY = 429
_BELIEVED = 60.0  # seconds a number learned from a refusal counts
_COME_BACK = 5  # seconds a client is told to wait when the queue is full


class Priority(IntEnum):
    """Who waits; lower goes first."""

    MAIN = 0
    SUBAGENT = 1
    BACKGROUND = 2


class Slots:
    """The slots of one backend. limit: requests at once, 0 for any number; queue: how many may wait; busy: at work now."""

    def __init__(self, limit: int, queue: int) -> None:
        self._limit = limit
        self._queue = queue
        self.busy = 0
        self._learned = 0
        self._refused_at = 0.0
        self._good = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not turn.done() for _, _, turn in self._waiting)

    @asynccontextmanager
    async def hold(self, priority: Priority) -> AsyncIterator[None]:
        """Hold a slot within this block. Raises ProxyError (429) when too many wait already."""
        await self._enter(priority)
        try:
            yield
        except RetryableError as error:
            if error.status == _TOO_MANY and self.busy > 1:
                self._shrink()
            raise
        else:
            self._grow()
        finally:
            self._leave()

    async def _enter(self, priority: Priority) -> None:
        if self._has_room():
            self.busy += 1
            return
        if self.waiting >= self._queue:
            raise ProxyError(
                f"{self._queue} requests already wait for this backend (QUEUE_LIMIT). Try again later.",
                status=429,
                retry_after=_COME_BACK,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the slot came in the same moment
            raise

    def _leave(self) -> None:
        """Give a slot back, and to whoever is next."""
        self.busy -= 1
        while self._waiting and self._has_room():
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    def _has_room(self) -> bool:
        learned = self._learned if _now() - self._refused_at < _BELIEVED else 0
        return all(self.busy < limit for limit in (self._limit, learned) if limit)

    def _shrink(self) -> None:
        """One of those at work was one too many."""
        self._learned, self._refused_at, self._good = self.busy - 1, _now(), 0

    def _grow(self) -> None:
        self._good += 1
        if self._learned and self._good >= self._learned:
            self._learned, self._good = self._learned + 1, 0


def _now() -> float:
    return asyncio.get_running_loop().time()
