"""`claude-code-proxy setup` (also `init`): from nothing to a configuration that works, in under a minute."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ..observe import setup as set_up_log
from ..wizard.file import Plan, text, user_file, write
from ..wizard.flow import StoppedError, decide, interview
from ..wizard.prompts import ask, say
from .first_time import on_terminal
from .run import find_claude

_FAILED, _WRONG_USE, _INTERRUPTED = 1, 2, 130  # exit codes
_OVER = ("OPENAI_BASE_URL", "OPENAI_API_KEY", "BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL", "CONFIG_FILE")


def setup(*, yes: bool, file: str) -> int:
    """Ask, try and write; returns 0 when the file is there, 1 when nothing was found, 2 without a terminal."""
    if not (yes or on_terminal()):
        say("Setup asks questions and needs a terminal. In a script: claude-code-proxy setup --yes")
        return _WRONG_USE
    set_up_log("CRITICAL", "text")  # what goes wrong is said here
    path = Path(file) if file else user_file(os.environ)
    try:
        if not yes:
            say("Claude Code on the model of your choice. Ctrl-C leaves everything as it was.")
        plan = decide(os.environ) if yes else interview(os.environ)
    except StoppedError as error:
        say(*str(error).split("\n"), "Nothing was written.")
        return _FAILED
    except (KeyboardInterrupt, EOFError):
        say("", "Nothing was written.")
        return _INTERRUPTED
    return _written(path, plan)


def _written(path: Path, plan: Plan) -> int:
    try:
        kept = write(path, text(plan, time.strftime("%Y-%m-%d")))
    except OSError as error:
        say(f"{path} can't be written: {error.strerror}. Name another file with --file.")
        return _FAILED
    say(
        "",
        f"{plan.source.title}: opus {plan.choice.big}, sonnet {plan.choice.middle}, haiku {plan.choice.small}",
        f"Written to {path}{f'; the one before is {kept.name}' if kept else ''}.",
    )
    if path != user_file(os.environ):
        os.environ["CONFIG_FILE"] = str(path.resolve())
        say(f"To use it: CONFIG_FILE={path.resolve()}")
    over = [name for name in _OVER if os.environ.get(name, "").strip() and name != plan.source.variable]
    if over:
        say(f"In this shell the environment goes before it: {', '.join(over)}.")
    return 0


def what_next() -> str:
    """Ask what to start: `run`, `serve` or ""."""
    claude = find_claude("", os.environ)
    default = "run" if claude else "serve"
    rows = ["Claude Code, now" if claude else "Claude Code (not installed yet)", "the proxy, for any client", "nothing"]
    say("", "Start")
    say(*(f"  {number}  {row}" for number, row in enumerate(rows, 1)))
    names: Sequence[str] = ("run", "serve", "")
    try:
        typed = ask(f"(Enter: {names.index(default) + 1}) > ")
    except (KeyboardInterrupt, EOFError):
        return ""
    return names[int(typed) - 1] if typed in {"1", "2", "3"} else default if not typed else ""
