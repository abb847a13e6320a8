"""The bytes of events and errors, as Anthropic's API writes them."""

from __future__ import annotations

import json

import pytest

from claude_code_proxy.errors import ClientError, RetryableError
from claude_code_proxy.wire.anthropic import (
    PING,
    CitationsDelta,
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Event,
    InputJsonDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    encode,
    error_body,
    error_event,
)

FRAMES: list[tuple[Event, str]] = [
    (
        MessageStart({"id": "msg_1", "content": []}),
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","content":[]}}\n\n',
    ),
    (
        ContentBlockStart(0, {"type": "text", "text": ""}),
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    ),
    (
        ContentBlockDelta(0, TextDelta('"北"\n\u2028')),
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\"北\\"\\n\u2028"}}\n\n',
    ),
    (
        ContentBlockDelta(1, ThinkingDelta("hm")),
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"hm"}}\n\n',
    ),
    (
        ContentBlockDelta(1, SignatureDelta("s")),
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"s"}}\n\n',
    ),
    (
        ContentBlockDelta(2, InputJsonDelta('{"a":')),
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":"}}\n\n',
    ),
    (
        ContentBlockDelta(0, CitationsDelta({"url": "u"})),
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"url":"u"}}}\n\n',
    ),
    (ContentBlockStop(2), 'event: content_block_stop\ndata: {"type":"content_block_stop","index":2}\n\n'),
    (
        MessageDelta({"stop_reason": "end_turn", "stop_sequence": None}, {"output_tokens": 0}),
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":0}}\n\n',
    ),
    (MessageStop(), 'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
]


@pytest.mark.parametrize(
    ("event", "frame"), [pytest.param(event, frame, id=frame.split("\n")[0]) for event, frame in FRAMES]
)
def test_a_frame_has_its_event_line_and_its_data_the_same_type(event: Event, frame: str) -> None:
    assert encode([event]).decode() == frame
    name, data = frame.splitlines()[0], frame.split("data: ")[1]
    assert name.removeprefix("event: ") == json.loads(data)["type"]


def test_one_write_holds_all_frames_in_order() -> None:
    events = [event for event, _ in FRAMES]
    assert encode(events).decode() == "".join(frame for _, frame in FRAMES)
    assert encode([]) == b""


def test_a_line_end_inside_text_never_ends_a_frame() -> None:
    frame = encode([ContentBlockDelta(0, TextDelta("a\r\n\r\ndata: x\n\n"))])
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame


def test_ping() -> None:
    assert PING == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_an_error_in_a_body_and_in_a_stream_is_the_same_envelope() -> None:
    error = RetryableError("overloaded", status=529)
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}, "request_id": "req_1"}
    assert error_body(error, "req_1") == body
    frame = error_event(error, "req_1").decode()
    assert frame.startswith("event: error\ndata: ")
    assert frame.endswith("\n\n")
    assert json.loads(frame.split("data: ")[1]) == body


def test_an_error_code_goes_into_the_details() -> None:
    error = ClientError("no", code="some_code")
    assert error_body(error, "req_1")["error"]["details"] == {"error_code": "some_code"}
