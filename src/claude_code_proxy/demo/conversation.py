"""One question through the proxy, shown as it streams: the Messages API read with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import urlsplit

from .embedded import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS = 300.0


def ask(url: str, body: dict[str, Any], out: TextIO) -> list[dict[str, Any]]:
    """Send a streamed request to the proxy at `url`, write the answer to `out` as it comes, return its content blocks.

    Raise DemoError when the answer is an error or doesn't end.
    """
    answer = _Answer(out)
    for event in _events(url, {**body, "stream": True}):
        answer.take(event)
    if not answer.complete:
        raise DemoError("The answer broke off: the stream ended without message_stop.")
    return answer.blocks


class _Answer:
    """What has arrived of one answer, written out as it arrives."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.blocks: list[dict[str, Any]] = []
        self.complete = False
        self._arguments = ""

    def take(self, event: dict[str, Any]) -> None:
        """Read one event of the stream."""
        match event:
            case {"type": "content_block_start", "content_block": block}:
                self._open(block)
            case {"type": "content_block_delta", "delta": delta}:
                self._extend(delta)
            case {"type": "content_block_stop"}:
                self._close()
            case {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}:
                self._say(f"  ({reason}, {_count(usage, 'input')} tokens in, {_count(usage, 'output')} out)\n")
            case {"type": "message_stop"}:
                self.complete = True
            case {"type": "error", "error": error}:
                raise DemoError(f"The proxy reported an error inside the stream: {error.get('message')}")

    def _open(self, block: dict[str, Any]) -> None:
        self.blocks.append(block)
        self._arguments = ""
        if block["type"] == "tool_use":
            self._say(f"{block['name']} ")

    def _extend(self, delta: dict[str, Any]) -> None:
        match delta:
            case {"type": "text_delta", "text": piece}:
                self.blocks[-1]["text"] += piece
            case {"type": "thinking_delta", "thinking": piece}:
                self.blocks[-1]["thinking"] += piece
            case {"type": "input_json_delta", "partial_json": piece}:
                self._arguments += piece
            case {"type": "signature_delta", "signature": signature}:
                self.blocks[-1]["signature"] = signature
                return
            case _:
                return
        self._say(piece)

    def _close(self) -> None:
        if self.blocks[-1]["type"] == "tool_use":
            self.blocks[-1]["input"] = json.loads(self._arguments or "{}")
        self._say("\n")

    def _say(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def _count(usage: dict[str, Any], side: str) -> int:
    cached = usage.get("cache_read_input_tokens") or 0 if side == "input" else 0
    return (usage.get(f"{side}_tokens") or 0) + cached


def _events(url: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parts = urlsplit(url)
    # Not urllib.request: it would send a request for this machine to the proxy that HTTP_PROXY names.
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    try:
        connection.request("POST", "/v1/messages", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise DemoError(f"The proxy answered {response.status}: {response.read().decode(errors='replace')}")
        for line in response:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))
    except (OSError, http.client.HTTPException) as error:
        raise DemoError(f"The connection to the proxy at {url} broke: {error}") from error
    finally:
        connection.close()
