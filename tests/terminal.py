"""A program on a pseudo-terminal: what it writes is read as a person would, keys are typed as a person would."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

PATIENCE = 30  # seconds
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|\r")

_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """`claude-code-proxy` with arguments, in a session of its own whose terminal we hold."""

    def __init__(self, *arguments: str, cwd: Path, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        _size(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, sys.executable, "-m", "claude_code_proxy", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={"TERM": "dumb", "PYTHONWARNINGS": "ignore", **env},
            start_new_session=True,
        )
        os.close(slave)
        self._raw = ""
        self._read_to = 0

    @property
    def text(self) -> str:
        """Everything written so far, without colours and cursor movements."""
        return _ESCAPES.sub("", self._raw)

    @property
    def raw(self) -> str:
        return self._raw

    def expect(self, words: str) -> str:
        """Wait until these words are written after what was expected last; return what stood before them."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.text.find(words, self._read_to)) < 0:
            assert time.monotonic() < deadline, f"no {words!r} in:\n{self.text[self._read_to :]}"
            assert self._read(0.2) or self.process.poll() is None, f"ended before {words!r}:\n{self.text}"
        before = self.text[self._read_to : at]
        self._read_to = at + len(words)
        return before

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        self.press(f"{line}\n")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self._read(0.1)
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
        while self._read(0):
            pass
        return int(self.process.returncode)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        with contextlib.suppress(OSError):  # the other side is closed
            if ready and (data := os.read(self._master, 65536)):
                self._raw += data.decode(errors="replace")
                return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
        os.close(self._master)


def _size(terminal: int) -> None:
    termios.tcsetwinsize(terminal, (40, 120))
