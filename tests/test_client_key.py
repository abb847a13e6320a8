"""With ANTHROPIC_API_KEY set, exactly that key opens the proxy, in either header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, say
from tests.messages_api import HELLO, envelope
from tests.proxy_process import proxy_for


@pytest.fixture(scope="module")
def locked(module_backend: Backend) -> Iterator[httpx2.Client]:
    """A proxy that demands a client key."""
    key = {"ANTHROPIC_API_KEY": "sk-clients-only", "HOST": "127.0.0.1"}
    with proxy_for(module_backend, **key) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "sk-clients-only"},
        {"authorization": "Bearer sk-clients-only"},
        {"authorization": "bearer sk-clients-only"},
    ],
    ids=["x-api-key", "Bearer", "bearer"],
)
def test_the_right_key_comes_in(locked: httpx2.Client, backend: Backend, path: str, headers: dict[str, str]) -> None:
    backend.play([say("hello")])
    assert locked.post(path, json=HELLO, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/v1/messages", "/v1/models", "/test-connection"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": "wrong"},
        {"authorization": "Bearer wrong"},
        {"x-api-key": "sk-clients-onl"},
        {"x-api-key": "ключ".encode()},
    ],
    ids=["none", "wrong x-api-key", "wrong Bearer", "a part of it", "not ASCII"],
)
def test_a_wrong_key_stays_outside(locked: httpx2.Client, backend: Backend, path: str, headers: dict[str, Any]) -> None:
    method = "POST" if "messages" in path else "GET"
    reply = locked.request(method, path, json=HELLO, headers=headers)
    assert envelope(reply)[:2] == (401, "authentication_error")
    assert reply.headers["x-should-retry"] == "false"
    assert backend.chats == []


@pytest.mark.parametrize("path", ["/", "/v1", "/health"])
def test_probes_need_no_key(locked: httpx2.Client, path: str) -> None:
    reply = locked.get(path)
    assert reply.status_code == 200
    assert "sk-clients-only" not in reply.text
