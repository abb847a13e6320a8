"""What backends taught us, per backend and model: a small readable file in the user's state directory.

    {"version": 1, "learned": {"<base URL> <model>": {"max_tokens_field": "max_completion_tokens", ...}}}

Several workers share it (`kept.py`). Where it can't be written the facts live as long as the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from ..config import Backend
from .kept import Kept

_MOST = 2000  # entries; the oldest go first


class Learned:
    """Facts by backend and model. path: the file, None to keep them in memory only; folder: where it is."""

    def __init__(self, path: Path | None) -> None:
        self.folder = path.parent if path else None
        self._kept = Kept(path, "learned", most=_MOST)
        self._facts = self._kept.read()

    def facts(self, backend: Backend, model: str) -> Mapping[str, Any]:
        """Return what was learned of a model on a backend."""
        return self._facts.get(key_of(backend, model), {})

    def add(self, backend: Backend, model: str, facts: Mapping[str, Any]) -> None:
        """Remember facts, for this process at once, for others by the file."""
        key = key_of(backend, model)
        known = self._facts[key] = {**self._facts.get(key, {}), **facts}
        structlog.get_logger().info(f"learned of {backend.name}/{model}: {dict(facts)}")
        try:
            self._kept.write(key, lambda kept: {**kept, **known})
        except OSError as error:
            structlog.get_logger().warning(f"what was learned can't be kept: {error.strerror}")

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return everything learned, by base URL and model."""
        return self._facts


def key_of(backend: Backend, model: str) -> str:
    """Return what facts of a model on a backend are kept under."""
    return f"{backend.base_url} {model}"
