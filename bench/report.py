"""A run's figures, as tables on the terminal and in docs/performance.md (between the marks, the rest is by hand)."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .goals import GOALS
from .hot_path import translation_times
from .plot import svg
from .scenarios import SCENARIOS, middle
from .targets import Target

_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"
_FIXED = {
    ("fresh", "cpu"): ("plain request, of the first 200 after a start: CPU", "ms"),
    ("start", "start"): ("start to the first served request", "s"),
    ("memory", "idle"): ("memory when idle", "MB"),
}
Key = tuple[str, str]


@dataclass
class Results:
    """All values of a run: target -> (scenario, figure) -> one value a round."""

    targets: list[Target] = field(default_factory=list)
    values: dict[str, dict[Key, list[float]]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    by_streams: dict[str, dict[int, float]] = field(default_factory=dict)
    by_history: dict[str, dict[int, float]] = field(default_factory=dict)
    by_history_first: dict[str, dict[int, float]] = field(default_factory=dict)
    workers: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, target: Target, scenario: str, figure: str, value: float) -> None:
        """Take a value."""
        self.values.setdefault(target.name, {}).setdefault((scenario, figure), []).append(value)

    def fail(self, target: Target, scenario: str, cause: str) -> None:
        """Take note that a target failed."""
        self.failures.setdefault(target.name, {})[scenario] = cause

    def value(self, name: str, key: Key) -> float | None:
        """Return the median of the rounds, None when there is no value."""
        found = self.values.get(name, {}).get(key)
        return middle(found) if found else None

    def ratio(self, ours: str, theirs: str, key: Key) -> float | None:
        """Return their value over ours: the median of the rounds, each round's two values taken side by side."""
        one, other = self.values.get(ours, {}).get(key, []), self.values.get(theirs, {}).get(key, [])
        pairs = [b / a for a, b in zip(one, other, strict=False) if a > 0]
        return middle(pairs) if pairs else None

    def added(self, name: str, key: Key) -> float | None:
        """Return a time without the backend's own."""
        value, direct = self.value(name, key), self.value("direct", key)
        return None if value is None or direct is None else value - direct


def rows() -> dict[Key, tuple[str, str]]:
    """Return every figure's title and unit, in order."""
    found = {(scenario.name, name): what for scenario in SCENARIOS for name, what in scenario.what.items()}
    return {**found, **_FIXED}


def print_results(results: Results) -> None:
    """Print the tables."""
    print("\n".join(_tables(results)))
    print(f"\n{results.seconds:.0f} s")


def write_report(results: Results, docs: Path) -> None:
    """Put the tables and the plot into the documents."""
    (docs / "performance.svg").write_text(svg(results.by_streams, results.by_history, _bars(results)), encoding="utf-8")
    page = docs / "performance.md"
    text = page.read_text(encoding="utf-8")
    made = "\n".join([_BEGIN, "", *_tables(results), "", "![How cost grows](performance.svg)", "", _END])
    page.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: made, text, flags=re.DOTALL), encoding="utf-8")


def _tables(results: Results) -> list[str]:
    ours, *others = results.targets
    peers = [target for target in others if not target.direct]
    return [
        _machine(results),
        "",
        *(f"Not measured: {peer.name} {peer.version}: {peer.error}.\n" for peer in peers if peer.error),
        *_goal_table(results, ours),
        "",
        *_ratio_table(results, ours, [peer for peer in peers if not peer.error]),
        "",
        *_absolute_table(results, [target for target in results.targets if not target.error]),
        *_failures(results),
        "",
        *_growth_tables(results),
    ]


def _machine(results: Results) -> str:
    names = [f"{target.name} {target.version}".replace("direct no proxy", "") for target in results.targets]
    day = datetime.now(tz=UTC).date().isoformat()
    return (
        f"{day}; {_cpu_model()}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}; {', '.join(filter(None, names))}; "
        f"load of the machine at the end {os.getloadavg()[0]:.1f}; the run took {results.seconds:.0f} s."
    )


def _cpu_model() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1].strip() if found else platform.processor()


def _goal_table(results: Results, ours: Target) -> list[str]:
    times = translation_times()
    lines = ["| goal | measured | met |", "| --- | --- | --- |"]
    for goal in GOALS:
        value = goal.measure(results, ours.name, times)
        met = "not measured" if value is None else ("yes" if value <= goal.limit else "**no**")
        lines.append(f"| {goal.title} | {goal.show(value)} | {met} |")
    return lines


def _ratio_table(results: Results, ours: Target, peers: list[Target]) -> list[str]:
    if not peers:
        return []
    lines = [_header([f"{peer.name} needs ... times as much" for peer in peers])]
    for key, (title, _) in rows().items():
        ratios = [results.ratio(ours.name, peer.name, key) for peer in peers]
        if any(ratio is not None for ratio in ratios):
            lines.append(_row(title, [f"{ratio:.3g}" if ratio is not None else "-" for ratio in ratios]))
    return lines


def _absolute_table(results: Results, targets: list[Target]) -> list[str]:
    lines = [_header([target.name for target in targets])]
    for key, (title, unit) in rows().items():
        values = [results.value(target.name, key) for target in targets]
        if any(value is not None for value in values):
            lines.append(_row(f"{title} ({unit})", [_number(value) for value in values]))
    per_core = [_streams_per_core(results.value(target.name, ("paced", "cpu"))) for target in targets]
    lines.append(_row("streams of 50 tokens/s a core carries (computed)", per_core))
    return lines


def _streams_per_core(cost: float | None) -> str:
    return f"{1e6 / (cost * 50):.0f}" if cost else "-"


def _failures(results: Results) -> list[str]:
    return [
        f"\n{name} failed in {scenario}: {cause}."
        for name, found in results.failures.items()
        for scenario, cause in found.items()
    ]


def _growth_tables(results: Results) -> list[str]:
    return [
        *_growth("CPU µs per token, by open streams (2,000 tokens/s in all)", results.by_streams, str),
        "",
        *_growth("CPU ms per request, by bytes of history known from earlier turns", results.by_history, _size),
        "",
        *_growth("CPU ms of the first request, by bytes of history", results.by_history_first, _size),
    ]


def _size(size: int) -> str:
    return f"{size / 1000:g} kB"


def _growth(title: str, found: dict[str, dict[int, float]], name: Callable[[int], str]) -> list[str]:
    if not found:
        return []
    at = list(next(iter(found.values())))
    head = f"| {title} | {' | '.join(map(name, at))} |"
    body = [_row(target, [_number(values.get(x)) for x in at]) for target, values in found.items()]
    return [head, f"| --- |{' --- |' * len(at)}", *body]


def _bars(results: Results) -> dict[str, dict[str, float]]:
    chosen = {
        ("burst", "cpu"): "µs per token, bursts",
        ("paced", "cpu"): "µs per token, paced",
        ("plain", "cpu"): "ms per plain request",
        ("claude", "cpu"): "ms per 120 kB request",
    }
    return {
        title: {
            target.name: value
            for target in results.targets
            if not target.direct and (value := results.value(target.name, key)) is not None
        }
        for key, title in chosen.items()
    }


def _header(names: list[str]) -> str:
    return f"| | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}"


def _row(title: str, cells: list[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
