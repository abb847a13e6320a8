"""Where an answer goes: the client gets the form it asked for, whatever form the backend's answer has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.asgi import running
from tests.messages_api import HELLO, envelope, events
from tests.raw_backend import (
    DONE,
    SSE,
    USAGE,
    Asked,
    chunk,
    completion,
    data,
    head,
    piece,
    raw_backend,
    stream_head,
    whole,
)

from claude_code_proxy import sinks

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
FRAMES = chunk("Hel") + chunk("lo") + chunk(finish="stop") + USAGE + DONE


def hello(*, stream: bool) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "stream": stream}


def said(reply: Any, *, stream: bool) -> tuple[str, int, str]:
    """Return text, output tokens and stop reason."""
    assert reply.status_code == 200, reply.text
    if not stream:
        body = reply.json()
        return body["content"][0]["text"], body["usage"]["output_tokens"], body["stop_reason"]
    told = events(reply)
    assert told[-1]["type"] == "message_stop", told[-1]
    text = "".join(event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta")
    return text, told[-2]["usage"]["output_tokens"], told[-2]["delta"]["stop_reason"]


FORMS: dict[str, bytes] = {
    "JSON": whole(completion("Hello")),
    "JSON with a charset": whole(completion("Hello"), kind="application/json; charset=utf-8"),
    "JSON in gzip": whole(completion("Hello"), zipped=True),
    "JSON until the connection closes": head() + json.dumps(completion("Hello")).encode(),
    "a stream": stream_head() + piece(FRAMES) + piece(b""),
    "a stream with a charset": whole(FRAMES, kind=SSE + "; charset=utf-8"),
    "a stream in gzip": whole(FRAMES, kind=SSE, zipped=True),
    "a stream byte by byte": stream_head() + b"".join(piece(bytes([byte])) for byte in FRAMES) + piece(b""),
    "a stream called JSON": whole(FRAMES, kind="application/json"),
    "a stream called JSON, comments first": whole(b": hello\n\n" + FRAMES, kind="application/json"),
    "a stream until the connection closes": head(200, SSE) + FRAMES,
}
NAMELESS = {
    "a stream called text": whole(FRAMES, kind="text/plain"),
    "a stream called nothing": whole(FRAMES, kind=""),
}


@pytest.mark.parametrize("form", FORMS)
@BOTH
async def test_every_form_of_an_answer_serves_both_kinds_of_client(form: str, *, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        asked.send(FORMS[form])
        if "closes" in form:
            asked.close()

    async with raw_backend(play) as backend, running(backend) as app:
        assert said(await app.post(hello(stream=stream)), stream=stream) == ("Hello", 7, "end_turn")


@pytest.mark.parametrize("form", NAMELESS)
async def test_a_stream_that_was_asked_for_needs_no_name(form: str) -> None:
    async def play(asked: Asked) -> None:
        asked.send(NAMELESS[form])

    async with raw_backend(play) as backend, running(backend) as app:
        assert said(await app.post(hello(stream=True)), stream=True)[0] == "Hello"


NONSENSE: dict[str, bytes] = {
    "no JSON": whole(b"Hello?"),
    "a number": whole(5),
    "a list": whole([]),
    "an object of nothing": whole({}),
    "null choices": whole({"choices": None}),
    "choices of a wrong type": whole({"choices": "many"}),
    "a stream of nonsense": whole(data(b"{nonsense") + DONE, kind=SSE),
    "a stream of numbers": whole(data(5) + data(6) + DONE, kind=SSE),
    "no bytes": whole(b"", kind=SSE),
    "nothing but its end": whole(DONE, kind=SSE),
    "arrays in arrays": whole(b"[" * 100_000 + b"]" * 100_000),
    "arrays in arrays, streamed": whole(data(b"[" * 100_000 + b"]" * 100_000), kind=SSE),
}


@pytest.mark.parametrize("form", NONSENSE)
@BOTH
async def test_nonsense_is_an_api_error_and_no_answer(form: str, *, stream: bool) -> None:
    async def play(asked: Asked) -> None:
        asked.send(NONSENSE[form])

    async with raw_backend(play) as backend, running(backend) as app:
        status, kind, _ = envelope(await app.post(hello(stream=stream)))
    assert (status >= 500, kind) == (True, "api_error")


@pytest.mark.parametrize("form", ["JSON", "a stream"])
async def test_a_whole_answer_has_a_limit(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Memory is bounded: a backend that never ends can't fill it."""
    monkeypatch.setattr(sinks, "_MAX_ANSWER", 100_000)
    sent = 0

    async def play(asked: Asked) -> None:
        nonlocal sent
        part = b" " * 10_000 if form == "JSON" else chunk("word " * 2000)
        asked.send(head(200, "application/json" if form == "JSON" else SSE))
        while sent < 100_000_000 and not asked.writer.is_closing():
            asked.send(part)
            sent += len(part)
            await asked.writer.drain()

    async with raw_backend(play) as backend, running(backend) as app:
        status, kind, message = envelope(await app.post(hello(stream=False)))
    assert (status, kind) == (502, "api_error")
    assert "larger" in message
    assert sent < 100_000_000


async def test_a_large_answer_is_passed_on() -> None:
    text = "word " * 400_000

    async def play(asked: Asked) -> None:
        asked.send(whole(completion(text), zipped=True))

    async with raw_backend(play) as backend, running(backend) as app:
        for stream in (True, False):
            assert said(await app.post(hello(stream=stream)), stream=stream)[0] == text


async def test_a_huge_line_of_a_stream_is_read() -> None:
    text = "x" * 2_000_000

    async def play(asked: Asked) -> None:
        asked.send(whole(chunk(text) + chunk(finish="stop") + DONE, kind=SSE))

    async with raw_backend(play) as backend, running(backend) as app:
        assert said(await app.post(hello(stream=True)), stream=True)[0] == text
