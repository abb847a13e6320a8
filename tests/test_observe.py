"""What a person sees: one line an exchange, whatever names are in it, and never a key, a prompt or a control character."""

from __future__ import annotations

import errno
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.backend import Backend, Call, Reply, Text, Thought, answer, error, say
from tests.messages_api import HELLO
from tests.proxy_process import proxy_for

from claude_code_proxy.observe import Record, log_exchange, setup
from claude_code_proxy.record import sentence
from claude_code_proxy.translate.notes import Note

FORMS = pytest.mark.parametrize("form", ["text", "json"])
EVIL = "gpt\r\n20:00:00 [info] forged line\x1b[2J\x1b]0;title\x07\x00\x85\u2028\u202e\x9b31m"


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str], record: Record, form: str, level: str = "DEBUG") -> list[str]:
    """Return the lines of the log for an exchange."""
    setup(level, form)
    log_exchange(record)
    text = capsys.readouterr().err
    assert text == "" or text.endswith("\n")
    return text[:-1].split("\n") if text else []


def full(**more: Any) -> Record:
    known: dict[str, Any] = {
        "id": "req_1",
        "model": "claude-opus-5",
        "backend": "default",
        "upstream_model": "gpt-5.4",
        "status": 200,
        "outcome": "ok",
        "first_byte": 0.5,
        "duration": 1.25,
        "retries": 2,
        "input_tokens": 100,
        "cache_read": 40,
        "output_tokens": 7,
        "cost": 0.00123,
        "stop": "end_turn",
    }
    return Record(**{**known, **more})


def test_an_exchange_is_one_line_with_everything_that_matters(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = written(
        capsys, full(notes=[Note("stops-local"), Note("stops-local", "x"), Note("tool-renamed")]), "text", "INFO"
    )
    for part in (
        "claude-opus-5 -> default/gpt-5.4",
        "| ok |",
        "200",
        "first 0.50s",
        "total 1.25s",
        "in 100 cached 40 out 7",
        "cost 0.001230",
        "stop end_turn",
        "retries 2",
        "notes stops-local,tool-renamed",
        "req_1",
    ):
        assert part in line


def test_what_is_not_known_is_not_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = written(capsys, Record(id="req_1", outcome="failed", status=400, error="no such field"), "text")
    assert "->" not in line
    assert not any(word in line for word in ("first", "cost", "stop", "retries", "notes", "in 0"))
    assert "no such field" in line


@pytest.mark.parametrize(
    ("level", "outcome", "lines"),
    [
        ("DEBUG", "ok", 2),
        ("INFO", "ok", 1),
        ("WARNING", "ok", 0),
        ("WARNING", "failed", 1),
        ("WARNING", "cancelled", 0),
        ("ERROR", "failed", 0),
    ],
)
@FORMS
def test_levels_say_how_much(
    capsys: pytest.CaptureFixture[str], form: str, level: str, outcome: str, lines: int
) -> None:
    assert len(written(capsys, full(outcome=outcome, notes=[Note("tool-limit", "tools", "3")]), form, level)) == lines


@pytest.mark.parametrize("field", ["model", "upstream_model", "backend", "error", "stop", "id"])
@FORMS
def test_no_name_forges_a_line_or_moves_a_cursor(capsys: pytest.CaptureFixture[str], form: str, field: str) -> None:
    (line,) = written(capsys, full(**{field: EVIL}), form)
    assert line.isprintable()
    assert "forged line" in line


@FORMS
def test_no_note_forges_a_line(capsys: pytest.CaptureFixture[str], form: str) -> None:
    lines = written(capsys, full(notes=[Note("tool-renamed", EVIL, EVIL)]), form)
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


@FORMS
def test_half_of_a_surrogate_pair_is_no_fault_of_the_log(capsys: pytest.CaptureFixture[str], form: str) -> None:
    (line,) = written(capsys, full(model="cut \ud83d"), form)
    line.encode()


@FORMS
def test_a_long_name_is_cut(capsys: pytest.CaptureFixture[str], form: str) -> None:
    (line,) = written(capsys, full(model="m" * 100_000, upstream_model="u" * 100_000, error="e" * 100_000), form)
    assert len(line) < 5000


def test_json_lines_are_json_with_the_same_facts(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = written(capsys, full(error="it broke", outcome="failed"), "json")
    told = json.loads(line)
    assert (told["level"], told["id"], told["error"]) == ("warning", "req_1", "it broke")
    assert "claude-opus-5" in told["event"]
    assert told["timestamp"].endswith("Z")


RECORDS = st.builds(
    Record,
    id=st.sampled_from(["req_1", "a b", EVIL, "x" * 3000]),
    model=st.sampled_from(["", "claude-opus-5", EVIL, "m" * 500]),
    tier=st.sampled_from(["", "big"]),
    backend=st.sampled_from(["", "default"]),
    upstream_model=st.sampled_from(["", "gpt-5.4", "u" * 500]),
    upstream_id=st.sampled_from(["", "chatcmpl-1", "it's=\n"]),
    session=st.sampled_from(["", "  0123456789"]),
    agent=st.sampled_from(["", "0123456789"]),
    own=st.booleans(),
    stream=st.booleans(),
    status=st.sampled_from([0, 200]),
    outcome=st.sampled_from(["", "ok", "failed", "joined"]),
    joined=st.sampled_from(["", "req_0"]),
    first_byte=st.sampled_from([-1.0, 0.0, 0.25]),
    duration=st.sampled_from([-1.0, 0.25, 2.5]),
    input_tokens=st.integers(0, 5),
    cache_read=st.integers(0, 5),
    output_tokens=st.integers(0, 50),
    cost=st.sampled_from([None, 0.0, 0.00123]),
    stop=st.sampled_from(["", "end_turn"]),
    error=st.sampled_from(["", "it broke", EVIL]),
    retries=st.integers(0, 2),
    failed_over=st.sampled_from([[], ["a 503", "b 429"]]),
    notes=st.sampled_from([[], [Note("stops-local"), Note("tool-renamed", EVIL, "x=y")]]),
)


def parts_of(record: Record) -> Iterator[str]:
    """Yield what a line says of an exchange, by its documentation."""
    who = "proxy's own" if record.own else f"agent {record.agent[:8]}" if record.agent else "main"
    who = f"{record.session[:8]} {who}: ".lstrip() if record.session or record.agent or record.own else ""
    asked = (f"{record.tier} " if record.tier else "") + (record.model[:200] or "?")
    yield who + (f"{asked} -> {record.backend}/{record.upstream_model}"[:400] if record.backend else asked)
    together = record.outcome == "joined" and record.joined
    yield f"joined {record.joined}" if together else record.outcome
    yield f"joined {record.joined}" if record.joined and not together else ""
    yield str(record.status or "")
    yield f"first {record.first_byte:.2f}s" if record.first_byte >= 0 else ""
    yield f"total {record.duration:.2f}s" if record.duration >= 0 else ""
    yield f"{record.rate:.0f} tok/s" if record.rate else ""
    counted = record.output_tokens or record.input_tokens
    yield f"in {record.input_tokens} cached {record.cache_read} out {record.output_tokens}" if counted else ""
    yield "" if record.cost is None else f"cost {record.cost:.6f}"
    yield f"stop {record.stop}" if record.stop else ""
    yield "after " + ", ".join(record.failed_over) if record.failed_over else ""
    yield f"retries {record.retries}" if record.retries else ""
    yield "notes " + ",".join(record.codes) if record.notes else ""


@given(RECORDS)
def test_a_line_says_what_is_known_and_nothing_else(record: Record) -> None:
    assert sentence(record) == " | ".join(filter(None, parts_of(record)))


class Terminal(io.StringIO):
    """What the log takes for a person's terminal."""

    def isatty(self) -> bool:
        return True


def by_structlog(record: Record) -> None:
    """Write an exchange with nothing but a logger."""
    log = structlog.get_logger()
    details = {name: getattr(record, name) for name in ("upstream_id", "error") if getattr(record, name)}
    write = log.warning if record.outcome == "failed" else log.info
    write(sentence(record), id=record.id, **details, record=record)
    for note in record.notes:
        log.debug(f"note {note.code}", id=record.id, path=note.path, detail=note.detail)


@pytest.mark.parametrize(("form", "kind"), [("text", io.StringIO), ("text", Terminal), ("json", io.StringIO)])
@given(record=RECORDS, level=st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR"]))
def test_an_exchange_is_written_as_any_line_of_the_log_is(
    form: str, kind: type[io.StringIO], record: Record, level: str
) -> None:
    lines = []
    for write in (log_exchange, by_structlog):
        setup(level, form, file=(file := kind()))
        write(record)
        lines.append(re.sub(r"\d\d:\d\d:\d\d(\.\d+Z)?", "now", file.getvalue()))
    assert lines[0] == lines[1]


class Gone(io.StringIO):
    """A file nobody reads any more."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


class Full(io.StringIO):
    """A file on a disk that is full."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("file", [Gone(), Full()])
@FORMS
def test_a_log_that_nobody_takes_costs_lines_and_nothing_else(form: str, file: io.StringIO) -> None:
    setup("DEBUG", form, file=file)
    log_exchange(full(notes=[Note("stops-local")]))
    structlog.get_logger().warning("something else")


def test_what_looks_on_at_the_log_sees_exchanges() -> None:
    setup("INFO", "text", file=(file := io.StringIO()))
    with structlog.testing.capture_logs() as logs:
        log_exchange(full())
    assert [entry["id"] for entry in logs] == ["req_1"]
    assert file.getvalue() == ""


def failing(prompt: str) -> None:
    """A bug with something private in reach."""
    key = "sk-" + prompt
    raise ValueError(len(key))


@FORMS
def test_a_traceback_shows_where_and_no_values_of_variables(capsys: pytest.CaptureFixture[str], form: str) -> None:
    setup("INFO", form)
    try:
        failing("VERY PRIVATE".lower())
    except ValueError:
        structlog.get_logger().exception("bug", id="req_1")
    text = capsys.readouterr().err
    assert "ValueError: 15" in text
    assert "in failing" in text
    assert "very private" not in text


@FORMS
def test_a_traceback_moves_no_cursor(capsys: pytest.CaptureFixture[str], form: str) -> None:
    setup("INFO", form)
    try:
        raise ValueError("\x1b[2J\x9b31m\x00\r")
    except ValueError:
        structlog.get_logger().exception("bug")
    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))


@FORMS
def test_a_key_in_the_words_of_an_inner_error_is_not_shown(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """The client's own, which nobody configured, and one of the configuration; of a prompt only a few words."""
    configured, foreign = "clients-own-key", "sk-ant-api03-verysecret"
    setup("INFO", form, secrets=[configured])
    try:
        try:
            raise KeyError(f"Bearer {foreign} x-api-key {configured}")
        except KeyError as error:
            raise ValueError(configured + " private" * 50) from error
    except ValueError:
        structlog.get_logger().exception("bug")
    text = capsys.readouterr().err
    assert "KeyError: " in text
    assert "ValueError: " in text
    assert foreign not in text
    assert configured not in text
    assert text.count(" private") < 20


# -- a whole process ----------------------------------------------------------------------------------------------------

PRIVATE = "zebra-cloud-7413"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_log_has_a_key_or_a_prompt_at_the_loudest(form: str) -> None:
    """Every kind of exchange there is, at DEBUG: what people paste into bug reports must be safe to paste."""
    key, client_key = "sk-proj-very-secret-backend-key", "sk-very-secret-client-key"
    tools = [{"name": "Look", "description": PRIVATE, "input_schema": {"type": "object", "properties": {"x": {}}}}]
    said = {**HELLO, "system": PRIVATE, "tools": tools, "messages": [{"role": "user", "content": f"I am {PRIVATE}"}]}
    script = [
        say(PRIVATE),
        answer(Thought(PRIVATE), Text(PRIVATE), Call("Look", {"x": PRIVATE})),
        error(401, f"Incorrect API key provided: {key}.", code="invalid_api_key"),
        error(400, f"bad header: Bearer {key}"),
        Reply(500, f"<html>{key}</html>"),
        error(503, "busy"),
    ]
    with (
        Backend(script, key=key) as backend,
        proxy_for(
            backend,
            LOG_LEVEL="DEBUG",
            LOG_FORMAT=form,
            ANTHROPIC_API_KEY=client_key,
            HOST="127.0.0.1",
            CUSTOM_HEADER_X_SECRET="very-secret-header",
        ) as proxy,
        httpx2.Client(base_url=proxy.url, headers={"x-api-key": client_key}, trust_env=False) as http,
    ):
        for n in range(len(script)):
            http.post("/v1/messages", json={**said, "stream": n % 2 == 0})
        http.post("/v1/messages", json={**said, "messages": [{"role": "user", "content": [{"type": PRIVATE}, 5]}]})
        http.post("/v1/messages", content=f'{{"model": "{PRIVATE}')
        http.post("/v1/messages/count_tokens", json=said)
        http.post("/v1/messages", json={**said, "model": "a\x1b[2Jb"})
        http.get("/test-connection")
        http.get("/v1/models", headers={"x-api-key": "wrong-" + client_key})
        log = proxy.log()
    assert len(log.splitlines()) > len(script)
    for secret in (PRIVATE, "very-secret"):
        assert secret not in log
    assert all(line.isprintable() for line in log.splitlines())
