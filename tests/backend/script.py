"""What a scripted backend answers: pieces in the order they go over the wire.

A step of a script is an `Answer` (a model speaks: as SSE when the request asks for a stream, else as JSON) or a
`Reply` (any HTTP answer, verbatim). Both may stop, wait or break off at any place: the parts that are not content are
acts (`Pause`, `Gate`, `Stall`, `Cut`).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Text:
    """Visible text, cut into deltas."""

    text: str


@dataclass(frozen=True)
class Thought:
    """Reasoning, cut into deltas of the field a backend uses for it."""

    text: str
    field: str = "reasoning_content"


@dataclass(frozen=True)
class Call:
    """A whole tool call, cut into fragments the way OpenAI does. arguments: an object, or JSON text as it is."""

    name: str
    arguments: Mapping[str, Any] | str
    id: str = ""

    @property
    def json(self) -> str:
        """The arguments as they go over the wire."""
        return (
            self.arguments if isinstance(self.arguments, str) else json.dumps(dict(self.arguments), ensure_ascii=False)
        )


@dataclass(frozen=True)
class Fragment:
    """One `tool_calls` entry of one delta; None leaves the key out."""

    index: int | None
    id: str | None = None
    name: str | None = None
    arguments: str | None = None


@dataclass(frozen=True)
class Delta:
    """One chunk with exactly this delta (and finish reason)."""

    delta: Mapping[str, Any]
    finish: str | None = None


@dataclass(frozen=True)
class Event:
    """One `data:` line with exactly this JSON."""

    body: Any


@dataclass(frozen=True)
class Bytes:
    """Bytes, verbatim, between two events or instead of them."""

    data: bytes


@dataclass(frozen=True)
class Failure:
    """An error object inside the answer."""

    message: str = "The server had an error while processing your request"
    type: str = "server_error"
    code: str | None = None


@dataclass(frozen=True)
class Pause:
    """Silence, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Silence until the peer hangs up."""


@dataclass(frozen=True)
class Cut:
    """The connection breaks here: reset, or closed (FIN) in the middle of the body."""

    reset: bool = True


class Gate:
    """Silence until the test opens it, or until `opens_at` answers stand before it: order without clocks."""

    def __init__(self, *, opens_at: int = 0) -> None:
        self._opens_at = opens_at
        self._lock = threading.Condition(threading.RLock())
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._open = False
        self.reached = 0

    def open(self) -> None:
        with self._lock:
            self._open = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)

    def wait_reached(self, number: int = 1, seconds: float = 10) -> None:
        """Return when `number` answers have come as far as this gate."""
        with self._lock:
            assert self._lock.wait_for(lambda: self.reached >= number, seconds), (
                f"{self.reached} of {number} at the gate"
            )

    async def passed(self) -> None:
        event = asyncio.Event()
        with self._lock:
            self.reached += 1
            self._lock.notify_all()
            self._waiting.append((asyncio.get_running_loop(), event))
            if self._open or self.reached == self._opens_at:
                self.open()
        await event.wait()


Act = Pause | Stall | Cut | Gate
Part = Text | Thought | Call | Fragment | Delta | Event | Bytes | Failure | Act

USAGE: Mapping[str, Any] = {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}


@dataclass(frozen=True)
class Answer:
    """What the model says.

    finish: derived from the parts when None; usage: None sends none; complete: False ends the body in good order but
    without finish, usage and [DONE]; done: False leaves out [DONE] only; before: acts before the status line;
    size: characters in one delta; drip: seconds between two of them.
    """

    parts: tuple[Part, ...]
    finish: str | None = None
    usage: Mapping[str, Any] | None = field(default_factory=lambda: USAGE)
    complete: bool = True
    done: bool = True
    before: tuple[Act, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 12
    drip: float = 0.0


@dataclass(frozen=True)
class Reply:
    """Any HTTP answer. body: bytes and str verbatim, else as JSON."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Act, ...] = ()


Step = Answer | Reply


def say(text: str, **options: Any) -> Answer:
    """Return an answer of nothing but text."""
    return Answer((Text(text),), **options)


def answer(*parts: Part, **options: Any) -> Answer:
    """Return an answer of these parts."""
    return Answer(parts, **options)


def error(
    status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None, **headers: str
) -> Reply:
    """Return an error in OpenAI's shape; `retry_after="3"` becomes the header `retry-after: 3`."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def interleave(*calls: Call, size: int = 5) -> tuple[Fragment, ...]:
    """Return the calls' fragments dealt out in turn, as backends with true parallel decoding send them."""
    heads = [Fragment(i, call.id or f"call_{i}", call.name, "") for i, call in enumerate(calls)]
    cuts = [[call.json[at : at + size] for at in range(0, len(call.json), size)] for call in calls]
    longest = max(len(pieces) for pieces in cuts)
    tails = [Fragment(i, arguments=cuts[i][n]) for n in range(longest) for i in range(len(calls)) if n < len(cuts[i])]
    return (*heads, *tails)
