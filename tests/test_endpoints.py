"""Every endpoint of the contract, on a real proxy process in front of a scripted backend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx2
import pytest
from tests.asgi import running
from tests.backend import Backend, Gate, Text, answer, say
from tests.messages_api import HELLO, envelope, events
from tests.proxy_process import ProxyProcess, proxy_for

# -- /v1/messages -------------------------------------------------------------------------------------------------------

PATHS = ("/v1/messages", "/v1/messages/", "/v1/messages?beta=true", "/v1/v1/messages", "/v1/v1/messages/?beta=true")


@pytest.mark.parametrize("path", PATHS)
def test_messages_answers_under_every_path(backend: Backend, http: httpx2.Client, path: str) -> None:
    backend.play([say("hello")])
    message = http.post(path, json=HELLO).json()
    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", "gpt-5.4")
    assert (message["stop_reason"], message["stop_sequence"]) == ("end_turn", None)
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (1200, 34)
    assert backend.illegal == []


@pytest.mark.parametrize("path", PATHS)
def test_messages_streams_under_every_path(backend: Backend, http: httpx2.Client, path: str) -> None:
    backend.play([say("hello", size=2)])
    reply = http.post(path, json={**HELLO, "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    told = [event for event in events(reply) if event["type"] != "ping"]
    assert [told[0]["type"], told[-2]["type"], told[-1]["type"]] == ["message_start", "message_delta", "message_stop"]
    deltas = [event["delta"]["text"] for event in told if event["type"] == "content_block_delta"]
    assert deltas == ["he", "ll", "o"]
    assert told[0]["message"]["model"] == "gpt-5.4"
    assert told[-2]["usage"]["output_tokens"] == 34


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21", None])
def test_every_api_version_is_served(backend: Backend, http: httpx2.Client, version: str | None) -> None:
    backend.play([say("hello")])
    headers = {"anthropic-version": version} if version else {}
    assert http.post("/v1/messages", json=HELLO, headers=headers).status_code == 200


def test_unknown_fields_betas_and_headers_are_accepted(backend: Backend, http: httpx2.Client) -> None:
    backend.play([say("hello")])
    unknown = {
        "frobnicate": {"deep": [1]},
        "service_tier": "auto",
        "container": "c_1",
        "metadata": {"user_id": "x" * 190},
    }
    headers = {"anthropic-beta": "nobody-knows-2099-01-01", "x-app": "cli"}
    assert http.post("/v1/messages", json={**HELLO, **unknown}, headers=headers).status_code == 200
    assert backend.illegal == []


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("claude-opus-5", "big/model"),
        ("claude-sonnet-5", "middle/model"),
        ("claude-3-5-haiku-latest", "small/model"),
        ("claude-nobody-knows", "big/model"),
        ("anthropic/claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("gpt-4.1", "gpt-4.1"),
        ("deepseek-chat", "deepseek-chat"),
    ],
)
def test_models_go_where_the_contract_says(tiers: httpx2.Client, backend: Backend, asked: str, sent: str) -> None:
    backend.play([say("hello")])
    message = tiers.post("/v1/messages", json={**HELLO, "model": asked}).json()
    assert message["model"] == asked
    assert backend.chats[0].model == sent


@pytest.fixture(scope="module")
def tiers(module_backend: Backend) -> Iterator[httpx2.Client]:
    names = {"BIG_MODEL": "big/model", "MIDDLE_MODEL": "middle/model", "SMALL_MODEL": "small/model"}
    headers = {"CUSTOM_HEADER_X_TEAM": "blue"}
    with (
        proxy_for(module_backend, **names, **headers) as proxy,
        httpx2.Client(base_url=proxy.url, trust_env=False) as client,
    ):
        yield client


def test_custom_headers_reach_the_backend(tiers: httpx2.Client, backend: Backend) -> None:
    backend.play([say("hello")])
    tiers.post("/v1/messages", json=HELLO)
    assert backend.chats[0].headers["x-team"] == "blue"


def test_azure_is_asked_the_azure_way(backend: Backend) -> None:
    backend.play([say("hello")])
    settings = {"OPENAI_BASE_URL": backend.root, "AZURE_API_VERSION": "2026-01-01", "BIG_MODEL": "my-deployment"}
    with proxy_for(backend, **settings) as proxy:
        message = httpx2.post(
            f"{proxy.url}/v1/messages", json={**HELLO, "model": "claude-opus-5"}, trust_env=False
        ).json()
    asked = backend.chats[0]
    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert asked.path == "/openai/deployments/my-deployment/chat/completions"
    assert asked.query == {"api-version": "2026-01-01"}
    assert asked.headers["api-key"] == backend.key
    assert "authorization" not in asked.headers


# -- counting and models ------------------------------------------------------------------------------------------------

COUNT_PATHS = tuple(path.replace("messages", "messages/count_tokens") for path in PATHS)


@pytest.mark.parametrize("path", COUNT_PATHS)
def test_count_tokens_counts_under_every_path_and_asks_nobody(backend: Backend, http: httpx2.Client, path: str) -> None:
    counted = http.post(path, json={"model": "gpt-5.4", "messages": HELLO["messages"]}).json()
    assert list(counted) == ["input_tokens"]
    assert 0 < counted["input_tokens"] < 50
    assert backend.chats == []


def test_count_tokens_counts_system_tools_and_history(http: httpx2.Client) -> None:
    def count(**more: Any) -> int:
        return int(http.post("/v1/messages/count_tokens", json={**HELLO, **more}).json()["input_tokens"])

    tool = {"name": "look", "description": "word " * 50, "input_schema": {"type": "object", "properties": {}}}
    longer = [*HELLO["messages"], {"role": "assistant", "content": "word " * 50}, {"role": "user", "content": "go on"}]
    assert min(count(system="word " * 50), count(tools=[tool]), count(messages=longer)) >= count() + 40


def test_models_are_listed_in_anthropics_shape(http: httpx2.Client) -> None:
    listed = http.get("/v1/models?limit=1000").json()
    assert {"data", "has_more", "first_id", "last_id"} <= set(listed)
    assert [set(entry) >= {"type", "id", "display_name", "created_at"} for entry in listed["data"]] == [True] * len(
        listed["data"]
    )
    assert listed["first_id"] == listed["data"][0]["id"]
    one = listed["data"][-1]
    assert http.get(f"/v1/models/{one['id']}").json() == one


def test_an_unknown_model_is_not_found(http: httpx2.Client) -> None:
    assert envelope(http.get("/v1/models/nobody-knows-99"))[:2] == (404, "not_found_error")


# -- probes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/v1", "/health"])
def test_probes_answer(http: httpx2.Client, path: str, method: str) -> None:
    reply = http.request(method, path)
    assert reply.status_code == 200
    assert bool(reply.content) == (method == "GET")
    assert reply.headers["request-id"]


def test_the_root_says_what_it_is_and_no_secret(backend: Backend, http: httpx2.Client) -> None:
    told = http.get("/")
    assert told.json()["name"] == "claude-code-proxy"
    assert told.json()["version"]
    assert "small_model" in told.text
    assert backend.key not in told.text


# -- errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/nothing", "/v1/messages/batches", "/v1/files", "/v1/messages/other", "/v1/complete"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_paths_are_not_found(http: httpx2.Client, path: str, method: str) -> None:
    assert envelope(http.request(method, path))[:2] == (404, "not_found_error")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/messages", "POST"),
        ("DELETE", "/v1/messages", "POST"),
        ("GET", "/v1/messages/count_tokens", "POST"),
        ("POST", "/health", "GET"),
        ("POST", "/v1/models", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(http: httpx2.Client, method: str, path: str, allowed: str) -> None:
    reply = http.request(method, path)
    assert envelope(reply)[:2] == (405, "invalid_request_error")
    assert allowed in reply.headers["allow"]


# -- request ids ----------------------------------------------------------------------------------------------------------


def test_request_ids_are_all_different(backend: Backend, http: httpx2.Client) -> None:
    backend.play(lambda _: say("hello"))
    asked = [("GET", "/"), ("HEAD", "/v1"), ("GET", "/nothing"), ("GET", "/v1/messages"), ("GET", "/test-connection")]
    ids = [http.request(method, path).headers["request-id"] for method, path in asked]
    ids += [
        http.post("/v1/messages", json={**HELLO, **more}).headers["request-id"]
        for more in ({}, {"stream": True}, {"model": 5})
    ]
    assert len(set(ids)) == len(ids)
    assert [name[:4] for name in ids] == ["req_"] * len(ids)


# -- many at once -----------------------------------------------------------------------------------------------------------


async def test_a_hundred_streams_wait_for_nobody(backend: Backend, proxy: ProxyProcess) -> None:
    """Each answer stops after its first words until every client has read its own: one that waits for another never ends."""
    number, gate = 100, Gate()
    backend.play(
        lambda received: answer(Text(f"begin {received.prompt} "), gate, Text(f"end {received.prompt}"), size=6)
    )
    begun: set[int] = set()

    async def one(client: aiohttp.ClientSession, name: int) -> str:
        body = {**HELLO, "stream": True, "messages": [{"role": "user", "content": f"#{name}"}]}
        said = ""
        async with client.post(f"{proxy.url}/v1/messages", json=body) as reply:
            assert reply.status == 200
            async for line in reply.content:
                if line.startswith(b"data: "):
                    said += json.loads(line[6:]).get("delta", {}).get("text", "")
                if said.startswith(f"begin #{name} "):
                    begun.add(name)
                    _ = gate.open() if len(begun) == number else None
        return said

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as client:
        told = await asyncio.gather(*(one(client, name) for name in range(number)))
    assert told == [f"begin #{name} end #{name}" for name in range(number)]
    assert backend.illegal == []


async def test_who_looks_at_the_root_makes_nobody_count(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no key, so it may cost nothing."""
    asked: list[str] = []

    async def count(_self: object, _backend: object, identity: str, _body: object) -> int:
        asked.append(identity)
        return 0

    monkeypatch.setattr("claude_code_proxy.backends.exact.ExactCounts.count", count)
    async with running(backend) as app:
        assert (await app.get("/")).status_code == 200
        assert asked == []
        await app.post(HELLO, "/v1/messages/count_tokens")
        assert len(asked) == 1
