"""Windows that servers were seen to cut prompts to in silence; what shows it is `translate/usage.py`.

The sign may mislead: some servers leave out of their counts what they had in their cache. Of a model that has read more
than the window before, it is believed when the same window is seen twice. And it holds for a while only, in this
process: nobody says when such a server was started anew, so that one prompt beyond the window is tried again then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from ..config import Backend
from .learned import key_of

_HOLDS = 600.0  # seconds
_MOST = 2000  # models: a client can make up any number of names


class _Seen(NamedTuple):
    window: int
    until: float  # seconds of the clock; 0: seen, but not believed


class Cuts:
    """The windows seen, by backend and model. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def window(self, backend: Backend, model: str) -> int:
        """Return the tokens that a model's prompts are cut to now, 0 where that is not known."""
        if not self._seen:
            return 0
        seen = self._seen.get(key_of(backend, model))
        return seen.window if seen and self._clock() < seen.until else 0

    def saw(self, backend: Backend, model: str, window: int, largest: int) -> bool:
        """Take note of a prompt that was cut, and tell whether that is believed. largest: tokens ever read."""
        key = key_of(backend, model)
        known = self._seen.pop(key, None)
        if len(self._seen) >= _MOST:
            self._seen.pop(next(iter(self._seen)))
        believed = largest <= window or (known is not None and known.window == window)
        self._seen[key] = _Seen(window, self._clock() + _HOLDS if believed else 0)
        return believed

    def forget(self, backend: Backend, model: str) -> None:
        """More than that was read."""
        self._seen.pop(key_of(backend, model), None)
