"""The commands that look at what the proxy kept; their work is imported when they are called."""

# ruff: noqa: PLC0415 - a command line that answers at once imports only what it was asked for

from __future__ import annotations

from typing import Annotated

import typer

_AsData = Annotated[bool, typer.Option("--json", help="One JSON object for each request, with every known fact.")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command("logs")(_logs)
    app.command("show")(_show)
    app.command("statusline")(_statusline)


def _logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on and print each request as it ends.")] = False,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="How many of the latest requests to print.")] = 20,
    session: Annotated[str, typer.Option(help="Only this session, by the beginning of its id.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only requests that failed.")] = False,
    as_json: _AsData = False,
) -> None:
    """Print the latest requests, one line each: time, session, agent, models, times, tokens, cost, end, notes, id.

    Read from the log file that a running proxy keeps (REQUEST_LOG); it has facts only, no prompts and no answers.
    """
    from .logs import logs

    raise typer.Exit(logs(follow=follow, last=last, session=session, failed=failed, as_data=as_json))


def _show(
    request: Annotated[
        str, typer.Argument(metavar="ID", help="The proxy's, the client's or the backend's id, or its beginning.")
    ],
    as_json: _AsData = False,
) -> None:
    """Print everything known of one request: ids, times, tokens, and each note on what was changed."""
    from .logs import show

    raise typer.Exit(show(request, as_data=as_json))


def _statusline(
    own: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="Your own status line; without this it is looked for in Claude Code's settings."
        ),
    ] = None,
) -> None:
    """Print a line for Claude Code's status line: model, context, cost and speed of the session.

    Reads what Claude Code gives on standard input. In its settings:
    {"statusLine": {"type": "command", "command": "claude-code-proxy statusline"}}.
    Your own status line is run first and printed above.
    """
    from .statusline import statusline

    raise typer.Exit(statusline(own))
