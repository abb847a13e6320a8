"""Requests that Anthropic's own API answered with 200: each must translate, be legal, and keep what the client said.

What was said is collected here without any of the product's code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests import recorded
from tests.strict_openai import problems

from claude_code_proxy.dialects.generic import GENERIC
from claude_code_proxy.dialects.openai import OPENAI
from claude_code_proxy.dialects.openrouter import OPENROUTER
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request

ANSWERED = [exchange for exchange in recorded.message_requests() if exchange.status == 200 and exchange.request]

ALLOWED: dict[str, Any] = {
    "openai": {},
    "openrouter": {
        "top_level": {"reasoning", "plugins", "session_id", "top_k"},
        "message": {"reasoning_details", "reasoning"},
        "part": {"cache_control"},
        "tool_parts": True,
        "file_addresses": True,
        "tool_types": {"openrouter:web_search"},
    },
    "generic": {"message": {"reasoning_content", "reasoning"}},
}


def translate(request: dict[str, Any], dialect: Any) -> Any:
    target = Target(backend="b", model="some-model", dialect=dialect, seal=b"key")
    return translate_request(check_request(request), target, Notes())


def strings(value: Any) -> Iterator[str]:
    """Yield every string in a body; arguments of calls as the strings inside them too."""
    if isinstance(value, str):
        yield value
        if value[:1] in "{[":
            yield from inside(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def inside(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError:
        return
    yield from strings(value) if isinstance(value, dict | list) else ()


def said(content: Any) -> Iterator[str]:
    """Yield what a model must be able to read of a message's content."""
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else []:
        kind, source = block["type"], block.get("source", {})
        if kind == "text":
            yield block["text"]
        elif kind in {"tool_use", "server_tool_use"}:
            yield from [block["name"], *leaves(block["input"])]
        elif kind == "tool_result":
            yield from said(block.get("content"))
        elif kind == "web_search_result":
            yield from [block["title"], block["url"]]
        elif kind == "web_search_tool_result":
            yield from said(block["content"])
        elif kind in {"image", "document"}:
            yield from (source[name] for name in ("url", "file_id") if name in source)
            yield source.get("data", "")
        elif kind not in {"thinking", "redacted_thinking"}:
            pytest.fail(f"a block nobody thought of: {kind}")
        yield from (block[name] for name in ("title", "context") if kind == "document" and block.get(name))


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value


def client_words(request: dict[str, Any]) -> Iterator[str]:
    system = request.get("system", "")
    yield from said(system)
    for message in request["messages"]:
        yield from said(message["content"])
    for tool in request.get("tools", []):
        if "input_schema" in tool:
            yield tool["name"]
            yield tool.get("description", "")


def check(exchange: recorded.Exchange, dialect: Any) -> None:
    body = translate(exchange.request, dialect).body
    assert problems(body, **ALLOWED[dialect.name]) == []
    words = "\0".join(strings(body))
    assert [text for text in client_words(exchange.request) if text not in words] == []
    again = translate(json.loads(json.dumps(exchange.request)), dialect).body
    assert msgspec.json.encode(again) == msgspec.json.encode(body)


@recorded.each(ANSWERED)
def test_a_request_the_real_api_took(exchange: recorded.Exchange) -> None:
    check(exchange, OPENAI)


@recorded.each(ANSWERED)
def test_the_same_on_other_backends(exchange: recorded.Exchange) -> None:
    check(exchange, OPENROUTER)
    if '"application/pdf"' not in json.dumps(exchange.request):
        check(exchange, GENERIC)  # bytes of a PDF are no text there


@pytest.mark.skipif(not ANSWERED, reason=recorded.WHERE)
def test_the_corpus_is_whole() -> None:
    assert len(ANSWERED) >= 438
