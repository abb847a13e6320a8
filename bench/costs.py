"""What code executes, counted by the interpreter: the same on every machine, whatever else runs on it."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

_BENCH = str(Path(__file__).parent)  # the driver and the backend, where they run in the same process


class Counted:
    """calls: of functions of Python; codes: byte codes that the interpreter executed, comprehensions' too.

    Comprehensions are no calls, since Python versions differ in what they make of them.
    """

    def __init__(self) -> None:
        self.calls = self.codes = 0

    def enter(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename.startswith(_BENCH):
            return None
        self.calls += event == "call" and not frame.f_code.co_name.startswith("<")
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._within

    def _within(self, _: FrameType, event: str, __: object) -> Callable[..., Any]:
        self.codes += event == "opcode"
        return self._within


@contextmanager
def counted() -> Iterator[Counted]:
    """Count what this thread executes within the block."""
    found = Counted()
    sys.settrace(found.enter)
    try:
        yield found
    finally:
        sys.settrace(None)


def peak(run: Callable[[], Any]) -> int:
    """Return the bytes that `run` has allocated at most at once."""
    return _allocated(run)[1]


def held(make: Callable[[], Any]) -> int:
    """Return the bytes that what `make` returns keeps allocated."""
    return _allocated(make)[0]


def _allocated(run: Callable[[], Any]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = run()
        now, most = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return now - before, most - before
