"""A proxy of one's own, in a thread of this process: it can't outlive what it was started for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from ..backends.learned import Learned
from ..config import Config
from ..errors import ConfigError
from ..keeping import journal_for
from ..server import create_app
from ..uvicorn_settings import uvicorn_config

_START = 30.0  # seconds
_DRAIN = 1  # seconds: when the client has gone, nobody waits for an answer


@contextlib.contextmanager
def private_proxy(config: Config, state: Path | None) -> Iterator[str]:
    """Serve while the context lasts; gives the URL. OSError: no port of this machine can be had.

    state: where what is learned and the log of requests are kept, None for nowhere.
    """
    app = create_app(config, Learned(state and state / "learned.json"), journal_for(config, state))
    with socket.create_server((config.host, config.port), backlog=256) as listener:
        server = uvicorn.Server(uvicorn_config(app, drain=_DRAIN))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="proxy", daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield f"http://{config.host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_DRAIN + 2)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + _START
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise ConfigError(["The proxy did not start; its log says why."])
        time.sleep(0.01)
