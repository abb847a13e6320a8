"""A request that is sent again joins the running one also where that runs in another worker of the same proxy.

A request that has run for `TOLD_AFTER` is made known to the other workers by a link in their folder: named after what
it asks and who does (`name_of`), it leads to the socket of the worker that runs it. So short requests pay nothing for
it, and a newcomer one look at a name. Whoever finds the link gets the answer from there, from its first byte. A link
to a worker that is gone leads nowhere: it is removed, and the newcomer runs its request itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import Message

from .errors import ProxyError
from .neighbours import PATIENCE, GoneError, Line, Neighbours
from .pulse import Pulse
from .relay import Relay, interrupted
from .sharing import Joinable, Key, Running, name_of
from .way import Sending, Way, write_message

TOLD_AFTER = 2.0
"""Seconds."""

_SUBJECT = "join"


class RunningAcross(Running):
    """The requests that run in any worker of this proxy."""

    def __init__(self, neighbours: Neighbours) -> None:
        super().__init__()
        self._neighbours = neighbours
        self._known: dict[Key, bytes] = {}  # those of this worker that the others can find, and under which name
        self._telling: asyncio.Task[None] | None = None
        neighbours.on(_SUBJECT, self._joined)

    def joinable(self, key: Key, *, again: bool) -> Joinable | None:
        """Return the running request that asks the same and can be joined. again: the newcomer says it is a copy."""
        relay = super().joinable(key, again=again)
        if relay is not None:
            return relay
        asked = name_of(key)
        link = _link(self._neighbours.folder, asked)
        name = _runner(link)
        return None if name in ("", self._neighbours.name) else Elsewhere(self._neighbours, name, asked, link)

    def tick(self, _now: float) -> None:
        """Let the others know what has run for a while, and what can't be joined any more."""
        joinable = {key for key, relay in self._relays.items() if relay.is_joinable(TOLD_AFTER)}
        if joinable != self._known.keys() and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(joinable))

    async def _tell(self, joinable: set[Key]) -> None:
        new = {key: name_of(key) for key in joinable - self._known.keys()}
        old = {key: name for key, name in self._known.items() if key not in joinable}
        self._known |= new  # before others can ask for them
        names = set(new.values()), set(old.values())
        made = await asyncio.to_thread(_relink, self._neighbours, *names)  # no stream waits for a disk
        gone = {*old, *(key for key, name in new.items() if name not in made)}
        self._known = {key: name for key, name in self._known.items() if key not in gone}

    async def close(self) -> None:
        """Let nobody find anything here any more."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)
        await self._tell(set())

    async def _joined(self, line: Line, asked: Any) -> None:
        """Give another worker's client an answer of ours, as long as that one listens. asked: its name."""
        found = [key for key, name in self._known.items() if name == bytes(asked)]
        relay = super().joinable(found[0], again=True) if found else None
        if not isinstance(relay, Relay):
            return
        following = asyncio.create_task(_passed_on(relay, line))
        try:
            await line.until_gone()  # it has everything, or its client has left
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


class Elsewhere:
    """A request that runs in another worker. run: what a record of the same request says of that one, once known."""

    def __init__(self, neighbours: Neighbours, name: str, asked: bytes, link: str) -> None:
        self.run: Mapping[str, Any] = {}
        self._neighbours = neighbours
        self._name = name
        self._asked = asked
        self._link = link

    async def follow(self, way: Way) -> bool:
        """Send its answer from the beginning; returns False, with nothing sent, where there is none to be had."""
        begun = _Begun(way)
        try:
            async with self._neighbours.talk(self._name, _SUBJECT, self._asked) as line:
                try:
                    await self._followed(line, begun)
                except GoneError:
                    if begun.sent:
                        raise interrupted() from None
                    return False
        except GoneError:
            await asyncio.to_thread(_remove, self._link, self._name)
            return False
        return True

    async def _followed(self, line: Line, begun: _Begun) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self.run = await line.hear()
        except TimeoutError:
            raise GoneError from None
        while not begun.ended:
            message = await line.hear()
            if "failed" in message:
                raise ProxyError(message["failed"], status=message["status"])
            self.run = message.get("run", self.run)
            await begun.send(message)


class _Begun:
    """Holds the head of an answer until its body begins: half of an answer to nothing is none."""

    def __init__(self, way: Way) -> None:
        self.sent = self.ended = False
        self._way = way
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = {**message, "headers": [(name, value) for name, value in message["headers"]]}
            return
        head, self._head = self._head, None
        if head is not None:
            self.sent = True
            write_message(self._way, head)
        self.ended = not message["more_body"]
        write_message(self._way, message)
        if self._way.is_full():
            await self._way.drain()


@contextlib.asynccontextmanager
async def running_in(neighbours: Neighbours | None, pulse: Pulse) -> AsyncIterator[Running]:
    """Give the running requests, of this worker and its neighbours."""
    if neighbours is None:
        yield Running()
        return
    running = RunningAcross(neighbours)
    with pulse.watching(running):
        try:
            yield running
        finally:
            await running.close()


async def _passed_on(relay: Relay, line: Line) -> None:
    with contextlib.suppress(GoneError):
        await line.say(relay.run)
        try:
            await relay.follow(Sending(partial(_said, relay, line)))
        except ProxyError as error:
            await line.say({"failed": error.message, "status": error.status})
        line.finish()


async def _said(relay: Relay, line: Line, message: Message) -> None:
    """Pass a message on; the head with what is known of the run by then."""
    await line.say({**message, "run": relay.run} if message["type"] == "http.response.start" else message)


def _link(folder: Path, name: bytes) -> str:
    return f"{folder}/{name.hex()}"


def _runner(link: str) -> str:
    """Return the worker a link leads to, "" where there is no link."""
    try:
        return os.readlink(link)  # noqa: PTH115 - for every request, and a Path costs more than the look
    except OSError:
        return ""


def _relink(neighbours: Neighbours, new: set[bytes], old: set[bytes]) -> set[bytes]:
    """Make and remove links; returns those that were made. One that is another worker's stays."""
    made = set()
    for name in new:
        with contextlib.suppress(OSError):
            Path(_link(neighbours.folder, name)).symlink_to(neighbours.name)
            made.add(name)
    for name in old:
        _remove(_link(neighbours.folder, name), neighbours.name)
    return made


def _remove(link: str, name: str) -> None:
    """Remove a link that leads to the worker of that name."""
    if _runner(link) == name:
        with contextlib.suppress(OSError):
            Path(link).unlink()
