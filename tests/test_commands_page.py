"""docs/commands.md is what the commands print: `make docs` writes it anew."""

from __future__ import annotations

from pathlib import Path

from docs.commands import EXAMPLES, page


def test_the_page_is_what_the_commands_print() -> None:
    written = Path(__file__).parents[1] / "docs" / "commands.md"
    assert page() == written.read_text(encoding="utf-8"), "make docs"


def test_each_command_of_the_first_minute_shows_a_failure_too() -> None:
    assert {"setup", "run", "serve", "env"} <= {example.command for example in EXAMPLES}
