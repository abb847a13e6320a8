"""What is known of one request, and the sentence a person reads of it. Never a key, never a prompt, never an answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from .translate.notes import Note

_INPUT = re.compile(r"""(["'])input\1\s*:.*""", re.DOTALL)
_LONGEST_NAME = 200  # characters
_SESSION = 8  # characters of a session's id that a person needs to tell it from others
_SHORTEST_STREAM = 0.05  # seconds: a rate over less says nothing


class Record(msgspec.Struct, omit_defaults=True):
    """What is known of one exchange, filled while it runs. Times in seconds, -1 while unknown; counts in tokens.

    id: of the client's answer (`request-id`); client_id: what the client called it; upstream_id: what the backend calls
    it; started: Unix time; tier: big, middle or small, "" for a model asked for by its own name; input_tokens: without
    what came from the cache (cache_read), with what went into it (cache_write); output_tokens: with thinking; window:
    of the model, 0 unknown; cost: US dollars, None unknown; retries: calls to the backend after the first, repairs:
    those of them with another body; characters: of text and thinking sent so far; trace: the client's W3C
    `traceparent`; own: the proxy asked, for its settings or a person; failed_over: who failed before this backend
    answered, and with which status; joined: id of the request whose answer this one got; hint: what the proxy's own
    knowledge added to the error.
    """

    id: str
    client_id: str = ""
    upstream_id: str = ""
    started: float = 0
    model: str = ""
    tier: str = ""
    backend: str = ""
    upstream_model: str = ""
    session: str = ""
    agent: str = ""
    stream: bool = False
    status: int = 0
    outcome: str = ""
    joined: str = ""
    first_byte: float = -1
    duration: float = -1
    retries: int = 0
    failed_over: list[str] = []
    repairs: int = 0
    input_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    window: int = 0
    cost: float | None = None
    stop: str = ""
    error: str = ""
    error_type: str = ""
    hint: str = ""
    trace: str = ""
    characters: int = 0
    own: bool = False
    notes: list[Note] = []

    @property
    def prompt_tokens(self) -> int:
        """All the model has read."""
        return self.input_tokens + self.cache_read

    @property
    def rate(self) -> float:
        """Tokens a second once the answer had begun, 0 where nobody can say."""
        took = self.duration - self.first_byte
        if self.first_byte < 0 or took < _SHORTEST_STREAM or not self.stream:
            return 0
        return self.output_tokens / took

    @property
    def codes(self) -> list[str]:
        """The codes of the notes, each once."""
        return list(dict.fromkeys(note.code for note in self.notes))


def is_main(record: Record) -> bool:
    """Whether it is a turn of the session itself: Claude Code has titles and the like written beside it."""
    return not (record.agent or record.own or record.tier == "small")


def sentence(record: Record) -> str:
    """Return one readable line: who asked whom, times, tokens, how it ended, what was changed."""
    told = _names(record)
    if record.outcome:
        told += f" | {record.outcome}"
    if record.joined:
        told += f" {record.joined}" if record.outcome == "joined" else f" | joined {record.joined}"
    if record.status:
        told += f" | {record.status}"
    if record.duration >= 0 or record.first_byte >= 0:
        told += _times(record)
    if record.output_tokens or record.input_tokens:
        told += f" | in {record.input_tokens} cached {record.cache_read} out {record.output_tokens}"
    if record.cost is not None:
        told += f" | cost {record.cost:.6f}"
    if record.stop:
        told += f" | stop {record.stop}"
    if record.failed_over or record.retries or record.notes:
        told += "".join(f" | {trouble}" for trouble in _trouble(record))
    return told


def _times(record: Record) -> str:
    told = f" | first {record.first_byte:.2f}s" if record.first_byte >= 0 else ""
    if record.duration >= 0:
        told += f" | total {record.duration:.2f}s"
    if record.stream and record.rate:
        told += f" | {record.rate:.0f} tok/s"
    return told


def _trouble(record: Record) -> Iterator[str]:
    """What was not as it should be."""
    if record.failed_over:
        yield "after " + ", ".join(record.failed_over)
    if record.retries:
        yield f"retries {record.retries}"
    if record.notes:
        yield "notes " + ",".join(record.codes)


def facts(record: Record) -> dict[str, Any]:
    """Return what is known as a flat JSON object, for programs; the unknown is left out."""
    known: dict[str, Any] = msgspec.to_builtins(record)
    for name in ("model", "upstream_model"):
        known[name] = known.get(name, "")[:_LONGEST_NAME]
    if record.rate:
        known["tokens_per_second"] = round(record.rate, 1)
    for name in ("first_byte", "duration"):
        if name in known:
            known[name] = round(known[name], 4)
    if record.notes:
        known["notes"] = [{"code": code, "path": path, "detail": detail} for code, path, detail in record.notes]
    return known


def without_input(message: str) -> str:
    """Return an error's words up to the input that validators quote in them (pydantic: `'input': ...`)."""
    return _INPUT.sub(r"\1input\1: ...", message)


def visible(text: str) -> str:
    """Return a text of others without what could begin a line or move a cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def readable(name: str, value: object) -> str:
    """Return a fact for a person: times as times, seconds and dollars without the digits nobody reads."""
    if name == "started" and isinstance(value, float):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    return f"{value:.4g}" if isinstance(value, float) else visible(str(value))


def _who(record: Record) -> str:
    """The session, and which of its agents: Claude Code names both in headers."""
    agent = "proxy's own" if record.own else f"agent {record.agent[:_SESSION]}" if record.agent else "main"
    return f"{record.session[:_SESSION]} {agent}".lstrip()


def _names(record: Record) -> str:
    names = record.model[:_LONGEST_NAME] or "?"
    if record.tier:
        names = f"{record.tier} {names}"
    if record.backend:
        names = f"{names} -> {record.backend}/{record.upstream_model}"[: 2 * _LONGEST_NAME]
    return f"{_who(record)}: {names}" if record.session or record.agent or record.own else names
