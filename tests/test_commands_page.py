"""docs/commands.md is what the commands print: `make docs` writes it anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.commands import EXAMPLES, Stage, _steady, page
from tests.backend import Backend


def test_the_page_is_what_the_commands_print() -> None:
    written = Path(__file__).parents[1] / "docs" / "commands.md"
    assert page() == written.read_text(encoding="utf-8"), "make docs"


def test_python_is_no_path_of_this_machine_however_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/one/clone/../another/bin/python")
    with Backend() as backend:
        told = _steady('ExecStart="/one/another/bin/python" "-m"', Stage(tmp_path, backend))
    assert told == 'ExecStart="/usr/bin/python3" "-m"'


def test_each_command_of_the_first_minute_shows_a_failure_too() -> None:
    assert {"setup", "run", "serve", "env"} <= {example.command for example in EXAMPLES}
