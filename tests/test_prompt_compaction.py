"""The compaction reminder: put behind a request to summarize the conversation, and behind nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.asgi import running
from tests.backend import Backend, say, text_in
from tests.messages_api import HELLO

from claude_code_proxy.prompt.summary_reminder import REMINDER, is_compaction, remind

ORDER = (
    "Please write a detailed summary of the conversation up to now. Think in <analysis> tags, then write the result in "
    "<summary> tags."
)
TALK: list[dict[str, Any]] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


def asking(content: Any) -> dict[str, Any]:
    return {**HELLO, "model": "local-model", "messages": [*TALK, {"role": "user", "content": content}]}


COMPACTIONS: dict[str, Any] = {
    "a string": ORDER,
    "a block": [{"type": "text", "text": ORDER, "cache_control": {"type": "ephemeral"}}],
    "behind a result": [
        {"type": "tool_result", "tool_use_id": "t1", "content": "done"},
        {"type": "text", "text": ORDER},
    ],
    "text only": "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n- Do NOT use Read.\n\nYour task is to create a "
    "detailed summary of the RECENT portion of the conversation. Answer in a <summary> block.",
    "before a reminder": [
        {"type": "text", "text": ORDER},
        {"type": "text", "text": "<system-reminder>x</system-reminder>"},
    ],
    "behind reminders": [
        {"type": "text", "text": "<system-reminder>x</system-reminder>"},
        {"type": "text", "text": ORDER},
    ],
}
OTHERS: dict[str, Any] = {
    "a question": "What is a <summary> tag?",
    "both tags, no conversation": "Explain <analysis> and <summary> in HTML.",
    "a wish without tags": "Write a summary of the conversation.",
    "an order before a question": [{"type": "text", "text": ORDER}, {"type": "text", "text": "Thanks, next."}],
    "nothing": [],
    "a page to write": "Add a <details><summary> element to chat.html that shows a summary of the conversation.",
    "a quotation": 'What does it mean when Claude Code says "Your task is to create a detailed summary of the conversation '
    'so far" with <analysis> and <summary>?',
    "a translation": "Translate: Your task is to create a detailed summary of this conversation. <analysis> <summary>",
    "a file": "In README the <summary> tag holds a summary of this conversation, beside <analysis>: rename it",
    "an image": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}],
}


@pytest.mark.parametrize("content", COMPACTIONS.values(), ids=COMPACTIONS)
def test_a_request_to_summarize_is_known_and_reminded_at_its_end(content: Any) -> None:
    request = asking(content)
    before = copy.deepcopy(request)
    assert is_compaction(request)
    reminded = remind(request)
    assert request == before, "nothing of the request is changed"
    assert reminded["messages"][:-1] == request["messages"][:-1]
    last = reminded["messages"][-1]["content"]
    assert last[-1] == {"type": "text", "text": REMINDER}
    assert last[:-1] == (content if isinstance(content, list) else [{"type": "text", "text": content}])


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_any_other_request_is_none(content: Any) -> None:
    assert not is_compaction(asking(content))


@pytest.mark.parametrize(
    "messages", [None, [], "x", [5], [{"role": "assistant", "content": ORDER}], [{"role": "user"}]], ids=repr
)
def test_a_request_without_a_user_is_none(messages: Any) -> None:
    assert not is_compaction({"messages": messages})


def test_an_order_further_up_is_done_already() -> None:
    messages = [{"role": "user", "content": ORDER}, *TALK[1:], {"role": "user", "content": "go on"}]
    assert not is_compaction({"messages": messages})


@pytest.mark.parametrize(("switch", "reminded"), [("on", True), ("off", False), ("", True)])
async def test_the_reminder_can_be_switched_off(backend: Backend, switch: str, *, reminded: bool) -> None:
    backend.play([say("<analysis>a</analysis><summary>s</summary>")])
    async with running(backend, COMPACTION_REMINDER=switch) as app:
        reply = await app.post(asking(ORDER))
    last = text_in(backend.chats[0].messages[-1]["content"])
    assert last.startswith(ORDER)
    assert (REMINDER in last) == reminded
    assert ("compaction-reminded" in reply.headers.get("x-proxy-notes", "")) == reminded
    assert backend.illegal == []


async def test_an_ordinary_request_has_no_reminder(backend: Backend) -> None:
    backend.play([say("hello")])
    async with running(backend) as app:
        await app.post(asking("hi"))
    assert REMINDER not in backend.chats[0].text()


async def test_the_reminder_is_counted(backend: Backend) -> None:
    async with running(backend) as on, running(backend, COMPACTION_REMINDER="off") as off:
        more, less = [
            (await app.post(asking(ORDER), "/v1/messages/count_tokens")).json()["input_tokens"] for app in (on, off)
        ]
    assert more > less + 20
