"""What was promised of speed, as ratios and limits, and which figures say whether it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .scenarios import middle

if TYPE_CHECKING:
    from .report import Results

_CCR, _LITELLM, _FRAMEWORK = "claude-code-router", "LiteLLM", "FastAPI + openai"
Times = Mapping[str, float]


@dataclass(frozen=True)
class Goal:
    """A promise: `measure` gives a value that is to be at most `limit`."""

    title: str
    limit: float
    measure: Callable[[Results, str, Times], float | None]
    unit: str = ""

    def show(self, value: float | None) -> str:
        """Return a value as text: a ratio as 1/n, else with its unit."""
        if value is None:
            return "-"
        return f"{value:.3g} {self.unit}" if self.unit else f"1/{1 / value:.3g}"


def _against(peer: str, scenario: str) -> Callable[[Results, str, Times], float | None]:
    def measure(results: Results, ours: str, _: Times) -> float | None:
        ratio = results.ratio(ours, peer, (scenario, "cpu"))
        return 1 / ratio if ratio else None

    return measure


def _value(scenario: str, figure: str) -> Callable[[Results, str, Times], float | None]:
    return lambda results, ours, _: results.value(ours, (scenario, figure))


def _added(figure: str) -> Callable[[Results, str, Times], float | None]:
    return lambda results, ours, _: results.added(ours, ("first", figure))


GOALS = (
    Goal("CPU per token in bursts: at most 1/3 of claude-code-router's", 1 / 3, _against(_CCR, "burst")),
    Goal("CPU per token at 50 tokens/s: at most 1/1.6 of claude-code-router's", 1 / 1.6, _against(_CCR, "paced")),
    Goal(
        "CPU per token in bursts: at most 1/20 of FastAPI and the openai package", 1 / 20, _against(_FRAMEWORK, "burst")
    ),
    Goal("CPU per token in bursts: at most 1/80 of LiteLLM's", 1 / 80, _against(_LITELLM, "burst")),
    Goal("CPU of a plain request, warm: at most 1/4 of claude-code-router's", 1 / 4, _against(_CCR, "plain")),
    Goal(
        "CPU of a plain request, of the first 200: at most 1/4 of claude-code-router's", 1 / 4, _against(_CCR, "fresh")
    ),
    Goal("added time to first token beside 100 open streams, p50: at most 0.7 ms", 0.7, _added("p50"), "ms"),
    Goal("added time to first token beside 100 open streams, p99: at most 3 ms", 3, _added("p99"), "ms"),
    Goal("memory when idle: at most 60 MB", 60, _value("memory", "idle"), "MB"),
    Goal("memory of an open stream: at most 60 kB", 60, _value("memory", "stream"), "kB"),
    Goal("start to the first served request: at most 0.8 s", 0.8, _value("start", "start"), "s"),
    Goal(
        "a request of Claude Code's size, translated and counted: at most 1.5 ms",
        1.5,
        lambda _results, _ours, times: times["again"],
        "ms",
    ),
    Goal(
        "two workers carry at least 1.8 times as much as one",
        1 / 1.8,
        lambda results, _ours, _times: 1 / middle(results.workers) if results.workers else None,
    ),
)
