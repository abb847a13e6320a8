"""The proxy's own pipeline, without a server: what a probe asks takes the way of every request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from ..backends.learned import Learned
from ..channel import Channel
from ..config import Config
from ..errors import ProxyError
from ..exchange import Exchange
from ..journal.journal import Journal
from ..record import Record
from ..services import Services, new_id, open_services
from ..translate.fold import Fold
from ..translate.validate import check_request
from ..way import Heard
from ..wire.anthropic import Event
from ..wire.shapes import count, items, mapping, text

PATIENCE = 20.0
"""Seconds one call may take."""

_events = msgspec.json.Decoder(Event)


class Reply(msgspec.Struct, kw_only=True):
    """What came of one request.

    message: as the client has it, empty after a failure; notes: what the proxy changed; learned: what a refusal
    taught; error: why there is no answer; late: it took longer than `PATIENCE`; seconds: to the first event.
    """

    message: Mapping[str, Any] = {}
    notes: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()
    error: ProxyError | None = None
    late: bool = False
    seconds: float = 0

    @property
    def failed(self) -> bool:
        """Whether there is no answer."""
        return self.late or self.error is not None

    @property
    def content(self) -> list[Any]:
        """The answer's blocks."""
        return list(items(self.message.get("content")))

    @property
    def text(self) -> str:
        """The visible text."""
        return "".join(text(mapping(block).get("text")) for block in self.content)

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """The tool calls."""
        return [mapping(block) for block in self.content if mapping(block).get("type") == "tool_use"]

    @property
    def thinks(self) -> bool:
        """Whether there is a thinking block."""
        return any("thinking" in text(mapping(block).get("type")) for block in self.content)

    def tokens(self, name: str) -> int:
        """Return a token count."""
        return count(mapping(self.message.get("usage")).get(name))


class Listener(Channel):
    """A client that keeps everything. `spoken`: the first bytes are here."""

    def __init__(self) -> None:
        super().__init__(Heard(self._hear), new_id("req_"))
        self.spoken = asyncio.Event()
        self._parts: list[bytes] = []

    def _hear(self, body: bytes) -> None:
        if body:
            self._parts.append(body)
            self.spoken.set()

    def message(self, *, stream: bool) -> Mapping[str, Any]:
        """Return the answer as one message."""
        body = b"".join(self._parts)
        if not stream:
            return mapping(msgspec.json.decode(body))
        fold = Fold()
        data = (line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: "))
        fold.add(_events.decode(line) for line in data if b'"ping"' not in line[:20])
        return fold.message


class Inside:
    """Asks through the proxy."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def ask(self, request: Mapping[str, Any]) -> Reply:
        """Send one request, streamed unless it says otherwise; never raises for what a backend does."""
        asked = check_request({"stream": True, "max_tokens": 1024, **request})
        listener, reply = Listener(), Reply()
        exchange = self._exchange(listener)
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(PATIENCE):
                await exchange.run(asked)
            reply.message = listener.message(stream=asked["stream"])
        except ProxyError as error:
            reply.error = error
        except TimeoutError:
            reply.late = True
        first = exchange.record.first_byte
        reply.seconds = first if first >= 0 else asyncio.get_running_loop().time() - begun
        reply.notes = tuple(exchange.notes.codes())
        reply.learned = tuple(note.detail for note in exchange.notes if note.code == "backend-learned")
        return reply

    async def leave(self, request: Mapping[str, Any]) -> tuple[bool, float]:
        """Leave when the answer begins; return whether it was still running then, and the seconds until all ended."""
        listener = Listener()
        asked = check_request({"stream": True, "max_tokens": 1024, **request})
        task = asyncio.ensure_future(self._exchange(listener).run(asked))
        spoken = asyncio.ensure_future(listener.spoken.wait())
        await asyncio.wait((task, spoken), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        spoken.cancel()
        running, begun = not task.done(), asyncio.get_running_loop().time()
        task.cancel()
        await asyncio.wait((task,), timeout=PATIENCE)
        if task.done() and not task.cancelled():
            task.exception()  # looked at: the other probes have told about failures
        return running, asyncio.get_running_loop().time() - begun

    def _exchange(self, listener: Listener) -> Exchange:
        return Exchange(self.services, listener, Record(id=listener.request_id))


@contextlib.asynccontextmanager
async def inside(config: Config, learned: Learned) -> AsyncIterator[Inside]:
    """Give the pipeline, without background reading of model lists."""
    async with open_services(config, learned, Journal()) as services:
        yield Inside(services)
