"""Every fault in every phase: what the backend does, and what a client may see of it."""

from __future__ import annotations

import asyncio
import functools
import gzip
import itertools
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .backend import Line, Play

ANSWER, EVENT, STATUS = "answer", "error event", "error status"

TEXT, INPUT = "Grüße: Łódź, 東京.", {"command": "ls -la", "timeout": 30}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n"
SSE, JSON = b"text/event-stream", b"application/json"
TAIL = b"0\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """One request. allowed: outcomes a client may see; tool: the answer calls a tool; again: the second try is well."""

    fault: str
    phase: str
    stream: bool
    play: Play
    allowed: frozenset[str]
    tool: bool = False
    again: bool = False
    model: str = "m"

    @property
    def name(self) -> str:
        way = "streamed" if self.stream else "whole"
        return f"{self.fault} | {self.phase} | {way}{' | second try' if self.again else ''}"


# -- a good answer, in parts --------------------------------------------------------------------------------------------


def frame(body: Any) -> bytes:
    return b"data: " + (body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()) + b"\n\n"


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    return frame({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def call(arguments: str, **more: Any) -> bytes:
    return chunk(
        {"tool_calls": [{"index": 0, "function": {"arguments": arguments, **more.pop("function", {})}, **more}]}
    )


USAGE = frame({"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})
DONE = frame(b"[DONE]")
ARGUMENTS = json.dumps(INPUT)
STREAMS: dict[bool, list[bytes]] = {
    False: [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": TEXT[:7]}),
        chunk({"content": TEXT[7:]}),
        chunk({}, "stop"),
        USAGE,
        DONE,
    ],
    True: [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": TEXT}),
        call("", id="call_1", type="function", function={"name": "Bash"}),
        call(ARGUMENTS[:12]),
        call(ARGUMENTS[12:]),
        chunk({}, "tool_calls"),
        USAGE,
        DONE,
    ],
}


def whole(*, tool: bool = False) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": TEXT}
    if tool:
        function = {"name": "Bash", "arguments": ARGUMENTS}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    return json.dumps({"id": "c", "choices": [choice], "usage": usage}, ensure_ascii=False).encode()


def piece(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def well(line: Line, *, tool: bool = False) -> None:
    """Answer as a server should."""
    if line.stream:
        await line.send(HEAD % SSE + b"".join(map(piece, STREAMS[tool])) + TAIL)
    else:
        await line.send(HEAD % JSON + piece(whole(tool=tool)) + TAIL)


# -- phases: what is sent before the fault, and what would follow it ----------------------------------------------------


@dataclass(frozen=True)
class Phase:
    """A moment of an answer. tool: of one that calls a tool; allowed: by faults that end it there."""

    name: str
    before: bytes
    after: bytes
    ends_in: frozenset[str]
    tool: bool = False


def _streamed(name: str, frames: int, ends_in: str, *, tool: bool = False, half: bool = False) -> Phase:
    parts = [piece(one) for one in STREAMS[tool]]
    cut = len(parts[frames]) // 2 if half else 0
    sent = HEAD % SSE + b"".join(parts[:frames]) + parts[frames][:cut] if frames < len(parts) else b""
    sent = sent or HEAD % SSE + b"".join(parts)
    rest = parts[frames][cut:] + b"".join(parts[frames + 1 :]) + TAIL if frames < len(parts) else TAIL
    return Phase(name, sent, rest, frozenset(ends_in.split("|")), tool)


_START = b"HTTP/1.1 200 OK\r\ncontent-ty"
PHASES: dict[bool, list[Phase]] = {
    True: [
        Phase("before the head", b"", HEAD % SSE + b"".join(map(piece, STREAMS[False])) + TAIL, frozenset({STATUS})),
        Phase(
            "in the head",
            _START,
            (HEAD % SSE)[len(_START) :] + b"".join(map(piece, STREAMS[False])) + TAIL,
            frozenset({STATUS}),
        ),
        _streamed("before the first event", 0, STATUS),
        _streamed("in the first event", 0, STATUS, half=True),
        _streamed("in the text", 2, EVENT),
        _streamed("in a frame of the text", 2, EVENT, half=True),
        _streamed("in a tool's arguments", 4, EVENT, tool=True),
        _streamed("in a frame of the arguments", 4, EVENT, tool=True, half=True),
        _streamed("after the arguments", 5, EVENT, tool=True),
        _streamed("after the finish", 4, f"{ANSWER}|{EVENT}"),
        _streamed("after [DONE]", 6, ANSWER),
    ],
    False: [
        Phase("before the head", b"", HEAD % JSON + piece(whole()) + TAIL, frozenset({STATUS})),
        Phase("in the head", _START, (HEAD % JSON)[len(_START) :] + piece(whole()) + TAIL, frozenset({STATUS})),
        Phase("before the body", HEAD % JSON, piece(whole()) + TAIL, frozenset({STATUS})),
        Phase("in the body", HEAD % JSON + piece(whole())[:70], piece(whole())[70:] + TAIL, frozenset({STATUS})),
        Phase("after the body", HEAD % JSON + piece(whole()), TAIL, frozenset({STATUS, ANSWER})),
    ],
}


# -- faults -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What happens at a phase. act: does it.

    goes_on: a legal answer follows, and is what the client should get; no_http: what came right before may be lost with
    it.
    """

    name: str
    act: Callable[[Line, Phase], Awaitable[None]]
    goes_on: bool = False
    no_http: bool = False
    streams_only: bool = False


async def _close(line: Line, _: Phase) -> None:
    line.close()


async def _reset(line: Line, _: Phase) -> None:
    await asyncio.sleep(0.01)  # what was sent before arrives: a reset may overtake it
    line.reset()


async def _stall(line: Line, _: Phase) -> None:
    await line.stall()


async def _drip(line: Line, phase: Phase) -> None:
    for number in range(len(phase.after)):
        await line.send(phase.after[number : number + 1])
        await asyncio.sleep(0.0005)


async def _late(line: Line, phase: Phase) -> None:
    await asyncio.sleep(0.6)
    await line.send(phase.after)


def _says(data: bytes, *, then: str = "") -> Callable[[Line, Phase], Awaitable[None]]:
    async def act(line: Line, phase: Phase) -> None:
        await line.send(data)
        if then == "go on":
            await line.send(phase.after)
        else:
            line.close()

    return act


FAULTS = [
    Fault("the connection is closed", _close),
    Fault("the connection is reset", _reset),
    Fault("silence", _stall),
    Fault("bytes that are no HTTP", _says(b"\x00\xff\xfegarbage\r\n\r\n" * 3), no_http=True),
    Fault("a chunk length that is none", _says(b"zz\r\nhello\r\n"), no_http=True),
    Fault("a chunk longer than its length", _says(b"3\r\nhello world\r\n0\r\n\r\n"), no_http=True),
    Fault("a frame that is no JSON", _says(piece(b'data: {"oops\n\n') + TAIL), streams_only=True),
    Fault("half a character", _says(piece(b'data: {"choices":[{"delta":{"content":"\xe6\x9d\n\n') + TAIL), streams_only=True),
    Fault("an error object", _says(piece(frame({"error": {"message": "down", "code": 502}})) + TAIL), streams_only=True),
    Fault("an error event", _says(piece(b'event: error\ndata: {"message": "overloaded"}\n\n') + TAIL), streams_only=True),
    Fault("a web page", _says(piece(b"<html><title>502 Bad Gateway</title></html>") + TAIL), streams_only=True),
    Fault("the rest comes byte by byte", _drip, goes_on=True),
    Fault("the rest comes late", _late, goes_on=True),
    Fault("comments and empty lines", _says(piece(b": hi\n\n\n\n: there\r\n\r\n" * 50), then="go on"), goes_on=True, streams_only=True),
    Fault("a line of 1 MB", _says(piece(b": " + b"x" * 1_000_000 + b"\n\n"), then="go on"), goes_on=True, streams_only=True),
]  # fmt: skip
_HALF = ("in the head", "before the head")  # phases in which a chunk has no place yet


def _fits(fault: Fault, phase: Phase, *, stream: bool) -> bool:
    """Tell whether a fault is one there: half a frame, cut, is followed by nothing that would be legal."""
    inserted = fault.streams_only
    if inserted and (not stream or phase.name in _HALF or "frame of" in phase.name or "in the first" in phase.name):
        return False
    return not (phase.name == "after [DONE]" and inserted)


def matrix() -> Iterator[Case]:
    """Yield every fault in every phase, of streams and of whole answers."""
    for stream, fault in itertools.product((True, False), FAULTS):
        for phase in PHASES[stream]:
            if not _fits(fault, phase, stream=stream):
                continue
            for again in (False, True):
                play = _playing(fault, phase, again=again)
                allowed = _allowed(fault, phase, stream=stream, again=again)
                yield Case(fault.name, phase.name, stream, play, allowed, phase.tool, again)


def _allowed(fault: Fault, phase: Phase, *, stream: bool, again: bool) -> frozenset[str]:
    if fault.goes_on:
        return frozenset({ANSWER})
    if again and (phase.ends_in == {STATUS} or not stream):
        return frozenset({ANSWER})
    return phase.ends_in | ({STATUS, ANSWER} if fault.no_http and again else {STATUS} if fault.no_http else set())


def _playing(fault: Fault, phase: Phase, *, again: bool) -> Play:
    async def play(line: Line) -> None:
        if again and line.again:
            await well(line, tool=phase.tool)
            return
        if phase.before:
            await line.send(phase.before)
        await fault.act(line, phase)

    return play


# -- answers of another shape -------------------------------------------------------------------------------------------


def _reply(body: bytes, kind: bytes = JSON, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, kind, len(body), more, body)


_GOOD = b"".join(STREAMS[False])
_ZIPPED = b"content-encoding: gzip\r\n"


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 300_000_000, 9)


def _nested(depth: int) -> bytes:
    return b'{"choices":' + b"[" * depth + b"]" * depth + b"}"


def shapes(*, stream: bool) -> dict[str, tuple[bytes, str]]:
    """Return what a backend may send in place of a good answer, by name, and what a client may see."""
    body, kind = (_GOOD, SSE) if stream else (whole(), JSON)
    wrong = STATUS
    return {
        "no content type": (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body), ANSWER),
        "another content type": (_reply(body, b"text/plain"), ANSWER),
        "the other kind of answer": (_reply(whole() if stream else _GOOD, JSON if stream else SSE), ANSWER),
        "a stream that calls itself JSON": (_reply(_GOOD, JSON), ANSWER),
        "a good answer with gzip": (_reply(gzip.compress(body), kind, more=_ZIPPED), ANSWER),
        "deflate": (_reply(zlib.compress(body), kind, more=b"content-encoding: deflate\r\n"), ANSWER),
        "gzip that is none": (_reply(body, kind, more=_ZIPPED), wrong),
        "gzip cut short": (_reply(gzip.compress(body)[:-40], kind, more=_ZIPPED), f"{wrong}|{EVENT}|{ANSWER}"),
        "a gzip bomb": (_reply(_bomb(), kind, more=_ZIPPED), wrong),
        "1xx first": (b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + _reply(body, kind), ANSWER),
        "early hints": (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + _reply(body, kind), ANSWER),
        "HTTP/1.0, no length": (b"HTTP/1.0 200 OK\r\ncontent-type: %s\r\n\r\n%s" % (kind, body), ANSWER),
        "204": (b"HTTP/1.1 204 No Content\r\n\r\n", wrong),
        "a redirect": (b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", wrong),
        "a length too long": (_reply(body, kind).replace(b"length: ", b"length: 9"), f"{wrong}|{ANSWER}|{EVENT}"),
        "a length that is none": (_reply(body, kind).replace(b"length: ", b"length: x"), wrong),
        "two lengths": (_reply(body, kind, more=b"content-length: 1\r\n"), f"{wrong}|{ANSWER}"),
        "headers without a colon": (b"HTTP/1.1 200 OK\r\ngarbage\r\n\r\n", wrong),
        "a header of 100 kB": (_reply(body, kind, more=b"x-long: " + b"a" * 100_000 + b"\r\n"), wrong),
        "20,000 headers": (_reply(body, kind, more=b"x-many: a\r\n" * 20_000), f"{wrong}|{ANSWER}"),
        "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n", wrong),
        "200 with an error": (_reply(json.dumps({"error": {"message": "busy", "code": 503}}).encode()), wrong),
        "200 with a web page": (_reply(b"<html><title>Sign in</title></html>", b"text/html"), wrong),
        "200 with nothing": (_reply(b"", kind), wrong),
        "JSON of another kind": (_reply(b'[1, "two", null]'), wrong),
        "10,000 nested arrays": (_reply(_nested(10_000)), wrong),
        "numbers beyond bounds": (_reply(whole().replace(b'"completion_tokens": 7', b'"completion_tokens": 1e999')), f"{ANSWER}|{wrong}"),
        "negative counts": (_reply(whole().replace(b'"completion_tokens": 7', b'"completion_tokens": -7')), ANSWER),
        "not UTF-8": (_reply(whole().decode().encode("latin-1", "replace")), f"{ANSWER}|{wrong}"),
        "401": (_reply(b'{"error":{"message":"bad key"}}', status=b"401 Unauthorized"), wrong),
        "429": (_reply(b'{"error":{"message":"slow"}}', status=b"429 Slow", more=b"retry-after: 20\r\n"), wrong),
        "500 with nothing": (_reply(b"", status=b"500 Oops"), wrong),
        "503 with a page": (_reply(b"<html><title>Busy</title></html>", b"text/html", b"503 Busy"), wrong),
        "400 cut short": (_reply(b'{"error":', status=b"400 Bad").replace(b"length: ", b"length: 9"), wrong),
        "a status of 999": (_reply(b"{}", status=b"999 What"), wrong),
    }  # fmt: skip


def shaped() -> Iterator[Case]:
    """Yield every answer of another shape."""
    for stream in (True, False):
        for name, (data, allowed) in shapes(stream=stream).items():
            yield Case(name, "the whole answer", stream, _sending(data), frozenset(allowed.split("|")))


def _sending(data: bytes) -> Play:
    async def play(line: Line) -> None:
        await line.send(data)
        line.close()

    return play


# -- cut at every byte --------------------------------------------------------------------------------------------------


@dataclass
class Cuts:
    """An answer cut at every so many bytes. said: bytes after which the client has seen something; over: after which it is complete."""

    data: bytes
    said: int
    over: int
    slack: int = 6  # bytes in which a frame is whole though its end has not come
    allowed: dict[int, frozenset[str]] = field(default_factory=dict)

    def allow(self, at: int, *, stream: bool) -> frozenset[str]:
        early = EVENT if stream and at >= self.said else STATUS
        if abs(at - self.over) <= self.slack or (stream and abs(at - self.said) <= self.slack):
            return frozenset({ANSWER, EVENT, STATUS})
        return frozenset({ANSWER}) if at > self.over else frozenset({early})


def cuts(*, stream: bool, tool: bool) -> Cuts:
    """Return where an answer of one kind may be cut, and what follows from it."""
    if not stream:
        data = HEAD % JSON + piece(whole(tool=tool)) + TAIL
        return Cuts(data, 0, len(data) - 4, slack=3)
    parts = [piece(one) for one in STREAMS[tool]]
    ends = list(itertools.accumulate(map(len, parts), initial=len(HEAD % SSE)))
    return Cuts(HEAD % SSE + b"".join(parts) + TAIL, ends[2] - 3, ends[6 if tool else 4] - 3)


def truncated(step: int = 1) -> Iterator[Case]:
    """Yield answers that end after every `step`-th byte."""
    for stream, tool, how in itertools.product((True, False), (True, False), ("closed", "reset")):
        known = cuts(stream=stream, tool=tool)
        for at in range(0, len(known.data), step):
            play = _cutting(known.data[:at], reset=how == "reset")
            name = "a text" if not tool else "a tool call"
            yield Case(f"{how} at byte {at}", name, stream, play, known.allow(at, stream=stream), tool)


def _cutting(data: bytes, *, reset: bool) -> Play:
    async def play(line: Line) -> None:
        if data:
            await line.send(data)
        if reset:
            await asyncio.sleep(0.01)
            line.reset()
        else:
            line.close()

    return play


def connecting() -> Iterator[Case]:
    """Yield backends that can't be connected to: the model names them (`run.py`)."""
    names = {"refused": "gone", "never accepted": "deaf", "a name nobody knows": "nowhere", "no TLS there": "plain"}
    for fault, backend in names.items():
        for stream in (True, False):
            yield Case(f"a connection: {fault}", "connect", stream, well, frozenset({STATUS}), model=f"{backend}/m")
