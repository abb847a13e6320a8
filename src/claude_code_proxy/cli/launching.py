"""The commands that start clients on the proxy, and tell clients of it."""

from __future__ import annotations

from typing import Annotated

import typer

Profile = Annotated[str, typer.Option(help="The TOML file's [profiles.NAME] to use (CONFIG_PROFILE).")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run_command)
    app.command("env")(env_command)
    app.command("settings")(settings_command)


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


Url = Annotated[str, typer.Option(help="Where the proxy runs; by default where the settings put it.")]


def env_command(
    shell: Annotated[str, typer.Option(help="bash, zsh, fish or pwsh; by default what $SHELL names.")] = "",
    url: Url = "",
) -> None:
    """Print what to set so that `claude` in this shell uses a running proxy: eval "$(claude-code-proxy env)".

    Nothing is printed, and the exit code is 1, when no proxy runs there.
    """
    from .connect import env  # noqa: PLC0415 - as above

    raise typer.Exit(env(shell=shell, url=url))


def settings_command(
    client: Annotated[
        str, typer.Option(help="Only this one, to be piped: claude-code, vscode, python, typescript, curl or other.")
    ] = "",
    url: Url = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Print what clients of a running proxy need: Claude Code, VS Code, the SDKs, anything else."""
    from .connect import settings  # noqa: PLC0415 - as above

    raise typer.Exit(settings(client=client, url=url, as_data=as_json))
