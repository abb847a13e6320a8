"""A proxy that runs already: where it is, and what clients have to know of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..endpoint import is_loopback
from ..errors import ConfigError
from ..setting_layers import gather
from ..setting_values import Reading
from ..wire.shapes import count, mapping, text
from .environment import Connection, Tier

_PATIENCE = 5  # seconds
_LONGEST = 256 * 1024  # bytes of an answer
_REFUSED = 401
_ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound


def usual_url(environ: Mapping[str, str], cwd: Path) -> str:
    """Return where the settings of this folder and environment put a proxy."""
    reading = Reading(gather(environ, cwd, {}))
    host, port = str(reading.value("HOST")).strip("[]"), reading.value("PORT")
    if host in _ANY_ADDRESS or is_loopback(host):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def client_key(environ: Mapping[str, str], cwd: Path) -> str:
    """Return the key that clients of a proxy with these settings send, "" for none."""
    return str(Reading(gather(environ, cwd, {})).value("ANTHROPIC_API_KEY"))


def connection_to(url: str, key: str) -> Connection:
    """Ask a running proxy what it serves. ConfigError: none runs there, or it wants a key and there is none."""
    _, said = _asked(url, "/", "")
    if said.get("name") != "claude-code-proxy":
        absent = f"No claude-code-proxy answers at {url}."
        raise ConfigError(
            [f"{absent} Start it with `claude-code-proxy`, or say where it is with --url; `run` needs none."]
        )
    if mapping(said.get("config")).get("client_key_required"):
        _try_key(url, key)
    tiers = mapping(said.get("tiers"))
    return Connection(
        url=url,
        key=key,
        tiers=tuple(
            Tier(family, name, name, count(mapping(facts).get("window")))
            for family, facts in tiers.items()
            if (name := text(mapping(facts).get("model")))
        ),
    )


def _try_key(url: str, key: str) -> None:
    """ConfigError: the proxy wants another key, or any."""
    if key and _asked(url, "/v1/models?limit=1", key)[0] != _REFUSED:
        return
    trouble = "refuses this ANTHROPIC_API_KEY: set it" if key else "wants a key: set ANTHROPIC_API_KEY"
    raise ConfigError([f"The proxy at {url} {trouble} to the one it was started with."])


def _asked(url: str, path: str, key: str) -> tuple[int, Mapping[str, Any]]:
    """The status of a server's answer, and its JSON; 0 and nothing when nothing like ours answers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
        headers = {"Accept": "application/json", **({"x-api-key": key} if key else {})}
        connection.request("GET", f"{parts.path.rstrip('/')}{path}", headers=headers)
        answer = connection.getresponse()
        return answer.status, mapping(json.loads(answer.read(_LONGEST)))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return 0, {}
