"""A program in the foreground: it has the terminal, gets the signals, and its end is ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType


def _known(*names: str) -> tuple[int, ...]:
    """The numbers of the signals this system has."""
    return tuple(int(getattr(signal, name)) for name in names if hasattr(signal, name))


_PASSED_ON = _known("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FROM_TERMINAL = _known("SIGINT", "SIGQUIT")  # a terminal sends these to the child as well
_SIGNALLED = 128  # a shell's exit code for a program that a signal ended, before its number


def run_in_foreground(command: Sequence[str], environ: Mapping[str, str], *, last: bool = False) -> int:
    """Run a program to its end and return its exit code, as a shell would tell it. OSError: it can't be started.

    last: this process ends with it, so that a key pressed once more after its end changes nothing.
    """
    before = {number: signal.getsignal(number) for number in _PASSED_ON}
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if process is None:
            early.append(number)
        elif not (number in _FROM_TERMINAL and _in_foreground()):
            _send(process, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    try:
        process = subprocess.Popen(command, env=environ)  # noqa: S603 - the program the person asked for
        for number in early:
            _send(process, number)
        return _await(process)
    finally:
        for number, handler in before.items():
            ended = last and process is not None and number in _FROM_TERMINAL
            signal.signal(number, signal.SIG_IGN if ended else handler)


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _await(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end. A child that stops (Ctrl-Z) stops us too, so that the shell has its prompt back."""
    if sys.platform == "win32":
        return process.wait()
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(process.pid, signal.SIGCONT)  # we run again, so somebody said `fg`
            continue
        code = os.waitstatus_to_exitcode(status)
        process.returncode = code
        return code if code >= 0 else _SIGNALLED - code


def _in_foreground() -> bool:
    """Tell whether a terminal's keys reach us, and so the child of the same process group."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
