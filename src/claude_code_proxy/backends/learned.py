"""What backends taught us, per backend and model: a small readable file in the user's state directory.

    {"version": 1, "learned": {"<base URL> <model>": {"max_tokens_field": "max_completion_tokens", ...}}}

Several workers share it (`kept.py`). Where it can't be written the facts live as long as the process. Whoever deletes
it makes all of them forget, those that are running too. The key is the address: backends that differ in it share
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from ..config import Backend
from ..wire.shapes import items
from .kept import Facts, Kept, Later, at_once

_MOST = 2000  # entries; the oldest go first
_GROWING = ("drop", "drop_schema_keywords")  # facts that are lists of what is refused
_LOOK_EVERY = 5.0  # seconds between two looks at the file
_NOTHING: Mapping[str, Any] = {}


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
        self._news: dict[str, Facts] | None = None  # what the file has now; nothing: it is gone
        self._unwritten: list[tuple[str, Mapping[str, Any]]] = []  # what the file may not have yet
        self.later: Later = at_once

    def facts(self, backend: Backend, model: str) -> Mapping[str, Any]:
        """Return what was learned of a model on a backend, by this process or by another one.

        It is the same object until something new is learned of that model.
        """
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY
            self.later(self._look)
        if self._news is not None:
            self._take_over()
        return self._facts.get(key_of(backend, model), _NOTHING)

    def _take_over(self) -> None:
        """Know what the file has, and what is still to be written to it."""
        news, self._news = self._news, None
        self._facts = {**self._facts, **news} if news else {}
        for key, facts in tuple(self._unwritten):
            self._facts[key] = _added(self._facts.get(key, {}), facts)

    def add(self, backend: Backend, model: str, facts: Mapping[str, Any]) -> None:
        """Remember facts, for this process at once, for others by the file."""
        key = key_of(backend, model)
        self._facts[key] = _added(self._facts.get(key, {}), facts)
        structlog.get_logger().info(f"learned of {backend.name}/{model}: {dict(facts)}")
        self._unwritten.append((key, facts))
        self.later(lambda: self._write(key, facts))

    def _write(self, key: str, facts: Mapping[str, Any]) -> None:
        try:
            self._kept.write(key, lambda kept: _added(kept, facts))
            self._look()
        except OSError as error:
            structlog.get_logger().warning(f"what was learned can't be kept: {error.strerror}")
        finally:
            self._unwritten.remove((key, facts))

    def _look(self) -> None:
        """Take over what other workers have learned meanwhile, or forget what a person has deleted."""
        written = self._last_write()
        if written == self._written:
            return
        self._written = written
        self._news = (self._kept.read() or None) if written else {}

    def _last_write(self) -> int:
        try:
            return self._path.stat().st_mtime_ns if self._path else 0
        except OSError:
            return 0

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of the program wrote the file, so that nothing is added to it."""
        return self._kept.is_newer

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return everything learned, by base URL and model."""
        return self._facts


def _added(known: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known with new facts. Two workers may find one more refused field each: both are kept."""
    more = {name: sorted({*_words(known, name), *_words(facts, name)}) for name in _GROWING if name in facts}
    return {**known, **facts, **more}


def _words(facts: Mapping[str, Any], name: str) -> list[str]:
    return [word for word in items(facts.get(name)) if isinstance(word, str)]


def key_of(backend: Backend, model: str) -> str:
    """Return what facts of a model on a backend are kept under."""
    return f"{backend.base_url} {model}"
