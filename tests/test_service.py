"""`claude-code-proxy service`: what systemd and launchd are given, and what they are told. Also shell completion."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.proxy_process import clean_environment, run_command

MANAGER = f"""#!{sys.executable}
import os, sys
with open(os.environ["HOME"] + "/calls", "a") as calls:
    calls.write(" ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
print("manager says", sys.argv[-1])
sys.exit(int(os.environ.get("MANAGER_FAILS", "0")))
"""
KEY = 'sk-"quoted" $HOME `x` \\ %h'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("systemctl", "launchctl", "journalctl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(MANAGER)
        program.chmod(0o755)
    return tmp_path


def command(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return run_command(home, {**clean_environment(home), "PATH": path, **env}, *arguments)


def calls(home: Path) -> list[str]:
    return (home / "calls").read_text().splitlines() if (home / "calls").exists() else []


SYSTEMD = ".config/systemd/user/claude-code-proxy.service"
SETTINGS = {"OPENAI_API_KEY": KEY, "PORT": "9999", "CUSTOM_HEADER_X_TEAM": "a"}


def test_systemd_gets_a_unit_and_the_settings_of_this_shell_in_a_private_file(home: Path) -> None:
    (home / ".env").write_text("BIG_MODEL=a/b\nPORT=1\n")
    done = command(home, "service", "install", "--kind", "systemd", **SETTINGS)
    assert done.returncode == 0, done.stderr
    unit = (home / SYSTEMD).read_text()
    assert f'ExecStart="{sys.executable}" "-m" "claude_code_proxy" "serve"' in unit
    env_file = home / ".config/claude-code-proxy/service.env"
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert set(env_file.read_text().splitlines()) == {
        'OPENAI_API_KEY="sk-\\"quoted\\" \\$HOME \\`x\\` \\\\ %h"',
        'PORT="9999"',
        'BIG_MODEL="a/b"',
        'CUSTOM_HEADER_X_TEAM="a"',
    }
    assert calls(home) == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --now claude-code-proxy.service",
    ]
    assert KEY not in done.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_itself_has_nothing_against_the_unit(home: Path) -> None:
    command(home, "service", "install", "--kind", "systemd", **SETTINGS)
    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(home / SYSTEMD)], capture_output=True, text=True, check=False
    )
    assert "claude-code-proxy.service:" not in verified.stderr, verified.stderr


def test_launchd_gets_an_agent_that_holds_the_settings(home: Path) -> None:
    done = command(home, "service", "install", "--kind", "launchd", **SETTINGS)
    assert done.returncode == 0, done.stderr
    path = home / "Library/LaunchAgents/claude-code-proxy.plist"
    assert path.stat().st_mode & 0o777 == 0o600
    agent = plistlib.loads(path.read_bytes())
    assert Path(agent["WorkingDirectory"]).is_dir()
    assert agent["ProgramArguments"] == [sys.executable, "-m", "claude_code_proxy", "serve"]
    assert agent["EnvironmentVariables"] == {"OPENAI_API_KEY": KEY, "PORT": "9999", "CUSTOM_HEADER_X_TEAM": "a"}
    assert calls(home) == [f"launchctl bootstrap gui/{os.getuid()} {path}"]


@pytest.mark.parametrize(("drain", "stop"), [("", 40), ("120", 130), ("0.5", 11)])
def test_the_manager_waits_as_long_as_running_streams_may_go_on(home: Path, drain: str, stop: int) -> None:
    settings = {**SETTINGS, **({"DRAIN_TIMEOUT": drain} if drain else {})}
    assert command(home, "service", "install", "--kind", "systemd", **settings).returncode == 0
    assert f"\nTimeoutStopSec={stop}\n" in (home / SYSTEMD).read_text()
    assert command(home, "service", "install", "--kind", "launchd", **settings).returncode == 0
    agent = plistlib.loads((home / "Library/LaunchAgents/claude-code-proxy.plist").read_bytes())
    assert agent["ExitTimeOut"] == stop


def test_keys_that_the_configuration_borrows_go_along(home: Path) -> None:
    (home / "claude-code-proxy.toml").write_text(
        '[backends.groq]\nbase_url = "https://api.groq.com/openai/v1"\nkey_env = "GROQ_API_KEY"\n'
    )
    assert command(home, "service", "install", "--kind", "systemd", GROQ_API_KEY="gsk", EDITOR="vi").returncode == 0
    assert set((home / ".config/claude-code-proxy/service.env").read_text().splitlines()) == {
        'GROQ_API_KEY="gsk"',
        f'CONFIG_FILE="{(home / "claude-code-proxy.toml").resolve()}"',
    }


@pytest.mark.parametrize("kind", ["systemd", "launchd"])
def test_print_shows_all_but_secrets_and_does_nothing(home: Path, kind: str) -> None:
    (home / ".env").write_text("ANTHROPIC_API_KEY=quoted-in-dotenv\nGROQ=gsk-borrowed\n")
    (home / "claude-code-proxy.toml").write_text('[backends.groq]\nbase_url = "http://g/v1"\nkey_env = "GROQ"\n')
    done = command(home, "service", "install", "--print", "--kind", kind, **SETTINGS)
    assert done.returncode == 0
    assert "serve" in done.stdout
    assert "quoted" not in done.stdout
    assert "gsk-borrowed" not in done.stdout
    assert "9999" in done.stdout
    assert calls(home) == []
    assert not (home / SYSTEMD).exists()
    assert not (home / "Library").exists()


def test_status_and_logs_are_the_managers_own(home: Path) -> None:
    command(home, "service", "install", "--kind", "systemd", **SETTINGS)
    status = command(home, "service", "status", "--kind", "systemd", MANAGER_FAILS="3")
    assert (status.stdout, status.returncode) == ("manager says claude-code-proxy.service\n", 3)
    assert command(home, "service", "logs", "-f", "--kind", "systemd").stdout == "manager says -f\n"


def test_remove_takes_away_what_install_wrote_and_nothing_else(home: Path) -> None:
    mine = home / ".config/claude-code-proxy/config.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text('big_model = "a/b"\n')
    before = {path for path in home.rglob("*") if path.is_file()}
    command(home, "service", "install", "--kind", "systemd", **SETTINGS)
    done = command(home, "service", "remove", "--kind", "systemd")
    assert done.returncode == 0, done.stderr
    assert {path for path in home.rglob("*") if path.is_file()} == before | {home / "calls"}
    assert "systemctl --user disable --now claude-code-proxy.service" in calls(home)


def test_what_is_not_installed_is_said_to_be_so(home: Path) -> None:
    for action in ("status", "logs", "remove"):
        done = command(home, "service", action, "--kind", "systemd")
        assert done.returncode == 1
        assert "claude-code-proxy service install" in done.stderr


def test_a_system_without_a_manager_is_told_what_to_do(home: Path) -> None:
    done = command(home, "service", "install", "--kind", "systemd", PATH="/nowhere", **SETTINGS)
    assert done.returncode == 1
    assert "--print" in done.stderr
    assert not (home / SYSTEMD).exists()


def test_a_manager_that_fails_is_quoted(home: Path) -> None:
    done = command(home, "service", "install", "--kind", "systemd", MANAGER_FAILS="1", **SETTINGS)
    assert done.returncode == 1
    assert "`systemctl --user daemon-reload` failed: manager says daemon-reload" in done.stderr


def test_wrong_settings_are_not_installed(home: Path) -> None:
    done = command(home, "service", "install", "--kind", "systemd", OPENAI_API_KEY="k", LOG_LEVEL="LOUD")
    assert done.returncode == 2
    assert "LOG_LEVEL" in done.stderr
    assert calls(home) == []


# -- completion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(home: Path, shell: str) -> None:
    done = command(home, "completion", shell)
    assert done.returncode == 0
    assert "claude-code-proxy" in done.stdout


ASKED = {
    "bash": """
COMP_WORDS=(claude-code-proxy ser)
COMP_CWORD=1
_claude_code_proxy_completion claude-code-proxy
echo "${COMPREPLY[@]}" """,
    "zsh": """
words=(claude-code-proxy ser)
CURRENT=2
_claude_code_proxy_completion""",
    "fish": 'complete -C "claude-code-proxy ser"',
}
"""What a shell does when somebody types `ser` and Tab."""
BEFORE = {"zsh": "compdef() { }; _arguments() { print -r -- $*; }; _files() { }\n"}  # what its own completion brings


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_completes_commands(home: Path, shell: str) -> None:
    shell_program = shutil.which(shell)
    script = command(home, "completion", shell).stdout
    if shell_program is None:
        assert "_CLAUDE_CODE_PROXY_COMPLETE" in script
        pytest.skip(f"{shell} is not installed here")
    program = home / "bin" / "claude-code-proxy"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m claude_code_proxy "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [shell_program, "-c", f"{BEFORE.get(shell, '')}{script}\n{ASKED[shell]}"],
        env={**clean_environment(home), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(re.findall(r"\b(?:ser\w*|run|setup|logs)\b", done.stdout)) == {"serve", "service"}, done.stderr


def test_another_shell_is_named_with_the_known_ones(home: Path) -> None:
    done = command(home, "completion", "tcsh")
    assert done.returncode == 2
    assert "bash, zsh or fish" in done.stderr


NO_BUS = f"""#!{sys.executable}
import sys
print("Failed to connect to bus: No medium found", file=sys.stderr)
sys.exit(1)
"""
ENV_FILE = ".config/claude-code-proxy/service.env"
CA = """\
-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUHlsZl1pRCYLjQCe4gqpeTQ7EHGEwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRYSBDQSBvZiB0aGUgdGVzdHMwIBcNMjYxMTIzMDYzNzE4WhgP
MjEyNjEwMzAwNjM3MThaMBwxGjAYBgNVBAMMEWEgQ0Egb2YgdGhlIHRlc3RzMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIpyEMfP2jR/fF6/HQyF9m30qca8VpD9u
rZtr7qarP1O3n6K3wlN72MBiDuwpjOrcPTY2/79nlaSZ+CemQ3JlwqNTMFEwHQYD
VR0OBBYEFFqAxLeFoZZ18oybz6OOiIrJ7rLYMB8GA1UdIwQYMBaAFFqAxLeFoZZ1
8oybz6OOiIrJ7rLYMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIh
ANuUk2hzoc2XPmViBUgGHpAveLXG0w3E9OAhNwUu56DzAiAh4dsz9pImRlWs8WA6
ALtPnIAp978Vzg0rr9kTjZ+N4A==
-----END CERTIFICATE-----
"""


def test_what_requests_go_by_in_the_shell_goes_along(home: Path) -> None:
    there = {
        "HTTPS_PROXY": "http://somebody:pass-word@proxy.example:3128",
        "https_proxy": "http://other.example:3128",
        "NO_PROXY": "localhost",
        "SSL_CERT_FILE": "ca.pem",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=pass-word",
    }
    (home / "ca.pem").write_text(CA)
    assert command(home, "service", "install", "--kind", "systemd", **SETTINGS, **there).returncode == 0
    kept = (home / ENV_FILE).read_text()
    assert (home / ENV_FILE).stat().st_mode & 0o777 == 0o600
    for name, value in {**there, "SSL_CERT_FILE": str(home / "ca.pem")}.items():
        assert f'{name}="{value}"\n' in kept
    shown = command(home, "service", "install", "--print", "--kind", "systemd", **SETTINGS, **there).stdout
    assert "pass-word" not in shown
    assert 'https_proxy="http://other.example:3128"' in shown
    assert 'OTEL_EXPORTER_OTLP_ENDPOINT="http://collector.example:4318"' in shown


def test_without_a_manager_for_the_user_the_remedy_is_said_and_what_is_left_can_be_removed(home: Path) -> None:
    (home / "bin/systemctl").write_text(NO_BUS)
    done = command(home, "service", "install", "--kind", "systemd", **SETTINGS)
    assert done.returncode == 1
    for words in (
        "Failed to connect to bus",
        "enable-linger",
        "claude-code-proxy serve",
        "docker",
        str(home / SYSTEMD),
    ):
        assert words in done.stderr
    removed = command(home, "service", "remove", "--kind", "systemd")
    assert removed.returncode == 0, removed.stderr
    assert f"Deleted: {home / SYSTEMD}" in removed.stdout
    assert "Failed to connect to bus" in removed.stderr
    assert not (home / SYSTEMD).exists()
    assert not (home / ENV_FILE).exists()


def test_a_service_that_can_t_be_stopped_is_deleted_and_said_so(home: Path) -> None:
    command(home, "service", "install", "--kind", "systemd", **SETTINGS)
    done = command(home, "service", "remove", "--kind", "systemd", MANAGER_FAILS="3")
    assert done.returncode == 1
    assert "deleted all the same" in done.stderr
    assert not (home / SYSTEMD).exists()
