"""Exchanges recorded while they run, replayed offline, accepted as test cases and given to others."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests import case_folders
from tests.asgi import running, settings
from tests.backend import Backend, Call, Cut, Failure, Step, Text, Thought, answer, error, say
from tests.messages_api import HELLO
from tests.pdf_files import pdf_base64
from tests.proxy_process import start_proxy
from tests.test_logs_command import run
from tests.test_summary_tags import asking

from claude_code_proxy.cli.recordings import replay_folder, report
from claude_code_proxy.record import Record
from claude_code_proxy.recording.case import KEY, read_case, toml, unsealed
from claude_code_proxy.recording.recorder import Recorder
from claude_code_proxy.recording.replay import accept, differences, replay
from claude_code_proxy.recording.report import write_report
from claude_code_proxy.redaction import Redaction
from claude_code_proxy.translate.notes import Note

SECRET = "sk-proj-abcdefghijklmnop"
PRIVATE = "zebra"
READ = {
    "name": "Read",
    "description": f"Reads a {PRIVATE}",
    "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}, "n": {"type": "integer"}}},
}
ASKED: dict[str, Any] = {
    **HELLO,
    "model": "claude-opus-5",
    "stream": True,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "max_tokens": 4000,
    "system": f"The {PRIVATE} lives in /home/alice/src, key {SECRET}",
    "tools": [READ],
    "metadata": {"user_id": json.dumps({"device_id": "device-of-alice"})},
    "messages": [{"role": "user", "content": f"a {PRIVATE} of alice@example.com"}],
}
KINDS: dict[str, tuple[Step, bool]] = {
    "whole-turn": (
        answer(Thought(f"a {PRIVATE}"), Text(f"my {PRIVATE} é"), Call("Read", {"file_path": f"/{PRIVATE}", "n": 42})),
        True,
    ),
    "not-streamed": (say(f"{PRIVATE} again"), False),
    "refused": (error(400, "unsupported thing"), True),
    "refused-not-streamed": (error(400, "unsupported thing"), False),
    "no-such-model": (error(404, "The model `gpt-5.4` does not exist"), True),
    "no-such-model-not-streamed": (error(404, "The model `gpt-5.4` does not exist"), False),
    "quoted": (
        error(400, f"Invalid value: 'a {PRIVATE} of alice@example.com', the {PRIVATE.upper()[:3]}... {SECRET}"),
        True,
    ),
    "quoted-not-streamed": (error(422, f"[{{'loc': ['body'], 'input': 'the {PRIVATE}'}}]"), False),
    "quoted-inside": (answer(Text(f"my {PRIVATE}"), Failure(f"can't go on after my {PRIVATE} {SECRET}")), True),
    "broken-off": (answer(Text(f"half a {PRIVATE}"), Cut()), True),
    "failed-inside": (answer(Text(f"a {PRIVATE}"), Failure("boom")), True),
}


async def recorded(place: Path, *steps: Step, stream: bool = True, **env: str) -> list[Path]:
    """Return the folders that exchanges leave."""
    with Backend(steps, key=SECRET) as backend:
        async with running(backend, RECORD_DIR=str(place), BIG_MODEL="gpt-5.4", **env) as app:
            for _ in range(len(steps) - int(env.get("MAX_RETRIES", "0"))):
                await app.post({**ASKED, "stream": stream})
    return folders(place)


def folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir()) if place.exists() else []


@pytest.fixture(scope="module", params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an exchange of a kind has left."""
    step, stream = KINDS[request.param]
    place = tmp_path_factory.mktemp("kept") / "rec"
    (folder,) = asyncio.run(recorded(place, step, stream=stream, RECORD="all"))
    return folder


def test_an_exchange_comes_out_of_its_folder_as_it_was(kept: Path) -> None:
    case = read_case(kept)
    assert differences(case, replay(case)) == []


TOLD_CALL = '<tool_call>{"name": "Read", "arguments": {"file_path": "/x"}}</tool_call>'
FULL = answer(Text("cut"), finish="length", usage={"prompt_tokens": 9_000, "completion_tokens": 1_000})
NEW = {"anthropic-version": "2025-09-29", "anthropic-beta": "model-context-window-exceeded-2025-08-26"}
UNDER: dict[str, tuple[dict[str, Any], Step, dict[str, str], dict[str, str]]] = {
    "calls-looked-for": ({}, say(TOLD_CALL), {"TEXT_TOOL_CALLS": "on", "DIALECT": "openai"}, {}),
    "calls-not-looked-for": ({}, say(TOLD_CALL), {"TEXT_TOOL_CALLS": "off", "DIALECT": "generic"}, {}),
    "thoughts-looked-for": ({}, say("<think>so</think>well"), {"THINK_TAGS": "on", "DIALECT": "openai"}, {}),
    "thoughts-not-looked-for": ({}, say("<think>so</think>well"), {"THINK_TAGS": "off", "DIALECT": "generic"}, {}),
    "numbers-stretched": ({}, say("well"), {"MODEL_WINDOW": "100000", "CONTEXT_SCALE": "2"}, {}),
    "a-full-window-told": ({}, FULL, {"MODEL_WINDOW": "10000", "CONTEXT_SCALE": "off"}, NEW),
    "a-full-window-not-told": ({}, FULL, {"MODEL_WINDOW": "10000", "CONTEXT_SCALE": "off"}, {}),
    "a-summary-mended": (asking(), say(f"no tags {TOLD_CALL}"), {"DIALECT": "generic"}, {}),
}


@pytest.mark.parametrize("kind", UNDER)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_exchange_is_replayed_under_the_settings_it_ran_under(tmp_path: Path, kind: str, stream: bool) -> None:
    asked, step, env, headers = UNDER[kind]
    with Backend([step]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec"), RECORD="all", **env) as app:
            reply = await app.post({**ASKED, **asked, "stream": stream}, headers=headers)
    assert reply.status_code == 200
    (folder,) = folders(tmp_path / "rec")
    case = read_case(folder)
    assert differences(case, replay(case)) == []
    accept(case, tmp_path / "accepted" / "case")
    again = read_case(tmp_path / "accepted" / "case")
    assert [line for line in differences(again, replay(again)) if "signature" not in line] == []


def test_a_recording_has_no_key_and_not_who_it_was(kept: Path) -> None:
    everything = b"".join(path.read_bytes() for path in kept.rglob("*"))
    for secret in (SECRET, "device-of-alice"):
        assert secret.encode() not in everything
    assert PRIVATE.encode() in everything
    assert kept.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept.iterdir())


def test_a_report_has_nothing_private_and_still_replays(kept: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "report.zip"
    hide = Redaction([SECRET], "/home/alice")
    write_report(bundle, [kept], records=[], settings=["HOME = /home/alice/x"], redaction=hide, prompts=False)
    with zipfile.ZipFile(bundle) as file:
        everything = b"".join(file.read(name) for name in file.namelist())
        file.extractall(tmp_path / "got")
    for private in (SECRET, PRIVATE, "alice", "device-of", "ZEB..."):
        assert private.encode() not in everything
    case = read_case(tmp_path / "got" / "recordings" / kept.name)
    assert differences(case, replay(case)) == []


async def test_a_report_covers_every_kind_of_value_and_names_nobody_declared(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "enum": ["zebra-one"], "default": "zebra-two", "pattern": "zebra[0-9]+"},
            "n": {"const": 7413, "enum": [7413], "examples": [7413]},
        },
    }
    call = {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "Grep",
        "input": {"pattern": "zebra", "zebrakey": 7413, "n": 74.13},
    }
    talk = {
        **ASKED,
        "tools": [{"name": "Grep", "input_schema": schema}],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
        ],
    }
    with Backend([say("fine")]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec"), RECORD="all") as app:
            await app.post(talk)
    (folder,) = folders(tmp_path / "rec")
    bundle = tmp_path / "report.zip"
    told = Record(id="r1", notes=[Note("schema-simplified", "tools.0.zebrafield", "zebra")])
    write_report(bundle, [folder], records=[told], settings=[], redaction=Redaction([]), prompts=False)
    with zipfile.ZipFile(bundle) as file:
        everything = b"".join(file.read(name) for name in file.namelist()).decode()
        request = json.loads(file.read(f"recordings/{folder.name}/request.json"))
    assert "zebra" not in everything
    assert "74.13" not in everything
    properties = request["tools"][0]["input_schema"]["properties"]
    assert properties["pattern"]["type"] == "string"
    assert properties["n"] == {"const": 1111, "enum": [1111], "examples": [1111]}
    assert request["messages"][1]["content"][0]["input"] == {"pattern": "xxxxx", "xxxxxxxx": 1111, "n": 11.11}


@pytest.mark.parametrize("said", [f"one {PRIVATE} two", f"one HALT two {PRIVATE}", "five STOP-3 six", "\n\nHuman: no"])
async def test_a_covered_answer_stops_where_it_did_and_nowhere_else(tmp_path: Path, said: str) -> None:
    talk = {**ASKED, "thinking": {"type": "disabled"}, "stop_sequences": ["HALT", "STOP-3", "\n\nHuman:"]}
    with Backend([say(said, size=3)]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec"), RECORD="all", DIALECT="openai") as app:
            await app.post(talk)
    (folder,) = folders(tmp_path / "rec")
    bundle = tmp_path / "report.zip"
    write_report(bundle, [folder], records=[], settings=[], redaction=Redaction([]), prompts=False)
    with zipfile.ZipFile(bundle) as file:
        file.extractall(tmp_path / "got")
    covered = read_case(tmp_path / "got" / "recordings" / folder.name)
    texts = [json.dumps(replay(case).sent) for case in (read_case(folder), covered)]
    assert texts[0].count("text_delta") == texts[1].count("text_delta")
    assert ["end_turn" in text for text in texts] == [not any(stop in said for stop in talk["stop_sequences"])] * 2
    assert all(stop not in texts[1] for stop in ("HALT", "STOP", "Human", PRIVATE))


async def test_documents_that_were_read_are_found_again_in_a_report(tmp_path: Path) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": pdf_base64(f"the {PRIVATE} page")}
    talk = {**ASKED, "messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}
    with Backend([say("fine")]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec"), RECORD="all", BIG_MODEL="a-model") as app:
            await app.post(talk)
        assert f"the {PRIVATE} page" in json.dumps(backend.chats[0].body)
    (folder,) = folders(tmp_path / "rec")
    bundle = tmp_path / "report.zip"
    write_report(bundle, [folder], records=[], settings=[], redaction=Redaction([]), prompts=False)
    with zipfile.ZipFile(bundle) as file:
        body = file.read(f"recordings/{folder.name}/upstream-request.json").decode()
        everything = b"".join(file.read(name) for name in file.namelist())
    assert "xxx xxxxx xxxx" in body
    assert PRIVATE.encode() not in everything


async def test_a_report_with_prompts_hides_keys_even_where_a_stream_cuts_them(tmp_path: Path) -> None:
    told = f"it is {SECRET} of {PRIVATE} at /home/alice/x"
    (folder,) = await recorded(tmp_path / "rec", say(told, size=5), RECORD="all")
    bundle = tmp_path / "report.zip"
    write_report(bundle, [folder], records=[], settings=[], redaction=Redaction([SECRET]), prompts=True)
    with zipfile.ZipFile(bundle) as file:
        name = next(name for name in file.namelist() if name.endswith("upstream.sse"))
        chunks = [json.loads(line[6:]) for line in file.read(name).decode().splitlines() if line.startswith("data: {")]
        everything = b"".join(file.read(name) for name in file.namelist())
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    assert said == told.replace(SECRET, "*" * len(SECRET)).replace("alice", "*****")
    assert b"abcdefgh" not in everything


@pytest.mark.parametrize(("setting", "count"), [("failures", 1), ("all", 2)])
async def test_the_setting_says_what_is_recorded(tmp_path: Path, setting: str, count: int) -> None:
    assert len(await recorded(tmp_path / "rec", say("well"), error(400, "no"), RECORD=setting)) == count


async def test_nothing_is_recorded_unless_it_is_asked_for(tmp_path: Path) -> None:
    with Backend([error(400, "no")]) as backend:
        assert settings(backend).record_dir == ""
        async with running(backend, state=tmp_path) as app:
            await app.post(ASKED)
    assert folders(tmp_path) == []
    assert PRIVATE not in (tmp_path / "requests.jsonl").read_text()


async def test_calls_before_the_last_are_kept_too(tmp_path: Path) -> None:
    (folder,) = await recorded(tmp_path / "rec", error(503, "busy"), say("well"), RECORD="all", MAX_RETRIES="1")
    assert "busy" in (folder / "attempt-1" / "upstream.sse").read_text()
    assert "status = 503" in (folder / "attempt-1" / "about.toml").read_text()
    assert "well" in (folder / "upstream.sse").read_text()


async def test_the_pieces_have_their_times(tmp_path: Path) -> None:
    (folder,) = await recorded(tmp_path / "rec", say("well"), RECORD="all")
    times = json.loads((folder / "times.json").read_text())
    assert sum(size for _, size in times) == (folder / "upstream.sse").stat().st_size
    assert [at for at, _ in times] == sorted(at for at, _ in times)


async def test_a_place_that_takes_nothing_is_one_line_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "rec").write_text("a file")
    with Backend([error(400, "no")]) as backend:
        async with running(backend, RECORD_DIR=str(tmp_path / "rec")) as app:
            assert (await app.post(ASKED)).status_code == 400
        assert sum("recording can't be written" in line for line in app.lines()) == 1


def test_exchanges_beyond_the_most_are_not_collected(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Redaction(), everything=True, key=b"")
    begun = [recorder.begin(Record(id=str(n))) for n in range(100)]
    assert 10 < sum(recording is not None for recording in begun) < 100


async def test_an_accepted_recording_is_a_test_case(tmp_path: Path) -> None:
    (folder,) = await recorded(tmp_path / "rec", KINDS["whole-turn"][0], RECORD="all")
    target = tmp_path / "generic" / "tool-call"
    accept(read_case(folder), target)
    case = read_case(target)
    assert {path.name for path in target.iterdir()} == {
        "about.toml",
        "request.json",
        "upstream-request.json",
        "upstream.sse",
        "events.sse",
    }
    assert case.about["shows"]
    assert case.about["shapes"]
    assert case.body() == case.text("upstream-request.json")
    pieces = [case.answer[at : at + 7] for at in range(0, len(case.answer), 7)]
    assert case_folders.opened(case.events(pieces)) == case.text("events.sse")


async def test_the_trace_says_what_was_read_and_what_was_sent_for_it(tmp_path: Path) -> None:
    (folder,) = await recorded(tmp_path / "rec", say("hello"), RECORD="all")
    done = run(tmp_path, "replay", str(folder), "--trace")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    read = next(n for n, line in enumerate(lines) if "> Text(text='hello')" in line)
    assert any('< content_block_delta 0 text_delta "hello"' in line for line in lines[read:])
    assert lines[-1] == "It comes out as recorded."


async def test_what_comes_out_otherwise_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder,) = await recorded(tmp_path / "rec", say("hello"), RECORD="all")
    (folder / "events.sse").write_text((folder / "events.sse").read_text().replace("hello", "goodbye"))
    assert replay_folder(folder, trace=False, diff=True, accept_as=None) == 1
    out = capsys.readouterr().out
    assert '-data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"goodbye"}}' in out
    assert "comes out otherwise" in out


def test_a_folder_without_a_recording_is_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "replay", str(tmp_path))
    assert done.returncode == 2
    assert "has no recorded exchange" in done.stderr
    assert "Traceback" not in done.stderr


BROKEN = {
    "no-toml": {"about.toml": "= broken"},
    "no-model": {"about.toml": "status = 200\n"},
    "other-types": {"about.toml": 'model = 5\nbase_url = 7\nstatus = "x"\n'},
    "other-facts": {"about.toml": 'model = "x"\n[target]\nfoo = 1\n'},
    "no-such-dialect": {"about.toml": 'model = "x"\nbase_url = "http://x"\ndialect = "nobody\'s"\n'},
    "no-such-refusal": {"about.toml": 'model = "x"\n[refused]\nby = "nobody"\n'},
    "nothing-else": {"about.toml": 'model = "x"\nbase_url = "http://x"\n'},
    "no-json": {"about.toml": 'model = "x"\nbase_url = "http://x"\n', "request.json": "[1,"},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_folder_is_a_sentence(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in BROKEN[kind].items():
        (tmp_path / name).write_text(content)
    assert replay_folder(tmp_path, trace=True, diff=True, accept_as=None) == 2
    assert report([str(tmp_path)], to=tmp_path / "r.zip", prompts=False, last=0) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 2)
    assert str(tmp_path) in err
    assert not (tmp_path / "r.zip").exists()


def test_a_report_without_recordings_is_written_too(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": "http://alice:pass-word@127.0.0.1:9/v1"}
    done = run(tmp_path, "report", "-o", "r.zip", **env)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "r.zip") as file:
        everything = b"".join(file.read(name) for name in file.namelist()).decode()
    assert "OPENAI_BASE_URL" in everything
    for private in (SECRET, "pass-word", str(tmp_path)):
        assert private not in everything


def test_a_report_on_nothing_known_is_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "report", "req_nobody", OPENAI_API_KEY=SECRET)
    assert done.returncode == 1
    assert "req_nobody" in done.stderr


def test_about_is_toml_whatever_texts_are_in_it(tmp_path: Path) -> None:
    about = {"model": "m", "a": 'quo"te\n\x00\x7f\ud83d', "n": 1, "f": True, "t": {"x": None, "y": "ü"}}
    (tmp_path / "about.toml").write_text(toml(about), encoding="utf-8")
    assert read_case(tmp_path).about["t"] == {"y": "ü"}


def test_a_foreign_signature_stays_as_it_is() -> None:
    block = {"type": "thinking", "thinking": "x", "signature": "foreign"}
    request = {"messages": [{"role": "assistant", "content": [block]}]}
    assert unsealed(request, KEY) == request


@pytest.mark.parametrize("where", ["taken/deeper", "/proc/nowhere"])
def test_a_place_nothing_can_be_recorded_in_is_told_at_the_start(tmp_path: Path, where: str) -> None:
    (tmp_path / "taken").write_text("a file")
    for arguments, env in ((("record", where), {}), (("serve",), {"RECORD_DIR": where})):
        done = run(tmp_path, *arguments, OPENAI_API_KEY=SECRET, PORT="0", **env)
        assert done.returncode == 2
        assert "Nothing can be recorded in " in done.stderr
        assert where in done.stderr
        assert "RECORD_DIR takes" in done.stderr


def test_record_is_serve_that_records(tmp_path: Path) -> None:
    with Backend([error(400, "unsupported thing")], key=SECRET) as backend:
        env = {"OPENAI_BASE_URL": backend.url, "OPENAI_API_KEY": SECRET, "BIG_MODEL": "gpt-5.4", "MAX_RETRIES": "0"}
        with start_proxy(env, arguments=("record", str(tmp_path / "rec"))) as proxy:
            httpx2.post(f"{proxy.url}/v1/messages", json=ASKED, trust_env=False)
            assert "prompts included" in proxy.log()
    (folder,) = folders(tmp_path / "rec")
    done = run(tmp_path, "replay", str(folder))
    assert done.returncode == 0
    assert "unsupported thing" in done.stdout
    assert run(tmp_path, "report", str(folder), OPENAI_API_KEY=SECRET).returncode == 0
    assert (tmp_path / "claude-code-proxy-report.zip").stat().st_mode & 0o777 == 0o600
