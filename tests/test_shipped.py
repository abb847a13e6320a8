"""The table of windows, output limits and prices: where a backend tells none, and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.asgi import running
from tests.messages_api import HELLO
from tests.raw_backend import Asked, completion, raw_backend, whole

from claude_code_proxy.backends.model_lists import UNKNOWN, ModelFacts
from claude_code_proxy.backends.shipped import READ_IN, filled

OPENAIS_LIST = {"object": "list", "data": [{"id": "gpt-4o", "object": "model", "created": 1, "owned_by": "system"}]}


async def hello(asked: Asked) -> None:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000, "total_tokens": 1_100_000}
    asked.send(whole({**completion("hello"), "usage": usage}))


@pytest.mark.parametrize(
    ("dialect", "model", "window"),
    [
        ("openai", "gpt-4o", 128_000),
        ("openai", "gpt-4o-2024-11-20", 128_000),
        ("azure", "gpt-35-turbo", 16_385),
        ("openai", "gpt-5.4", 1_050_000),
        ("openai", "gpt-5.4-mini-2026-03-17", 400_000),
        ("generic", "openai/gpt-5.4", 1_050_000),
        ("generic", "azure/gpt-5:free", 400_000),
        ("xai", "grok-4.5", 500_000),
        ("generic", "google/gemini-2.5-flash", 1_048_576),
        ("deepseek", "deepseek-v4-pro", 1_000_000),
        ("kimi", "kimi-k2.6", 262_144),
        ("glm", "glm-4.6", 200_000),
        ("minimax", "MiniMax-M2", 204_800),
        ("generic", "deepseek-v4-pro", 0),  # open weights run with any window elsewhere
        ("vllm", "moonshotai/Kimi-K2.6", 0),
        ("ollama", "gpt-4o", 0),
        ("openrouter", "openai/gpt-5.4", 0),  # its list tells
        ("openai", "gpt-4o-realtime-preview", 0),
        ("openai", "gpt-4o-mini-transcribe", 0),
        ("openai", "my-gpt-4o", 0),
        ("openai", "gpt-9", 0),
    ],
)
def test_a_window_is_known_by_the_model_and_where_it_is(dialect: str, model: str, window: int) -> None:
    assert filled(UNKNOWN, dialect, model).window == window


def test_what_a_backend_says_comes_first() -> None:
    told = ModelFacts(id="gpt-4o", window=8192, max_output=100)
    assert (filled(told, "openai", "gpt-4o").window, filled(told, "openai", "gpt-4o").max_output) == (8192, 100)
    assert filled(told, "openai", "gpt-4o").shipped == ""
    assert filled(UNKNOWN, "openai", "gpt-4o").shipped == READ_IN


def test_prices_are_the_makers_own() -> None:
    assert filled(UNKNOWN, "openai", "gpt-4o").price is not None
    assert filled(UNKNOWN, "azure", "gpt-4o").price is None
    assert filled(UNKNOWN, "generic", "gpt-4o").price is None


def test_the_table_says_when_it_was_read() -> None:
    assert re.fullmatch(r"20\d\d-\d\d", READ_IN)


async def test_a_ceiling_that_a_person_set_is_not_raised_by_it() -> None:
    async with (
        raw_backend(hello, models=OPENAIS_LIST) as backend,
        running(backend, DIALECT="openai", MAX_TOKENS_LIMIT="4000") as app,
    ):
        await app.post({**HELLO, "model": "gpt-4o", "max_tokens": 32_000})
    sent = backend.bodies[-1]
    assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 4000


@pytest.mark.parametrize(("dialect", "cost"), [("openai", 3.5), ("generic", None)])
async def test_limits_and_cost_of_a_request_come_from_it(dialect: str, cost: float | None) -> None:
    async with (
        raw_backend(hello, models=OPENAIS_LIST) as backend,
        running(backend, DIALECT=dialect, BIG_MODEL="gpt-4o", LOG_FORMAT="json") as app,
    ):
        asked: dict[str, Any] = {**HELLO, "model": "gpt-4o", "max_tokens": 32_000}
        assert (await app.post(asked)).headers["x-proxy-notes"] == "max-tokens-clamped"
        entry = (await app.get("/v1/models/claude-opus-4-8")).json()
    sent = backend.bodies[-1]
    assert sent.get("max_tokens", sent.get("max_completion_tokens")) == 16_384
    assert (entry["max_input_tokens"], entry["max_tokens"]) == (128_000, 16_384)
    (line,) = [
        entry for entry in app.logs if "tokens_in" in entry or "cost" in entry or "| ok |" in str(entry["event"])
    ]
    assert ("cost 3.5" in str(line)) is (cost is not None)
