"""A small readable JSON file of facts by key that several processes share and that outlives them.

    {"version": 1, "<name>": {"<key>": {...}, ...}}

A write merges with what is in the file, under a lock, and replaces it in one step: whoever reads it meanwhile has the
old one or the new one. A file that can't be read, or of an older version, is as good as none. What a newer version of
the program wrote is read as far as it is understood, and never written over.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ..state import locked
from ..wire.shapes import mapping

Facts = dict[str, Any]
Later = Callable[[Callable[[], object]], object]
"""Does something soon, in order, where no stream waits for it."""


def at_once(work: Callable[[], object]) -> None:
    """Do it now: for programs that serve nobody."""
    work()


class Kept:
    """Facts in a file. path: None keeps nothing; name: of the facts in it; most: entries, the oldest go first."""

    def __init__(self, path: Path | None, name: str, *, version: int = 1, most: int = 2000) -> None:
        self._path = path
        self._name = name
        self._version = version
        self._most = most
        self._told = False
        self._told_broken = False

    def read(self) -> dict[str, Facts]:
        """Return what is kept, by key."""
        return self._read()[1]

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of the program wrote the file, so that nothing is added to it."""
        return self._read()[0] > self._version

    def _read(self) -> tuple[int, dict[str, Facts]]:
        """Return the version of the file, 0 for none, and what is kept in it."""
        if self._path is None:
            return 0, {}
        try:
            data = mapping(msgspec.json.decode(self._path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return 0, {}
        except (OSError, ValueError, RecursionError):
            self._tell_broken()
            return 0, {}
        version = data.get("version")
        if not isinstance(version, int) or version < self._version:
            return 0, {}
        return version, {key: dict(mapping(facts)) for key, facts in mapping(data.get(self._name)).items()}

    def write(self, key: str, merge: Callable[[Facts], Mapping[str, Any]]) -> None:
        """Replace the facts of a key by what `merge` makes of those in the file. Raises OSError."""
        if self._path is None:
            return
        with locked(self._path):
            version, kept = self._read()
            if version > self._version:
                self._tell()
                return
            merged = merge(kept.pop(key, {}))
            kept[key] = dict(merged)
            recent = dict(list(kept.items())[-self._most :])
            text = msgspec.json.format(msgspec.json.encode({"version": self._version, self._name: recent}), indent=1)
            self._replace(self._path, text + b"\n")

    def _tell_broken(self) -> None:
        if self._path is not None and not self._told_broken:
            self._told_broken = True
            structlog.get_logger().warning(f"{self._path.name} can't be read: what was learned in it is forgotten")

    def _tell(self) -> None:
        """Say once that the file is left as it is."""
        if not self._told:
            self._told = True
            structlog.get_logger().warning(
                f"{self._path} was written by a newer version: it is read, and nothing is added to it. "
                "Update this version, or delete the file."
            )

    def _replace(self, path: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{self._name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
