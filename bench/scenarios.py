"""What is measured of a target, and how: each scenario is one short load that returns its figures by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from .bodies import body, claude_code_body, history_body, tool_list
from .client import Answer, Request, checked, closed_loop, open_streams
from .frames import Script
from .process import Process
from .targets import HEADERS, Target

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Scenario:
    """A load. what: figure -> (row of the table, unit); direct: whether the backend itself can be put under it."""

    name: str
    what: Mapping[str, tuple[str, str]]
    run: Callable[[Target, float], Awaitable[Figures]]
    direct: bool = False
    rounds: int = 3


class Cpu:
    """CPU seconds of a target's process from here on; 0 for the backend itself, which is not measured."""

    def __init__(self, process: Process | None) -> None:
        self._process = process
        self._begun = process.cpu() if process else 0.0

    def spent(self) -> float:
        """Return the seconds spent since."""
        return self._process.cpu() - self._begun if self._process else 0.0


def middle(values: list[float]) -> float:
    """Return the median."""
    return sorted(values)[len(values) // 2]


def quantile(values: list[float], part: float) -> float:
    """Return a quantile."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


# -- streams --------------------------------------------------------------------------------------------------------


def _burst(kind: str) -> Callable[[Target, float], Awaitable[Figures]]:
    async def run(target: Target, seconds: float) -> Figures:
        tokens = 300
        cpu = Cpu(target.process)
        at_once = 4 if target.slow else 8
        answers = await closed_loop(
            target.client, target.request(Script(kind, tokens, 0)), at_once=at_once, seconds=seconds
        )
        return {"cpu": cpu.spent() / len(answers) / tokens * 1e6}

    return run


async def _paced(target: Target, seconds: float) -> Figures:
    """CPU while streams are open at 50 tokens a second each; first tokens of new streams beside them."""
    count, rate = (10, 50) if target.slow else (100, 50)
    window = seconds * 2
    spread = 1.0
    request = target.request(Script("text", int((spread + window + 0.5) * rate), rate))
    async with open_streams(target.client, request, count=count, spread=spread):
        cpu = Cpu(target.process)
        await asyncio.sleep(window)
        spent = cpu.spent()
    return {"cpu": spent / (count * rate * window) * 1e6}


async def _first_token(target: Target, seconds: float) -> Figures:
    """Time to the first token of new streams, one after the other, beside 100 open ones at 10 tokens a second."""
    count, rate, spread = (10 if target.slow else 100), 10, 0.5
    window = seconds * (3 if target.slow else 1.5)
    background = target.request(Script("text", int((spread + window + 0.3) * rate), rate))
    probe = target.request(Script("text", 3, 1000))
    async with open_streams(target.client, background, count=count, spread=spread):
        times = [answer.first for answer in await closed_loop(target.client, probe, at_once=1, seconds=window)]
    return {"p50": middle(times) * 1e3, "p99": quantile(times, 0.99) * 1e3}


async def _memory(target: Target, _seconds: float) -> Figures:
    """Memory of open streams: each has had its first token and waits for the next."""
    if target.process is None:
        return {}
    count = 50 if target.slow else 500
    idle = target.process.memory()
    request = target.request(Script("text", 4, 1))
    async with open_streams(target.client, request, count=count, spread=1.0):
        await asyncio.sleep(0.5)
        busy = target.process.memory()
    return {"stream": (busy - idle) / count / 1024}


# -- requests -------------------------------------------------------------------------------------------------------


async def _plain(target: Target, seconds: float) -> Figures:
    request = target.request(Script("text", 8, 0), stream=False)
    alone = await closed_loop(target.client, request, at_once=1, seconds=seconds / 2)
    cpu = Cpu(target.process)
    answers = await closed_loop(target.client, request, at_once=2 if target.slow else 4, seconds=seconds)
    return {"cpu": cpu.spent() / len(answers) * 1e3, "latency": _median_ms(alone)}


async def cpu_of_first_requests(target: Target) -> float:
    """CPU ms of a plain request of the first ones after a start: what a short session sees, before all is compiled."""
    if target.process is None:
        return 0.0
    request = target.request(_SHORT, stream=False)
    count = 20 if target.slow else 200
    cpu = Cpu(target.process)
    for _ in range(count):
        checked(await target.client.ask(request))
    return cpu.spent() / count * 1e3


def _large(make: Callable[[], bytes], path: str = "") -> Callable[[Target, float], Awaitable[Figures]]:
    async def run(target: Target, seconds: float) -> Figures:
        request = Request(path or target.path, make(), HEADERS)
        cpu = Cpu(target.process)
        answers = await closed_loop(target.client, request, at_once=1, seconds=seconds)
        return {"cpu": cpu.spent() / len(answers) * 1e3, "latency": _median_ms(answers)}

    return run


def _median_ms(answers: list[Answer]) -> float:
    return middle([answer.total for answer in answers]) * 1e3


def _with_tools() -> bytes:
    return body(_SHORT, tools=tool_list(100))


_SHORT = Script("text", 8, 0)
_CPU = "CPU per token"


def _request_rows(what: str) -> Mapping[str, tuple[str, str]]:
    return {"cpu": (f"{what}: CPU", "ms"), "latency": (f"{what}: latency p50", "ms")}


SCENARIOS = (
    Scenario("burst", {"cpu": (f"{_CPU}, text in bursts", "µs")}, _burst("text")),
    Scenario("paced", {"cpu": (f"{_CPU}, text at 50 tokens/s", "µs")}, _paced),
    Scenario("reasoning", {"cpu": (f"{_CPU}, reasoning and text in bursts", "µs")}, _burst("reasoning")),
    Scenario("tools", {"cpu": (f"{_CPU}, a tool call in bursts", "µs")}, _burst("tools")),
    Scenario(
        "first",
        {"p50": ("time to first token p50", "ms"), "p99": ("time to first token p99", "ms")},
        _first_token,
        direct=True,
    ),
    Scenario("plain", _request_rows("plain request"), _plain, direct=True),
    Scenario("claude", _request_rows("120 kB, 30 tools, 40 messages"), _large(lambda: claude_code_body(_SHORT))),
    Scenario("history200k", _request_rows("200 kB of history"), _large(lambda: history_body(200_000, _SHORT))),
    Scenario("history2m", _request_rows("2 MB of history"), _large(lambda: history_body(2_000_000, _SHORT))),
    Scenario("tools100", _request_rows("100 tools"), _large(_with_tools)),
    Scenario(
        "count",
        _request_rows("count_tokens, 200 kB"),
        _large(lambda: history_body(200_000, _SHORT), "/v1/messages/count_tokens"),
    ),
    Scenario("memory", {"stream": ("memory per open stream", "kB")}, _memory, rounds=1),
)


# -- how cost grows ---------------------------------------------------------------------------------------------------


async def cost_by_streams(target: Target, counts: tuple[int, ...], seconds: float) -> dict[int, float]:
    """CPU µs per token by open streams, 2,000 tokens a second in all."""
    found = {}
    for count in counts:
        rate, spread = 2000 / count, max(0.5, count / 250)
        settled = 0.3 + spread / 2  # opening them must be over when it is timed, on a busy machine too
        request = target.request(Script("text", max(4, int((spread + settled + seconds + 0.5) * rate)), rate))
        async with open_streams(target.client, request, count=count, spread=spread):
            await asyncio.sleep(settled)
            cpu = Cpu(target.process)
            await asyncio.sleep(seconds)
            spent = cpu.spent()
        found[count] = spent / (2000 * seconds) * 1e6
    return found


async def cost_by_history(
    target: Target, sizes: tuple[int, ...], seconds: float
) -> tuple[dict[int, float], dict[int, float]]:
    """CPU ms per request by bytes of history: of the first, and of the next ones, as the turns of a session are."""
    first, again = {}, {}
    for size in sizes:
        request = Request(target.path, history_body(size, _SHORT, system=100), HEADERS)
        cpu = Cpu(target.process)
        checked(await target.client.ask(request))
        first[size] = cpu.spent() * 1e3
        cpu = Cpu(target.process)
        answers = await closed_loop(target.client, request, at_once=1, seconds=seconds)
        again[size] = cpu.spent() / len(answers) * 1e3
    return first, again


_CLIENTS = 400
_LENGTH = 100  # tokens of an answer
_TURNS = 5


async def gain_of_two(lone: list[Target], two: Target, seconds: float) -> float:
    """How much more two workers carry than one, where each has a core of its own.

    The busiest limits them: the one that most of 400 clients are connected to. What its tokens cost is measured while
    all clients take answers in bursts; what they cost one worker, with two proxies of one worker that have half of the
    clients each, so that the machine is as full and its caches are shared by as many processes. Of several short turns
    the cheapest counts: what else runs on the machine makes all of them dearer.
    """
    if two.process is None:
        return 0.0
    two.client.close()  # connections are spread anew each time
    turns = [(await _cost_of_bursts(lone, seconds), await _cost_of_bursts([two], seconds)) for _ in range(_TURNS)]
    alone, together = (min(costs) for costs in zip(*turns, strict=True))
    sockets = two.process.sockets_each().values()
    return alone / (together * max(sockets) / sum(sockets))


async def _cost_of_bursts(targets: list[Target], seconds: float) -> float:
    """Seconds of CPU of all processes per token of all clients."""

    async def load(target: Target, during: float) -> int:
        request = target.request(Script("text", _LENGTH, 0))
        at_once = _CLIENTS // len(targets)
        return len(await closed_loop(target.client, request, at_once=at_once, seconds=during)) * _LENGTH

    await asyncio.gather(*(load(target, 0.0) for target in targets))
    cpu = [Cpu(target.process) for target in targets]
    tokens = sum(await asyncio.gather(*(load(target, seconds) for target in targets)))
    return sum(one.spent() for one in cpu) / tokens
