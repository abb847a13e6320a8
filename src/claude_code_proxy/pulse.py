"""Silence: one clock for all running exchanges, for keep-alive pings and limits, without a timer per read.

A stream that lives costs nothing here but a comparison a few times a second, and is never cut.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from .channel import Channel
from .wire.anthropic import PING


class SilenceError(Exception):
    """The backend was silent for longer than `limit` seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self.limit = limit


class LateError(TimeoutError):
    """No answer began in the time it had."""


class Watch:
    """Watches one exchange: raises `SilenceError` in its task, and pings its client while there is nothing to say.

    channel: where pings go, None for a client that gets no stream; commit_after: seconds without a first event after
    which the status line goes out with a ping; ping_every: seconds.
    """

    def __init__(self, channel: Channel | None, *, commit_after: float, ping_every: float) -> None:
        self._channel = channel
        self._commit_after = commit_after
        self._ping_every = ping_every
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._heard = self._said = self._loop.time()
        self._limit = 0.0
        self._fired = self._late = False
        self._deadline = 0.0  # of the loop's clock, 0 for none
        self._whole: asyncio.Task[object] | None = None
        self._beat: asyncio.Task[None] | None = None

    def within(self, seconds: float) -> _Within:
        """Return a block in which `begun` must be called within `seconds`: else LateError is raised from it."""
        return _Within(self, seconds)

    def allow(self, seconds: float) -> None:
        """Let the running task have `seconds` to `begun`."""
        self._whole = asyncio.current_task()
        self._deadline = self._loop.time() + seconds

    def begun(self) -> None:
        """The answer has begun: it may take any time now."""
        self._deadline = 0.0

    def over(self, error: BaseException | None) -> None:
        """The answer is over. Raises LateError when it was its deadline that cancelled it."""
        task, self._whole, self._deadline = self._whole, None, 0.0
        if isinstance(error, asyncio.CancelledError) and self._late and task is not None and task.uncancel() == 0:
            raise LateError from None

    def listening(self, limit: float) -> _Listening:
        """Return a block in which the backend may be silent for `limit` seconds at most; `heard` changes the limit."""
        return _Listening(self, limit)

    def begin(self, limit: float) -> None:
        """Listen, in the running task, until `end`."""
        self._task = self._whole or asyncio.current_task()
        self.heard(limit)

    def end(self, error: BaseException | None) -> None:
        """Listen no longer. Raises SilenceError when it was silence that ended the block with a cancellation."""
        task, self._task = self._task, None
        if isinstance(error, asyncio.CancelledError) and self._fired and task is not None and task.uncancel() == 0:
            self._fired = False
            raise SilenceError(self._limit) from None  # else it is the client's doing, not ours

    def heard(self, limit: float) -> None:
        """The backend lives: the next silence may last `limit` seconds, 0 for any time."""
        self._heard = self._loop.time()
        self._limit = limit

    def said(self) -> None:
        """The client was sent something."""
        self._said = self._loop.time()

    def tick(self, now: float) -> None:
        """Look at the time (seconds of the loop's clock)."""
        channel = self._channel
        if self._deadline and now > self._deadline and self._whole is not None:
            self._deadline, self._late = 0.0, True
            self._whole.cancel()
            return
        if channel is not None and channel.stalled:
            self._heard = now  # a slow client is not a silent backend
            return
        if self._task is not None and not self._fired and 0 < self._limit < now - self._heard:
            self._fired = True
            self._task.cancel()
        elif channel is not None and not channel.ended and self._ping_is_due(channel, now):
            self._said = now
            self._beat = self._loop.create_task(channel.stream(PING))

    def _ping_is_due(self, channel: Channel, now: float) -> bool:
        return now - self._said >= (self._ping_every if channel.started else self._commit_after)


class _Listening:
    """A block in which a backend must not be silent."""

    __slots__ = ("_limit", "_watch")

    def __init__(self, watch: Watch, limit: float) -> None:
        self._watch = watch
        self._limit = limit

    def __enter__(self) -> None:
        self._watch.begin(self._limit)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._watch.end(error)


class _Within:
    """A block in which an answer must begin."""

    __slots__ = ("_seconds", "_watch")

    def __init__(self, watch: Watch, seconds: float) -> None:
        self._watch = watch
        self._seconds = seconds

    def __enter__(self) -> None:
        self._watch.allow(self._seconds)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._watch.over(error)


class Ticked(Protocol):
    """Looks at the time now and then."""

    def tick(self, now: float) -> None:
        """Look at the time (seconds of the loop's clock)."""


class Pulse:
    """Ticks everything that runs. every: seconds."""

    def __init__(self, every: float = 0.25) -> None:
        self._watched: set[Ticked] = set()
        self._every = every

    def watching(self, watch: Ticked) -> _Watching:
        """Return a block in which `watch` is ticked."""
        return _Watching(self._watched, watch)

    async def run(self) -> None:
        """Tick, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._every)
            now = loop.time()
            for watch in tuple(self._watched):
                watch.tick(now)


class _Watching:
    """A block in which something is ticked."""

    __slots__ = ("_all", "_one")

    def __init__(self, watched: set[Ticked], one: Ticked) -> None:
        self._all = watched
        self._one = one

    def __enter__(self) -> None:
        self._all.add(self._one)

    def __exit__(self, *_: object) -> None:
        self._all.discard(self._one)
