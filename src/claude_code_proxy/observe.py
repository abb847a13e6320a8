"""What a person sees: one line per exchange, and the program's own few messages. Never a key, never a prompt.

Names and errors in it were written by clients and backends: nothing of theirs begins a line or reaches a terminal raw.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

from .translate.notes import Note

_BARE = re.compile(r"[^\s=\"']*")  # a value that needs no quotes
_LONGEST_NAME = 200  # characters
_LONGEST = 2000  # characters of any other text


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
        _Clock() if form == "text" else structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.ExceptionRenderer(_traceback),
        _harmless,
    ]
    if form != "text":
        end: Any = structlog.processors.JSONRenderer()
    elif sys.stderr.isatty():
        end = structlog.dev.ConsoleRenderer(colors=True, pad_event_to=0)
    else:
        end = _plain
    structlog.configure(
        processors=[*shared, end],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Clock:
    """Stamps an entry with the time of day, which is written out once a second: a line is cheaper so."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, _logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._text = time.strftime("%H:%M:%S", time.localtime(now))
        entry["timestamp"] = self._text
        return entry


def _plain(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> str:
    """Render an entry as the console renderer does without colours, for an eighth of the time."""
    line = f"{entry.pop('timestamp')} [{entry.pop('level')}] {entry.pop('event')}"
    exception = entry.pop("exception", "")
    for name, value in entry.items():
        line += f" {name}={value}" if isinstance(value, str) and _BARE.fullmatch(value) else f" {name}={value!r}"
    return f"{line}\n{exception}" if exception else line


def _harmless(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make every text of a log line one short line of visible characters; only a traceback has lines."""
    for name, value in entry.items():
        if isinstance(value, str):
            lines = value.split("\n") if name == "exception" else [value[:_LONGEST]]
            entry[name] = "\n".join(_visible(line) for line in lines)
    return entry


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _traceback(exc_info: Any) -> str:
    """Where a bug is. No values of variables: they are prompts and keys. No second line of a message."""
    frames = traceback.format_exception(*exc_info)
    return "".join([*frames[:-1], frames[-1].rstrip("\n").replace("\n", " ")])


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
    parts = [_names(record), record.outcome]
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


def _names(record: Record) -> str:
    asked = record.model[:_LONGEST_NAME] or "?"
    return f"{asked} -> {record.backend}/{record.upstream_model}"[: 2 * _LONGEST_NAME] if record.backend else asked
