"""The way back to one client: one status, one end, and headers that can't be made to say anything else."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from tests.asgi import running
from tests.backend import Backend, Pause, Text, answer, say
from tests.messages_api import HELLO, envelope, events

from claude_code_proxy.channel import Captive, Channel, error_headers
from claude_code_proxy.errors import ClientError, UpstreamError
from claude_code_proxy.way import Sending
from claude_code_proxy.wire.anthropic import PING


class Wire:
    """What was sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def ends(self) -> list[bool]:
        return [not message.get("more_body") for message in self.messages if message["type"] == "http.response.body"]


async def test_a_ping_that_comes_after_the_end_is_not_sent() -> None:
    """The clock starts pings in tasks of their own: one may get its turn when the answer is already out."""
    wire = Wire()
    channel = Channel(Sending(wire), "req_1")
    late = asyncio.ensure_future(channel.stream(PING))
    await channel.fail(UpstreamError("it broke", status=503))
    await late
    assert b"ping" not in wire.body
    assert wire.ends == [True]
    assert channel.ended


async def test_an_error_after_the_end_is_not_sent() -> None:
    wire = Wire()
    channel = Channel(Sending(wire), "req_1")
    await channel.stream(b"data\n\n", last=True)
    await channel.fail(UpstreamError("too late"))
    assert wire.ends == [True]
    assert b"too late" not in wire.body


async def test_an_error_is_a_status_first_and_an_event_later() -> None:
    early, late = Wire(), Wire()
    await Channel(Sending(early), "req_1").fail(ClientError("no", path="model"))
    streaming = Channel(Sending(late), "req_1")
    await streaming.stream(b"event: x\n\n")
    await streaming.fail(ClientError("no", path="model"))
    assert (early.messages[0]["status"], late.messages[0]["status"]) == (400, 200)
    assert late.body.startswith(b"event: x\n\nevent: error\n")
    assert late.ends == [False, True]


@pytest.mark.parametrize(
    ("seconds", "header"), [(0.2, "1"), (7, "7"), (59.1, "60"), (1234.5, "1235"), (86400, "86400")]
)
def test_retry_after_is_whole_seconds(seconds: float, header: str) -> None:
    assert error_headers(UpstreamError("wait", status=429, retry_after=seconds))["retry-after"] == header


@pytest.mark.parametrize("seconds", [0, -3])
def test_a_wait_that_is_none_is_left_to_the_client(seconds: float) -> None:
    assert error_headers(UpstreamError("wait", status=429, retry_after=seconds)) == {}


def test_whether_to_ask_again_is_said_only_when_known() -> None:
    assert error_headers(UpstreamError("?")) == {}
    assert error_headers(UpstreamError("no", should_retry=False)) == {"x-should-retry": "false"}
    assert error_headers(UpstreamError("yes", should_retry=True)) == {"x-should-retry": "true"}


async def test_a_captive_keeps_its_answer() -> None:
    captive = Captive("req_1")
    await captive.json(200, {"content": [1, "ü"]})
    assert captive.answer == {"content": [1, "ü"]}


# -- headers ------------------------------------------------------------------------------------------------------------

EVIL = {
    "a line break": "gpt\r\nset-cookie: a=b",
    "a bare line feed": "gpt\nx-evil: 1",
    "a bare carriage return": "gpt\rx-evil: 1",
    "a null": "gpt\x00evil",
    "an escape": "gpt\x1b[2J",
    "another alphabet": "модель-四",
    "an emoji": "model-🚀",
    "a C1 control": "gpt\x85x-evil: 1",
    "a line separator": "gpt\u2028x-evil: 1",
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("name", EVIL)
def test_a_model_name_adds_no_header(backend: Backend, http: httpx2.Client, name: str, *, stream: bool) -> None:
    backend.play([say("hello")])
    plain = http.post("/v1/messages", json={**HELLO, "stream": stream, "model": "gpt"})
    backend.play([say("hello")])
    reply = http.post("/v1/messages", json={**HELLO, "stream": stream, "model": EVIL[name]})
    assert reply.status_code == 200
    assert set(reply.headers) == set(plain.headers)
    assert all(character.isprintable() for value in reply.headers.values() for character in value)
    assert backend.chats[1].model == EVIL[name]
    told = events(reply)[0]["message"]["model"] if stream else reply.json()["model"]
    assert told == EVIL[name]


def test_a_long_model_name_makes_no_long_header(backend: Backend, http: httpx2.Client) -> None:
    """Clients refuse responses whose headers are too long."""
    backend.play([say("hello")])
    reply = http.post("/v1/messages", json={**HELLO, "model": "m" * 100_000})
    assert reply.status_code == 200
    assert max(len(value) for value in reply.headers.values()) < 1000


@pytest.mark.parametrize("name", EVIL)
def test_a_model_name_changes_no_address(backend: Backend, http: httpx2.Client, name: str) -> None:
    backend.play([say("hello")])
    http.post("/v1/messages", json={**HELLO, "model": EVIL[name]})
    assert backend.chats[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("name", EVIL)
def test_a_model_name_in_a_path_is_only_not_found(http: httpx2.Client, name: str) -> None:
    reply = http.get(f"/v1/models/{quote(EVIL[name])}")
    assert envelope(reply)[:2] == (404, "not_found_error")
    assert "x-evil" not in reply.headers


async def test_answers_are_not_buffered_on_their_way(backend: Backend) -> None:
    backend.play([answer(Text("hello"))])
    async with running(backend) as app:
        headers = (await app.post({**HELLO, "stream": True})).headers
    assert headers["x-accel-buffering"] == "no"
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_which_backend_answered_and_what_was_changed_is_in_headers(backend: Backend, *, stream: bool) -> None:
    backend.play([say("hello")])
    async with running(backend) as app:
        headers = (await app.post({**HELLO, "model": "local-model", "stream": stream, "speed": "fast"})).headers
    assert headers["x-proxy-backend"] == "default/local-model"
    assert "parameter-ignored" in headers["x-proxy-notes"].split(",")


async def test_what_is_noted_late_is_logged_and_the_stream_has_events_only(backend: Backend) -> None:
    backend.play([answer(Text("hello"), Pause(0.05), Text(" you"), usage=None)])
    async with running(backend) as app:
        reply = await app.post({**HELLO, "stream": True, "speed": "fast"})
    assert reply.headers["x-proxy-notes"] == "parameter-ignored"
    assert all(frame.startswith("event: ") for frame in reply.content.decode().split("\n\n") if frame)
    assert any("usage-estimated" in line["event"] for line in app.logs)


async def test_what_a_whole_answer_notes_is_in_its_headers(backend: Backend) -> None:
    backend.play(lambda _: answer(Text("hello"), usage=None))
    async with running(backend) as app:
        reply = await app.post(HELLO)
    assert "usage-estimated" in reply.headers["x-proxy-notes"].split(",")
