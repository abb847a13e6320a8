"""The first minute, on a real pseudo-terminal: `claude-code-proxy` with nothing configured, and `setup`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.backend import Backend, Call, Received, Step, answer, error, say
from tests.messages_api import HELLO
from tests.proxy_process import clean_environment, free_port, run_command
from tests.terminal import Terminal

from claude_code_proxy.wizard.file import write

MODELS = {
    "openai/gpt-5.4": 400_000,
    "openai/gpt-5.3": 400_000,
    "openai/gpt-5.4-mini": 200_000,
    "openai/gpt-5.4-nano": 100_000,
    "qwen/qwen3-coder": 262_144,
    "openai/text-embedding-3": 8192,
    **{f"vendor/model-{number:02}": 32_768 for number in range(30)},
}
KEY = "sk-or-very-secret"


def model(received: Received) -> Step:
    """Calls the tool it is offered."""
    tools = received.body.get("tools")
    return answer(Call(tools[0]["function"]["name"], {"city": "Paris"})) if tools else say("hello")


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(model, key=KEY, models=MODELS, any_model=False) as running:
        yield running


def environment(home: Path, backend: Backend | None = None, **env: str) -> dict[str, str]:
    found = {"OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": backend.url} if backend else {}
    given = {**clean_environment(home), "PORT": str(free_port()), **found, **env}
    return {name: value for name, value in given.items() if value}


def command(home: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(home, env, *arguments)


def config_file(home: Path) -> Path:
    return home / ".config" / "claude-code-proxy" / "config.toml"


def written(home: Path) -> dict[str, Any]:
    return tomllib.loads(config_file(home).read_text(encoding="utf-8"))


# -- with questions ----------------------------------------------------------------------------------------------------


def test_enter_all_the_way_gives_a_configuration_that_works(tmp_path: Path, backend: Backend) -> None:
    env = environment(tmp_path, backend)
    with Terminal(cwd=tmp_path, env=env) as terminal:
        terminal.expect("Nothing is configured yet.")
        assert "key in OPENROUTER_API_KEY" in terminal.expect("> ")
        terminal.type("")
        assert "400k" in terminal.expect("> ")
        terminal.type("")
        terminal.expect("> ")
        terminal.type("")
        terminal.expect("> ")
        terminal.type("")
        terminal.expect("openai/gpt-5.4 answers in")
        terminal.expect("calls tools")
        terminal.expect("Written to ")
        terminal.expect("> ")
        terminal.type("2")
        assert "is not a setting" not in terminal.expect("claude-code-proxy on http://localhost:")
        terminal.press("\x03")
        terminal.end()
    config = written(tmp_path)
    assert config["default_backend"] == "openrouter"
    assert config["backends"]["openrouter"] == {"base_url": backend.url, "key_env": "OPENROUTER_API_KEY"}
    tiers = [config[f"{tier}_model"] for tier in ("big", "middle", "small")]
    assert tiers == ["openai/gpt-5.4", "openai/gpt-5.4-mini", "openai/gpt-5.4-nano"]
    assert config_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert KEY not in config_file(tmp_path).read_text()


def test_letters_shorten_the_list_and_a_number_chooses(tmp_path: Path, backend: Backend) -> None:
    with Terminal("setup", cwd=tmp_path, env=environment(tmp_path, backend)) as terminal:
        terminal.expect("> ")
        terminal.type("openr")
        shown = terminal.expect("> ")
        assert "and 26 more: type some letters" in shown
        assert "embedding" not in shown
        terminal.type("QWEN coder")  # one has it
        terminal.expect("> ")
        terminal.type("model-1")
        assert "1  vendor/model-10" in terminal.expect("> ")
        terminal.type("3")
        terminal.expect("> ")
        terminal.type("openai/gpt-5.3")
        terminal.expect("qwen/qwen3-coder answers")
        terminal.expect("Written to ")
        terminal.expect("> ")
        terminal.type("3")
        assert terminal.end() == 0
    config = written(tmp_path)
    tiers = [config[f"{tier}_model"] for tier in ("big", "middle", "small")]
    assert tiers == ["qwen/qwen3-coder", "vendor/model-12", "openai/gpt-5.3"]


def test_another_backend_is_typed_as_a_url_and_its_key_is_not_shown(tmp_path: Path) -> None:
    with (
        Backend(model, key=KEY, models={"local-model": 32_768}) as backend,
        Terminal("setup", cwd=tmp_path, env=environment(tmp_path)) as terminal,
    ):
        terminal.expect("> ")
        terminal.type(backend.url.removesuffix("/v1") + "/v1/chat/completions")
        terminal.expect("(not shown; Enter for none): ")
        terminal.type(KEY)
        for _ in range(3):
            terminal.expect("> ")
            terminal.type("")
        terminal.expect("calls tools")
        terminal.expect("Start")
        terminal.expect("> ")
        terminal.type("3")
        assert terminal.end() == 0
        assert KEY not in terminal.text
    config = written(tmp_path)
    assert config["backends"]["local"] == {"base_url": backend.url, "key": KEY}
    assert config["big_model"] == config["small_model"] == "local-model"


def test_a_wrong_base_url_is_told_and_nothing_is_written(tmp_path: Path, backend: Backend) -> None:
    env = environment(tmp_path, OPENROUTER_API_KEY=KEY, OPENROUTER_BASE_URL=f"{backend.root}/other")
    with Terminal("setup", cwd=tmp_path, env=env) as terminal:
        terminal.expect("> ")
        terminal.type("")
        terminal.expect("Check the URL")
        terminal.expect("[y/N] ")
        terminal.press("\x03")
        assert terminal.end() == 130
    assert not config_file(tmp_path).exists()


def test_a_wrong_key_is_told_and_another_backend_may_be_chosen(tmp_path: Path, backend: Backend) -> None:
    env = environment(tmp_path, backend, OPENROUTER_API_KEY="sk-wrong-one")
    with Terminal("setup", cwd=tmp_path, env=env) as terminal:
        terminal.expect("> ")
        terminal.type("")
        terminal.expect("refuses the key (status 401)")
        assert "OpenRouter" in terminal.expect("> ")


@pytest.mark.parametrize("moment", [1, 2, 4], ids=["backend", "model", "last model"])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, backend: Backend, moment: int) -> None:
    with Terminal("setup", cwd=tmp_path, env=environment(tmp_path, backend)) as terminal:
        for number in range(moment):
            terminal.expect("> ")
            if number < moment - 1:
                terminal.type("")
        terminal.press("\x03")
        terminal.expect("Nothing was written.")
        assert terminal.end() == 130
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("command", [(), ("run", "--claude", "/bin/true")], ids=["bare", "run"])
def test_ctrl_c_in_the_first_questions_ends_with_130_whatever_was_started(
    tmp_path: Path, backend: Backend, command: tuple[str, ...]
) -> None:
    with Terminal(*command, cwd=tmp_path, env=environment(tmp_path, backend)) as terminal:
        terminal.expect("> ")
        terminal.press("\x03")
        terminal.expect("Nothing was written.")
        assert terminal.end() == 130


def test_the_end_of_input_is_an_answer_too(tmp_path: Path, backend: Backend) -> None:
    with Terminal("setup", cwd=tmp_path, env=environment(tmp_path, backend)) as terminal:
        terminal.expect("> ")
        terminal.press("\x04")
        terminal.expect("Nothing was written.")
        assert terminal.end() == 130


def test_a_model_that_fails_is_told_and_may_be_changed(tmp_path: Path, backend: Backend) -> None:
    backend.play(lambda got: error(403, "no access to this model") if got.model.endswith("nano") else model(got))
    with Terminal("setup", cwd=tmp_path, env=environment(tmp_path, backend)) as terminal:
        for _ in range(4):
            terminal.expect("> ")
            terminal.type("")
        terminal.expect("openai/gpt-5.4-nano: ")
        terminal.expect("Keep this choice all the same? [y/N] ")
        terminal.type("y")
        terminal.expect("Written to ")
        terminal.expect("> ")
        terminal.type("3")
        assert terminal.end() == 0


def test_no_colours_and_no_cursor_movements(tmp_path: Path, backend: Backend) -> None:
    with Terminal("setup", cwd=tmp_path, env=environment(tmp_path, backend, TERM="dumb", NO_COLOR="1")) as terminal:
        terminal.expect("> ")
        terminal.type("")
        terminal.expect("> ")
        assert "\x1b" not in terminal.raw


def test_run_sets_up_first_and_goes_on(tmp_path: Path, backend: Backend) -> None:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho claude runs on $ANTHROPIC_DEFAULT_OPUS_MODEL\n")
    program.chmod(0o755)
    env = environment(tmp_path, backend, PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    with Terminal("run", cwd=tmp_path, env=env) as terminal:
        for _ in range(4):
            terminal.expect("> ")
            terminal.type("")
        terminal.expect("claude runs on openai/gpt-5.4")
        assert terminal.end() == 0


# -- without questions -------------------------------------------------------------------------------------------------


def test_yes_chooses_and_says_what(tmp_path: Path, backend: Backend) -> None:
    done = command(tmp_path, environment(tmp_path, backend), "setup", "--yes")
    assert done.returncode == 0, done.stderr
    assert "OpenRouter: opus openai/gpt-5.4, sonnet openai/gpt-5.4-mini, haiku openai/gpt-5.4-nano" in done.stderr
    assert written(tmp_path)["default_backend"] == "openrouter"


def test_the_check_of_settings_shows_the_backend_that_was_chosen(tmp_path: Path, backend: Backend) -> None:
    env = environment(tmp_path, backend)
    command(tmp_path, env, "setup", "--yes")
    shown = command(tmp_path, env, "config", "check").stdout
    assert f"backend openrouter: {backend.url}, key set" in shown
    assert 'DEFAULT_BACKEND = "openrouter"  ($XDG' in shown or "config.toml)" in shown


def test_yes_without_a_command_sets_up_and_serves(tmp_path: Path, backend: Backend) -> None:
    env = environment(tmp_path, backend)
    process = subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy", "--yes"],
        env=env,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process, process.stderr:
        while "claude-code-proxy on http://" not in (line := process.stderr.readline()):
            assert line, "it ended"
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode == 0


def test_what_was_written_serves_and_the_configured_backend_gets_no_other_key(tmp_path: Path, backend: Backend) -> None:
    import httpx2
    from tests.proxy_process import start_proxy

    env = environment(tmp_path, backend)
    assert command(tmp_path, env, "setup", "--yes").returncode == 0
    other = {"OPENAI_API_KEY": "sk-proj-of-another-program", "CONFIG_FILE": str(config_file(tmp_path))}
    with start_proxy({"OPENROUTER_API_KEY": KEY, **other}) as proxy:
        reply = httpx2.post(f"{proxy.url}/v1/messages", json={**HELLO, "model": "claude-opus-4-5"}, trust_env=False)
    assert reply.status_code == 200, reply.text
    assert {received.headers["authorization"] for received in backend.requests} == {f"Bearer {KEY}"}


def test_a_file_that_is_there_is_kept_beside_the_new_one(tmp_path: Path, backend: Backend) -> None:
    path = config_file(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('big_model = "mine"\n')
    done = command(tmp_path, environment(tmp_path, backend), "setup", "--yes")
    assert done.returncode == 0
    assert "config.toml.bak" in done.stderr
    assert (path.parent / "config.toml.bak").read_text() == 'big_model = "mine"\n'


def test_models_that_do_not_answer_leave_nothing_written(tmp_path: Path, backend: Backend) -> None:
    backend.play(lambda _: error(402, "Insufficient credits"))
    done = command(tmp_path, environment(tmp_path, backend), "setup", "--yes")
    assert done.returncode == 1
    assert "Insufficient credits" in done.stderr
    assert "Nothing was written." in done.stderr
    assert not config_file(tmp_path).exists()


def test_with_nothing_to_be_found_it_says_what_to_do(tmp_path: Path) -> None:
    done = command(tmp_path, environment(tmp_path), "setup", "--yes")
    if done.returncode == 0:
        pytest.skip("a model server runs on this machine")
    assert "OPENROUTER_API_KEY" in done.stderr
    assert "Ollama" in done.stderr


def test_a_script_that_asks_for_questions_is_told_of_yes(tmp_path: Path) -> None:
    done = command(tmp_path, environment(tmp_path), "setup")
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_without_a_terminal_nothing_configured_stays_an_error(tmp_path: Path) -> None:
    done = command(tmp_path, environment(tmp_path))
    assert done.returncode == 2
    assert "OPENAI_API_KEY is not set" in done.stderr


def test_another_file_is_written_where_it_is_wanted(tmp_path: Path, backend: Backend) -> None:
    done = command(tmp_path, environment(tmp_path, backend), "setup", "--yes", "--file", "mine.toml")
    assert done.returncode == 0
    assert "CONFIG_FILE=" in done.stderr
    assert (tmp_path / "mine.toml").stat().st_mode & 0o777 == 0o600


def test_no_file_that_was_kept_is_ever_lost(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine\n")
    for content in ("first\n", "second\n", "third\n"):
        write(path, content)
    assert sorted(one.read_text() for one in tmp_path.iterdir()) == ["first\n", "mine\n", "second\n", "third\n"]


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"OPENROUTER_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"}, "connection refused"),
        ({"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}"}, "the HTTP proxy on the way (HTTPS_PROXY)"),
    ],
)
def test_setup_says_why_a_backend_is_out_of_reach_and_asks_it_the_way_the_proxy_will(
    tmp_path: Path, env: dict[str, str], why: str
) -> None:
    done = command(tmp_path, environment(tmp_path, OPENROUTER_API_KEY=KEY, **env), "setup", "--yes")
    assert done.returncode == 1
    assert f"can't be reached: {why}" in done.stderr
    assert "Nothing was written" in done.stderr
