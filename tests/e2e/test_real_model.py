"""The official SDKs on a real, very small model: assertions on shape, for its sense is poor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import installs
from tests.e2e.sdk import NAMES, Sdk, sdk_named
from tests.proxy_process import ProxyProcess, start_proxy

from claude_code_proxy.demo.embedded import EmbeddedModel

TOKENS = 64  # a few seconds for each answer
ENDINGS = {"end_turn", "max_tokens", "stop_sequence", "tool_use"}


@pytest.fixture(scope="module")
def proxy() -> Iterator[ProxyProcess]:
    with pytest.MonkeyPatch.context() as patch, installs.embedded_model(patch), EmbeddedModel() as model:
        settings = {
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "none",
            "MIN_TOKENS_LIMIT": "16",
        }
        tiers = dict.fromkeys(("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL"), model.name)
        with start_proxy({**settings, **tiers}) as running:
            yield running


@pytest.fixture(params=NAMES)
def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> Sdk:
    found = sdk_named(request.param, tmp_path)
    found.env["LONG_ANSWER"] = str(TOKENS)
    return found


@pytest.mark.parametrize("scenario", ["create", "stream"])
def test_text(sdk: Sdk, proxy: ProxyProcess, scenario: str) -> None:
    message = sdk.run(scenario, proxy.url, "claude-sonnet-5")
    assert message["model"] == "claude-sonnet-5"
    assert message["text"].strip()
    assert message["stop_reason"] in ENDINGS
    assert message["input_tokens"] > 0
    assert 0 < message["output_tokens"] <= TOKENS


def test_thinking(sdk: Sdk, proxy: ProxyProcess) -> None:
    message = sdk.run("think", proxy.url, "claude-sonnet-5")
    thinking = message["blocks"][0]
    assert thinking["type"] == "thinking"
    assert thinking["thinking"].strip()
    assert thinking["signature"]


def test_a_forced_tool_call(sdk: Sdk, proxy: ProxyProcess) -> None:
    message = sdk.run("call", proxy.url, "claude-sonnet-5")
    assert message["stop_reason"] == "tool_use"
    called = [block for block in message["blocks"] if block["type"] == "tool_use"]
    assert {block["name"] for block in called} == {"get_weather"}
    assert all(isinstance(block["input"], dict) for block in called)


@pytest.mark.parametrize("scenario", ["tools", "tools_whole"])
def test_a_conversation_with_tools(sdk: Sdk, proxy: ProxyProcess, scenario: str) -> None:
    turns = sdk.run(scenario, proxy.url, "claude-sonnet-5")
    assert [turns[turn]["stop_reason"] in ENDINGS for turn in ("first", "second")] == [True, True]
    assert turns["second"]["blocks"]


def test_parsed_output_follows_the_schema(sdk: Sdk, proxy: ProxyProcess) -> None:
    parsed = sdk.run("parse", proxy.url, "claude-sonnet-5")["parsed"]
    assert {name: type(value) for name, value in parsed.items()} == {"name": str, "people": int}


def test_counting(sdk: Sdk, proxy: ProxyProcess) -> None:
    counted = sdk.run("count", proxy.url, "claude-sonnet-5")
    assert 0 < counted["short"] < counted["with_tools"]


def test_streams_at_the_same_time(sdk: Sdk, proxy: ProxyProcess) -> None:
    texts = sdk.run("concurrently", proxy.url, "claude-sonnet-5")["texts"]
    assert len(texts) == 10
    assert all(text.strip() for text in texts)
