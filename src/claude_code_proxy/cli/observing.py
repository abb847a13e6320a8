"""The commands that look at what the proxy kept; their work is imported when they are called."""

# ruff: noqa: PLC0415 - a command line that answers at once imports only what it was asked for

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_AsData = Annotated[bool, typer.Option("--json", help="One JSON object for each request, with every known fact.")]


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command("logs", short_help="Print the latest requests, one line each.")(_logs)
    app.command("show", short_help="Print all that is known of one request.")(_show)
    app.command("statusline", short_help="Print a line for Claude Code's status line.")(_statusline)
    app.command("usage", short_help="Print tokens and cost by day, model, session, ...")(_usage)
    app.command("record", short_help="Serve, and keep exchanges as folders.")(_record)
    app.command("replay", short_help="Run a recorded exchange again, offline.")(_replay)
    app.command("report", short_help="Write a bundle for a bug report.")(_report)


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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with every known fact.")] = False,
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


class By(StrEnum):
    """What usage is added up by."""

    day = "day"
    hour = "hour"
    model = "model"
    session = "session"
    backend = "backend"
    tier = "tier"


def _usage(
    *,
    by: Annotated[By, typer.Option(help="What to add up by.")] = By.day,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days back, today included.")] = 30,
    session: Annotated[str, typer.Option(help="Only this session, by the beginning of its id.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    every: Annotated[bool, typer.Option("--requests", help="Print each request instead of sums.")] = False,
) -> None:
    """Print requests, tokens and cost by day, model or session, from what a proxy keeps (USAGE_DB).

    A cost with "+ ?" leaves out requests whose price is not known; it is the backend's own figure where it gives one.
    """
    if as_csv and as_json:
        raise typer.BadParameter("it takes --csv or --json, not both", param_hint="--csv")
    from .usage import usage

    raise typer.Exit(usage(by=by, days=days, session=session, as_csv=as_csv, as_json=as_json, every=every))


def _record(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the folders go.")] = Path("recordings"),
    everything: Annotated[bool, typer.Option("--all", help="Record every exchange, not only those that fail.")] = False,
) -> None:
    """Start the proxy and record exchanges: each becomes a folder with request, backend's bytes and events.

    The folders have prompts and answers in them, keys are hidden. The same as RECORD_DIR and RECORD for `serve`.
    """
    from .recordings import record_serve

    raise typer.Exit(record_serve(directory, everything=everything))


def _replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of one recorded exchange.")],
    trace: Annotated[
        bool, typer.Option("--trace", help="What was read in each piece (>) and what was sent for it (<).")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what differs from what was recorded.")] = False,
    accept: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write it as a test case, with goldens as they are now.")
    ] = None,
) -> None:
    """Run a recorded exchange again, offline; exit code 1 when it comes out otherwise than it was recorded."""
    from .recordings import replay_folder

    raise typer.Exit(replay_folder(folder, trace=trace, diff=diff, accept_as=accept))


def _report(
    wanted: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|DIR]...", help="Recorded exchanges, by folder or by request id.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "claude-code-proxy-report.zip"
    ),
    prompts: Annotated[
        bool, typer.Option("--with-prompts", help="Leave prompts and answers readable; without it they are replaced.")
    ] = False,
    last: Annotated[int, typer.Option(min=0, help="How many of the latest requests' facts to add.")] = 50,
) -> None:
    """Write a bundle for a bug report: versions, settings, facts of requests, recordings; no keys, no home paths."""
    from .recordings import report

    raise typer.Exit(report(wanted or [], to=output, prompts=prompts, last=last))
