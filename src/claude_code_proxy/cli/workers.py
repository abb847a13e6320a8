"""Several processes that serve one port: started by forking, replaced when they die, ended together.

Where the kernel spreads connections over sockets (Linux), each worker has its own socket on the port. This process
keeps all of them open, so that a connection that waits at a dead worker's socket is served by the one that follows it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence

import structlog

_QUICK = 5.0  # seconds; a worker that ends sooner is not replaced at once
_PAUSE = 1.0  # seconds before it is
_HOPELESS = 5  # quick ends in a row of each worker, after which nothing is tried any more
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def sockets_for(listener: socket.socket, workers: int) -> list[socket.socket]:
    """Return a listening socket for each worker, in place of `listener`, which has shown that the port is free."""
    if workers == 1 or sys.platform != "linux":
        return [listener] * workers
    address = listener.getsockname()[:2]
    listener.close()
    return [
        socket.create_server(address, family=listener.family, backlog=2048, reuse_port=True) for _ in range(workers)
    ]


class Supervisor:
    """Runs `work` in a process for each socket; its result is its exit code. early: signals that came before."""

    def __init__(
        self, sockets: Sequence[socket.socket], work: Callable[[socket.socket], int], early: Sequence[int] = ()
    ) -> None:
        self._early = early
        self._sockets = sockets
        self._work = work
        self._workers: dict[int, tuple[int, float]] = {}  # process id -> number of its socket, time of its start
        self._stopping = False
        self._failed = False
        self._quick = 0
        self._life = os.pipe()  # its other end closes when this process ends, however it ends

    def run(self) -> int:
        """Run until a signal has ended all workers; returns 0 when all ended well."""
        for one in _SIGNALS:
            signal.signal(one, self._stop)
        if self._early:
            return 0
        for number in range(len(self._sockets)):
            self._start(number)
        while self._workers:
            process, status = os.waitpid(-1, 0)
            worker = self._workers.pop(process, None)
            if worker is not None:
                self._ended(*worker, os.waitstatus_to_exitcode(status))
        return 1 if self._failed else 0

    def _start(self, number: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until each process has handlers of its own
        if not self._stopping:  # else the sockets are closed
            process = os.fork()
            if process == 0:
                self._become_worker(number)
            self._workers[process] = number, time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _become_worker(self, number: int) -> None:
        """Do the work and end; nothing of the parent's goes on in this process."""
        code = 1
        try:
            os.close(self._life[1])
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            code = self._work(self._sockets[number])
        except BaseException:  # noqa: BLE001 - the process ends with it
            structlog.get_logger().exception("a worker failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _end_with_parent(self) -> None:
        os.read(self._life[0], 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _ended(self, number: int, started: float, code: int) -> None:
        if self._stopping:
            self._failed = self._failed or code != 0
            return
        quick = time.monotonic() - started < _QUICK
        self._quick = self._quick + 1 if quick else 0
        if self._quick >= _HOPELESS * len(self._sockets):
            structlog.get_logger().error(f"workers end as soon as they start (exit code {code}); giving up")
            self._failed = True
            self._stop(signal.SIGTERM, None)
            return
        structlog.get_logger().warning(f"worker {number + 1} ended with exit code {code}; another one takes its place")
        if quick:
            time.sleep(_PAUSE)
        if not self._stopping:
            self._start(number)

    def _stop(self, _number: int, _frame: object) -> None:
        """Take no more connections, and let every worker finish what it has begun."""
        self._stopping = True
        for listener in self._sockets:
            listener.close()
        for process in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
