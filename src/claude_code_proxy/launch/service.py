"""The proxy as a service of the person who is logged in: systemd's user units, launchd's agents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ..errors import ConfigError
from ..setting_layers import DOTENV, ENVIRONMENT, TOML_HERE, config_folder, gather
from ..settings import BY_NAME, quoted, show
from .units import LABEL, environment_file, launchd_plist, systemd_unit

_OWN = frozenset({"CONFIG_FILE"})
_PROXIES = tuple(
    name for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for name in (upper, upper.lower())
)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_OTEL = "OTEL_"
_CREDENTIAL = re.compile(r"@|[?&]\w+=|HEADERS|TOKEN|KEY|PASSWORD|SECRET", re.IGNORECASE)
_HIDDEN = "..."
_NO_MANAGER = (
    *("connect to bus", "connect to user scope bus", "no medium found", "not been booted"),
    *("dbus_session", "xdg_runtime_dir", "domain does not support", "there is no systemctl", "there is no launchctl"),
)
"""What managers say where this user has none."""


class Files(msgspec.Struct, frozen=True):
    """What is installed: texts by path, the one that the service manager reads, and the folder the proxy runs in."""

    unit: Path
    folder: Path
    texts: Mapping[Path, str]


class Manager(msgspec.Struct, frozen=True):
    """A service manager. start, stop, status, logs: its commands."""

    name: str
    program: str
    start: Sequence[Sequence[str]]
    stop: Sequence[Sequence[str]]
    status: Sequence[str]
    logs: Sequence[str]


def manager_named(kind: str, home: Path) -> Manager:
    """Return systemd or launchd; "" for the one of this system."""
    name = kind or ("launchd" if sys.platform == "darwin" else "systemd")
    if name == "systemd":
        unit, control = f"{LABEL}.service", ("systemctl", "--user")
        return Manager(
            name,
            "systemctl",
            start=((*control, "daemon-reload"), (*control, "enable", "--now", unit)),
            stop=((*control, "disable", "--now", unit),),
            status=(*control, "--no-pager", "status", unit),
            logs=("journalctl", "--user", "--unit", LABEL, "--lines", "100", "--no-pager"),
        )
    domain = f"gui/{os.getuid()}"
    return Manager(
        name,
        "launchctl",
        start=(("launchctl", "bootstrap", domain, str(_plist(home))),),
        stop=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        status=("launchctl", "print", f"{domain}/{LABEL}"),
        logs=("tail", "-n", "100", str(_log(home))),
    )


def files_for(
    kind: str,
    environ: Mapping[str, str],
    cwd: Path,
    home: Path,
    profile: str = "",
    *,
    shown: bool = False,
    drain: float = 30,
) -> Files:
    """Return what to install for the settings of this environment and folder.

    shown: with the secrets hidden; drain: DRAIN_TIMEOUT, in seconds.
    """
    command = [*_program(), "serve", *(["--profile", profile] if profile else [])]
    variables = settings_to_keep(environ, cwd)
    if shown:
        variables = {name: value if _is_public(name, value) else _HIDDEN for name, value in variables.items()}
    folder = config_folder(environ) / LABEL
    if kind == "launchd":
        text = launchd_plist(command, str(folder), str(_log(home)), variables, drain)
        return Files(_plist(home), folder, {_plist(home): text})
    unit, env_file = config_folder(environ) / "systemd" / "user" / f"{LABEL}.service", folder / "service.env"
    texts = {env_file: environment_file(variables), unit: systemd_unit(command, str(folder), str(env_file), drain)}
    return Files(unit, folder, texts)


def settings_to_keep(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Return what a service would miss: settings of this environment and .env, and keys that the TOML file borrows."""
    layers = gather(environ, cwd, {})
    kept: dict[str, str] = {}
    for layer in reversed(layers.layers):
        if layer.source in (ENVIRONMENT, DOTENV):
            kept |= {name: str(value) for name, value in layer.values.items() if str(value).strip()}
    kept = {name: value for name, value in kept.items() if name not in _OWN}
    kept |= _of_libraries(environ, cwd)
    kept |= {name: layers.variables[name] for name in sorted(layers.borrowed()) if name in layers.variables}
    if layers.file == TOML_HERE and (cwd / TOML_HERE).is_file():
        kept["CONFIG_FILE"] = str((cwd / TOML_HERE).resolve())
    elif given := environ.get("CONFIG_FILE", "").strip():
        kept["CONFIG_FILE"] = str((cwd / Path(given).expanduser()).resolve())
    return kept


def _of_libraries(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    """Variables that are no settings, and that requests and traces go by all the same; paths from here, made whole."""
    there = {name: value for name, value in environ.items() if value.strip()}
    kept = {name: there[name] for name in _PROXIES if name in there}
    kept |= {name: os.path.abspath(cwd / there[name]) for name in _CERTIFICATES if name in there}  # noqa: PTH100 - links stay
    return kept | {name: value for name, value in sorted(there.items()) if name.startswith(_OTEL)}


def _is_public(name: str, value: str) -> bool:
    """Whether a listing of settings would show the value as it stands; a borrowed key is no setting."""
    if name in (*_PROXIES, *_CERTIFICATES) or name.startswith(_OTEL):
        return not _CREDENTIAL.search(f"{name}={value}")
    return name in BY_NAME and show(BY_NAME[name], value) == quoted(value) == f'"{value}"'


def install(files: Files, manager: Manager) -> None:
    """Write the files, readable by their owner only, and start. OSError, ConfigError: it failed, and why."""
    files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, text in files.texts.items():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(0o600)
        path.chmod(0o600)
        path.write_text(text, encoding="utf-8")
    for command in manager.start:
        run(command)


def stop(manager: Manager) -> str:
    """Stop the service; returns why it can't be told to, "" when it was."""
    try:
        for command in manager.stop:
            run(command)
    except ConfigError as error:
        return " ".join(error.problems)
    except FileNotFoundError:
        return f"There is no {manager.program} here."
    return ""


def without_manager(words: str) -> bool:
    """Tell whether a manager's command failed because this user has none: as root, in WSL, in a container."""
    return any(part in words.lower() for part in _NO_MANAGER)


def remove(files: Files, manager: Manager) -> list[Path]:
    """Delete the service's files; returns which there were."""
    wanted = files.unit.parent / "default.target.wants" / files.unit.name  # what `enable` made
    there = [path for path in (*files.texts, *([wanted] if manager.name == "systemd" else [])) if os.path.lexists(path)]
    for path in there:
        path.unlink()
    return there


def run(command: Sequence[str]) -> None:
    """Run one of a manager's commands. ConfigError has its own words when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    if done.returncode:
        words = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise ConfigError([f"`{' '.join(command)}` failed: {words}"])


def missing(manager: Manager, environ: Mapping[str, str]) -> str:
    """Return why a manager can't be used, "" when it can."""
    if shutil.which(manager.program, path=environ.get("PATH")):
        return ""
    return (
        f"There is no {manager.program} here, so no {manager.name} to run a service. "
        "Let another supervisor run `claude-code-proxy serve`; `service install --print` shows what it needs."
    )


def _program() -> list[str]:
    """How this very program is started again: from a checkout by its script, else as a module."""
    script = Path(sys.argv[0])
    return (
        [sys.executable, str(script.resolve())]
        if script.name == "start_proxy.py"
        else [sys.executable, "-m", "claude_code_proxy"]
    )


def _plist(home: Path) -> Path:
    return home / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def _log(home: Path) -> Path:
    return home / "Library" / "Logs" / f"{LABEL}.log"
