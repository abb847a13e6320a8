"""Which program has a port of this machine: from /proc where there is one, else from lsof."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"  # in the fourth column of /proc/net/tcp
_PATIENCE = 3  # seconds for lsof
_LONGEST = 60  # characters of a program's name


def port_owner(port: int) -> str:
    """Return the program that listens on a port, such as "nginx (pid 812)"; "" where that can't be seen."""
    pid = _from_proc(port) if Path("/proc/net/tcp").exists() else _from_lsof(port)
    return f"{_name(pid)} (pid {pid})" if pid else ""


def _from_proc(port: int) -> int:
    inodes = set(_inodes(port))
    if not inodes:
        return 0
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError), os.scandir(folder) as entries:  # another person's process, or one that has just ended
            if any(_socket_inode(entry.path) in inodes for entry in entries):
                return int(folder.parent.name)
    return 0


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                    yield columns[9]


def _socket_inode(path: str) -> str:
    with suppress(OSError):
        found = re.fullmatch(r"socket:\[(\d+)\]", str(Path(path).readlink()))
        return found[1] if found else ""
    return ""


def _from_lsof(port: int) -> int:
    lsof = shutil.which("lsof")
    if lsof is None:
        return 0
    with suppress(OSError, ValueError, subprocess.TimeoutExpired):
        told = subprocess.run(  # noqa: S603 - a fixed program
            [lsof, "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return int(told.stdout.split()[0]) if told.stdout.split() else 0
    return 0


def _name(pid: int) -> str:
    """A process's name for people: a script's own, where an interpreter runs one."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        named = [word for word in words[1:3] if word and not word.startswith("-")]
        first = Path(words[0]).name
        if re.match(r"python|node|ruby|java|perl", first) and named:
            first = f"{first} {named[0].rpartition('/')[2]}"
        return "".join(c for c in first if c.isprintable())[:_LONGEST]
    return "a program"
