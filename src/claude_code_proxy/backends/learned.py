"""What backends taught us, per backend and model: a small readable file in the user's state directory.

    {"version": 1, "learned": {"<base URL> <model>": {"max_tokens_field": "max_completion_tokens", ...}}}

Several workers share it: a write merges with what is in the file, under a lock, and replaces it in one step. Where it
can't be written the facts live as long as the process.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ..config import Backend
from ..wire.shapes import mapping

_VERSION = 1
_MOST = 2000  # entries; the oldest go first


class Learned:
    """Facts by backend and model. path: the file, None to keep them in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._facts: dict[str, dict[str, Any]] = self._read()

    def facts(self, backend: Backend, model: str) -> Mapping[str, Any]:
        """Return what was learned of a model on a backend."""
        return self._facts.get(_key(backend, model), {})

    def add(self, backend: Backend, model: str, facts: Mapping[str, Any]) -> None:
        """Remember facts, for this process at once, for others by the file."""
        key = _key(backend, model)
        self._facts[key] = {**self._facts.get(key, {}), **facts}
        structlog.get_logger().info(f"learned of {backend.name}/{model}: {dict(facts)}")
        try:
            self._write(key)
        except OSError as error:
            structlog.get_logger().warning(f"what was learned can't be kept: {error.strerror}")

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return everything learned, by base URL and model."""
        return self._facts

    def _write(self, key: str) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self._read()
            merged = {**kept.pop(key, {}), **self._facts[key]}
            kept[key] = merged
            recent = dict(list(kept.items())[-_MOST:])
            text = msgspec.json.format(msgspec.json.encode({"version": _VERSION, "learned": recent}), indent=1)
            _replace(self._path, text + b"\n")

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._path is None:
            return {}
        try:
            data = mapping(msgspec.json.decode(self._path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return {}
        if data.get("version") != _VERSION:
            return {}
        return {key: dict(mapping(facts)) for key, facts in mapping(data.get("learned")).items()}


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step: whoever reads it meanwhile has the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".learned-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _key(backend: Backend, model: str) -> str:
    return f"{backend.base_url} {model}"
