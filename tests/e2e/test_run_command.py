"""The real Claude Code, old and new, started by `claude-code-proxy run`, also on the embedded model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest
from tests.backend import Agent, Backend, Call, say
from tests.backend.agents import move
from tests.e2e import installs
from tests.e2e.claude import QUIET, SETTINGS, Claude
from tests.proxy_process import clean_environment
from tests.terminal import Terminal

from claude_code_proxy.demo.embedded import EmbeddedModel

MODELS = {"gpt-5.4": 128_000, "gpt-5.4-mini": 128_000, "qwen3:8b": 40_000}
TIERS = {"BIG_MODEL": "gpt-5.4", "MIDDLE_MODEL": "gpt-5.4", "SMALL_MODEL": "gpt-5.4-mini"}
# The launcher is to do these by itself; discovery needs calls that are not essential.
LEFT = ("NO_PROXY", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")


def environment(claude: Claude, url: str, key: str, **env: str) -> dict[str, str]:
    quiet = {name: value for name, value in QUIET.items() if name not in LEFT}
    return {**clean_environment(claude.home), **quiet, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": key, **TIERS, **env}


def launched(claude: Claude, env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "claude_code_proxy", "run", "--claude", str(claude.binary), "--", *arguments],
        env=dict(env),
        cwd=claude.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def answered(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout)
    assert result["is_error"] is False, result
    return str(result["result"])


def test_works_with_nothing_set_but_the_backend(claude: Claude) -> None:
    file = claude.folder / "note.txt"
    agent = Agent(move(Call("Write", {"file_path": str(file), "content": "17\n"})), say("Noted."))
    with Backend(agent, models=MODELS) as backend:
        env = environment(claude, backend.url, backend.key, ANTHROPIC_API_KEY="sk-ant-not-for-the-proxy")
        done = launched(
            claude,
            env,
            "-p",
            "Note 17.",
            "--output-format",
            "json",
            "--dangerously-skip-permissions",
            "--model",
            "opus",
        )
    assert answered(done) == "Noted."
    assert file.read_text() == "17\n"
    assert backend.illegal == []
    assert {chat.model for chat in backend.chats} <= {"gpt-5.4", "gpt-5.4-mini"}


def test_settings_that_name_another_server_do_not_win(claude: Claude) -> None:
    elsewhere = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "sk-x", "ANTHROPIC_MODEL": "other"}
    (claude.home / ".claude" / "settings.json").write_text(json.dumps({**SETTINGS, "env": elsewhere}))
    with Backend(lambda _: say("Here."), models=MODELS) as backend:
        env = environment(claude, backend.url, backend.key)
        assert answered(launched(claude, env, "-p", "Where?", "--output-format", "json")) == "Here."
    assert {chat.model for chat in backend.chats} <= {"gpt-5.4", "gpt-5.4-mini"}


def test_a_model_of_the_picker_is_the_model_that_answers(claude: Claude) -> None:
    with Backend(lambda received: say(f"I am {received.model}."), models=MODELS) as backend:
        env = environment(claude, backend.url, backend.key)
        done = launched(claude, env, "-p", "Who?", "--output-format", "json", "--model", "claude-proxy/qwen3:8b")
    assert answered(done) == "I am qwen3:8b."


def test_the_picker_lists_the_backends_models(claude: Claude) -> None:
    """In the terminal, as a person sees it."""
    (claude.home / ".claude.json").write_text(
        json.dumps(
            {
                "hasCompletedOnboarding": True,
                "theme": "dark",
                "projects": {str(claude.folder): {"hasTrustDialogAccepted": True}},
            }
        )
    )
    with Backend(lambda received: say(f"I am {received.model}."), models=MODELS) as backend:
        env = {**environment(claude, backend.url, backend.key), "TERM": "xterm-256color"}
        with Terminal("run", "--claude", str(claude.binary), cwd=claude.folder, env=env) as terminal:
            terminal.expect("gpt-5.4-mini")  # the banner
            terminal.expect("?")  # its prompt
            backend.wait(lambda: any(r.path.endswith("/models") for r in backend.requests), what="the list of models")
            terminal.press("/model\r")
            terminal.expect("qwen3:8b")


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as patch, installs.embedded_model(patch), EmbeddedModel(window=16_384) as running:
        yield running


def test_first_answer_of_a_real_model(claude: Claude, model: EmbeddedModel) -> None:
    tiers = dict.fromkeys(TIERS, model.name)
    env = environment(claude, model.base_url, "none", **tiers)
    brief = ("--bare", "--tools", "", "--system-prompt", "You are a helpful assistant.")
    done = launched(claude, env, *brief, "-p", "What is the capital of France?", "--output-format", "json")
    assert answered(done).strip()
    assert model.name in done.stderr
