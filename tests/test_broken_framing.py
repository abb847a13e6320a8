"""An answer whose HTTP framing breaks is over at once: nobody waits for what can't come."""

from __future__ import annotations

import asyncio

import pytest
from tests.asgi import running
from tests.messages_api import HELLO, envelope, events
from tests.raw_backend import Asked, chunk, piece, raw_backend, stream_head

BREAKS = {
    "a length that is none": b"zz\r\nhello\r\n",
    "a chunk longer than its length": b"3\r\nhello world\r\n0\r\n\r\n",
    "bytes of something else": b"\x00\xff\xfe\r\n\r\n",
}


@pytest.mark.parametrize("spoken", [True, False], ids=["after the first word", "before it"])
@pytest.mark.parametrize("fault", BREAKS)
async def test_a_broken_frame_ends_the_answer_at_once(fault: str, *, spoken: bool) -> None:
    async def answer(asked: Asked) -> None:
        asked.send(stream_head() + (piece(chunk("half")) if spoken else b""))
        await asyncio.sleep(0.1)  # so that it arrives by itself
        asked.send(BREAKS[fault])
        await asyncio.Event().wait()

    async with raw_backend(answer) as backend, running(backend) as app, asyncio.timeout(5):
        reply = await app.post({**HELLO, "stream": True})
    if spoken:
        assert events(reply)[-1]["error"]["type"] == "api_error"
    else:
        assert envelope(reply)[:2] == (502, "api_error")
