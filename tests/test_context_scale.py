"""One factor for every number a client sees of a prompt; what is logged stays true; what is no number stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, Reply, say
from tests.messages_api import HELLO, envelope, events

from claude_code_proxy.config import load
from claude_code_proxy.context_scale import believed_window, factor
from claude_code_proxy.errors import ConfigError
from claude_code_proxy.translate.deltas import Usage
from claude_code_proxy.translate.overflow import stretched
from claude_code_proxy.translate.usage import anthropic_usage

OLD = {"user-agent": "claude-cli/2.1.197 (external, sdk-cli)"}
NEW = {"user-agent": "claude-cli/2.1.330 (external, sdk-cli)"}
WIDE = {"anthropic-beta": "claude-code-20250219,context-1m-2025-08-07"}


@pytest.mark.parametrize(
    ("model", "headers", "window"),
    [
        ("gpt-5.4", OLD, 200_000),
        ("claude-opus-4-8", OLD, 200_000),
        ("gpt-5.4", {**OLD, **WIDE}, 1_000_000),
        ("claude-sonnet-4-5[1m]", {}, 1_000_000),
        ("gpt-5.4", NEW, 1_000_000),
        ("claude-opus-4-8", NEW, 1_000_000),
        ("claude-sonnet-5", NEW, 1_000_000),
        ("claude-haiku-5-5", NEW, 1_000_000),
        ("claude-sonnet-4-5", NEW, 200_000),
        ("claude-sonnet-4-5-20250929", NEW, 200_000),
        ("claude-haiku-4-5", NEW, 200_000),
        ("claude-opus-4-6", NEW, 200_000),
        ("claude-3-7-sonnet", NEW, 200_000),
        ("gpt-5.4", {}, 200_000),
    ],
)
def test_what_claude_code_was_measured_to_believe(model: str, headers: dict[str, str], window: int) -> None:
    assert believed_window(model, headers) == window


@pytest.mark.parametrize(
    ("setting", "window", "expected"),
    [
        ("off", 32_000, 1),
        ("auto", 32_000, 6.25),
        ("AUTO", 400_000, 0.5),
        ("auto", 0, 1),
        ("6.25", 0, 6.25),
        ("200000", 50_000, 4),
        ("200000", 0, 1),
        ("0", 32_000, 1),
    ],
)
def test_the_factor_of_a_setting(setting: str, window: int, expected: float) -> None:
    assert factor(setting, window, 200_000) == expected


TAKES = (
    "takes off, auto, a factor from 0.05 to 500 such as 6.25, or the tokens of the window the client believes in, "
    "from 8000 to 10000000, such as 200000"
)


@pytest.mark.parametrize(
    "setting",
    [
        *("0", "0.001", "0.04", "500.5", "1000", "7999", "10000001", "999999999", "nan", "inf", "-1", "1e3", "6,25"),
        *("on", "auto auto", "off0", "\u0663", "0x10", "6.", ".5", "200k"),
    ],
)
def test_a_scale_that_can_not_be_meant_is_refused_at_start(setting: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"OPENAI_API_KEY": "x", "CONTEXT_SCALE": setting}, cwd=tmp_path)
    (problem,) = caught.value.problems
    assert problem.startswith("CONTEXT_SCALE from environment: got ")
    assert problem.endswith(TAKES)


@pytest.mark.parametrize(
    ("setting", "kept"),
    [("auto ", "auto"), (" OFF", "OFF"), ("0.05", "0.05"), ("500", "500"), ("8000", "8000"), ("10000000", "10000000")],
)
def test_a_scale_at_the_edge_is_taken(setting: str, kept: str, tmp_path: Path) -> None:
    assert load({"OPENAI_API_KEY": "x", "CONTEXT_SCALE": setting}, cwd=tmp_path).context_scale == kept


@pytest.mark.parametrize("window", [1, 500, 4_000, 32_000, 400_000, 100_000_000])
@pytest.mark.parametrize("setting", ["auto", "8000", "10000000"])
def test_a_window_stretches_within_what_can_be_meant(setting: str, window: int) -> None:
    assert 0.05 <= factor(setting, window, 1_000_000) <= 500


def test_a_version_nobody_has_is_none() -> None:
    assert believed_window("claude-opus-4-8", {"user-agent": f"claude-cli/{'9' * 5000}.1.1"}) == 200_000


@pytest.mark.parametrize("scale", [0.5, 1, 3.7, 6.25])
@pytest.mark.parametrize("counts", [(28_000, 0, 0), (25, 75, 0), (30, 20, 50), (0, 64, 0), (1, 1, 1)])
def test_stretched_counts_still_add_up(counts: tuple[int, int, int], scale: float) -> None:
    fresh, read, written = counts
    usage = Usage(fresh, 7, cache_read=read, cache_write=written)
    shown = anthropic_usage(usage, scale)
    parts = [shown[f"{name}input_tokens"] for name in ("", "cache_read_", "cache_creation_")]
    assert abs(sum(parts) - sum(counts) * scale) <= 1
    assert min(parts) >= 0
    assert shown["output_tokens"] == 7


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("prompt is too long: 40000 tokens > 32000 maximum", "prompt is too long: 250000 tokens > 200000 maximum"),
        (
            "input length and `max_tokens` exceed context limit: 30000 + 8000 > 32000, decrease input length",
            "input length and `max_tokens` exceed context limit: 198000 + 8000 > 200000, decrease input length",
        ),
        ("max_tokens: 9000 > 8192, which is the maximum", "max_tokens: 9000 > 8192, which is the maximum"),
        ("It costs 40000 tokens.", "It costs 40000 tokens."),
    ],
)
def test_the_text_of_an_overflow_is_stretched_and_leaves_the_room_for_an_answer_true(
    message: str, expected: str
) -> None:
    assert stretched(message, 6.25) == expected


TOO_LONG = "This model's maximum context length is 32000 tokens. However, your messages resulted in 40000 tokens."


async def test_everything_a_client_sees_is_stretched_alike_and_the_record_is_true(backend: Backend) -> None:
    usage = {
        "prompt_tokens": 28_000,
        "completion_tokens": 10,
        "total_tokens": 28_010,
        "prompt_tokens_details": {"cached_tokens": 20_000},
    }
    asked = {**HELLO, "model": "gpt-5.4", "messages": [{"role": "user", "content": "Wort " * 4000}]}
    backend.play([say("ja", usage=usage), say("ja", usage=usage), Reply(400, {"error": {"message": TOO_LONG}})])
    async with running(backend, MODEL_WINDOW="32000", CONTEXT_SCALE="auto") as app:
        plain = await _counted(backend, asked)
        counted = (await app.post(asked, "/v1/messages/count_tokens")).json()["input_tokens"]
        whole = (await app.post(asked)).json()["usage"]
        streamed = events(await app.post({**asked, "stream": True}))
        error = envelope(await app.post(asked))
        listed = (await app.get("/v1/models/gpt-5.4")).json()
    assert counted == round(plain * 6.25)
    assert (whole["input_tokens"], whole["cache_read_input_tokens"]) == (50_000, 125_000)
    assert streamed[0]["message"]["usage"]["input_tokens"] == counted
    assert streamed[-2]["usage"]["cache_read_input_tokens"] == 125_000
    assert error == (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")
    assert listed["max_input_tokens"] == 200_000
    records = [line["record"] for line in app.logs if "record" in line]
    assert [record.prompt_tokens for record in records] == [28_000, 28_000, 0]
    assert records[2].error == "prompt is too long: 40000 tokens > 32000 maximum"


async def _counted(backend: Backend, asked: dict[str, Any]) -> int:
    async with running(backend, MODEL_WINDOW="32000") as app:
        return int((await app.post(asked, "/v1/messages/count_tokens")).json()["input_tokens"])


async def test_an_overflow_before_the_window_is_known_names_the_believed_one(backend: Backend) -> None:
    backend.play([Reply(400, {"error": {"message": TOO_LONG}})])
    async with running(backend, CONTEXT_SCALE="auto") as app:
        error = envelope(await app.post({**HELLO, "model": "house/unheard-of"}))
    assert error[2] == "prompt is too long: 250000 tokens > 200000 maximum"


async def test_the_window_in_a_refusal_is_learned_and_forgotten_when_a_prompt_is_larger(backend: Backend) -> None:
    usage = {"prompt_tokens": 40_000, "completion_tokens": 10, "total_tokens": 40_010}
    backend.play([Reply(400, {"error": {"message": TOO_LONG}}), say("ja", usage=usage)])
    asked = {**HELLO, "model": "house/unheard-of"}
    async with running(backend) as app:
        await app.post(asked)
        assert (await app.get("/v1/models/house/unheard-of")).json()["max_input_tokens"] == 32_000
        await app.post(asked)
        assert "max_input_tokens" not in (await app.get("/v1/models/house/unheard-of")).json()
