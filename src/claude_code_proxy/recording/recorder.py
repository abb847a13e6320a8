"""Collects exchanges while they run and writes those that are asked for as case folders, in a thread of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from ..backends.model_lists import Reasoning, informed
from ..background import Background
from ..context_scale import believed_window, factor
from ..dialects import recognise
from ..endpoint import public_url
from ..errors import ProxyError
from ..prepare import Prepared
from ..record import Record
from ..redaction import Redaction
from ..translate.ending import knows_window_stop
from ..translate.plan import Plan
from ..translate.repairs import apply
from ..wire.anthropic import PING
from ..wire.shapes import mapping, text
from .case import MESSAGE_ID, error_frame, opened, toml, unsealed
from .refused import HIDDEN, told, what_was_sent, why, without_owner

_MOST_BYTES = 16 * 1024 * 1024  # of one answer, and of what the client got
_MOST_OPEN = 64  # exchanges collected at a time; those beyond are not recorded
_MOST_FOLDERS = 200  # kept in a recording directory; the oldest go first
_FOLDER = re.compile(r"\d{8}-\d{6}-[A-Za-z0-9]{8}")
_FAILED = ("failed", "broke")
_OWNER = ("user", "safety_identifier", "prompt_cache_key")
_MESSAGE_ID = re.compile(r'"id":"msg_([0-9A-Za-z]{24})"')
_USUAL = Plan(model="")
_WORTH = 120  # characters of an error in the line that says what a case shows


class Attempt:
    """One call to a backend: the body, and the answer piece by piece with the seconds since the call."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.begun = time.monotonic()
        self.status = 200
        self.complete = False
        self.truncated = False
        self.pieces: list[tuple[float, bytes]] = []
        self._size = 0

    def heard(self, data: bytes) -> None:
        """Take a piece of the answer."""
        self._size += len(data)
        if self._size > _MOST_BYTES:
            self.truncated = True
        else:
            self.pieces.append((time.monotonic() - self.begun, data))


class Recording:
    """One exchange as it runs.

    body: the client's, until a backend is asked; headers: the client's; prepared: what a backend is to be asked;
    refusal: the error the exchange ended with.
    """

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.sent: list[bytes] = []
        self.body = b""
        self.headers: Mapping[str, str] = {}
        self.prepared: Prepared | None = None
        self.refusal: ProxyError | None = None
        self._size = 0

    def read(self, body: bytes, headers: Mapping[str, str]) -> None:
        """The client's request has come."""
        self.headers = headers
        self.body = body if len(body) <= _MOST_BYTES else b""

    def asked(self, prepared: Prepared) -> Attempt:
        """Return what collects a call to a backend."""
        self.body = b""
        self.attempts.append(Attempt(prepared))
        return self.attempts[-1]

    def seen(self, body: bytes) -> None:
        """The client is sent something."""
        self._size += len(body)
        if body and self._size <= _MOST_BYTES:
            self.sent.append(body)


class Recorder:
    """Keeps exchanges in a directory: those that failed, or all of them.

    everything: all of them; key: opens signatures of ours; redaction: hides what must not be written; scale:
    CONTEXT_SCALE.
    """

    def __init__(
        self, directory: Path, redaction: Redaction, *, everything: bool, key: bytes, scale: str = "auto"
    ) -> None:
        self._directory = directory
        self._redaction = redaction
        self._everything = everything
        self._key = key
        self._scale = scale
        self._open: dict[str, Recording] = {}
        self._background: Background[Callable[[], None]] = Background("a recording", _do_all, most=_MOST_OPEN)
        self.close = self._background.close

    def begin(self, record: Record) -> Recording | None:
        """Return what collects an exchange, None where too many are open."""
        if len(self._open) >= _MOST_OPEN:
            return None
        self._open[record.id] = recording = Recording()
        return recording

    def add(self, record: Record) -> None:
        """Take note that an exchange is over."""
        recording = self._open.pop(record.id, None)
        if recording is None:
            return
        if record.outcome in _FAILED or (self._everything and recording.attempts):
            self._background.add(lambda: self._write(record, recording))

    def _write(self, record: Record, recording: Recording) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        when = time.strftime("%Y%m%d-%H%M%S", time.localtime(record.started or None))
        folder = self._directory / f"{when}-{record.id[-8:]}"
        if recording.attempts:
            self._asked(folder, record, recording)
        else:
            self._refused(folder, record, recording)
        self._forget()

    def _asked(self, folder: Path, record: Record, recording: Recording) -> None:
        *before, last = recording.attempts
        for number, attempt in enumerate(before, 1):
            self._attempt(folder / f"attempt-{number}", attempt)
            self._put(folder / f"attempt-{number}", "about.toml", toml({"status": attempt.status}))
        self._attempt(folder, last)
        about = _of_backend(record, last.prepared) | _of_attempt(last)
        about |= {"plan": self._plan(last.prepared, recording.headers)} | _of_record(record)
        self._put(folder, "about.toml", toml(about))
        self._ready(folder, last.prepared)
        self._put(folder, *_sent(record, b"".join(recording.sent), self._key))

    def _plan(self, prepared: Prepared, headers: Mapping[str, str]) -> dict[str, Any]:
        """What the answer's way hangs on beside the request and its backend, as far as it is not as usual."""
        plan = prepared.translated.plan
        believed = believed_window(str(prepared.request["model"]), headers)
        known = knows_window_stop(headers.get("anthropic-version", ""), headers.get("anthropic-beta", ""))
        scale = factor(self._scale, plan.window, believed)
        facts = {"summary": plan.summary, "window_stop": known, "scale": scale}
        return {name: value for name, value in facts.items() if value != getattr(_USUAL, name)}

    def _refused(self, folder: Path, record: Record, recording: Recording) -> None:
        """Write what there is of a request that no backend was asked."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        prepared = recording.prepared
        about: dict[str, Any] = {
            "shows": f"Refused: {record.error or record.outcome}"[:_WORTH],
            "shapes": "refused by the proxy itself",
        }
        if prepared is None:
            about |= {"model": record.model, "stream": record.stream, "complete": False}
            for name, content in what_was_sent(recording, self._key).items():
                self._put(folder, name, content)
        else:
            about = _of_backend(record, prepared) | about
            self._body(folder, prepared)
            self._ready(folder, prepared)
        about |= {"refused": why(recording)} | _of_record(record)
        self._put(folder, "about.toml", toml(about))
        self._put(folder, *told(recording.refusal, stream=record.stream))

    def _ready(self, folder: Path, prepared: Prepared) -> None:
        """The request as it was made ready, and documents as they were read."""
        self._put(folder, "request.json", _pretty(without_owner(unsealed(prepared.request, self._key))))
        if prepared.target.resources:
            self._put(folder, "resources.json", msgspec.json.encode(prepared.target.resources).decode())

    def _attempt(self, folder: Path, attempt: Attempt) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._body(folder, attempt.prepared)
        answer = b"".join(data for _, data in attempt.pieces)
        self._put(folder, "upstream.sse", answer.decode("utf-8", "surrogateescape"))
        self._put(folder, "times.json", json.dumps([[round(at, 4), len(data)] for at, data in attempt.pieces]))

    def _body(self, folder: Path, prepared: Prepared) -> None:
        hidden = {name: HIDDEN if name in _OWNER else value for name, value in prepared.translated.body.items()}
        self._put(folder, "upstream-request.json", _pretty(hidden))

    def _put(self, folder: Path, name: str, content: str) -> None:
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(self._redaction.keys(content).encode("utf-8", "surrogateescape"))

    def _forget(self) -> None:
        """Remove the oldest folders, and nothing that is not one of ours."""
        folders = sorted(path for path in self._directory.iterdir() if _FOLDER.fullmatch(path.name))
        for folder in folders[:-_MOST_FOLDERS]:
            shutil.rmtree(folder, ignore_errors=True)


def _do_all(things: Sequence[Callable[[], None]]) -> None:
    for do in things:
        do()


def _of_backend(record: Record, prepared: Prepared) -> dict[str, Any]:
    """Whom a request goes to, and what is known of that one."""
    target, backend = prepared.target, prepared.route.backend
    ended = record.error or f"{record.outcome}, {record.stop}"
    about: dict[str, Any] = {
        "shows": f"Recorded: {ended}"[:_WORTH],
        "shapes": f"recorded from a backend that speaks {prepared.dialect.name}",
        "base_url": public_url(backend.base_url),
        "backend": backend.name,
        "model": prepared.route.model,
        "stream": record.stream,
        "complete": False,
    }
    optional = {
        "dialect": backend.dialect,
        "identity": prepared.identity,
        "learned": json.dumps(prepared.learned, default=list) if prepared.learned else "",
        "reasoning": _told(prepared.facts.reasoning),
    }
    about |= {name: value for name, value in optional.items() if value}
    facts = ("window", "max_output", "vision", "min_tokens", "min_tokens_explicit", "max_tokens_limit")
    about["target"] = {name: getattr(target, name) for name in facts}
    about["target"]["estimate"] = prepared.gauge.counted.tokens
    about["switched"] = _switched(prepared)
    return about


def _switched(prepared: Prepared) -> dict[str, bool]:
    """What is looked for in an answer's text against the backend's habit: by settings, or in a summary."""
    usual = recognise(prepared.route.backend, prepared.route.model, prepared.identity)
    usual = apply(informed(usual, prepared.facts.reasoning), prepared.learned)
    found = {name: getattr(prepared.dialect, name) for name in ("text_tools", "think_tags")}
    return {name: value for name, value in found.items() if value != getattr(usual, name)}


def _of_attempt(attempt: Attempt) -> dict[str, Any]:
    """How a backend answered."""
    refused = {"status": attempt.status} if attempt.status != 200 else {}  # noqa: PLR2004
    return {"complete": attempt.complete, **refused, **({"truncated": True} if attempt.truncated else {})}


def _of_record(record: Record) -> dict[str, Any]:
    """What the log has of it."""
    recorded = {
        "id": record.id,
        "upstream_id": record.upstream_id,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.started or None)),
        "version": __version__,
        "outcome": record.outcome,
        "http_status": record.status,
        "error": record.error,
        "error_type": record.error_type,
        "hint": record.hint,
        "notes": ", ".join(record.codes),
        "retries": record.retries,
    }
    return {"recorded": recorded}


def _told(reasoning: Reasoning) -> str:
    """What the model list said of thinking, "" for nothing."""
    return msgspec.json.encode(reasoning).decode() if reasoning != Reasoning() else ""


def _sent(record: Record, sent: bytes, key: bytes) -> tuple[str, str]:
    """What the client got, as file name and content: without pings, and with ids that are the same in every replay."""
    if record.stream and sent.startswith(b"{"):  # a failure before the stream began
        error = mapping(mapping(msgspec.json.decode(sent)).get("error"))
        return "events.sse", error_frame(text(error.get("type")), text(error.get("message"))).decode()
    plain = opened(sent.replace(PING, b""), key)
    found = _MESSAGE_ID.search(plain)
    if found is not None:  # it is in the ids of calls that the backend gave none, too
        plain = plain.replace(found[1], MESSAGE_ID.removeprefix("msg_"))
    if record.stream:
        return "events.sse", re.sub(r',"request_id":"req_\w+"', "", plain)
    try:
        answer = json.loads(plain)
    except ValueError:
        return "answer.json", plain
    answer.pop("request_id", None)
    return "answer.json", _pretty(answer)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=list) + "\n"
