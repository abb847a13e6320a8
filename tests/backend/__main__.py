"""Run the scripted backend on its own, for load and for looking at it by hand."""

from __future__ import annotations

import argparse
import signal
import threading

from .script import say
from .server import Backend


def main() -> None:
    options = _parser().parse_args()
    text = options.text or " ".join(f"word{n}" for n in range(options.words))
    script = say(text, size=options.size, drip=options.drip)
    with Backend(lambda _: script, key=options.key, host=options.host, port=options.port) as backend:
        print(backend.url, flush=True)
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.backend", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port, printed")
    parser.add_argument("--key", default="", help="the key it demands; empty: any")
    parser.add_argument("--text", default="", help="what it answers")
    parser.add_argument("--words", type=int, default=100, help="length of the answer without --text")
    parser.add_argument("--size", type=int, default=6, help="characters in one delta")
    parser.add_argument("--drip", type=float, default=0.0, help="seconds between two deltas")
    return parser


if __name__ == "__main__":
    main()
