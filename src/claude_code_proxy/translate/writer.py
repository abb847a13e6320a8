"""Deltas in, Anthropic events out: the one place with state, and it knows no backend.

State is which block is open (`grammar.State`), the calls that wait for their turn, and what the end needs to know. One
block is open at a time and indices are dense; every event passes the table in `grammar.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from ..errors import FilteredError, RetryableError, UpstreamError
from ..wire.anthropic import (
    AnyDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Event,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    TextDelta,
)
from . import ending, tool_ids
from .calls import Calls
from .deltas import (
    Citation,
    Delta,
    Ended,
    Failed,
    Finish,
    Ignored,
    Refusal,
    Served,
    Text,
    Thinking,
    ThinkingState,
    ToolFragment,
    Usage,
)
from .grammar import FOLLOWING, State, advance
from .notes import Notes
from .overflow import completed
from .plan import Plan
from .search_blocks import SearchBlocks
from .thinking_blocks import ThinkingBlocks
from .tool_blocks import ToolBlocks
from .usage import anthropic_usage, cut_window, whole_prompt

_BEFORE, _BETWEEN, _ENDED = State.BEFORE, State.BETWEEN, State.ENDED  # by name: an Enum looks each one up
_TEXT, _THINKING = State.TEXT, State.THINKING
_CONTENT: frozenset[type[Delta]] = frozenset({Text, Thinking, Refusal, Citation})
_DEMANDING = ("any", "tool")  # types of tool_choice
_UNTOLD = Usage(0, 1)  # what is known of an answer that begins
_WEAK = ("end_turn", "tool_use", "unknown")  # reasons that do not say why
_LONGEST_DETAIL = 40  # characters of a backend's word in a note


class Writer:
    """Writes one answer. `write` deltas as they come, then `finish`; look at `failure` after each.

    estimate: counts the prompt's tokens, for whom its number in the plan would come too early.
    """

    def __init__(self, plan: Plan, notes: Notes, *, message_id: str, estimate: Callable[[], int] | None = None) -> None:
        self.plan = plan
        self.notes = notes
        self.message_id = message_id
        self.state: State = _BEFORE
        self.index = -1
        self.failure: UpstreamError | None = None
        self.usage: Usage | None = None
        self.ending: Finish | None = None
        self.ended = False
        self.served = False
        self.refusal: list[str] = []
        self.characters = 0
        self.stop_reason = ""
        self._asked = estimate
        self._taking = self._SILENT if plan.discard else self._TAKING
        self._events: list[Event] = []
        self._waiting: list[Delta] = []
        self._pairs = 0
        self._thinking: ThinkingBlocks | None = None  # most answers have none of these three
        self._tools: ToolBlocks | None = None
        self._search: SearchBlocks | None = None
        self._told: Usage | None = None
        self._counts: dict[str, Any] = {}  # as the client is told what was told
        self._window = 0  # to which a prompt with these counts was cut

    @property
    def thinking(self) -> ThinkingBlocks:
        """The part for reasoning."""
        if self._thinking is None:
            self._thinking = ThinkingBlocks(self)
        return self._thinking

    @property
    def tools(self) -> ToolBlocks:
        """The part for tool calls."""
        if self._tools is None:
            self._tools = ToolBlocks(self, Calls(self.plan.tools))
        return self._tools

    @property
    def search(self) -> SearchBlocks:
        """The part for the pages of a search."""
        if self._search is None:
            self._search = SearchBlocks(self)
        return self._search

    def write(self, deltas: Iterable[Delta]) -> list[Event]:
        """Return the events that `deltas` lead to."""
        for delta in deltas:
            if self.failure is not None:
                break
            if self._tools is None:
                self._taking[type(delta)](self, delta)
            else:
                self._write_beside(self._tools, delta)
        return self._flush()

    def finish(self) -> list[Event]:
        """Return the last events. An answer that did not end, or said nothing, sets `failure` and has no last event."""
        if self.failure is None and self.state is not _ENDED:
            self._conclude()
        return self._flush()

    def let_go(self) -> None:
        """Let go of the parts: nothing is asked of the writer after that.

        They know the writer, so that only the garbage collector would free both; one collection while a thousand
        streams are open holds all of them up for a tenth of a second.
        """
        self._thinking = self._tools = self._search = None

    def _write_beside(self, tools: ToolBlocks, delta: Delta) -> None:
        if type(delta) in _CONTENT:
            if tools.busy:  # a block can't be left and entered again
                self._waiting.append(delta)
                return
            tools.settle()
        self._taking[type(delta)](self, delta)
        if self._waiting and not tools.busy:
            self._release(tools)

    def _release(self, tools: ToolBlocks) -> None:
        """Write what waited for the end of a tool call."""
        waiting, self._waiting = self._waiting, []
        for delta in waiting:
            self._write_beside(tools, delta)

    # -- what the parts of the writer share ---------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Send an event, through the grammar."""
        self.state = FOLLOWING[self.state].get(type(event)) or advance(self.state, event)
        self._events.append(event)

    def delta(self, delta: AnyDelta) -> None:
        """Send a delta of the open block."""
        self.emit(ContentBlockDelta(self.index, delta))

    def open(self, block: dict[str, Any]) -> None:
        """Close what is open and open a block; the first one starts the message."""
        self.close()
        self.index += 1
        self.emit(ContentBlockStart(self.index, block))

    def close(self) -> None:
        """Close the open block, if any; a thinking block gets its signature first."""
        if self.state is _BEFORE:
            self._start()
        if self.state is _THINKING:
            self.thinking.sign()
        if self.state is not _BETWEEN:
            self.emit(ContentBlockStop(self.index))

    def _start(self) -> None:
        plan = self.plan
        usage, _ = ending.counted(self.usage or _UNTOLD, self._estimate, 0)
        self.emit(MessageStart(ending.message(plan, self.message_id, self._tell(usage))))
        if plan.lead_blocks and not plan.discard:
            self.open_server_blocks(*plan.lead_blocks)

    def open_server_blocks(self, *blocks: Mapping[str, Any]) -> None:
        """Open a server tool's call and result; both get one id, which no other pair has.

        The result comes whole, the call's input as a delta: clients read the input of any call from there.
        """
        self._pairs += 1
        number = f"_{self._pairs}" if self._pairs > 1 else ""
        shared = tool_ids.SERVER_PREFIX + self.message_id.removeprefix("msg_") + number
        for block in blocks:
            if "input" not in block:
                self.open({**block, "tool_use_id": shared})
                continue
            self.open({**block, "id": shared, "input": {}})
            self.delta(InputJsonDelta(msgspec.json.encode(block["input"]).decode() if block["input"] else ""))

    def carry(self, call_id: str, signature: str) -> None:
        """Put a call's own signature into the next envelope."""
        self.thinking.carry(call_id, signature)

    def flush_state(self) -> None:
        """Send reasoning state that has no block yet, before a block that belongs after it."""
        if self._thinking is not None:
            self._thinking.flush()

    # -- deltas -------------------------------------------------------------------------------------------------

    def _text(self, delta: Text) -> None:
        if not delta.text:
            return
        search = self._search
        if self.state is not _TEXT:
            if self._thinking is not None:
                self._thinking.flush()
            if search is not None:
                search.lead()
            self.open({"type": "text", "text": ""})
        self.characters += len(delta.text)
        self.delta(TextDelta(delta.text))
        if search is not None:
            search.cite()

    def _refusal(self, delta: Refusal) -> None:
        self.refusal.append(delta.text)
        self._text(Text(delta.text))

    def _usage(self, delta: Usage) -> None:
        self.usage = delta
        self.served = self.served or delta.priority

    def _served(self, _delta: Served) -> None:
        self.served = True
        self._told = None

    def _ignored(self, delta: Ignored) -> None:
        self.notes.add("chunk-ignored", "content", delta.what[:_LONGEST_DETAIL])

    def _finish(self, delta: Finish) -> None:
        """Keep the reason that says most: some backends say `stop` once more behind it, or in every chunk."""
        told = self.ending
        if told is None or delta.reason == "error" or (told.reason in _WEAK and delta.reason not in _WEAK):
            self.ending = delta

    def _failed(self, delta: Failed) -> None:
        """A content filter is no fault: what was said stays, and the answer ends as a refusal."""
        if isinstance(delta.error, FilteredError):
            self.refusal.append(delta.error.message)
            self.ending, self.ended = Finish("refusal", "content_filter"), True
        else:
            plan = self.plan
            self.failure = completed(delta.error, counted=self._estimate(), window=plan.window, asked=plan.max_tokens)

    def _ended(self, _delta: Ended) -> None:
        self.ended = True

    # -- the end ------------------------------------------------------------------------------------------------

    def _conclude(self) -> None:
        if self.ending is None and not self.ended:
            self.failure = RetryableError("The backend's answer ended early, without a finish reason.")
            return
        if self.ending is not None and self.ending.reason == "error":
            self.failure = RetryableError("The backend reported an error in the middle of its answer.")
            return
        if self._tools is not None:
            self._end_calls(self._tools)
        if self.plan.choice in _DEMANDING and self.failure is None:
            self.tools.judge()
        if self._thinking is not None and self.failure is None:
            self._thinking.flush()
            self._say_what_was_hidden(self._thinking)
        if self.state is _BEFORE and self.failure is None:
            self._judge_silence()
        if self.failure is None:
            self._send_the_end()

    def _end_calls(self, tools: ToolBlocks) -> None:
        tools.finish(cut=self.ending is not None and self.ending.reason in ending.CUTTING)
        if self._waiting and self.failure is None:
            self._release(tools)

    def _judge_silence(self) -> None:
        hidden = self._thinking is not None and self._thinking.hidden
        forbidden = self._tools is not None and self._tools.forbidden
        fault = "" if hidden else ending.emptiness(self.ending, self.plan, self.usage, forbidden=forbidden)
        if fault:
            self.failure = RetryableError(fault)
            self.failure.kind = "empty"

    def _send_the_end(self) -> None:
        if self._search is not None or self.plan.search_query is not None or self.plan.search_demanded:
            self.search.finish()
        self.close()
        self.emit(self._message_delta())
        self.emit(MessageStop())

    def _say_what_was_hidden(self, thinking: ThinkingBlocks) -> None:
        """An answer that is nothing but reasoning, although none was wanted: a server's parser took it for that.

        So vLLM does where a template has thinking off and its parser expects it. Nobody gets nothing for an answer.
        """
        told = self.ending.reason if self.ending else ""
        said = "".join(thinking.unsaid)
        if self.state is _BEFORE and said.strip() and told not in ending.CUTTING:
            self.notes.add("thinking-as-text", "content")
            self._text(Text(said))

    def _message_delta(self) -> MessageDelta:
        usage, guessed = ending.counted(self.usage, self._estimate, self.characters)
        if guessed:
            self.notes.add("usage-estimated", "usage", guessed)
        counts = self._tell(usage)
        if self._window:
            self.notes.add("prompt-cut", "messages", f"about {self._estimate()} tokens to {self._window}")
        if self.plan.search_query is not None:
            counts = counts | self.search.usage(usage)
        called = self._tools is not None and self._tools.called
        stop = ending.stop(self.ending, self.plan, self.notes, usage, called=called, refusal="".join(self.refusal))
        self.stop_reason = stop["stop_reason"]
        return MessageDelta(stop, counts, ending.edits(self.plan))

    def _tell(self, usage: Usage) -> dict[str, Any]:
        """Return the counts for the client: of the prompt it has, where a backend cut it and counted what was left.

        A whole answer's start and its end have the same ones.
        """
        if usage is self._told:
            return self._counts
        plan = self.plan
        self._told, self._window = usage, cut_window(usage, self._estimate)
        told = whole_prompt(usage, self._estimate()) if self._window else usage
        told = ending.without_output(told) if plan.discard else told
        self._counts = anthropic_usage(told, plan.scale)
        self._counts["service_tier"] = "priority" if self.served else "standard"
        if plan.fast:
            self._counts["speed"] = "fast" if self.served else "standard"
        return self._counts

    def _estimate(self) -> int:
        return self.plan.input_estimate if self._asked is None else self._asked()

    def _flush(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    _TAKING: ClassVar[Mapping[type[Delta], Callable[[Writer, Any], None]]] = {
        Text: _text,
        Thinking: lambda self, delta: self.thinking.text(delta),
        ThinkingState: lambda self, delta: self.thinking.state(delta),
        ToolFragment: lambda self, delta: self.tools.fragment(delta),
        Refusal: _refusal,
        Citation: lambda self, delta: self.search.page(delta),
        Usage: _usage,
        Ignored: _ignored,
        Served: _served,
        Finish: _finish,
        Failed: _failed,
        Ended: _ended,
    }
    _SILENT: ClassVar[Mapping[type[Delta], Callable[[Writer, Any], None]]] = {  # the client asked for no output
        **_TAKING,
        **dict.fromkeys((*_CONTENT, ThinkingState, ToolFragment), lambda _self, _delta: None),
    }
