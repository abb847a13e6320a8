"""The log file of requests: facts only, bounded, shared by processes, and never in a request's way."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.background import Background
from claude_code_proxy.config import Config
from claude_code_proxy.journal.log_file import LogFile, follow_log, log_path, read_log
from claude_code_proxy.keeping import state_trouble
from claude_code_proxy.record import Record
from claude_code_proxy.translate.notes import Note

MEGABYTE = 1024 * 1024


def written(path: Path, *records: Record, most: int = MEGABYTE) -> None:
    file = LogFile(path, most)
    for record in records:
        file.add(record)
    file.close()


def ids(path: Path) -> list[str]:
    return [record.id for record in read_log(path)]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    record = Record(
        id="req_1", model="claude-opus-5", cost=0.5, notes=[Note("tool-limit", "tools", "3")], started=1.0, window=9
    )
    written(log_path(tmp_path / "state"), record)
    assert list(read_log(log_path(tmp_path / "state"))) == [record]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    written(log_path(tmp_path / "new"), Record(id="a"))
    assert log_path(tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_it_never_takes_more_than_it_may_and_the_latest_are_there(tmp_path: Path) -> None:
    path = log_path(tmp_path)
    for n in range(100):
        written(path, Record(id=f"req_{n:03}", error="e" * 500), most=20_000)
    files = list(tmp_path.glob("*.jsonl"))
    assert sum(file.stat().st_size for file in files) <= 20_000 + 1000
    assert ids(path)[-1] == "req_099"
    assert ids(path) == sorted(ids(path))
    assert 10 < len(ids(path)) < 50


def test_a_line_that_is_none_is_passed_over(tmp_path: Path) -> None:
    path = log_path(tmp_path)
    written(path, Record(id="a"))
    with path.open("ab") as file:
        file.write(b'\xff\xfe\n{"id": 5}\n[]\n{"id":"b","new_field":[1]}\n{"id":"half')
    assert ids(path) == ["a", "b"]


def test_long_texts_of_others_are_cut(tmp_path: Path) -> None:
    path = log_path(tmp_path)
    notes = [Note("tool-limit", "p" * 5000, "d" * 5000)] * 500
    written(path, Record(id="a", error="e" * 1_000_000, model="m" * 9999, notes=notes))
    assert path.stat().st_size < 200_000


def test_processes_that_share_it_lose_nothing(tmp_path: Path) -> None:
    path = log_path(tmp_path)
    threads = [
        threading.Thread(target=written, args=(path, *(Record(id=f"{worker}-{n}") for n in range(50))))
        for worker in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids(path))) == 200


WORDS = st.sampled_from(["", "claude-opus-5", "größer", "x" * 1000, "x" * 1001, "é" * 1500, "\x00", "cut \ud83d"])
NOTES = st.builds(Note, st.sampled_from(["tool-limit", "tool-renamed"]), WORDS, WORDS)


def kept_of(record: Record) -> Record:
    """Return what is kept of a record, by its documentation."""
    notes = [Note(code, path[:1000], detail[:1000]) for code, path, detail in record.notes[:50]]
    texts = {name: getattr(record, name)[:1000] for name in ("model", "session", "error")}
    kept = msgspec.structs.replace(record, notes=notes, **texts)
    if all("\ud83d" not in text for text in [*texts.values(), *(part for note in notes for part in note)]):
        return kept
    whole = {name: text.replace("\ud83d", "?") for name, text in texts.items()}
    return msgspec.structs.replace(kept, notes=[], **whole)


@given(st.builds(Record, id=st.just("a"), model=WORDS, session=WORDS, error=WORDS, notes=st.lists(NOTES, max_size=60)))
def test_every_record_is_kept_as_long_as_it_may_be(record: Record) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written(log_path(Path(folder)), record)
        assert list(read_log(log_path(Path(folder)))) == [kept_of(record)]


def test_following_begins_now_and_goes_over_a_turn_of_the_file(tmp_path: Path) -> None:
    path = log_path(tmp_path)
    written(path, Record(id="old"))
    fresh = follow_log(path)
    written(path, Record(id="new", error="e" * 900), most=100)
    written(path, Record(id="newer"))
    assert [next(fresh).id, next(fresh).id] == ["new", "newer"]


def test_following_takes_a_file_that_is_shorter_for_a_new_one(tmp_path: Path) -> None:
    path = log_path(tmp_path)
    written(path, Record(id="old", error="e" * 900))
    fresh = follow_log(path)
    path.write_text('{"id": "new"}\n')  # the same inode: a file system gives a number again
    assert next(fresh).id == "new"


def test_following_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    fresh = follow_log(log_path(tmp_path))
    written(log_path(tmp_path), Record(id="first"))
    assert next(fresh).id == "first"


def test_a_place_that_takes_nothing_is_one_line_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with structlog.testing.capture_logs() as logs:
        file = LogFile(log_path(tmp_path / "state"), MEGABYTE)
        file.add(Record(id="a"))
        file.close()
    (line,) = logs
    assert "log file can't be written" in line["event"]
    assert str(tmp_path) not in line["event"]


def test_a_state_directory_that_takes_nothing_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = Config(backends={})
    assert state_trouble(config, tmp_path / "new") == ""
    assert list((tmp_path / "new").iterdir()) == []
    assert state_trouble(config, tmp_path / "file" / "state") == (
        "The log of requests and usage can't be kept in the state directory: Not a directory. "
        "XDG_STATE_HOME takes another folder."
    )
    assert state_trouble(Config(backends={}, request_log=False, usage_db=False), tmp_path / "file" / "state") == ""


def test_a_writer_that_hangs_holds_up_nobody_and_the_loss_is_told() -> None:
    gate, got = threading.Event(), []

    def write(records: Sequence[Record]) -> None:
        gate.wait()
        got.extend(record.id for record in records)

    keeper = Background("the test", write, most=5)
    with structlog.testing.capture_logs() as logs:
        keeper.add(Record(id="first"))
        while keeper._waiting:
            time.sleep(0.01)
        for n in range(20):
            keeper.add(Record(id=str(n)))
        gate.set()
        keeper.close()
    assert got == ["first", "0", "1", "2", "3", "4"]
    assert "15 requests were not written" in logs[0]["event"]


def test_a_keeper_nobody_used_has_no_thread() -> None:
    before = threading.active_count()
    Background("the test", print).close()
    assert threading.active_count() == before


def test_a_record_with_half_of_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    written(log_path(tmp_path), Record(id="a", model="cut \ud83d"), Record(id="b"))
    assert ids(log_path(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("name", ["request.json", "upstream"])
def test_lines_are_json_objects(tmp_path: Path, name: str) -> None:
    written(log_path(tmp_path), Record(id="a", model=name))
    assert json.loads(log_path(tmp_path).read_text())["model"] == name
    assert msgspec.json.decode(log_path(tmp_path).read_bytes())["id"] == "a"
