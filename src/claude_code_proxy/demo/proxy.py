"""The proxy as a child process, in front of the embedded model and with nothing of the user's own settings."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from claude_code_proxy.settings import SETTINGS

from .embedded import DemoError, EmbeddedModel

SOURCE = Path(__file__).parents[2]
USUAL_PORT = 8082
START_SECONDS = 60.0
STOP_SECONDS = 15.0


class Proxy:
    """A running proxy. url: where it serves, once started. What it logs after its start goes to standard error."""

    def __init__(self, model: EmbeddedModel) -> None:
        self.port = _port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._model = model
        self._opening_words: list[str] = []
        self._serving = False

    def __enter__(self) -> Self:
        # In its own working folder it finds no .env, and an empty file in place of the user's configuration file.
        self._folder = tempfile.TemporaryDirectory(prefix="claude-code-proxy-demo-")
        Path(self._folder.name, "claude-code-proxy.toml").touch()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "claude_code_proxy", "serve"],
            env=_environment(self._model, self.port),
            cwd=self._folder.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self._await_health()
        except BaseException:
            self.__exit__()
            raise
        self._serving = True
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._folder.cleanup()

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._process.wait()

    def _listen(self) -> None:
        """Keep what it says at its start, the demo says the same, and pass on the rest."""
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                if self._serving:
                    sys.stderr.write(line)
                else:
                    self._opening_words.append(line)

    def _await_health(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None:
            if self._healthy():
                return
            if time.monotonic() > deadline:
                raise DemoError(f"The proxy did not answer on port {self.port} within {START_SECONDS:.0f} s.")
            time.sleep(0.05)
        self._listener.join()
        words = "".join(self._opening_words).strip()
        raise DemoError(f"The proxy ended at once, with code {self._process.returncode}:\n{words}")

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _port() -> int:
    """Return the port asked for with PORT, else the usual one, else, when that is taken, a free one."""
    wanted = os.environ.get("PORT", "")
    if wanted and not wanted.isdecimal():
        raise DemoError(f"PORT is {wanted!r}; it must be a number, for example PORT={USUAL_PORT}.")
    for port in (int(wanted),) if wanted else (USUAL_PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DemoError(f"Port {wanted} can't be bound. Leave PORT unset to take a free one.")


def _environment(model: EmbeddedModel, port: int) -> dict[str, str]:
    own = {setting.name for setting in SETTINGS}
    kept = {k: v for k, v in os.environ.items() if k not in own and not k.startswith("CUSTOM_HEADER_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH")))),
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "none-needed",
        "DIALECT": "llamacpp",
        "BIG_MODEL": model.name,
        "MIDDLE_MODEL": model.name,
        "SMALL_MODEL": model.name,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }
