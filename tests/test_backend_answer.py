"""Answers of backends as HTTP brings them: framed, packed and cut in every way, on connections that are used again."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from tests.asgi import running
from tests.messages_api import HELLO, envelope, events
from tests.raw_backend import (
    DONE,
    SSE,
    USAGE,
    Asked,
    RawBackend,
    chunk,
    completion,
    head,
    piece,
    raw_backend,
    stream_head,
    whole,
)

from claude_code_proxy.backends import connection as connection_module
from claude_code_proxy.backends.answer import READ_BUFFER, Answer, Line
from claude_code_proxy.backends.connection import Pool
from claude_code_proxy.errors import RetryableError

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
FRAMES = chunk("hello") + chunk(finish="stop") + USAGE + DONE
WHOLE = json.dumps(completion("hello")).encode()


def hello(*, stream: bool = False) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "stream": stream}


def said(reply: Any, *, stream: bool = False) -> str:
    if not stream:
        return str(reply.json()["content"][0]["text"])
    deltas = [event["delta"] for event in events(reply) if event["type"] == "content_block_delta"]
    return "".join(delta["text"] for delta in deltas)


def body(asked: Asked) -> bytes:
    return FRAMES if asked.body.get("stream") else WHOLE


def kind(asked: Asked) -> str:
    return SSE if asked.body.get("stream") else "application/json"


def good(asked: Asked) -> None:
    asked.send(head(200, kind(asked), content_length=str(len(body(asked)))) + body(asked))


# -- packed -------------------------------------------------------------------------------------------------------------


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def in_two(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: pack(b"") + pack(data[:20]) + pack(data[20:])


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "gzip in members": ("gzip", in_two(gzip.compress)),
    "gzip by its old name": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate in two": ("deflate", in_two(zlib.compress)),
    "deflate without its head": ("deflate", bare),
    "nothing": ("identity", bytes),
}


@pytest.mark.parametrize("packing", PACKED)
@BOTH
async def test_a_packed_answer_is_unpacked(packing: str, *, stream: bool) -> None:
    name, pack = PACKED[packing]

    async def play(asked: Asked) -> None:
        packed = pack(body(asked))
        asked.send(head(200, kind(asked), content_encoding=name, content_length=str(len(packed))) + packed[:7])
        await asyncio.sleep(0.01)
        asked.send(packed[7:])

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(2):
            assert said(await app.post(hello(stream=stream)), stream=stream) == "hello"
    assert backend.connections == 1


async def test_a_small_packed_answer_that_becomes_huge_is_an_error_and_not_kept() -> None:
    huge = gzip.compress(b'{"x": "' + b"y" * 80_000_000, compresslevel=1)

    async def play(asked: Asked) -> None:
        asked.send(head(200, content_encoding="gzip", content_length=str(len(huge))) + huge)

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES="0") as app:
        status, _, message = envelope(await app.post(hello()))
    assert (status, "larger than" in message) == (502, True)


# -- framed -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"]
)
@BOTH
async def test_informational_responses_come_before_the_answer(before: bytes, *, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        asked.send(before)
        await asyncio.sleep(0.01)
        asked.send(before)
        good(asked)

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(2):
            assert said(await app.post(hello(stream=stream)), stream=stream) == "hello"
    assert backend.connections == 1


@BOTH
async def test_a_body_without_a_length_ends_with_its_connection(*, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        asked.send(head(200, kind(asked)) + body(asked))
        asked.close()

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(2):
            assert said(await app.post(hello(stream=stream)), stream=stream) == "hello"
    assert backend.connections == 2


async def test_what_follows_the_last_chunk_belongs_to_the_answer() -> None:
    async def play(asked: Asked) -> None:
        asked.send(stream_head() + piece(FRAMES) + b"0\r\nx-checksum: 1\r\n\r\n")

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(2):
            assert said(await app.post(hello(stream=True)), stream=True) == "hello"
    assert backend.connections == 1


@pytest.mark.parametrize(
    "trailer",
    [b"content-type: text/html", b"content-encoding: br", b"transfer-encoding: chunked", b"x-request-id: LEAKED"],
)
async def test_what_follows_the_last_chunk_says_nothing_of_the_next_answer(trailer: bytes) -> None:
    async def play(asked: Asked) -> None:
        asked.send(stream_head() + piece(FRAMES) + b"0\r\n" + trailer + b"\r\n\r\n")

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(3):
            reply = await app.post(hello(stream=True))
            assert said(reply, stream=True) == "hello"
            assert "LEAKED" not in str(reply.headers)
    assert backend.connections == 1


async def test_a_connection_that_has_not_taken_a_request_gets_no_other_one() -> None:
    """It would take the next one for the rest of the first."""
    refused = json.dumps({"error": {"message": "too long", "code": 400}}).encode()
    asked = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"POST"):
            asked += 1
            data = refused if asked == 1 else WHOLE
            writer.write(head(400 if asked == 1 else 200, content_length=str(len(data))) + data)
            await over.wait()
        writer.close()

    over = asyncio.Event()
    server = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1024)
    backend = RawBackend(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    async with server, running(backend, FIRST_BYTE_TIMEOUT="2") as app:
        long = [{"role": "user", "content": "x" * 12_000_000}]
        assert (await app.post({**hello(), "messages": long})).status_code == 400
        assert said(await app.post(hello())) == "hello"
        over.set()


@pytest.mark.parametrize("id_", [b"\xff\xfe", "é".encode("latin-1")])
async def test_a_header_that_is_no_text_is_text_all_the_same(id_: bytes) -> None:
    line, _, answer = asked()
    line.data_received(b"HTTP/1.1 200 OK\r\nx-request-id: " + id_ + b"\r\ncontent-length: 0\r\n\r\n")
    assert answer.header(b"x-request-id").encode("utf-8")


async def test_what_follows_a_body_is_bounded() -> None:
    line, wire, _ = asked()
    line.data_received(stream_head() + piece(FRAMES) + b"0\r\n")
    for number in range(20):
        line.data_received(b"x-%d: %b\r\n" % (number, b"y" * 4096))
    assert "closed" in wire.done


async def test_an_answer_whose_framing_breaks_off_is_told_as_that() -> None:
    line, _, answer = asked()
    line.data_received(stream_head() + piece(b"x") + b"no size\r\n")
    with pytest.raises(RetryableError, match="no HTTP"):
        await answer.readany()


async def test_a_connection_that_becomes_another_protocol_s_is_an_error() -> None:
    async def play(asked: Asked) -> None:
        asked.send(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x05hello"
        )

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES="0") as app, asyncio.timeout(5):
        reply = await app.post(hello())
    assert envelope(reply)[:2] == (500, "api_error")


@pytest.mark.parametrize("cut", [True, False], ids=["in pieces", "at once"])
async def test_a_head_without_measure_is_an_error(*, cut: bool) -> None:
    async def play(asked: Asked) -> None:
        long = head(200, content_length=str(len(WHOLE)), x_long="a" * 100_000)
        asked.send(long[:50_000] if cut else b"")
        await asyncio.sleep(0.02)
        asked.send(long[50_000:] + WHOLE if cut else long + WHOLE)

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES="0") as app:
        assert envelope(await app.post(hello()))[0] == 502
    assert len(backend.asked) == 1


@BOTH
async def test_an_answer_is_the_same_however_its_bytes_are_cut(*, stream: bool) -> None:
    sizes = iter((1, 2, 3, 5, 8, 13, 50))

    async def play(asked: Asked) -> None:
        framed = head(200, kind(asked), transfer_encoding="chunked") + piece(body(asked)[:99]) + piece(body(asked)[99:])
        size, data = next(sizes), framed + piece(b"")
        for at in range(0, len(data), size):
            asked.send(data[at : at + size])
            await asyncio.sleep(0)

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(7):
            assert said(await app.post(hello(stream=stream)), stream=stream) == "hello"
    assert backend.connections == 1


# -- used again ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_an_answer_nobody_asked_for_is_nobody_s(when: str) -> None:
    """It would be taken for the next request's."""

    async def play(asked: Asked) -> None:
        good(asked)
        if when == "later":
            await asyncio.sleep(0.02)
        asked.send(whole(completion("of somebody else")))

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(3):
            assert said(await app.post(hello())) == "hello"
            await asyncio.sleep(0.05)
    assert backend.connections == 3


async def test_streamed_and_whole_answers_come_on_one_connection() -> None:
    async def play(asked: Asked) -> None:
        good(asked)

    async with raw_backend(play) as backend, running(backend) as app:
        for stream in (False, True, False):
            assert said(await app.post(hello(stream=stream)), stream=stream) == "hello"
    assert backend.connections == 1


async def test_idle_connections_that_die_when_they_are_used_cost_no_request() -> None:
    """However many of them there are: the next try has a connection of its own."""
    together = asyncio.Barrier(3)

    async def play(asked: Asked) -> None:
        if asked.again:
            asked.close()
            return
        if asked.number <= 3:
            await together.wait()
        good(asked)

    async with raw_backend(play, models={"data": []}) as backend, running(backend, MAX_RETRIES="0") as app:
        replies = await asyncio.gather(*(app.post(hello()) for _ in range(3)))
        assert [said(reply) for reply in replies] == ["hello"] * 3
        assert said(await app.post(hello())) == "hello"
    assert [asked.connection for asked in backend.asked[:3]] == [1, 2, 3]
    assert (backend.asked[3].again, backend.asked[4].again) == (1, 0)


async def test_through_a_proxy_every_kind_of_request_has_its_password() -> None:
    class Far:
        url, key = "http://backend.invalid/v1", "sk-far"

    async def play(asked: Asked) -> None:
        good(asked)

    async with raw_backend(play) as way:
        address = way.url.removesuffix("/v1").replace("http://", "http://user:geheim@")
        async with running(Far(), HTTP_PROXY=address) as app:
            for stream in (False, True, False, True):
                assert said(await app.post(hello(stream=stream)), stream=stream) == "hello"
    assert all(b"proxy-authorization: basic" in asked.head.lower() for asked in way.asked)
    assert way.connections <= 2


async def test_a_connection_nobody_uses_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_KEPT", 0.05)

    async def play(asked: Asked) -> None:
        good(asked)

    async with raw_backend(play) as backend, running(backend) as app:
        assert said(await app.post(hello())) == "hello"
        async with asyncio.timeout(5):
            while not backend.ended:  # noqa: ASYNC110 - the backend's side of a closed connection
                await asyncio.sleep(0.01)
        assert said(await app.post(hello())) == "hello"
    assert backend.connections == 2


async def test_the_pool_of_aiohttp_gives_connections_that_read_answers() -> None:
    """What is relied on of aiohttp beside its public parts: the factory of its connector."""

    async def play(asked: Asked) -> None:
        good(asked)

    async with raw_backend(play) as backend:
        pool = Pool(limit=0)
        request = aiohttp.ClientRequest("POST", aiohttp.client.URL(backend.url))
        connection = await pool.connect(request, [], aiohttp.ClientTimeout())
        assert isinstance(connection.protocol, Line)
        connection.close()
        await pool.close()


# -- a slow client ------------------------------------------------------------------------------------------------------


class Wire(asyncio.Transport):
    """A transport that keeps what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def writelines(self, list_of_data: Any) -> None:
        self.done.append("sent")

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.done.append("paused")

    def resume_reading(self) -> None:
        self.done.append("resumed")

    def is_closing(self) -> bool:
        return "closed" in self.done

    def close(self) -> None:
        self.done.append("closed")


class Handle:
    """What aiohttp gives a connection back by."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def close(self) -> None:
        self.line.close()


def asked(free: Callable[[Line], None] = lambda _: None) -> tuple[Line, Wire, Answer]:
    line, wire = Line(asyncio.get_running_loop()), Wire()
    line.transport = wire
    line.lent(Handle(line), free)  # type: ignore[arg-type]
    answer = Answer(line, asyncio.get_running_loop())
    line.ask(b"", b"", answer)
    return line, wire, answer


async def test_a_backend_waits_for_who_reads_slowly() -> None:
    line, wire, answer = asked()
    line.data_received(stream_head())
    part = piece(b"x" * (READ_BUFFER // 2))
    for _ in range(3):
        line.data_received(part)
    assert wire.done == ["sent", "paused"]
    assert len(await answer.readany()) == READ_BUFFER // 2 * 3
    assert wire.done == ["sent", "paused", "resumed"]


async def test_a_backend_that_sends_crumbs_waits_too() -> None:
    line, wire, _ = asked()
    line.data_received(stream_head())
    for _ in range(READ_BUFFER // 32):
        line.data_received(piece(b"x"))
    assert wire.done == ["sent", "paused"]


async def test_a_connection_that_was_made_to_wait_does_not_wait_in_the_pool() -> None:
    freed: list[Line] = []
    line, wire, answer = asked(freed.append)
    data = b"x" * (2 * READ_BUFFER)
    line.data_received(head(200, content_length=str(len(data))) + data[:-1])
    assert wire.done[-1] == "paused"
    line.data_received(data[-1:])
    assert (wire.done[-1], freed) == ("resumed", [line])
    assert await answer.readany() == data
    assert answer.at_eof()
    answer.close()
    assert "closed" not in wire.done


@pytest.mark.parametrize("more", [0, 1, 100, 257, 258, 259, 5000, READ_BUFFER])
@pytest.mark.parametrize("cut", [10**9, 100, 7])
async def test_nothing_of_a_packed_body_is_left_behind(cut: int, more: int) -> None:
    """What one piece of it says may be more than one read takes."""
    line, _, answer = asked()
    data = b"x" * (READ_BUFFER + more)
    packed = gzip.compress(data)
    line.data_received(head(200, content_encoding="gzip", content_length=str(len(packed))))
    for at in range(0, len(packed), cut):
        line.data_received(packed[at : at + cut])
    await answer.head()
    read = b""
    while not answer.at_eof():
        part = await answer.readany()
        assert len(part) <= READ_BUFFER
        read += part
    assert read == data
    assert await answer.readany() == b""


async def test_an_answer_that_breaks_off_is_an_error_for_who_waits_for_it() -> None:
    line, _, answer = asked()
    line.data_received(stream_head())
    reading = asyncio.ensure_future(answer.readany())
    await asyncio.sleep(0)
    line.connection_lost(None)
    with pytest.raises(RetryableError, match="in the middle of its answer"):
        await reading


async def test_leaving_an_answer_closes_its_connection() -> None:
    line, wire, answer = asked()
    line.data_received(stream_head() + piece(b"x"))
    reading = asyncio.ensure_future(answer.drain())
    await asyncio.sleep(0)
    reading.cancel()
    with answer:
        pass
    assert wire.done == ["sent", "closed"]
