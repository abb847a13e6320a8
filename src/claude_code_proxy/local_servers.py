"""Model servers that run on this machine, found on the ports they usually have.

Asked once, at start, and only when no backend is configured. A server counts when it answers `GET /v1/models` as
OpenAI does; it has the name of its kind only when it also answers as that kind does.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any, NamedTuple

_HOST = "127.0.0.1"
_MAX_ANSWER = 256 * 1024  # bytes
_MOST_MODELS = 5


class Probe(NamedTuple):
    """Where a kind of server usually is, and a path and key of its own by which it is known."""

    kind: str
    port: int
    path: str
    key: str


PROBES = (
    Probe("Ollama", 11434, "/api/version", "version"),
    Probe("LM Studio", 1234, "/api/v0/models", "data"),
    Probe("llama.cpp", 8080, "/props", "default_generation_settings"),
    Probe("llama.cpp", 9931, "/props", "default_generation_settings"),
    Probe("vLLM", 8000, "/version", "version"),
)


class LocalServer(NamedTuple):
    """A server that answered: its name for people, the base URL to set, and some of its models."""

    name: str
    base_url: str
    models: tuple[str, ...] = ()


def find_servers(probes: tuple[Probe, ...] = PROBES, *, timeout: float = 0.5) -> list[LocalServer]:
    """Return the servers that answer, in the order of `probes`, within `timeout` seconds for all of them."""
    found: dict[int, LocalServer] = {}
    # Daemons: a server that trickles its answer must not keep the program from ending.
    threads = [threading.Thread(target=_ask, args=(probe, timeout, found), daemon=True) for probe in probes]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    answered = dict(found)  # a late thread may still write
    return [answered[probe.port] for probe in probes if probe.port in answered]


def _ask(probe: Probe, timeout: float, found: dict[int, LocalServer]) -> None:
    models = _get(probe.port, "/v1/models", timeout)
    listed = models.get("data")
    if not isinstance(listed, list):
        return
    known = probe.key in _get(probe.port, probe.path, timeout)
    name = probe.kind if known else f"an OpenAI-compatible server on port {probe.port}"
    found[probe.port] = LocalServer(name, f"http://{_HOST}:{probe.port}/v1", _names(listed))


def _get(port: int, path: str, timeout: float) -> dict[str, Any]:
    """A JSON object from a port of this machine; empty when there is none, whatever answers there."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(_MAX_ANSWER)) if response.status == http.client.OK else None
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


def _names(listed: list[Any]) -> tuple[str, ...]:
    """The first model names that can be shown: a foreign text must not move a terminal's cursor."""
    ids = [item.get("id") for item in listed if isinstance(item, dict)]
    return tuple(name[:80] for name in ids if isinstance(name, str) and name and name.isprintable())[:_MOST_MODELS]
