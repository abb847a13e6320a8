"""What `claude-code-proxy service install|status|logs|remove` do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from ..config import load
from ..dialects import DIALECTS
from ..errors import ConfigError
from ..launch.service import (
    Files,
    Manager,
    files_for,
    install,
    manager_named,
    missing,
    remove,
    run,
    stop,
    without_manager,
)

_FAILED, _WRONG_SETTINGS = 1, 2  # exit codes

_BY_HAND = (
    "No service manager runs for this user, as is usual for root, in WSL and in containers. Either log in as a person, "
    "`loginctl enable-linger` and install again; or start it by hand: `claude-code-proxy serve`; "
    "or with Docker: `docker compose up -d`."
)

Result = TypeVar("Result")


def install_service(kind: str, profile: str, *, only_print: bool) -> None:
    """Install and start, or show what would be."""
    overrides = {"CONFIG_PROFILE": profile} if profile else {}
    config = _or_exit(
        lambda: load(os.environ, cwd=Path.cwd(), overrides=overrides, dialects=tuple(DIALECTS)), _WRONG_SETTINGS
    )
    manager, home = _manager(kind)
    files = files_for(manager.name, os.environ, Path.cwd(), home, profile, shown=only_print, drain=config.drain_timeout)
    if only_print:
        _show(manager, files)
        return
    _demand(manager)
    try:
        _or_exit(lambda: install(files, manager))
    except typer.Exit:
        _say_left(files)
        raise
    for path in files.texts:
        print(f"Written: {path}")
    print("The service runs. `claude-code-proxy service status` looks at it, `service remove` takes it away.")
    if manager.name == "systemd":
        print("To have it run while you are not logged in: loginctl enable-linger")


def show_status(kind: str) -> None:
    """Let the service manager tell; its exit code is ours."""
    manager, files = _installed(kind)
    _demand_installed(files)
    _demand(manager)
    raise typer.Exit(subprocess.run(manager.status, check=False).returncode)  # noqa: S603


def show_logs(kind: str, *, follow: bool) -> None:
    """Print what the service said last."""
    manager, files = _installed(kind)
    _demand_installed(files)
    command = [*manager.logs, *(["-f"] if follow else [])]
    try:
        raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603
    except FileNotFoundError:
        _complain(f"There is no {command[0]} here.")
        raise typer.Exit(_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def remove_service(kind: str) -> None:
    """Stop the service and delete its files."""
    manager, files = _installed(kind)
    _demand_installed(files)
    trouble = stop(manager)
    for path in _or_exit(lambda: remove(files, manager)):
        print(f"Deleted: {path}")
    if trouble:
        _complain(trouble, "The files are deleted all the same. If the service still runs, end it by hand.")
        if not without_manager(trouble):
            raise typer.Exit(_FAILED)
    elif manager.name == "systemd":
        _or_exit(lambda: run(("systemctl", "--user", "daemon-reload")))


def _say_left(files: Files) -> None:
    """Say what an installation that failed leaves."""
    left = [str(path) for path in files.texts if path.exists()]
    if left:
        _complain(f"Left here: {', '.join(left)}. `claude-code-proxy service remove` deletes what is left.")


def _installed(kind: str) -> tuple[Manager, Files]:
    manager, home = _manager(kind)
    return manager, files_for(manager.name, os.environ, Path.cwd(), home)


def _manager(kind: str) -> tuple[Manager, Path]:
    if kind not in {"", "systemd", "launchd"}:
        raise typer.BadParameter("it takes systemd or launchd", param_hint="--kind")
    home = Path(os.environ.get("HOME") or Path.home())
    return manager_named(kind, home), home


def _show(manager: Manager, files: Files) -> None:
    for path, text in files.texts.items():
        print(f"# {path} (mode 0600)")
        print(text)
    print("# then")
    for command in manager.start:
        print(" ".join(command))


def _demand(manager: Manager) -> None:
    if trouble := missing(manager, os.environ):
        _complain(trouble)
        raise typer.Exit(_FAILED)


def _demand_installed(files: Files) -> None:
    if not files.unit.exists():
        _complain(f"No service is installed: there is no {files.unit}. `claude-code-proxy service install` makes it.")
        raise typer.Exit(_FAILED)


def _or_exit(act: Callable[[], Result], code: int = _FAILED) -> Result:
    try:
        return act()
    except ConfigError as error:
        _complain(*error.problems)
        if without_manager(" ".join(error.problems)):
            _complain(_BY_HAND)
        raise typer.Exit(code) from None
    except OSError as error:
        _complain(f"{error.filename or 'A file'} can't be written: {error.strerror}.")
        raise typer.Exit(code) from None


def _complain(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)
