"""The driver's HTTP client: bare protocols on uvloop, requests as bytes, times taken where the bytes arrive."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

NONCE = "#0000000#"
_END = b"\r\n0\r\n\r\n"
_numbers = itertools.count()


@dataclass(slots=True)
class Answer:
    """One answer. first: seconds to the first token; total: seconds to the end; body: as sent, when it was kept."""

    status: int = 0
    first: float = -1.0
    total: float = -1.0
    size: int = 0
    body: bytes = b""


class Request:
    """A request ready to be written. mark: bytes that tell the first token; keep: the body is wanted.

    `NONCE` in the body becomes another number each time: no two requests are the same, as in life.
    """

    def __init__(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.mark = b"Begin"
        self.keep = False
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        self._before, _, self._after = body.rpartition(NONCE.encode())
        self._before = head.encode() + self._before

    def encode(self) -> bytes:
        """Return the next request as it goes over the wire."""
        return b"%b%0*d%b" % (self._before, len(NONCE), next(_numbers), self._after)


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.closed = False
        self._transport: asyncio.Transport
        self._answer = Answer()
        self._done: asyncio.Future[Answer] | None = None
        self._mark = b""
        self._keep = False
        self._begun = 0.0
        self._parts: list[bytes] = []
        self._tail = b""
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("closed in the middle of an answer"))

    async def ask(self, data: bytes, *, mark: bytes, keep: bool) -> Answer:
        self._answer, self._mark, self._keep = Answer(), mark, keep
        self._parts, self._tail, self._length = [], b"", -1
        self._done = asyncio.get_running_loop().create_future()
        self._begun = time.perf_counter()
        self._transport.write(data)
        return await self._done

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        answer = self._answer
        if not answer.status:
            data = self._head(data)
            if not answer.status:
                return
        if answer.first < 0 and self._mark in self._tail + data:
            answer.first = now - self._begun
        answer.size += len(data)
        if self._keep:
            self._parts.append(data)
        self._tail = data[-16:] if len(data) >= 16 else (self._tail + data)[-16:]
        if answer.size == self._length or (self._length < 0 and self._tail.endswith(_END)):
            answer.total = now - self._begun
            answer.body = b"".join(self._parts)
            if self._done is not None and not self._done.done():
                self._done.set_result(answer)

    def _head(self, data: bytes) -> bytes:
        """Read the status line and the length; returns what follows the headers."""
        self._parts.append(data)
        head, found, rest = b"".join(self._parts).partition(b"\r\n\r\n")
        if not found:
            return b""
        self._parts = []
        self._answer.status = int(head[9:12])
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self._length = int(line[15:])
        return rest


class Client:
    """A pool of connections to one port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Connection] = []

    async def ask(self, request: Request) -> Answer:
        """Send a request; returns its answer, whatever the status."""
        connection = await self._connection()
        answer = await connection.ask(request.encode(), mark=request.mark, keep=request.keep)
        self._idle.append(connection)
        return answer

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return made

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


class FailedError(Exception):
    """A target answered with something else than success."""


async def closed_loop(client: Client, request: Request, *, at_once: int, seconds: float) -> list[Answer]:
    """Ask again and again, `at_once` requests at a time, for `seconds`; raises FailedError for any failure."""
    deadline = time.perf_counter() + seconds
    answers: list[Answer] = []

    async def one() -> None:
        while True:
            answers.append(checked(await client.ask(request)))
            if time.perf_counter() >= deadline:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one())
    return answers


@asynccontextmanager
async def open_streams(client: Client, request: Request, *, count: int, spread: float) -> AsyncIterator[list[Answer]]:
    """Keep `count` streams open within the block, begun evenly over `spread` seconds; at its end they run out."""
    answers: list[Answer] = []

    async def one(after: float) -> None:
        await asyncio.sleep(after)
        answers.append(checked(await client.ask(request)))

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(spread * number / count))
        await asyncio.sleep(spread)
        yield answers


def checked(answer: Answer) -> Answer:
    """Return the answer, if it is one."""
    if answer.status != 200:
        raise FailedError(f"status {answer.status}: {answer.body[:300]!r}")
    return answer
