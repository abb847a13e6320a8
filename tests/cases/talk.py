"""What a client of the Messages API gets, streamed or whole, read strictly and put into one shape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.grammar_oracle import STOP_REASONS, check
from tests.messages_api import envelope

both = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])

USER = {"role": "user", "content": "Wie spät ist es in Łódź?"}


@dataclass
class Heard:
    """An answer. error: type and message, of an HTTP error or of an error event; notes: codes of what was changed."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    content: list[dict[str, Any]] = field(default_factory=list)
    message: dict[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def thinking(self) -> str:
        return "".join(block["thinking"] for block in self.content if block["type"] == "thinking")

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        return [(block["name"], block["input"]) for block in self.content if block["type"] == "tool_use"]

    @property
    def ids(self) -> list[str]:
        return [block["id"] for block in self.content if block["type"] == "tool_use"]

    @property
    def kinds(self) -> list[str]:
        return [block["type"] for block in self.content]

    @property
    def stop(self) -> str:
        return self.message["stop_reason"]

    @property
    def usage(self) -> dict[str, Any]:
        return self.message["usage"]

    @property
    def notes(self) -> list[str]:
        late = re.findall(rb"(?m)^: x-proxy-notes: (\S+)$", self.raw)
        return ",".join([self.headers.get("x-proxy-notes", ""), *(codes.decode() for codes in late)]).split(",")

    def events(self) -> list[dict[str, Any]]:
        """The events of a stream as they came."""
        lines = self.raw.decode().split("\n")
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    def turn(self) -> dict[str, Any]:
        """The assistant message a client puts into its history."""
        return {"role": "assistant", "content": self.content}


class Client:
    """Asks a proxy. Whatever comes back is held against the API's rules first.

    log: what the proxy wrote so far; wait_gauge: `ProxyProcess.wait_gauge`.
    """

    def __init__(
        self, http: httpx2.Client, log: Callable[[], str] = str, wait_gauge: Callable[..., None] | None = None
    ) -> None:
        self.http = http
        self.log = log
        self.wait_gauge = wait_gauge or _no_gauge

    def ask(
        self,
        *,
        stream: bool = False,
        path: str = "/v1/messages",
        headers: Mapping[str, str | bytes] | None = None,
        **fields: Any,
    ) -> Heard:
        """Send a request; what `fields` leave out is filled in. A field of None is not sent."""
        asked = {"model": "claude-sonnet-4-6", "max_tokens": 2000, "messages": [USER], **fields}
        body = {name: value for name, value in asked.items() if value is not None}
        reply = self.http.post(path, json={**body, "stream": stream} if stream else body, headers=dict(headers or {}))
        return heard(reply)

    def count(self, **fields: Any) -> int:
        """Return what count_tokens says."""
        body = {"model": "claude-sonnet-4-6", "messages": [USER], **fields}
        reply = self.http.post("/v1/messages/count_tokens", json=body)
        assert reply.status_code == 200, reply.text
        tokens = reply.json()["input_tokens"]
        assert type(tokens) is int
        return tokens


def _no_gauge(name: str, *_: object) -> None:
    raise AssertionError(f"this client knows no proxy to ask for {name}")


def heard(reply: httpx2.Response) -> Heard:
    """Read an answer of either kind."""
    result = Heard(reply.status_code, reply.headers, reply.content)
    assert reply.headers["request-id"].startswith("req_")
    if reply.status_code != 200:
        result.error = envelope(reply)[1:]
        return result
    if reply.headers["content-type"].startswith("text/event-stream"):
        _streamed(result)
    else:
        result.message = reply.json()
        _whole(result.message)
    result.content = result.message.get("content", [])
    return result


def _streamed(result: Heard) -> None:
    told = check(result.raw)
    result.message = {**told.start, **told.stop, "content": told.content, "usage": told.usage}
    if told.error is not None:
        result.error = told.error["type"], told.error["message"]


def _whole(message: dict[str, Any]) -> None:
    """What a client may rely on in a message that came at once."""
    assert (message["type"], message["role"]) == ("message", "assistant")
    assert re.match("msg_.", message["id"])
    assert message["stop_reason"] in STOP_REASONS
    assert (message["stop_sequence"] is not None) == (message["stop_reason"] == "stop_sequence")
    for name in ("input_tokens", "output_tokens"):
        assert type(message["usage"][name]) is int
        assert message["usage"][name] >= 0
    for block in message["content"]:
        _block(block)
    called = any(block["type"] == "tool_use" for block in message["content"])
    assert called or message["stop_reason"] != "tool_use"
    assert not called or message["stop_reason"] != "end_turn"


def _block(block: dict[str, Any]) -> None:
    match block["type"]:
        case "text":
            assert block["text"], "an empty text block"
        case "thinking":
            assert block["signature"], "a thinking block without its signature"
        case "tool_use":
            assert re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"])
            assert isinstance(block["input"], dict)
            assert block["name"]


def user(*content: Any) -> dict[str, Any]:
    """Return a user message of blocks; a string is a text block."""
    return {"role": "user", "content": [text(item) if isinstance(item, str) else item for item in content]}


def assistant(*content: Any) -> dict[str, Any]:
    """Return an assistant message of blocks; a string is a text block."""
    return {"role": "assistant", "content": [text(item) if isinstance(item, str) else item for item in content]}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def use(call_id: str, name: str, /, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(call_id: str, content: Any = "done", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def tool(name: str, /, *required: str, **properties: Any) -> dict[str, Any]:
    """Return a tool; a property without a schema of its own is a string."""
    schemas = {key: {"type": "string"} for key in required} | properties
    schema = {"type": "object", "properties": schemas, "required": list(required)}
    return {"name": name, "description": f"Tool {name}", "input_schema": schema}


READ = tool("Read", "file_path", limit={"type": "integer"})
BASH = tool("Bash", "command", timeout={"type": "number"}, background={"type": "boolean"})
TOOLS = [BASH, READ, tool("Grep", "pattern", path={"type": "string"})]
