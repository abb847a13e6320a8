"""One answer on its way to several clients, each at its own pace.

While the client that asked first is the only one, every part goes straight to it. From the moment another one listens
all are served from what is kept here, and whoever reads fastest paces the source: who stops reading holds up nobody.
The beginning of every answer is kept for those who may come, within bounds for each answer and for all of a process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import ProxyError
from .record import Record
from .way import Heard, Way
from .wire.anthropic import error_event

_BEGINNING = 1024 * 1024  # bytes of one answer kept for a newcomer; one that has come further is not joined
_BEGINNINGS = 6 * 1024 * 1024  # of all answers with one client each; the longest go first
_BEHIND = 8 * 1024 * 1024  # that a client may be behind the fastest one
_ALL_BEHIND = 32 * 1024 * 1024  # kept for clients that are behind, in all

_NOBODY = Heard(lambda _data: None)
_NAMES = ("model", "tier", "backend", "upstream_model", "stream")


class Kept:
    """Bytes of answers kept in this process. beginnings: in case somebody comes; shared: for those who are there.

    relays: of the answers under way that can be found, by what is asked.
    """

    def __init__(self) -> None:
        self.beginnings = 0
        self.shared = 0
        self.relays: dict[Any, Relay] = {}

    def shrink(self) -> None:
        """Forget the longest beginning."""
        max(self.relays.values(), key=lambda relay: relay.beginning).forget()


class _Listener:
    """One of the clients. at: bytes it was sent; lost: it is too far behind to be served on."""

    __slots__ = ("at", "begun", "lost", "news", "way")

    def __init__(self, way: Way, at: int = 0, *, begun: bool = False) -> None:
        self.way = way
        self.at = at
        self.begun = begun
        self.lost = False
        self.news = asyncio.Event()

    async def takes(self) -> None:
        """Wait until the client has read what was written."""
        if self.way.is_full():
            await self.way.drain()


class Relay:
    """Passes an answer on to its client, and to those who join. record: of the request that runs."""

    alone: asyncio.Event  # from here on: what there is once it is shared
    _listeners: set[_Listener]
    _taken: asyncio.Event
    _serving: asyncio.Task[None]

    def __init__(self, way: Way, kept: Kept, record: Record) -> None:
        self.begun = time.monotonic()
        self.followers = 0
        self._record = record
        self._kept = kept
        self._way = way  # of the first client
        self._out = way  # where parts are written at once: to nobody from the moment there are several clients, or none
        self._head: tuple[int, str, int | None] | None = None
        self._body = bytearray()  # not the messages: a thousand streams would keep a hundred of them each
        self._from = 0  # where it begins within the answer
        self._whole = True  # it begins with the answer
        self._finished = self._ended = self._deaf = self._shared = False
        self._draining: list[asyncio.Task[Any] | None] = []

    def is_joinable(self, after: float) -> bool:
        """Whether a newcomer can still get everything. after: seconds since it began, for newcomers not to be early."""
        late = time.monotonic() - self.begun >= after
        return late and self._whole and not self._finished and (self.followers > 0 or not self._deaf)

    @property
    def run(self) -> dict[str, Any]:
        """What a record of the same request says of this run. joined: its id."""
        return {"joined": self._record.id, **{name: getattr(self._record, name) for name in _NAMES}}

    @property
    def beginning(self) -> int:
        """Bytes kept for nobody yet."""
        return 0 if self._shared else len(self._body)

    def begin(self, status: int, lines: str, length: int | None = None) -> None:
        """Write the head of the answer to all."""
        self._head = (status, lines, length)
        self._out.begin(status, lines, length)
        if self._shared:
            self._wake()

    def write(self, data: bytes) -> None:
        """Write a part of its body."""
        self._keep(data)
        self._out.write(data)

    def end(self, data: bytes) -> None:
        """Write the last part of its body."""
        self._ended = True
        self._keep(data)
        self._out.end(data)

    def _keep(self, data: bytes) -> None:
        """Keep a part for those who may come, or for those who are there."""
        if self._shared:
            self._keep_for_all(data)
        elif self._whole:
            kept = self._kept
            kept.beginnings += len(data)
            self._body += data
            if len(self._body) > _BEGINNING:
                self.forget()
            elif kept.beginnings > _BEGINNINGS:
                kept.shrink()

    @property
    def _end(self) -> int:
        """Where what is kept ends within the answer, and the answer, as long as it can be joined."""
        return self._from + len(self._body)

    def is_full(self) -> bool:
        """Whether the fastest does not have all yet, or the first not the end."""
        if self._shared and not self._finished:
            return not self._is_taken()
        return self._out.is_full()

    async def drain(self) -> None:
        """Wait until the fastest has all; for the client that is the only one, unless another one joins meanwhile."""
        if not self._shared:
            task = asyncio.current_task()
            self._draining.append(task)
            try:
                await self._out.drain()
            except asyncio.CancelledError:
                if not self._shared or task is None or task.uncancel():
                    raise
            else:
                return
            finally:
                self._draining.remove(task)
        while not self._is_taken():
            self._taken.clear()
            await self._taken.wait()

    def forget(self) -> None:
        """Keep no more than those need who listen."""
        self._whole = False
        if self._shared:
            self._trim()
        else:
            self._kept.beginnings -= len(self._body)
            self._from, self._body = self._end, bytearray()

    @property
    def ended(self) -> bool:
        """Whether the answer has its end, as far as it goes out to anybody."""
        return self._ended

    def leave(self) -> None:
        """The first client has left, others have not."""
        self._deaf = True
        self._out = _NOBODY
        if self._shared:
            self._serving.cancel()

    def finish(self) -> None:
        """Nothing follows."""
        self._finished = True
        if not self._shared:
            self.forget()
            return
        if not self._deaf:
            self._out = self._way
        self._wake()
        if not self.followers:
            self._release()

    async def follow(self, way: Way) -> bool:
        """Send the answer from its beginning to another client, each part when it is there.

        Returns False, with nothing sent, for a run that ended without an answer, or whose beginning is gone.
        """
        if not self._whole:
            return False
        with self._listening(_Listener(way)) as listener:
            return await self._serve(listener)

    @contextmanager
    def _listening(self, listener: _Listener) -> Iterator[_Listener]:
        if not self._shared:
            self._share()
        self._listeners.add(listener)
        self.followers += 1
        self.alone.clear()
        try:
            yield listener
        finally:
            self.followers -= 1
            self._gone(listener)
            if not self.followers:
                self.alone.set()
                if self._finished:
                    self._release()

    def _share(self) -> None:
        """Serve the first client as one of several from now on; what waits for it to read waits no longer."""
        size = len(self._body)
        self._kept.beginnings -= size
        self._kept.shared += size
        self._shared, self._taken, self.alone = True, asyncio.Event(), asyncio.Event()
        self._listeners = set()
        if self._deaf or self._ended:
            return
        self._out = _NOBODY
        first = _Listener(self._way, self._end, begun=self._head is not None)
        self._listeners.add(first)
        for task in self._draining:
            if task is not None:
                task.cancel()
        self._serving = asyncio.create_task(self._serve_first(first))

    async def _serve_first(self, first: _Listener) -> None:
        try:
            await self._way.drain()
            await self._serve(first)
        except ProxyError as error:
            if first.lost:
                self._way.end(error_event(error, self._record.id))
                await self._way.drain()
        finally:
            self._gone(first)

    async def _serve(self, listener: _Listener) -> bool:
        way = listener.way
        while True:
            if listener.lost:
                raise ProxyError("This answer was read too slowly to be kept; send the request again.", status=529)
            if self._head is not None and not listener.begun:
                way.begin(*self._head)
                listener.begun = True
                await listener.takes()
            elif listener.at < self._end or (self._ended and listener.begun):
                ended, part = self._ended, bytes(self._body[listener.at - self._from :])
                (way.end if ended else way.write)(part)
                await listener.takes()
                listener.at += len(part)
                if ended:
                    return True
            elif self._finished:
                if listener.begun:
                    raise interrupted()
                return False
            else:
                self._taken.set()
                if not self._whole:
                    self._trim()
                listener.news.clear()
                await listener.news.wait()

    def _keep_for_all(self, data: bytes) -> None:
        self._body += data
        self._kept.shared += len(data)
        if self._whole and self._end > _BEGINNING:
            self.forget()
        most = _BEHIND if self._kept.shared <= _ALL_BEHIND else 0
        if len(self._body) > most:
            self._let_go(most)
        self._wake()

    def _let_go(self, most: int) -> None:
        """Serve no longer who is more than `most` bytes behind, and behind others."""
        fastest = max((one.at for one in self._listeners), default=0)
        for one in [one for one in self._listeners if one.at < fastest and self._end - one.at > most]:
            one.lost = True
            self._gone(one)
            one.news.set()
        self.forget()

    def _gone(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        self._taken.set()
        if not self._whole:
            self._trim()

    def _trim(self) -> None:
        """Drop what all have."""
        needed = min((one.at for one in self._listeners), default=self._end)
        dropped = needed - self._from
        if dropped > 0:
            del self._body[:dropped]
            self._from = needed
            self._kept.shared -= dropped

    def _release(self) -> None:
        self._whole = False
        self._kept.shared -= len(self._body)
        self._from, self._body = self._end, bytearray()

    def _is_taken(self) -> bool:
        if self._ended:
            return self._deaf or self._serving.done()
        fastest = [one for one in self._listeners if one.begun and one.at == self._end]
        return bool(fastest) or not self._listeners

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.news.set()


def interrupted() -> ProxyError:
    """What a client is told whose answer was begun by a run that is gone."""
    return ProxyError("The run this request had joined broke off; send the request again.", status=529)
