"""`claude-code-proxy service install|status|logs|remove`; the work is imported when it is called."""

# ruff: noqa: PLC0415 - a command line that answers at once imports only what it was asked for

from __future__ import annotations

from typing import Annotated

import typer

service_app = typer.Typer(
    help="The proxy as a service that starts with your login: systemd or launchd.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Kind = Annotated[str, typer.Option("--kind", help="systemd or launchd; by default this system's.")]


@service_app.command("install")
def _install(
    kind: _Kind = "",
    profile: Annotated[str, typer.Option(help="The TOML file's [profiles.NAME] to use.")] = "",
    only_print: Annotated[bool, typer.Option("--print", help="Only show what would be written and run.")] = False,
) -> None:
    """Install and start the service, with the settings that are in force here.

    Settings and keys of this environment and of .env are kept in a file that only you can read, since a service has
    neither.
    """
    from .service import install_service

    install_service(kind, profile, only_print=only_print)


@service_app.command("status")
def _status(kind: _Kind = "") -> None:
    """Show whether the service runs, in the service manager's own words and with its exit code."""
    from .service import show_status

    show_status(kind)


@service_app.command("logs")
def _logs(
    kind: _Kind = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on and print what comes.")] = False,
) -> None:
    """Print what the service said last."""
    from .service import show_logs

    show_logs(kind, follow=follow)


@service_app.command("remove")
def _remove(kind: _Kind = "") -> None:
    """Stop the service and delete its files; your configuration stays."""
    from .service import remove_service

    remove_service(kind)
