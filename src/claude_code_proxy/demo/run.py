"""`claude-code-proxy demo`: the embedded model, the proxy in front of it, an answer and a tool call through both."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING, Any

from .conversation import ask
from .embedded import DemoError, EmbeddedModel
from .proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
CLIENT_MODEL = "claude-haiku-4-5"
QUESTION = "What is the capital of France?"
TOOL_QUESTION = "What is the weather in Paris?"
TOOL_RESULT = "14 degrees and rain"
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def run(once: bool) -> int:
    """Run the demo and return its exit code. once: end after the two questions instead of serving on."""
    try:
        with _ended_by_sigterm(), EmbeddedModel() as model, Proxy(model) as proxy:
            _say(f"Model  {model.name} at {model.base_url}, {model.window} tokens of context")
            _say(f"Proxy  {proxy.url}\n")
            _converse(proxy.url)
            if not once:
                _serve_on(proxy)
    except KeyboardInterrupt:
        return INTERRUPTED
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _converse(url: str) -> None:
    body: dict[str, Any] = {"model": CLIENT_MODEL, "max_tokens": 200}
    _say(f"> {QUESTION}")
    ask(url, {**body, "messages": [_user(QUESTION)]}, sys.stdout)
    _say(f"\n> {TOOL_QUESTION}")
    blocks = ask(url, {**body, "messages": [_user(TOOL_QUESTION)], "tools": [TOOL]}, sys.stdout)
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    if not calls:
        raise DemoError("The model answered without calling the tool.")
    _say(f"< {TOOL_RESULT}")
    results = [{"type": "tool_result", "tool_use_id": call, "content": TOOL_RESULT} for call in calls]
    turns = [_user(TOOL_QUESTION), {"role": "assistant", "content": blocks}, _user(results)]
    ask(url, {**body, "messages": turns, "tools": [TOOL]}, sys.stdout)


def _serve_on(proxy: Proxy) -> None:
    """Serve until somebody ends it, which is no failure."""
    try:
        _say(
            f"\nStill serving on {proxy.url}; Ctrl-C ends it. Point a client at it, for example:\n"
            f"  ANTHROPIC_BASE_URL={proxy.url} ANTHROPIC_AUTH_TOKEN=any claude --bare\n"
            "Without --bare its prompt takes this model minutes. For work, start the proxy on a real backend:\n"
            "  OPENAI_API_KEY=your-key claude-code-proxy"
        )
        code = proxy.wait()
    except KeyboardInterrupt:
        _say("\nStopped.")
    else:
        raise DemoError(f"The proxy ended by itself with code {code}; its last words are above.")


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make `kill` end the demo as Ctrl-C does, children first."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
