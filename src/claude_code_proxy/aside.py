"""Work on large requests, done aside: in a thread, so that the streams beside it go on.

Reading, checking, translating and counting ten megabytes takes a second of processor time, and the event loop is one
thread. What is large is worked on in another one, one request after the other; the interpreter hands over between the
two every millisecond (`cli/serve.py`). What is small is done at once, since a change of threads costs more than it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

LARGE = 256 * 1024
"""Bytes of a request from which on it is worked on aside: about 20 ms of work when nothing of it is known."""

P = ParamSpec("P")
R = TypeVar("R")


class Aside:
    """A thread for what is large. Its work is pure, so that a request whose client has left costs time and no more."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "large requests")  # made with the first work

    async def run(self, size: int, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Return what `work` returns; size: bytes of the request it is about."""
        if size < LARGE:
            return work(*arguments, **named)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*arguments, **named))

    def close(self) -> None:
        """Begin nothing any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
