"""The command line: `claude-code-proxy` serves; every other command is one file here."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer._completion_classes import completion_init
from typer.core import TyperGroup

from .. import __version__
from . import launching, observing
from .launching import COMPLETION_VARIABLE, PROGRAM


class _Commands(TyperGroup):
    """All commands: a reader that has seen enough and leaves (`| head`) is no failure of any of them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; typer itself would end with exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(0) from None


app = typer.Typer(
    cls=_Commands,
    name=PROGRAM,
    help="Run Claude Code on any OpenAI-compatible backend. Without a command: serve.",
    add_completion=False,  # `completion` prints the script and edits no file
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

config_app = typer.Typer(help="The settings in force.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config_app, name="config")
launching.add_commands(app)
observing.add_commands(app)


def _version(asked: bool) -> None:
    if asked:
        print(f"claude-code-proxy {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Without any configuration: set up without questions, then serve.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        launching.serve_or_set_up(yes=yes)


@app.command("serve", short_help="Start the proxy.")
def serve_command(
    host: Annotated[str, typer.Option(help="Address to bind (HOST).")] = "",
    port: Annotated[str, typer.Option(help="Port to bind, 0 for a free one (PORT).")] = "",
    workers: Annotated[str, typer.Option(help="How many processes serve (WORKERS).")] = "",
    profile: Annotated[str, typer.Option(help="The TOML file's [profiles.NAME] to use (CONFIG_PROFILE).")] = "",
) -> None:
    """Start the proxy. Settings come from the environment, .env and an optional TOML file."""
    from .serve import serve  # noqa: PLC0415 - the other commands need none of it

    given = (("HOST", host), ("PORT", port), ("WORKERS", workers), ("CONFIG_PROFILE", profile))
    raise typer.Exit(serve({name: value for name, value in given if value}))


@app.command("demo", short_help="Show a small real model through the proxy.")
def demo_command(
    once: Annotated[bool, typer.Option(envvar="ONCE", help="End after the demonstration.")] = False,
) -> None:
    """Start a small real model and the proxy in front of it, and show an answer and a tool call."""
    from ..demo.run import run  # noqa: PLC0415 - needs the optional extra

    raise typer.Exit(run(once=once))


@app.command("doctor", short_help="Look for what is wrong, and say what to do.")
def doctor_command(
    deep: Annotated[
        bool, typer.Option("--deep", help="Make a dozen tiny calls per model and print a score card.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at environment, settings and backends; exit code 0 all well, 1 something failed, 2 settings wrong."""
    from .doctor import doctor  # noqa: PLC0415 - a serving process needs none of it

    raise typer.Exit(doctor(deep=deep, as_data=as_json))


@app.command("prompt", short_help="Show what compression makes of a request.")
def prompt_command(  # noqa: PLR0917 - options
    file: Annotated[str, typer.Argument(help="A Messages request as JSON, - for standard input.")],
    budget: Annotated[int, typer.Option(help="Tokens for the system prompt (PROMPT_MAX_SYSTEM_TOKENS).")] = 4096,
    short: Annotated[bool, typer.Option("--short", help="Shorten descriptions (TOOL_DESCRIPTIONS=short).")] = False,
    tools: Annotated[str, typer.Option(help="The only tools to keep (TOOL_SUBSET).")] = "",
    window: Annotated[int, typer.Option(help="Tokens of the model's window, to which tools are fitted.")] = 0,
    view: Annotated[str, typer.Option(help="table, json, diff or text (the compressed prompt).")] = "table",
) -> None:
    """Show what compression makes of a captured request: what goes, and how much that is."""
    from .prompt import Wanted, prompt  # noqa: PLC0415 - as above

    raise typer.Exit(prompt(file, budget=budget, wanted=Wanted(short, tools, window), view=view))


@config_app.command("check", short_help="Print every setting, and what is wrong.")
def config_check_command() -> None:
    """Print every setting with its source, and what is wrong; exit code 2 when something is."""
    from .doctor import config_check  # noqa: PLC0415 - as above

    raise typer.Exit(config_check())


@config_app.command("show", short_help="Print every setting with its source.")
def config_show_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the settings as JSON.")] = False,
) -> None:
    """Print every setting with its source, secrets hidden."""
    from .doctor import config_show  # noqa: PLC0415 - as above

    raise typer.Exit(config_show(as_data=as_json))


def main() -> None:
    """Run the command line; a shell that completes a line asks by a variable (`completion` prints how)."""
    if COMPLETION_VARIABLE in os.environ:
        completion_init()
    try:
        app(prog_name=PROGRAM)
    finally:
        _flush()


def _flush() -> None:
    """Write what waits; where nobody reads any more, it goes nowhere, and the exit code stays."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
