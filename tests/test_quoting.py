"""What a backend's complaint quotes of an exchange is unreadable; what it says itself is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Failure, Text, answer, error
from tests.messages_api import HELLO
from tests.proxy_process import proxy_for
from tests.test_logs_command import kept, run

from claude_code_proxy.errors import ContextOverflowError, Overflow, UpstreamError
from claude_code_proxy.quoting import logged, unquoted

ASKED: dict[str, Any] = {
    **HELLO,
    "system": "Use the tools, keep to the maximum context length. Speak of the model as it is in the house.",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "The zebra is called\nswordfish-7413, höchst geheim."}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "Read", "input": {"path": "/etc/zoo"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "斑马住在这里"}]},
    ],
}


@pytest.mark.parametrize(
    ("complaint", "left"),
    [
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130541 tokens.",
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130541 tokens.",
        ),
        ("Invalid value: 'swordfish-7413'", "Invalid value: 'xxxxxxxxx-1111'"),
        (r"bad text: The zebra is called\nswordfish", r"bad text: xxx xxxxx xx xxxxxx\nxxxxxxxxx"),
        ("can't read the zebra is cal...", "can't read the xxxxx is xxx..."),
        ("HÖCHST geheim is no role", "xxxxxx xxxxxx is no role"),
        ("Speak of the model as it is: unsupported", "xxxxx xx xxx xxxxx xx xx xx: unsupported"),
        ("斑马住在这里 不支持", "xxxxxx 不支持"),
        ("tool arguments {'path': '/etc/zoo'} refused", "tool arguments {'path': '/xxx/xxx'} refused"),
        ("Failed to parse input at pos 0: my answer", "Failed to parse input at pos 0: ..."),
    ],
)
def test_words_of_the_request_are_hidden_and_the_complaint_stays(complaint: str, left: str) -> None:
    assert unquoted(complaint, ASKED) == left


def test_models_names_stay_though_the_prompt_has_them_and_so_does_what_the_proxy_says_itself() -> None:
    request = {**HELLO, "system": "You are powered by the model acme/big-1. The exact model ID is acme/big-1."}
    error = UpstreamError("model: The model `acme/big-1` does not exist. BIG_MODEL names it. The zebra is called well.")
    error.words = "The model `acme/big-1` does not exist."
    assert logged(error, {**request, **ASKED, "system": request["system"]}, ("acme/big-1", "opus")) == error.message


def test_a_refusal_in_the_proxys_own_words_is_not_touched() -> None:
    request = {**HELLO, "messages": [{"role": "user", "content": "my server has 32768 tokens"}]}
    error = ContextOverflowError("prompt is too long: 83616 tokens > 32768 maximum", overflow=Overflow("prompt"))
    error.words = "too many, my server has 32768 tokens"
    assert logged(error, request) == error.message


def test_words_of_the_prompt_around_a_conversation_are_hidden_only_as_they_stand_there() -> None:
    request = {**HELLO, "system": "Wait a while for the elephant to come back home.", "messages": []}
    assert unquoted("The elephant is away: a while for the elephant to", request) == (
        "The elephant is away: x xxxxx xxx xxx xxxxxxxx xx"
    )


def test_neither_the_log_nor_its_file_has_what_a_backend_quotes() -> None:
    told = "Not acceptable: the zebra is called swordfish-7413"
    steps = [error(400, told), error(400, told), answer(Text("well"), Failure(told))]
    with Backend(steps) as backend, proxy_for(backend) as proxy:
        replies = [
            httpx2.post(f"{proxy.url}/v1/messages", json={**ASKED, "stream": stream}, trust_env=False).text
            for stream in (True, False, True)
        ]
        kept(Path(proxy.home.name), 3)
        shown = run(Path(proxy.home.name), "logs", "--json").stdout
        for logged in (proxy.log(), shown):
            assert logged.count("Not acceptable: xxx xxxxx xx xxxxxx xxxxxxxxx-1111") == 3
            assert "swordfish" not in logged
    assert all("swordfish" in reply for reply in replies)  # the client knows its own words
