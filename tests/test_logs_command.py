"""`logs`, `show` and `statusline` as a person runs them, on what a real proxy has kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Pause, Text, Thought, answer, error, say
from tests.messages_api import HELLO
from tests.proxy_process import ProxyProcess, clean_environment, proxy_for, run_command

from claude_code_proxy.cli.statusline import ours
from claude_code_proxy.journal.log_file import log_path
from claude_code_proxy.record import Record, sentence

SECONDS = 20
SESSION = "3f2a91c4-0000-4000-8000-000000000001"
MODEL = "openai/gpt-5.4"
PRICE = {"prompt": "0.000002", "completion": "0.00001", "input_cache_read": "0.0000002"}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 400}}
PRIVATE = "zebra-cloud-7413"
TALK = {**HELLO, "model": "claude-opus-5", "stream": True, "messages": [{"role": "user", "content": PRIVATE}]}
CODE = {"x-claude-code-session-id": SESSION, "x-client-request-id": "client-77"}


def run(home: Path, *arguments: str, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return run_command(home, {**clean_environment(home), **env}, *arguments, given=given)


def kept(home: Path, count: int) -> None:
    """Wait until so many requests are in the log file."""
    path = log_path(home / ".local" / "state" / "claude-code-proxy")
    deadline = time.monotonic() + SECONDS
    while not (path.exists() and path.read_bytes().count(b"\n") >= count):
        assert time.monotonic() < deadline, f"{path} has not got {count} lines"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def proxy() -> Iterator[ProxyProcess]:
    """A proxy that has answered a main turn and a subagent's, and has met a refusal."""
    script = [
        answer(Thought("let me see"), Pause(0.1), Text(PRIVATE), usage=USAGE, headers={"x-request-id": "upstream-1"}),
        say("sub", usage={**USAGE, "cost": 0.125}),
        error(401, "wrong key"),
    ]
    listed = Backend(script, models={MODEL: 400_000}, prices={MODEL: PRICE})
    with listed as backend, proxy_for(backend, BIG_MODEL=MODEL) as proxy:
        with httpx2.Client(base_url=proxy.url, headers=CODE, trust_env=False) as http:
            first = http.post("/v1/messages", json=TALK)
            assert first.headers["x-proxy-upstream-id"] == "upstream-1"
            http.post("/v1/messages", json={**TALK, "stream": False}, headers={"x-claude-code-agent-id": "agent-5"})
            http.post("/v1/messages", json=TALK)
        kept(Path(proxy.home.name), 3)
        yield proxy


@pytest.mark.parametrize("stream", [True, False])
def test_what_is_noted_when_the_headers_of_a_stream_have_gone_is_told_wherever_notes_are(stream: bool) -> None:
    with Backend([answer(Text("hi"), Pause(0.5), finish="tired")]) as backend, proxy_for(backend) as proxy:
        home = Path(proxy.home.name)
        with httpx2.Client(base_url=proxy.url, trust_env=False) as http:
            asked = http.post("/v1/messages", json={**TALK, "stream": stream})
            kept(home, 1)
            with http.stream("GET", "/ui/feed") as feed:
                live = next(line for line in feed.iter_lines() if line.startswith("data: "))
        assert ("stop-unknown" in asked.headers.get("x-proxy-notes", "")) is not stream
        shown = run(home, "show", asked.headers["request-id"]).stdout
        listed = run(home, "logs").stdout
        assert all("stop-unknown" in told for told in (shown, listed, live, proxy.log()))


@pytest.fixture
def home(proxy: ProxyProcess) -> Path:
    return Path(proxy.home.name)


def records(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(home, "logs", "--json").stdout.splitlines()]


def test_logs_is_one_line_a_request_with_what_matters(home: Path) -> None:
    done = run(home, "logs")
    first, second, third = done.stdout.splitlines()
    for part in ("3f2a91c4 main", "big claude-opus-5 -> default/openai/gpt-5.4", "| ok", "first ", "tok/s"):
        assert part in first
    assert "in 600 cached 400 out 50" in first
    assert "agent agent-5" in second
    assert "| failed | 502 |" in third
    assert done.returncode == 0


def test_the_price_is_the_lists_where_the_backend_says_none(home: Path) -> None:
    costs = [record.get("cost") for record in records(home)]
    assert costs == [pytest.approx(600 * 2e-6 + 400 * 2e-7 + 50 * 1e-5), 0.125, None]


def test_ids_of_client_proxy_and_backend_are_joined(home: Path) -> None:
    first, second, _ = records(home)
    assert (first["client_id"], first["upstream_id"]) == ("client-77", "upstream-1")
    assert first["id"].startswith("req_")
    assert second["upstream_id"].startswith("chatcmpl")
    for name in (first["id"], "upstream-1"):
        assert json.loads(run(home, "show", name, "--json").stdout)["id"] == first["id"]


def test_show_says_all_that_is_known(home: Path) -> None:
    text = run(home, "show", "upstream-1").stdout
    for part in ("client_id", "client-77", "window", "400000", "input_tokens", "600"):
        assert part in text


def test_an_unknown_id_is_a_sentence(home: Path) -> None:
    done = run(home, "show", "nobody")
    assert done.returncode == 1
    assert "nobody" in done.stderr


@pytest.mark.parametrize("wanted", ["", "req_"])
def test_an_id_that_may_be_several_lists_them(home: Path, wanted: str) -> None:
    done = run(home, "show", wanted)
    assert (done.returncode, done.stdout) == (1, "")
    assert f'3 requests have an id that begins with "{wanted}"' in done.stderr
    assert [line.rpartition(" ")[2] for line in done.stderr.splitlines()[1:]] == [one["id"] for one in records(home)]


def test_the_beginning_of_one_id_is_enough(home: Path) -> None:
    first, *_ = records(home)
    assert run(home, "show", first["id"][:-1]).returncode == 0


def test_logs_can_be_narrowed(home: Path) -> None:
    assert len(run(home, "logs", "-n", "1").stdout.splitlines()) == 1
    assert len(run(home, "logs", "--failed").stdout.splitlines()) == 1


def test_that_nothing_matches_is_not_told_as_if_nothing_was_there(home: Path) -> None:
    done = run(home, "logs", "--session", "nobody", "--failed")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == 'No failed request of a session that begins with "nobody" is among the 3 in the log file.\n'


def test_no_content_is_in_the_file(home: Path) -> None:
    assert PRIVATE not in log_path(home / ".local" / "state" / "claude-code-proxy").read_text()


def test_following_prints_what_comes(proxy: ProxyProcess, home: Path) -> None:
    follower = subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy", "logs", "-f", "-n", "1"],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    try:
        follower.stdout.readline()
        httpx2.post(f"{proxy.url}/v1/messages", json={"model": "followed-model"}, trust_env=False)
        assert "failed | 400" in follower.stdout.readline()
    finally:
        follower.terminate()
        follower.communicate(timeout=SECONDS)


def test_without_a_log_file_logs_says_why(tmp_path: Path) -> None:
    for arguments, code in ((("logs",), 0), (("show", "req_1"), 1)):
        done = run(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert "REQUEST_LOG" in done.stderr


def test_switched_off_nothing_is_kept(tmp_path: Path) -> None:
    with Backend([say("x")]) as backend, proxy_for(backend, REQUEST_LOG="off") as proxy:
        httpx2.post(f"{proxy.url}/v1/messages", json=HELLO, trust_env=False)
        proxy.process.terminate()
        proxy.process.wait(SECONDS)
        assert not list(Path(proxy.home.name).rglob("*.jsonl"))


# -- the status line ----------------------------------------------------------------------------------------------------


def status(home: Path, *arguments: str, **env: str) -> list[str]:
    given = {"session_id": SESSION, "cwd": str(home), "workspace": {"project_dir": str(home)}}
    done = run(home, "statusline", *arguments, given=json.dumps(given), **env)
    assert done.returncode == 0
    return done.stdout.splitlines()


def test_the_status_line_says_where_the_session_goes_and_what_it_cost(home: Path) -> None:
    (line,) = status(home)
    for part in ("default/openai/gpt-5.4", "1k of 400k (0 %)", "$0.1268", "tok/s", "1 failed"):
        assert part in line


def test_the_status_line_is_of_the_sessions_own_turns_and_not_of_a_title_asked_beside_them() -> None:
    turn = Record(id="a", session="s", outcome="ok", backend="b", upstream_model="big", tier="big", input_tokens=50_000)
    title = Record(id="b", session="s", outcome="ok", backend="b", upstream_model="little", tier="small")
    assert ours([turn, title], "s").startswith("b/big · 50k")
    assert ours([title], "s").startswith("b/little")


@pytest.mark.parametrize("where", [".claude/settings.json", ".claude/settings.local.json"])
def test_a_persons_own_line_stays_above(tmp_path: Path, where: str) -> None:
    own = f"{sys.executable} -c 'import sys, json; print(json.load(sys.stdin)[\"session_id\"][:4])'"
    (tmp_path / where).parent.mkdir(parents=True)
    (tmp_path / where).write_text(json.dumps({"statusLine": {"type": "command", "command": own}}))
    assert status(tmp_path) == ["3f2a", "proxy: no answer yet"]


def test_our_own_line_is_not_taken_for_a_persons(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    settings = {"statusLine": {"type": "command", "command": "claude-code-proxy statusline"}}
    (tmp_path / ".claude/settings.json").write_text(json.dumps(settings))
    assert status(tmp_path) == ["proxy: no answer yet"]


@pytest.mark.parametrize("own", ["exit 3", "no-such-command-at-all", ""])
def test_a_persons_line_that_fails_costs_only_itself(tmp_path: Path, own: str) -> None:
    assert status(tmp_path, "--own", own) == ["proxy: no answer yet"]


def test_a_given_line_wins(tmp_path: Path) -> None:
    assert status(tmp_path, "--own", "echo mine") == ["mine", "proxy: no answer yet"]


@pytest.mark.parametrize("given", ["", "no json", "[]", '{"session_id": 5, "workspace": "x"}'])
def test_odd_input_is_no_fault(tmp_path: Path, given: str) -> None:
    assert run(tmp_path, "statusline", given=given).stdout == "proxy: no answer yet\n"


# -- the sentence -------------------------------------------------------------------------------------------------------


def test_a_rate_is_said_of_streams_only() -> None:
    record = Record(id="a", stream=True, first_byte=1, duration=3, output_tokens=100)
    assert "50 tok/s" in sentence(record)
    record.stream = False
    assert "tok/s" not in sentence(record)


def test_what_the_proxy_asks_itself_is_in_the_log_too(tmp_path: Path) -> None:
    with Backend([say("hello", usage=USAGE)]) as backend, proxy_for(backend, SMALL_MODEL="gpt-5.4") as proxy:
        assert httpx2.get(f"{proxy.url}/test-connection", trust_env=False).json()["status"] == "success"
        kept(Path(proxy.home.name), 1)
        (line,) = run(Path(proxy.home.name), "logs").stdout.splitlines()
    assert "proxy's own: small gpt-5.4 -> default/gpt-5.4 | ok |" in line
    assert "in 600 cached 400 out 50" in line


@pytest.mark.parametrize(("command", "code"), [("logs -n 50", 0), ("show req_", 1), ("usage --requests", 0)])
def test_a_reader_that_leaves_is_no_failure(home: Path, command: str, code: int) -> None:
    line = f"{sys.executable} -m claude_code_proxy {command} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=home, env=clean_environment(home), capture_output=True, text=True, check=False
    )
    assert done.returncode == code  # `req_` fits several
    assert "BrokenPipe" not in done.stderr
