"""The commands that start clients on the proxy, and tell clients of it."""

from __future__ import annotations

from typing import Annotated

import typer

Profile = Annotated[str, typer.Option(help="The TOML file's [profiles.NAME] to use (CONFIG_PROFILE).")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run_command)


def run_command(
    context: typer.Context,
    profile: Profile = "",
    claude: Annotated[str, typer.Option(help="Where Claude Code is, if not on PATH.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no banner.")] = False,
) -> None:
    """Start Claude Code on a private proxy: claude-code-proxy run [--profile NAME] [-- ARGUMENTS FOR CLAUDE].

    The proxy takes a free port and a random key and ends with Claude Code, whose exit code is passed on. Nothing is
    changed: no file of Claude Code's, no shell profile; a log is kept.
    """
    from .run import run  # noqa: PLC0415 - a serving process needs none of it

    raise typer.Exit(run(context.args, profile=profile, program=claude, quiet=quiet))
