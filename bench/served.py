"""A whole request through a running proxy, in this process: what it executes, the libraries too."""

from __future__ import annotations

import asyncio
import io
import socket
import tempfile
from pathlib import Path

import uvicorn
import uvloop

from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.config import load
from claude_code_proxy.keeping import journal_for
from claude_code_proxy.observe import setup
from claude_code_proxy.server import create_app
from claude_code_proxy.uvicorn_settings import uvicorn_config

from .backend import Connection
from .client import Client, checked
from .costs import counted
from .frames import Script
from .targets import Target

_REQUESTS = 20


def served_costs() -> dict[str, tuple[float, float]]:
    """Return calls and byte codes of a small request, asked for whole and as a stream."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_served())


async def _served() -> dict[str, tuple[float, float]]:
    loop = asyncio.get_running_loop()
    backend = await loop.create_server(Connection, "127.0.0.1", 0)
    settings = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{backend.sockets[0].getsockname()[1]}/v1",
        "OPENAI_API_KEY": "any",
        **{f"{tier}_MODEL": "bench-model" for tier in ("BIG", "MIDDLE", "SMALL")},
    }
    with tempfile.TemporaryDirectory() as empty:
        config = load(settings, cwd=Path(empty))
    setup("INFO", "text", file=io.StringIO())
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(create_app(config, Learned(None), journal_for(config, None))))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    target = Target("here", "", client=Client(listener.getsockname()[1]), path="/v1/messages")
    try:
        return {
            "small request served whole, with libraries": await _cost(target, stream=False),
            "small request served as a stream, with libraries": await _cost(target, stream=True),
        }
    finally:
        target.client.close()
        server.should_exit = True
        await serving
        backend.close()


async def _cost(target: Target, *, stream: bool) -> tuple[float, float]:
    """Count for one request, of many that came before."""
    request = target.request(Script("text", 8, 0), stream=stream)
    for _ in range(_REQUESTS):
        checked(await target.client.ask(request))
    await asyncio.sleep(0.05)
    with counted() as found:
        for _ in range(_REQUESTS):
            checked(await target.client.ask(request))
        await asyncio.sleep(0.05)
    return round(found.calls / _REQUESTS), round(found.codes / _REQUESTS)
