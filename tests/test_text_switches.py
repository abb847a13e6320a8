"""TEXT_TOOL_CALLS and THINK_TAGS: what is found in an answer's text can be switched, for all backends or for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, say
from tests.messages_api import HELLO

CALL = '<tool_call>{"name": "Bash", "arguments": {"command": "ls"}}</tool_call>'
ASKED: dict[str, Any] = {
    **HELLO,
    "model": "local-model",
    "tools": [{"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}],
}


async def kinds(backend: Backend, said: str, **settings: str) -> list[str]:
    backend.play([say(said)])
    async with running(backend, **settings) as app:
        reply = await app.post(ASKED)
    return [block["type"] for block in reply.json().get("content", [])] or reply.json()


@pytest.mark.parametrize(
    ("switch", "dialect", "found"),
    [
        ("auto", "generic", "tool_use"),
        ("off", "generic", "text"),
        ("on", "generic", "tool_use"),
        ("auto", "openai", "text"),
        ("on", "openai", "tool_use"),
    ],
)
async def test_calls_in_text(backend: Backend, switch: str, dialect: str, found: str) -> None:
    assert await kinds(backend, CALL, TEXT_TOOL_CALLS=switch, DIALECT=dialect) == [found]


@pytest.mark.parametrize(
    ("switch", "dialect", "found"),
    [
        ("auto", "generic", ["thinking", "text"]),
        ("off", "generic", ["text"]),
        ("auto", "openai", ["text"]),
        ("on", "openai", ["thinking", "text"]),
    ],
)
async def test_thoughts_in_text(backend: Backend, switch: str, dialect: str, found: list[str]) -> None:
    said = "<think>I look.</think>\n\nDone."
    assert await kinds(backend, said, THINK_TAGS=switch, DIALECT=dialect) == found


async def test_a_backends_own_table_has_the_last_word(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        f'[backends.mine]\nbase_url = "{backend.url}"\nkey = "{backend.key}"\nmodels = ["local-model"]\ntext_tool_calls = "off"\n'
    )
    assert await kinds(backend, CALL, CONFIG_FILE=str(file), TEXT_TOOL_CALLS="on") == ["text"]
