"""How near counts come to a model's own, turn by turn: `python -m bench.counting` (needs the extra `tokens`).

A session of an agent that reads this repository, a file a turn, counted as the proxy counts it and reported as a model
with another vocabulary would: the estimate alone, and corrected by the reports. Errors in percent of the real prompt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from claude_code_proxy.backends.gauges import Gauges
from claude_code_proxy.config import Backend
from claude_code_proxy.tokens.count import Counter
from claude_code_proxy.tokens.vocabulary import load_vocabulary

ROOT = Path(__file__).parents[1]
VOCABULARIES = ("o200k_base", "llama3", "qwen3", "deepseek_v3", "mistral_v3", "glm4", "kimi_k2")
TURNS = 25
TEMPLATE = 7  # tokens a message that a model's template adds, beyond what is assumed
BACKEND = Backend(name="bench", base_url="http://bench/v1", key="x")


def files() -> list[str]:
    """The repository's code, documents and data, mixed as an agent meets them."""
    kinds = [sorted(ROOT.glob(pattern)) for pattern in ("src/**/*.py", "docs/*.md", "tests/**/*.json", "tests/*.py")]
    turns = [kind[turn * 7 % len(kind)] for turn in range(TURNS) for kind in (kinds[turn % len(kinds)],)]
    return [path.read_text("utf-8")[:6000] for path in turns]


def session() -> Iterator[dict[str, Any]]:
    """The request of each turn."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": (ROOT / "CONTRIBUTING.md").read_text("utf-8")}]
    messages.append({"role": "user", "content": "Read everything."})
    for turn, content in enumerate(files()):
        call = {"name": "Read", "arguments": f'{{"file_path":"/src/{turn}"}}'}
        calls = [{"id": f"t{turn}", "type": "function", "function": call}]
        messages.append(
            {"role": "user", "content": "Read on."} if not turn else {"role": "assistant", "tool_calls": calls}
        )
        messages.append({"role": "tool", "tool_call_id": f"t{turn}", "content": content})
        yield {"model": "m", "messages": list(messages)}


def errors(tokens: Callable[[str], int], *, corrected: bool) -> list[float]:
    """The error of each turn's count, in percent."""
    gauges, real = Gauges(Counter()), Counter(tokens)
    found = []
    for body in session():
        truth = real.body(body) + TEMPLATE * len(body["messages"])
        gauge = gauges.of(BACKEND, "m")
        found.append(100 * (gauge(body) / truth - 1))
        if corrected:
            gauge.reported(truth)
    return found


def main() -> int:
    """Print the table."""
    print("| vocabulary | estimate alone: worst turn | corrected: turns 1-3 | turns 4-5 | from the sixth: worst |")
    print("| --- | --- | --- | --- | --- |")
    for name in VOCABULARIES:
        tokens = load_vocabulary(name)
        if tokens is None:
            print(f"{name} is not installed: pip install splintr-rs", file=sys.stderr)
            return 1
        alone, after = errors(tokens, corrected=False), errors(tokens, corrected=True)
        worst = [f"{max(part, key=abs):+.1f} %" for part in (alone, after[:3], after[3:5], after[5:])]
        print(f"| {name} | {' | '.join(worst)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
