"""The commands that start clients on the proxy, and tell clients of it."""

from __future__ import annotations

from typing import Annotated

import typer

PROGRAM = "claude-code-proxy"
COMPLETION_VARIABLE = "_CLAUDE_CODE_PROXY_COMPLETE"

service_app = typer.Typer(
    help="The proxy as a service that starts with your login: systemd or launchd.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Profile = Annotated[str, typer.Option(help="The TOML file's [profiles.NAME] to use (CONFIG_PROFILE).")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("run", short_help="Start Claude Code on a private proxy.", context_settings=anything)(run_command)
    app.command("setup", short_help="Choose a backend and models; write a configuration.")(setup_command)
    app.command("init", hidden=True)(setup_command)
    app.command("env", short_help="Print what a shell needs for a running proxy.")(env_command)
    app.command("settings", short_help="Print what other clients need for it.")(settings_command)
    app.add_typer(service_app, name="service", short_help="Run the proxy from login on (systemd, launchd).")
    app.command("completion", short_help="Print a shell's completion script.")(completion_command)


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
    from .first_time import set_up_first  # noqa: PLC0415 - a serving process needs none of it
    from .run import run  # noqa: PLC0415 - as above

    if code := set_up_first():
        raise typer.Exit(code)
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


def setup_command(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what suits most, and say what.")] = False,
    file: Annotated[str, typer.Option(help="The file to write, in place of your own configuration.")] = "",
    start: Annotated[
        str, typer.Option(help="What to start then: run, serve or none. By default you are asked; with --yes none.")
    ] = "",
) -> None:
    """Find keys and local servers, choose models, try them, and write a configuration.

    Keys in the environment stay there: the file names the variable. A key you type is kept in the file, which only you
    can read. A file that is there already is kept beside it.
    """
    from .setup import setup, what_next  # noqa: PLC0415 - as above

    if start not in {"", "run", "serve", "none"}:
        raise typer.BadParameter("it takes run, serve or none", param_hint="--start")
    code = setup(yes=yes, file=file)
    if code:
        raise typer.Exit(code)
    begin(start or (what_next() if not yes else "none"))


def serve_or_set_up(*, yes: bool) -> None:
    """What the program does without a command: serve, after a person has said on which backend."""
    from .first_time import set_up_first  # noqa: PLC0415 - as above

    code = set_up_first(yes=yes)
    if code:
        raise typer.Exit(code)
    if code == 0 and not yes:
        from .setup import what_next  # noqa: PLC0415 - as above

        begin(what_next() or "none")
    else:
        begin("serve")


def begin(what: str) -> None:
    """Start Claude Code (`run`), the proxy (`serve`) or nothing, and exit with its code."""
    if what == "run":
        from .run import run  # noqa: PLC0415 - as above

        raise typer.Exit(run([]))
    if what == "serve":
        from .serve import serve  # noqa: PLC0415 - as above

        raise typer.Exit(serve({}))
    typer.echo("Start Claude Code on it with `claude-code-proxy run`, the proxy with `claude-code-proxy`.", err=True)


def completion_command(
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")],
) -> None:
    """Print a shell's completion script, such as: claude-code-proxy completion bash >> ~/.bash_completion."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415 - rarely needed

    if shell not in {"bash", "zsh", "fish"}:
        raise typer.BadParameter("it takes bash, zsh or fish", param_hint="SHELL")
    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, shell=shell))


_Kind = Annotated[str, typer.Option("--kind", help="systemd or launchd; by default this system's.")]


@service_app.command("install", short_help="Install and start it.")
def _install_service(
    kind: _Kind = "",
    profile: Annotated[str, typer.Option(help="The TOML file's [profiles.NAME] to use.")] = "",
    only_print: Annotated[bool, typer.Option("--print", help="Only show what would be written and run.")] = False,
) -> None:
    """Install and start the service, with the settings that are in force here.

    Settings and keys of this environment and of .env are kept in a file that only you can read, since a service has
    neither.
    """
    from .service import install_service  # noqa: PLC0415 - as above

    install_service(kind, profile, only_print=only_print)


@service_app.command("status", short_help="Show whether it runs.")
def _service_status(kind: _Kind = "") -> None:
    """Show whether the service runs, in the service manager's own words and with its exit code."""
    from .service import show_status  # noqa: PLC0415 - as above

    show_status(kind)


@service_app.command("logs", short_help="Print what it said last.")
def _service_logs(
    kind: _Kind = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on and print what comes.")] = False,
) -> None:
    """Print what the service said last."""
    from .service import show_logs  # noqa: PLC0415 - as above

    show_logs(kind, follow=follow)


@service_app.command("remove", short_help="Stop it and delete its files.")
def _remove_service(kind: _Kind = "") -> None:
    """Stop the service and delete its files; your configuration stays."""
    from .service import remove_service  # noqa: PLC0415 - as above

    remove_service(kind)
