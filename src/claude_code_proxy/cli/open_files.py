"""How many files a serving process may open, and how many requests that leaves room for."""

from __future__ import annotations

import contextlib
import sys

from msgspec.structs import replace

from ..config import Config

_FILES = 65_536  # open ones, at most; macOS refuses far more
_OWN = 32  # files a worker has open for itself
_OF_A_STREAM = 2  # the client's connection, and the backend's
_FEW = 500  # requests at once; a limit that leaves room for fewer is told


def within_files(config: Config) -> tuple[Config, str]:
    """Let this process open as many files as it may; return the settings that fit those, and what to tell of it.

    Where they run out the system resets connections; a request that is one too many is told to come back instead.
    """
    files = _raised()
    room = max(1, (files - _OWN) // _OF_A_STREAM) * config.workers
    if not files or room >= config.max_open:
        return config, ""
    told = f"Only {files} files may be open (ulimit -n): at most {room} requests at once; more are told to come back."
    return replace(config, max_open=room), told if room < _FEW else ""


def _raised() -> int:
    """Raise the limit of open files as far as the system allows; returns it, 0 for none."""
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 - there is none on Windows

    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    if least == resource.RLIM_INFINITY:
        return 0
    if least < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            return wanted
    return least
