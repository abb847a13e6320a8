"""Writing where no stream waits for it: items go into a bounded queue, a thread writes them in batches."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog

from .errors import reason

Item = TypeVar("Item")

_GATHER = 0.2  # seconds a batch is gathered: a busy proxy writes five times a second, whatever its rate
_MOST = 10_000  # items that wait; a disk that takes none for so long loses the rest, and the log says so
_LAST = 5.0  # seconds the last batch may take at the end


class Background(Generic[Item]):
    """Hands batches of items to `write` in a thread of its own, which begins with the first one.

    what: names what is written, for the log; write: may block; what it raises is logged once, until it works again.
    again: seconds after which a `write` that keeps what it couldn't write is called again, 0 for one that doesn't.
    gather: seconds a batch is gathered.
    """

    def __init__(
        self,
        what: str,
        write: Callable[[Sequence[Item]], None],
        *,
        most: int = _MOST,
        again: float = 0,
        gather: float = _GATHER,
    ) -> None:
        self._what = what
        self._write = write
        self._again = again
        self._failed = False
        self._waiting: deque[Item] = deque()
        self._most = most
        self._gather = gather
        self._lost = 0
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = False

    @property
    def waiting(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._waiting)

    def add(self, item: Item) -> None:
        """Take one."""
        if len(self._waiting) >= self._most:
            self._lost += 1
            return
        self._waiting.append(item)
        if self._news.is_set():  # the thread is woken once for a batch
            return
        self._news.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._what, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(_LAST)

    def _run(self) -> None:
        while not (self._closing.is_set() and not self._waiting):
            self._news.wait(self._again if self._failed and self._again else None)
            self._news.clear()
            self._closing.wait(self._gather)
            self._batch()

    def _batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not (batch or (self._failed and self._again)):
            return
        try:
            self._write(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, requests go on
            self._failed = True
            then = ", and it is tried again" if self._again else ""
            self._complain(f"{self._what} can't be written: {reason(error)}; requests go on without it{then}")
            return
        self._failed = self._complained = False
        if self._lost:
            lost, self._lost = self._lost, 0
            self._complain(f"{self._what}: {lost} requests were not written, the disk was too slow")

    def _complain(self, sentence: str) -> None:
        if not self._complained:
            structlog.get_logger().warning(sentence)
        self._complained = True
