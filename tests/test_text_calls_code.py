"""Calls that stand in code are spoken of, calls beside code are made: wherever the stream is cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.test_text_calls import LS, PLAN, _read, _stream

from claude_code_proxy.translate.code_spans import CodeSpans
from claude_code_proxy.translate.plan import Plan

T = '<tool_call>{"name":"Bash","arguments":{"command":"ls -la"}}</tool_call>'

IN_CODE = {
    "tildes": f"~~~\n{T}\n~~~",
    "tildes with a language": f"Like so:\n\n~~~xml\n{T}\n~~~\n\nThat is all.",
    "tildes around ticks": f"~~~\n```\n{T}\n~~~\n",
    "tildes whose info has ticks": f"~~~ `x`\n{T}\n~~~\n",
    "four ticks around three": f"````md\n```\n{T}\n```\n{T}\n````\n",
    "four ticks, a fence within a sentence": f"````\nA fence is ``` in Markdown.\n{T}\n````\n",
    "a fence spoken of before": f"A fence opens with ``` and looks so:\n```\n{T}\n```\n",
    "a longer end": f"```\n{T}\n`````\nafter",
    "an end with words is none": f"```\na\n``` x\n{T}\n```\n",
    "an end that is indented is none": f"```\na\n    ```\n{T}\n```\n",
    "an end of other marks is none": f"```\n~~~\n{T}\n```\n",
    "three spaces before": f"   ```\n   {T}\n   ```\n",
    "carriage returns": f"```\r\n{T}\r\n```\r\n",
    "in a list": f"- item\n  ```\n  {T}\n  ```\n",
    "in a list, behind its sign": f"- ```\n  {T}\n  ```\n",
    "in a list, deeper": f"1. x\n\n    ```\n    {T}\n    ```\n",
    "in a list, by a tab": f"1. x\n\n\t```\n\t{T}\n\t```\n",
    "in a quotation": f"> ```\n> {T}\n> ```\n",
    "never closed": f"Doc:\n```\n{T}",
    "indented": f"Example:\n\n    {T}\n\nend",
    "indented by a tab": f"Example:\n\n\t{T}\n\nend",
    "indented behind a heading": f"# Example\n    {T}\nend",
    "indented twice": f"Example:\n\n    a\n\n    {T}\n\nend",
    "two ticks": f"Models write ``{T}`` to call.",
    "two ticks around one": f"Models write `` ` {T} `` to call.",
    "a fence of inline code before": f"```a```\n```\n{T}\n```\n",
    "on the line that opens": f"``` {T}\nx\n```\n",
}

BESIDE_CODE = {
    "behind an odd tick": "It's the `a flag.\n",
    "behind an odd tick and a paragraph": "The key ` toggles it.\n\nNow I look.\n",
    "behind a script with an odd tick": "```bash\necho `date\n```\n\nRun:\n",
    "behind two ticks and one": "``\n`\n",
    "behind a fence": "```bash\nls\n```\n",
    "behind a fence of tildes": "~~~\n```\n~~~\n",
    "behind a fence of four": "````\n```\n````\n",
    "behind code within the line": "Use `a` and ``b ` c``.\n",
    "behind ticks within a sentence": "A fence opens with ``` and that is it.\n",
    "behind three ticks twice": "```a```\n",
    "behind indented code": "So:\n\n    ls\n\nRun:\n",
    "behind a fence in a quotation": "> ```\n> ls\n\n",
    "behind a list": "1. first\n2. second\n\n",
}


def tokens(text: str) -> list[str]:
    return re.findall(r" ?\w+|\s+|[<`~{]+|.", text)


def read_pieces(pieces: list[str], plan: Plan = PLAN) -> tuple[str, list[tuple[str, object]], str]:
    return _read([frame for piece in pieces for frame in _stream(piece, 10_000)[:-2]] + _stream("", 1), plan)


def cuts(text: str) -> list[list[str]]:
    by_size = [[text[at : at + size] for at in range(0, len(text), size)] for size in (1, 2, 3, 5, 10_000)]
    return [*by_size, tokens(text), *([text[:at], text[at:]] for at in range(1, len(text)))]


@pytest.mark.parametrize("text", IN_CODE.values(), ids=IN_CODE)
def test_a_call_in_code_is_text(text: str) -> None:
    for pieces in cuts(text):
        assert read_pieces(pieces) == (text, [], "end_turn"), pieces


@pytest.mark.parametrize("before", BESIDE_CODE.values(), ids=BESIDE_CODE)
def test_a_call_beside_code_is_made(before: str) -> None:
    for pieces in cuts(before + T):
        assert read_pieces(pieces) == (before, [LS], "tool_use"), pieces


def test_a_mark_that_is_one_token_follows_a_fence_on_its_line() -> None:
    call = '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>Bash<｜tool▁sep｜>{"command": "ls -la"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
    before = "So:\n```bash\nls\n```"
    for pieces in cuts(before + call):
        assert read_pieces(pieces) == (before, [LS], "tool_use"), pieces


PIECES = st.sampled_from(
    [
        "`",
        "``",
        "```",
        "````",
        "~~~",
        "\n",
        "\n\n",
        " ",
        "    ",
        "> ",
        "- ",
        "a",
        "b c",
        "</tool_call>",
        "<tool_call>",
        T,
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14), st.data())
def test_what_is_read_does_not_depend_on_the_cuts(parts: list[str], data: st.DataObject) -> None:
    parts = [*parts, data.draw(st.sampled_from(["\nend", "x", T]))]
    text = "".join(parts)
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True) if a < b]
    whole = read_pieces([text])
    assert read_pieces(pieces) == whole
    assert read_pieces(parts) == whole
    assert read_pieces(tokens(text)) == whole


@given(st.lists(st.sampled_from(["`", "~", "\n", " ", "\t", ">", "-", "a", "# "]), max_size=40))
def test_where_code_is_does_not_depend_on_the_cuts(parts: list[str]) -> None:
    by_part, whole = CodeSpans(), CodeSpans()
    for part in parts:
        by_part.feed(part)
    whole.feed("".join(parts))
    assert (by_part.is_code, by_part.words) == (whole.is_code, whole.words)
