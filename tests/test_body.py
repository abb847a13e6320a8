"""The body of a request: any bytes give a request, a 400 that names the fault, or a 413; never anything else."""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import zlib
from typing import Any

import pytest
from tests.asgi import App, Reply, running
from tests.backend import Backend, say
from tests.messages_api import HELLO, envelope

from claude_code_proxy.body import decoded
from claude_code_proxy.errors import ClientError

JSON = {"content-type": "application/json"}


def said(text: str) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "messages": [{"role": "user", "content": text}]}


async def told(app: App, body: bytes, **headers: str) -> tuple[int, str, str]:
    reply = await app.post(body, headers={**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}})
    return envelope(reply)


# -- JSON ---------------------------------------------------------------------------------------------------------------

NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \n",
    "half an object": b'{"model": "x"',
    "a comment": b"{} // hello",
    "two objects": b"{}{}",
    "single quotes": b"{'model': 'x'}",
    "NaN": b'{"temperature": NaN}',
    "NaN beside half a surrogate pair": b'{"temperature": NaN, "x": "\\ud83d"}',
    "Infinity beside half a surrogate pair": b'{"temperature": -Infinity, "x": "\\uD83D"}',
    "a number of 10,000 digits beside half a surrogate pair": b'{"x": ' + b"1" * 10_000 + b', "y": "\\ud83d"}',
    "UTF-16": '{"model": "x"}'.encode("utf-16"),
    "Latin-1": '{"model": "modèle"}'.encode("latin-1"),
    "a surrogate as bytes": b'{"model": "\xed\xa0\xbd"}',
    "an overlong slash": b'{"model": "\xc0\xaf"}',
    "invalid UTF-8 beside half a surrogate pair": b'{"model": "\xff", "x": "\\ud83d"}',
    "a bare control character": b'{"model": "a\nb"}',
    "a null byte": b"\x00",
    "10,000 arrays": b'{"messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 open arrays": b"[" * 10_000,
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 arrays beside half a surrogate pair": b'{"x": "\\ud83d", "y": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a form": b"model=x&max_tokens=1",
}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("fault", NO_JSON)
async def test_what_is_no_json_is_the_clients_fault(backend: Backend, fault: str, path: str) -> None:
    async with running(backend) as app:
        status, kind, _ = envelope(await app.post(NO_JSON[fault], path))
        assert (status, kind) == (400, "invalid_request_error")
        assert "bug" not in app.lines()
    assert backend.chats == []


async def test_the_place_of_the_fault_is_told(backend: Backend) -> None:
    async with running(backend) as app:
        assert "byte 11" in (await told(app, b'{"model": "x'))[2] or "truncated" in (await told(app, b'{"a": "x'))[2]
        assert "UTF-8" in (await told(app, b'{"model": "\xff"}'))[2]


HALVES: dict[str, str] = {
    "a lone high half": "cut \ud83d",
    "a lone low half": "\ude00 cut",
    "two high halves": "\ud83d\ud83d",
    "halves in the wrong order": "\ude00\ud83d",
    "a half beside a whole pair": "\ud83d 😀",
}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("upper", [True, False], ids=["\\uD83D", "\\ud83d"])
async def test_halves_of_surrogate_pairs_are_accepted(backend: Backend, half: str, *, upper: bool) -> None:
    """JavaScript cuts strings between the two; the text around them must not be lost."""
    backend.play([say("hello")])
    raw = json.dumps(said(f"before {HALVES[half]} after"))
    raw = raw.replace("\\ud", "\\uD") if upper else raw
    async with running(backend) as app:
        assert (await app.post(raw.encode())).status_code == 200
    sent = backend.chats[0].prompt
    assert sent.startswith("before ")
    assert sent.endswith(" after")
    assert ("😀" in sent) == ("😀" in HALVES[half])
    sent.encode()


@pytest.mark.parametrize("stream", [True, False])
async def test_half_a_character_is_told(backend: Backend, *, stream: bool) -> None:
    backend.play([say("hello")])
    async with running(backend) as app:
        whole = await app.post({**said("a pair: 😀"), "stream": stream})
        half = await app.post(json.dumps({**said("half: \ud83d"), "stream": stream}).encode())
    assert "half-character" not in whole.headers.get("x-proxy-notes", "")
    assert "half-character" in half.headers["x-proxy-notes"]


async def test_a_text_that_only_looks_like_half_a_pair_is_untouched(backend: Backend) -> None:
    backend.play([say("hello")])
    text = 'a regex: [\\ud800-\\udbff], a pair: 😀, a quote: "\\uD83D"'
    async with running(backend) as app:
        assert (await app.post(json.dumps(said(text)).encode())).status_code == 200
    assert backend.chats[0].prompt == text


async def test_numbers_beyond_all_bounds_are_the_clients_fault(backend: Backend) -> None:
    async with running(backend) as app:
        for number in ("1e400", "-1", "1" * 5000, "1.5", "-1e99", "true", '"1"'):
            raw = json.dumps({**HELLO, "max_tokens": "NUMBER"}).replace('"NUMBER"', number).encode()
            assert (await told(app, raw))[:2] == (400, "invalid_request_error"), number
        assert "bug" not in app.lines()


async def test_deep_nesting_within_json_is_a_request_or_a_400(backend: Backend) -> None:
    """Deeper than any schema, not deep enough for the decoder to refuse."""
    backend.play(lambda _: say("hello"))
    async with running(backend) as app:
        for depth in (100, 400, 900):
            deep: Any = "x"
            for _ in range(depth):
                deep = {"type": "object", "properties": {"a": deep}} if depth < 400 else [deep]
            tools = [{"name": "t", "input_schema": {"type": "object", "properties": {"a": deep}}}]
            history = [
                *HELLO["messages"],
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "t", "input": {"a": deep}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]},
            ]
            for more in ({"tools": tools}, {"messages": history}, {"frobnicate": deep}, {"system": deep}):
                reply = await app.post({**HELLO, "model": "local-model", **more})
                assert reply.status_code in (200, 400), reply.text
        assert "bug" not in app.lines()


# -- size ---------------------------------------------------------------------------------------------------------------

MEGABYTE = 1024 * 1024


async def large(app: App, size: int, **headers: str) -> Reply:
    body = json.dumps({**HELLO, "model": "local-model", "messages": [{"role": "user", "content": "x" * size}]}).encode()
    return await app.post(gzip.compress(body) if headers else body, headers={**JSON, **headers})


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
async def test_a_body_up_to_the_limit_is_taken(backend: Backend, *, packed: bool) -> None:
    backend.play(lambda _: say("hello"))
    headers = {"content-encoding": "gzip"} if packed else {}
    async with running(backend, MAX_BODY_MB="1") as app:
        assert (await large(app, MEGABYTE - 1000, **headers)).status_code == 200
        assert envelope(await large(app, MEGABYTE + 1, **headers))[:2] == (413, "request_too_large")


async def test_a_declared_length_is_refused_unread(backend: Backend) -> None:
    async with running(backend, MAX_BODY_MB="1") as app:
        talk = app.start(b"", headers={**JSON, "content-length": str(2 * MEGABYTE)}, sent=False)
        assert (await talk.reply()).status_code == 413


@pytest.mark.parametrize("length", ["many", "-1", "²", "9" * 5000, "1_000"])
async def test_a_length_that_is_none_is_not_believed(backend: Backend, length: str) -> None:
    backend.play([say("hello")])
    async with running(backend) as app:
        reply = await app.post(said("hi"), headers={"content-length": length})
        assert reply.status_code in (200, 413)
        assert "bug" not in app.lines()


async def test_a_body_without_a_length_is_counted_as_it_comes(backend: Backend) -> None:
    async with running(backend, MAX_BODY_MB="1") as app:
        talk = app.start(b"{", sent=False)
        for _ in range(4):
            talk.send(b" " * (MEGABYTE // 3), last=False)
        assert (await talk.reply()).status_code == 413


async def test_the_default_limit_is_64_megabytes(backend: Backend) -> None:
    async with running(backend) as app:
        status, _, message = await told(app, b"", content_length=str(64 * MEGABYTE + 1))
    assert status == 413
    assert "MAX_BODY_MB" in message


async def test_a_bomb_is_not_unpacked(backend: Backend) -> None:
    """A hundred megabytes of nothing in a hundred kilobytes."""
    bomb = gzip.compress(b" " * (100 * MEGABYTE), 9)
    assert len(bomb) < MEGABYTE
    async with running(backend, MAX_BODY_MB="2") as app:
        assert (await told(app, bomb, content_encoding="gzip"))[:2] == (413, "request_too_large")


# -- encodings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gzip", "GZIP", "deflate", "identity", ""])
async def test_packed_bodies_are_read(backend: Backend, name: str) -> None:
    backend.play([say("hello")])
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}.get(name.lower(), bytes)
    async with running(backend) as app:
        reply = await app.post(pack(json.dumps(said("packed")).encode()), headers={"content-encoding": name})
    assert reply.status_code == 200
    assert backend.chats[0].prompt == "packed"


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip", "x" * 5000])
async def test_an_encoding_nobody_knows_is_told(backend: Backend, name: str) -> None:
    async with running(backend) as app:
        reply = await app.post(b"\x1b\x00", headers={"content-encoding": name})
    assert envelope(reply)[:2] == (400, "invalid_request_error")
    assert reply.json()["error"]["details"]["error_code"] == "request_body_encoding_unsupported"
    assert len(reply.content) < 1000


@pytest.mark.parametrize("name", ["gzip", "deflate"])
@pytest.mark.parametrize("kind", ["not packed", "cut"])
async def test_a_body_that_is_not_what_its_encoding_says_is_told(backend: Backend, name: str, kind: str) -> None:
    raw = json.dumps(said("hi")).encode()
    packed = gzip.compress(raw) if name == "gzip" else zlib.compress(raw)
    async with running(backend) as app:
        reply = await app.post(raw if kind == "not packed" else packed[:-20], headers={"content-encoding": name})
    assert envelope(reply)[:2] == (400, "invalid_request_error")
    assert reply.json()["error"]["details"]["error_code"] == "request_body_encoding_invalid"


@pytest.mark.parametrize("ending", [b"]", b""], ids=["whole", "cut"])
def test_a_large_body_is_read_without_looking_for_garbage_and_then_it_is_looked_for_again(ending: bytes) -> None:
    looks: list[str] = []
    seen = lambda phase, _: looks.append(phase)  # noqa: E731 - to be removed as it was added
    gc.collect()
    gc.callbacks.append(seen)
    try:
        with contextlib.suppress(ClientError):
            decoded(b"[" + b",".join([b'{"a":[]}'] * 40_000) + ending)
        assert len(looks) <= 2, "one look, at what came before or after"
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(seen)
