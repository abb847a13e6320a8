"""How the workers of one proxy talk to each other: each listens on a Unix socket in the folder they share (mode 700).

A conversation is messages both ways, each MessagePack behind its length; the first one names what it is about. Who is
asked for something and does not answer within `PATIENCE` is as good as dead: workers only ever spare each other work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from .errors import reason

PATIENCE = 1.0
"""Seconds a worker has to take a message, or to say its first word."""
_LAST = 2.0  # seconds conversations may take to end when this worker does
_SUFFIX = ".sock"
_ALONE = "each has its own view of backends, and a request that is sent again joins the running one only in its worker"
_LENGTH = struct.Struct("!I")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Listener = Callable[["Line", Any], Awaitable[None]]
"""Takes a conversation and what it began with."""


class GoneError(Exception):
    """The other worker ended, or never was there."""


class Line:
    """One end of a conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, message: object) -> None:
        """Send a message; waits while the other one is slow. Raises GoneError."""
        data = _encode(message)
        try:
            self._writer.write(_LENGTH.pack(len(data)) + data)
            await self._writer.drain()
        except OSError:
            raise GoneError from None

    async def hear(self) -> Any:
        """Return the next message. Raises GoneError when none comes any more."""
        try:
            length = await self._reader.readexactly(_LENGTH.size)
            return _decode(await self._reader.readexactly(*_LENGTH.unpack(length)))
        except (OSError, asyncio.IncompleteReadError, msgspec.DecodeError):
            raise GoneError from None

    async def until_gone(self) -> None:
        """Return when the other end, which has nothing more to say, is closed."""
        with contextlib.suppress(OSError):
            await self._reader.read()

    def finish(self) -> None:
        """Say that nothing follows."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    def close(self) -> None:
        """End it."""
        self._writer.close()


class Neighbours:
    """The other workers, and this one's own socket. folder: where all of them have theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"{os.getpid()}-{secrets.token_hex(3)}{_SUFFIX}"
        self._listeners: dict[str, Listener] = {}
        self._conversations: set[asyncio.Task[None]] = set()

    def on(self, subject: str, listener: Listener) -> None:
        """Let `listener` have the conversations about a subject."""
        self._listeners[subject] = listener

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[bool]:
        """Give the time in which others can talk to this worker; False where they can't, and the log says why."""
        path = self.folder / self.name
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.mkdir(exist_ok=True, mode=0o700)
            server = await asyncio.start_unix_server(self._met, path)
        except (OSError, NotImplementedError, AttributeError) as error:
            structlog.get_logger().warning(f"workers can't talk to each other: {reason(error)}; {_ALONE}")
            yield False
            return
        try:
            yield True
        finally:
            server.close()
            path.unlink(missing_ok=True)
            await self._last_words()

    async def tell(self, subject: str, matter: object) -> None:
        """Tell all other workers something; who does not listen is not waited for."""
        for path in await asyncio.to_thread(lambda: list(self.folder.glob(f"*{_SUFFIX}"))):
            if path.name != self.name:
                with contextlib.suppress(GoneError):
                    async with self.talk(path.name, subject, matter):
                        pass

    @contextlib.asynccontextmanager
    async def talk(self, name: str, subject: str, matter: object) -> AsyncIterator[Line]:
        """Give a conversation with the worker of that name. Raises GoneError."""
        try:
            async with asyncio.timeout(PATIENCE):
                line = Line(*await asyncio.open_unix_connection(self.folder / name))
        except (OSError, TimeoutError, ValueError):
            raise GoneError from None
        try:
            await line.say([subject, matter])  # so little waits for nobody
            yield line
        finally:
            line.close()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)
        line = Line(reader, writer)
        try:
            async with asyncio.timeout(PATIENCE):
                subject, matter = await line.hear()
            await self._listeners[subject](line, matter)
        except (GoneError, TimeoutError):
            pass
        finally:
            line.close()

    async def _last_words(self) -> None:
        if self._conversations:
            _, late = await asyncio.wait(self._conversations, timeout=_LAST)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


@contextlib.asynccontextmanager
async def neighbours_in(folder: Path | None) -> AsyncIterator[Neighbours | None]:
    """Give the workers that share a folder; None for a proxy that is one process, and where they can't talk."""
    if folder is None:
        yield None
        return
    neighbours = Neighbours(folder)
    async with neighbours.listening() as heard:
        yield neighbours if heard else None
