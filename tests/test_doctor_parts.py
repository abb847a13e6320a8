"""The doctor's parts that a whole run shows badly: silence, secrets, odd terminals, names that are nearly right."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.asgi import settings
from tests.backend import Backend, Reply, Stall, Text, answer, error, say
from tests.proxy_process import free_port
from tests.raw_backend import Asked, RawBackend, raw_backend, whole

from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.doctor import backends as backends_module
from claude_code_proxy.doctor import inside as inside_module
from claude_code_proxy.doctor import report, requests
from claude_code_proxy.doctor.backends import tier_models
from claude_code_proxy.doctor.examine import examine
from claude_code_proxy.doctor.inside import inside
from claude_code_proxy.doctor.probes import score_card
from claude_code_proxy.doctor.report import Group, Line, harmless
from claude_code_proxy.doctor.settings import read_settings
from claude_code_proxy.models import near_names
from claude_code_proxy.translate.validate import check_request

GROUP = Group("Group")


def tiers(model: str) -> dict[str, str]:
    return dict.fromkeys(("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL"), model)


async def card(backend: Backend) -> dict[str, Line]:
    config = settings(backend)
    async with inside(config, Learned(None)) as proxy:
        return {line.id: line async for line in score_card(proxy, tier_models(config)[0])}


async def findings(tmp_path: Path, backend: Backend | RawBackend, **env: str) -> dict[str, Line]:
    given = {"OPENAI_BASE_URL": backend.url, "OPENAI_API_KEY": backend.key, "HOME": str(tmp_path), **env}
    read = read_settings(given, tmp_path)
    return {line.id: line async for line in examine(given, tmp_path, read, deep=False)}


async def test_a_silent_backend_costs_one_limit_and_no_further_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_module, "PATIENCE", 0.3)
    with Backend(lambda _: answer(Text("half"), Stall())) as backend:
        lines = await card(backend)
        assert len(backend.chats) == 1
    assert {name: line.status for name, line in lines.items()} == {"probe.stream": "failed", "probe.rest": "warning"}


async def test_a_stream_that_breaks_in_the_middle_is_a_failure_with_a_remedy() -> None:
    with Backend(lambda _: answer(Text("half"), complete=False)) as backend:
        line = (await card(backend))["probe.stream"]
    assert (line.status, bool(line.remedy)) == ("failed", True)


async def test_an_answer_without_counts_is_told() -> None:
    with Backend(lambda _: say("hello", usage=None)) as backend:
        assert (await card(backend))["probe.usage"].status == "warning"


async def test_a_key_a_backend_repeats_is_not_shown(tmp_path: Path) -> None:
    key = "my-own-secret-word"
    with Backend(lambda _: error(429, f"Too many requests for {key}"), key="") as backend:
        backend.key = key
        lines = await findings(tmp_path, backend, MAX_RETRIES="0")
    assert [line.id for line in lines.values() if key in line.text + line.remedy] == []


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        pytest.param(error(402, "Insufficient credits"), "warning", "credits", id="no credit"),
        pytest.param(error(403, "Forbidden"), "failed", "access", id="no access"),
        pytest.param(error(401, "Incorrect API key"), "failed", "key", id="a wrong key"),
        pytest.param(error(404, "The model `x` does not exist", code="model_not_found"), "ok", "model", id="no model"),
    ],
)
async def test_what_a_tiny_call_says_of_the_key(tmp_path: Path, reply: Reply, status: str, words: str) -> None:
    with Backend(lambda _: reply, key="") as backend:
        line = (await findings(tmp_path, backend, MAX_RETRIES="0", OPENAI_API_KEY="sk-any"))["backend.key"]
    assert (line.status, words in line.text) == (status, True)


async def test_a_model_nobody_lists_is_well_when_it_answers(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello")) as backend:
        lines = await findings(tmp_path, backend, **tiers("hidden"))
    assert "does not list it" in lines["model.exists"].text
    assert lines["model.exists"].status == "ok"


async def test_a_model_that_is_not_there_has_near_names(tmp_path: Path) -> None:
    known = {"gpt-5.4": 400_000, "gpt-5.4-mini": 200_000}
    with Backend(lambda _: say("hello"), models=known, any_model=False) as backend:
        line = (await findings(tmp_path, backend, **tiers("openai/gpt-5.4-minni")))["model.exists"]
    assert line.status == "failed"
    assert line.remedy.startswith("Set BIG_MODEL to a model it has, such as gpt-5.4-mini")


async def test_an_unreachable_backend_is_named_with_its_setting(tmp_path: Path) -> None:
    given = {"OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1", "OPENAI_API_KEY": "sk", "MAX_RETRIES": "0"}
    found = [line async for line in examine(given, tmp_path, read_settings(given, tmp_path), deep=True)]
    line = next(line for line in found if line.id == "backend.reachable")
    assert line.status == "failed"
    assert "OPENAI_BASE_URL" in line.remedy
    assert [line.id for line in found if line.id.startswith("probe.")] == []


async def test_an_address_of_web_pages_is_no_backend_that_answers(tmp_path: Path) -> None:
    page = Reply(200, "<!doctype html><title>Chat</title>", {"content-type": "text/html"})
    with Backend(lambda _: page) as backend:
        lines = await findings(tmp_path, backend, OPENAI_BASE_URL=backend.url + "/nothing")
    assert lines["backend.reachable"].status == "failed"
    assert "OPENAI_BASE_URL" in lines["backend.reachable"].remedy
    assert [line.id for line in lines.values() if line.id.startswith("model.") and line.status == "ok"] == []


async def test_an_address_that_lacks_its_v1_is_told_with_the_right_one(tmp_path: Path) -> None:
    async with raw_backend(_nowhere, models={"data": [{"id": "m"}]}) as raw:
        raw.url = raw.url.removesuffix("/v1")
        lines = await findings(tmp_path, raw, MAX_RETRIES="0")
    assert lines["backend.reachable"].status == "failed"
    assert lines["backend.reachable"].remedy.startswith(f"Set OPENAI_BASE_URL to {raw.url}/v1")


async def _nowhere(asked: Asked) -> None:
    asked.send(whole(b"404 page not found", status=404, kind="text/plain"))


async def test_a_backend_that_never_answers_is_not_told_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (inside_module, backends_module):
        monkeypatch.setattr(module, "PATIENCE", 0.3)

    async def hang(_: Asked) -> None:
        await asyncio.Event().wait()

    async with raw_backend(hang, models=lambda: b"") as raw:
        lines = await findings(tmp_path, raw)
    assert lines["backend.reachable"].status == "failed"
    assert lines["backend.reachable"].remedy


def test_lines_are_broken_at_words_on_a_terminal_and_whole_for_programs() -> None:
    line = GROUP.failed("x", "what went wrong " * 8, "what to do " * 8)
    assert "\n" not in report.as_text(line)
    broken = report.as_text(line, 80).split("\n")
    assert max(map(len, broken)) < 80
    assert all(part.startswith("    ") for part in broken[1:])
    assert " ".join(" ".join(broken).split()) == " ".join(report.as_text(line).split())


async def test_a_port_another_program_has_is_told(tmp_path: Path) -> None:
    with Backend() as backend, Backend() as other:
        port = other.root.rpartition(":")[2]
        assert (await findings(tmp_path, backend, PORT=port))["environment.port"].status == "failed"


async def test_an_open_model_list_proves_no_key_and_a_tiny_call_does(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello"), key="") as backend:
        lines = await findings(tmp_path, backend, OPENAI_API_KEY="sk-any", **tiers("gpt-5.4"))
        assert len(backend.chats) == 1
    assert lines["backend.key"].text == "key accepted by a tiny call"


async def test_a_key_that_opens_the_list_costs_no_call(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello")) as backend:
        lines = await findings(tmp_path, backend, **tiers("gpt-5.4"))
        assert backend.chats == []
    assert lines["backend.key"].status == "ok"


async def test_a_small_window_is_worth_a_warning(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello"), models={"tiny": 8192}) as backend:
        lines = await findings(tmp_path, backend, **tiers("tiny"))
    assert lines["model.window"].status == "warning"


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello")) as backend:
        lines = await findings(tmp_path, backend, XDG_STATE_HOME=os.devnull)
    assert lines["memory.file"].status == "warning"


async def test_a_memory_of_a_newer_version_is_left_alone_and_the_remedy_is_no_permission(tmp_path: Path) -> None:
    file = tmp_path / "claude-code-proxy" / "learned.json"
    file.parent.mkdir()
    file.write_text('{"version": 99, "learned": {}}')
    with Backend(lambda _: say("hello")) as backend:
        lines = await findings(tmp_path, backend, XDG_STATE_HOME=str(tmp_path))
    told = lines["memory.file"]
    assert told.status == "warning"
    assert "newer version" in told.text
    assert "Update" in told.remedy
    assert "delete" in told.remedy
    assert "writable" not in told.remedy


async def test_what_was_learned_before_is_shown(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello"), models={"m": 100_000}) as backend:
        file = tmp_path / ".local" / "state" / "claude-code-proxy" / "learned.json"
        Learned(file).add(settings(backend).default_backend, "m", {"max_output": 4096})
        lines = await findings(tmp_path, backend, **tiers("m"))
    assert "4096" in lines["model.output"].text
    assert lines["model.learned"].text == "learned: max_output = 4096"


async def test_switches_are_told_as_settings_and_not_as_learned(tmp_path: Path) -> None:
    with Backend(lambda _: say("hi"), models={"a-model": 100_000}) as backend:
        switches = {"TEXT_TOOL_CALLS": "off", "THINK_TAGS": "off"}
        line = (await findings(tmp_path, backend, **tiers("a-model"), **switches))["model.dialect"]
    assert line.text.endswith(", TEXT_TOOL_CALLS off, THINK_TAGS off")
    assert "learned" not in line.text


async def test_a_backend_no_tier_uses_is_still_visited(tmp_path: Path) -> None:
    with Backend(lambda _: say("hello")) as backend:
        (tmp_path / "claude-code-proxy.toml").write_text(
            '[backends.other]\nbase_url = "http://127.0.0.1:1/v1"\nkey = "local"\n', encoding="utf-8"
        )
        given = {"OPENAI_BASE_URL": backend.url, "OPENAI_API_KEY": backend.key, "HOME": str(tmp_path)}
        lines = [line async for line in examine(given, tmp_path, read_settings(given, tmp_path), deep=False)]
    other = {line.id: line for line in lines if line.group == "Backend other"}
    assert other["backend.reachable"].status == "failed"
    assert "backend other" in other["backend.reachable"].remedy


# -- pure --------------------------------------------------------------------------------------------------------------


REQUESTS = {name: value for name, value in vars(requests).items() if isinstance(value, dict) and "messages" in value}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_tiny_request_is_one_the_messages_api_takes(name: str) -> None:
    assert check_request({"model": "claude-opus", "max_tokens": 1024, **REQUESTS[name]})


def test_the_long_name_is_longer_than_chat_completions_take_and_legal_for_anthropic() -> None:
    assert len(requests.LONG_NAME) == 90


def test_a_foreign_text_is_one_short_line_without_secrets() -> None:
    line = harmless(
        GROUP.failed("id", "key sk-secret\n\x1b[31m" + "x" * 1000, "use sk-secret"), ["sk-secret", "", "any"]
    )
    assert "sk-secret" not in line.text + line.remedy
    assert line.text.isprintable()
    assert len(line.text) < 500


def test_short_keys_are_words_and_stay() -> None:
    assert harmless(GROUP.ok("id", "any local server"), ["any", "local"]).text == "any local server"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param([GROUP.ok("a", ""), GROUP.warning("b", "")], 0, id="warnings fail nothing"),
        pytest.param([GROUP.ok("a", ""), GROUP.failed("b", "", "")], 1, id="a failure"),
        pytest.param([GROUP.failed("b", "", ""), GROUP.failed("settings.problem", "", "")], 2, id="wrong settings win"),
    ],
)
def test_the_exit_code_follows_from_the_worst_line(lines: list[Line], code: int) -> None:
    assert report.exit_code(lines) == code


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("qwen3:8", "qwen3:8b"),
        ("gpt-5.4-minni", "openai/gpt-5.4-mini"),
        ("openai/lama3", "llama3"),
        ("nothing-like-it", ""),
    ],
)
def test_near_names_look_behind_the_makers_name(wanted: str, near: str) -> None:
    known = ["qwen3:8b", "openai/gpt-5.4-mini", "llama3"]
    assert next(iter(near_names(wanted, known)), "") == near
