"""Counts, windows and prefix caches on a real model: what is counted is what it reads, and it reads nothing twice."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import installs
from tests.prompts import blocks, long_prompt
from tests.proxy_process import ProxyProcess, start_proxy

from claude_code_proxy.demo.embedded import EmbeddedModel

BILLING = "x-anthropic-billing-header: cc_version=2.1.197.{0}; cc_entrypoint=cli; cch={0};"
RULES = "You are a coding assistant. " + "Keep functions small, name things well, and test what you write. " * 40
TOOL = {
    "name": "Read",
    "description": "Reads a file from the disk and returns its lines.",
    "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]},
}


@pytest.fixture(scope="module")
def model() -> Iterator[EmbeddedModel]:
    with pytest.MonkeyPatch.context() as patch, installs.embedded_model(patch), EmbeddedModel(slots=1) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(model: EmbeddedModel) -> Iterator[ProxyProcess]:
    settings = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "none", "MIN_TOKENS_LIMIT": "8"}
    tiers = dict.fromkeys(("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL"), model.name)
    with start_proxy({**settings, **tiers}) as running:
        yield running


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return dict(json.load(reply))


def turn(number: int, *, line: bool) -> dict[str, Any]:
    """The n-th request of a session, as Claude Code sends it: its first line differs from request to request."""
    system = [{"type": "text", "text": BILLING.format(f"{number:03x}")}] if line else []
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What does the file say? " * 10}]
    for _ in range(number):
        messages += [
            {"role": "assistant", "content": "It says that tests come first. " * 5},
            {"role": "user", "content": "And what does the next file say? " * 5},
        ]
    system.append({"type": "text", "text": RULES})
    return {"model": "claude-sonnet-5", "max_tokens": 8, "system": system, "messages": messages}


def test_the_second_turn_reads_its_beginning_from_the_cache(model: EmbeddedModel, proxy: ProxyProcess) -> None:
    post(f"{proxy.url}/v1/messages", turn(0, line=True))
    usage = post(f"{proxy.url}/v1/messages", turn(1, line=True))["usage"]
    read, cached = usage["input_tokens"], usage["cache_read_input_tokens"]
    assert cached > 4 * read, usage


@pytest.mark.parametrize(
    "settings",
    [
        {"PROMPT_COMPRESSION": "compact", "MODEL_WINDOW": "2000"},
        {"TOOL_SUBSET": "Read", "TOOL_DESCRIPTIONS": "short"},
    ],
    ids=["compact, tools fitted", "a subset, described shortly"],
)
def test_so_it_does_with_prompts_and_tools_made_smaller_and_a_tool_that_is_loaded_later(
    model: EmbeddedModel, settings: dict[str, str]
) -> None:
    tools = [{**TOOL, "name": name, "description": TOOL["description"] * 30} for name in ("Read", "Bash")]
    deferred = {**TOOL, "name": "NotebookEdit", "defer_loading": True}
    own = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "none", "MIN_TOKENS_LIMIT": "8"}
    with start_proxy({**own, "BIG_MODEL": model.name, "MIDDLE_MODEL": model.name, **settings}) as proxy:
        for number in (0, 1):
            asked = turn(number, line=True)
            asked["system"] = [asked["system"][0], *blocks(long_prompt())]
            usage = post(f"{proxy.url}/v1/messages", {**asked, "tools": [*tools, deferred]})["usage"]
    assert usage["cache_read_input_tokens"] > 4 * usage["input_tokens"], usage


def test_the_same_prompt_untranslated_is_read_anew(model: EmbeddedModel) -> None:
    """What a proxy would send that passes the first line on: the cache ends where it differs."""
    cached = 0
    for number in (0, 1):
        asked = turn(number, line=True)
        system = "\n".join(block["text"] for block in asked["system"])
        messages = [{"role": "system", "content": system}, *asked["messages"]]
        answer = post(
            f"{model.base_url}/chat/completions", {"model": model.name, "max_tokens": 8, "messages": messages}
        )
        cached = answer["timings"]["cache_n"]
    assert cached < 60


def test_counts_are_what_the_model_reads(proxy: ProxyProcess) -> None:
    """llama.cpp is asked, and says it exactly: with template and tools."""
    for number in range(3):
        asked = {**turn(number, line=True), "tools": [TOOL]}
        counted = post(f"{proxy.url}/v1/messages/count_tokens", asked)["input_tokens"]
        usage = post(f"{proxy.url}/v1/messages", asked)["usage"]
        assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"]
