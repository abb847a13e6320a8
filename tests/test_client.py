"""The HTTP client behind the proxy: connections used again, and faults of every kind named and survived."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, say
from tests.messages_api import HELLO, envelope, events
from tests.proxy_process import proxy_for
from tests.raw_backend import (
    DONE,
    SSE,
    USAGE,
    Asked,
    chunk,
    completion,
    head,
    piece,
    raw_backend,
    stream_head,
    whole,
)

from claude_code_proxy import tries
from claude_code_proxy.backends import client as client_module

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
FRAMES = chunk("hello") + chunk(finish="stop") + USAGE + DONE


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_FIRST_WAIT", 0.01)


def hello(*, stream: bool = True) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "stream": stream}


def good(asked: Asked) -> None:
    asked.send(stream_head() + piece(FRAMES) + piece(b"") if asked.body.get("stream") else whole(completion("hello")))


def ends_well(reply: Any, *, stream: bool) -> bool:
    return bool(events(reply)[-1]["type"] == "message_stop" if stream else reply.json()["type"] == "message")


# -- connections --------------------------------------------------------------------------------------------------------


@BOTH
async def test_one_connection_serves_one_request_after_the_other(*, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        good(asked)

    async with raw_backend(play, models={"data": []}) as backend, running(backend) as app:
        for _ in range(5):
            assert ends_well(await app.post(hello(stream=stream)), stream=stream)
    assert backend.connections == 1


async def test_the_end_of_a_stream_may_come_a_moment_after_its_done() -> None:
    """The answer is out by then; its connection is used again, and the request was no cancelled one."""

    async def play(asked: Asked) -> None:
        asked.send(stream_head() + piece(FRAMES))
        await asyncio.sleep(0.01)
        asked.send(piece(b""))

    async with raw_backend(play, models={"data": []}) as backend, running(backend) as app:
        for _ in range(5):
            assert ends_well(await app.post(hello()), stream=True)
        assert [line.split(" | ")[1] for line in app.lines() if "->" in line] == ["ok"] * 5
    assert backend.connections == 1


async def test_a_backend_that_never_ends_its_stream_keeps_no_client_waiting() -> None:
    async def play(asked: Asked) -> None:
        asked.send(stream_head() + piece(FRAMES))

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(3):
            assert ends_well(await asyncio.wait_for(app.post(hello()), 5), stream=True)


@BOTH
async def test_a_connection_is_used_again_after_an_error(*, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        asked.send(whole({"error": {"message": "no " * 5000}}, status=400)) if asked.number % 2 else good(asked)

    async with raw_backend(play, models={"data": []}) as backend, running(backend) as app:
        statuses = [(await app.post(hello(stream=stream))).status_code for _ in range(6)]
    assert statuses == [400, 200] * 3
    assert backend.connections == 1


async def test_a_connection_is_closed_after_a_broken_stream() -> None:
    async def play(asked: Asked) -> None:
        asked.send(stream_head() + piece(chunk("half") + b'data: {"error": {"message": "broke"}}\n\n'))

    async with raw_backend(play) as backend, running(backend) as app:
        for _ in range(3):
            assert events(await app.post(hello()))[-1]["type"] == "error"
        async with asyncio.timeout(5):
            while backend.ended < 3:  # noqa: ASYNC110 - the backend's side of a closed connection
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("retries", ["0", "2"])
@BOTH
async def test_a_pooled_connection_that_died_costs_no_request(retries: str, *, stream: bool) -> None:
    """Servers close idle connections; one that is used in that moment is no fault of the backend, whatever MAX_RETRIES."""

    async def play(asked: Asked) -> None:
        if asked.again:
            asked.reset() if asked.number % 2 else asked.close()
        else:
            good(asked)

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES=retries) as app:
        for _ in range(4):
            assert ends_well(await app.post(hello(stream=stream)), stream=stream)


async def test_a_fresh_connection_that_dies_is_a_fault() -> None:
    async def play(asked: Asked) -> None:
        asked.close()

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES="0") as app:
        status, kind, _ = envelope(await app.post(hello()))
    assert (status, kind) == (502, "api_error")
    assert len(backend.asked) == 1


# -- bytes that are no HTTP ---------------------------------------------------------------------------------------------

NO_HTTP: dict[str, bytes] = {
    "garbage": b"\x16\x03\x01\x02\x00\x01 what is this\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n",
    "a head of a megabyte": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    "a body shorter than its length": head(200, SSE, content_length="1000") + b": hi\n\n",
    "a chunk that is none": stream_head() + b"zz\r\nwhat\r\n",
    "bad gzip": head(200, content_encoding="gzip", content_length="4") + b"nope",
    "half of a gzip": head(200, content_encoding="gzip", content_length="20") + gzip.compress(b"{}" * 100)[:20],
}


@pytest.mark.parametrize("fault", NO_HTTP)
@BOTH
async def test_bytes_that_are_no_answer_are_tried_again_and_then_told(fault: str, *, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        asked.send(NO_HTTP[fault])
        asked.close()

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES="1") as app:
        status, kind, _ = envelope(await app.post(hello(stream=stream)))
        assert (status, kind) in ((502, "api_error"), (500, "api_error"))
        assert len(backend.asked) == 2
        assert "bug" not in app.lines()


@pytest.mark.parametrize("encoding", ["br", "zstd"])
async def test_an_encoding_nobody_asked_for_is_named(encoding: str) -> None:
    async def play(asked: Asked) -> None:
        asked.send(head(200, content_encoding=encoding, content_length="4") + b"\x8b\x01\x80{")

    async with raw_backend(play) as backend, running(backend, MAX_RETRIES="1") as app:
        status, kind, message = envelope(await app.post(hello()))
    assert (status, kind) == (502, "api_error")
    assert "content-encoding" in message
    assert "OPENAI_BASE_URL" not in message
    assert len(backend.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_with_the_key(status: int) -> None:
    async def play(asked: Asked) -> None:
        asked.send(whole(b"", status=status).replace(b"\r\n\r\n", b"\r\nlocation: http://127.0.0.1:9/\r\n\r\n", 1))

    async with raw_backend(play) as backend, running(backend) as app:
        shown, kind, message = envelope(await app.post(hello()))
    assert (shown, kind) == (502, "api_error")
    assert "OPENAI_BASE_URL" in message
    assert len(backend.asked) == 1


async def test_an_error_in_pieces_is_read_to_its_end() -> None:
    """What a refusal says decides what is done: half of it would be no JSON."""
    body = b'{"error": {"message": "' + b"word " * 2000 + b'prompt is too long: 9000 tokens > 8000 maximum"}}'

    async def play(asked: Asked) -> None:
        asked.send(head(400, content_length=str(len(body))))
        for at in range(0, len(body), 3000):
            await asyncio.sleep(0.01)
            asked.send(body[at : at + 3000])

    async with raw_backend(play) as backend, running(backend) as app:
        status, _, message = envelope(await app.post(hello()))
    assert status == 400
    assert message.startswith("word word")


async def test_an_error_of_many_megabytes_is_an_error() -> None:
    async def play(asked: Asked) -> None:
        asked.send(head(500, "text/plain", content_length="100000000") + b"x" * 5_000_000)

    async with raw_backend(play) as backend, running(backend) as app:
        status, kind, message = envelope(await asyncio.wait_for(app.post(hello()), 8))
    assert (status, kind) == (500, "api_error")
    assert len(message) < 5000


async def test_an_error_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_ERROR_TIMEOUT", 0.2)

    async def play(asked: Asked) -> None:
        asked.send(head(429, content_length="1000", retry_after="60") + b'{"error": ')

    async with raw_backend(play) as backend, running(backend) as app:
        reply = await asyncio.wait_for(app.post(hello()), 8)
    assert envelope(reply)[:2] == (429, "rate_limit_error")
    assert reply.headers["retry-after"] == "60"


# -- TLS ----------------------------------------------------------------------------------------------------------------


async def test_a_server_without_tls_behind_https_is_told(backend: Backend) -> None:
    async with running(backend, OPENAI_BASE_URL=backend.url.replace("http:", "https:")) as app:
        status, kind, message = envelope(await app.post(hello()))
    assert (status, kind) == (502, "api_error")
    assert "OPENAI_BASE_URL" in message
    assert "certificate" not in message


def test_certificates_are_checked() -> None:
    context = client_module._trusted()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("code", "told"),
    [(10, "has expired"), (62, "another host's"), (64, "another host's"), (18, "SSL_CERT_FILE"), (20, "SSL_CERT_FILE")],
)
def test_a_certificate_s_fault_is_named(code: int, told: str) -> None:
    fault = ssl.SSLCertVerificationError("certificate verify failed")
    fault.verify_code = code
    assert told in client_module._distrust(fault)


# -- what is sent -------------------------------------------------------------------------------------------------------


def test_a_custom_header_wins_over_the_proxys_own(backend: Backend) -> None:
    backend.play([say("hello")])
    with proxy_for(backend, CUSTOM_HEADER_USER_AGENT="mine", CUSTOM_HEADER_X_TEAM="blue") as proxy:
        _post(proxy.url)
    sent = backend.chats[0].headers
    assert (sent["user-agent"], sent["x-team"]) == ("mine", "blue")


def test_nothing_of_the_client_but_its_request_goes_to_the_backend(backend: Backend) -> None:
    """Its key, its cookies and its other headers are its own."""
    backend.play([say("hello")])
    private = {
        "x-api-key": "sk-ant-clients-own",
        "authorization": "Bearer sk-ant-clients-own",
        "cookie": "session=clients-own",
        "x-claude-code-session-id": "clients-own",
        "x-forwarded-for": "10.0.0.1",
    }
    with proxy_for(backend) as proxy:
        _post(proxy.url, private)
    asked = backend.chats[0]
    assert "clients-own" not in str(asked.headers)
    assert "10.0.0.1" not in str(asked.headers)
    assert asked.headers["authorization"] == f"Bearer {backend.key}"


def _post(url: str, headers: dict[str, str] | None = None) -> None:
    import httpx2

    assert httpx2.post(f"{url}/v1/messages", json=HELLO, headers=headers or {}, trust_env=False).status_code == 200


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        _ = client_module.Client().session


async def test_cookies_of_a_backend_are_not_kept() -> None:
    """Requests of different people go through one pool."""
    seen: list[Any] = []

    async def play(asked: Asked) -> None:
        seen.append(asked)
        asked.send(head(200, set_cookie="who=first", content_length="2") + b"{}")

    async with raw_backend(play) as backend, client_module.Client() as client:
        for _ in range(2):
            async with client.session.post(backend.url, data=b"{}") as reply:
                await reply.read()
    assert len(seen) == 2
    assert all(b"who=first" not in asked.head for asked in seen)
