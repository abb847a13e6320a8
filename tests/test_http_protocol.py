"""What leaves a connection, write by write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from claude_code_proxy import http_protocol
from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.config import load
from claude_code_proxy.http_protocol import HttpProtocol
from claude_code_proxy.server import create_app
from claude_code_proxy.uvicorn_settings import uvicorn_config

App = Callable[[Any, Any, Any], Awaitable[None]]
HEAD = {"type": "http.response.start", "status": 200, "headers": []}


class Wire(asyncio.Transport):
    """A connection that keeps what is written, each write for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed_after: int | None = None
        self.protocol: HttpProtocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def pause_reading(self) -> None:
        """Nothing more is sent anyway."""

    def resume_reading(self) -> None:
        """Nothing more is sent anyway."""

    def is_closing(self) -> bool:
        return self.closed_after is not None

    def close(self) -> None:
        if self.closed_after is None:
            self.closed_after = len(self.writes)


async def answer(app: App, *pieces: bytes) -> Wire:
    """Return the wire after `app` has answered a request, which may come in pieces."""
    config = Config(app, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    protocol = HttpProtocol(config=config, server_state=ServerState(), app_state={})
    wire = Wire()
    wire.protocol = protocol
    protocol.connection_made(wire)
    for piece in pieces or (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",):
        if not wire.is_closing() and piece:
            protocol.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    return wire


def parts(*bodies: bytes, pause: int = 0) -> App:
    """Return an app that sends a head and bodies, with turns of the loop between them."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(HEAD)
        for number, body in enumerate(bodies):
            for _ in range(pause):
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies) - 1})

    return app


async def test_head_and_first_body_leave_in_one_write() -> None:
    wire = await answer(parts(b"one", b"two"))
    first, second = wire.writes
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert second == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_a_head_waits_for_no_late_body() -> None:
    wire = await answer(parts(b"late", pause=3))
    head, body = wire.writes
    assert head.endswith(b"\r\n\r\n")
    assert body == b"4\r\nlate\r\n0\r\n\r\n"


async def test_a_response_without_a_body_is_sent() -> None:
    wire = await answer(parts(b""), b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_body_that_looks_like_a_head_is_a_body() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**HEAD, "headers": [(b"content-length", b"24")]})
        for piece in (b"HTTP/1.1 200", b"HTTP/1.1 200"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    wire = await answer(app)
    assert b"".join(wire.writes).endswith(b"\r\n\r\nHTTP/1.1 200HTTP/1.1 200")


async def test_what_is_held_leaves_before_the_connection_closes() -> None:
    request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    wire = await answer(parts(b"all"), request)
    assert wire.closed_after == len(wire.writes)
    assert b"".join(wire.writes).endswith(b"3\r\nall\r\n0\r\n\r\n")


async def test_an_unreadable_request_is_answered_and_closed() -> None:
    wire = await answer(parts(b"never"), b"this is no HTTP\r\n\r\n")
    assert wire.closed_after == len(wire.writes)
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await send(HEAD)
        await send({"type": "http.response.body", "body": body})

    request = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    wire = await answer(app, request)
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]


@pytest.mark.parametrize("number", range(1, 4))
async def test_requests_sent_at_once_are_answered_in_order(number: int) -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send(HEAD)
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    requests = b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % at for at in range(number))
    wire = await answer(app, requests)
    assert [write.split(b"\r\n")[-4] for write in wire.writes] == [b"/%d" % at for at in range(number)]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([(b"content-length", b"2")], b"too long"),
        ([(b"content-length", b"20")], b"too short"),
        ([(b"x-told", b"one\r\nset-cookie: two")], b"a line within a header"),
        ([(b"x-told", b"one\nset-cookie: two")], b"half a line's end within a header"),
    ],
    ids=lambda told: told.decode() if isinstance(told, bytes) else "",
)
async def test_an_answer_that_would_break_its_framing_is_not_sent(
    headers: list[tuple[bytes, bytes]], body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({**HEAD, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    wire = await answer(app)
    assert wire.is_closing()
    assert wire.writes == []
    assert "Exception in ASGI application" in caplog.text


async def test_a_path_is_unquoted_and_its_query_kept() -> None:
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.append((scope["path"], scope["raw_path"], scope["query_string"]))
        await parts(b"seen")(scope, _receive, send)

    for target in (b"/a%20b?c=d%20e", b"http://x/a%20b?c=d%20e", b"/" + b"a" * 500):
        await answer(app, b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    asked = ("/a b", b"/a%20b", b"c=d%20e")
    assert seen == [asked, asked, ("/" + "a" * 500, b"/" + b"a" * 500, b"")]


async def _closed(wire: Wire) -> None:
    async with asyncio.timeout(10):
        while not wire.is_closing():  # noqa: ASYNC110 - a wire tells nobody
            await asyncio.sleep(0.01)


async def test_a_connection_without_another_request_is_closed() -> None:
    protocol, wire = _connected(parts(b"all"))
    protocol.timeout_keep_alive = 0.3
    protocol.data_received(FIRST)
    await asyncio.sleep(0.1)
    again = asyncio.get_running_loop().time()
    protocol.data_received(FIRST)
    await _closed(wire)
    assert asyncio.get_running_loop().time() - again >= 0.3


async def test_an_answer_under_way_outlasts_the_wait_for_another_request() -> None:
    app = Slow()
    app.go.set()
    protocol, wire = _connected(app)
    protocol.timeout_keep_alive = 0.05
    protocol.data_received(FIRST)
    await _turns()
    app.go.clear()
    protocol.data_received(FIRST)
    await asyncio.sleep(0.1)
    assert not wire.is_closing()
    app.go.set()
    await _closed(wire)


# -- limits -------------------------------------------------------------------------------------------------------------


def _told(wire: Wire) -> tuple[int, str]:
    head, _, body = b"".join(wire.writes).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert told["type"] == "error"
    assert told["request_id"].encode() in head
    assert wire.closed_after == len(wire.writes)
    return int(head.split()[1]), told["error"]["type"]


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"a" * 70_000 + b"\r\n\r\n",
        b"x: y\r\n" * 40_000 + b"\r\n",
        b"x: " + b"a" * 70_000,
        b"x" * 70_000,
    ],
    ids=["one large header", "many small ones", "a header without an end", "a name without an end"],
)
@pytest.mark.parametrize("size", [1_000_000, 5_000], ids=["at once", "in pieces"])
async def test_a_head_too_large_is_refused(head: bytes, size: int) -> None:
    request = b"GET / HTTP/1.1\r\nhost: x\r\n" + head
    wire = await answer(parts(b"never"), *(request[at : at + size] for at in range(0, len(request), size)))
    assert _told(wire) == (431, "invalid_request_error")


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "an extension of a chunk": (CHUNKED + b"5;", b"a" * 10_000),
    "one trailer": (CHUNKED + b"1\r\na\r\n0\r\nx: ", b"a" * 10_000),
    "many trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"x: y\r\n" * 2000),
}


@pytest.mark.parametrize(("begin", "piece"), ENDLESS.values(), ids=ENDLESS)
async def test_what_is_beside_a_body_has_an_end(begin: bytes, piece: bytes) -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    protocol, wire = _connected(app)
    protocol.data_received(begin)
    for _ in range(20):
        if not wire.is_closing():
            protocol.data_received(piece)
        await asyncio.sleep(0)
    assert _told(wire) == (431, "invalid_request_error")
    protocol.connection_lost(None)
    await _turns()


async def test_a_body_in_many_large_chunks_is_taken() -> None:
    sizes: list[int] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await send(HEAD)
        await send({"type": "http.response.body", "body": b"taken"})

    chunk = b"%x\r\n%b\r\n" % (100_000, b"a" * 100_000)
    wire = await answer(app, CHUNKED, *[chunk] * 10, b"0\r\n\r\n")
    assert b"taken" in b"".join(wire.writes)
    assert sum(sizes) == 1_000_000


async def test_trailers_are_no_headers() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(HEAD)
        await send({"type": "http.response.body", "body": repr(scope["headers"]).encode()})

    wire = await answer(app, CHUNKED, b"1\r\na\r\n0\r\nhost: evil\r\nx-api-key: k\r\n\r\n")
    sent = b"".join(wire.writes)
    assert b"transfer-encoding" in sent
    assert b"evil" not in sent
    assert b"x-api-key" not in sent


async def test_one_request_asks_for_one_host() -> None:
    wire = await answer(parts(b"never"), b"GET / HTTP/1.1\r\nhost: evil\r\nhost: localhost\r\n\r\n")
    assert _told(wire) == (400, "invalid_request_error")


async def test_what_is_no_http_is_told_in_the_envelope() -> None:
    assert _told(await answer(parts(b"never"), b"this is no HTTP\r\n\r\n")) == (400, "invalid_request_error")


async def test_a_large_body_has_nothing_to_do_with_the_heads_limit() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await send(HEAD)
        await send({"type": "http.response.body", "body": b"%d" % size})

    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n" + b"a" * 200_000
    for pieces in ([request], [request[at : at + 50_000] for at in range(0, len(request), 50_000)]):
        wire = await answer(app, *pieces)
        assert b"200000" in b"".join(wire.writes)


@pytest.mark.parametrize(
    ("sent", "patience"),
    [
        (b"", "HEAD_SECONDS"),
        (b"GET / HT", "HEAD_SECONDS"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", "HEAD_SECONDS"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf", "BODY_SECONDS"),
    ],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
async def test_a_request_that_does_not_arrive_is_given_up(
    sent: bytes, patience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    monkeypatch.setattr(http_protocol, patience, 0.05)
    wire = await answer(app, sent)
    assert wire.writes == []
    await asyncio.sleep(1.2 if sent.endswith(b"half") else 0.1)
    assert _told(wire) == (408, "timeout_error")


@pytest.mark.parametrize(("rate", "status"), [(10, 200), (1_000_000, 408)], ids=["as its size asks", "drop by drop"])
async def test_a_body_has_a_time_that_grows_with_it(rate: int, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(http_protocol, "BODY_RATE", rate)
    monkeypatch.setattr(http_protocol, "_LOOK", 0.01)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    wire = await answer(app, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n")
    for _ in range(10):
        wire.protocol.data_received(b"x")
        await asyncio.sleep(0.05)
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 %d" % status)
    assert status == 200 or _told(wire) == (408, "timeout_error")


async def test_a_request_that_is_here_has_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 0.05)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await asyncio.sleep(0.2)
        await send(HEAD)
        await send({"type": "http.response.body", "body": b"late"})

    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"
    for pieces in ([request], [request[:30], request[30:]]):
        wire = await answer(app, *pieces)
        await asyncio.sleep(0.3)
        assert b"late" in b"".join(wire.writes)


# -- another protocol is offered (RFC 9110, 7.8) ------------------------------------------------------------------------

OFFERED = (  # what Java's own client sends before every request
    b"POST /v1/messages HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHost: x\r\nHTTP2-Settings: AAEAAEAA\r\n"
    b"Content-Length: 5\r\nUpgrade: h2c\r\nX-Team: a\r\n\r\nhello"
)


@pytest.mark.parametrize("size", [1, 7, len(OFFERED), 10_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_request_that_offers_another_protocol_is_answered_in_this_one(size: int, *, chunked: bool) -> None:
    heard: list[tuple[bytes, list[tuple[bytes, bytes]]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        heard.append((body, scope["headers"]))
        await send({**HEAD, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    sent = OFFERED
    if chunked:
        sent = sent.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked").replace(
            b"hello", b"5\r\nhello\r\n0\r\n\r\n"
        )
    sent += OFFERED.replace(b"Connection: ", b"Connection: close, ")
    wire = await answer(app, *(sent[at : at + size] for at in range(0, len(sent), size)))
    assert b"".join(wire.writes).count(b"HTTP/1.1 200 OK") == 2
    assert [body for body, _ in heard] == [b"hello", b"hello"]
    named = dict(heard[0][1])
    assert (named[b"host"], named[b"x-team"]) == (b"x", b"a")
    assert b"upgrade" not in named
    assert wire.is_closing(), "the second one asked for it"


# -- any bytes ----------------------------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"POST /v1/messages HTTP/1.1",
        b"POST /v1/messages HTTP/9.9",
        b"\x16\x03\x01",
        b"host: x",
        b"content-length: 5",
        b"content-length: -1",
        b"content-length: 99999999999999999999",
        b"transfer-encoding: chunked",
        b"transfer-encoding: chunked, gzip",
        b"expect: 100-continue",
        b"upgrade: h2c",
        b"connection: upgrade",
        b"connection: close",
        b" folded",
        b": no name",
        b"5",
        b"hello",
        b"ffffffffffffffffff",
        b"0",
        b"",
    ]
)
NOISE = st.lists(LINES | st.binary(max_size=40), max_size=30).map(b"\r\n".join) | st.binary(max_size=300)


@settings(max_examples=150, deadline=None)
@given(NOISE, st.integers(1, 60))
def test_any_bytes_get_an_answer_or_none_and_never_a_fault(data: bytes, size: int) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({**HEAD, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    wire = asyncio.run(answer(app, *(data[at : at + size] for at in range(0, len(data), size))))
    for written in wire.writes:
        assert not written or written.startswith(b"HTTP/1.1 "), written


# -- requests sent without waiting for answers --------------------------------------------------------------------------


class Slow:
    """An app whose first answer goes on until it is told to end. seen: the paths asked for; left: whose client left."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.left: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope["path"])
        await receive()
        await send(HEAD)
        await send({"type": "http.response.body", "body": b"begin", "more_body": True})
        leaving = asyncio.ensure_future(self._watch(scope["path"], receive))
        await self.go.wait()
        leaving.cancel()
        await send({"type": "http.response.body", "body": b"end"})

    async def _watch(self, path: str, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.append(path)


FIRST = b"GET /first HTTP/1.1\r\nhost: x\r\n\r\n"
WHOLE = b"5\r\nbegin\r\n3\r\nend\r\n0\r\n\r\n"


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _connected(app: App) -> tuple[HttpProtocol, Wire]:
    config = Config(app, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    protocol, wire = HttpProtocol(config=config, server_state=ServerState(), app_state={}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


BROKEN: dict[str, bytes] = {
    "no HTTP": b"this is no HTTP\r\n\r\n",
    "a head too large": b"GET /second HTTP/1.1\r\nx: " + b"a" * 70_000,
    "a head too large, with an end": b"GET /second HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
    "a body that breaks": b"POST /second HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_what_is_wrong_with_a_second_request_is_not_written_into_the_first_ones_answer(broken: bytes) -> None:
    app = Slow()
    protocol, wire = _connected(app)
    protocol.data_received(FIRST)
    await _turns()
    protocol.data_received(broken)
    protocol.data_received(b"GET /third HTTP/1.1\r\nhost: x\r\n\r\n")
    await _turns()
    assert not wire.is_closing()
    app.go.set()
    await _turns()
    sent = b"".join(wire.writes)
    assert sent.startswith(b"HTTP/1.1 200 ")
    assert sent.endswith(WHOLE)
    assert sent.count(b"HTTP/1.1") == 1
    assert wire.is_closing()
    assert app.seen == ["/first"]


async def test_a_second_request_that_does_not_arrive_leaves_the_first_ones_answer_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.01)
    app = Slow()
    protocol, wire = _connected(app)
    protocol.data_received(FIRST)
    await _turns()
    protocol.data_received(b"GET /second HTTP/1.1\r\nhost")
    await asyncio.sleep(0.05)
    assert b"".join(wire.writes).endswith(b"begin\r\n")
    app.go.set()
    await _turns()
    assert b"".join(wire.writes).endswith(WHOLE)
    assert wire.is_closing()


async def test_a_body_that_breaks_behind_its_complete_answer_only_ends_the_connection() -> None:
    protocol, wire = _connected(parts(b"refused"))
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
    await _turns()
    protocol.data_received(b"zz\r\n")
    await _turns()
    assert b"".join(wire.writes).count(b"HTTP/1.1") == 1
    assert wire.is_closing()


async def test_who_leaves_with_several_requests_under_way_leaves_them_all() -> None:
    app = Slow()
    protocol, wire = _connected(app)
    protocol.data_received(FIRST + FIRST.replace(b"first", b"second"))
    await _turns()
    protocol.connection_lost(None)
    await _turns()
    assert app.left == ["/first"]
    app.go.set()
    await _turns()
    assert app.seen == ["/first"]
    assert wire.closed_after is not None


class Taking:
    """An application that takes requests as they are."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes, str]] = []

    async def __call__(self, _scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("this is for what is no request")

    async def answer(self, request: Any, way: Any) -> None:
        self.asked.append((request.method, request.path, request.query, request.headers["x-one"]))
        way.begin(200, "x-told: yes\r\n", 4)
        way.end(b"here")


async def test_an_application_that_takes_requests_as_they_are_gets_them_so() -> None:
    app = Taking()
    protocol, wire = _connected(app)
    protocol.app, protocol._answer = app, app.answer
    protocol.data_received(b"GET /a%20b?c HTTP/1.1\r\nhost: x\r\nX-One: first\r\nx-one: \xe9\r\n\r\n")
    await _turns()
    assert app.asked == [("GET", "/a b", b"c", "é")]
    assert wire.writes == [b"HTTP/1.1 200 OK\r\nx-told: yes\r\ncontent-length: 4\r\n\r\nhere"]


def test_the_proxy_is_given_requests_as_they_are(tmp_path: Path) -> None:
    config = uvicorn_config(create_app(load({"OPENAI_API_KEY": "any"}, cwd=tmp_path), Learned(None)))
    config.load()
    assert hasattr(config.loaded_app, "answer")
