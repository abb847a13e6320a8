"""The machine around the proxy: Python, files of settings, proxy variables, certificates, the port, Claude Code."""

from __future__ import annotations

import http.client
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from .. import __version__
from ..config import Config
from ..endpoint import is_loopback
from ..port_owner import port_owner
from ..setting_layers import gather
from .report import Group, Line

_PATIENCE = 10  # seconds for `claude --version`
_BRIEFLY = 2  # seconds for the port
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_HERE = "localhost,127.0.0.1"

_group = Group("Environment")


def environment_lines(environ: Mapping[str, str], cwd: Path, config: Config | None) -> Iterator[Line]:
    """Yield what is known without asking a backend. config: None when the settings are wrong."""
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield _group.ok("environment.python", f"claude-code-proxy {__version__}, {system}")
    yield from _files(environ, cwd)
    yield from _proxies(environ)
    yield from _certificates(environ)
    if config is not None:
        yield _port(config)
        yield from _base_url(environ, config)
    yield _claude_code(environ)


def _files(environ: Mapping[str, str], cwd: Path) -> Iterator[Line]:
    *_, dotenv, toml = (layers := gather(environ, cwd, {})).layers
    there = f"{len(dotenv.values)} settings read" if (cwd / ".env").is_file() else "none in this folder"
    yield _group.ok("environment.dotenv", f".env: {there}")
    counts = {"setting": len(toml.values), "backend": len(layers.backends)}
    said = " and ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items()) + " read"
    yield _group.ok("environment.toml", f"{toml.source}: {said}" if toml.values or layers.backends else "no TOML file")


def _proxies(environ: Mapping[str, str]) -> Iterator[Line]:
    """Only names are shown: such a variable may hold a password."""
    found = [name for name in environ if name.upper() in _PROXIES and environ[name].strip()]
    if not found:
        yield _group.ok("environment.proxies", "no HTTP proxy variables")
        return
    exempt = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}"
    if "*" in exempt or "localhost" in exempt:
        yield _group.ok("environment.proxies", f"{', '.join(found)} set, and localhost exempt")
        return
    yield _group.warning(
        "environment.proxies",
        f"{', '.join(found)} set: Claude Code may send what is meant for this proxy there",
        f"Start Claude Code with NO_PROXY={_HERE}",
    )


def _certificates(environ: Mapping[str, str]) -> Iterator[Line]:
    for name in _CERTIFICATES:
        path = environ.get(name, "")
        if path and not Path(path).exists():
            yield _group.failed(
                "environment.certificates",
                f"{name} names a file that is not there: no TLS certificate is trusted",
                f"Correct {name}, or unset it to use the system's certificates",
            )


def _port(config: Config) -> Line:
    name, at = "environment.port", f"port {config.port}"
    if not config.port:
        return _group.ok(name, "any free port will be taken")
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::", "localhost") else config.host  # noqa: S104 - compared
    if _health(host, config.port):
        return _group.ok(name, f"a proxy serves on {at}")
    try:
        with socket.create_connection((host, config.port), _BRIEFLY):
            owner = port_owner(config.port) or "another program"
            return _group.failed(name, f"{owner} has {at}", "Stop it, or set PORT to another one")
    except OSError:
        return _group.ok(name, f"{at} is free: no proxy runs there yet")


def _health(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_BRIEFLY)
    try:
        connection.request("GET", "/")
        return b'"claude-code-proxy"' in connection.getresponse().read(4096)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _base_url(environ: Mapping[str, str], config: Config) -> Iterator[Line]:
    """Where Claude Code, started from this very shell, would go."""
    url = environ.get("ANTHROPIC_BASE_URL", "").strip()
    if not url:
        return
    try:
        parts = urlsplit(url)
        here = is_loopback(parts.hostname or "") and (parts.port or 80) == config.port
    except ValueError:
        here = False
    if here:
        yield _group.ok("environment.base_url", "ANTHROPIC_BASE_URL points at this proxy")
    else:
        yield _group.warning(
            "environment.base_url",
            "ANTHROPIC_BASE_URL points somewhere else",
            f"Start Claude Code with ANTHROPIC_BASE_URL=http://localhost:{config.port}",
        )


def _claude_code(environ: Mapping[str, str]) -> Line:
    name = "environment.claude_code"
    program = shutil.which("claude", path=environ.get("PATH"))
    if program is None:
        return _group.warning(name, "Claude Code is not on PATH", "npm install -g @anthropic-ai/claude-code")
    try:
        told = subprocess.run(  # noqa: S603 - the program the person starts too
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _group.warning(name, "Claude Code does not tell its version", "Try `claude --version`")
    version = told.stdout.strip().partition("\n")[0]
    if told.returncode or not version:
        return _group.warning(name, "Claude Code does not tell its version", "Try `claude --version`")
    return _group.ok(name, f"Claude Code {version}")
