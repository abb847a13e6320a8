"""Bytes of an event stream, cut anywhere, as the payloads of its events."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answers import WAYS, byte_by_byte

from claude_code_proxy.errors import UpstreamError
from claude_code_proxy.wire import sse
from claude_code_proxy.wire.sse import Decoder


def payloads(parts: list[bytes]) -> list[bytes]:
    decoder = Decoder()
    return [payload for part in parts for payload in decoder.feed(part)] + decoder.finish()


CASES = [
    pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="two events"),
    pytest.param(b"data:a\n\n", [b"a"], id="no space after the colon"),
    pytest.param(b"data:  a\n\n", [b" a"], id="only one space is left out"),
    pytest.param(b"data: a\ndata: b\n\n", [b"a\nb"], id="several data lines are one payload"),
    pytest.param(b": keep-alive\n\ndata: a\n\n: OPENROUTER PROCESSING\n\n", [b"a"], id="comments are no events"),
    pytest.param(b": note\ndata: a\n: note\n\n", [b"a"], id="comments inside an event"),
    pytest.param(b"id: 7\nevent: message\nretry: 5\ndata: a\n\n", [b"a"], id="other fields are skipped"),
    pytest.param(b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"], id="blank lines are no events"),
    pytest.param(b"data: \n\ndata:\n\ndata:   \n\ndata\n\ndata: a\n\n", [b"a"], id="empty data is no event"),
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="a byte order mark in front"),
    pytest.param(b"\xef\xbb\xbfdata: a", [b"a"], id="a byte order mark before an event that never ends"),
    pytest.param(b"data: a\n\ndata: \xef\xbb\xbfb\n\n", [b"a", b"\xef\xbb\xbfb"], id="a byte order mark inside is data"),
    pytest.param(b"data: a", [b"a"], id="the end of the stream ends the last event"),
    pytest.param(b"data: a\n", [b"a"], id="the end of the stream after one line end"),
    pytest.param("data: \u2028\u0085\x0b\x0c\u2029\n\n".encode(), ["\u2028\u0085\x0b\x0c\u2029".encode()], id="U+2028 ends no line"),
    pytest.param("data: 北京\n\n".encode(), ["北京".encode()], id="characters of many bytes"),
    pytest.param(b'{"choices":[]}\n\n', [b'{"choices":[]}'], id="JSON without data:"),
    pytest.param(b'{\n  "error": {\n    "message": "no"\n  }\n}\n', [b'{\n  "error": {\n    "message": "no"\n  }\n}\n'], id="a JSON body on several lines"),
    pytest.param(b"<html>\n<p>502</p>\n\n", [], id="what is no event stream has no events"),
    pytest.param(b"", [], id="nothing at all"),
]  # fmt: skip


@pytest.mark.parametrize(
    "way", ["whole", "byte by byte", "cut at random", "CRLF", "CRLF byte by byte", "CR", "CR byte by byte"]
)
@pytest.mark.parametrize(("body", "expected"), CASES)
def test_payloads(body: bytes, expected: list[bytes], way: str) -> None:
    assert [part.rstrip(b"\n") for part in payloads(WAYS[way](body))] == [part.rstrip(b"\n") for part in expected]


def test_line_ends_may_be_mixed() -> None:
    body = b"data: a\r\n\ndata: b\n\r\ndata: c\r\rdata: d\r\n\r\ndata: e\n\r"
    assert payloads([body]) == payloads(byte_by_byte(body)) == [b"a", b"b", b"c", b"d", b"e"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_an_event_is_there_as_soon_as_its_blank_line_has_begun(newline: bytes) -> None:
    """A backend may pause for minutes after an event: it must not wait for the next one."""
    decoder = Decoder()
    body = b"data: a" + newline + newline
    found = [payload for byte in byte_by_byte(body) for payload in decoder.feed(byte)]
    assert found == [b"a"]


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), min_size=1).filter(
            lambda text: text.strip()
        )
    ),
    cuts=st.lists(st.integers(0, 400)),
    newline=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_what_was_written_is_read_wherever_it_is_cut(texts: list[str], cuts: list[int], newline: bytes) -> None:
    body = b"".join(b"data: " + text.encode() + newline + newline for text in texts)
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    parts = [body[start:end] for start, end in itertools.pairwise(edges)]
    assert payloads(parts) == [text.encode() for text in texts]


@given(body=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200)))
def test_any_bytes_give_the_same_payloads_wherever_they_are_cut(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    parts = [body[start:end] for start, end in itertools.pairwise(edges)]
    assert payloads(parts) == payloads([body]) == payloads(byte_by_byte(body))


@given(st.text(alphabet="data: \r\n{e", max_size=60), st.data())
def test_line_ends_in_any_order_give_the_same_payloads_wherever_they_are_cut(text: str, data: st.DataObject) -> None:
    body = text.encode()
    cut = data.draw(st.integers(0, len(body)))
    assert payloads([body[:cut], body[cut:]]) == payloads([body]) == payloads(byte_by_byte(body))


ERRORS = [
    pytest.param('{"message":"no"}', {"message": "no"}, id="an object that does not say error"),
    pytest.param(
        '{"type":"error","message":"no"}', {"type": "error", "message": "no"}, id="an object with error as a value"
    ),
    pytest.param('{"error":{"message":"no"}}', {"error": {"message": "no"}}, id="an object that says error itself"),
    pytest.param("the model crashed", "the model crashed", id="a sentence"),
    pytest.param('"the model crashed"', '"the model crashed"', id="a sentence in quotes"),
]


@pytest.mark.parametrize(("data", "error"), ERRORS)
@pytest.mark.parametrize(
    "order", ["event: error\ndata: %s\n\n", "data: %s\nevent:error\n\n"], ids=["name first", "name last"]
)
def test_the_event_name_error_makes_an_error_of_its_data(data: str, error: object, order: str) -> None:
    (payload,) = payloads([(order % data).encode()])
    assert json.loads(payload) == {"error": error}


def test_one_event_of_a_megabyte_in_small_reads_is_one_payload() -> None:
    body = b"data: " + b"x" * 1_000_000 + b"\n\n"
    assert payloads([body[at : at + 1024] for at in range(0, len(body), 1024)]) == [b"x" * 1_000_000]


def test_a_long_event_of_many_short_lines_is_read_in_one_go() -> None:
    """Each line end could be the end of the event: looking again from the start each time would take for ever."""
    lines = [b"data: %06d\n" % number for number in range(100_000)]
    assert payloads([*lines, b"\n"]) == [b"\n".join(line[6:-1] for line in lines)]


@pytest.mark.parametrize("line", [b"x" * 1000, b"data: x\n" * 125], ids=["one line", "many lines"])
def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 10_000)
    with pytest.raises(UpstreamError, match="more than 10000 bytes"):
        payloads([line] * 20)


def test_many_events_may_be_longer_than_one_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 10_000)
    decoder = Decoder()
    for _ in range(100):
        assert decoder.feed(b"data: " + b"x" * 5000) == []
        assert decoder.feed(b"\n\n") == [b"x" * 5000]
