"""Run every fault in every phase and write the table of docs/reliability.md: `make faults`."""

from __future__ import annotations

import asyncio
import itertools
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

from .backend import FaultBackend
from .cases import PHASES, connecting, matrix, shaped, truncated
from .run import Outcome, leftovers, proxies, run
from .table import write


def main() -> int:
    """Run all; returns 1, and writes nothing, when an outcome is not legal."""
    begun = time.monotonic()
    with FaultBackend() as backend, proxies(backend) as running:
        urls = {again: proxy.url for again, proxy in running.items()}
        cases = itertools.chain(matrix(), shaped(), connecting(), truncated())
        outcomes = asyncio.run(run(cases, backend, urls))
        left = asyncio.run(leftovers(backend, urls))
    wrong = [f"{one.case.name}: {one.kind} {one.detail}" for one in outcomes if not one.is_legal] + left
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(outcomes)} cases in {time.monotonic() - begun:.0f} s, {len(wrong)} wrong", file=sys.stderr)
    if not wrong:
        write("faults", _page(outcomes))
    return 1 if wrong else 0


def _page(outcomes: list[Outcome]) -> Iterator[str]:
    cut = [one for one in outcomes if " at byte " in one.case.fault]
    shapes = [one for one in outcomes if one.case.phase in ("the whole answer", "connect")]
    phased = [one for one in outcomes if one not in cut and one not in shapes]
    machine = f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield f"Run of {time.strftime('%Y-%m-%d', time.gmtime())}, {machine}: {len(outcomes)} cases, all with a legal outcome;"
    yield "afterwards every slot was free and no connection to the backend was left."
    for stream in (True, False):
        for again in (False, True):
            yield from ("", f"**{_way(stream)}, {'one retry allowed' if again else 'no retries'}**", "")
            yield from _matrix([one for one in phased if one.case.stream == stream and one.case.again == again], stream)
    yield from ("", "**Answers of another shape, and connections that fail**", "")
    yield from ("| what the backend does | streamed | whole |", "| --- | --- | --- |")
    for fault, found in _grouped(shapes).items():
        yield f"| {fault} | {_told(o for o in found if o.case.stream)} | {_told(o for o in found if not o.case.stream)} |"
    yield from ("", "**Cut at every byte** of the response, head and chunk framing included", "")
    yield from ("| answer | end | cuts | outcomes |", "| --- | --- | --- | --- |")
    for stream in (True, False):
        for name, how in itertools.product(("a text", "a tool call"), ("closed", "reset")):
            found = [
                o for o in cut if o.case.stream == stream and o.case.phase == name and o.case.fault.startswith(how)
            ]
            counts = {kind: sum(one.kind == kind for one in found) for kind in dict.fromkeys(one.kind for one in found)}
            told = ", ".join(f"{kind} {number}" for kind, number in counts.items())
            yield f"| {name}, {_way(stream).lower()} | {how} | {len(found)} | {told} |"


def _way(stream: bool) -> str:
    return "Streamed" if stream else "Whole"


def _matrix(found: list[Outcome], stream: bool) -> Iterator[str]:
    phases = [phase.name for phase in PHASES[stream]]
    yield "| fault | " + " | ".join(phases) + " |"
    yield "| --- |" + " --- |" * len(phases)
    for fault, outcomes in _grouped(found).items():
        yield f"| {fault} | " + " | ".join(_told(o for o in outcomes if o.case.phase == at) for at in phases) + " |"


def _grouped(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    by_fault: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_fault[one.case.fault].append(one)
    return by_fault


def _told(outcomes: Iterable[Outcome]) -> str:
    """The outcome in few words: a status, the type of an error event, or the answer."""
    told = [one.detail if one.kind != "answer" else "answer" for one in outcomes]
    return ", ".join(dict.fromkeys(told)) or "·"


if __name__ == "__main__":
    sys.exit(main())
