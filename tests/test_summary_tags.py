"""A summary of the conversation arrives in its tags, whatever the model wrote of them; other answers are left alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.asgi import running
from tests.backend import Backend, answer, say
from tests.backend import Text as Said
from tests.messages_api import HELLO, events

from claude_code_proxy.prompt.summary_reminder import is_compaction
from claude_code_proxy.translate.summary_tags import with_tags

ORDERS = (
    "Your task is to create a detailed summary of the conversation so far, paying close attention to the user.",
    "Your task is to create a detailed summary of the RECENT portion of the conversation — the messages that follow.",
    "Your task is to create a detailed summary of this conversation. This summary will be placed at the start.",
)
FORM = "\n\nwrap your analysis in <analysis> tags, then <summary>\n1. Primary Request:\n</summary>"


def asking(order: str = ORDERS[0]) -> dict[str, Any]:
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    return {**HELLO, "model": "local-model", "messages": [*talk, {"role": "user", "content": order + FORM}]}


@pytest.mark.parametrize("order", ORDERS)
def test_every_wording_of_claude_codes_is_known(order: str) -> None:
    assert is_compaction(asking(order))


def kept(text: str) -> str:
    """What Claude Code keeps of a summary."""
    text = re.sub(r"<analysis>[\s\S]*?</analysis>", "", text, count=1)
    found = re.search(r"<summary>([\s\S]*?)</summary>", text)
    assert found, text
    return found[1].strip()


@pytest.mark.parametrize(
    ("written", "summary"),
    [
        ("<analysis>a</analysis>\n\n<summary>s</summary>", "s"),
        ("s", "s"),
        ("<analysis>a</analysis>\ns", "s"),
        ("<analysis>a</analysis>\n<summary>s", "s"),
        ("<analysis>a\n<summary>s</summary>", "s"),
        ("<analysis>a\n<summary>s", "s"),
        ("<summary>s", "s"),
        ("s</summary>", "s"),
        ("<analysis>a</analysis>s</summary>", "s"),
        ("<analysis>only thought", "only thought"),
        ("<analysis>only thought</analysis>", "only thought"),
        ("<Analysis>a</Analysis><SUMMARY>s</SUMMARY>", "s"),
        ("Here it is:\n<analysis>a</analysis><summary>s</summary>", "s"),
        ("<analysis>all there is</analysis>\n<summary>\n</summary>", "all there is"),
        ("<analysis>all there is</analysis>\n<summary>", "all there is"),
        ("<summary></summary>\nIt was said here.", "It was said here."),
        ("<analysis>I will write a <summary> block then.\n<summary>real</summary>", "real"),
        ("<analysis>It wants <summary></summary> tags.</analysis>\nreal", "real"),
    ],
)
def test_claude_code_finds_the_summary(written: str, summary: str) -> None:
    assert kept(with_tags(written)) == summary


def test_a_summary_in_its_form_is_not_changed_and_nothing_stays_nothing() -> None:
    for text in (
        "<analysis>a</analysis>\n\n<summary>s\n</summary>\n",
        "<analysis>The format wants <summary></summary> tags.</analysis>\n<summary>real S</summary>",
        "<analysis>I will write a <summary> block then.</analysis>\n<summary>real S</summary>",
        "",
        " \n",
    ):
        assert with_tags(text) == text


PIECES = st.lists(st.sampled_from(["<analysis>", "</analysis>", "<summary>", "</summary>", "text ", "\n"]), max_size=8)


@given(PIECES)
def test_whatever_a_model_writes_is_there_and_closed(pieces: list[str]) -> None:
    written = "".join(pieces)
    whole = with_tags(written)
    assert whole.count("text") >= written.count("text")
    if written.strip():
        assert "<summary>" in whole
        assert "</summary>" in whole


async def test_a_call_that_a_summary_quotes_is_part_of_it(backend: Backend) -> None:
    told = """<analysis>a</analysis>
<summary>
The model wrote:
<tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call>
as text.
</summary>"""
    backend.play([say(told)])
    tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
    async with running(backend) as app:
        reply = (await app.post({**asking(), "tools": tools})).json()
    assert [block["type"] for block in reply["content"]] == ["text"]
    assert reply["content"][0]["text"] == told


@pytest.mark.parametrize("stream", [True, False])
async def test_the_answer_to_a_compaction_is_mended(backend: Backend, stream: bool) -> None:
    backend.play([answer(Said("<analysis>ich denke</analysis>\n"), Said("1. Wunsch: "), Said("größer"))])
    async with running(backend) as app:
        reply = await app.post({**asking(), "stream": stream})
    if stream:
        text = "".join(e["delta"].get("text", "") for e in events(reply) if e["type"] == "content_block_delta")
    else:
        text = reply.json()["content"][0]["text"]
        assert "compaction-repaired" in reply.headers["x-proxy-notes"]
    assert kept(text) == "1. Wunsch: größer"


async def test_other_answers_and_a_proxy_told_not_to_leave_the_text_alone(backend: Backend) -> None:
    backend.play([say("nur Text"), say("nur Text")])
    async with running(backend) as app:
        other = await app.post({**asking(), "messages": [{"role": "user", "content": "What is a <summary>?"}]})
    async with running(backend, COMPACTION_REMINDER="off") as app:
        off = await app.post(asking())
    assert other.json()["content"][0]["text"] == off.json()["content"][0]["text"] == "nur Text"
