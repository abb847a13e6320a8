"""A second opinion on Anthropic's event stream: written from the API's description, not from our grammar.

`check` reads the bytes a client would get, asserts every rule a client may rely on, and returns the message they add
up to, the way the official SDKs accumulate it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

STOP_REASONS = {
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
}
CUT = {"max_tokens", "model_context_window_exceeded", "refusal"}
ERRORS = {
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "api_error",
    "overloaded_error",
}
DELTAS_OF = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
    "mcp_tool_use": {"input_json_delta"},
    "compaction": {"compaction_delta"},
}
EMPTY_START = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
EMPTY_START["server_tool_use"] = EMPTY_START["tool_use"]


@dataclass
class Message:
    """What a client ends up with. error: of an `error` event, which ends the stream instead of message_stop."""

    start: dict[str, Any] = field(default_factory=dict)
    content: list[dict[str, Any]] = field(default_factory=list)
    stop: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None

    def text(self, kind: str = "text") -> str:
        """All text, or all thinking, in order."""
        return "".join(block[kind] for block in self.content if block["type"] == kind)

    def calls(self) -> list[dict[str, Any]]:
        return [block for block in self.content if block["type"] == "tool_use"]

    @property
    def stop_reason(self) -> str:
        return self.stop["stop_reason"]


def check(sse: bytes, *, foreign: bool = False) -> Message:
    """Return the message in a whole event stream; AssertionError names the rule it breaks.

    foreign: a recording of Anthropic itself, which may hold empty text blocks and end in the middle of a block.
    """
    checker = _Checker(foreign)
    for name, data in _frames(sse, foreign):
        checker.event(name, data)
    checker.end()
    return checker.message


def _frames(sse: bytes, foreign: bool) -> list[tuple[str, dict[str, Any]]]:
    text = sse.decode()  # strict: half a character is a broken stream
    assert foreign or not text or text.endswith("\n\n"), f"the last frame is not finished: {text[-80:]!r}"
    frames = [frame for frame in re.split(r"\r?\n\r?\n", text) if frame.strip()]
    return [parsed for frame in frames if (parsed := _frame(frame)) is not None]


def _frame(frame: str) -> tuple[str, dict[str, Any]] | None:
    lines = [line for line in re.split(r"\r\n|\n|\r", frame) if line and not line.startswith(":")]
    if not lines:
        return None  # a comment
    names = [line.removeprefix("event:").strip() for line in lines if line.startswith("event:")]
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    assert len(names) == 1, f"a frame needs exactly one event: line, this one has {len(names)}: {frame[:200]!r}"
    assert len(data) == 1, f"a frame needs exactly one data: line, this one has {len(data)}: {frame[:200]!r}"
    assert len(lines) == 2, f"unknown lines in a frame: {frame[:200]!r}"
    payload = json.loads(data[0])
    assert isinstance(payload, dict), f"an event is an object: {data[0][:200]!r}"
    assert payload.get("type") == names[0], f"event: {names[0]} holds type {payload.get('type')!r}"
    return names[0], payload


class _Checker:
    def __init__(self, foreign: bool) -> None:
        self.message = Message()
        self.foreign = foreign
        self.over = False
        self.open: dict[str, Any] | None = None
        self.signatures = 0
        self.last_delta = ""
        self.pieces: list[str] = []

    def event(self, name: str, data: dict[str, Any]) -> None:
        assert not self.over, f"{name} after the end of the stream"
        handler = getattr(self, f"on_{name}", None)
        assert handler is not None, f"unknown event {name!r}"
        assert name in {"message_start", "ping", "error"} or self.message.start, f"{name} before message_start"
        handler(data)

    def end(self) -> None:
        assert self.over, "the stream ends without message_stop and without an error event"

    def on_ping(self, data: dict[str, Any]) -> None:
        assert data == {"type": "ping"}, data

    def on_error(self, data: dict[str, Any]) -> None:
        error = data.get("error")
        assert isinstance(error, dict), f"an error event needs an error object: {data}"
        assert error.get("type") in ERRORS, f"not an error type of the API: {error.get('type')!r}"
        assert str(error.get("message") or "").strip(), "an error says something"
        self.message.error = error
        self.over = True

    def on_message_start(self, data: dict[str, Any]) -> None:
        assert not self.message.start, "a second message_start"
        message = data["message"]
        assert (message["type"], message["role"]) == ("message", "assistant"), message
        assert re.match("msg_.", message["id"]), message
        assert re.match(".", message["model"]), message
        assert (message["content"], message["stop_reason"], message["stop_sequence"]) == ([], None, None), message
        _counts(message["usage"], "input_tokens", "output_tokens")
        self.message.start = message

    def on_content_block_start(self, data: dict[str, Any]) -> None:
        assert self.open is None, f"block {data['index']} opens while another one is open"
        assert data["index"] == len(self.message.content), (
            f"block {data['index']} should be {len(self.message.content)}"
        )
        assert not self.message.stop, "a block after message_delta"
        block = data["content_block"]
        for name, value in EMPTY_START.get(block["type"], {}).items():
            assert block.get(name) == value, f"a {block['type']} block starts with {name}={value!r}: {block}"
        if block["type"] == "tool_use":
            assert re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]), f"no legal tool_use id: {block['id']!r}"
            assert re.match(".", block["name"]), block
            assert block["id"] not in {call["id"] for call in self.message.calls()}, f"tool_use id {block['id']} twice"
        self.message.content.append(dict(block))
        self.open = self.message.content[-1]
        self.signatures, self.last_delta, self.pieces = 0, "", []

    def on_content_block_delta(self, data: dict[str, Any]) -> None:
        assert self.open is not None, "a delta without an open block"
        assert data["index"] == len(self.message.content) - 1, f"a delta of block {data['index']}, which is not open"
        delta, kind = data["delta"], self.open["type"]
        assert delta["type"] in DELTAS_OF.get(kind, set()), f"{delta['type']} in a {kind} block"
        assert self.last_delta != "signature_delta", "the signature is the last delta of a thinking block"
        self.last_delta = delta["type"]
        match delta["type"]:
            case "text_delta":
                self.open["text"] += delta["text"]
            case "thinking_delta":
                self.open["thinking"] += delta["thinking"]
            case "signature_delta":
                self.signatures += 1
                self.open["signature"] = delta["signature"]
            case "citations_delta":
                self.open.setdefault("citations", []).append(delta["citation"])
            case "input_json_delta":
                assert isinstance(delta["partial_json"], str), delta
                self.pieces.append(delta["partial_json"])

    def on_content_block_stop(self, data: dict[str, Any]) -> None:
        assert self.open is not None, "a stop without an open block"
        assert data["index"] == len(self.message.content) - 1, f"stop of block {data['index']}, which is not open"
        block, self.open = self.open, None
        if block["type"] == "text" and not self.foreign:
            assert block["text"], "an empty text block"
        if block["type"] == "thinking":
            assert self.signatures == 1, f"{self.signatures} signatures in a thinking block"
            assert block["signature"], "an empty signature"
        if "input_json_delta" in DELTAS_OF.get(block["type"], set()):
            block["input"] = _input("".join(self.pieces), block.get("input"))

    def on_message_delta(self, data: dict[str, Any]) -> None:
        assert self.foreign or self.open is None, "message_delta while a block is open"
        assert not self.message.stop, "a second message_delta"
        stop = data["delta"]
        assert stop["stop_reason"] in STOP_REASONS, f"no stop reason of the API: {stop['stop_reason']!r}"
        assert (stop["stop_sequence"] is not None) == (stop["stop_reason"] == "stop_sequence"), stop
        assert not stop.get("stop_details") or stop["stop_reason"] == "refusal", stop
        _counts(data["usage"], "output_tokens")
        self.message.stop = stop
        self.message.usage = {**self.message.start["usage"], **data["usage"]}

    def on_message_stop(self, data: dict[str, Any]) -> None:
        assert self.message.stop, "message_stop without message_delta"
        self.over = True
        self._whole()

    def _whole(self) -> None:
        """What only shows when the message is complete."""
        reason = self.message.stop_reason
        calls = self.message.calls()
        assert reason != "end_turn" or not calls, "end_turn, although tools were called"
        assert reason != "tool_use" or calls, "tool_use, although no tool was called"
        for block in self.message.content if reason not in CUT else []:
            assert not isinstance(block.get("input"), _Cut), f"the input of a tool call is no JSON object: {block}"


class _Cut(dict):
    """The input of a call that broke off: clients read it as an empty object."""


def _input(text: str, at_start: Any) -> dict[str, Any]:
    if not text:
        return at_start or {}
    try:
        value = json.loads(text)
    except ValueError:
        return _Cut()
    assert isinstance(value, dict), f"the input of a tool call is an object, not {text[:80]!r}"
    return value


def _counts(usage: dict[str, Any], *required: str) -> None:
    for name in required:
        assert name in usage, f"usage without {name}: {usage}"
    for name, value in usage.items():
        if name.endswith("_tokens") and value is not None:
            assert type(value) is int, f"{name}: {value!r}"
            assert value >= 0, f"{name}: {value!r}"
