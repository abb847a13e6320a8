"""What backends say of their models: read in every shape, used for limits, and never in a request's way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.asgi import App, running
from tests.messages_api import HELLO
from tests.raw_backend import SSE, Asked, completion, data, head, raw_backend, whole

from claude_code_proxy import server
from claude_code_proxy.backends import catalogue as catalogue_module
from claude_code_proxy.backends.model_lists import ModelFacts, Reasoning, read_models


async def hello(asked: Asked) -> None:
    asked.send(whole(completion("hello")))


# -- shapes -------------------------------------------------------------------------------------------------------------

SHAPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "OpenAI": (
        {"object": "list", "data": [{"id": "m", "object": "model", "created": 1_700_000_000, "owned_by": "openai"}]},
        {"created": 1_700_000_000},
    ),
    "OpenRouter": (
        {
            "data": [
                {
                    "id": "m",
                    "name": "Vendor: M",
                    "context_length": 200_000,
                    "architecture": {"input_modalities": ["text", "image"]},
                    "top_provider": {"context_length": 128_000, "max_completion_tokens": 32_000},
                    "supported_parameters": ["tools", "temperature"],
                    "reasoning": {"supported_efforts": ["low", "high"]},
                }
            ]
        },
        {
            "name": "Vendor: M",
            "window": 128_000,
            "max_output": 32_000,
            "vision": True,
            "tools": True,
            "reasoning": Reasoning(known=True, efforts=("low", "high")),
        },
    ),
    "OpenRouter, nothing known": (
        {
            "data": [
                {
                    "id": "m",
                    "context_length": 8192,
                    "architecture": {"input_modalities": ["text"]},
                    "top_provider": {"context_length": None, "max_completion_tokens": None},
                    "supported_parameters": ["temperature"],
                }
            ]
        },
        {"window": 8192, "vision": False, "tools": False, "reasoning": Reasoning(known=False)},
    ),
    "Groq": (
        {"data": [{"id": "m", "context_window": 131_072, "max_completion_tokens": 8192}]},
        {"window": 131_072, "max_output": 8192},
    ),
    "Mistral": (
        {
            "data": [
                {"id": "m", "max_context_length": 32_768, "capabilities": {"vision": False, "function_calling": True}}
            ]
        },
        {"window": 32_768, "vision": False, "tools": True},
    ),
    "vLLM": ({"data": [{"id": "m", "max_model_len": 40_960}]}, {"window": 40_960}),
    "llama.cpp": (
        {
            "models": [{"name": "m", "model": "m"}],
            "data": [{"id": "m", "meta": {"n_ctx": 4096, "n_ctx_train": 131_072}}],
        },
        {"window": 4096},
    ),
    "Together: a bare list": ([{"id": "m", "context_length": 16_384}], {"window": 16_384}),
    "Gemini, compatible": ({"data": [{"id": "models/m", "object": "model", "owned_by": "google"}]}, {}),
    "Gemini, its own": (
        {"models": [{"name": "models/m", "inputTokenLimit": 1_000_000, "outputTokenLimit": 65_536}]},
        {"window": 1_000_000, "max_output": 65_536},
    ),
    "Ollama, its own": ({"models": [{"name": "m", "model": "m"}]}, {}),
    "floats": ({"data": [{"id": "m", "context_length": 4096.0}]}, {"window": 4096}),
    "nonsense numbers": (
        {"data": [{"id": "m", "context_length": -1, "max_model_len": "many", "max_output_tokens": True}]},
        {},
    ),
    "nonsense everywhere": (
        {
            "data": [
                {
                    "id": "m",
                    "name": 5,
                    "architecture": [],
                    "top_provider": "x",
                    "capabilities": None,
                    "meta": 7,
                    "reasoning": {"supported_efforts": "high"},
                    "created": "yesterday",
                }
            ]
        },
        {},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_list_is_read(shape: str) -> None:
    answer, facts = SHAPES[shape]
    (found,) = read_models(answer)
    expected = ModelFacts(id="m", **facts)
    assert {f: getattr(found, f) for f in ModelFacts.__struct_fields__ if f != "name"} == {
        f: getattr(expected, f) for f in ModelFacts.__struct_fields__ if f != "name"
    }
    assert found.name in (expected.name, "m", "models/m")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        "x",
        [],
        {},
        {"data": {}},
        {"data": [1, None, [], {}, {"id": 5}, {"id": ""}]},
        {"error": {"message": "no"}},
    ],
)
def test_what_is_no_list_has_no_models(answer: Any) -> None:
    assert read_models(answer) == []


# -- used for limits ----------------------------------------------------------------------------------------------------


def of(**facts: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "local-model", **facts}]}


async def asked_with(models: Any, max_tokens: int, **more: Any) -> dict[str, Any]:
    """Return the body a backend gets that says this of its models."""
    env = {name: more.pop(name) for name in list(more) if name.isupper()}
    async with raw_backend(hello, models=models) as backend, running(backend, **env) as app:
        reply = await app.post({**HELLO, "model": "local-model", "max_tokens": max_tokens, **more})
        assert reply.status_code == 200
    return dict(backend.bodies[0])


async def test_the_output_limit_of_the_model_is_kept() -> None:
    assert (await asked_with(of(max_completion_tokens=8192), 32_000))["max_tokens"] == 8192
    assert (await asked_with(of(max_completion_tokens=8192), 500))["max_tokens"] == 500


async def test_a_limit_of_the_model_goes_before_the_common_ceiling() -> None:
    assert (await asked_with(of(max_completion_tokens=200_000), 190_000))["max_tokens"] == 190_000
    assert (await asked_with(of(), 190_000))["max_tokens"] == 128_000
    assert (await asked_with(of(), 190_000, MAX_TOKENS_LIMIT="4096"))["max_tokens"] == 4096


async def test_prompt_and_output_together_fit_the_window() -> None:
    """PA-04: some servers refuse what does not."""
    prompt = [{"role": "user", "content": "word " * 4000}]
    sent = (await asked_with(of(max_model_len=8192), 8000, messages=prompt))["max_tokens"]
    assert 1024 <= sent < 8192 - 3500
    assert (await asked_with(of(), 8000, messages=prompt))["max_tokens"] == 8000


async def test_a_variant_of_a_model_has_its_limits() -> None:
    models = {"data": [{"id": "vendor/m", "max_completion_tokens": 4096}]}
    for name in ("vendor/m", "vendor/m:free"):
        assert (await asked_with(models, 32_000, model=name))["max_tokens"] == 4096


async def test_a_name_without_a_tag_is_the_latest_of_its_kind() -> None:
    models = {"data": [{"id": "qwen3:latest", "max_completion_tokens": 4096}]}
    for name in ("qwen3", "qwen3:latest"):
        assert (await asked_with(models, 32_000, model=name))["max_tokens"] == 4096


async def test_a_prefixed_name_has_its_limits() -> None:
    models = {"models": [{"name": "models/gemini-x", "outputTokenLimit": 4096}]}
    for name in ("gemini-x", "models/gemini-x"):
        sent = await asked_with(models, 32_000, model=name)
        assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 4096


async def test_a_window_that_a_person_named_wins() -> None:
    prompt = [{"role": "user", "content": "word " * 4000}]
    sent = await asked_with(of(max_model_len=1_000_000), 8000, messages=prompt, MODEL_WINDOW="8192")
    assert sent["max_tokens"] < 8192 - 3500


async def test_the_clamp_is_told() -> None:
    async with raw_backend(hello, models=of(max_completion_tokens=50)) as backend, running(backend) as app:
        reply = await app.post({**HELLO, "model": "local-model"})
    assert "max-tokens-clamped" in reply.headers["x-proxy-notes"]


# -- never in the way ---------------------------------------------------------------------------------------------------

NO_LISTS: dict[str, bytes] = {
    "not found": whole({"error": {"message": "no"}}, status=404),
    "forbidden": whole({"error": {"message": "no"}}, status=403),
    "broken": whole(b"oops", status=500, kind="text/plain"),
    "a redirect": head(302, location="http://127.0.0.1:9/", content_length="0"),
    "a web page": whole(b"<html></html>", kind="text/html"),
    "no JSON": whole(b"{"),
    "invalid UTF-8": whole(b'{"data": [{"id": "\xff"}]}'),
    "arrays in arrays": whole(b"[" * 100_000 + b"]" * 100_000),
    "bad gzip": head(content_encoding="gzip", content_length="4") + b"nope",
    "an empty list": whole({"data": []}),
    "a stream": whole(data({"data": []}), kind=SSE),
    "no HTTP": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("fault", NO_LISTS)
async def test_a_list_that_is_none_stops_nothing(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Requests are served meanwhile, and the next list is read."""
    monkeypatch.setattr(catalogue_module, "_SOON", 0.2)
    answers = iter([NO_LISTS[fault]])
    good = whole(of(max_completion_tokens=77))

    async with (
        raw_backend(hello, models=lambda: next(answers, good)) as backend,
        running(backend) as app,
    ):
        assert (await app.post({**HELLO, "model": "local-model", "max_tokens": 100})).status_code == 200
        await listed(app, "local-model")
        await app.post({**HELLO, "model": "local-model", "max_tokens": 100})
    assert [body["max_tokens"] for body in backend.bodies] == [100, 77]


async def test_what_was_known_stays_known() -> None:
    answers = iter([whole(of(max_completion_tokens=77))])
    broken = whole(b"oops", status=500)
    async with (
        raw_backend(hello, models=lambda: next(answers, broken)) as backend,
        running(backend, MODELS_REFRESH="1") as app,
    ):
        async with asyncio.timeout(10):
            while backend.lists < 2:  # noqa: ASYNC110 - the backend counts, nobody else knows
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        await app.post({**HELLO, "model": "local-model"})
    assert backend.bodies[0]["max_tokens"] == 77


async def test_a_list_that_was_not_read_is_asked_for_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server may start after the proxy; MODELS_REFRESH is an hour."""
    monkeypatch.setattr(catalogue_module, "_SOON", 0.05)
    answers = iter([NO_LISTS["broken"], NO_LISTS["no HTTP"]])
    good = whole(of())
    async with raw_backend(hello, models=lambda: next(answers, good)) as backend, running(backend) as app:
        await listed(app, "local-model")
        asked = backend.lists
        await asyncio.sleep(0.3)
        assert backend.lists == asked == 3, "once it is read, an hour is an hour"


async def test_a_slow_list_delays_no_request_and_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_FIRST_LIST", 0.05)
    async with (
        raw_backend(hello, models=lambda: head(content_length="100000")) as backend,
        running(backend) as app,
    ):
        assert (await asyncio.wait_for(app.post({**HELLO, "model": "local-model"}), 5)).status_code == 200


async def test_the_first_request_knows_the_limits_when_the_list_is_quick() -> None:
    for _ in range(5):
        assert (await asked_with(of(max_completion_tokens=50), 100))["max_tokens"] == 50


async def test_an_endless_list_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "_MAX_LIST", 10_000)
    rows = [{"id": f"m{n}"} for n in range(10_000)]
    async with raw_backend(hello, models={"data": rows}) as backend, running(backend) as app:
        assert (await app.post({**HELLO, "model": "local-model"})).status_code == 200
        assert len((await app.get("/v1/models?limit=1000")).json()["data"]) == 3


async def test_the_key_goes_to_the_list_too() -> None:
    heads: list[bytes] = []

    async def remember(asked: Asked) -> None:
        heads.append(asked.head)
        await hello(asked)

    async with raw_backend(remember, models=of()) as backend, running(backend, CUSTOM_HEADER_X_TEAM="blue") as app:
        await app.post({**HELLO, "model": "local-model"})
    assert b"Bearer sk-backend" in heads[0]
    assert b"blue" in heads[0]


async def listed(app: App, model: str) -> None:
    """Return when a model is in the list."""
    async with asyncio.timeout(10):
        while model not in json.dumps((await app.get("/v1/models?limit=1000")).json()):  # noqa: ASYNC110 - what a client does
            await asyncio.sleep(0.02)
