"""Refusals that tell only a sum, or a lower bound, of the prompt: less output at once, or a compaction, never a loop."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, Received, Reply, Step, say
from tests.messages_api import HELLO, envelope

WINDOW = 32_768
WORDS = " ".join(["word"] * 5000)  # ten words are nine tokens of the proxy's count
COUNTED = 4500
ASKED: dict[str, Any] = {
    **HELLO,
    "model": "local",
    "max_tokens": 32_000,
    "messages": [{"role": "user", "content": WORDS}],
}
AT_LEAST = (
    "This model's maximum context length is {window} tokens. However, you requested {output} output tokens and your "
    "prompt contains at least {least} input tokens, for a total of at least {over} tokens. Please reduce the length of "
    "the input prompt or the number of requested output tokens. (parameter=input_tokens, value={least})"
)
WITH_FUNCTIONS = (
    "This model's maximum context length is {window} tokens. However, you requested {total} tokens ({rest} in the "
    "messages, 100 in the functions, and {output} in the completion). Please reduce the length of the messages, "
    "functions, or completion."
)
SUMS = {
    "vLLM": AT_LEAST,
    "OpenAI": WITH_FUNCTIONS,
    "SiliconFlow": "max_total_tokens ({total}) must be less than or equal to max_seq_len ({window})",
    "Cerebras": "Please reduce the length of the messages or completion. Current length is {total} while limit is {window}",
    "Perplexity": "Requested tokens exceed the maximum context length: {total} > {window}",
}


def refuse(sentence: str, prompt: int, window: int = WINDOW) -> Any:
    """A backend whose window holds so much, and whose prompt has so many tokens whatever was counted."""

    def play(received: Received) -> Step:
        output = received.body["max_tokens"]
        if prompt + output <= window:
            return say("understood")
        facts = {"least": window - output + 1, "over": window + 1, "total": prompt + output, "rest": prompt - 100}
        return Reply(400, {"error": {"message": sentence.format(window=window, output=output, **facts)}})

    return play


@pytest.mark.parametrize("prompt", [round(COUNTED * 0.8), COUNTED, 6400], ids=["above", "exact", "30 % too low"])
@pytest.mark.parametrize("name", SUMS)
async def test_one_more_try_is_enough_however_the_prompt_was_counted(backend: Backend, name: str, prompt: int) -> None:
    backend.play(refuse(SUMS[name], prompt))
    async with running(backend) as app:
        reply = await app.post(ASKED)
    assert reply.status_code == 200, reply.text
    assert len(backend.chats) == 2
    assert backend.chats[-1].body["max_tokens"] > 20_000
    assert "max-tokens-clamped" in reply.headers["x-proxy-notes"]


WITHOUT_NUMBERS = [
    "Input length and `max_tokens` exceed context limit, decrease input length or `max_tokens` and try again",
    "The prompt plus max_tokens exceeds the context window of this model",
]


@pytest.mark.parametrize("said", WITHOUT_NUMBERS)
async def test_where_nobody_says_a_number_less_output_is_tried_once_and_then_the_prompt_is_too_long(
    backend: Backend, said: str
) -> None:
    for prompt, answered in ((COUNTED, True), (40_000, False)):
        backend.play(refuse(said, prompt))
        async with running(backend) as app:
            reply = await app.post(ASKED)
        assert backend.chats[-1].body["max_tokens"] < 8000
        if answered:
            assert reply.status_code == 200, reply.text
            assert "backend-learned" not in reply.headers["x-proxy-notes"]
        else:
            assert re.fullmatch(r"prompt is too long: \d+ tokens > \d+ maximum", envelope(reply)[2])
    assert len(backend.chats) == 4


async def test_a_sum_in_nobodys_words_is_known_by_the_proxys_own_count(backend: Backend) -> None:
    backend.play(refuse("The prompt is too long: {total}, model maximum context length: {window}", COUNTED))
    async with running(backend) as app:
        reply = await app.post(ASKED)
    assert reply.status_code == 200, reply.text
    assert len(backend.chats) == 2


@pytest.mark.parametrize("prompt", [6500, 7000, 7500, 7900, 9000])
async def test_a_prompt_that_nearly_fills_its_window_is_answered_or_compacted(backend: Backend, prompt: int) -> None:
    backend.play(refuse(AT_LEAST, prompt, 8192))
    async with running(backend) as app:
        reply = await app.post({**ASKED, "max_tokens": 4000})
    assert len(backend.chats) <= 4
    if reply.status_code != 200:
        status, kind, message = envelope(reply)
        assert (status, kind) == (400, "invalid_request_error")
        assert re.fullmatch(r"prompt is too long: \d+ tokens > 8192 maximum", message)
        assert prompt > 6500


@pytest.mark.parametrize("name", ["Cerebras", "Perplexity"])
async def test_a_prompt_that_is_too_long_itself_is_told_as_one(backend: Backend, name: str) -> None:
    said = SUMS[name].format(total=5000, window=4096)
    backend.play(lambda _: Reply(400, {"error": {"message": said}}))
    async with running(backend) as app:
        _, _, message = envelope(await app.post({**ASKED, "max_tokens": 64}))
    assert message == "prompt is too long: 5000 tokens > 4096 maximum"
    assert len(backend.chats) == 1


STREAMED = {
    "llama.cpp, older": (
        b'error: {"code":400,"message":"request (9412 tokens) exceeds the available context size (8192 tokens), try '
        b'increasing it","type":"exceed_context_size_error","n_prompt_tokens":9412,"n_ctx":8192}\n\n',
        "prompt is too long: 9412 tokens > 8192 maximum",
    ),
    "LM Studio": (
        b'event: error\ndata: {"error":{"message":"Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"}}\n\n',
        "prompt is too long: 15028 tokens > 7424 maximum",
    ),
}


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"], ids=["cut", "ended"])
@pytest.mark.parametrize("name", STREAMED)
async def test_an_overflow_in_place_of_a_stream_is_an_error(backend: Backend, name: str, end: bytes) -> None:
    said, expected = STREAMED[name]
    backend.play(lambda _: Reply(200, said + end, {"content-type": "text/event-stream"}))
    async with running(backend) as app:
        status, kind, message = envelope(await app.post({**ASKED, "stream": True}))
    assert (status, kind, message) == (400, "invalid_request_error", expected)


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}, "low"),
        ({"thinking": {"type": "disabled"}}, "low"),
    ],
    ids=["medium", "off"],
)
async def test_a_model_that_always_thinks_is_given_the_nearest_of_its_words_from_then_on(
    backend: Backend, wish: dict[str, Any], sent: str
) -> None:
    said = "This model always engages in thinking and cannot be disabled; please use low, high, or max."

    def play(received: Received) -> Step:
        known = received.body.get("reasoning_effort") in {"low", "high", "max"}
        return say("understood") if known else Reply(400, {"error": {"code": "1210", "message": said}})

    backend.play(play)
    async with running(backend) as app:
        for asked in (2, 3):
            reply = await app.post({**HELLO, "model": "glm-next", "max_tokens": 4000, **wish})
            assert reply.status_code == 200, reply.text
            assert len(backend.chats) == asked
    assert [chat.body.get("reasoning_effort") for chat in backend.chats[1:]] == [sent, sent]
