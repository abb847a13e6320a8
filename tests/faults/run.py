"""Runs cases through real proxy processes, and judges what the client saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.grammar_oracle import ERRORS, STOP_REASONS, check
from tests.proxy_process import ProxyProcess, start_proxy
from tests.raw_backend import closed_port

from .backend import FaultBackend, deaf_port
from .cases import ANSWER, EVENT, INPUT, STATUS, TEXT, Case, well

AT_ONCE = 32
SECONDS = 15  # the longest any of them may take
IDLE = "2"  # seconds; what answers late does so after 0.6
TOOL = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}
CONFIG = """
[backends.gone]
base_url = "http://127.0.0.1:{closed}/v1"
key = "k"
[backends.deaf]
base_url = "http://127.0.0.1:{deaf}/v1"
key = "k"
[backends.nowhere]
base_url = "http://no-such-host.invalid/v1"
key = "k"
[backends.plain]
base_url = "https://127.0.0.1:{port}/v1"
key = "k"
"""


@dataclass(frozen=True)
class Outcome:
    """What became of a case. kind: one of the legal ones, or what is wrong; detail: status or type of the error."""

    case: Case
    kind: str
    detail: str
    seconds: float

    @property
    def is_legal(self) -> bool:
        return self.kind in self.case.allowed


@contextlib.contextmanager
def proxies(backend: FaultBackend, **more: str) -> Iterator[dict[bool, ProxyProcess]]:
    """Run two proxies in front of a backend: one that asks once, one that asks again."""
    with deaf_port() as deaf, contextlib.ExitStack() as stack:
        config = CONFIG.format(closed=closed_port(), deaf=deaf, port=backend.port)
        env = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{backend.port}/v1",
            "OPENAI_API_KEY": "sk-faults",
            "REQUEST_TIMEOUT": IDLE,
            "CONNECT_TIMEOUT": IDLE,
            "MAX_CONCURRENT_REQUESTS": str(AT_ONCE),  # a slot that is lost would be missed
            **more,
        }
        folder = Path(stack.enter_context(_folder()))
        file = folder / "backends.toml"
        file.write_text(config)
        yield {
            again: stack.enter_context(
                start_proxy({**env, "CONFIG_FILE": str(file), "MAX_RETRIES": "1" if again else "0"})
            )
            for again in (False, True)
        }


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        yield folder


async def run(cases: Iterable[Case], backend: FaultBackend, urls: dict[bool, str]) -> list[Outcome]:
    """Play cases, many at once, and return what became of each."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> Outcome:
        async with limit:
            return await _ask(http, case, backend, urls[case.again])

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=SECONDS)) as http:
        return list(await asyncio.gather(*map(one, cases)))


async def _ask(http: aiohttp.ClientSession, case: Case, backend: FaultBackend, url: str) -> Outcome:
    backend.cases[case.name] = case.play
    body = {
        "model": case.model,
        "max_tokens": 99,
        "messages": [{"role": "user", "content": case.name}],
        "tools": [TOOL],
        "stream": case.stream,
    }
    begun = time.monotonic()
    try:
        async with http.post(f"{url}/v1/messages", json=body) as reply:
            raw = await reply.read()
            kind, detail = _judge(case, reply, raw)
    except AssertionError as broken:
        kind, detail = "illegal", str(broken)[:200]
    except (aiohttp.ClientError, TimeoutError) as broken:
        kind, detail = "no answer", type(broken).__name__
    return Outcome(case, kind, detail, time.monotonic() - begun)


def _judge(case: Case, reply: aiohttp.ClientResponse, raw: bytes) -> tuple[str, str]:
    assert reply.headers["request-id"].startswith("req_")
    if reply.status != 200:
        told = json.loads(raw)
        assert told["type"] == "error"
        assert told["error"]["type"] in ERRORS
        assert told["error"]["message"]
        assert reply.status >= 400
        return STATUS, str(reply.status)
    if case.stream:
        message = check(raw)
        if message.error is not None:
            return EVENT, message.error["type"]
        _check_content(case, message.content, message.stop_reason)
    else:
        whole = json.loads(raw)
        _check_content(case, whole["content"], whole["stop_reason"])
    return ANSWER, "200"


def _check_content(case: Case, content: list[dict[str, Any]], stop: str) -> None:
    """Nothing is missing, nothing is made up."""
    assert stop in STOP_REASONS
    text = "".join(block.get("text", "") for block in content)
    if "UTF-8" not in case.fault:
        assert text == TEXT, f"text is {text!r}"
    assert [block["input"] for block in content if block["type"] == "tool_use"] == [INPUT] * case.tool
    assert stop == ("tool_use" if case.tool else "end_turn")


async def leftovers(backend: FaultBackend, urls: dict[bool, str]) -> list[str]:
    """Return what the faults left behind: a lost slot, a connection that is still open."""
    after = [Case(f"after all {n}", "-", n % 2 == 0, well, frozenset({ANSWER})) for n in range(AT_ONCE)]
    found = [f"{one.case.name}: {one.kind} {one.detail}" for one in await run(after, backend, urls) if not one.is_legal]
    deadline = time.monotonic() + 35  # idle connections may stay a while; those of broken answers may not
    while backend.open and time.monotonic() < deadline:  # noqa: ASYNC110 - the backend lives in another thread
        await asyncio.sleep(0.1)
    return found + ([f"{len(backend.open)} connections are still open"] if backend.open else [])
