"""`make bench`: this proxy and its peers side by side in one run, interleaved; writes docs/performance.md.

BENCH_PEERS=none, or some of ccr,litellm,fastapi (default: all) selects peers, BENCH_ONLY=plain,burst what is measured;
BENCH_QUICK=1 makes it short. Only a whole run writes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

from .client import Client, FailedError
from .process import Process, folder, free_port
from .report import Results, print_results, write_report
from .scenarios import SCENARIOS, Scenario, cost_by_history, cost_by_streams, cpu_of_first_requests, gain_of_two
from .targets import Target, all_targets, ours
from .verify import verify

_ROOT = Path(__file__).parents[1]
_ONLY = frozenset(filter(None, os.environ.get("BENCH_ONLY", "").split(",")))
_STREAM_COUNTS = (1, 10, 100, 300, 1000)
_HISTORY_SIZES = (1_000, 10_000, 100_000, 1_000_000, 4_000_000, 8_000_000)


async def run(peers: str, *, quick: bool) -> Results:
    """Measure everything; targets that fail carry the reason in `error`."""
    results = Results()
    seconds = 0.25 if quick else 0.7
    with ExitStack() as stack:
        home = stack.enter_context(folder())
        port = free_port()
        command = [sys.executable, "-m", "bench.backend", str(port)]
        backend = Process(command, {"PYTHONPATH": str(_ROOT)}, _made(home / "backend"))
        stack.callback(backend.stop)
        targets = all_targets(peers)
        for target in targets:
            stack.callback(target.stop)
        results.targets = targets
        await _ready(port)
        for target in targets:
            await _set_up(target, port, home, results, starts=3)
        rounds = 1 if quick else 0
        for scenario in _chosen():
            await _measure(scenario, targets, results, seconds, rounds or scenario.rounds)
        if not quick and not _ONLY:
            await _grow(targets, results)
        if not quick and (not _ONLY or "workers" in _ONLY):
            await _compare_workers(port, home, results)
    return results


def _chosen() -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if not _ONLY or scenario.name in _ONLY]


async def _ready(port: int) -> None:
    probe = Target("direct", "", path="/v1/chat/completions", port=port, client=Client(port))
    await probe.first_answer()
    probe.client.close()


async def _set_up(target: Target, port: int, home: Path, results: Results, *, starts: int) -> None:
    """Install, start a few times for the time it takes, check the answers, take the idle memory."""
    try:
        if target.install:
            _say(f"installing {target.name} {target.version}")
            await asyncio.to_thread(target.install)
        for number in range(1 if target.direct or target.slow else starts):
            target.stop()
            begun = time.perf_counter()
            target.start(port, _made(home / f"{target.name}-{number}"))
            await target.first_answer()
            if not target.direct:
                results.add(target, "start", "start", time.perf_counter() - begun)
                results.add(target, "fresh", "cpu", await cpu_of_first_requests(target))
        await verify(target)
        if target.process is not None:
            await asyncio.sleep(0.5)
            results.add(target, "memory", "idle", target.process.memory() / 1e6)
    except (FailedError, OSError) as error:
        target.error = str(error)[:200]
        _say(f"{target.name} is left out: {target.error}")


async def _measure(scenario: Scenario, targets: list[Target], results: Results, seconds: float, rounds: int) -> None:
    _say(scenario.name)
    for _ in range(rounds):
        for target in targets:
            if target.error or (target.direct and not scenario.direct):
                continue
            try:
                async with asyncio.timeout(30):
                    figures = await scenario.run(target, seconds)
            except (FailedError, OSError, TimeoutError, ExceptionGroup) as error:
                results.fail(target, scenario.name, _cause(error))
                continue
            for name, value in figures.items():
                results.add(target, scenario.name, name, value)


async def _grow(targets: list[Target], results: Results) -> None:
    for target in targets:
        if target.error or target.direct or target.slow:
            continue
        _say(f"growth of {target.name}")
        try:
            results.by_streams[target.name] = await cost_by_streams(target, _STREAM_COUNTS, 1.5)
            first, again = await cost_by_history(target, _HISTORY_SIZES, 0.6)
            results.by_history_first[target.name], results.by_history[target.name] = first, again
        except (FailedError, OSError, TimeoutError, ExceptionGroup) as error:
            results.fail(target, "growth", _cause(error))


async def _compare_workers(port: int, home: Path, results: Results) -> None:
    """Two proxies of one worker and one of two, in turn."""
    _say("two workers")
    *lone, two = targets = (ours(), ours(), ours(workers=2))
    try:
        for number, target in enumerate(targets, 1):
            target.start(port, _made(home / f"workers-{number}"))
            await target.first_answer()
        for _ in range(7):
            results.workers.append(await gain_of_two(lone, two, 0.2))
    finally:
        for target in targets:
            target.stop()


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__} {error}".strip()[:200]


def _made(place: Path) -> Path:
    place.mkdir(parents=True)
    return place


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Run, print, and write the report unless the run was a quick one."""
    quick = os.environ.get("BENCH_QUICK", "0") not in ("", "0")
    begun = time.perf_counter()
    results = uvloop.run(run(os.environ.get("BENCH_PEERS", "ccr,litellm,fastapi"), quick=quick))
    results.seconds = time.perf_counter() - begun
    print_results(results)
    if not quick and not _ONLY:
        write_report(results, _ROOT / "docs")


if __name__ == "__main__":
    main()
