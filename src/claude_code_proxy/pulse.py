"""Silence: one clock for all running exchanges, for keep-alive pings and limits, without a timer per read.

A stream that lives costs nothing here but a comparison a few times a second, and is never cut.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Protocol, Self

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

    _task: asyncio.Task[object] | None = None  # who listens to the backend
    _whole: asyncio.Task[object] | None = None  # who has a deadline
    _pulse: Pulse | None = None
    _beat: asyncio.Task[None] | None = None
    _limit = 0.0
    _deadline = 0.0  # of the loop's clock, 0 for none
    _fired = _late = False

    def __init__(self, channel: Channel | None, *, commit_after: float, ping_every: float) -> None:
        self._channel = channel
        self._commit_after = commit_after
        self._ping_every = ping_every
        self._loop = asyncio.get_running_loop()
        self._heard = self._said = self._loop.time()

    def within(self, seconds: float, pulse: Pulse) -> Self:
        """Return a block ticked by `pulse`; unless `begun` is called in it within `seconds`, it raises LateError."""
        self._whole = asyncio.current_task(self._loop)
        self._deadline = self._heard + seconds
        self._pulse = pulse
        pulse.add(self)
        return self

    def __enter__(self) -> None:
        """Enter the block of `within`."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._pulse is not None:
            self._pulse.drop(self)
        task, self._whole, self._deadline = self._whole, None, 0.0
        if isinstance(error, asyncio.CancelledError) and self._late and task is not None and task.uncancel() == 0:
            raise LateError from None

    def begun(self) -> None:
        """The answer has begun: it may take any time now."""
        self._deadline = 0.0

    def listening(self, limit: float) -> _Listening:
        """Return a block in which the backend may be silent for `limit` seconds at most; `heard` changes the limit."""
        self._task = self._whole or asyncio.current_task(self._loop)
        self.heard(limit)
        return _Listening(self)

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

    __slots__ = ("_watch",)

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._watch.end(error)


class Ticked(Protocol):
    """Looks at the time now and then."""

    def tick(self, now: float) -> None:
        """Look at the time (seconds of the loop's clock)."""


class Pulse:
    """Ticks everything that runs. every: seconds."""

    def __init__(self, every: float = 0.25) -> None:
        self._watched: set[Ticked] = set()
        self._every = every

    def add(self, watch: Ticked) -> None:
        """Tick `watch` from now on."""
        self._watched.add(watch)

    def drop(self, watch: Ticked) -> None:
        """Tick `watch` no longer."""
        self._watched.discard(watch)

    @contextlib.contextmanager
    def watching(self, watch: Ticked) -> Iterator[None]:
        """Return a block in which `watch` is ticked."""
        self.add(watch)
        try:
            yield
        finally:
            self.drop(watch)

    async def run(self) -> None:
        """Tick, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._every)
            now = loop.time()
            for watch in tuple(self._watched):
                watch.tick(now)
