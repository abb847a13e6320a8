"""The hot path keeps its cost: calls, byte codes and bytes on fixed inputs, which no other load on a machine changes.

`python -m bench.kept` compares with kept.json (part of `make check`); `--write` records what is true now. Byte codes
and bytes are those of one version of Python: with another one only the calls are compared.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from claude_code_proxy.tokens.count import Counter

from .bodies import body, claude_code_body
from .costs import counted, held, peak
from .frames import Script
from .hot_path import open_stream, stream, translate
from .served import served_costs

_RECORDED = Path(__file__).with_name("kept.json")
_TOLERANCES = {"calls": 1.2, "byte codes": 1.15, "bytes": 1.25}
_TOKENS = 300
_STREAMS = 100
_SHORT = Script("text", 8, 0)


def measure() -> dict[str, Any]:
    """Return what each fixed input costs the second time it is seen, and requests through a running proxy."""
    counter = Counter()
    small, large = body(_SHORT), claude_code_body(_SHORT)
    costs = {
        **{f"{kind}, a token": _cost(stream(kind, _TOKENS, together=False), _TOKENS) for kind in _KINDS},
        "small request": _cost(lambda: translate(small, counter)),
        "request of 120 kB with 30 tools": _cost(lambda: translate(large, counter)),
        **served_costs(),
    }
    return {
        "python": _python(),
        "calls": {what: calls for what, (calls, _) in costs.items()},
        "byte codes": {what: codes for what, (_, codes) in costs.items()},
        "bytes": {
            "request of 120 kB with 30 tools, at most": peak(lambda: translate(large, counter)),
            f"stream of {_TOKENS} tokens, at most": peak(stream("text", _TOKENS, together=False)),
            "an open stream's translator": held(lambda: [open_stream("text") for _ in range(_STREAMS)]) // _STREAMS,
        },
    }


_KINDS = ("text", "reasoning", "tools")


def _cost(run: Callable[[], Any], parts: int = 1) -> tuple[float, float]:
    run()
    with counted() as found:
        run()
    return round(found.calls / parts, 2), round(found.codes / parts, 1)


def _python() -> str:
    return platform.python_implementation() + " " + ".".join(platform.python_version_tuple()[:2])


def _worse(found: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """Return a line for each figure that is above what was recorded by more than its tolerance."""
    compared = _TOLERANCES if found["python"] == recorded["python"] else {"calls": _TOLERANCES["calls"]}
    return [
        f"The hot path got dearer: {what}: {value} {unit}, was {recorded[unit][what]}."
        for unit, tolerance in compared.items()
        for what, value in found[unit].items()
        if value > recorded[unit][what] * tolerance
    ]


def main(arguments: list[str]) -> int:
    """Compare, or record; returns the exit code."""
    found = measure()
    if "--write" in arguments:
        _RECORDED.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    worse = _worse(found, json.loads(_RECORDED.read_text(encoding="utf-8")))
    for line in worse:
        print(line, file=sys.stderr)
    if worse:
        print(
            "Find out why (python -m bench.hot_path request); `python -m bench.kept --write` accepts it.",
            file=sys.stderr,
        )
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
