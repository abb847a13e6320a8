"""The command line: `claude-code-proxy` serves; every other command is one file here."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .serve import serve

app = typer.Typer(
    name="claude-code-proxy",
    help="Run Claude Code on any OpenAI-compatible backend. Without a command: serve.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
) -> None:
    if context.invoked_subcommand is None:
        serve_command()


@app.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="Address to bind (HOST).")] = "",
    port: Annotated[str, typer.Option(help="Port to bind, 0 for a free one (PORT).")] = "",
) -> None:
    """Start the proxy. Settings come from the environment, .env and an optional TOML file."""
    raise typer.Exit(serve({name: value for name, value in (("HOST", host), ("PORT", port)) if value}))


@app.command("demo")
def demo_command(
    once: Annotated[bool, typer.Option(envvar="ONCE", help="End after the demonstration.")] = False,
) -> None:
    """Start a small real model and the proxy in front of it, and show an answer and a tool call."""
    from ..demo.run import run  # noqa: PLC0415 - needs the optional extra

    raise typer.Exit(run(once=once))


def main() -> None:
    """Run the command line."""
    app()
