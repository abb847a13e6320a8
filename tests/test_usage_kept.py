"""Usage kept in a file: never in a request's way, whatever is the matter with the file; and `usage`, which reads it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.asgi import running
from tests.backend import Backend, error, say
from tests.messages_api import HELLO
from tests.test_logs_command import run

from claude_code_proxy.journal import usage as kept
from claude_code_proxy.journal.log_file import usage_path
from claude_code_proxy.journal.usage import COLUMNS, MIGRATIONS, Usage, read_rows, read_usage_by
from claude_code_proxy.record import Record

DAY = 86_400
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 400}, "cost": 0.25}
PRIVATE = "zebra-cloud-7413"


def record(**more: Any) -> Record:
    known: dict[str, Any] = {
        "id": "req_1",
        "started": time.time(),
        "model": "claude-opus-5",
        "backend": "default",
        "upstream_model": "gpt-5.4",
        "session": "s-1",
        "outcome": "ok",
        "status": 200,
        "stream": True,
        "input_tokens": 600,
        "cache_read": 400,
        "output_tokens": 50,
        "cost": 0.25,
        "first_byte": 0.5,
        "duration": 1.5,
    }
    return Record(**{**known, **more})


def written(path: Path, *records: Record, days: int = 90) -> list[str]:
    """Keep records; returns what the log says of it."""
    with structlog.testing.capture_logs() as logs:
        usage = Usage(path, days)
        for one in records:
            usage.add(one)
        usage.close()
    return [entry["event"] for entry in logs]


def files(state: Path) -> list[Path]:
    return list(state.glob("usage*"))


def ids(path: Path) -> list[str]:
    return [row["id"] for row in read_rows(path, since=0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return usage_path(tmp_path / "state")


async def test_a_proxy_keeps_what_its_requests_used_and_nothing_they_said(tmp_path: Path) -> None:
    talk = {**HELLO, "messages": [{"role": "user", "content": PRIVATE}], "system": PRIVATE}
    with Backend([say(PRIVATE, usage=USAGE), error(400, f"no {PRIVATE}")]) as backend:
        async with running(backend, state=tmp_path) as app:
            await app.post(talk, headers={"x-claude-code-session-id": "s-9"})
            await app.post(talk)
    first, second = read_rows(usage_path(tmp_path), since=0)
    assert (first["input_tokens"], first["cache_read"], first["output_tokens"], first["cost"]) == (600, 400, 50, 0.25)
    assert (first["session"], first["backend"], first["upstream_model"]) == ("s-9", "default", "gpt-5.4")
    assert (second["outcome"], second["status"]) == ("failed", 400)
    everything = b"".join(file.read_bytes() for file in files(tmp_path))
    assert PRIVATE.encode() not in everything


async def test_switched_off_there_is_no_file(tmp_path: Path) -> None:
    with Backend([say("x")]) as backend:
        async with running(backend, state=tmp_path, USAGE_DB="off") as app:
            await app.post(HELLO)
    assert files(tmp_path) == []


def test_only_its_owner_may_read_it(path: Path) -> None:
    written(path, record())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_request_told_twice_is_one(path: Path) -> None:
    written(path, record(), record())
    assert ids(path) == ["req_1"]


def test_what_is_too_old_goes(path: Path) -> None:
    written(path, record(id="old", started=time.time() - 11 * DAY), record(id="new"))
    written(path, record(id="newest"), days=10)
    assert ids(path) == ["new", "newest"]


def test_processes_that_share_it_lose_nothing(path: Path) -> None:
    one, two = Usage(path, 90), Usage(path, 90)
    for n in range(100):
        (one if n % 2 else two).add(record(id=f"{n:03}"))
    one.close()
    two.close()
    assert len(ids(path)) == 100


def test_names_of_any_kind_are_kept_short(path: Path) -> None:
    assert (
        written(path, record(model="m" * 100_000, session="cut \ud83d", agent="\x00'); DROP TABLE requests;--")) == []
    )
    (row,) = read_rows(path, since=0)
    assert len(row["model"]) < 1000
    assert row["session"] == "cut ?"


NAMES = st.sampled_from(["", "claude-opus-5", "größer", "x" * 300, "x" * 301, "é" * 500, "\x00", "cut \ud83d"])


@settings(max_examples=20)
@given(st.lists(st.tuples(NAMES, NAMES, NAMES, st.integers(0, 9), st.none() | st.floats(0, 9)), min_size=1))
def test_every_row_has_what_its_record_has(told_of: list[tuple[str, str, str, int, float | None]]) -> None:
    fields = ("model", "session", "stop", "retries", "cost")
    records = [
        record(id=f"{n:03}", started=float(n), **dict(zip(fields, a, strict=True))) for n, a in enumerate(told_of)
    ]
    with tempfile.TemporaryDirectory() as folder:
        written(usage_path(Path(folder)), *records, days=100 * 365)
        rows = list(read_rows(usage_path(Path(folder)), since=0))
    assert all(list(row) == list(COLUMNS) for row in rows)
    for row, one in zip(rows, records, strict=True):
        for name, value in row.items():
            told = getattr(one, name)
            assert value == (told[:300].replace("\ud83d", "?") if isinstance(told, str) else told), name


# -- what may be the matter with the file -------------------------------------------------------------------------------


def test_a_file_that_is_none_is_set_aside_and_a_new_one_begins(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all, not even a small one" * 50)
    (line,) = written(path, record())
    assert "can't be read" in line
    assert str(path.parent) not in line
    assert ids(path) == ["req_1"]
    (aside,) = path.parent.glob("usage-broken-*")
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_damaged_file_is_set_aside(path: Path) -> None:
    written(path, *(record(id=f"{n:04}") for n in range(2000)))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    lines = written(path, record(id="after"))
    assert len(lines) == 1
    assert ids(path) == ["after"]


def test_a_locked_file_gets_what_it_missed_once_it_is_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_BUSY", 0.05)
    monkeypatch.setattr(kept, "_AGAIN", 0.1)
    written(path, record(id="first"))
    usage = Usage(path, 90)
    with structlog.testing.capture_logs() as logs:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            usage.add(record(id="missed"))
            deadline = time.monotonic() + 10
            while not logs and time.monotonic() < deadline:
                time.sleep(0.01)
            other.execute("ROLLBACK")
        await_ids(path, {"first", "missed"})  # no further request was needed
        usage.close()
    assert [entry["event"] for entry in logs] == [
        "usage can't be written: database is locked; requests go on without it, and it is tried again"
    ]


def await_ids(path: Path, wanted: set[str]) -> None:
    deadline = time.monotonic() + 10
    while set(ids(path)) != wanted:
        assert time.monotonic() < deadline, ids(path)
        time.sleep(0.05)


def test_an_end_that_waits_for_a_locked_file_says_so_and_what_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_BUSY", "_LAST"):
        monkeypatch.setattr(kept, name, 0.05)
    written(path, record(id="first"))
    usage = Usage(path, 90)
    with structlog.testing.capture_logs() as logs, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        usage.add(record(id="lost"))
        usage.close()
    told = [entry["event"] for entry in logs]
    assert told[0].startswith("usage can't be written: database is locked")
    assert told[1].startswith("usage of 1 request is still to be written; this takes up to")
    assert told[2] == "usage of 1 request is lost: database is locked"


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    written(path, record())
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    (line,) = written(path, record(id="second"))
    assert "newer version" in line
    assert ids(path) == ["req_1"]


def test_a_place_that_takes_nothing_is_one_line_of_the_log(path: Path) -> None:
    path.parent.write_text("a file")
    (line,) = written(path, record(), record(id="b"))
    assert "usage can't be written" in line
    assert str(path) not in line


def test_a_file_of_the_first_version_gets_every_migration(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(MIGRATIONS[0] + "PRAGMA user_version = 1;")
    assert written(path, record()) == []
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


# -- reading ------------------------------------------------------------------------------------------------------------


def test_sums_are_right(path: Path) -> None:
    written(
        path,
        record(id="a"),
        record(id="b", cost=None, first_byte=1.5, duration=3.5),
        record(id="c", outcome="failed", input_tokens=0, cache_read=0, output_tokens=0, cost=None, first_byte=-1),
        record(id="d", outcome="joined"),
        record(id="e", upstream_model="other", session="s-2"),
    )
    first, second = read_usage_by(path, "model", since=0)
    assert (first.key, first.requests, first.failed) == ("default/gpt-5.4", 3, 1)
    assert (first.input_tokens, first.cache_read, first.output_tokens) == (1200, 800, 100)
    assert (first.cost, first.unpriced) == (0.25, 1)
    assert first.first_token == 1.0
    assert first.rate == pytest.approx(100 / 3)
    assert second.key == "default/other"
    assert [one.key for one in read_usage_by(path, "session", since=0)] == ["s-1", "s-2"]
    assert [one.requests for one in read_usage_by(path, "session", since=0, session="s-2")] == [1]
    assert read_usage_by(path, "session", since=0, session="s_") == []
    assert read_usage_by(path, "day", since=time.time() + 10) == []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home where two requests of today and one of ten days ago were kept."""
    path = usage_path(tmp_path / ".local" / "state" / "claude-code-proxy")
    written(
        path,
        record(id="a"),
        record(id="b", session="s-2", cost=None),
        record(id="c", started=time.time() - 10 * DAY, upstream_model="older"),
    )
    return tmp_path


def test_the_table_has_a_line_a_day_and_a_sum(home: Path) -> None:
    done = run(home, "usage")
    head, first, second, _, last = done.stdout.splitlines()
    assert head.split() == ["day", "requests", "failed", "input", "cached", "output", "cost", "first", "tok/s"]
    assert first.split()[1] == "1"
    assert second.split()[:6] == [time.strftime("%Y-%m-%d"), "2", "0", "1,200", "800", "100"]
    assert "$0.2500 + ?" in second
    assert last.split()[:2] == ["all", "3"]
    assert done.returncode == 0


def test_days_back_are_days_back(home: Path) -> None:
    assert "older" not in run(home, "usage", "--by", "model", "--days", "2").stdout


def test_csv_and_json_are_for_programs(home: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(home, "usage", "--by", "session", "--csv").stdout)))
    assert {row["session"]: row["requests"] for row in rows} == {"s-1": "2", "s-2": "1"}
    assert all(len(value.rpartition(".")[2]) <= 6 for row in rows for value in row.values() if value[:1].isdigit())
    told = json.loads(run(home, "usage", "--by", "model", "--json").stdout)
    assert [row["model"] for row in told] == ["default/older", "default/gpt-5.4"]
    assert len(json.loads(run(home, "usage", "--requests", "--json").stdout)) == 3


def test_without_a_file_usage_says_why(tmp_path: Path) -> None:
    done = run(tmp_path, "usage")
    assert (done.returncode, done.stdout) == (0, "")
    assert "USAGE_DB" in done.stderr
    assert json.loads(run(tmp_path, "usage", "--json").stdout) == []


@pytest.mark.parametrize("form", [(), ("--requests",)])
def test_that_nothing_matches_is_not_told_as_if_nothing_was_kept(home: Path, form: tuple[str, ...]) -> None:
    done = run(home, "usage", "--session", "zz", *form)
    assert (done.returncode, done.stdout) == (0, "")
    assert 'No usage of a session that begins with "zz" is kept from the last 30 days.' in done.stderr
    assert "USAGE_DB" not in done.stderr


@pytest.mark.parametrize("form", [("--by", "model"), ("--requests",)])
def test_without_rows_programs_get_the_empty_form(home: Path, form: tuple[str, ...]) -> None:
    full = run(home, "usage", "--csv", *form).stdout.splitlines()
    assert run(home, "usage", "--session", "zz", "--csv", *form).stdout.splitlines() == full[:1]
    assert json.loads(run(home, "usage", "--session", "zz", "--json", *form).stdout) == []


def test_a_broken_file_is_a_sentence(home: Path) -> None:
    usage_path(home / ".local" / "state" / "claude-code-proxy").write_bytes(b"no database" * 500)
    done = run(home, "usage")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "The usage file can't be read: file is not a database. A proxy that serves sets it aside"
    )
    assert "Traceback" not in done.stderr


def test_what_failed_has_no_cost_and_no_first_byte_to_show(tmp_path: Path) -> None:
    nothing = {"input_tokens": 0, "cache_read": 0, "output_tokens": 0, "cost": None, "first_byte": -1.0}
    written(
        usage_path(tmp_path / ".local/state/claude-code-proxy"),
        record(outcome="failed", status=429, session="=cmd()", **nothing),
    )
    assert "?" not in run(tmp_path, "usage").stdout
    each = run(tmp_path, "usage", "--requests").stdout
    assert "status=429" in each
    assert "first_byte" not in each
    rows = list(csv.DictReader(run(tmp_path, "usage", "--requests", "--csv").stdout.splitlines()))
    assert rows[0]["session"] == "'=cmd()"


def test_csv_and_json_at_once_are_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "usage", "--csv", "--json")
    assert done.returncode == 2
    assert "not both" in done.stderr
