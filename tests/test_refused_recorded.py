"""Requests that the proxy itself refuses, as folders: recorded, replayed, accepted as test cases and given to others."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.asgi import running
from tests.backend import Backend, Stall, Text, answer, error
from tests.test_recording import ASKED, PRIVATE, SECRET, folders

from claude_code_proxy.cli.recordings import replay_folder
from claude_code_proxy.recording.case import read_case
from claude_code_proxy.recording.refused import without_owner
from claude_code_proxy.recording.replay import differences, replay
from claude_code_proxy.recording.report import write_report
from claude_code_proxy.redaction import Redaction
from claude_code_proxy.translate import request as translation

import case_folders  # isort: skip - as the recordings' own tests find it

JSON = json.dumps(ASKED).encode()
DEEP = JSON.replace(b'"stream": true', b'"x": ' + b"[" * 900 + f'"{PRIVATE}"'.encode() + b"]" * 900)
LONG = {**ASKED, "messages": [{"role": "user", "content": f"a {PRIVATE} and more of it. " * 3000}]}
SMALL = {"MODEL_WINDOW": "8192"}
KINDS: dict[str, tuple[Any, dict[str, str], int, str]] = {
    "no-json": (JSON.replace(b'"tools"', b"tools"), {}, 400, "not valid JSON"),
    "cut-off": (JSON[:-40], {}, 400, "not valid JSON"),
    "no-utf-8": (JSON + b'"\xff\xfe"', {}, 400, "not valid JSON"),
    "nested-deeply": (DEEP, {}, 400, "nested deeper"),
    "a-list": ([PRIVATE, SECRET], {}, 400, ""),
    "no-messages": ({**ASKED, "messages": []}, {}, 400, "messages"),
    "a-wrong-type": ({**ASKED, "max_tokens": f"{PRIVATE} many"}, {}, 400, "max_tokens"),
    "no-role": ({**ASKED, "messages": [{"a": PRIVATE, "content": "x"}]}, {}, 400, "role"),
    "an-owner-of-another-type": ({**ASKED, "metadata": {"user_id": [SECRET]}, "messages": 5}, {}, 400, "messages"),
    "a-tool-that-is-not-there": ({**ASKED, "tool_choice": {"type": "tool", "name": "Wrote"}}, {}, 400, "Wrote"),
    "over-the-window": (LONG, SMALL, 400, "prompt is too long"),
    "over-the-window-whole": ({**LONG, "stream": False}, SMALL, 400, "prompt is too long"),
    "over-a-window-told-larger": (LONG, {**SMALL, "CONTEXT_SCALE": "2"}, 400, "prompt is too long"),
    "too-large": ({**ASKED, "system": "x" * 1_100_000}, {"MAX_BODY_MB": "1"}, 413, "MAX_BODY_MB"),
}


async def refused(place: Path, kind: str, **env: str) -> Path:
    """Return the folder that a refusal leaves; no backend was asked."""
    asked, more, status, message = KINDS[kind]
    with Backend([], key=SECRET) as backend:
        async with running(backend, RECORD_DIR=str(place), BIG_MODEL="gpt-5.4", **more, **env) as app:
            reply = await app.post(asked)
        assert not backend.chats
    assert (reply.status_code, message in reply.json()["error"]["message"]) == (status, True), reply.text
    (folder,) = folders(place)
    return folder


@pytest.fixture(scope="module", params=KINDS)
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A kind of refusal, and the folder it left."""
    place = tmp_path_factory.mktemp("refused")
    return request.param, asyncio.run(refused(place / "rec", request.param))


def test_a_refusal_leaves_a_folder_that_shows_it_again(
    known: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    kind, folder = known
    assert not (folder / "upstream.sse").exists()
    case = read_case(folder)
    assert differences(case, replay(case)) == []
    assert replay_folder(folder, trace=True, diff=True, accept_as=None) == 0
    out = capsys.readouterr().out
    assert KINDS[kind][3] in out
    assert ("Nothing of the request was kept" in out) is (kind == "too-large")


def test_its_folder_has_no_key_and_not_who_it_was(known: tuple[str, Path]) -> None:
    _, folder = known
    everything = b"".join(path.read_bytes() for path in folder.rglob("*"))
    for secret in (SECRET, "device-of-alice"):
        assert secret.encode() not in everything
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_a_report_takes_it_with_nothing_private_and_it_still_replays(known: tuple[str, Path], tmp_path: Path) -> None:
    _, folder = known
    bundle = tmp_path / "report.zip"
    write_report(bundle, [folder], records=[], settings=[], redaction=Redaction([SECRET]), prompts=False)
    with zipfile.ZipFile(bundle) as file:
        everything = b"".join(file.read(name) for name in file.namelist())
        file.extractall(tmp_path / "got")
    for private in (SECRET, PRIVATE, "alice", "device-of", "lives in"):
        assert private.encode() not in everything
    case = read_case(tmp_path / "got" / "recordings" / folder.name)
    assert differences(case, replay(case)) == []


async def test_a_report_with_prompts_leaves_them_readable(tmp_path: Path) -> None:
    folder = await refused(tmp_path / "rec", "no-json")
    bundle = tmp_path / "report.zip"
    write_report(bundle, [folder], records=[], settings=[], redaction=Redaction([SECRET]), prompts=True)
    with zipfile.ZipFile(bundle) as file:
        everything = b"".join(file.read(name) for name in file.namelist())
    assert PRIVATE.encode() in everything
    assert SECRET.encode() not in everything


@pytest.mark.parametrize("kind", ["no-json", "no-messages", "over-the-window"])
async def test_an_accepted_refusal_is_a_test_case(tmp_path: Path, kind: str) -> None:
    folder = await refused(tmp_path / "rec", kind)
    target = tmp_path / "refused" / kind
    assert replay_folder(folder, trace=False, diff=False, accept_as=target) == 0
    case = read_case(target)
    assert "recorded" not in case.about
    assert differences(case, replay(case)) == []


@pytest.mark.parametrize("case", case_folders.refused_cases(), ids=lambda case: case.name)
def test_every_case_folder_of_a_refusal_is_refused_as_it_was(case: case_folders.Case) -> None:
    replayed = replay(case)
    assert differences(case, replayed) == []
    assert replayed.verdict == "It is refused as it was."


@pytest.mark.parametrize("kind", ["too-large"])
async def test_a_refusal_of_the_moment_is_no_test_case(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = await refused(tmp_path / "rec", kind)
    assert replay_folder(folder, trace=False, diff=False, accept_as=tmp_path / "refused" / kind) == 2
    assert "is not in the folder" in capsys.readouterr().err
    assert not (tmp_path / "refused").exists()


async def test_what_is_no_longer_refused_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = await refused(tmp_path / "rec", "a-wrong-type")
    asked = {**json.loads((folder / "request.json").read_text()), "max_tokens": 4000}
    (folder / "request.json").write_text(json.dumps(asked))
    assert replay_folder(folder, trace=False, diff=False, accept_as=None) == 1
    assert "It is not refused any more" in capsys.readouterr().out


async def test_what_is_refused_otherwise_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = await refused(tmp_path / "rec", "a-wrong-type")
    asked = {**json.loads((folder / "request.json").read_text()), "max_tokens": 4000, "messages": []}
    (folder / "request.json").write_text(json.dumps(asked))
    assert replay_folder(folder, trace=False, diff=True, accept_as=None) == 1
    out = capsys.readouterr().out
    assert "max_tokens" in out
    assert "It comes out otherwise" in out


async def test_a_request_nobody_had_a_place_for_is_the_moments_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Backend([answer(Text("half"), Stall())], key=SECRET) as backend:
        limits = {"MAX_CONCURRENT_REQUESTS": "1", "QUEUE_LIMIT": "1"}
        async with running(backend, RECORD_DIR=str(tmp_path / "rec"), **limits) as app:
            talks = [app.start({**ASKED, "max_tokens": 4000 + n}) for n in range(2)]
            await talks[0].until(b"half")
            assert (await app.post({**ASKED, "max_tokens": 5000})).status_code == 429
            for talk in talks:
                talk.leave()
                await talk.task
    (folder,) = folders(tmp_path / "rec")
    assert replay_folder(folder, trace=False, diff=False, accept_as=None) == 0
    assert "not for anything of the request" in capsys.readouterr().out


async def test_a_fault_of_the_proxys_own_is_recorded_and_shows_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch.object(translation, "read_wishes", side_effect=KeyError("lost")), Backend([]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec")) as app:
            assert (await app.post(ASKED)).status_code == 500
        (folder,) = folders(tmp_path / "rec")
        assert replay_folder(folder, trace=False, diff=False, accept_as=None) == 0
        assert "KeyError" in capsys.readouterr().out
    assert replay_folder(folder, trace=False, diff=False, accept_as=None) == 1
    assert "It is not refused any more" in capsys.readouterr().out


def test_keys_of_servers_that_a_request_names_are_hidden() -> None:
    servers = [{"type": "url", "url": "https://files.example/mcp", "authorization_token": "tok-7413"}]
    hidden = without_owner({"mcp_servers": servers})["mcp_servers"]
    assert hidden == [{**servers[0], "authorization_token": "hidden"}]


async def test_a_client_without_the_key_leaves_no_folder(tmp_path: Path) -> None:
    with Backend([error(400, "no")]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec"), ANTHROPIC_API_KEY="sesame-open") as app:
            assert (await app.post(ASKED)).status_code == 401
            assert (await app.post(ASKED, path="/v1/nothing", headers={"x-api-key": "sesame-open"})).status_code == 404
    assert folders(tmp_path / "rec") == []
