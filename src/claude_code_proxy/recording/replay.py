"""A recorded exchange run again, offline, through the same translation: what comes out, and what differs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ProxyError, UpstreamError
from ..translate.chunks import read_chunk
from ..translate.deltas import Delta
from ..translate.fold import Fold
from ..translate.notes import Notes
from ..translate.request import Translated
from ..translate.stream import StreamTranslator
from ..wire.anthropic import Event, encode
from ..wire.shapes import mapping, text
from ..wire.sse import Decoder
from .case import Case, error_frame, opened, toml
from .refused import BODY, Verdict, is_lasting

_TEXT = 100  # characters of a text in a trace
_OWNER = re.compile(r'"(user|safety_identifier|prompt_cache_key)": "[^"]*"')  # who it was is not recorded
_HIDDEN = re.compile(r"\*{3,}")  # a key: errors show it shorter than recordings do
_SUMMARY = ("thinking", "text", "partial_json", "signature")


class Replayed(msgspec.Struct, kw_only=True):
    """What came of a replay.

    sent: what the client gets; error: why there is nothing to send; trace: step by step; verdict: what a person must
    know of a request that was refused, or is no longer.
    """

    body: str = ""
    sent: str = ""
    error: str = ""
    notes: Notes
    trace: list[str] = []
    verdict: str = ""


def replay(case: Case) -> Replayed:
    """Run a case again."""
    notes = Notes()
    if case.refused:
        return _refused(case, notes)
    try:
        translated = case.translated(notes)
    except ProxyError as error:
        return Replayed(error=error.message, notes=notes, sent=error_frame(error.type, error.message).decode())
    body = json.dumps(translated.body, indent=2, ensure_ascii=False) + "\n"
    run = _Run(case, translated, notes)
    return Replayed(body=body, sent=run.sent(), notes=notes, trace=run.trace)


def differences(case: Case, replayed: Replayed) -> list[str]:
    """Return the lines of a diff between what was recorded and what comes out now, for the request and the answer."""
    found = []
    if (case.folder / "upstream-request.json").exists():
        kept = case.text("upstream-request.json")
        found += _diff(
            _OWNER.sub(r'"\1": "hidden"', kept), _OWNER.sub(r'"\1": "hidden"', replayed.body), "upstream-request"
        )
    name = "events.sse" if (case.folder / "events.sse").exists() else "answer.json"
    found += _diff(_HIDDEN.sub("***", case.text(name)), _HIDDEN.sub("***", replayed.sent), name)
    return found


def accept(case: Case, target: Path) -> None:
    """Write a case as one of the tests': the five files, fewer of a refusal, their goldens as they are now.

    Raises ValueError for a refusal that had its reason in the moment.
    """
    if case.refused and not is_lasting(case):
        raise ValueError("what it was refused for is not in the folder")
    target.mkdir(parents=True, exist_ok=True)
    unkept = ("recorded", "complete", *(() if case.refused else ("stream",)))
    about = {name: value for name, value in case.about.items() if name not in unkept}
    (target / "about.toml").write_text(toml(about), encoding="utf-8")
    for name in ("request.json", BODY, "upstream.sse"):
        source = case.folder / name
        if source.exists() and source.resolve() != (target / name).resolve():
            (target / name).write_bytes(source.read_bytes())
    mine = Case(target, about)
    for name, golden in goldens(mine).items():
        (target / name).write_text(golden, encoding="utf-8")


def goldens(case: Case) -> dict[str, str]:
    """Return the files of a case that follow from its others, as they are now."""
    if not case.refused:
        return {"upstream-request.json": case.body(), "events.sse": opened(case.events([case.answer]))}
    replayed = replay(case)
    body = {"upstream-request.json": replayed.body} if replayed.body else {}
    return {**body, "events.sse" if case.about.get("stream") else "answer.json": replayed.sent}


def _refused(case: Case, notes: Notes) -> Replayed:
    verdict = Verdict(case, notes)
    if verdict.error is not None:
        said = verdict.said or "It is refused as it was."
        trace = [f"   > refused: {verdict.error.told or verdict.error.message}"]
        error = verdict.error.message
        return Replayed(body=verdict.body, sent=verdict.sent, error=error, notes=notes, trace=trace, verdict=said)
    now = "the body is legal now" if not verdict.body else "a backend would be asked now"
    return Replayed(body=verdict.body, notes=notes, verdict=f"It is not refused any more: {now}.")


class _Run:
    """One pass of an answer through the translation."""

    def __init__(self, case: Case, translated: Translated, notes: Notes) -> None:
        self.trace: list[str] = []
        self._case = case
        self._translated = translated
        self._translator = case.translator(translated, notes)
        self._events: list[Event] = []

    def sent(self) -> str:
        """Return what the client gets, as it was recorded: events, or the whole message."""
        error = self._failure()
        if self._case.about.get("stream", True):
            tail = error_frame(error.type, error.message) if error is not None else b""
            return opened(encode(self._events) + tail)
        if error is not None:
            return _pretty({"type": "error", "error": {"type": error.type, "message": error.message}})
        fold = Fold()
        fold.add(self._events)
        return _pretty(json.loads(opened(msgspec.json.encode(fold.message))))

    def _failure(self) -> ProxyError | None:
        """Run; returns what went wrong, None for an answer that ended well."""
        failure = self._case.failure(self._translated)
        if failure is not None:
            failure.message += text(mapping(self._case.about.get("recorded")).get("hint"))
            self.trace.append(f"   > status {self._case.status}: {type(failure).__name__}, {failure.message}")
            return failure
        for events in self._whole() if self._case.is_whole else self._stream():
            self._events += events
        return self._translator.failure or self._cut

    @property
    def _cut(self) -> ProxyError | None:
        """What the proxy said when the backend's answer did not come to its end."""
        recorded = mapping(self._case.about.get("recorded"))
        if self._case.about.get("complete", True) or not text(recorded.get("error")):
            return None
        error = UpstreamError(text(recorded.get("error")))
        error.type = text(recorded.get("error_type")) or error.type
        self.trace.append(f" cut > {error.message}")
        return error

    def _whole(self) -> Iterator[list[Event]]:
        self.trace.append(f"   1 > a whole answer of {len(self._case.answer)} bytes")
        events = self._translator.whole_events(self._case.answer)
        self._tell(events)
        yield events

    def _stream(self) -> Iterator[list[Event]]:
        translator, dialect = self._translator, self._case.dialect
        decoder = Decoder()
        payloads = decoder.feed(self._case.answer)
        for number, payload in enumerate([*payloads, *decoder.finish()], 1):
            self.trace.append(f"{number:4} > {_deltas(payload, dialect)}")
            events = translator.events(b"data: " + payload.replace(b"\n", b"\ndata: ") + b"\n\n")
            self._tell(events)
            yield events
            if translator.done:
                return
        yield from self._end(translator)

    def _end(self, translator: StreamTranslator) -> Iterator[list[Event]]:
        if not self._case.about.get("complete", True):
            return
        self.trace.append(" end >")
        events = translator.last_events()
        self._tell(events)
        yield events

    def _tell(self, events: Iterable[Event]) -> None:
        self.trace += [f"       < {_event(event)}" for event in events]


def _deltas(payload: bytes, dialect: Any) -> str:
    """What the reader makes of a payload, in a line."""
    if payload.strip() == b"[DONE]":
        return "[DONE]"
    try:
        deltas: list[Delta] = read_chunk(payload, dialect)
    except UpstreamError as error:
        return f"(unreadable: {error.message})"
    return "  ".join(_short(repr(delta)) for delta in deltas) or "(nothing we read)"


def _event(event: Event) -> str:
    """One event in a line: its type, its block, and what it brings."""
    body = json.loads(msgspec.json.encode(event))
    kind = text(body.pop("type", "")) or str(type(event).__struct_config__.tag)
    place = [str(body.pop("index"))] if "index" in body else []
    delta = mapping(body.get("delta"))
    said = next((json.dumps(delta[name], ensure_ascii=False) for name in _SUMMARY if name in delta), "")
    if said:
        return _short(" ".join([kind, *place, text(delta.get("type")), said]))
    rest = json.dumps(body, ensure_ascii=False) if body else ""
    return _short(" ".join(part for part in (kind, *place, rest) if part))


def _short(line: str) -> str:
    return line if len(line) <= 2 * _TEXT else f"{line[:_TEXT]} ... {line[-_TEXT // 2 :]}"


def _diff(before: str, after: str, name: str) -> list[str]:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name} recorded", f"{name} now", lineterm="", n=2
    )
    return list(lines)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
