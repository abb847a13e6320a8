"""The totals in Prometheus' text format; the library is imported with the first scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from .. import __version__
from .tally import BUCKETS, Totals

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "claude_code_proxy_"


class Family(NamedTuple):
    """One metric: its name, what it says, and its labels in the order of the keys."""

    name: str
    meaning: str
    labels: tuple[str, ...]


_MODEL = ("backend", "model")
COUNTERS: Mapping[str, Family] = {
    "requests": Family(
        "requests",
        "Requests that ended, by outcome and the client's HTTP status",
        (*_MODEL, "tier", "outcome", "status"),
    ),
    "tokens": Family(
        "tokens", "Tokens: input, cache_read, cache_write, output; thinking is part of output", (*_MODEL, "kind")
    ),
    "cost": Family("cost_dollars", "US dollars, as far as prices are known", _MODEL),
    "notes": Family("notes", "Requests with a note of this code (docs/compatibility.md)", ("code",)),
    "errors": Family("errors", "Failed requests by the type of the client's error", ("backend", "type")),
    "retries": Family("retries", "Calls to a backend after the first one of a request", ("backend",)),
    "repairs": Family("repairs", "Calls repeated without what the backend refused", ("backend",)),
    "failovers": Family("failovers", "Backends or keys that failed before this backend answered", ("backend",)),
}
GAUGES: Mapping[str, Family] = {
    "last_success": Family("backend_last_success_timestamp_seconds", "When a backend last answered well", ("backend",)),
    "in_flight": Family("in_flight", "Requests under way", ()),
    "queue": Family("queue_waiting", "Requests that wait for a slot of a backend", ("backend",)),
    "up": Family("backend_up", "1 while no circuit of a backend is open", ("backend",)),
}
HISTOGRAMS: Mapping[str, Family] = {
    "first_token": Family("first_token_seconds", "Seconds to the first event of an answer", _MODEL),
    "duration": Family("duration_seconds", "Seconds to the end of an answer", _MODEL),
    "rate": Family("output_tokens_per_second", "Output tokens a second of streams, from the first event on", _MODEL),
}


def exposition(totals: Totals) -> bytes:
    """Return the page for a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Totals(totals))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Totals(Collector):
    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily(f"{_PREFIX}info", "The version that runs", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield from self._values(COUNTERS, CounterMetricFamily)
        yield from self._values(GAUGES, GaugeMetricFamily)
        for name, family in HISTOGRAMS.items():
            yield self._histogram(name, family)

    def _values(
        self, families: Mapping[str, Family], kind: type[CounterMetricFamily | GaugeMetricFamily]
    ) -> Iterator[Metric]:
        for name, family in families.items():
            metric = kind(_PREFIX + family.name, family.meaning, labels=family.labels)
            for key, value in self._totals.counts.items():
                if key[0] == name:
                    metric.add_metric([*key[1:]], value)
            yield metric

    def _histogram(self, name: str, family: Family) -> Metric:
        metric = HistogramMetricFamily(_PREFIX + family.name, family.meaning, labels=family.labels)
        bounds = [*(f"{bound:g}" for bound in BUCKETS[name]), "+Inf"]
        for key, cells in self._totals.spread.items():
            if key[0] == name:
                running = [sum(cells[: n + 1]) for n in range(len(bounds))]
                metric.add_metric([*key[1:]], list(zip(bounds, running, strict=True)), cells[-1])
        return metric
