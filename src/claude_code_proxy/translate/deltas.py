"""The narrow waist: everything a backend can tell us, in a few small types.

Readers (`chunks.py`) turn a backend's chunk or whole answer into these; the writer (`stream.py`) knows nothing else.
A field's type is true: readers use the total accessors of `wire.shapes`, so a `str` here is a `str`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import UpstreamError


class Delta(msgspec.Struct, frozen=True, gc=False):
    """Anything the answer consists of."""


class Thinking(Delta, frozen=True, gc=False):
    """A piece of the model's reasoning, as text. `field` is the backend's field it came in, for the replay."""

    text: str
    field: str = "reasoning_content"


class ThinkingState(Delta, frozen=True):
    """A piece of opaque reasoning state the backend wants back next turn: one fragment of `reasoning_details`."""

    detail: dict[str, Any]


class Text(Delta, frozen=True, gc=False):
    """A piece of the visible answer."""

    text: str


class Refusal(Delta, frozen=True, gc=False):
    """A piece of a refusal's text; the answer ends with stop reason `refusal`."""

    text: str


class ToolFragment(Delta, frozen=True, gc=False):
    """A piece of a tool call, as the backend numbered it.

    index, id: None when absent; name: "" when absent; arguments: JSON text, a piece of it or all of it;
    whole: these are all the arguments, nothing follows; state: a signature to return with this call.
    """

    index: int | None
    id: str | None
    name: str
    arguments: str
    whole: bool = False
    state: str | None = None


class Citation(Delta, frozen=True, gc=False):
    """A web page the answer leans on (`annotations[].url_citation`)."""

    url: str
    title: str
    cited_text: str = ""


class Usage(Delta, frozen=True, gc=False):
    """Token counts so far: cumulative, the last one wins. `input_tokens` excludes both cache counts.

    priority: the backend says that it served the request with priority.
    """

    input_tokens: int
    output_tokens: int
    cache_read: int = 0
    cache_write: int = 0
    thinking: int | None = None
    cost: float | None = None
    searches: int | None = None
    priority: bool = False


class Served(Delta, frozen=True, gc=False):
    """The backend says, before it says anything else, that it serves the request with priority."""


class Finish(Delta, frozen=True, gc=False):
    """Why the model stopped, in Anthropic's words (`end_turn`, `max_tokens`, `tool_use`, `refusal`, ...).

    stop: the stop sequence that matched, where the backend says so; native: the backend's own word, for the log.
    """

    reason: str
    native: str = ""
    stop: str | None = None


class Failed(Delta, frozen=True):
    """The backend reported an error inside its answer."""

    error: UpstreamError


class Ignored(Delta, frozen=True, gc=False):
    """A part of the answer that no client could be shown, for the note. what: its name."""

    what: str


class Ended(Delta, frozen=True, gc=False):
    """The backend said that nothing follows (`[DONE]`, or a whole answer was read)."""
