"""A proxy as most are written: FastAPI in front, the openai package behind, and nothing but the translation between.

It stands for that class in the bench: no retries, no limits, no counting, no log. It runs in an environment of its own,
which this project's has nothing to do with; `python framework_peer.py PORT BASE_URL`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from pydantic import BaseModel

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class Message(BaseModel):
    role: str
    content: str | list[dict[str, Any]]


class Tool(BaseModel):
    name: str
    description: str = ""
    input_schema: dict[str, Any]


class MessagesRequest(BaseModel):
    model: str
    max_tokens: int
    messages: list[Message]
    system: str | list[dict[str, Any]] | None = None
    tools: list[Tool] | None = None
    temperature: float | None = None
    stream: bool = False


app = FastAPI()
client = AsyncOpenAI(api_key="any", base_url=sys.argv[2])


def _chat(request: MessagesRequest) -> dict[str, Any]:
    lead = [{"role": "system", "content": _words(request.system)}] if request.system else []
    messages = [part for message in request.messages for part in _messages(message)]
    body: dict[str, Any] = {"model": "bench-model", "max_tokens": request.max_tokens, "messages": [*lead, *messages]}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.input_schema},
            }
            for tool in request.tools
        ]
    return body


def _words(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n".join(block.get("text", "") for block in content)


def _messages(message: Message) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"role": message.role, "content": message.content}]
    calls = [_call(block) for block in message.content if block["type"] == "tool_use"]
    results = [
        {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _words(block["content"])}
        for block in message.content
        if block["type"] == "tool_result"
    ]
    said = _words([block for block in message.content if block["type"] == "text"])
    own = {"role": message.role, "content": said, **({"tool_calls": calls} if calls else {})}
    return [*results, *([own] if said or calls else [])]


def _call(block: dict[str, Any]) -> dict[str, Any]:
    function = {"name": block["name"], "arguments": json.dumps(block["input"])}
    return {"id": block["id"], "type": "function", "function": function}


@app.post("/v1/messages")
async def messages(request: MessagesRequest) -> Any:
    chat = _chat(request)
    if request.stream:
        chunks = await client.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True})
        return StreamingResponse(_events(request.model, chunks), media_type="text/event-stream")
    answer = await client.chat.completions.create(**chat)
    choice, usage = answer.choices[0], answer.usage
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [{"type": "text", "text": choice.message.content}],
        "stop_reason": _STOPS.get(choice.finish_reason, "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens},
    }


@app.post("/v1/messages/count_tokens")
async def count_tokens(request: dict[str, Any]) -> Any:
    return {"input_tokens": len(json.dumps(request)) // 4}


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


async def _events(model: str, chunks: Any) -> AsyncIterator[str]:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None}
    yield _event("message_start", message={**start, "usage": {"input_tokens": 0, "output_tokens": 0}})
    index, kind, stop, usage = -1, "", "end_turn", {"input_tokens": 0, "output_tokens": 0}
    async for chunk in chunks:
        if chunk.usage:
            usage = {"input_tokens": chunk.usage.prompt_tokens, "output_tokens": chunk.usage.completion_tokens}
        for choice in chunk.choices:
            for block, delta in _deltas(choice.delta):
                if block["type"] != kind:
                    if kind:
                        yield _event("content_block_stop", index=index)
                    index, kind = index + 1, block["type"]
                    yield _event("content_block_start", index=index, content_block=block)
                yield _event("content_block_delta", index=index, delta=delta)
            stop = _STOPS.get(choice.finish_reason, stop) if choice.finish_reason else stop
    if kind:
        yield _event("content_block_stop", index=index)
    yield _event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
    yield _event("message_stop")


def _deltas(delta: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if thought := getattr(delta, "reasoning_content", None):
        found.append(({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": thought}))
    if delta.content:
        found.append(({"type": "text", "text": ""}, {"type": "text_delta", "text": delta.content}))
    for call in delta.tool_calls or []:
        block = {"type": "tool_use", "id": call.id, "name": call.function.name, "input": {}}
        found.append((block, {"type": "input_json_delta", "partial_json": call.function.arguments or ""}))
    return found


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
