"""What a person reads when something is wrong: a sentence with the cause, the setting and the remedy."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.backend import Backend, Reply, Step, error, say
from tests.messages_api import HELLO
from tests.proxy_process import ProxyProcess, free_port, proxy_for, start_proxy

MODELS = {"gpt-5.4": 400_000, "gpt-5.4-mini": 400_000}
PAGE = Reply(200, "<html><body>Welcome</body></html>", {"content-type": "text/html"})
UNLOADED = "No models loaded. Please load a model in the developer page or use the `lms load` command."


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(models=MODELS) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(backend: Backend) -> Iterator[ProxyProcess]:
    with proxy_for(backend, BIG_MODEL="gpt-5.4-minni") as running:
        yield running


def told(url: str) -> tuple[int, str]:
    """Ask for a message; return status and sentence of the error."""
    reply = httpx2.post(f"{url}/v1/messages", json={**HELLO, "model": "claude-opus-4-5"}, trust_env=False, timeout=30)
    body = reply.json()
    assert body["type"] == "error"
    return reply.status_code, body["error"]["message"]


@pytest.mark.parametrize(
    ("step", "status", "parts"),
    [
        (error(401, "Incorrect API key", code="invalid_api_key"), 502, ["key was rejected", "Check OPENAI_API_KEY"]),
        (error(404, "Invalid URL (POST /chat/completions)"), 502, ["Check OPENAI_BASE_URL", "usually ends in /v1"]),
        (PAGE, 502, ["No chat completions", "Welcome", "Check OPENAI_BASE_URL"]),
        (error(404, "The model `gpt-5.4-minni` does not exist", code="model_not_found"), 404,
         ["does not exist", "BIG_MODEL names it.", "Near names it has: gpt-5.4-mini, gpt-5.4."]),
        (error(404, UNLOADED, code="model_not_found"), 502, ["is not loaded", "lms load", "Load it there"]),
        (Reply(400, {"error": UNLOADED}), 502, ["is not loaded", "Load it there"]),
        (Reply(400, {"error": "Model has unloaded or crashed.."}), 502, ["is not loaded", "Load it there"]),
        (Reply(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}), 529,
         ["still loading the model", "Try again in a moment"]),
        (error(429, "You exceeded your current quota.", code="insufficient_quota"), 402,
         ["no credit left", "Add credit there, or change OPENAI_API_KEY"]),
        (error(402, "Insufficient credits. Add more using https://openrouter.ai/credits"), 402, ["openrouter.ai/credits"]),
        (error(400, "This model's maximum context length is 131072 tokens. However, your messages resulted in 140000 "
                    "tokens.", code="context_length_exceeded"), 400, ["prompt is too long: 140000 tokens > 131072 maximum"]),
    ],
    ids=["wrong key", "missing /v1", "web page", "no such model", "not loaded", "not loaded in words", "unloaded",
         "loading", "quota", "credit", "overflow"],
)  # fmt: skip
def test_a_failure_is_a_sentence_with_its_remedy(
    backend: Backend, proxy: ProxyProcess, step: Step, status: int, parts: list[str]
) -> None:
    backend.play(lambda _: step)
    got, sentence = told(proxy.url)
    assert got == status, sentence
    assert [part for part in parts if part not in sentence] == [], sentence
    assert "Traceback" not in proxy.log()


def test_a_backend_that_is_not_there_is_told_with_its_setting() -> None:
    class Nobody:
        url, key = f"http://127.0.0.1:{free_port()}/v1", "any"

    with proxy_for(Nobody) as proxy:
        status, sentence = told(proxy.url)
    assert status == 502
    assert "connection refused. Check OPENAI_BASE_URL, and that the server runs." in sentence


def test_a_pasted_endpoint_is_cut_to_the_base_url_and_said_so(backend: Backend) -> None:
    backend.play(lambda _: say("hello"))
    with start_proxy({"OPENAI_BASE_URL": f"{backend.url}/chat/completions", "OPENAI_API_KEY": backend.key}) as proxy:
        reply = httpx2.post(f"{proxy.url}/v1/messages", json=HELLO, trust_env=False, timeout=30)
        assert reply.status_code == 200, reply.text
        assert "/chat/completions is left out" in proxy.log()
