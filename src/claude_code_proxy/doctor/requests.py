"""The tiny requests of the deep examination, in the Messages API's words. Pure."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

Request = Mapping[str, Any]

LONG_NAME = "mcp__plugin_" + "weather_station_of_the_northern_hemisphere_" + "current_conditions_by_city_name_now"
"""90 characters, as tools of plugins have them; chat completions take 64."""

_CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_WEATHER = {"name": "get_weather", "description": "The weather of a city, now.", "input_schema": _CITY}


def _asked(words: str | list[Any], **more: Any) -> Request:
    return {"temperature": 0, "messages": [{"role": "user", "content": words}], **more}


def _red_square(side: int = 64) -> str:
    """A PNG (ISO/IEC 15948) of one colour; smaller ones are refused by some vision models."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(png).decode()


HELLO = _asked("Reply with one word: hello")
WHOLE = {**HELLO, "stream": False}
TOOL = _asked("What is the weather in Paris? Use the tool.", tools=[_WEATHER])
PARALLEL = _asked(
    "What is the weather in Paris, and what is it in Rome? Call the tool for both at once.", tools=[_WEATHER]
)
FORCED = _asked("Hello, I am in Paris.", tools=[_WEATHER], tool_choice={"type": "tool", "name": "get_weather"})
LONG = _asked("What is the weather in Paris? Use the tool.", tools=[{**_WEATHER, "name": LONG_NAME}])
IMAGE = _asked(
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _red_square()}},
        {"type": "text", "text": "Which colour is this picture? Answer with one word."},
    ]
)
STOP = _asked(
    "Write the numbers from 1 to 9 in digits, separated by spaces, and nothing else.",
    stop_sequences=["5", "five", "</end>", "STOP", "###"],
)
SCHEMA = _asked(
    "Which city is the capital of France?",
    output_config={"format": {"type": "json_schema", "schema": {**_CITY, "additionalProperties": False}}},
)
SYSTEM = {
    "temperature": 0,
    "messages": [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Which word did the system tell you? Answer with that word."},
        {"role": "system", "content": "The word is maple."},
    ],
}
THINKING = {
    "max_tokens": 2048,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        {"role": "user", "content": "Think: is it warmer in Paris or in Oslo now? Use the tool for Paris first."}
    ],
    "tools": [_WEATHER],
}
ENDLESS = _asked("Count from 1 to 300, every number in words.")


def second_turn(content: list[Any], calls: list[Mapping[str, Any]]) -> Request:
    """Return the request that gives `THINKING`'s answer back, with results for its calls."""
    results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "21 degrees, sunny"} for call in calls]
    said = results or [{"type": "text", "text": "Are you sure? Answer with yes or no."}]
    turns = [*THINKING["messages"], {"role": "assistant", "content": content}, {"role": "user", "content": said}]  # type: ignore[misc]
    return {**THINKING, "messages": turns}
