"""`claude-code-proxy run`: a private proxy and, in place of Claude Code, a program that says what it was given."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.backend import Backend, error, say
from tests.proxy_process import clean_environment, free_port, run_command
from tests.terminal import Terminal

CLAUDE = f"""#!{sys.executable}
import json, os, signal, sys, urllib.request

def ask(path, body=None):
    request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + path, json.dumps(body).encode() if body else None)
    request.add_header("authorization", "Bearer " + os.environ["ANTHROPIC_AUTH_TOKEN"])
    return json.load(urllib.request.urlopen(request, timeout=20))

def interrupted(*_):
    print("interrupted", flush=True)

words = sys.argv[1:]
if "talk" in words:
    body = {{"model": os.environ["ANTHROPIC_DEFAULT_OPUS_MODEL"], "max_tokens": 50, "messages": [{{"role": "user", "content": "hi"}}]}}
    print(ask("/v1/messages", body)["content"][0]["text"])
if "tell" in words:
    settings = json.load(open(words[1])) if words[0] == "--settings" else None
    models = ask("/v1/models?limit=1000")
    print(json.dumps({{"arguments": words, "env": dict(os.environ), "models": models, "settings": settings}}))
if "terminal" in words:
    print(os.isatty(0), os.isatty(1), os.isatty(2), flush=True)
    print("heard", input(), flush=True)
if "wait" in words:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, interrupted)
    print("waiting", os.getpid(), flush=True)
    print("heard", sys.stdin.readline().strip(), flush=True)
if "quit" in words:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("bye", flush=True)
if "stop" in words:
    os.kill(os.getpid(), signal.SIGSTOP)
    print("resumed")
if "die" in words:
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(7)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(CLAUDE, encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    return tmp_path / "home"


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(
        lambda _: say("hello from the model"), models={"gpt-5.4": 400_000, "gpt-5.4-mini": 200_000}
    ) as running:
        yield running


def environment(home: Path, backend: Backend | None = None, **env: str) -> dict[str, str]:
    """What a person's shell would have; Claude Code is on PATH."""
    models = {"BIG_MODEL": "gpt-5.4", "MIDDLE_MODEL": "gpt-5.4-mini", "SMALL_MODEL": "gpt-5.4-mini"}
    settings = {"OPENAI_BASE_URL": backend.url, "OPENAI_API_KEY": backend.key, **models} if backend else {}
    path = f"{home.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    given = {**clean_environment(home), **settings, "PATH": path, **env}
    return {name: value for name, value in given.items() if value}


def run(home: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(home.parent / "project", env, "run", *arguments)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


# -- what Claude Code gets ---------------------------------------------------------------------------------------------


def test_claude_code_gets_exactly_the_environment_it_needs(home: Path, backend: Backend) -> None:
    others = {
        "ANTHROPIC_API_KEY": "sk-ant-own",
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "NO_PROXY": "intranet.example",
        "ENABLE_TOOL_SEARCH": "auto",
    }
    env = told(run(home, environment(home, backend, **others), "--", "tell"))["env"]
    assert urlsplit(env["ANTHROPIC_BASE_URL"]).hostname == "127.0.0.1"
    assert len(env["ANTHROPIC_AUTH_TOKEN"]) > 24
    assert {"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK"}.isdisjoint(env)
    families = {family: env[f"ANTHROPIC_DEFAULT_{family}_MODEL"] for family in ("OPUS", "SONNET", "HAIKU", "FABLE")}
    assert families == {"OPUS": "gpt-5.4", "SONNET": "gpt-5.4-mini", "HAIKU": "gpt-5.4-mini", "FABLE": "gpt-5.4"}
    assert env["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == env["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == "200000"
    assert env["CLAUDE_CODE_ATTRIBUTION_HEADER"] == "0"
    assert env["CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY"] == "1"
    assert env["ENABLE_TOOL_SEARCH"] == "auto", "what a person has set about it stays"
    assert env["NO_PROXY"] == env["no_proxy"] == "intranet.example,localhost,127.0.0.1,::1"
    assert int(env["API_TIMEOUT_MS"]) > 600_000


def test_arguments_and_answers_and_the_exit_code_pass_through(home: Path, backend: Backend) -> None:
    done = run(home, environment(home, backend), "--", "talk", "--model", "x y", "-p")
    assert done.stdout == "hello from the model\n"
    assert done.returncode == 7
    assert told(run(home, environment(home, backend), "--", "tell", "--version", "--", "-h"))["arguments"] == [
        *("tell", "--version", "--", "-h")
    ]


def test_a_program_that_a_signal_ended_is_told_as_a_shell_tells_it(home: Path, backend: Backend) -> None:
    assert run(home, environment(home, backend), "--", "die").returncode == 128 + 9


def test_the_banner_has_five_lines_on_standard_error(home: Path, backend: Backend) -> None:
    done = run(home, environment(home, backend), "--", "talk")
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("claude-code-proxy ")
    assert f"-> {backend.url}" in lines[0]
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["opus", "gpt-5.4"],
        ["sonnet", "gpt-5.4-mini"],
        ["haiku", "gpt-5.4-mini"],
    ]
    assert "window  200,000 tokens, log ~/.local/state/claude-code-proxy/logs/run-" in lines[4]
    assert run(home, environment(home, backend), "--quiet", "--", "talk").stderr == ""


def test_a_small_window_leaves_room_for_the_answer(home: Path) -> None:
    with Backend(models={"local": 16_384}) as backend:
        env = environment(home, backend, BIG_MODEL="local", MIDDLE_MODEL="local", SMALL_MODEL="local")
        env = told(run(home, env, "--", "tell"))["env"]
    assert (env["CLAUDE_CODE_MAX_CONTEXT_TOKENS"], env["CLAUDE_CODE_MAX_OUTPUT_TOKENS"]) == ("16384", "4096")


@pytest.mark.parametrize(
    ("window", "compression", "warned"),
    [(16_384, "none", True), (16_384, "compact", False), (8192, "compact", True), (65_536, "none", False)],
)
def test_a_window_without_room_for_claude_code_is_told_before_it_starts(
    home: Path, window: int, compression: str, warned: bool
) -> None:
    with Backend(models={"local": window}) as backend:
        models = {"BIG_MODEL": "local", "MIDDLE_MODEL": "local", "SMALL_MODEL": "local"}
        done = run(home, environment(home, backend, PROMPT_COMPRESSION=compression, **models), "--", "tell")
    assert "claude-code-proxy" in done.stderr
    assert ("Too small for Claude Code" in done.stderr) is warned
    assert ("PROMPT_COMPRESSION=compact" in done.stderr) is (warned and compression == "none")
    assert ("num_ctx" in done.stderr) is warned


def test_a_model_whose_name_means_a_tier_is_still_that_model(home: Path) -> None:
    with Backend(lambda received: say(received.model), models={"my-haiku-tune": 0, "big": 0}) as backend:
        env = environment(home, backend, BIG_MODEL="my-haiku-tune", MIDDLE_MODEL="big", SMALL_MODEL="big")
        assert run(home, env, "--", "talk").stdout == "my-haiku-tune\n"


def test_a_tier_with_stand_ins_keeps_them(home: Path, backend: Backend) -> None:
    backend.play(lambda got: error(500, "no") if got.model == "gpt-5.4" else say(f"from {got.model}"))
    env = environment(home, backend, BIG_MODEL="gpt-5.4, gpt-5.4-mini", MAX_RETRIES="0")
    done = run(home, env, "--", "talk")
    assert done.stdout == "from gpt-5.4-mini\n"
    assert "opus    gpt-5.4, then gpt-5.4-mini" in done.stderr


def test_the_true_window_is_told_and_no_number_is_stretched(home: Path, backend: Backend) -> None:
    done = told(run(home, environment(home, backend, CONTEXT_SCALE="auto"), "--", "tell"))
    assert done["env"]["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "200000"
    assert done["models"]["data"][0]["max_input_tokens"] == 400_000


# -- what stays as it was ----------------------------------------------------------------------------------------------


def test_nothing_is_written_but_a_private_log(home: Path, backend: Backend) -> None:
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text("{}")
    run(home, environment(home, backend), "--", "talk")
    written = {path for path in home.parent.rglob("*") if path.is_file() and path.parent.name != "bin"}
    state = {path for path in written if home / ".local/state/claude-code-proxy" in path.parents}
    assert written - state == {home / ".claude" / "settings.json"}
    assert (home / ".claude" / "settings.json").read_text() == "{}"
    assert {path.stat().st_mode & 0o077 for path in state if path.stat().st_size} == {0}, "locks are empty"
    assert [path for path in state if path.name.startswith("run-") and "gpt-5.4" in path.read_text()]
    assert [path for path in state if backend.key.encode() in path.read_bytes()] == []


def test_the_proxy_ends_with_claude_code_and_needs_its_key(home: Path, backend: Backend) -> None:
    first, second = (told(run(home, environment(home, backend), "--", "tell"))["env"] for _ in range(2))
    assert first["ANTHROPIC_AUTH_TOKEN"] != second["ANTHROPIC_AUTH_TOKEN"]
    port = urlsplit(second["ANTHROPIC_BASE_URL"]).port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port or 0))) != 0


def test_logs_of_old_runs_go(home: Path, backend: Backend) -> None:
    logs = home / ".local/state/claude-code-proxy/logs"
    logs.mkdir(parents=True)
    for number in range(30):
        (logs / f"run-20200101-0000{number:02}-1.log").touch()
    run(home, environment(home, backend), "--", "talk")
    assert len(list(logs.iterdir())) == 20


# -- what Claude Code's own settings say -------------------------------------------------------------------------------


def own_settings(home: Path, **env: str) -> None:
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps({"env": env, "model": "opus"}))


def test_settings_for_another_server_are_overruled_for_this_run_and_left_as_they_are(
    home: Path, backend: Backend
) -> None:
    own = {"ANTHROPIC_BASE_URL": "https://other.example", "ANTHROPIC_API_KEY": "sk-x", "ANTHROPIC_MODEL": "glm-9"}
    own_settings(home, **own, EDITOR="vi")
    before = (home / ".claude" / "settings.json").read_bytes()
    done = run(home, environment(home, backend), "--", "tell", "--settings", '{"theme": "dark", "env": {"A": "b"}}')
    assert "~/.claude/settings.json sets ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY, ANTHROPIC_MODEL" in done.stderr
    option, path, *rest = told(done)["arguments"]
    assert (option, rest) == ("--settings", ["tell"])
    given = told(done)["settings"]
    assert given["theme"] == "dark"
    url = told(done)["env"]["ANTHROPIC_BASE_URL"]
    assert given["env"] == {"A": "b", "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "", "ANTHROPIC_MODEL": ""}
    assert not Path(path).exists()
    assert (home / ".claude" / "settings.json").read_bytes() == before


def test_settings_of_other_things_change_nothing(home: Path, backend: Backend) -> None:
    own_settings(home, EDITOR="vi", ANTHROPIC_MODEL="opus")
    assert told(run(home, environment(home, backend), "--", "tell"))["arguments"] == ["tell"]


# -- the terminal and signals ------------------------------------------------------------------------------------------


def test_claude_code_has_the_terminal(home: Path, backend: Backend) -> None:
    with Terminal("run", "--", "terminal", cwd=home, env=environment(home, backend)) as terminal:
        terminal.expect("True True True")
        terminal.type("a line")
        terminal.expect("heard a line")
        assert terminal.end() == 7


def test_ctrl_c_reaches_claude_code_once_and_ends_nothing_else(home: Path, backend: Backend) -> None:
    with Terminal("run", "--", "wait", cwd=home, env=environment(home, backend)) as terminal:
        terminal.expect("waiting")
        terminal.press("\x03")
        terminal.expect("interrupted")
        terminal.type("still here")
        assert "interrupted" not in terminal.expect("heard still here")
        assert terminal.end() == 7


def test_a_key_pressed_once_too_often_changes_neither_code_nor_screen(home: Path, backend: Backend) -> None:
    with Terminal("run", "--", "quit", cwd=home, env=environment(home, backend)) as terminal:
        terminal.expect("bye")
        for _ in range(30):
            with suppress(OSError):  # it has ended
                terminal.press("\x03")
            time.sleep(0.02)
        assert terminal.end() == 7
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_to_the_launcher_is_passed_on(home: Path, backend: Backend, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy", "run", "--", "wait"],
        env=environment(home, backend),
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("waiting")
    process.send_signal(number)
    assert process.stdout.readline() == "interrupted\n"
    assert process.communicate("go\n", timeout=30)[0] == "heard go\n"
    assert process.returncode == 7


def test_sigterm_ends_both(home: Path, backend: Backend) -> None:
    with Terminal("run", "--", "wait", cwd=home, env=environment(home, backend)) as terminal:
        terminal.expect("waiting ")
        child = int(terminal.expect("\n"))
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + 15
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_stopped_claude_code_stops_the_launcher_and_both_go_on_together(home: Path, backend: Backend) -> None:
    with Terminal("run", "--", "stop", cwd=home, env=environment(home, backend)) as terminal:
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.expect("resumed")
        assert terminal.end() == 7


# -- when it can't be --------------------------------------------------------------------------------------------------


def test_without_claude_code_it_says_how_to_install_it(home: Path, backend: Backend) -> None:
    env = environment(home, backend, PATH="/nowhere")
    done = run(home, env, "--", "talk")
    assert "npm install -g @anthropic-ai/claude-code" in done.stderr
    assert done.returncode == 127
    named = run(home, environment(home, backend), "--claude", "/nowhere/claude")
    assert (named.returncode, "--claude" in named.stderr) == (127, True)


def test_a_backend_that_is_not_there_is_told_and_nothing_is_started(home: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    done = run(home, environment(home, OPENAI_BASE_URL=url, OPENAI_API_KEY="any", MAX_RETRIES="0"), "--", "talk")
    assert "can't be reached: connection refused" in done.stderr
    assert "OPENAI_BASE_URL" in done.stderr
    assert (done.stdout, done.returncode) == ("", 1)


def test_a_wrong_key_is_told_before_anything_is_started(home: Path, backend: Backend) -> None:
    done = run(home, environment(home, backend, OPENAI_API_KEY="sk-wrong-and-secret"), "--", "talk")
    assert "OPENAI_API_KEY" in done.stderr
    assert "rejected" in done.stderr
    assert "sk-wrong" not in done.stderr
    assert (done.stdout, done.returncode) == ("", 1)


def test_a_model_the_backend_does_not_list_is_a_warning_with_near_names(home: Path, backend: Backend) -> None:
    done = run(home, environment(home, backend, SMALL_MODEL="gpt-5.4-nano"), "--", "talk")
    assert "does not list gpt-5.4-nano (SMALL_MODEL); near names it has: gpt-5.4" in done.stderr
    assert done.returncode == 7


def test_wrong_settings_end_with_2(home: Path, backend: Backend) -> None:
    done = run(home, environment(home, backend, LOG_LEVEL="LOUD"), "--", "talk")
    assert "LOG_LEVEL" in done.stderr
    assert done.returncode == 2


# -- profiles and whose files count ------------------------------------------------------------------------------------


def configure(home: Path, backend: Backend, text: str = "") -> None:
    folder = home / ".config" / "claude-code-proxy"
    folder.mkdir(parents=True)
    profile = f"""
        [profiles.local]
        openai_base_url = "{backend.url}"
        key_env = "LOCAL_KEY"
        big_model = "gpt-5.4-mini"
    """
    (folder / "config.toml").write_text(text + profile, encoding="utf-8")


def test_a_profile_goes_before_the_environment_and_sends_no_other_key(home: Path, backend: Backend) -> None:
    configure(home, backend)
    elsewhere = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_API_KEY": "sk-of-another",
        "CUSTOM_HEADER_X_TEAM": "secret",
        "LOCAL_KEY": backend.key,
    }
    done = run(home, environment(home, **elsewhere), "--profile", "local", "--", "talk")
    assert done.stdout == "hello from the model\n"
    sent = backend.chats[-1]
    assert sent.model == "gpt-5.4-mini"
    assert "x-team" not in sent.headers


def test_an_unknown_profile_is_named_with_the_known_ones(home: Path, backend: Backend) -> None:
    configure(home, backend)
    done = run(home, environment(home, LOCAL_KEY="x"), "--profile", "lokal", "--", "talk")
    assert 'CONFIG_PROFILE: got "lokal", takes one of local (did you mean local?)' in done.stderr
    assert done.returncode == 2


def test_a_projects_own_dotenv_does_not_count_once_there_is_a_configuration(home: Path, backend: Backend) -> None:
    table = f'BIG_MODEL = "gpt-5.4"\n[backends.one]\nbase_url = "{backend.url}"\nkey = "{backend.key}"\n'
    configure(home, backend, table)
    dotenv = home.parent / "project" / ".env"
    dotenv.write_text("OPENAI_BASE_URL=http://127.0.0.1:9/v1\nOPENAI_API_KEY=of-the-project\nPORT=abc\n")
    assert run(home, environment(home), "--", "talk").stdout == "hello from the model\n"


def test_before_there_is_a_configuration_dotenv_counts_as_everywhere(home: Path, backend: Backend) -> None:
    dotenv = home.parent / "project" / ".env"
    dotenv.write_text(f"OPENAI_BASE_URL={backend.url}\nOPENAI_API_KEY={backend.key}\nBIG_MODEL=gpt-5.4\n")
    assert run(home, environment(home), "--", "talk").stdout == "hello from the model\n"
