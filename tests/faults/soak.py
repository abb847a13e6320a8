"""Thousands of streams with faults and clients that leave mixed in, then a thousand at once: `make soak`.

Looks at the proxy from outside, as the system shows it: memory, open files, threads; and at every answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from tests.grammar_oracle import check
from tests.proxy_process import ProxyProcess

from .backend import FaultBackend, Line
from .cases import HEAD, JSON, SSE, TAIL, chunk, frame, matrix, piece, well, whole
from .run import AT_ONCE, _ask, leftovers, proxies
from .table import write

STREAMS = 10_000
MANY, SECONDS, EVERY = 1000, 60, 0.5  # streams at once, how long, seconds between two words of one
NEWCOMERS = 5  # new streams a second, meanwhile
WORDS = 12
PATIENCE = "4"  # seconds of silence; a busy machine is not a silent backend


@dataclass
class Sample:
    """What the system shows of a process."""

    memory: int  # bytes
    files: int
    threads: int


def look(proxy: ProxyProcess) -> Sample:
    folder = Path(f"/proc/{proxy.process.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Sample(int(status["VmRSS"].split()[0]) * 1024, len(list((folder / "fd").iterdir())), int(status["Threads"]))


@dataclass
class Soaked:
    """What came of it. counts: outcomes; wrong: those that were not legal; samples: of the proxy, over time."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


async def _text(line: Line) -> None:
    """A good answer of a dozen words, at the pace of a fast model."""
    words = [f"wort{number} " for number in range(WORDS)]
    if not line.stream:
        await line.send(HEAD % JSON + piece(whole()) + TAIL)
        return
    await line.send(HEAD % SSE)
    for word in words:
        await line.send(piece(chunk({"content": word})))
        await asyncio.sleep(0.005)
    usage = frame({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": WORDS, "total_tokens": 17}})
    await line.send(piece(chunk({}, "stop")) + piece(usage) + piece(frame(b"[DONE]")) + TAIL)


class Soak:
    """One run. again: never; the proxy asks once, so that every fault is seen."""

    def __init__(self, backend: FaultBackend, proxy: ProxyProcess, seconds: float, streams: int) -> None:
        self.result = Soaked()
        self._backend = backend
        self._proxy = proxy
        self._until = time.monotonic() + seconds
        self._streams = streams
        self._done = 0
        self._faults = [case for case in matrix() if not case.again]
        backend.cases |= {"good": _text, "left": _text}
        self._dice = random.Random(6)

    async def run(self) -> Soaked:
        watching = asyncio.create_task(self._watch())
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
            await asyncio.gather(*(self._client(http) for _ in range(AT_ONCE)))
        watching.cancel()
        self.result.left = await leftovers(self._backend, {False: self._proxy.url, True: self._proxy.url})
        self.result.samples.append(look(self._proxy))
        return self.result

    async def _client(self, http: aiohttp.ClientSession) -> None:
        while self._done < self._streams or time.monotonic() < self._until:
            self._done += 1
            kind = self._dice.choices(("good", "whole", "fault", "left"), (60, 10, 15, 15))[0]
            if kind == "fault":
                case = self._dice.choice(self._faults)
                outcome = await _ask(http, case, self._backend, self._proxy.url)
                self.result.counts[f"fault: {outcome.kind}"] += 1
                if not outcome.is_legal:
                    self.result.wrong.append(f"{case.name}: {outcome.kind} {outcome.detail}")
            else:
                await self._ask(http, kind)

    async def _ask(self, http: aiohttp.ClientSession, kind: str) -> None:
        try:
            problem = await self._answered(http, kind)
        except (aiohttp.ClientError, AssertionError, TimeoutError, ValueError) as broken:
            problem = f"{type(broken).__name__} {broken}"[:200]
        self.result.counts[kind] += 1
        if problem:
            self.result.wrong.append(f"{kind}: {problem}")

    async def _answered(self, http: aiohttp.ClientSession, kind: str) -> str:
        body = request("left" if kind == "left" else "good", stream=kind != "whole")
        async with http.post(f"{self._proxy.url}/v1/messages", json=body) as reply:
            if kind == "left":
                await reply.content.read(self._dice.randrange(1, 1500))
                reply.close()
                return ""
            raw = await reply.read()
        if kind == "whole":
            return "" if json.loads(raw).get("stop_reason") == "end_turn" else f"no end: {raw[:150]!r}"
        text = check(raw).text()
        return "" if text == "".join(f"wort{n} " for n in range(WORDS)) else f"text is {text[:80]!r}"

    async def _watch(self) -> None:
        while True:
            self.result.samples.append(look(self._proxy))
            await asyncio.sleep(2)


def request(prompt: str, *, stream: bool = True) -> dict[str, object]:
    return {
        "model": "m",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": prompt}],
        "stream": stream,
    }


# -- a thousand at once -------------------------------------------------------------------------------------------------


@dataclass
class Many:
    """What a thousand streams cost. each: bytes of memory for one; first: seconds to the first words of newcomers."""

    complete: int = 0
    wrong: list[str] = field(default_factory=list)
    each: float = 0
    first: list[float] = field(default_factory=list)
    gap: float = 0


class Crowd:
    """A thousand streams that speak slowly, and newcomers among them."""

    def __init__(self, backend: FaultBackend, proxy: ProxyProcess, many: int, seconds: float) -> None:
        self.result = Many()
        self._url = f"{proxy.url}/v1/messages"
        self._proxy = proxy
        self._many = many
        self._words = int(seconds / EVERY)
        backend.cases |= {"long": self._speak, "new": well}

    async def _speak(self, line: Line) -> None:
        await line.send(HEAD % SSE)
        for number in range(self._words):
            await line.send(piece(chunk({"content": f"{number} "})))
            await asyncio.sleep(EVERY)
        await line.send(piece(chunk({}, "stop")) + piece(frame(b"[DONE]")) + TAIL)

    async def run(self) -> Many:
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
            for _ in range(20):
                await self._newcomer(http)
            self.result.first.clear()
            before = look(self._proxy).memory
            streams = []
            for number in range(self._many):
                streams.append(asyncio.create_task(self._stream(http, number)))
                if number % 25 == 24:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(3)
            most = 0
            while not any(stream.done() for stream in streams):
                await asyncio.gather(self._newcomer(http), asyncio.sleep(1 / NEWCOMERS))
                most = max(most, look(self._proxy).memory)
            await asyncio.gather(*streams)
            self.result.each = (most - before) / self._many
        return self.result

    async def _stream(self, http: aiohttp.ClientSession, number: int) -> None:
        expected = "".join(f"{word} " for word in range(self._words))
        alone = {"metadata": {"user_id": str(number)}}  # the same again would join the one before
        try:
            async with http.post(self._url, json=request("long") | alone) as reply:
                text = check(await reply.read()).text()
            if text == expected:
                self.result.complete += 1
                return
            self.result.wrong.append(f"{len(text)} characters of {len(expected)}")
        except (aiohttp.ClientError, AssertionError, TimeoutError) as broken:
            self.result.wrong.append(f"{type(broken).__name__} {broken}"[:200])

    async def _newcomer(self, http: aiohttp.ClientSession) -> None:
        begun = time.monotonic()
        async with http.post(self._url, json=request("new")) as reply:
            await reply.content.readuntil(b"content_block_delta")
            self.result.first.append(time.monotonic() - begun)
            await reply.read()


def main() -> int:
    """Run both; returns 1 when something was lost, wrong, or left behind."""
    minutes = float(os.environ.get("MINUTES", "3"))
    patience = {"REQUEST_TIMEOUT": PATIENCE, "CONNECT_TIMEOUT": PATIENCE}
    with FaultBackend() as backend, proxies(backend, **patience) as running:
        soaked = asyncio.run(Soak(backend, running[False], minutes * 60, STREAMS).run())
    seconds = SECONDS if minutes else 10
    with (
        FaultBackend() as backend,
        proxies(backend, MAX_CONCURRENT_REQUESTS="0", REQUEST_TIMEOUT="90", CONNECT_TIMEOUT="30") as running,
    ):
        crowd = asyncio.run(Crowd(backend, running[False], MANY, seconds).run())
    lines = [*_soak_lines(soaked), "", *_crowd_lines(crowd, seconds)]
    print("\n".join(lines))
    problems = [*soaked.wrong, *soaked.left, *crowd.wrong, *_grown(soaked)]
    for line in problems[:20]:
        print(line, file=sys.stderr)
    if not problems and minutes:
        write("soak", lines)
    return 1 if problems else 0


def _grown(soaked: Soaked) -> Iterator[str]:
    """Memory after the first fifth, and open files, are where they were."""
    early, last = soaked.samples[len(soaked.samples) // 5], soaked.samples[-1]
    if last.memory > early.memory + 12_000_000:
        yield f"memory grew from {early.memory} to {last.memory} bytes"
    if last.files > soaked.samples[0].files + AT_ONCE + 10:  # connections of clients that were kept, at most
        yield f"open files grew from {soaked.samples[0].files} to {last.files}"


def _soak_lines(soaked: Soaked) -> Iterator[str]:
    total = sum(soaked.counts.values())
    memory = [sample.memory / 1e6 for sample in soaked.samples]
    fifth = len(memory) // 5
    yield f"{total:,} requests through one worker, {AT_ONCE} at a time, {time.strftime('%Y-%m-%d', time.gmtime())}:"
    yield ", ".join(f"{kind} {number:,}" for kind, number in sorted(soaked.counts.items())) + "."
    yield f"Lost or wrong: {len(soaked.wrong)}; slots or connections left behind: {len(soaked.left)}."
    yield f"Memory after a fifth of the time {memory[fifth]:.1f} MB, at the end {memory[-1]:.1f} MB, at most {max(memory):.1f} MB;"
    first, last = soaked.samples[0], soaked.samples[-1]
    yield f"open files {first.files} before, {last.files} after; threads {first.threads} before, {last.threads} after."


def _crowd_lines(crowd: Many, seconds: float) -> Iterator[str]:
    first = sorted(crowd.first)
    middle, late = first[len(first) // 2] * 1e3, first[int(len(first) * 0.99)] * 1e3
    yield f"{MANY:,} streams at once on one worker for {seconds:g} s, a word every {EVERY:g} s in each: {crowd.complete:,} complete,"
    yield f"{len(crowd.wrong)} lost or wrong; {crowd.each / 1000:.1f} kB of memory for each. First words of {len(first)} new streams"
    yield f"meanwhile: {middle:.0f} ms in the middle, {late:.0f} ms for the 99th of 100."


if __name__ == "__main__":
    sys.exit(main())
