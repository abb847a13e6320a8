"""The child process of the embedded model: llama.cpp's HTTP server, from the xllamacpp wheel.

Run as a file, not imported. The first line of its standard input is a JSON object of settings, written by embedded.py;
the one line it prints is the address it listens on. It ends when its standard input ends, so it can't outlive the
process that started it, however that one died.
"""

import importlib
import json
import os
import signal
import sys
from typing import Any

# Not an import statement: the wheel is an untyped extra, and the type checker must say the same with it and without.
xllamacpp: Any = importlib.import_module("xllamacpp")

ERRORS_ONLY = 1


def parameters(settings: dict[str, Any]) -> Any:
    """Return llama.cpp's parameters for our settings."""
    params = xllamacpp.CommonParams()
    params.model.path = settings["weights"]
    params.model_alias = {settings["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.verbosity = ERRORS_ONLY
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["window"] * settings["slots"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.use_jinja = True
    params.chat_template = settings["template"]
    params.default_template_kwargs = {"enable_thinking": json.dumps(settings["thinking"])}
    params.sampling.seed = 7
    params.sampling.temp = 0.0
    params.sampling.reasoning_budget_tokens = settings["thought_tokens"]
    return params


def main() -> None:
    """Serve until standard input ends."""
    # Ctrl-C in a terminal reaches every process of the group; the parent decides when the model stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = xllamacpp.Server(parameters(json.loads(sys.stdin.readline())))
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # llama.cpp's threads would wait for every open connection.
    os._exit(0)


if __name__ == "__main__":
    main()
