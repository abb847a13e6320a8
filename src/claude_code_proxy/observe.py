"""What a person sees: one line per exchange, and the program's own few messages. Never a key, never a prompt."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog

from .translate.notes import Note


class Record(msgspec.Struct):
    """What is known of one exchange, filled while it runs. Times in seconds, -1 while unknown; counts in tokens."""

    id: str
    model: str = ""
    backend: str = ""
    upstream_model: str = ""
    session: str = ""
    agent: str = ""
    stream: bool = False
    status: int = 0
    outcome: str = ""
    first_byte: float = -1
    duration: float = -1
    retries: int = 0
    input_tokens: int = 0
    cache_read: int = 0
    output_tokens: int = 0
    cost: float | None = None
    stop: str = ""
    error: str = ""
    notes: list[Note] = []


def setup(level: str, form: str) -> None:
    """Send the log to standard error: coloured text on a terminal, plain text or JSON elsewhere."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if form == "text" else "iso", utc=form != "text"),
    ]
    if form == "text":
        # a traceback with the values of variables would print prompts and keys
        plain = structlog.dev.plain_traceback
        ends: list[Any] = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=plain)
        ]
    else:
        ends = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def log_exchange(record: Record) -> None:
    """Write the line of a finished exchange: what a person looks at first when something is off."""
    log = structlog.get_logger()
    line = _line(record)
    details = {"id": record.id, **({"error": record.error} if record.error else {})}
    if record.outcome == "failed":
        log.warning(line, **details)
    else:
        log.info(line, **details)
    for note in record.notes:
        log.debug(f"note {note.code}", id=record.id, path=note.path, detail=note.detail)


def _line(record: Record) -> str:
    """One readable sentence: names, times, tokens, how it ended, what was changed."""
    parts = [f"{record.model} -> {record.backend}/{record.upstream_model}", record.outcome]
    if record.status:
        parts.append(str(record.status))
    if record.first_byte >= 0:
        parts.append(f"first {record.first_byte:.2f}s")
    if record.duration >= 0:
        parts.append(f"total {record.duration:.2f}s")
    if record.output_tokens or record.input_tokens:
        parts.append(f"in {record.input_tokens} cached {record.cache_read} out {record.output_tokens}")
    if record.cost is not None:
        parts.append(f"cost {record.cost:.6f}")
    if record.stop:
        parts.append(f"stop {record.stop}")
    if record.retries:
        parts.append(f"retries {record.retries}")
    if record.notes:
        parts.append("notes " + ",".join(dict.fromkeys(note.code for note in record.notes)))
    return " | ".join(part for part in parts if part)
