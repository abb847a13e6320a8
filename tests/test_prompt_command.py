"""`claude-code-proxy prompt`: what is removed and how much, for a captured request; nothing is asked of anybody."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from claude_code_proxy.cli.prompt import Wanted, prompt

SYSTEM = (
    "You are Claude Code, Anthropic's official CLI for Claude.\n\n"
    "# Doing tasks\n\nThe user will primarily request you to perform work. Plan first, then work. Plan first, then work.\n\n"
    "# Environment\n - Working directory: /srv/größe\n - Shell: fish\n"
)
TOOL = {"name": "Bash", "description": "Runs a command. " * 60, "input_schema": {"type": "object"}}
REQUEST: dict[str, Any] = {
    "model": "m",
    "system": [{"type": "text", "text": SYSTEM}],
    "tools": [TOOL, {**TOOL, "name": "Agent"}],
    "messages": [{"role": "user", "content": "hi"}],
}
OPTIONS: dict[str, Any] = {"budget": 4096, "wanted": Wanted(), "view": "table"}


@pytest.fixture
def captured(tmp_path: Path) -> Path:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(REQUEST))
    return file


def test_it_says_what_goes_and_how_much_that_is(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prompt(str(captured), **OPTIONS) == 0
    lines = capsys.readouterr().out.splitlines()
    fates = {line.strip().rsplit("  ", 1)[0].rstrip(" 0123456789"): line.rsplit("  ", 1)[1] for line in lines[1:4]}
    assert fates == {"(opening)": "kept", "Doing tasks": "removed", "Environment": "kept"}
    before, after = (int(word) for word in lines[0].split() if word.isdigit())
    assert after < before


def test_as_data_with_fewer_and_shorter_tools(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prompt(str(captured), **{**OPTIONS, "view": "json", "wanted": Wanted(short=True, subset="Bash")}) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tools"]["removed"] == ["Agent"]
    assert told["tools"]["after"] < told["tools"]["before"] / 2
    assert [section["fate"] for section in told["system"]["sections"]] == ["kept", "removed", "kept"]


def test_what_a_small_window_does_to_each_tool(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prompt(str(captured), **{**OPTIONS, "wanted": Wanted(window=900)}) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    told = {line[0]: (int(line[1]), int(line[-1])) for line in lines if "described" in line}
    assert set(told) == {"Bash", "Agent"}
    assert all(after < before / 2 for before, after in told.values())


def test_a_large_window_does_nothing(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt(str(captured), **{**OPTIONS, "wanted": Wanted(window=100_000)})
    assert "untouched" in capsys.readouterr().out


def test_the_prompt_before_and_after(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt(str(captured), **{**OPTIONS, "view": "diff"})
    assert "Plan first, then work. Plan first, then work." in capsys.readouterr().out
    prompt(str(captured), **{**OPTIONS, "view": "text"})
    after = capsys.readouterr().out
    assert " - Working directory: /srv/größe\n - Shell: fish" in after
    assert "Plan first" not in after


def test_the_billing_line_is_not_shown_since_it_is_never_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.123; cc_entrypoint=sdk-cli;"}
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**REQUEST, "system": [line, *REQUEST["system"]]}))
    assert prompt(str(file), **{**OPTIONS, "view": "text"}) == 0
    assert capsys.readouterr().out.startswith("You are Claude Code")


@pytest.mark.parametrize("wrapped", [{"request": REQUEST}, {"body": REQUEST}, {"request": {"body": REQUEST}}])
def test_a_request_in_a_recording_is_found(tmp_path: Path, wrapped: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text(json.dumps(wrapped))
    assert prompt(str(tmp_path / "x.json"), **OPTIONS) == 0
    assert "Doing tasks" in capsys.readouterr().out


def test_a_prompt_that_is_not_claude_codes_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"system": "Be kind.\\n\\n# Tone and style\\nx"}')))
    assert prompt("-", **OPTIONS) == 0
    assert "nothing is touched" in capsys.readouterr().out


def test_a_view_there_is_not_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert prompt("-", **{**OPTIONS, "view": "nope"}) == 2
    assert "--view takes table, json, diff, text, not nope" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', None])
def test_what_is_no_request_is_said_in_a_sentence(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.json"
    if content is not None:
        file.write_bytes(content)
    assert prompt(str(file), **OPTIONS) == 2
    assert capsys.readouterr().err.startswith("prompt: ")
