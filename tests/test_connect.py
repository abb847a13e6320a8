"""`claude-code-proxy env` and `settings`: what clients of a running proxy need, in the form each of them reads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.backend import Backend, say
from tests.proxy_process import ProxyProcess, clean_environment, free_port, proxy_for, run_command

from claude_code_proxy.cli import connect
from claude_code_proxy.launch.environment import Connection
from claude_code_proxy.launch.shells import SHELLS, script
from claude_code_proxy.launch.snippets import CLIENTS, snippets

KEY = """it's "a" $HOME `b` \\ key"""
TIERS = {"BIG_MODEL": "gpt-5.4", "MIDDLE_MODEL": "gpt-5.4-mini", "SMALL_MODEL": "my-opus-tune"}


@pytest.fixture(scope="module")
def proxy() -> Iterator[ProxyProcess]:
    models = {"gpt-5.4": 400_000, "gpt-5.4-mini": 200_000}
    with (
        Backend(lambda received: say(received.model), models=models) as backend,
        proxy_for(backend, ANTHROPIC_API_KEY=KEY, **TIERS) as running,
    ):
        yield running


def command(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run_command(home, {**clean_environment(home), "ANTHROPIC_API_KEY": KEY, **env}, *arguments)


def told(proxy: ProxyProcess, home: Path, client: str) -> str:
    done = command(home, "settings", "--url", proxy.url, "--client", client)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("url", ["nope", "ftp://x", "localhost:8082"])
def test_an_address_that_is_none_is_wrong_use(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert connect.env(shell="bash", url=url) == connect.settings(client="", url=url, as_data=False) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith("--url takes an http or https URL") for line in err.splitlines())


def test_a_client_nobody_knows_is_wrong_use_whether_a_proxy_runs_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert connect.settings(client="nobody", url="", as_data=False) == 2
    assert capsys.readouterr().err.startswith("--client takes claude-code, vscode,")


def test_every_client_that_can_be_named_is_there() -> None:
    assert tuple(snippets(Connection(url="http://x", key=""), {})) == CLIENTS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "pwsh"])
def test_a_shell_that_reads_the_lines_has_the_variables(proxy: ProxyProcess, tmp_path: Path, shell: str) -> None:
    done = command(tmp_path, "env", "--shell", shell, "--url", proxy.url)
    assert done.returncode == 0, done.stderr
    program = shutil.which(shell)
    if program is None:
        assert len(done.stdout.splitlines()) > 10
        pytest.skip(f"{shell} is not installed here; its quoting is tested by its rules")
    show = ";".join(f"""printf '%s\\n' "${name}" """ for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"))
    lines = subprocess.run(
        [program, "-c", f"{done.stdout}\n{show}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert lines == [KEY, proxy.url]


@pytest.mark.parametrize(
    ("shell", "value", "line"),
    [
        ("bash", "it's", r"export N='it'\''s'"),
        ("zsh", "a\nb", "export N='a\nb'"),
        ("fish", "it's \\", r"set -gx N 'it\'s \\'"),
        ("pwsh", "it's \u2019 $x", "$env:N = 'it''s \u2019\u2019 $x'"),
    ],
)
def test_no_value_is_anything_but_a_value(shell: str, value: str, line: str) -> None:
    assert script(shell, {"N": value}, []) == [line]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_would_send_claude_code_elsewhere_is_removed(shell: str) -> None:
    assert "ANTHROPIC_API_KEY" in script(shell, {}, ["ANTHROPIC_API_KEY"])[0]


def test_the_shell_is_the_one_of_the_person(proxy: ProxyProcess, tmp_path: Path) -> None:
    url = ("--url", proxy.url)
    assert "set -gx ANTHROPIC_BASE_URL" in command(tmp_path, "env", *url, SHELL="/usr/bin/fish").stdout
    assert "export ANTHROPIC_BASE_URL" in command(tmp_path, "env", *url, SHELL="/bin/dash").stdout
    wrong = command(tmp_path, "env", "--shell", "tcsh", *url)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "bash, zsh, fish, pwsh" in wrong.stderr


def test_the_tiers_are_named_so_that_they_are_reached(proxy: ProxyProcess, tmp_path: Path) -> None:
    env = json.loads(command(tmp_path, "settings", "--json", "--url", proxy.url).stdout)["environment"]
    assert env["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "gpt-5.4"
    assert env["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "claude-proxy/my-opus-tune"
    assert env["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "200000"


def test_a_client_whose_numbers_are_stretched_is_not_told_the_true_window_too(tmp_path: Path) -> None:
    with (
        Backend(models={"local": 32_768}) as backend,
        proxy_for(backend, CONTEXT_SCALE="auto", BIG_MODEL="local") as own,
    ):
        done = command(tmp_path, "settings", "--json", "--url", own.url)
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in json.loads(done.stdout)["environment"]


def test_a_proxy_that_is_not_there_gives_no_line_and_says_what_to_do(tmp_path: Path) -> None:
    for arguments in (("env",), ("settings",), ("settings", "--json")):
        done = command(tmp_path, *arguments, PORT=str(free_port()))
        assert (done.returncode, done.stdout) == (1, "")
        assert "Start it with `claude-code-proxy`" in done.stderr


def test_a_proxy_that_wants_a_key_we_do_not_have_is_told(proxy: ProxyProcess, tmp_path: Path) -> None:
    done = command(tmp_path, "env", "--url", proxy.url, ANTHROPIC_API_KEY="")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ANTHROPIC_API_KEY" in done.stderr


@pytest.mark.parametrize("name", ["env", "settings"])
def test_a_key_the_proxy_refuses_is_told_and_not_handed_on(proxy: ProxyProcess, tmp_path: Path, name: str) -> None:
    done = command(tmp_path, name, "--url", proxy.url, ANTHROPIC_API_KEY="another-key-altogether")
    assert (done.returncode, done.stdout) == (1, "")
    assert "refuses this ANTHROPIC_API_KEY" in done.stderr
    assert "another-key" not in done.stderr


def test_the_address_comes_from_the_settings(proxy: ProxyProcess, tmp_path: Path) -> None:
    port = proxy.url.rpartition(":")[2]
    (tmp_path / ".env").write_text(f"PORT={port}\n")
    assert f"http://localhost:{port}" in command(tmp_path, "env").stdout


def test_a_projects_own_port_does_not_hide_the_persons_proxy(proxy: ProxyProcess, tmp_path: Path) -> None:
    config = tmp_path / ".config" / "claude-code-proxy" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f"port = {proxy.url.rpartition(':')[2]}\n")
    (tmp_path / ".env").write_text(f"PORT={free_port()}\n")
    done = command(tmp_path, "env")
    assert done.returncode == 0, done.stderr


# -- snippets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["claude-code", "vscode"])
def test_settings_files_are_json_and_say_all(proxy: ProxyProcess, tmp_path: Path, client: str) -> None:
    data: dict[str, Any] = json.loads(told(proxy, tmp_path, client))
    listed = data.get("env") or {row["name"]: row["value"] for row in data["claudeCode.environmentVariables"]}
    assert listed["ANTHROPIC_BASE_URL"] == proxy.url
    assert listed["ANTHROPIC_AUTH_TOKEN"] == KEY


def test_the_python_lines_run(proxy: ProxyProcess, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", told(proxy, tmp_path, "python")], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "gpt-5.4-mini\n"


def test_all_of_it_is_one_page(proxy: ProxyProcess, tmp_path: Path) -> None:
    page = command(tmp_path, "settings", "--url", proxy.url).stdout
    assert [line for line in page.splitlines() if line.startswith("# ")] == [
        "# Claude Code, always (not needed with `claude-code-proxy run`): ~/.claude/settings.json",
        "# Claude Code in VS Code: Preferences: Open User Settings (JSON)",
        "# Python: pip install anthropic",
        "# TypeScript: npm install @anthropic-ai/sdk",
        "# Any HTTP client",
        "# Any other client of the Anthropic API",
    ]
