"""The hot path without sockets: how long a translation takes, and where the time goes.

`python -m bench.hot_path` prints the times; `python -m bench.hot_path tokens|reasoning|tools|request` a profile.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from claude_code_proxy.dialects.generic import GENERIC
from claude_code_proxy.tokens.count import Counter
from claude_code_proxy.translate.depth import is_deep
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.plan import Plan, ToolFacts
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.stream import StreamTranslator
from claude_code_proxy.translate.validate import check_request

from .bodies import claude_code_body, history_body, tool_list
from .frames import Script, frames

_SCRIPT = Script("text", 8, 0)
_TARGET = Target(backend="default", model="bench-model", dialect=GENERIC, seal=b"key", window=1_000_000)
_PLAN = Plan(model="claude-sonnet-4-5", seal=b"key", tools={"Write": ToolFacts("Write", {"type": "object"})})
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def translate(body: bytes, counter: Counter) -> bytes:
    """Everything between a client's bytes and a backend's, without the sockets."""
    request = check_request(_decode(body), deep=is_deep(body))
    return _encode(translate_request(request, _TARGET, Notes(), count=counter.body).body)


def stream(kind: str, tokens: int, *, together: bool) -> Callable[[], int]:
    """Return one answer's translation. together: all frames in one read, else one read a frame."""
    sent = frames(kind, tokens)
    reads = [b"".join(sent)] if together else list(sent)

    def run() -> int:
        translator = _translator()
        return sum(len(translator.feed(data)) for data in reads)

    return run


def open_stream(kind: str) -> StreamTranslator:
    """Return what translates an answer, in the middle of it."""
    translator = _translator()
    for frame in frames(kind, 40)[:20]:
        translator.feed(frame)
    return translator


def _translator() -> StreamTranslator:
    return StreamTranslator(GENERIC, _PLAN, message_id="msg_bench")


def translation_times() -> Mapping[str, float]:
    """Milliseconds of CPU to translate a request of Claude Code's size: `first` seen, and `again` in the next turn."""
    bodies = [history_body(size, _SCRIPT, turns=40, tools=30, system=14_000) for size in range(119_000, 121_000, 250)]
    first = _best(lambda: translate(bodies[0], Counter()), 9)
    counter = Counter()
    translate(bodies[0], counter)
    return {"first": first * 1e3, "again": _best(lambda: translate(bodies[0], counter), 30) * 1e3}


def _best(run: Callable[[], Any], times: int) -> float:
    """The least of some runs, in seconds of CPU: what others take or push out of the caches is not ours."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        run()
        taken.append(time.process_time() - begun)
    return min(taken)


def _print_times() -> None:
    times = translation_times()
    print(f"request of 120 kB, 30 tools, 40 messages: {times['again']:.2f} ms (first seen: {times['first']:.2f} ms)")
    for kind in ("text", "reasoning", "tools"):
        for together in (True, False):
            run = stream(kind, 300, together=together)
            run()
            how = "one read" if together else "a read each"
            print(f"{kind}, 300 tokens in {how}: {_best(run, 60) / 300 * 1e6:.2f} µs per token")


def _requests() -> Callable[[], Any]:
    body, counter = claude_code_body(_SCRIPT), Counter()
    tool_list(30)
    translate(body, counter)
    return lambda: [translate(body, counter) for _ in range(50)]


_PROFILED: Mapping[str, Callable[[], Callable[[], Any]]] = {
    "tokens": lambda: stream("text", 3000, together=False),
    "reasoning": lambda: stream("reasoning", 3000, together=False),
    "tools": lambda: stream("tools", 3000, together=False),
    "request": _requests,
}


def _profile(name: str) -> None:
    run = _PROFILED[name]()
    run()
    with cProfile.Profile() as profile:
        run()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _profile(sys.argv[1])
    else:
        _print_times()
