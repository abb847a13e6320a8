"""OpenTelemetry traces of requests, in the words of the GenAI conventions (semantic conventions 1.37); an extra.

Two spans for a request: the server's, a child of the client's `traceparent`, and in it the chat with the backend. They
are made when the request has ended, in a thread, from what the record says. The exporter reads its own OTEL_ variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .. import __version__
from ..background import Background
from ..record import Record

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_SECOND = 1_000_000_000  # nanoseconds
_NAME = "claude-code-proxy"


def _named() -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say; the name the library makes up says nothing."""
    found = Resource.create()
    made_up = str(found.attributes.get("service.name", "")).startswith("unknown_service")
    return Resource(
        {name: value for name, value in found.attributes.items() if not (made_up and name == "service.name")}
    )


class Traces:
    """Exports a trace of each request. exporter: takes the spans; the OTLP one over HTTP by default."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        own = Resource({"service.name": _NAME, "service.version": __version__})
        self._provider = TracerProvider(resource=own.merge(_named()))
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_NAME, __version__)
        self._background: Background[Record] = Background("the traces", self._write)
        self.add = self._background.add

    def close(self) -> None:
        """Export what is there."""
        self._background.close()
        self._provider.shutdown()

    def _write(self, records: Sequence[Record]) -> None:
        for record in records:
            self._trace(record)

    def _trace(self, record: Record) -> None:
        begun = int(record.started * _SECOND)
        ended = begun + int(max(0.0, record.duration) * _SECOND)
        parent = TraceContextTextMapPropagator().extract({"traceparent": record.trace})
        server = self._tracer.start_span(
            "POST /v1/messages", parent, SpanKind.SERVER, dict(_of_server(record)), start_time=begun
        )
        if record.backend:
            chat = self._tracer.start_span(
                f"chat {record.upstream_model}",
                set_span_in_context(server),
                SpanKind.CLIENT,
                dict(_of_chat(record)),
                start_time=begun,
            )
            if record.first_byte >= 0:
                chat.add_event("gen_ai.first_token", timestamp=begun + int(record.first_byte * _SECOND))
            _fail(chat, record)
            chat.end(ended)
        _fail(server, record)
        server.end(ended)


def _fail(span: Any, record: Record) -> None:
    if record.outcome in ("failed", "broke"):
        span.set_attribute("error.type", record.error_type or record.outcome)
        span.set_status(StatusCode.ERROR, record.error)


def _of_server(record: Record) -> Iterator[tuple[str, Any]]:
    yield "http.request.method", "POST"
    yield "http.route", "/v1/messages"
    yield "claude_code_proxy.request_id", record.id
    yield "claude_code_proxy.outcome", record.outcome
    if record.status:
        yield "http.response.status_code", record.status


def _of_chat(record: Record) -> Iterator[tuple[str, Any]]:
    yield "gen_ai.operation.name", "chat"
    yield "gen_ai.provider.name", record.backend
    yield "gen_ai.request.model", record.upstream_model
    yield "gen_ai.response.model", record.upstream_model
    yield "gen_ai.usage.input_tokens", record.prompt_tokens
    yield "gen_ai.usage.output_tokens", record.output_tokens
    yield "gen_ai.usage.cache_read.input_tokens", record.cache_read
    yield "gen_ai.usage.cache_creation.input_tokens", record.cache_write
    yield "claude_code_proxy.retries", record.retries
    optional = {
        "gen_ai.response.id": record.upstream_id,
        "gen_ai.conversation.id": record.session,
        "gen_ai.agent.id": record.agent,
        "claude_code_proxy.tier": record.tier,
        "claude_code_proxy.asked_model": record.model,
    }
    yield from ((name, value) for name, value in optional.items() if value)
    if record.stop:
        yield "gen_ai.response.finish_reasons", [record.stop]
    if record.notes:
        yield "claude_code_proxy.notes", record.codes
    if record.cost is not None:
        yield "claude_code_proxy.cost_dollars", record.cost
