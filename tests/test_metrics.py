"""/metrics: everything counted once, at a request's end, by all workers; and the traces made of the same records."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client.parser import text_string_to_metric_families
from tests.asgi import running
from tests.backend import Backend, Cut, Gate, Pause, Text, answer, error, say
from tests.messages_api import HELLO
from tests.proxy_process import proxy_for

from claude_code_proxy import __version__
from claude_code_proxy.journal.board import Board, Sheet, board_folder
from claude_code_proxy.journal.exposition import COUNTERS, GAUGES, HISTOGRAMS, exposition
from claude_code_proxy.journal.tally import BUCKETS, Tally, Totals
from claude_code_proxy.journal.traces import Traces
from claude_code_proxy.record import Record
from claude_code_proxy.translate.notes import Note

ROOT = Path(__file__).parents[1]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 400}, "cost": 0.25}
STREAM = {**HELLO, "stream": True}


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and labels, `claude_code_proxy_` left out."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[sample.name.removeprefix("claude_code_proxy_"), *labels] = sample.value
    return found


def total(found: dict[tuple[str, ...], float], *wanted: str) -> float:
    return sum(value for key, value in found.items() if set(wanted) <= set(key))


async def scraped(app: Any, **options: Any) -> dict[tuple[str, ...], float]:
    reply = await app.get("/metrics", **options)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples(reply.text)


async def test_what_happened_is_counted() -> None:
    script = [
        say("a", usage=USAGE),
        answer(Text("b"), Pause(0.1), Text("b"), usage=USAGE),
        error(503, "busy"),
        answer(Text("x"), Cut()),
    ]
    with Backend(script) as backend:
        async with running(backend) as app:
            await app.post(HELLO)
            await app.post(STREAM)
            await app.post(HELLO)
            await app.post(STREAM)
            found = await scraped(app)
    where = ("backend=default", "model=gpt-5.4")
    assert total(found, "requests_total", *where, "outcome=ok", "status=200") == 2
    assert total(found, "requests_total", *where, "outcome=failed") == 2
    assert total(found, "tokens_total", *where, "kind=input") == 1200
    assert total(found, "tokens_total", *where, "kind=cache_read") == 800
    assert total(found, "tokens_total", *where, "kind=output") == 100
    assert total(found, "cost_dollars_total", *where) == 0.5
    assert total(found, "errors_total", "backend=default", "type=overloaded_error") == 1
    assert total(found, "first_token_seconds_count", *where) == 3
    assert total(found, "duration_seconds_count", *where) == 4
    assert total(found, "output_tokens_per_second_count", *where) == 1
    assert total(found, "in_flight") == 0
    assert total(found, "queue_waiting", "backend=default") == 0
    assert total(found, "backend_up", "backend=default") == 1
    assert total(found, "backend_last_success_timestamp_seconds", "backend=default") > 1e9
    assert total(found, "process_resident_memory_bytes") > 0


async def test_retries_are_counted() -> None:
    with Backend([error(503, "busy"), say("a")]) as backend:
        async with running(backend, MAX_RETRIES="1") as app:
            await app.post(HELLO)
            assert total(await scraped(app), "retries_total", "backend=default") == 1


async def test_a_running_request_is_in_flight() -> None:
    gate = Gate()
    with Backend([answer(Text("half"), gate, Text("rest"))]) as backend:
        async with running(backend) as app:
            talk = app.start(STREAM)
            await talk.until(b"half")
            assert total(await scraped(app), "in_flight") == 1
            gate.open()
            await talk.reply()
            assert total(await scraped(app), "in_flight") == 0


async def test_the_client_key_protects_them() -> None:
    with Backend() as backend:
        async with running(backend, ANTHROPIC_API_KEY="client-key") as app:
            assert (await app.get("/metrics")).status_code == 401
            assert await scraped(app, headers={"authorization": "Bearer client-key"})


async def test_no_web_page_reads_them() -> None:
    with Backend() as backend:
        async with running(backend) as app:
            assert (await app.get("/metrics", headers={"origin": "https://evil.example"})).status_code == 403
            assert (await app.get("/metrics", headers={"host": "evil.example"})).status_code == 403


async def test_they_can_be_switched_off() -> None:
    with Backend() as backend:
        async with running(backend, METRICS="off") as app:
            assert (await app.get("/metrics")).status_code == 404


def test_the_library_is_not_loaded_before_it_is_asked_for() -> None:
    code = "import sys, claude_code_proxy.cli.serve; sys.exit('prometheus_client' in sys.modules or 'sqlite3' in sys.modules or 'opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_of_clients_are_told_apart_only_so_far() -> None:
    tally = Tally()
    for n in range(5000):
        tally.add(Record(id="a", backend="b", upstream_model=f"model-{n}", outcome="ok", duration=1))
    assert len(tally.totals.spread) < 300
    assert sum(value for key, value in tally.totals.counts.items() if key[0] == "requests") == 5000


RECORDS = st.builds(
    Record,
    id=st.just("a"),
    backend=st.sampled_from(["", "b", "c"]),
    upstream_model=st.sampled_from(["m", "n"]),
    tier=st.sampled_from(["", "big"]),
    outcome=st.sampled_from(["ok", "failed"]),
    status=st.sampled_from([0, 200, 529]),
    stream=st.booleans(),
    started=st.integers(0, 9),
    first_byte=st.sampled_from([-1.0, 0.0, 0.1, 0.5, 9999.0]),
    duration=st.sampled_from([-1.0, 0.25, 1.0, 9999.0]),
    input_tokens=st.integers(0, 9),
    cache_read=st.integers(0, 9),
    cache_write=st.integers(0, 9),
    output_tokens=st.integers(0, 9),
    thinking_tokens=st.integers(0, 9),
    cost=st.sampled_from([None, 0.0, 0.5]),
    retries=st.integers(0, 2),
    repairs=st.integers(0, 1),
    failed_over=st.sampled_from([[], ["a 503"]]),
    error_type=st.sampled_from(["", "api_error"]),
    notes=st.sampled_from([[], [Note("stops-local"), Note("stops-local"), Note("tool-renamed")]]),
)


def told_of(record: Record) -> Totals:
    """Return what one request counts, by what the metrics say of themselves."""
    where, totals, backend = (record.backend, record.upstream_model), Totals(), record.backend
    totals.add(("requests", *where, record.tier, record.outcome, str(record.status)))
    if backend:
        kinds = ("cache_read", "cache_write", "output_tokens", "thinking_tokens")
        totals.add(("tokens", *where, "input"), max(0, record.input_tokens - record.cache_write))
        for kind in kinds:
            totals.add(("tokens", *where, kind.removesuffix("_tokens")), getattr(record, kind))
        totals.add(("cost", *where), record.cost or 0)
        if record.first_byte >= 0:
            totals.observe(("first_token", *where), record.first_byte)
        totals.observe(("duration", *where), max(0.0, record.duration))
        if record.rate:
            totals.observe(("rate", *where), record.rate)
        if record.outcome == "ok":
            totals.counts["last_success", backend] = record.started + max(0.0, record.duration)
    for code in set(record.codes):
        totals.add(("notes", code))
    if record.error_type:
        totals.add(("errors", backend, record.error_type))
    if record.notes or record.error_type or record.retries or record.failed_over:
        for name, many in (("retries", record.retries), ("repairs", record.repairs)):
            totals.add((name, backend), many)
        totals.add(("failovers", backend), len(record.failed_over))
    return totals


@settings(max_examples=30)
@given(st.lists(RECORDS, max_size=40), st.integers(0, 40))
def test_what_is_counted_is_the_sum_of_what_each_request_counts(records: list[Record], looked: int) -> None:
    tally, summed = Tally(), Totals()
    for n, record in enumerate(records):
        tally.add(record)
        if n == looked:
            assert tally.totals
        last = {key: value for key, value in told_of(record).counts.items() if key[0] == "last_success"}
        summed = summed.merged([told_of(record)])
        summed.counts |= last
    assert tally.totals.counts == summed.counts
    assert tally.totals.spread == summed.spread


def test_a_histogram_says_how_many_were_at_most_as_long() -> None:
    totals = Totals()
    for seconds in (0.05, 0.1, 0.3, 9999):
        totals.observe(("first_token", "b", "m"), seconds)
    found = samples(exposition(totals).decode())
    cells = {key[2]: value for key, value in found.items() if key[0] == "first_token_seconds_bucket"}
    assert (cells["le=0.1"], cells["le=0.25"], cells["le=0.5"], cells["le=+Inf"]) == (2, 2, 3, 4)
    assert total(found, "first_token_seconds_sum") == pytest.approx(9999.45)


def test_evil_names_are_one_line_each() -> None:
    tally = Tally()
    tally.add(
        Record(id="a", backend='b"\n}', upstream_model="m\\\n", outcome="ok", duration=1, notes=[Note("x\n", "", "")])
    )
    assert total(samples(exposition(tally.totals).decode()), "requests_total") == 1


# -- several workers ----------------------------------------------------------------------------------------------------


def test_workers_answer_for_each_other() -> None:
    with Backend(lambda _: say("x")) as backend, proxy_for(backend, WORKERS="2") as proxy:
        for _ in range(12):  # a connection each: the kernel spreads them
            assert httpx2.post(f"{proxy.url}/v1/messages", json=HELLO, trust_env=False).status_code == 200
        for _ in range(100):
            counts = {
                total(samples(httpx2.get(f"{proxy.url}/metrics", trust_env=False).text), "requests_total")
                for _ in range(4)
            }
            if counts == {12}:
                break
        assert counts == {12}


def test_a_worker_that_died_stays_counted_and_has_nothing_under_way(tmp_path: Path) -> None:
    totals = Totals({("retries", "b"): 3.0})
    sheet = Sheet(list(totals.counts.items()), [], [Record(id="a")])
    (tmp_path / "999999999.json").write_bytes(msgspec.json.encode(sheet))
    (other,) = Board(tmp_path, Sheet).others()
    assert other.totals.counts == totals.counts
    assert other.running == []


def test_folders_of_proxies_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "workers-999999999").mkdir()
    (tmp_path / "workers-mine").mkdir()
    assert board_folder(tmp_path).name.startswith("workers-")
    assert list(tmp_path.iterdir()) == []


def test_sums_are_sums_and_times_the_latest() -> None:
    one = Totals({("retries", "b"): 1, ("last_success", "b"): 5}, {("duration", "b", "m"): [1.0] * 3})
    two = Totals({("retries", "b"): 2, ("last_success", "b"): 4}, {("duration", "b", "m"): [1.0] * 3})
    merged = one.merged([two])
    assert merged.counts == {("retries", "b"): 3, ("last_success", "b"): 5}
    assert merged.spread["duration", "b", "m"] == [2.0] * 3


# -- the dashboard ------------------------------------------------------------------------------------------------------


def test_the_dashboard_asks_for_what_there_is() -> None:
    text = (ROOT / "docs" / "grafana.json").read_text()
    assert json.loads(text)["panels"]
    names = set(re.findall(r"claude_code_proxy_(\w+)", text))
    counted = {f"{family.name}_total" for family in COUNTERS.values()}
    spread = {f"{family.name}_bucket" for family in HISTOGRAMS.values()}
    assert names <= counted | spread | {family.name for family in GAUGES.values()}
    assert set(BUCKETS) == set(HISTOGRAMS)


# -- traces -------------------------------------------------------------------------------------------------------------


def traced(record: Record) -> list[Any]:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    traces.add(record)
    traces.close()
    return sorted(exporter.get_finished_spans(), key=lambda span: span.kind.value)


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({}, "claude-code-proxy"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,deployment.environment=test"}, "ours"),
    ],
)
def test_a_trace_bears_the_name_the_environment_gives(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], name: str
) -> None:
    for variable, value in env.items():
        monkeypatch.setenv(variable, value)
    server = traced(Record(id="req_1", outcome="ok"))[0]
    assert server.resource.attributes["service.name"] == name
    assert server.resource.attributes["service.version"] == __version__


def test_a_trace_has_the_server_and_the_chat_in_the_words_of_the_conventions() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    server, chat = traced(
        Record(
            id="req_1",
            trace=parent,
            started=100.0,
            duration=2.0,
            first_byte=0.5,
            model="claude-opus-5",
            backend="default",
            upstream_model="gpt-5.4",
            upstream_id="chatcmpl-1",
            session="s-1",
            input_tokens=600,
            cache_read=400,
            output_tokens=50,
            stop="end_turn",
            status=200,
            outcome="ok",
        )
    )
    assert (server.kind, chat.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert f"{server.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert chat.parent.span_id == server.context.span_id
    assert chat.name == "chat gpt-5.4"
    told = dict(chat.attributes)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"]
    assert told["claude_code_proxy.asked_model"] == "claude-opus-5"
    assert told["gen_ai.response.model"] == "gpt-5.4"
    assert told["gen_ai.response.id"] == "chatcmpl-1"
    assert told["gen_ai.usage.input_tokens"] == 1000
    assert told["gen_ai.usage.output_tokens"] == 50
    assert told["gen_ai.conversation.id"] == "s-1"
    assert told["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert (chat.start_time, chat.end_time) == (100_000_000_000, 102_000_000_000)
    assert chat.events[0].timestamp == 100_500_000_000
    assert server.resource.attributes["service.name"] == "claude-code-proxy"


def test_a_failure_is_a_failed_span() -> None:
    (server,) = traced(
        Record(id="a", outcome="failed", status=400, error="no such field", error_type="invalid_request_error")
    )
    assert server.status.status_code is StatusCode.ERROR
    assert server.attributes["error.type"] == "invalid_request_error"


@pytest.mark.parametrize("parent", ["", "nonsense", "00-0-0-0"])
def test_a_client_without_a_trace_begins_a_new_one(parent: str) -> None:
    (server,) = traced(Record(id="a", trace=parent, outcome="ok"))
    assert server.parent is None


class Collector(http.server.BaseHTTPRequestHandler):
    got: list[bytes]

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_traces_go_where_the_environment_says() -> None:
    Collector.got = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{collector.server_port}"
        plain = {"OTEL_EXPORTER_OTLP_ENDPOINT": place, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        with Backend([say("x")]) as backend, proxy_for(backend, TRACES="on", **plain) as proxy:
            httpx2.post(f"{proxy.url}/v1/messages", json=HELLO, trust_env=False)
        collector.shutdown()
    assert b"gen_ai.usage.output_tokens" in b"".join(Collector.got)
    assert b"claude-code-proxy" in b"".join(Collector.got)
