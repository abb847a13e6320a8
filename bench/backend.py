"""The scripted backend: one process that costs as little as Python can, so that the proxies are what is measured.

`python -m bench.backend PORT`; prints `ready`. Bare HTTP/1.1 on asyncio's protocols and uvloop, answers prebuilt.
"""

from __future__ import annotations

import asyncio
import functools
import re
import sys

import uvloop

from .frames import Script, answer, frames, script_in

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_MODELS = b'{"object":"list","data":[{"id":"bench-model","object":"model","context_length":10000000}]}'
_END = b"0\r\n\r\n"


@functools.cache
def _chunks(kind: str, tokens: int) -> tuple[bytes, ...]:
    """Each frame as one HTTP chunk, as servers send them."""
    return tuple(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames(kind, tokens))


@functools.cache
def _whole(kind: str, tokens: int) -> bytes:
    """A whole stream in one piece."""
    return _STREAM + b"".join(_chunks(kind, tokens)) + _END


def _json(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class Connection(asyncio.Protocol):
    """One connection of a proxy."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if not self._wanted:
            head, found, _ = b"".join(self._parts).partition(b"\r\n\r\n")
            if not found:
                return
            length = _LENGTH.search(head)
            self._wanted = len(head) + 4 + (int(length[1]) if length else 0)
        if self._size >= self._wanted:
            request = b"".join(self._parts)
            self._parts, self._size, self._wanted = [], 0, 0
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._transport.write(_json(_MODELS))
            return
        script = script_in(request)
        if b'"stream":true' not in request and b'"stream": true' not in request:
            self._transport.write(_json(answer(script.tokens)))
        elif script.rate:
            self._play(script)
        else:
            self._transport.write(_whole(script.kind, script.tokens))

    def _play(self, script: Script) -> None:
        """Send the first token at once and each other one at its time, counted from the first."""
        chunks = _chunks(script.kind, script.tokens)
        begun = self._loop.time()
        self._transport.write(_STREAM + chunks[0] + chunks[1])

        def step(at: int) -> None:
            if self._transport.is_closing():
                return
            if at >= script.tokens:
                self._transport.write(b"".join(chunks[at:]) + _END)
                return
            self._transport.write(chunks[at])
            self._loop.call_at(begun + at / script.rate, step, at + 1)

        self._loop.call_at(begun + 1 / script.rate, step, 2)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
