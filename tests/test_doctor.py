"""`claude-code-proxy doctor` as a person runs it: a real process, its output, its exit code."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.backend import Answer, Backend, Call, Received, Step, Text, Thought, answer, error, say
from tests.proxy_process import clean_environment, free_port, run_command
from tests.strict_openai import problems

SECRET = "sk-backend-very-secret"
MODELS = {"gpt-5.4": 400_000, "gpt-5.4-mini": 200_000}


def command(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program with exactly these settings; its port is free."""
    given = {"PORT": str(free_port()), "OPENAI_API_KEY": SECRET, **env}
    env = {**clean_environment(home), **{name: value for name, value in given.items() if value}}
    return run_command(home, env, *arguments)


def tiers(url: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": url, **dict.fromkeys(("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL"), "gpt-5.4")}


def model(received: Received) -> Step:
    """A capable model: does what each tiny call asks for."""
    body, asked = received.body, received.text()
    if received.results:
        return say("21 degrees")
    if body.get("tools"):
        name = body["tools"][0]["function"]["name"]
        cities = ["Paris", "Rome"] if "Rome" in asked else ["Paris"]
        return answer(Thought("The tool knows."), *(Call(name, {"city": city}) for city in cities))
    known = {
        "image_url": "Red",
        "1 to 9": "1 2 3 4 5 6 7 8 9",
        "maple": "Maple",
        "response_format": '{"city": "Paris"}',
    }
    if "1 to 300" in asked:
        return Answer(tuple(Text("word ") for _ in range(3000)), drip=0.01)
    return say(next((text for mark, text in known.items() if mark in asked), "hello"))


def takes_reasoning(body: dict[str, Any]) -> list[str]:
    return problems(body, message={"reasoning_content"})


def weak(received: Received) -> Step:
    """A backend that refuses much, and a model that calls no tools."""
    body = received.body
    if "stream_options" in body:
        return error(400, "Unrecognized request argument supplied: stream_options")
    if "image_url" in received.text():
        return error(400, "Invalid content: image_url is only supported by vision models")
    return say("I have no tools") if body.get("tools") else model(received)


def report(run: subprocess.CompletedProcess[str]) -> dict[str, list[dict[str, str]]]:
    """Return the findings of a --json run by id."""
    found: dict[str, list[dict[str, str]]] = {}
    data = json.loads(run.stdout)
    assert data["exit_code"] == run.returncode
    for line in data["lines"]:
        found.setdefault(line["id"], []).append(line)
    return found


def statuses(found: dict[str, list[dict[str, str]]], prefix: str) -> dict[str, str]:
    return {name: lines[0]["status"] for name, lines in found.items() if name.startswith(prefix)}


# -- a backend that is well --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.CompletedProcess[str], Backend]]:
    with Backend(model, key=SECRET, models=MODELS, any_model=False, rules=takes_reasoning) as backend:
        yield command(tmp_path_factory.mktemp("good"), "doctor", "--deep", "--json", **tiers(backend.url)), backend


def test_a_capable_model_passes_every_probe(good: tuple[Any, Backend]) -> None:
    run, backend = good
    probes = statuses(report(run), "probe.")
    assert set(probes.values()) == {"ok"}, run.stdout
    assert {name.removeprefix("probe.") for name in probes} == {
        *("stream", "usage", "whole", "tool", "parallel", "forced", "long_name", "image", "stop", "schema", "system"),
        *("reasoning", "replay", "disconnect"),
    }
    assert run.returncode == 0
    assert backend.illegal == []


def test_the_probe_of_a_disconnect_ends_the_backends_request(good: tuple[Any, Backend]) -> None:
    _, backend = good
    last = backend.chats[-1]
    backend.wait(lambda: last.left_at is not None, what="the end of the abandoned request")
    assert not last.finished


def test_a_second_turn_brings_the_reasoning_back(good: tuple[Any, Backend]) -> None:
    _, backend = good
    replayed = [message.get("reasoning_content") for asked in backend.chats for message in asked.messages]
    assert "The tool knows." in replayed


def test_one_model_for_three_tiers_is_examined_once(good: tuple[Any, Backend]) -> None:
    run, backend = good
    assert len(backend.chats) < 20
    assert report(run)["model.exists"][0]["group"].endswith("(BIG_MODEL, MIDDLE_MODEL, SMALL_MODEL)")


def test_window_and_dialect_and_the_key_are_told(good: tuple[Any, Backend]) -> None:
    found = report(good[0])
    assert "400000" in found["model.window"][0]["text"]
    assert "generic" in found["model.dialect"][0]["text"]
    assert statuses(found, "backend.") == {"backend.reachable": "ok", "backend.key": "ok"}


def test_standard_output_is_the_report_and_nothing_else(good: tuple[Any, Backend]) -> None:
    run, _ = good
    assert run.stderr == ""
    assert SECRET not in run.stdout


# -- backends that are not ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.CompletedProcess[str], Path]]:
    home = tmp_path_factory.mktemp("refusing")
    with Backend(weak, key=SECRET, models=MODELS, rules=takes_reasoning) as backend:
        yield command(home, "doctor", "--deep", **tiers(backend.url)), home


def test_a_model_without_tool_calls_fails_and_the_rest_goes_on(refusing: tuple[Any, Path]) -> None:
    run, _ = refusing
    lines = [line.strip() for line in run.stdout.splitlines()]
    assert [line for line in lines if line.startswith("✗ tool call:") and "→" in line]
    assert [line for line in lines if line.startswith("! image:") and "vision" in line]
    assert [line for line in lines if line.startswith("! parallel tool calls:")]
    assert [line for line in lines if line.startswith("✓ disconnect:")]
    assert run.returncode == 1


def test_what_a_refusal_taught_is_shown_and_kept(refusing: tuple[Any, Path]) -> None:
    run, home = refusing
    assert "✓ learned: stream_options = false" in run.stdout
    kept = json.loads((home / ".local/state/claude-code-proxy/learned.json").read_text(encoding="utf-8"))
    assert next(iter(kept["learned"].values()))["stream_options"] is False


def test_every_failure_has_a_remedy(refusing: tuple[Any, Path]) -> None:
    failed = [line for line in refusing[0].stdout.splitlines() if line.lstrip().startswith("✗")]
    assert [line for line in failed if "→" not in line] == []


def test_a_wrong_key_is_named_with_its_setting_and_no_model_is_asked(tmp_path: Path) -> None:
    wrong = "sk-wrong-and-secret"
    with Backend(model, key=SECRET, models=MODELS) as backend:
        run = command(tmp_path, "doctor", "--deep", "--json", **tiers(backend.url), OPENAI_API_KEY=wrong)
    found = report(run)
    assert found["backend.key"][0]["status"] == "failed"
    assert "OPENAI_API_KEY" in found["backend.key"][0]["remedy"]
    assert statuses(found, "probe.") == {}
    assert run.returncode == 1
    assert wrong not in run.stdout


# -- settings and environment ------------------------------------------------------------------------------------------


def test_wrong_settings_end_with_2_before_anything_is_asked(tmp_path: Path) -> None:
    run = command(tmp_path, "doctor", "--json", PORT="abc")
    found = report(run)
    assert "PORT" in found["settings.problem"][0]["text"]
    assert statuses(found, "backend.") == {}
    assert run.returncode == 2


def test_files_and_proxy_variables_and_clients_of_the_environment_are_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PING_INTERVAL=5\n", encoding="utf-8")
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho '2.1.0 (Claude Code)'\n", encoding="utf-8")
    program.chmod(0o755)
    run = command(
        tmp_path,
        "doctor",
        "--json",
        OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1",
        PATH=str(program.parent),
        HTTPS_PROXY="http://user:hidden-word@proxy.example:3128",
        SSL_CERT_FILE="/nowhere/ca.pem",
        ANTHROPIC_BASE_URL="https://api.example",
    )
    found = report(run)
    assert found["environment.dotenv"][0]["text"] == ".env: 1 settings read"
    assert "PING_INTERVAL = 5 (.env)" in [line["text"] for line in found["settings.value"]]
    assert found["environment.claude_code"][0]["text"] == "Claude Code 2.1.0 (Claude Code)"
    assert "NO_PROXY" in found["environment.proxies"][0]["remedy"]
    assert found["environment.certificates"][0]["status"] == "failed"
    assert "ANTHROPIC_BASE_URL=http://localhost:" in found["environment.base_url"][0]["remedy"]
    assert "hidden-word" not in run.stdout


def test_a_terminal_without_the_marks_gets_words(tmp_path: Path) -> None:
    run = command(tmp_path, "doctor", PORT="abc", PYTHONIOENCODING="ascii")
    assert "FAILED PORT" in run.stdout
    assert run.returncode == 2


# -- config ------------------------------------------------------------------------------------------------------------


def test_config_check_shows_sources_and_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PING_INTERVAL=5\n", encoding="utf-8")
    run = command(tmp_path, "config", "check", OPENAI_BASE_URL="http://localhost:1/v1")
    assert "PING_INTERVAL = 5  (.env)" in run.stdout
    assert 'OPENAI_BASE_URL = "http://localhost:1/v1"  (environment)' in run.stdout
    assert "QUEUE_LIMIT = 100  (default)" in run.stdout
    assert SECRET not in run.stdout
    assert run.returncode == 0


@pytest.mark.parametrize("path", ["/v1", "/v1/chat/completions"])
@pytest.mark.parametrize(
    "arguments", [("config", "show"), ("config", "check"), ("doctor",), ("service", "install", "--print"), ("serve",)]
)
def test_a_key_in_a_base_urls_query_is_shown_nowhere(tmp_path: Path, path: str, arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that `serve` ends by itself
        env = {"OPENAI_BASE_URL": f"http://127.0.0.1:9{path}?key=hunter2", "PORT": str(taken.getsockname()[1])}
        run = command(tmp_path, *arguments, **env)
    assert "hunter2" not in run.stdout + run.stderr
    assert run.stdout or run.stderr


def test_a_setting_that_is_refused_is_not_ticked(tmp_path: Path) -> None:
    env = {"OPENAI_BASE_URL": "http://localhost:1/v1", "MIN_TOKENS_LIMIT": "9", "MAX_TOKENS_LIMIT": "5", "PORT": "x"}
    run = command(tmp_path, "doctor", **env)
    assert [line for line in run.stdout.splitlines() if "✓" in line and re.search("(MAX|MIN)_TOKENS|PORT", line)] == []
    assert "✓ OPENAI_BASE_URL" in run.stdout
    assert "✗ MIN_TOKENS_LIMIT: got 9, takes at most MAX_TOKENS_LIMIT, which is 5" in run.stdout


def test_config_check_names_every_problem_and_still_shows_the_rest(tmp_path: Path) -> None:
    run = command(tmp_path, "config", "check", PORT="abc", OPENAI_API_KEY="", LOG_LEVEL="LOUD", PING_INTERVAL="5")
    problems_told = [line for line in run.stdout.splitlines() if line.startswith("  ✗")]
    assert [name for name in ("PORT", "OPENAI_API_KEY", "LOG_LEVEL") if not any(name in p for p in problems_told)] == []
    assert "PORT = wrong  (environment)" in run.stdout
    assert "PING_INTERVAL = 5  (environment)" in run.stdout
    assert run.returncode == 2


def test_config_show_is_readable_by_programs(tmp_path: Path) -> None:
    run = command(tmp_path, "config", "show", "--json", PING_INTERVAL="5")
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(run.stdout)["settings"]}
    assert rows["PING_INTERVAL"] == ("5", "environment")
    assert rows["OPENAI_API_KEY"] == ("a hidden text", "environment")
    assert run.returncode == 0


def test_the_models_that_stand_in_and_the_other_keys_are_looked_at(tmp_path: Path) -> None:
    with Backend(model, key=SECRET, models=MODELS, rules=lambda _: []) as backend:
        chains = {
            **tiers(backend.url),
            "BIG_MODEL": "gpt-5.4, gpt-5.4-mini",
            "OPENAI_API_KEY": f"{SECRET},sk-wrong-one",
        }
        done = command(tmp_path, "doctor", **chains)
        shown = command(tmp_path, "config", "show", **chains)
    assert "gpt-5.4-mini (stands in for BIG_MODEL)" in done.stdout
    assert "sk-wrong-one" not in done.stdout + done.stderr + shown.stdout
    assert 'BIG_MODEL = "gpt-5.4, gpt-5.4-mini"' in shown.stdout
    assert re.search(r"key 2 of (the pool: status 401|OPENAI_API_KEY not checked)", done.stdout)
