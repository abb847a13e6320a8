"""Local servers that count for nothing are asked; nobody else is, nobody for long, and a fault is an estimate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from claude_code_proxy.backends import exact
from claude_code_proxy.backends.exact import ExactCounts, is_local
from claude_code_proxy.config import Backend

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, "max_tokens": 5}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/v1",
        "http://localhost/v1",
        "http://[::1]:8000/v1",
        "http://192.168.1.7:8000/v1",
        "http://gpu:8000/v1",
        "http://gpu.local/v1",
    ],
)
def test_this_machine_and_its_network_are_local(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "https://vllm.example.com/v1", "http://8.8.8.8/v1"])
def test_what_may_cost_something_is_not(url: str) -> None:
    assert not is_local(url)


@contextlib.asynccontextmanager
async def serving(answer: Any, *, status: int = 200, late: float = 0) -> AsyncIterator[tuple[Backend, list[Any]]]:
    """A server that answers every POST like this, and the list of what it was asked."""
    asked: list[Any] = []

    async def reply(request: web.Request) -> web.Response:
        asked.append((request.path, await request.json()))
        await asyncio.sleep(late)
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", reply)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Backend(name="b", base_url=f"{site.name}/v1", key="x"), asked
    finally:
        await runner.cleanup()


async def counted(backend: Backend, identity: str, times: int = 1) -> list[int]:
    async with aiohttp.ClientSession() as session:
        counts = ExactCounts(session)
        return [await counts.count(backend, identity, BODY) for _ in range(times)]


@pytest.mark.parametrize(
    ("identity", "path", "answer"),
    [
        ("llamacpp", "/v1/chat/completions/input_tokens", {"input_tokens": 351, "object": "response.input_tokens"}),
        ("vllm", "/tokenize", {"count": 351, "max_model_len": 8192, "tokens": [1, 2]}),
    ],
)
async def test_a_server_that_counts_is_believed(identity: str, path: str, answer: Any) -> None:
    async with serving(answer) as (backend, asked):
        assert await counted(backend, identity) == [351]
    assert [where for where, _ in asked] == [path]
    assert asked[0][1] == {"model": "m", "messages": BODY["messages"], "add_generation_prompt": True}


@pytest.mark.parametrize("answer", [{}, [], "x", {"count": "many"}, {"input_tokens": -5}])
async def test_an_answer_that_is_no_count_is_none(answer: Any) -> None:
    async with serving(answer) as (backend, _):
        assert await counted(backend, "vllm") == [0]


async def test_one_that_knows_no_such_path_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving({}, status=404) as (backend, asked):
        assert await counted(backend, "llamacpp", 3) == [0, 0, 0]
    assert len(asked) == 1


async def test_one_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_LONGEST", 0.05)
    async with serving({"count": 5}, late=1) as (backend, asked):
        assert await counted(backend, "vllm", 2) == [0, 0]
    assert len(asked) == 1


async def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_LARGEST", 100_000)
    async with serving({"count": 5, "tokens": [7] * 100_000}) as (backend, asked):
        assert await counted(backend, "vllm", 2) == [0, 0]
    assert len(asked) == 1


@pytest.mark.parametrize("identity", ["", "openai", "ollama", "lmstudio"])
async def test_others_are_not_asked(identity: str) -> None:
    async with serving({"count": 5}) as (backend, asked):
        assert await counted(backend, identity) == [0]
    assert asked == []


async def test_one_that_is_gone_costs_nothing_but_the_estimate() -> None:
    assert await counted(Backend(name="b", base_url="http://127.0.0.1:9/v1", key="x"), "vllm") == [0]
