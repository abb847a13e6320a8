"""`claude-code-proxy serve`: read the settings, say what is set, serve until told to stop."""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn
from msgspec.structs import replace

from ..backends.learned import Learned
from ..config import Config, load
from ..dialects import DIALECTS
from ..errors import ConfigError
from ..keeping import journal_for, recording_trouble, secrets_of, state_trouble
from ..local_servers import find_servers
from ..observe import hear_libraries, setup, tell
from ..port_owner import port_owner
from ..server import create_app
from ..setting_layers import gather
from ..setting_values import Reading
from ..state import state_dir
from ..uvicorn_settings import uvicorn_config
from .open_files import within_files
from .workers import Supervisor, sockets_for

_COLLECTED = (5_000, 20, 50)
"""When garbage is collected. A request leaves none behind (tests/test_garbage.py), and a collection of all there is
holds up every stream, a thousand of them for a tenth of a second."""
_HANDED_OVER = 0.001
"""Seconds after which a thread that works on a large request, or writes, lets the event loop go on. Python's own 5 ms
are longer than a small request takes: beside large ones it would take twice as long, and they a seventh less."""
_WRONG_SETTINGS = 2  # exit code


def serve(overrides: Mapping[str, str]) -> int:
    """Serve; returns the exit code: 0 after a signal, 1 when the port is taken, 2 when a setting is wrong."""
    early: list[int] = []
    _on_signal(early.append)
    try:
        config = load(
            os.environ, cwd=Path.cwd(), overrides=overrides, find_servers=find_servers, dialects=tuple(DIALECTS)
        )
    except ConfigError as error:
        form = str(Reading(gather(os.environ, Path.cwd(), overrides)).value("LOG_FORMAT"))
        setup("ERROR", form)
        tell(form, *error.problems, level="error")
        return _WRONG_SETTINGS
    setup(config.log_level, config.log_format, secrets=secrets_of(config))
    hear_libraries()
    if trouble := recording_trouble(config):
        tell(config.log_format, trouble, level="error")
        return _WRONG_SETTINGS
    config, few = within_files(config)
    listener = _listen(config)
    if isinstance(listener, int):
        return listener
    _banner(config, listener, few)
    if early:
        return 0
    if config.workers == 1:
        return _work(config, listener, early)
    gc.collect()
    gc.freeze()
    shares = replace(
        config,
        max_concurrent=-(-config.max_concurrent // config.workers),  # 0 would be any number
        max_open=-(-config.max_open // config.workers),
    )
    return Supervisor(sockets_for(listener, config.workers), lambda own: _work(shares, own, early), early).run()


def _work(config: Config, listener: socket.socket, early: list[int]) -> int:
    """Serve one socket in this process."""
    state = state_dir(os.environ)
    app = create_app(config, Learned(state and state / "learned.json"), journal_for(config, state))
    server = uvicorn.Server(uvicorn_config(app, drain=max(1, round(config.drain_timeout))))
    _on_signal(lambda _: setattr(server, "should_exit", True))
    if early:
        return 0
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection needs to look at it, 15 % of a large request's CPU
    gc.set_threshold(*_COLLECTED)
    sys.setswitchinterval(_HANDED_OVER)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _on_signal(obey: Callable[[int], None]) -> None:
    """Obey a signal to end, at any moment and without an exception: one raised while modules load may be lost.

    The running server has handlers of its own; it drains, then raises the signal again, which must end nothing.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: obey(number))
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not so under nohup
        # a terminal that closes: streams finish, as at SIGTERM, for which the running server has a handler of its own
        signal.signal(signal.SIGHUP, lambda _number, _: os.kill(os.getpid(), signal.SIGTERM))
    if hasattr(signal, "pthread_sigmask"):  # a worker begins with both held back
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))


def _listen(config: Config) -> socket.socket | int:
    """Bind before anything else is said, so that a taken port is one clear sentence; returns an exit code instead."""
    try:
        return socket.create_server(
            (config.host, config.port), family=socket.AF_INET6 if ":" in config.host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        tell(config.log_format, _why_not(config, error), level="error")
        return _WRONG_SETTINGS if _names_nothing(error) else 1


def _names_nothing(error: OSError) -> bool:
    """Whether no address was found for a name; such errors have numbers of their own, below 0."""
    return error.errno is not None and error.errno < 0


def _why_not(config: Config, error: OSError) -> str:
    """Why an address can't be had, and what to do."""
    if _names_nothing(error):
        return f'HOST: got "{config.host}", takes an address of this machine, such as 127.0.0.1 or 0.0.0.0'
    at = f"Can't listen on {config.host}:{config.port}: {os.strerror(error.errno) if error.errno else error}."
    if error.errno == errno.EADDRINUSE:
        by = port_owner(config.port)
        taken = f"{at} The port is taken{f' by {by}' if by else ''}."
        return f"{taken} Stop that program, or set PORT to another one (0 takes a free one)."
    if error.errno == errno.EACCES:
        return f"{at} Ports below 1024 need rights: set PORT to a higher one."
    return f"{at} HOST takes an address of this machine: 127.0.0.1 for itself only, 0.0.0.0 for all of its addresses."


def _banner(config: Config, listener: socket.socket, few: str) -> None:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host  # noqa: S104 - compared, not bound
    key = " ANTHROPIC_AUTH_TOKEN=<your ANTHROPIC_API_KEY>" if config.client_key else " ANTHROPIC_AUTH_TOKEN=any"
    trouble = state_trouble(config, state_dir(os.environ))
    tell(config.log_format, *config.warnings, *filter(None, (trouble, few)), level="warning")
    tell(
        config.log_format,
        *config.notices,
        *_recording(config),
        f"claude-code-proxy on http://{shown}:{port} -> {config.default_backend.base_url}",
        f"  opus {config.big_model} | sonnet {config.middle_model} | haiku {config.small_model}",
        f"  ANTHROPIC_BASE_URL=http://{shown}:{port}{key} claude",
    )


def _recording(config: Config) -> list[str]:
    """That prompts are kept is nobody's surprise."""
    if not config.record_dir:
        return []
    what = "every exchange" if config.record == "all" else "what fails"
    return [f"Recording {what}, prompts included, in {config.record_dir}"]
