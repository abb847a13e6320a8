"""The hot path keeps its cost: function calls on fixed inputs, which no other load on a machine changes.

`python -m bench.kept` compares with kept.json (part of `make check`); `--write` records what is true now.
Calls say little about speed as such, but work that creeps into every token or request shows in them at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from claude_code_proxy.tokens.count import Counter

from .bodies import body, claude_code_body
from .frames import Script
from .hot_path import stream, translate
from .served import served_calls

_RECORDED = Path(__file__).with_name("kept.json")
_TOLERANCE = 1.2
_TOKENS = 300
_SHORT = Script("text", 8, 0)


def measure() -> dict[str, float]:
    """Return the calls of each fixed input, of the second time it is seen, and of requests through a running proxy."""
    counter = Counter()
    small, large = body(_SHORT), claude_code_body(_SHORT)
    return {
        **{
            f"{kind}, calls per token": round(_calls(stream(kind, _TOKENS, together=False)) / _TOKENS, 2)
            for kind in ("text", "reasoning", "tools")
        },
        "small request, calls": _calls(lambda: translate(small, counter)),
        "request of 120 kB with 30 tools, calls": _calls(lambda: translate(large, counter)),
        **served_calls(),
    }


def _calls(run: Callable[[], Any]) -> int:
    """Count calls of functions; comprehensions are none, since Python versions differ in what they make of them."""
    count = 0

    def note(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call" and not frame.f_code.co_name.startswith("<")

    run()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def main(arguments: list[str]) -> int:
    """Compare, or record; returns the exit code."""
    found = measure()
    if "--write" in arguments:
        _RECORDED.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    recorded = json.loads(_RECORDED.read_text(encoding="utf-8"))
    worse = [name for name, calls in found.items() if calls > recorded[name] * _TOLERANCE]
    for name in worse:
        print(f"The hot path got slower: {name}: {found[name]}, was {recorded[name]}.", file=sys.stderr)
    if worse:
        print(
            "Find out why (python -m bench.hot_path request); `python -m bench.kept --write` accepts it.",
            file=sys.stderr,
        )
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
