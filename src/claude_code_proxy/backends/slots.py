"""How many requests a backend works on at once: a fair queue for servers with few slots.

The main turn of a session goes before its subagents, those before background work, each in order of arrival; a request
waits here with pings, holding nothing, and leaves the queue when its client leaves.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from ..errors import ProxyError

_COME_BACK = 5  # seconds a client is told to wait when the queue is full


class Priority(IntEnum):
    """Who waits; lower goes first."""

    MAIN = 0
    SUBAGENT = 1
    BACKGROUND = 2


class Slots:
    """The slots of one backend. limit: requests at once, 0 for any number; queue: how many may wait."""

    def __init__(self, limit: int, queue: int) -> None:
        self._limit = limit
        self._queue = queue
        self._busy = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not turn.done() for _, _, turn in self._waiting)

    @asynccontextmanager
    async def hold(self, priority: Priority) -> AsyncIterator[None]:
        """Hold a slot within this block. Raises ProxyError (429) when too many wait already."""
        if not self._limit:
            yield
            return
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, priority: Priority) -> None:
        if self._busy < self._limit:
            self._busy += 1
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
        """Hand the slot to whoever is next; nobody waits: it is free."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._busy -= 1
