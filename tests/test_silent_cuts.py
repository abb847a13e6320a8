"""Servers that cut prompts in silence (CX-08): refused by the proxy's own count, which their reports don't mislead."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from tests.asgi import App, running
from tests.messages_api import HELLO
from tests.raw_backend import Asked, completion, raw_backend, whole

from claude_code_proxy.backends import catalogue, cuts

LISTS: dict[str, dict[str, Any]] = {
    "told": {"data": [{"id": "m", "owned_by": "library", "context_length": 8192}]},
    "unknown": {"data": [{"id": "m", "owned_by": "library"}]},
}

SENTENCE = re.compile(r"prompt is too long: (\d+) tokens > (\d+) maximum")
ROUTER = {"data": [{"id": "m", "context_length": 8192}]}


def reader(window: int, ratio: float) -> Any:
    """A server that counts `ratio` tokens a word, and reads no more than its window of them."""

    async def answer(asked: Asked) -> None:
        if asked.body is None or "messages" not in asked.body:
            return asked.send(whole({"error": "not found"}, status=404))
        words = len(re.findall(r"\bword\b", json.dumps(asked.body["messages"])))
        read = min(round(words * ratio), window - 6)
        usage = {"prompt_tokens": read, "completion_tokens": 6, "total_tokens": read + 6}
        return asked.send(whole({**completion("ja"), "usage": usage}))

    return answer


async def told(app: App, words: int) -> tuple[int, str]:
    """Return status and notes, or the error's words; ten words are nine tokens of ours."""
    talk = " ".join(["word"] * words)
    reply = await app.post({**HELLO, "model": "m", "max_tokens": 16, "messages": [{"role": "user", "content": talk}]})
    fine = reply.status_code == 200
    return reply.status_code, reply.headers.get("x-proxy-notes", "") if fine else reply.json()["error"]["message"]


def chats(backend: Any) -> int:
    return sum(body is not None and "max_tokens" in body for body in backend.bodies)  # a question for a count has none


async def test_a_prompt_near_the_window_is_not_refused_and_one_beyond_is() -> None:
    async with (
        raw_backend(reader(8192, 0.9), models=LISTS["told"]) as backend,
        running(backend, DIALECT="ollama") as app,
    ):
        assert (await told(app, 9000))[0] == 200
        status, words = await told(app, 9600)
        assert (status, words.split(":")[0]) == (400, "prompt is too long")
        assert words.endswith("> 8192 maximum")
        assert chats(backend) == 1


@pytest.mark.parametrize(("ratio", "fits", "too_long"), [(1.5, 5000, 6500), (0.7, 10_000, 12_500)])
async def test_the_count_is_the_one_that_reports_have_corrected(ratio: float, fits: int, too_long: int) -> None:
    async with (
        raw_backend(reader(8192, ratio), models=LISTS["told"]) as backend,
        running(backend, DIALECT="ollama") as app,
    ):
        for words in (2000, 2500, 3000, 3500):
            assert (await told(app, words))[0] == 200
        assert (await told(app, fits))[0] == 200
        status, message = await told(app, too_long)
        assert status == 400
        assert abs(int(message.split()[4]) - too_long * ratio) < 0.03 * too_long * ratio, "the model's tokens, not ours"


@pytest.mark.parametrize("dialect", ["ollama", "", "glm"])
async def test_after_a_cut_that_was_seen_what_is_beyond_it_is_refused_by_a_count_that_has_learned_nothing(
    dialect: str,
) -> None:
    async with (
        raw_backend(reader(4096, 1.0), models=LISTS["unknown"]) as backend,
        running(backend, DIALECT=dialect) as app,
    ):
        status, notes = await told(app, 9000)
        assert (status, "prompt-cut" in notes) == (200, True)
        for words in (9000, 9050, 9100, 9150, 9200, 9250, 9300):
            status, message = await told(app, words)
            found = SENTENCE.fullmatch(message)
            assert found is not None, message
            assert abs(int(found[1]) - words * 0.9) < words * 0.02
            assert int(found[2]) == 4096
        assert chats(backend) == 1
        assert (await told(app, 3000))[0] == 200
        assert (await app.get("/v1/models/m")).json()["max_input_tokens"] == 4096


@pytest.mark.parametrize("stream", [False, True])
async def test_the_client_is_told_the_size_of_the_prompt_it_has_not_of_what_was_left_of_it(*, stream: bool) -> None:
    async with raw_backend(reader(4096, 1.0), models=LISTS["unknown"]) as backend, running(backend) as app:
        talk = [{"role": "user", "content": " ".join(["word"] * 9000)}]
        reply = await app.post({**HELLO, "model": "m", "max_tokens": 16, "messages": talk, "stream": stream})
        counts = [int(count) for count in re.findall(r'"input_tokens": ?(\d+)', reply.text)]
    assert counts
    assert all(8000 < count < 8200 for count in counts)


async def test_a_cut_is_forgotten_when_a_server_reads_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody says when it was started anew, so that a prompt beyond the window is tried again after a while."""
    monkeypatch.setattr(cuts, "_HOLDS", 0.0)
    window = [4096]

    async def answer(asked: Asked) -> None:
        await reader(window[0], 1.0)(asked)

    async with (
        raw_backend(answer, models=LISTS["unknown"]) as backend,
        running(backend, learned=tmp_path / "learned.json") as app,
    ):
        assert "prompt-cut" in (await told(app, 9000))[1]
        assert "prompt-cut" in (await told(app, 9000))[1]
        assert (await app.get("/v1/models/m")).json()["max_input_tokens"] == 4096
        window[0] = 16_384
        assert await told(app, 9000) == (200, "")
        assert "max_input_tokens" not in (await app.get("/v1/models/m")).json()


async def test_a_server_that_once_read_more_is_believed_at_the_second_cut() -> None:
    """One that leaves out what was cached meets a window's edge by chance, now and then."""
    window = [16_384]

    async def answer(asked: Asked) -> None:
        await reader(window[0], 1.0)(asked)

    async with raw_backend(answer, models=LISTS["unknown"]) as backend, running(backend) as app:
        assert (await told(app, 9000))[0] == 200
        window[0] = 4096
        assert [(await told(app, 9100))[0] for _ in range(3)] == [200, 200, 400]


async def test_a_window_known_from_a_refusal_alone_refuses_nothing_itself() -> None:
    """A server that names its window refuses by itself, and may be started with a larger one meanwhile."""
    sentence = "the model is loaded with context length of only 4096 tokens, which is not enough"
    larger = asyncio.Event()

    async def refuse(asked: Asked) -> None:
        if not larger.is_set():
            return asked.send(whole({"error": f"Trying to keep the first 9000 tokens, but {sentence}"}, status=400))
        return await reader(16_384, 1.0)(asked)

    async with raw_backend(refuse, models=LISTS["unknown"]) as backend, running(backend, DIALECT="lmstudio") as app:
        assert await told(app, 9000) == (400, (await told(app, 9000))[1])
        assert "4096" in (await told(app, 9000))[1]
        larger.set()
        assert (await told(app, 9000))[0] == 200


PREFLIGHT = {
    "vLLM": ({"owned_by": "vllm", "max_model_len": 8192}, {}),
    "SGLang": ({"owned_by": "sglang", "max_model_len": 8192}, {}),
    "llama.cpp": ({"owned_by": "llamacpp", "meta": {"n_ctx": 8192}}, {}),
    "a gateway": ({"owned_by": "me", "context_length": 8192}, {}),
    "OpenRouter": ({"context_length": 8192}, {"DIALECT": "openrouter"}),
    "GLM": ({"context_length": 8192}, {"DIALECT": "glm"}),
    "declared": ({}, {"MODEL_WINDOW": "8192"}),
}


@pytest.mark.parametrize("kind", PREFLIGHT)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_what_is_clearly_over_a_known_window_is_refused_before_anybody_is_asked(
    kind: str, *, stream: bool
) -> None:
    entry, settings = PREFLIGHT[kind]
    models = {"data": [{"id": "m", **entry}]}
    talk = [{"role": "user", "content": " ".join(["word"] * 13_000)}]
    async with raw_backend(reader(8192, 0.9), models=models) as backend, running(backend, **settings) as app:
        reply = await app.post({**HELLO, "model": "m", "max_tokens": 16, "messages": talk, "stream": stream})
        assert reply.status_code == 400
        assert reply.headers["x-should-retry"] == "false"
        found = SENTENCE.fullmatch(reply.json()["error"]["message"])
        assert found is not None
        assert int(found[1]) > int(found[2]) == 8192
        assert chats(backend) == 0


@pytest.mark.parametrize("kind", [kind for kind in PREFLIGHT if kind != "GLM"])
async def test_near_a_known_window_the_backend_has_the_last_word(kind: str) -> None:
    """9,900 words are 8,900 tokens of ours, and may be fewer of the model's."""
    entry, settings = PREFLIGHT[kind]
    async with (
        raw_backend(reader(8192, 0.8), models={"data": [{"id": "m", **entry}]}) as backend,
        running(backend, **settings) as app,
    ):
        assert (await told(app, 9900))[0] == 200
        assert chats(backend) == 1


async def test_a_server_that_is_counted_exactly_or_has_reported_is_refused_by_less() -> None:
    entry = {"owned_by": "vllm", "max_model_len": 8192}
    async with (
        raw_backend(reader(8192, 0.9), models={"data": [{"id": "m", **entry}]}) as backend,
        running(backend) as app,
    ):
        for words in (2000, 2500, 3000, 3500):
            assert (await told(app, words))[0] == 200
        assert (await told(app, 9600))[0] == 400
        assert chats(backend) == 4


async def test_pictures_alone_are_no_reason_to_refuse() -> None:
    """What an image costs is a guess: a backend that refuses by itself knows."""
    size = struct.pack(">II", 1024, 1024)
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + b"\x08\x02\0\0\0"
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(header).decode()}
    talk = [{"role": "user", "content": [{"type": "image", "source": source}] * 30}]
    models = {"data": [{"id": "m", "context_length": 8192}]}
    async with raw_backend(reader(8192, 0.9), models=models) as backend, running(backend) as app:
        assert (await app.post({**HELLO, "model": "m", "messages": talk})).status_code == 200
        assert chats(backend) == 1


async def test_a_list_that_a_request_was_refused_for_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_DOUBTED", 0.0)
    windows = iter([8192])

    def models() -> bytes:
        return whole({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": next(windows, 65_536)}]})

    async with raw_backend(reader(65_536, 0.9), models=models) as backend, running(backend) as app:
        assert (await told(app, 13_000))[0] == 400
        async with asyncio.timeout(10):
            while (await told(app, 13_000))[0] != 200:  # noqa: ASYNC110 - it is read aside
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("refuses", [False, True])
async def test_middle_out_is_switched_off_and_where_that_is_refused_the_proxy_refuses(*, refuses: bool) -> None:
    async def answer(asked: Asked) -> None:
        if refuses and "plugins" in asked.body:
            error = {"message": "Unrecognized request argument supplied: plugins", "param": "plugins", "code": 400}
            return asked.send(whole({"error": error}, status=400))
        return await reader(8192, 0.9)(asked)

    async with raw_backend(answer, models=ROUTER) as backend, running(backend, DIALECT="openrouter") as app:
        assert (await told(app, 100))[0] == 200
        assert ("plugins" in backend.bodies[-1]) is not refuses
        status, message = await told(app, 11_000)
        assert (status, "prompt is too long" in message) == ((400, True) if refuses else (200, False))
