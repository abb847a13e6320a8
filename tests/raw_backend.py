"""A backend on a bare socket, for answers that no HTTP server would send: in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MODEL_LIST = b"/models"


@dataclass
class Asked:
    """One chat request. connection: number of the connection it came on, from 1; again: how many came before it there."""

    number: int
    connection: int
    again: int
    head: bytes
    body: Any
    writer: asyncio.StreamWriter = field(repr=False)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        """Break the connection."""
        self.writer.transport.abort()

    def close(self) -> None:
        """End the connection."""
        self.writer.close()


Answerer = Callable[[Asked], Awaitable[None]]


@dataclass
class RawBackend:
    """What has happened so far.

    url, key: as OPENAI_BASE_URL and OPENAI_API_KEY want them; asked: the chat requests; connections: those that had
    one; lists: how often the model list was asked for; ended: connections that are over.
    """

    url: str
    key: str = "sk-backend"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    lists: int = 0
    ended: int = 0

    @property
    def bodies(self) -> list[Any]:
        return [asked.body for asked in self.asked]


@contextlib.asynccontextmanager
async def raw_backend(
    answer: Answerer, *, models: Mapping[str, Any] | Callable[[], bytes] | None = None
) -> AsyncIterator[RawBackend]:
    """Serve.

    answer: sends what it likes, for each chat request; models: the answer of the model list, or what gives its bytes,
    None for none.
    """
    backend = RawBackend("")
    tasks: list[Any] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, again = 0, 0
        tasks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                received = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(received))
                if MODEL_LIST in received.split(b"\r\n")[0]:
                    if models is None:
                        writer.write(head(404, content_length="0", connection="close"))
                        return
                    backend.lists += 1
                    writer.write(models() if callable(models) else whole(models))
                    continue
                if not again:
                    backend.connections += 1
                    connection = backend.connections
                asked = Asked(len(backend.asked) + 1, connection, again, received, json.loads(body or b"null"), writer)
                again += 1
                backend.asked.append(asked)
                await answer(asked)
        backend.ended += 1

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    backend.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield backend
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _length(head: bytes) -> int:
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0]) if lengths else 0


def closed_port() -> int:
    """Return a port that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- bytes ----------------------------------------------------------------------------------------------------------

SSE = "text/event-stream"


def head(status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """Return a response's head; `content_length="3"` becomes the header `content-length: 3`."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: Any, *, status: int = 200, kind: str = "application/json", zipped: bool = False) -> bytes:
    """Return a complete response. body: bytes, or anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = gzip.compress(data) if zipped else data
    coding = {"content_encoding": "gzip"} if zipped else {}
    return head(status, kind, content_length=str(len(data)), **coding) + data


def piece(data: bytes) -> bytes:
    """Return one chunk of a chunked body; of no bytes, the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream_head() -> bytes:
    """Return the head of a chunked event stream."""
    return head(200, SSE, transfer_encoding="chunked")


def data(body: Any) -> bytes:
    """Return one frame of an event stream."""
    return b"data: " + (body if isinstance(body, bytes) else json.dumps(body).encode()) + b"\n\n"


def chunk(text: str = "", finish: str | None = None) -> bytes:
    """Return a frame with text, or a finish reason."""
    delta = {"content": text} if text else {}
    return data({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def completion(text: str) -> dict[str, Any]:
    """Return a whole answer."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


USAGE = data({"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})
DONE = b"data: [DONE]\n\n"
