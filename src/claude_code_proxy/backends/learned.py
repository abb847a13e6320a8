"""What backends taught us, per backend and model: a small readable file in the user's state directory.

    {"version": 1, "learned": {"<base URL> <model>": {"max_tokens_field": "max_completion_tokens", ...}}}

Several workers share it (`kept.py`). Where it can't be written the facts live as long as the process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from ..config import Backend
from .kept import Facts, Kept, Later, at_once

_MOST = 2000  # entries; the oldest go first
_LOOK_EVERY = 5.0  # seconds between two looks at the file


class Learned:
    """Facts by backend and model.

    path: the file, None to keep them in memory only; folder: where it is; later: reads and writes it where no stream
    waits for the disk or for another process's lock.
    """

    def __init__(self, path: Path | None) -> None:
        self.folder = path.parent if path else None
        self._kept = Kept(path, "learned", most=_MOST)
        self._path = path
        self._next_look = 0.0
        self._written = self._last_write()
        self._facts = self._kept.read()
        self._news: dict[str, Facts] = {}
        self.later: Later = at_once

    def facts(self, backend: Backend, model: str) -> Mapping[str, Any]:
        """Return what was learned of a model on a backend, by this process or by another one."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY
            self.later(self._look)
        if self._news:
            self._facts, self._news = {**self._facts, **self._news}, {}
        return self._facts.get(key_of(backend, model), {})

    def add(self, backend: Backend, model: str, facts: Mapping[str, Any]) -> None:
        """Remember facts, for this process at once, for others by the file."""
        key = key_of(backend, model)
        known = self._facts[key] = {**self._facts.get(key, {}), **facts}
        structlog.get_logger().info(f"learned of {backend.name}/{model}: {dict(facts)}")
        self.later(lambda: self._write(key, known))

    def _write(self, key: str, known: Mapping[str, Any]) -> None:
        try:
            self._kept.write(key, lambda kept: {**kept, **known})
        except OSError as error:
            structlog.get_logger().warning(f"what was learned can't be kept: {error.strerror}")

    def _look(self) -> None:
        """Take over what other workers have learned meanwhile."""
        written = self._last_write()
        if written != self._written:
            self._written = written
            self._news = self._kept.read()

    def _last_write(self) -> int:
        try:
            return self._path.stat().st_mtime_ns if self._path else 0
        except OSError:
            return 0

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return everything learned, by base URL and model."""
        return self._facts


def key_of(backend: Backend, model: str) -> str:
    """Return what facts of a model on a backend are kept under."""
    return f"{backend.base_url} {model}"
