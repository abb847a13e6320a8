"""What a program does with the Python SDK, any version: `python sdk_scenarios.py URL MODEL SCENARIO...` prints what came of it as JSON.

sdk_scenarios.mjs does the same with the TypeScript SDK, under the same names, with the same results.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import pydantic

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
WEATHER: list[Any] = [
    {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]
LONG = int(os.environ.get("LONG_ANSWER", "4000"))  # tokens; a real model is given less
SHORT = min(LONG, 200)
THINKING: dict[str, Any] = {"type": "enabled", "budget_tokens": 1024} if LONG > 1024 else {"type": "adaptive"}


class City(pydantic.BaseModel):
    name: str
    people: int


def summary(message: Any) -> dict[str, Any]:
    """Return what every client must read the same from a message."""
    blocks = [block.model_dump(exclude_none=True) for block in message.content]
    return {
        "id": message.id,
        "type": message.type,
        "role": message.role,
        "model": message.model,
        "stop_reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
        "blocks": [{key: value for key, value in block.items() if key in KEPT} for block in blocks],
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "input_tokens": message.usage.input_tokens,
        "output_tokens": message.usage.output_tokens,
    }


KEPT = ("type", "text", "thinking", "signature", "id", "name", "input")


def create(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    message = client.messages.create(model=model, max_tokens=SHORT, messages=HELLO)
    return {**summary(message), "request_id": message._request_id}


def stream(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    with client.messages.stream(model=model, max_tokens=SHORT, messages=HELLO) as events:
        pieces = list(events.text_stream)
        return {**summary(events.get_final_message()), "pieces": len(pieces), "joined": "".join(pieces)}


def raw_stream(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    events = list(client.messages.create(model=model, max_tokens=SHORT, messages=HELLO, stream=True))
    return {"events": [event.type for event in events]}


def stop(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    return summary(client.messages.create(model=model, max_tokens=SHORT, messages=HELLO, stop_sequences=["END"]))


def tools(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    """Think, call, give the results back with the whole answer as it came; streamed."""
    asked: dict[str, Any] = {"model": model, "max_tokens": LONG, "tools": WEATHER, "thinking": THINKING}
    with client.messages.stream(**asked, messages=HELLO) as events:
        first = events.get_final_message()
    with client.messages.stream(**asked, messages=history(first)) as events:
        return {"first": summary(first), "second": summary(events.get_final_message())}


def tools_whole(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    """The same without streaming."""
    asked: dict[str, Any] = {"model": model, "max_tokens": LONG, "tools": WEATHER, "thinking": THINKING}
    first = client.messages.create(**asked, messages=HELLO)
    return {"first": summary(first), "second": summary(client.messages.create(**asked, messages=history(first)))}


def call(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    """One forced call."""
    choice: Any = {"type": "tool", "name": "get_weather"}
    asked: dict[str, Any] = {"model": model, "max_tokens": SHORT, "tools": WEATHER, "tool_choice": choice}
    with client.messages.stream(**asked, messages=HELLO) as events:
        return summary(events.get_final_message())


def think(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    with client.messages.stream(model=model, max_tokens=LONG, thinking=THINKING, messages=HELLO) as events:
        return summary(events.get_final_message())


def history(first: Any) -> list[Any]:
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": f"sunny in {block.input.get('city')}"}
        for block in calls
    ]
    return [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]


def parse(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    message = client.messages.parse(model=model, max_tokens=SHORT, messages=HELLO, output_format=City)
    return {"parsed": message.parsed_output.model_dump() if message.parsed_output else None}


def beta(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": SHORT,
        "messages": HELLO,
        "betas": ["context-1m-2025-08-07", "unknown-2099-01-01"],
    }
    whole = client.beta.messages.create(**asked)
    with client.beta.messages.stream(**asked) as events:
        return {"whole": summary(whole), "streamed": summary(events.get_final_message())}


def count(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    short = client.messages.count_tokens(model=model, messages=HELLO).input_tokens
    return {
        "short": short,
        "with_tools": client.messages.count_tokens(model=model, messages=HELLO, tools=WEATHER).input_tokens,
    }


def models(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    listed = list(client.models.list())
    one = client.models.retrieve(listed[0].id)
    return {
        "ids": [entry.id for entry in listed],
        "type": one.type,
        "retrieved": one.id,
        "named": bool(one.display_name),
    }


def error(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    return failed(lambda: create(client, model))


def error_in_stream(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    return failed(lambda: stream(client, model))


def files(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    return failed(client.beta.files.list)


def batches(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    return failed(client.messages.batches.list)


def concurrently(client: anthropic.Anthropic, model: str) -> dict[str, Any]:
    """Ten streams of the asynchronous client at once."""

    async def all_of_them() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=str(client.base_url), api_key="dummy", max_retries=0) as many:
            return list(await asyncio.gather(*(one(many) for _ in range(10))))

    async def one(many: anthropic.AsyncAnthropic) -> str:
        async with many.messages.stream(model=model, max_tokens=SHORT, messages=HELLO) as events:
            return "".join([text async for text in events.text_stream])

    return {"texts": asyncio.run(all_of_them())}


def failed(act: Callable[[], Any]) -> dict[str, Any]:
    """Return what a program learns from the error."""
    try:
        return {"class": "", "result": repr(act())}
    except anthropic.APIStatusError as failure:
        body = failure.body if isinstance(failure.body, dict) else {}
        told = body.get("error") or {}
        return {
            "class": type(failure).__name__,
            "status": failure.status_code,
            "type": told.get("type"),
            "message": told.get("message"),
            "request_id": failure.request_id,
        }
    except anthropic.AnthropicError as failure:
        return {"class": type(failure).__name__, "message": str(failure)}


def main() -> None:
    url, model, *scenarios = sys.argv[1:]
    with anthropic.Anthropic(base_url=url, api_key="dummy", max_retries=0, timeout=60) as client:
        print(json.dumps([globals()[scenario](client, model) for scenario in scenarios]))


if __name__ == "__main__":
    main()
