"""Where the proxy keeps what outlives it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # ends with the file
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


def state_dir(environ: Mapping[str, str]) -> Path | None:
    """Return the directory for what the proxy keeps between runs (XDG base directory specification); None: no home."""
    base, home = Path(environ.get("XDG_STATE_HOME", "")), environ.get("HOME", "")
    if not base.is_absolute():
        try:
            base = (Path(home) if home else Path.home()) / ".local" / "state"
        except RuntimeError:
            return None
    return base / "claude-code-proxy"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only process that changes `path` within this block, by a lock file beside it. Raises OSError."""
    beside = path.with_suffix(".lock")
    try:
        lock = beside.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = beside.open("wb")
    with lock:
        _lock(lock)
        yield
