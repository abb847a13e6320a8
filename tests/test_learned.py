"""What a backend taught is used from then on: by this process, after a restart, beside other processes, and never wrongly."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.asgi import running, settings
from tests.backend import Backend, Failure, Gate, Received, Reply, Step, Text, answer, say
from tests.messages_api import HELLO, envelope, events
from tests.proxy_process import proxy_for

from claude_code_proxy import endpoint
from claude_code_proxy.backends import learned
from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.state import locked, state_dir

TOOL = {
    "name": "Look",
    "description": "Looks",
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string", "minLength": 3, "pattern": "^/"}},
        "required": ["path"],
    },
}
ASKED: dict[str, Any] = {**HELLO, "model": "local-model", "temperature": 0.16, "tools": [TOOL], "stream": True}


def refusal(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Reply:
    return Reply(status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


def no_max_tokens(body: dict[str, Any]) -> Reply | None:
    told = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    return refusal(told, "max_tokens", "unsupported_parameter") if "max_tokens" in body else None


def no_temperature(body: dict[str, Any]) -> Reply | None:
    told = "Unsupported value: 'temperature' does not support 0.16 with this model. Only the default (1) is supported."
    return refusal(told, "temperature", "unsupported_value") if "temperature" in body else None


def no_stream_options(body: dict[str, Any]) -> Reply | None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]
    return Reply(422, {"detail": detail}) if "stream_options" in body else None


def no_min_length(body: dict[str, Any]) -> Reply | None:
    told = "Invalid schema for function 'Look': 'minLength' is not permitted."
    return refusal(told, "tools[0].function.parameters") if '"minLength"' in json.dumps(body.get("tools")) else None


def no_parallel_flag(body: dict[str, Any]) -> Reply | None:
    return refusal("Unrecognized request argument supplied: store") if "store" in body else None


Check = Callable[[dict[str, Any]], Reply | None]


def picky(*checks: Check) -> Callable[[Received], Step]:
    """A backend that refuses what it does not know, one thing at a time."""

    def play(received: Received) -> Step:
        return next((no for no in (check(received.body) for check in checks) if no), say("understood"))

    return play


def understood(reply: Any) -> bool:
    return "understood" in reply.text and events(reply)[-1]["type"] == "message_stop"


# -- repaired and remembered --------------------------------------------------------------------------------------------

THREES: dict[str, tuple[Check, ...]] = {
    "max_tokens, temperature, a schema keyword": (no_max_tokens, no_temperature, no_min_length),
    "stream_options, temperature, max_tokens": (no_stream_options, no_temperature, no_max_tokens),
    "a schema keyword, stream_options, max_tokens": (no_min_length, no_stream_options, no_max_tokens),
}


@pytest.mark.parametrize("checks", THREES.values(), ids=THREES)
async def test_three_refusals_are_repaired_in_one_request_and_the_next_is_right_at_once(
    backend: Backend, tmp_path: Path, checks: tuple[Check, ...]
) -> None:
    backend.play(picky(*checks))
    async with running(backend, learned=tmp_path / "learned.json", MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
        assert len(backend.chats) == 4
        assert understood(await app.post(ASKED))
        assert len(backend.chats) == 5
    assert backend.illegal == []


async def test_a_restart_remembers(backend: Backend, tmp_path: Path) -> None:
    backend.play(picky(no_max_tokens, no_temperature, no_min_length))
    for asked in (4, 5):
        async with running(backend, learned=tmp_path / "learned.json", MAX_RETRIES="0") as app:
            assert understood(await app.post(ASKED))
        assert len(backend.chats) == asked


def test_a_restarted_process_remembers_in_the_users_state_directory(backend: Backend, tmp_path: Path) -> None:
    backend.play(picky(no_max_tokens, no_temperature, no_min_length))
    for asked in ((4, 5), (6, 7)):  # three repairs once; nothing is refused after that, or after the restart
        with proxy_for(backend, XDG_STATE_HOME=str(tmp_path)) as proxy:
            for number in asked:
                assert httpx2.post(f"{proxy.url}/v1/messages", json=ASKED, trust_env=False).status_code == 200
                assert len(backend.chats) == number
    kept = tmp_path / "claude-code-proxy" / "learned.json"
    assert set(json.loads(kept.read_text())) == {"version", "learned"}
    assert kept.read_text().count("\n") > 5, "a person can read it"
    assert kept.stat().st_mode & 0o077 == 0
    assert [path.name for path in kept.parent.iterdir() if path.name.startswith(".")] == []


async def test_a_fourth_repair_is_left_to_the_next_request(backend: Backend) -> None:
    backend.play(picky(no_stream_options, no_max_tokens, no_temperature, no_min_length))
    async with running(backend, MAX_RETRIES="0") as app:
        assert envelope(await app.post(ASKED))[0] == 400
        assert len(backend.chats) == 4
        assert understood(await app.post(ASKED))
        assert len(backend.chats) == 6


async def test_the_same_refusal_twice_is_the_end(backend: Backend) -> None:
    backend.play(lambda _: refusal("Unsupported parameter: 'temperature'", "temperature"))
    async with running(backend, MAX_RETRIES="2") as app:
        status, kind, message = envelope(await app.post(ASKED))
    assert (status, kind) == (400, "invalid_request_error")
    assert "temperature" in message
    assert len(backend.chats) == 2


async def test_what_did_not_help_is_not_remembered(backend: Backend) -> None:
    """The words named the wrong cause: the next request is as its client wrote it."""
    backend.play(lambda _: refusal("Unsupported parameter: 'temperature'", "temperature"))
    async with running(backend, MAX_RETRIES="0") as app:
        await app.post(ASKED)
        backend.play([say("understood")])
        assert understood(await app.post(ASKED))
    assert backend.chats[-1].body["temperature"] == 0.16


async def test_what_one_model_refuses_is_sent_to_another(backend: Backend) -> None:
    backend.play(
        lambda received: (no_temperature(received.body) if received.model == "picky" else None) or say("understood")
    )
    async with running(backend, MAX_RETRIES="0") as app:
        for model in ("picky", "easy"):
            assert understood(await app.post({**ASKED, "model": model}))
    assert "temperature" not in backend.chats[1].body
    assert backend.chats[2].body["temperature"] == 0.16


async def test_what_was_learned_is_told(backend: Backend) -> None:
    """In a header, so it must be known before the first word."""
    gate = Gate()
    slowly = answer(Text("under"), gate, Text("stood"))
    backend.play(lambda received: no_temperature(received.body) or slowly)
    async with running(backend, MAX_RETRIES="0") as app:
        talk = app.start(ASKED)
        await talk.until(b"under")
        assert "backend-learned" in talk.headers.get("x-proxy-notes", "")
        gate.open()
        await talk.reply()
        assert any("learned" in line and "temperature" in line for line in app.lines())


# -- never wrongly ------------------------------------------------------------------------------------------------------

HOPELESS: dict[str, Step] = {
    "no tools": refusal("This model does not support tools.", "tools", "unsupported_parameter"),
    "no tool use": refusal("No endpoints found that support tool use.", status=404),
    "no messages": refusal("Unsupported parameter: 'messages'", "messages"),
    "no model": refusal("The model `local-model` does not exist", "model", "model_not_found", 404),
    "a message too long": refusal("'messages[0].content' is too long", "messages[0].content"),
    "nonsense": refusal("computer says no"),
    "nothing": Reply(400, b""),
    "an unauthorized temperature": refusal("Unsupported parameter: 'temperature'", "temperature", status=401),
    "a temperature too many": refusal("Unsupported parameter: 'temperature'", "temperature", status=402),
}


@pytest.mark.parametrize("step", HOPELESS.values(), ids=HOPELESS)
async def test_what_a_person_said_is_never_dropped_to_get_an_answer(backend: Backend, step: Step) -> None:
    backend.play(lambda _: step)
    async with running(backend, MAX_RETRIES="0") as app:
        reply = await app.post(ASKED)
        assert reply.status_code >= 400
    assert len(backend.chats) == 1


async def test_every_try_has_all_messages_and_tools(backend: Backend) -> None:
    backend.play(picky(no_max_tokens, no_temperature, no_min_length))
    async with running(backend, MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
    assert len({json.dumps(asked.messages) for asked in backend.chats}) == 1
    assert all(set(asked.tools) == {"Look"} for asked in backend.chats)
    assert "at least 3" in json.dumps(backend.chats[-1].tools).lower() or "minLength" in json.dumps(
        backend.chats[-1].tools
    )


async def test_nothing_is_repaired_after_the_first_word(backend: Backend) -> None:
    words = "Unsupported parameter: 'temperature' is not supported with this model."
    backend.play([answer(Text("half"), Failure(words, "invalid_request_error"), complete=False), say("never")])
    async with running(backend, MAX_RETRIES="2") as app:
        told = events(await app.post(ASKED))
    assert told[-1]["type"] == "error"
    assert len(backend.chats) == 1


async def test_a_refusal_at_the_start_of_a_stream_is_repaired_too(backend: Backend) -> None:
    body = {"error": {"message": "Unsupported parameter: 'temperature' is not supported.", "code": 400}}
    backend.play([Reply(200, body, {"content-type": "application/json"}), say("understood")])
    async with running(backend, MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
    assert "temperature" not in backend.chats[1].body


# -- the file -----------------------------------------------------------------------------------------------------------


class Somewhere:
    """A backend nobody asks."""

    url, key = "http://127.0.0.1:9/v1", "sk-very-secret"


BACKEND = settings(Somewhere).default_backend

ALIEN: dict[str, bytes] = {
    "empty": b"",
    "half": b'{"version": 1, "learned": {"http',
    "no JSON": b"hello",
    "binary": b"\x00\xff\xfe\x00" * 100,
    "invalid UTF-8": b'{"version": 1, "learned": {"\xff": {}}}',
    "nested too deeply": b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
    "an older version": b'{"version": 0, "learned": {"K": {"drop": ["temperature"]}}}',
    "a version that is none": b'{"version": "new", "learned": {"K": {"drop": ["temperature"]}}}',
    "no version": b'{"learned": {"K": {"drop": ["temperature"]}}}',
    "facts that are a list": b'{"version": 1, "learned": ["K"]}',
    "a model that is a number": b'{"version": 1, "learned": {"K": 5}}',
}


@pytest.mark.parametrize("content", ALIEN.values(), ids=ALIEN)
async def test_a_file_that_is_none_of_ours_is_no_obstacle(backend: Backend, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "learned.json"
    file.write_bytes(content.replace(b"K", f"{backend.url} local-model".encode()))
    backend.play(picky(no_temperature))
    for _ in range(2):
        async with running(backend, learned=file, MAX_RETRIES="0") as app:
            assert understood(await app.post(ASKED))
    assert len(backend.chats) == 3, "it was written anew"


@pytest.mark.parametrize("version", [2, 99])
async def test_what_a_newer_version_wrote_is_read_and_never_written_over(
    backend: Backend, tmp_path: Path, version: int
) -> None:
    file = tmp_path / "learned.json"
    known = {f"{backend.url} local-model": {"drop": ["temperature"], "of_the_future": [1]}}
    written = json.dumps({"version": version, "learned": known, "more": True})
    file.write_text(written)
    backend.play(picky(no_temperature, no_max_tokens, no_min_length))
    async with running(backend, learned=file, MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
        assert "temperature" not in backend.chats[0].body
        assert understood(await app.post({**ASKED, "model": "another"}))
        asked = len(backend.chats)
        assert understood(await app.post(ASKED))
        assert len(backend.chats) == asked + 1, "this process knows it all the same"
    told = [line for line in app.lines() if "newer version" in line]
    assert file.read_text() == written
    assert len(told) == 1


async def test_a_file_that_is_deleted_is_forgotten_by_a_running_process(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "_LOOK_EVERY", 0.0)
    file = tmp_path / "learned.json"
    backend.play(picky(no_temperature))
    async with running(backend, learned=file, MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
    backend.play(lambda _: say("understood"))
    async with running(backend, learned=file, MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
        assert "temperature" not in backend.chats[-1].body
        file.unlink()
        for _ in range(200):  # the file is looked at beside the requests
            if "temperature" in backend.chats[-1].body:
                break
            await asyncio.sleep(0.05)
            assert understood(await app.post(ASKED))
    assert backend.chats[-1].body["temperature"] == 0.16
    assert not file.exists()


async def test_backends_at_two_addresses_share_nothing(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "learned.json"
    backend.play(picky(no_temperature))
    async with running(backend, learned=file, MAX_RETRIES="0") as app:
        assert understood(await app.post(ASKED))
    with Backend() as other:
        other.play(lambda _: say("understood"))
        async with running(other, learned=file, MAX_RETRIES="0") as app:
            assert understood(await app.post(ASKED))
        assert other.chats[0].body["temperature"] == 0.16


def test_what_two_workers_find_refused_is_kept_together(tmp_path: Path) -> None:
    one, two = Learned(tmp_path / "learned.json"), Learned(tmp_path / "learned.json")
    one.add(BACKEND, "m", {"drop": ["temperature"], "max_output": 100})
    two.add(BACKEND, "m", {"drop": ["top_p"]})
    assert Learned(tmp_path / "learned.json").facts(BACKEND, "m") == {
        "drop": ["temperature", "top_p"],
        "max_output": 100,
    }


ALIEN_FACTS: dict[str, Any] = {
    "drop": 5,
    "drop ": ["messages", "tools", "model", "stream"],
    "efforts": "high",
    "max_tokens_field": "banana",
    "max_tokens_field ": ["max_tokens"],
    "tool_choices": {"auto": 1},
    "drop_schema_keywords": None,
    "stream_options": "no",
    "system_role": "emperor",
    "min_output": "many",
    "min_output ": -5,
    "max_output": "many",
    "window": [1],
    "json_schema": 7,
    "inline_refs": {},
    "with_tools": {"banana": 1},
    "with_tools ": {"efforts": 5},
    "name": "banana",
    "extra_body": {"model": "banana"},
    "banana": True,
    "": {},
}


@pytest.mark.parametrize("name", ALIEN_FACTS)
async def test_a_fact_that_is_none_changes_nothing(backend: Backend, tmp_path: Path, name: str) -> None:
    file = tmp_path / "learned.json"
    facts = {name.strip(): ALIEN_FACTS[name]}
    file.write_text(json.dumps({"version": 1, "learned": {f"{backend.url} local-model": facts}}))
    backend.play(lambda _: say("understood"))
    for path in (file, None):
        async with running(backend, learned=path) as app:
            assert understood(await app.post({**ASKED, "thinking": {"type": "enabled", "budget_tokens": 1024}}))
            assert "bug" not in app.lines()
    bodies = [asked.body for asked in backend.chats]
    assert bodies[0] == bodies[1]


async def test_facts_in_the_file_are_used(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "learned.json"
    facts = {"drop": ["temperature"], "max_tokens_field": "max_completion_tokens", "max_output": 50}
    file.write_text(json.dumps({"version": 1, "learned": {f"{backend.url} local-model": facts}}))
    backend.play([say("understood")])
    async with running(backend, learned=file) as app:
        assert understood(await app.post(ASKED))
    sent = backend.chats[0].body
    assert "temperature" not in sent
    assert sent["max_completion_tokens"] == 50


WRITER = """
import sys
from pathlib import Path
from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.endpoint import Backend
backend = Backend(name="default", base_url="http://h/v1")
learned = Learned(Path(sys.argv[1]))
for n in range(25):
    learned.add(backend, f"model-{sys.argv[2]}-{n}", {"drop": ["temperature"]})
    learned.add(backend, "shared", {f"fact-{sys.argv[2]}-{n}": n})
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state" / "learned.json"
    command = [sys.executable, "-c", WRITER, str(file)]
    writers = [subprocess.Popen([*command, str(n)], stdout=subprocess.DEVNULL) for n in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    found = Learned(file).all()
    assert len(found) == 4 * 25 + 1
    assert len(found["http://h/v1 shared"]) == 4 * 25
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_what_one_worker_learns_the_others_know_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "_LOOK_EVERY", 0.0)
    backend = endpoint.Backend(name="default", base_url="http://x/v1", key="k")
    first, second = (Learned(tmp_path / "state" / "learned.json") for _ in range(2))
    assert second.facts(backend, "m") == {}
    first.add(backend, "m", {"stream_only": True})
    assert second.facts(backend, "m") == {"stream_only": True}
    second.add(backend, "other", {"max_output": 5})
    assert first.facts(backend, "other") == {"max_output": 5}
    assert first.facts(backend, "m") == {"stream_only": True}


def test_what_is_not_written_yet_is_known_all_the_same(tmp_path: Path) -> None:
    """The file is read when the first fact has been written to it, and has not the second one."""
    waiting: list[Callable[[], object]] = []
    known = Learned(tmp_path / "learned.json")
    known.later = waiting.append
    known.add(BACKEND, "m", {"window": 512})
    known.add(BACKEND, "m", {"window": 0})
    known.add(BACKEND, "m", {"drop": ["top_k"]})
    while waiting:
        waiting.pop(0)()
        assert known.facts(BACKEND, "m") == {"window": 0, "drop": ["top_k"]}
    assert Learned(tmp_path / "learned.json").facts(BACKEND, "m") == {"window": 0, "drop": ["top_k"]}


async def test_no_stream_waits_for_the_file_or_its_lock(backend: Backend, tmp_path: Path) -> None:
    backend.play(picky(no_max_tokens))
    kept = tmp_path / "learned.json"
    async with running(backend, learned=kept, MAX_RETRIES="0") as app:
        with locked(kept):  # as another worker may hold it
            for _ in range(2):
                assert understood(await app.post(ASKED))
            assert len(backend.chats) == 3
            assert not kept.exists()
    assert "max_completion_tokens" in kept.read_text()


def test_the_newest_entries_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claude_code_proxy.backends.learned._MOST", 3)
    learned = Learned(tmp_path / "learned.json")
    for n in (1, 2, 3, 1, 4):
        learned.add(BACKEND, f"m{n}", {"drop": []})
    assert [key.split()[1] for key in Learned(tmp_path / "learned.json").all()] == ["m3", "m1", "m4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_that_can_not_be_written_is_no_obstacle(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    _learns_all_the_same(Learned(tmp_path / "deep" / "learned.json"))


def test_a_path_that_can_not_be_a_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "learned.json").mkdir()
    _learns_all_the_same(Learned(tmp_path / "file" / "learned.json"))
    _learns_all_the_same(Learned(tmp_path / "learned.json"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_without_a_file_facts_live_as_long_as_the_process() -> None:
    _learns_all_the_same(Learned(None))


def _learns_all_the_same(learned: Learned) -> None:
    learned.add(BACKEND, "m", {"drop": ["temperature"]})
    learned.add(BACKEND, "m", {"min_output": 16})
    assert learned.facts(BACKEND, "m") == {"drop": ["temperature"], "min_output": 16}
    assert learned.facts(BACKEND, "other") == {}


def test_no_key_is_written(tmp_path: Path) -> None:
    learned = Learned(tmp_path / "learned.json")
    learned.add(BACKEND, "m", {"drop": []})
    assert "sk-very-secret" not in (tmp_path / "learned.json").read_text()


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/a"}, "/state/claude-code-proxy"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/a"}, "/home/a/.local/state/claude-code-proxy"),
        ({"HOME": "/home/a"}, "/home/a/.local/state/claude-code-proxy"),
    ],
)
def test_the_place_is_the_one_xdg_names(environ: dict[str, str], place: str) -> None:
    assert state_dir(environ) == Path(place)


def test_a_user_without_a_home_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as users nobody knows."""

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert state_dir({}) is None
