"""Every sentence of tests/refusals.py gets the verdict that is written beside it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from tests import refusals
from tests.refusals import SENT, Output, Prompt, Row, Total, Verdict

from claude_code_proxy.errors import ContextOverflowError, RetryableError
from claude_code_proxy.mending import may_be_repaired
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.failure import Asked, read_failure
from claude_code_proxy.translate.repairs import Refusal, read_repair

PLAIN = Dialect(name="test", max_tokens_field="max_tokens")
LOOK: dict[str, Any] = {"type": "function", "function": {"name": "Look", "parameters": {"type": "object"}}}
FULL: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": SENT,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.16,
    "top_p": 0.9,
    "top_k": 40,
    "stop": ["END"],
    "tools": [LOOK],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "reasoning_effort": "high",
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    "user": "abc",
    "metadata": {"a": "b"},
    "store": False,
}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}
TEXTS = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]
SILENT = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1"}]}
TABLES: dict[str, tuple[dict[str, Row], dict[str, Any], dict[str, Any]]] = {
    # rows, what is different in the request, what is different in the dialect
    "overflow": (refusals.OVERFLOWS, {}, {}),
    "output": (refusals.OUTPUT_LIMITS, {}, {}),
    "account": (refusals.LIMITS_OF_ACCOUNTS, {}, {}),
    "no overflow": (refusals.NOT_OVERFLOWS, {}, {}),
    "renamed": (refusals.RENAMED, {}, {}),
    "sampling": (refusals.SAMPLING, {}, {}),
    "schema": (refusals.SCHEMAS, {}, {"strict_flag": False}),
    "history": (refusals.HISTORY, {}, {}),
    "ability": (refusals.ABILITIES, {}, {}),
    "image": (refusals.SEEN, {"messages": [IMAGE]}, {}),
    "whole": (refusals.WHOLE, {"stream": False}, {}),
    "developer": (refusals.DEVELOPERS, {}, {"system_role": "developer"}),
    "prefill": (refusals.PREFILLED, {}, {"prefill": "plain"}),
    "template": (
        refusals.TEMPLATES,
        {
            "messages": [{"role": "system", "content": "be brief"}, *FULL["messages"]],
            "thinking": {"type": "enabled"},
            "chat_template_kwargs": {"enable_thinking": True},
        },
        {"system_in_place": False},
    ),
    "called": (
        refusals.CALLED,
        {"messages": [*FULL["messages"], {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": ""}]},
        {},
    ),
    "marked": (
        refusals.MARKED,
        {"messages": [{"role": "user", "content": TEXTS}, SILENT, {"role": "tool", "content": TEXTS}]},
        {"cache_markers": "cache_control", "tool_content": "parts"},
    ),
    "silent": (refusals.SILENT, {"messages": [*FULL["messages"], SILENT, {"role": "tool", "content": "seen"}]}, {}),
    "strict": (
        refusals.STRICT,
        {"tools": [{**LOOK, "function": {**LOOK["function"], "strict": True}}]},
        {},
    ),
}
ROWS = [
    pytest.param(*row, {**FULL, **body}, dataclasses.replace(PLAIN, **facts), id=f"{table}: {name}")
    for table, (rows, body, facts) in TABLES.items()
    for name, row in rows.items()
]


def verdict(status: int, said: Any, body: dict[str, Any], dialect: Dialect) -> Verdict:
    """Return what the proxy makes of an answer: as the exchange does, without one."""
    wrapped = said if isinstance(said, list) and "error" in said[0] else {"error": said}
    wrapped = {"detail": said} if isinstance(said, list) and "loc" in said[0] else wrapped
    asked = Asked(model="m", max_tokens=SENT)
    error = read_failure(status, json.dumps(wrapped).encode(), {}, asked)
    if isinstance(error, ContextOverflowError):
        found = error.overflow
        if found.kind == "prompt":
            return Prompt(found.prompt, found.window)
        return Total(found.prompt, found.output, found.window) if found.kind == "total" else Output(found.limit)
    repairable = not isinstance(error, RetryableError) and may_be_repaired(error)
    facts = read_repair(Refusal(text=error.words, param=error.param, body=body), dialect) if repairable else {}
    return dict(facts) or error.kind


def test_there_are_many() -> None:
    assert len(ROWS) >= 150


@pytest.mark.parametrize(("status", "said", "expected", "body", "dialect"), ROWS)
def test_a_refusal_is_understood(
    status: int, said: Any, expected: Verdict, body: dict[str, Any], dialect: Dialect
) -> None:
    assert verdict(status, said, body, dialect) == expected
