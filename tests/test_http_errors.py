"""What a client is told when it, or the backend, is at fault: over HTTP, in Anthropic's envelope, with the true status."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Cut, Reply, Step, Text, answer, error
from tests.messages_api import HELLO, envelope, events

USER = {"role": "user"}
INVALID: dict[str, tuple[Any, str]] = {
    "no model": ({"max_tokens": 1, "messages": HELLO["messages"]}, "model"),
    "no messages": ({"model": "gpt-5.4", "max_tokens": 1}, "messages"),
    "no max_tokens": ({"model": "gpt-5.4", "messages": HELLO["messages"]}, "max_tokens"),
    "model of a wrong type": ({**HELLO, "model": 5}, "model"),
    "max_tokens of a wrong type": ({**HELLO, "max_tokens": "many"}, "max_tokens"),
    "negative max_tokens": ({**HELLO, "max_tokens": -1}, "max_tokens"),
    "messages of a wrong type": ({**HELLO, "messages": "hi"}, "messages"),
    "a message of a wrong type": ({**HELLO, "messages": ["hi"]}, "messages.0"),
    "content of a wrong type": ({**HELLO, "messages": [{**USER, "content": 5}]}, "messages.0.content"),
    "a block of a wrong type": ({**HELLO, "messages": [{**USER, "content": ["hi"]}]}, "messages.0.content.0"),
    "a block without a type": (
        {**HELLO, "messages": [{**USER, "content": [{"text": "hi"}]}]},
        "messages.0.content.0.type",
    ),
    "a text block without text": (
        {**HELLO, "messages": [{**USER, "content": [{"type": "text"}]}]},
        "messages.0.content.0.text",
    ),
    "tools of a wrong type": ({**HELLO, "tools": {}}, "tools"),
    "a tool without a name": ({**HELLO, "tools": [{"input_schema": {"type": "object"}}]}, "tools.0.name"),
}


@pytest.mark.parametrize("fault", INVALID)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_invalid_request_is_told_its_field(
    backend: Backend, http: httpx2.Client, fault: str, *, stream: bool
) -> None:
    body, path = INVALID[fault]
    status, kind, message = envelope(http.post("/v1/messages", json={**body, "stream": stream}))
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith(f"{path}:")
    assert backend.chats == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000], ids=lambda body: repr(body[:6])
)
def test_a_body_that_is_no_object_is_refused(http: httpx2.Client, body: bytes) -> None:
    reply = http.post("/v1/messages", content=body, headers={"content-type": "application/json"})
    assert envelope(reply)[:2] == (400, "invalid_request_error")


REFUSALS: dict[str, tuple[Step, int, str]] = {
    "bad request": (error(400, "temperature out of range"), 400, "invalid_request_error"),
    "no such model": (error(404, "The model `x` does not exist", code="model_not_found"), 404, "not_found_error"),
    "not for this country": (error(403, "Country, region, or territory not supported"), 403, "permission_error"),
    "too large": (error(413, "payload too large"), 413, "request_too_large"),
    "out of credit": (error(402, "insufficient credits"), 402, "billing_error"),
    "rate limit": (error(429, "slow down", retry_after="7"), 429, "rate_limit_error"),
    "broken": (error(500, "oops"), 500, "api_error"),
    "busy": (error(503, "busy"), 529, "overloaded_error"),
    "timed out": (error(504, "too slow"), 504, "timeout_error"),
    "no JSON": (Reply(500, "<html><title>oops</title></html>"), 500, "api_error"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusing_backend_gives_its_status(
    backend: Backend, http: httpx2.Client, refusal: str, *, stream: bool
) -> None:
    step, status, kind = REFUSALS[refusal]
    backend.play([step])
    assert envelope(http.post("/v1/messages", json={**HELLO, "stream": stream}))[:2] == (status, kind)
    assert len(backend.chats) == 1


def test_retry_after_is_handed_on(backend: Backend, http: httpx2.Client) -> None:
    backend.play([error(429, "slow down", retry_after="7")])
    assert http.post("/v1/messages", json=HELLO).headers["retry-after"] == "7"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [401, 403])
def test_the_backends_key_is_not_the_clients_fault(
    backend: Backend, http: httpx2.Client, status: int, *, stream: bool
) -> None:
    backend.play([error(status, "Incorrect API key provided: sk-***", code="invalid_api_key")])
    reply = http.post("/v1/messages", json={**HELLO, "stream": stream})
    shown, kind, message = envelope(reply)
    assert shown not in (401, 403)
    assert kind not in ("authentication_error", "permission_error")
    assert "OPENAI_API_KEY" in message
    assert reply.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_overflow_is_told_in_the_words_clients_know(backend: Backend, http: httpx2.Client, *, stream: bool) -> None:
    told = "This model's maximum context length is 128000 tokens. However, your messages resulted in 130541 tokens."
    backend.play([error(400, told, code="context_length_exceeded")])
    shown = envelope(http.post("/v1/messages", json={**HELLO, "stream": stream}))
    assert shown == (400, "invalid_request_error", "prompt is too long: 130541 tokens > 128000 maximum")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_connection_lost_before_the_answer_is_an_http_error(
    backend: Backend, http: httpx2.Client, *, stream: bool
) -> None:
    backend.play([answer(before=(Cut(),))])
    status, kind, _ = envelope(http.post("/v1/messages", json={**HELLO, "stream": stream}))
    assert status >= 500
    assert kind == "api_error"


def test_a_stream_that_breaks_ends_in_an_error_event(backend: Backend, http: httpx2.Client) -> None:
    backend.play([answer(Text("half"), Cut())])
    told = events(http.post("/v1/messages", json={**HELLO, "stream": True}))
    assert told[-1]["type"] == "error"
    assert "message_stop" not in [event["type"] for event in told]


def test_a_whole_answer_that_breaks_is_an_http_error(backend: Backend, http: httpx2.Client) -> None:
    backend.play([answer(Text("half"), Cut())])
    assert envelope(http.post("/v1/messages", json=HELLO))[0] >= 500
