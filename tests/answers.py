"""Hand-made answers of a backend, and what a client reads of them, line by line.

An answer is literal SSE, one `data:` line per event. What a client reads is told in lines too:

    message_start
    content_block_start 0 tool_use call_1 Bash
    input_json_delta 0 {"command":"ls"}
    content_block_stop 0
    message_delta tool_use
    message_stop
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests import grammar_oracle

from claude_code_proxy.errors import UpstreamError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, unseal
from claude_code_proxy.translate.fold import Fold
from claude_code_proxy.translate.grammar import State, advance
from claude_code_proxy.translate.plan import Plan, ToolFacts
from claude_code_proxy.translate.stream import StreamTranslator
from claude_code_proxy.wire import anthropic
from claude_code_proxy.wire.anthropic import Event, encode

KEY = b"the key of these tests"
MESSAGE_ID = "msg_0123456789"
OPENAI = Dialect(name="openai")
THINKS_ALOUD = Dialect(name="thinks aloud", think_tags=True)
TOOLS = {name: ToolFacts(name, {}) for name in ("Bash", "Read", "Edit")}


def plan_of(**fields: Any) -> Plan:
    """Return a plan for tools Bash, Read and Edit; `fields` differ from that."""
    return Plan(
        **{
            "model": "claude-asked-for",
            "backend": "b",
            "upstream_model": "m",
            "seal": KEY,
            "tools": TOOLS,
            "input_estimate": 7,
        }
        | fields
    )


# -- answers in ------------------------------------------------------------------------------------------------------


def sse(text: str) -> bytes:
    """Return the stream of `text`: each line is an event, blank lines only please the eye."""
    return b"".join(line.strip().encode() + b"\n\n" for line in text.split("\n") if line.strip())


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk as OpenAI sends it."""
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
        **more,
    }


def stream(*chunks: dict[str, Any], done: bool = True) -> bytes:
    """Return a stream of chunks."""
    frames = [json.dumps(one, ensure_ascii=False).encode() for one in chunks]
    return b"".join(b"data: %s\n\n" % frame for frame in [*frames, *([b"[DONE]"] if done else [])])


def fragment(arguments: str = "", *, name: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk with one fragment of a tool call. more: index, id, extra_content."""
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    return chunk({"tool_calls": [{**more, "function": function}]})


def answer(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> bytes:
    """Return a whole answer."""
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}).encode()


# -- ways to arrive --------------------------------------------------------------------------------------------------


def whole(body: bytes) -> list[bytes]:
    """One read."""
    return [body]


def byte_by_byte(body: bytes) -> list[bytes]:
    """The smallest reads there are."""
    return [body[at : at + 1] for at in range(len(body))]


def at_random(body: bytes) -> list[bytes]:
    """Reads of any size, the same each time."""
    dice = random.Random(len(body))
    cuts = [0, *sorted(dice.randrange(len(body) + 1) for _ in range(len(body) // 20 + 2)), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(cuts)]


WAYS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": whole,
    "byte by byte": byte_by_byte,
    "cut at random": at_random,
    "CRLF": lambda body: whole(body.replace(b"\n", b"\r\n")),
    "CRLF byte by byte": lambda body: byte_by_byte(body.replace(b"\n", b"\r\n")),
    "CR": lambda body: whole(body.replace(b"\n", b"\r")),
    "CR byte by byte": lambda body: byte_by_byte(body.replace(b"\n", b"\r")),
}

every_way = pytest.mark.parametrize("way", [pytest.param(cut, id=name) for name, cut in WAYS.items()])


# -- what a client reads ---------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """What became of an answer. lines: the events, told; message: folded; frames: the bytes of a translator that was fed."""

    events: list[Event]
    failure: UpstreamError | None
    notes: list[str]
    frames: bytes = b""
    envelopes: list[Envelope | None] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        told = [tell(event) for event in self.events]
        return [*told, f"error {self.failure.type}"] if self.failure else told

    @property
    def message(self) -> dict[str, Any]:
        fold = Fold()
        fold.add(self.events)
        return fold.message

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        return [(block["name"], block["input"]) for block in self.message["content"] if block["type"] == "tool_use"]

    @property
    def stop(self) -> dict[str, Any]:
        return next(event.delta for event in self.events if isinstance(event, anthropic.MessageDelta))

    @property
    def usage(self) -> dict[str, Any]:
        return next(event.usage for event in self.events if isinstance(event, anthropic.MessageDelta))


def hear(
    body: bytes,
    way: Callable[[bytes], list[bytes]] = whole,
    *,
    dialect: Dialect = OPENAI,
    plan: Plan | None = None,
) -> Heard:
    """Translate a stream twice, to events and to bytes, and hold both against the table and the second opinion."""
    plan = plan or plan_of()
    translator = StreamTranslator(dialect, plan, message_id=MESSAGE_ID)
    events: list[Event] = []
    for data in way(body):
        events += translator.events(data)
    events += translator.last_events()
    fed = StreamTranslator(dialect, plan, message_id=MESSAGE_ID)
    frames = b"".join(fed.feed(data) for data in way(body)) + fed.finish()
    assert frames_of(frames) == frames_of(encode(events)), "the short way and the long way differ"
    heard = Heard(events, translator.failure, translator.notes.codes(), frames)
    assert str(fed.failure) == str(translator.failure)
    assert fed.notes.codes() == heard.notes
    return judged(heard)


def hear_whole(body: bytes, *, dialect: Dialect = OPENAI, plan: Plan | None = None) -> Heard:
    """Translate a whole answer."""
    translator = StreamTranslator(dialect, plan or plan_of(), message_id=MESSAGE_ID)
    events = translator.whole_events(body)
    return judged(Heard(events, translator.failure, translator.notes.codes()))


def judged(heard: Heard) -> Heard:
    """Hold events against the table of moves, and their bytes against an oracle that does not know it."""
    state = State.BEFORE
    for event in heard.events:
        state = advance(state, event)
    assert heard.failure is not None or state is State.ENDED, f"ends {state.value}, without a failure"
    assert heard.failure is None or state is not State.ENDED, "a failure after message_stop"
    ending = anthropic.error_event(heard.failure, "req_1") if heard.failure else b""
    grammar_oracle.check(encode(heard.events) + ending)
    heard.envelopes = [unseal(signature, KEY) for signature in signatures(heard.events)]
    return heard


def signatures(events: Iterable[Event]) -> list[str]:
    """Return the signatures of the thinking blocks, in order."""
    deltas = [event.delta for event in events if isinstance(event, anthropic.ContentBlockDelta)]
    return [delta.signature for delta in deltas if isinstance(delta, anthropic.SignatureDelta)]


def frames_of(frames: bytes) -> list[Any]:
    """Return the payloads of frames as a client decodes them."""
    return [json.loads(line[6:]) for line in frames.split(b"\n") if line.startswith(b"data: ")]


def tell(event: Event) -> str:
    """Return the line of an event."""
    match event:
        case anthropic.ContentBlockStart(index=index, content_block={"type": "tool_use"} as block):
            toolset = f" of {block['toolset_name']}" if "toolset_name" in block else ""
            return f"content_block_start {index} tool_use {block['id']} {block['name']}{toolset}"
        case anthropic.ContentBlockStart(index=index, content_block=block):
            return f"content_block_start {index} {block['type']}"
        case anthropic.ContentBlockDelta(index=index, delta=delta):
            return _tell_delta(index, delta)
        case anthropic.ContentBlockStop(index=index):
            return f"content_block_stop {index}"
        case anthropic.MessageDelta(delta=delta):
            matched = f" {json.dumps(delta['stop_sequence'])}" if delta["stop_sequence"] is not None else ""
            return f"message_delta {delta['stop_reason']}{matched}"
        case _:
            return event.__struct_config__.tag


def _tell_delta(index: int, delta: Any) -> str:
    match delta:
        case anthropic.TextDelta(text=piece) | anthropic.ThinkingDelta(thinking=piece):
            said = json.dumps(piece, ensure_ascii=False)
        case anthropic.InputJsonDelta(partial_json=piece):
            said = piece
        case anthropic.CitationsDelta(citation=citation):
            said = citation["url"]
        case _:
            said = ""
    return f"{delta.__struct_config__.tag} {index} {said}".rstrip(" ")


def lines(text: str) -> list[str]:
    """Return the expected lines in `text`."""
    return [line.strip() for line in text.split("\n") if line.strip()]
