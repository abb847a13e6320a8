"""A finished request leaves nothing behind that only the garbage collector would free: its collections hold up streams."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, Call, Text, Thought, answer, say
from tests.messages_api import HELLO

REPLIES = {
    "a text": say("hello"),
    "thinking": answer(Thought("hm"), Text("hello")),
    "a tool call": answer(Call("Read", {"file_path": "/a"})),
}
TOOLS = [{"name": "Read", "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}}}]


def alive() -> Counter[str]:
    """Count the objects of the proxy's own classes."""
    return Counter(
        type(one).__qualname__ for one in gc.get_objects() if str(type(one).__module__).startswith("claude_code")
    )


@pytest.fixture(autouse=True)
def nothing_older() -> Iterator[None]:
    """What the other tests hold is not looked at."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("reply", REPLIES)
async def test_a_finished_request_leaves_nothing_behind(backend: Backend, reply: str, *, stream: bool) -> None:
    backend.play(lambda _: REPLIES[reply])
    request: dict[str, Any] = {**HELLO, "stream": stream, "tools": TOOLS}
    async with running(backend) as app:
        for _ in range(3):
            await app.post(request)
        gc.collect()
        gc.disable()
        try:
            before = alive()
            for _ in range(5):
                await app.post(request)
            left = alive() - before
        finally:
            gc.enable()
    del left["Record"]  # the captured log has them
    assert not {name: count for name, count in left.items() if count >= 5}
