"""Processes under test: started clean, and what /proc says of their CPU time and memory (all of their children too)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


class Process:
    """A running server with a folder of its own as home and working directory."""

    def __init__(self, command: list[str], env: Mapping[str, str], home: Path) -> None:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.log = home / "output.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**kept, "HOME": str(home), **env},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def cpu(self) -> float:
        """Return the seconds of CPU it has used."""
        return sum(_cpu_of(pid) for pid in _tree(self._process.pid))

    def sockets_each(self) -> dict[int, int]:
        """Return how many sockets each of its processes has, by process id."""
        return {pid: _sockets_of(pid) for pid in _tree(self._process.pid)}

    def memory(self) -> int:
        """Return its resident bytes; what its processes share counts once (PSS)."""
        return sum(_pss_of(pid) for pid in _tree(self._process.pid))

    def stop(self) -> None:
        """End it and its children, gently first."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, sent)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                continue
            return


def free_port() -> int:
    """Return a port nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _tree(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    return found


def _cpu_of(pid: int) -> float:
    """The process's CPU clock (clock_getcpuclockid(3)): nanoseconds, threads that have ended included."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _sockets_of(pid: int) -> int:
    found = 0
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(handle.readlink()).startswith("socket:")
    return found


def _pss_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
