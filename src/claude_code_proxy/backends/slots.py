"""How many requests a backend works on at once: a fair queue for servers with few slots.

The main turn of a session goes before its subagents, those before background work, each in order of arrival; but every
eighth slot goes to whoever waits longest, so that nobody waits for ever behind ever new main turns. A request waits
here with pings, holding nothing, and leaves the queue when its client leaves.

A backend that says 429 while it works on others of ours has fewer slots than it was asked for (case CO-04): from then
on it gets one request less than it had, and one more after as many good answers, or after a while. A burst becomes a
queue.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from enum import IntEnum
from typing import Self

from ..errors import RetryableError, UpstreamError

_COME_BACK = 5  # seconds a client is told to wait when the queue is full
_TOO_MANY = 429
_ONE_MORE = 2.0  # seconds without a refusal after which a backend gets one request more
_IN_TURN = 8  # one slot in so many goes by age alone
_BELIEVED = 60.0  # seconds what a refusal taught is believed


class Priority(IntEnum):
    """Who waits; lower goes first."""

    MAIN = 0
    SUBAGENT = 1
    BACKGROUND = 2


def priority_of(tier: str, agent: str) -> Priority:
    """Who waits first when slots are few: Claude Code names its subagents in a header, and has a small model."""
    if agent:
        return Priority.SUBAGENT
    return Priority.BACKGROUND if tier == "small" else Priority.MAIN


class Slot:
    """One slot, held in a block. crowded: the backend refused what was asked in it because it worked on others of ours.

    learns: a refusal tells how many the backend takes.
    """

    __slots__ = ("_slots", "among_others", "crowded", "learns")

    def __init__(self, slots: Slots, *, learns: bool, among_others: bool) -> None:
        self._slots = slots
        self.learns = learns
        self.among_others = among_others
        self.crowded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._slots.leave(self, error)


class Slots:
    """The slots of one backend. limit: requests at once, 0 for any number; queue: how many may wait."""

    def __init__(self, limit: int, queue: int) -> None:
        self._limit = limit
        self._queue = queue
        self._busy = 0
        self._learned = 0  # how many the backend takes at once, by its refusals; 0 while nothing is known
        self._good = 0
        self._refused_at = 0.0
        self._later: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()
        self._admitted = 0

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not turn.done() for _, _, turn in self._waiting)

    async def hold(self, priority: Priority, *, learns: bool = True) -> Slot:
        """Wait for a slot, and return it as a block. Raises UpstreamError (429) when too many wait already.

        learns: a refusal tells how many the backend takes; not where it was one of several keys, or others stand in.
        """
        if not (self._limit or self._learned) or self._has_room:
            self._busy += 1
        else:
            await self._wait(priority)
        return Slot(self, learns=learns, among_others=self._busy > 1)

    def leave(self, slot: Slot, error: BaseException | None) -> None:
        """Take a slot back. error: how what was asked in it ended."""
        if error is None:
            if self._learned:
                self._grow()
        elif isinstance(error, RetryableError):
            slot.crowded = slot.learns and error.status == _TOO_MANY and (slot.among_others or self._busy > 1)
            if slot.crowded:
                self._shrink()
        self._busy -= 1
        if self._waiting:
            self._admit()

    async def _wait(self, priority: Priority) -> None:
        if self.waiting >= self._queue:
            message = f"{self._queue} requests already wait for this backend (QUEUE_LIMIT). Try again later."
            full = UpstreamError(message, status=429, retry_after=_COME_BACK)
            full.kind = "queue"
            raise full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came in the same moment
                self._busy -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        """Let in who is next, as long as there is room."""
        while self._waiting and self._has_room:
            turn = self._next()
            if not turn.done():
                self._busy += 1
                self._admitted += 1
                turn.set_result(None)

    def _next(self) -> asyncio.Future[None]:
        """Take who is next out of the queue: the first of the highest rank, or the oldest where it is its turn."""
        if self._admitted % _IN_TURN < _IN_TURN - 1:
            return heapq.heappop(self._waiting)[-1]
        oldest = min(self._waiting, key=lambda one: one[1])
        self._waiting.remove(oldest)
        heapq.heapify(self._waiting)
        return oldest[-1]

    @property
    def _has_room(self) -> bool:
        busy = self._busy
        return (not self._limit or busy < self._limit) and (not self._learned or busy < self._learned)

    def _shrink(self) -> None:
        """One of those at work was one too many."""
        self._learned, self._good, self._refused_at = max(1, self._busy - 1), 0, _now()
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(_ONE_MORE, self._reconsider)

    def _grow(self) -> None:
        self._good += 1
        if self._good >= self._learned:
            self._learned, self._good = self._learned + 1, 0
            self._admit()

    def _reconsider(self) -> None:
        """Give the backend one more; what it refused long ago says nothing of today."""
        forgotten = _now() - self._refused_at >= _BELIEVED
        self._learned = 0 if forgotten else self._learned + 1
        self._later = None if forgotten else asyncio.get_running_loop().call_later(_ONE_MORE, self._reconsider)
        self._admit()


def _now() -> float:
    return asyncio.get_running_loop().time()
