"""What tests of the Messages API over HTTP share: a request, and reading errors and streams strictly."""

from __future__ import annotations

import json
from typing import Any

import httpx2

HELLO: dict[str, Any] = {"model": "gpt-5.4", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


def envelope(reply: httpx2.Response) -> tuple[int, str, str]:
    """Return status, type and message of an error, which must be in Anthropic's envelope."""
    body = reply.json()
    assert body["type"] == "error"
    assert body["request_id"] == reply.headers["request-id"]
    return reply.status_code, body["error"]["type"], body["error"]["message"]


def events(reply: httpx2.Response) -> list[dict[str, Any]]:
    """Return a stream's events; every frame must have its `event:` line."""
    frames = [frame.split("\n") for frame in reply.text.split("\n\n") if frame and not frame.startswith(":")]
    decoded = [(frame[0].removeprefix("event: "), json.loads(frame[1].removeprefix("data: "))) for frame in frames]
    assert [name for name, _ in decoded] == [event["type"] for _, event in decoded]
    return [event for _, event in decoded]
