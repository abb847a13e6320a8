r"""Characters of two halves that a backend cuts apart: `\ud83d` at the end of one chunk, `\ude00` at the start of the next."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import answer, every_way, hear, hear_whole, sse

FIELDS: dict[str, str] = {
    "text": '{"content":"%s"}',
    "reasoning": '{"reasoning_content":"%s"}',
    "refusal": '{"refusal":"%s"}',
}
Way = Callable[[bytes], list[bytes]]


def cut(delta: str, *pieces: str) -> bytes:
    chunks = ['data: {"choices":[{"index":0,"delta":%s}]}' % (delta % piece) for piece in pieces]
    return sse("\n".join([*chunks, 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}', "data: [DONE]"]))


def said(body: bytes, way: Way | None = None) -> str:
    heard = hear(body, way) if way else hear(body)
    assert heard.failure is None
    return "".join(block.get("text", "") + block.get("thinking", "") for block in heard.message["content"])


@every_way
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ((r"ab\ud83d", r"\ude00cd"), "ab😀cd"),
        ((r"\ud83d", r"\ude00"), "😀"),
        ((r"a\ud83d", r"\ude00\ud83d", r"\ude01b"), "a😀😁b"),
        ((r"a\ud83d", "b"), "a\ufffdb"),
        (("a", r"\ude00b"), "a\ufffdb"),
        ((r"a\ud83d",), "a\ufffd"),
        ((r"a\ud83db\ude00",), "a\ufffdb\ufffd"),
        ((r"a\\ud83d", r"\\ude00"), r"a\ud83d\ude00"),
        (("x ", "y ", r"z\ud83d", r"\ude00", " y", " z"), "x y z😀 y z"),
    ],
)
def test_halves_are_joined(field: str, pieces: tuple[str, ...], whole: str, way: Way) -> None:
    assert said(cut(FIELDS[field], *pieces), way) == whole


def test_halves_of_arguments_are_joined() -> None:
    first = r'{"tool_calls":[{"index":0,"id":"a","function":{"name":"Bash","arguments":"{\"c\":\"x\ud83d"}}]}'
    second = r'{"tool_calls":[{"index":0,"function":{"arguments":"\ude00y\"}"}}]}'
    assert hear(cut("%s", first, second)).calls == [("Bash", {"c": "x😀y"})]


def test_a_half_waits_for_nothing_of_another_kind() -> None:
    body = cut("%s", r'{"reasoning_content":"a\ud83d"}', r'{"content":"\ude00b"}')
    assert [block.get("text", block.get("thinking")) for block in hear(body).message["content"]] == [
        "a\ufffd",
        "\ufffdb",
    ]


def test_a_half_in_a_name_or_in_an_error_is_replaced() -> None:
    call = r'{"tool_calls":[{"index":0,"id":"a","function":{"name":"Ba\ud83d","arguments":"{}"}}]}'
    assert hear(cut("%s", call)).calls == [("Ba\ufffd", {})]
    assert "no\ufffd" in str(hear(sse(r'data: {"error":{"message":"no\ud83d"}}')).failure)


def test_a_whole_answer_with_a_half_is_read() -> None:
    body = answer({"content": "PLACE"}).replace(b"PLACE", rb"a\ud83d")
    assert hear_whole(body).message["content"] == [{"type": "text", "text": "a\ufffd"}]


@given(st.text(alphabet='a 😀北\n"', min_size=1, max_size=12), st.data())
def test_any_cut_of_utf_16_reads_the_same(words: str, data: st.DataObject) -> None:
    units = [json.dumps(words)[1:-1]]
    escaped = json.dumps(words)[1:-1]
    places = [at for at in range(len(escaped)) if escaped.startswith("\\u", at)]
    cuts = sorted(data.draw(st.lists(st.sampled_from(places), max_size=4, unique=True))) if places else []
    units = [escaped[start:end] for start, end in zip([0, *cuts], [*cuts, len(escaped)], strict=True)]
    assert said(cut(FIELDS["text"], *[unit for unit in units if unit])) == words
