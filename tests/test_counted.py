"""Whatever of a request goes to the backend is in its count, whichever way it takes there; what does not go is not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend
from tests.e2e.stage import png
from tests.messages_api import HELLO
from tests.pdf_files import pdf_base64

from claude_code_proxy.tokens.estimate import estimate

WORDS = "The quick brown fox jumps over the lazy dog while seven wizards quietly read the morning paper. " * 20
SCHEMA = {
    "type": "object",
    "properties": {f"field_{n}": {"type": "string", "description": f"The value of column {n}."} for n in range(60)},
    "required": [f"field_{n}" for n in range(60)],
    "additionalProperties": False,
}
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
ASK = {"role": "user", "content": "Go on."}
CALL = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
BACKENDS = ["openai", "openrouter", "generic", "mistral", "deepseek", "gemini", "ollama", "groq"]
SIZE = estimate(WORDS)


def turn(*blocks: Any) -> list[dict[str, Any]]:
    return [ASK, {"role": "assistant", "content": list(blocks)}, ASK]


def answered(content: Any) -> list[dict[str, Any]]:
    block = {"type": "tool_result", "tool_use_id": "t", "content": content}
    return [ASK, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [block]}]


def document(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "document", "source": source}, {"type": "text", "text": "?"}]}]


SEARCH = {"type": "search_result", "source": "https://a", "title": "A", "content": [{"type": "text", "text": WORDS}]}
STRICT = {**TOOL, "strict": True, "input_schema": SCHEMA}
FORMAT = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}

GROWING: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "system": ({}, {"system": WORDS}, SIZE),
    "text": ({}, {"messages": [{"role": "user", "content": WORDS}]}, SIZE),
    "a system message": ({}, {"messages": [ASK, {"role": "system", "content": WORDS}]}, SIZE),
    "prefill": ({}, {"messages": [ASK, {"role": "assistant", "content": WORDS.strip()}]}, SIZE),
    "a tool's description": ({"tools": [TOOL]}, {"tools": [{**TOOL, "description": WORDS}]}, SIZE),
    "a tool's schema": ({"tools": [TOOL]}, {"tools": [{**TOOL, "input_schema": SCHEMA}]}, estimate(json.dumps(SCHEMA))),
    "a strict tool": ({"tools": [TOOL]}, {"tools": [STRICT]}, estimate(json.dumps(SCHEMA))),
    "a tool's input": (
        {"messages": answered("x")},
        {"messages": [ASK, {"role": "assistant", "content": [{**CALL, "input": {"a": WORDS}}]}, answered("x")[2]]},
        SIZE,
    ),
    "a result": ({"messages": answered("x")}, {"messages": answered(WORDS)}, SIZE),
    "a result in blocks": (
        {"messages": answered("x")},
        {"messages": answered([{"type": "text", "text": WORDS}])},
        SIZE,
    ),
    "a search result": ({}, {"messages": [{"role": "user", "content": [SEARCH]}]}, SIZE),
    "a text document": ({}, {"messages": document({"type": "text", "media_type": "text/plain", "data": WORDS})}, SIZE),
    "a format": ({}, FORMAT, estimate(json.dumps(SCHEMA))),
    "the older format": (
        {},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        estimate(json.dumps(SCHEMA)),
    ),
}


async def counted(app: Any, **more: Any) -> int:
    reply = await app.post({**HELLO, "model": "gpt-5.4-mini", **more}, "/v1/messages/count_tokens")
    return int(reply.json()["input_tokens"])


@pytest.mark.parametrize("dialect", BACKENDS)
async def test_each_part_of_a_request_is_counted(backend: Backend, dialect: str) -> None:
    async with running(backend, DIALECT=dialect) as app:
        bare = await counted(app)
        odd = {}
        for name, (before, after, size) in GROWING.items():
            grown = await counted(app, **after) - (await counted(app, **before) if before else bare)
            if not 0.75 * size <= grown <= 1.5 * size:
                odd[name] = (grown, size)
    assert odd == {}


@pytest.mark.parametrize("dialect", BACKENDS)
async def test_pictures_and_papers_are_counted(backend: Backend, dialect: str, tmp_path: Path) -> None:
    picture = base64.b64encode(png(tmp_path / "a.png", width=640, height=640).read_bytes()).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}
    paper = pdf_base64("A page of a paper.")
    source = {"type": "base64", "media_type": "application/pdf", "data": paper}
    async with running(backend, DIALECT=dialect) as app:
        bare = await counted(app)
        seen = await counted(app, messages=[{"role": "user", "content": [image]}]) - bare
        read = await counted(app, messages=document(source)) - bare
    assert 200 <= seen <= 1600 or dialect == "deepseek"  # which sees none: it is told so
    assert 5 <= read <= 3000
