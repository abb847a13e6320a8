"""What a person sees: one line per exchange, and the program's own few messages. Never a key, never a prompt.

Names and errors in it were written by clients and backends: nothing of theirs begins a line or reaches a terminal raw.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, TextIO, cast

import structlog

from .record import Record, facts, sentence, visible
from .redaction import Redaction

__all__ = ["Record", "hear_libraries", "log_exchange", "setup", "tell"]

_METHODS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning"}
_LEVELS = {"exception": "error", "warn": "warning"}  # of methods that are named otherwise
_LONGEST = 2000  # characters of any text
_LONGEST_REASON = 80  # characters of an inner error's message: enough for a reason, not for a prompt


def setup(level: str, form: str, file: TextIO | None = None, secrets: Iterable[str] = ()) -> None:
    """Send the log to a file, standard error by default: coloured text on a terminal, plain text or JSON elsewhere.

    secrets: never shown, not even in the words of an inner error.
    """
    file = file or sys.stderr
    exceptions = structlog.processors.ExceptionRenderer(_Traceback(secrets))
    chain: list[Any] = []
    if form != "text":
        stamp = structlog.processors.TimeStamper(fmt="iso")
        chain = [_spread, structlog.processors.add_log_level, stamp, exceptions, _harmless]
        end: Any = structlog.processors.JSONRenderer()
    elif file.isatty():
        chain = [_sentence_only, structlog.processors.add_log_level, _stamped, exceptions, _harmless]
        end = structlog.dev.ConsoleRenderer(colors=True, pad_event_to=0)
    else:
        end = _Plain(exceptions)
    chain.append(end)
    least, forgiving = logging.getLevelNamesMapping()[level], _Forgiving(file)
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", forgiving)),
        cache_logger_on_first_use=False,
    )
    _exchanges.go_through(chain, least, forgiving)


class _Forgiving:
    """A file that a full disk, or a reader who has gone, costs lines and nothing else."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write what can be written, and hand it on."""
        try:
            self._file.write(text)
            self._file.flush()
        except OSError:
            return

    def flush(self) -> None:
        """Nothing is held back."""


def tell(form: str, *lines: str, level: str = "info") -> None:
    """Say what is of no request, whatever LOG_LEVEL is: as it stands for people, as lines of the log for programs.

    level: for programs. `setup` came before.
    """
    if form == "text":
        _Forgiving(sys.stderr).write("".join(f"{line}\n" for line in lines))
        return
    log = structlog.wrap_logger(structlog.get_config()["logger_factory"](), wrapper_class=structlog.BoundLogger)
    for line in lines:
        getattr(log, level)(line.strip())


def hear_libraries() -> None:
    """Let what libraries complain of (uvicorn, asyncio, aiohttp, Python's warnings) be lines of our log."""
    logging.basicConfig(handlers=[_Library()], level=logging.WARNING)
    logging.captureWarnings(capture=True)


class _Library(logging.Handler):
    """Hands a library's log record on to ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        write = log.error if record.levelno >= logging.ERROR else log.warning
        details = {"exc_info": record.exc_info} if record.exc_info else {}
        try:
            write(f"{record.name.partition('.')[0]}: {record.getMessage()}", **details)
        except Exception:  # noqa: BLE001 - as every handler of the standard library
            self.handleError(record)


def _sentence_only(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For people the sentence says it all."""
    entry.pop("record", None)
    return entry


def _spread(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For programs each fact of an exchange has a field of its own."""
    record = entry.pop("record", None)
    return entry if record is None else {**facts(record), **entry}


class _Clock:
    """The time of day, which is written out once a second: a line is cheaper so."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._text = time.strftime("%H:%M:%S", time.localtime(second))
        return self._text


_clock = _Clock()


def _stamped(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Stamp an entry with the time of day."""
    entry["timestamp"] = _clock()
    return entry


class _Plain:
    """Renders an entry as the console renderer does without colours, in one step, for an eighth of the time."""

    def __init__(self, exceptions: Callable[..., Any]) -> None:
        self._exceptions = exceptions

    def __call__(self, logger: Any, method: str, entry: MutableMapping[str, Any]) -> str:
        entry.pop("record", None)  # for people the sentence says it all
        if "exc_info" in entry:
            entry = self._exceptions(logger, method, entry)
        exception = entry.pop("exception", "")
        line = f"{_clock()} [{_LEVELS.get(method, method)}] {_one_line(entry.pop('event'))}"
        for name, value in entry.items():
            shown = _one_line(value)
            line += f" {name}={shown if _is_bare(shown) else repr(shown)}"
        return "\n".join([line, *map(visible, exception.split("\n"))]) if exception else line


def _is_bare(shown: Any) -> bool:
    """Whether a value needs no quotes to be told from what stands around it."""
    return isinstance(shown, str) and not (" " in shown or "=" in shown or "'" in shown or '"' in shown)


def _harmless(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make every text of a log line one short line of visible characters; only a traceback has lines."""
    for name, value in entry.items():
        entry[name] = "\n".join(map(visible, value.split("\n"))) if name == "exception" else _one_line(value)
    return entry


def _one_line(value: Any) -> Any:
    """Return a text as one short line of visible characters; anything else as it is."""
    if not isinstance(value, str):
        return value
    short = value[:_LONGEST]
    return short if short.isprintable() else visible(short)


class _Traceback:
    """Tells where a bug is. No values of variables: they are prompts and keys. Of messages little, and no keys."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._redaction = Redaction(secrets)

    def __call__(self, exc_info: Any) -> str:
        return "".join(self._told(traceback.TracebackException(*exc_info))).rstrip("\n")

    def _told(self, failed: traceback.TracebackException) -> Iterator[str]:
        before = failed.__cause__ or (None if failed.__suppress_context__ else failed.__context__)
        if before is not None:
            yield from self._told(before)
            yield "then\n"
        yield "Traceback (most recent call last):\n"
        yield from failed.stack.format()
        words = self._redaction.keys(" ".join(str(failed).split()))
        kind = failed.exc_type.__qualname__ if failed.exc_type is not None else "Exception"
        yield f"{kind}: {words[:_LONGEST_REASON]}\n"


class _Exchanges:
    """Writes the lines of exchanges as structlog would, without its logger, which costs more than the line."""

    def __init__(self) -> None:
        self._processors: list[Any] = []
        self._least = 0
        self._file: _Forgiving

    def go_through(self, processors: list[Any], least: int, file: _Forgiving) -> None:
        """Take what was set up. least: the level below which nothing is written."""
        self._processors, self._least, self._file = processors, least, file

    def write(self, level: int, entry: dict[str, Any]) -> None:
        """Write a line."""
        if structlog.get_config()["processors"] is not self._processors:  # set up by somebody else, such as a test
            structlog.get_logger().log(level, **entry)
            return
        if level < self._least:
            return
        shown: Any = entry
        try:
            for process in self._processors:
                shown = process(None, _METHODS[level], shown)
        except structlog.DropEvent:
            return
        self._file.write(f"{shown}\n")


_exchanges = _Exchanges()


def log_exchange(record: Record) -> None:
    """Write the line of a finished exchange: what a person looks at first when something is off."""
    entry: dict[str, Any] = {"id": record.id}
    if record.upstream_id:
        entry["upstream_id"] = record.upstream_id
    if record.error:
        entry["error"] = record.error
    entry["record"], entry["event"] = record, sentence(record)
    _exchanges.write(logging.WARNING if record.outcome == "failed" else logging.INFO, entry)
    for note in record.notes:
        noted = {"id": record.id, "path": note.path, "detail": note.detail, "event": f"note {note.code}"}
        _exchanges.write(logging.DEBUG, noted)
