"""How near counts come to what real backends reported: `python -m bench.recorded`.

Reads the exchanges that public projects recorded, where they lie (`CCP_RECORDED`, as the tests do). They are small
prompts that have nothing to do with each other, so nothing is known of a prompt's beginning, and what a template adds
weighs most: the hardest case for an estimate, and for a ratio. Errors in percent of the reported prompt.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.recorded import WHERE, Exchange, chat_exchanges

from claude_code_proxy.backends.gauges import Gauges
from claude_code_proxy.tokens.count import Counter
from claude_code_proxy.wire.shapes import count, mapping

from .counting import BACKEND

_REPORTS = 5  # after which a ratio is to be right
_LEAST = 10  # exchanges of a model that are worth a row
_SHORTEST = 200  # tokens: what a ratio is made of, and shown for


def reported(exchange: Exchange) -> int:
    """Return the prompt tokens a backend reported, 0 for none."""
    found = 0
    for document in _documents(exchange):
        usage = mapping(document.get("usage")) or mapping(mapping(document.get("x_groq")).get("usage"))
        found = count(usage.get("prompt_tokens")) or found
    return found


def _documents(exchange: Exchange) -> Iterator[Mapping[str, Any]]:
    text = exchange.body.decode("utf-8", "replace")
    for line in text.splitlines() if exchange.streamed else [f"data:{text}"]:
        written = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if written.startswith(("{", "[")):
            try:
                yield mapping(json.loads(written))
            except ValueError:
                continue


def by_model() -> dict[str, list[tuple[Mapping[str, Any], int]]]:
    """Return the requests of each model with what was reported, in the order of the corpus."""
    found = defaultdict(list)
    for exchange in chat_exchanges():
        tokens = reported(exchange)
        if tokens and exchange.request.get("messages") and not Counter().measure(exchange.request).media:
            found[f"{exchange.provider}/{exchange.request.get('model')}"].append((exchange.request, tokens))
    return found


def errors(asked: list[tuple[Mapping[str, Any], int]], *, corrected: bool) -> list[float]:
    """Return the errors of a model's prompts; corrected: of those behind the first reports only."""
    gauges, learned, found = Gauges(Counter()), 0, []
    for body, truth in asked:
        gauge = gauges.of(BACKEND, "m")
        counted = gauge(body)
        long = gauge.counted.measure.tokens >= _SHORTEST
        if (learned >= _REPORTS and long) if corrected else long:
            found.append(100 * (counted / truth - 1))
        if corrected:
            gauge.reported(truth)
            learned += long
    return found


def main() -> int:
    """Print the table."""
    models = by_model()
    if not models:
        print(WHERE, file=sys.stderr)
        return 1
    print("| backend/model | prompts | estimate alone: median, 9 of 10 within | corrected, behind five reports |")
    print("| --- | --- | --- | --- |")
    for name, asked in sorted(models.items(), key=lambda item: -len(item[1])):
        alone, after = errors(asked, corrected=False), errors(asked, corrected=True)
        if len(alone) >= _LEAST:
            print(f"| {name} | {len(alone)} | {_told(alone)} | {_told(after)} |")
    return 0


def _told(found: list[float]) -> str:
    if not found:
        return "-"
    sizes = sorted(map(abs, found))
    return f"{statistics.median(found):+.1f} %, {sizes[int(0.9 * (len(sizes) - 1))]:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
