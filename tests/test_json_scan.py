"""Following a JSON object as it arrives: what is proven right, what is whole, what is broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.wire.json_scan import MAX_DEPTH, JsonScan, is_too_deep

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=8), JSON, max_size=5)


def fed(*pieces: str) -> tuple[JsonScan, str]:
    scan = JsonScan()
    proven = "".join(scan.feed(piece) for piece in pieces)
    return scan, proven + scan.rest if scan.complete else proven


def verdict(scan: JsonScan) -> str:
    return "complete" if scan.complete else "broken" if scan.broken else "open"


CASES = [
    ("{}", "complete", "an empty object"),
    ('{"a":1}', "complete", "one member"),
    (' \n{ "a" : [ 1 , 2.5e-3 , true , null , { "b" : "c" } ] }', "complete", "white space everywhere"),
    ('{"a":"\\u5317 \\n \\/ \\" \\\\"}', "complete", "every escape"),
    ('{"a":"北京 \x7f \u2028"}', "complete", "characters that need no escape"),
    ('{"a":-0.0,"b":0,"c":10,"d":1E+5}', "complete", "numbers"),
    ("", "open", "nothing"),
    ("  ", "open", "white space"),
    ('{"a"', "open", "a key"),
    ('{"a":tr', "open", "half a word"),
    ('{"a":1', "open", "a number that may go on"),
    ('{"a":"\\u5', "open", "half an escape"),
    ('{"a":{"b":[1', "open", "open brackets"),
    ("[1]", "broken", "a list"),
    ('"a"', "broken", "a string"),
    ("1", "broken", "a number"),
    ("x", "broken", "words"),
    ("{a:1}", "broken", "a key without quotes"),
    ("{'a':1}", "broken", "single quotes"),
    ('{"a" 1}', "broken", "no colon"),
    ('{"a":1 "b":2}', "broken", "no comma"),
    ('{"a":1,}', "broken", "a comma before the end"),
    ('{"a":[1,]}', "broken", "a comma before the end of a list"),
    ('{,"a":1}', "broken", "a comma first"),
    ('{"a":}', "broken", "no value"),
    ('{"a":1]', "broken", "the wrong bracket"),
    ('{"a":[1}', "broken", "the wrong brace"),
    ('{"a":True}', "broken", "a Python word"),
    ('{"a":trux}', "broken", "a misspelt word"),
    ('{"a":nulll}', "broken", "a word too long"),
    ('{"a":NaN}', "broken", "NaN"),
    ('{"a":01}', "broken", "a number with a leading zero"),
    ('{"a":-01}', "broken", "a negative number with a leading zero"),
    ('{"a":1.}', "broken", "a number that ends in its point"),
    ('{"a":.5}', "broken", "a number that begins with its point"),
    ('{"a":+1}', "broken", "a plus sign"),
    ('{"a":1-2}', "broken", "a sum"),
    ('{"a":1e999}', "broken", "a number no reader can hold"),
    ('{"a":1e300,"b":-2E-400}', "complete", "a number any reader can hold"),
    ('{"a":"\\x41"}', "broken", "an escape JSON does not have"),
    ('{"a":"\\u12G4"}', "broken", "an escape with a wrong digit"),
    ('{"a":"\\u12"}', "broken", "an escape with too few digits"),
]


@pytest.mark.parametrize(("text", "expected"), [pytest.param(text, what, id=name) for text, what, name in CASES])
@pytest.mark.parametrize("cut", [True, False], ids=["by character", "whole"])
def test_verdict(text: str, expected: str, cut: bool) -> None:
    scan, proven = fed(*(text if cut else [text]))
    assert verdict(scan) == expected
    assert text.startswith(proven)
    if expected == "complete":
        assert proven == text


@pytest.mark.parametrize(
    ("text", "proven"),
    [
        pytest.param('{"a":12', "{", id="a number that may go on is held back, and its key with it"),
        pytest.param('{"a":12,', '{"a":12', id="a number is passed on once it has ended, a comma is not"),
        pytest.param('{"a":12,"b":"', '{"a":12,"b":"', id="a comma and a key are passed on with the value behind them"),
        pytest.param('{"a":"b"', '{"a":"b', id="the end of a text waits for what comes next"),
        pytest.param('{"a":"b"  ,', '{"a":"b', id="a comma behind a text may be part of it"),
        pytest.param('{"a":["b",', '{"a":["b', id="in a list as well"),
        pytest.param('{"a":["b",0]', '{"a":["b",0]', id="a bracket ends the doubt"),
        pytest.param('{"a":"b\\u53', '{"a":"b', id="half an escape is held back"),
        pytest.param('{"a":"b\\u5317', '{"a":"b\\u5317', id="an escape is passed on whole"),
        pytest.param('{"a":"b\\q', '{"a":"b', id="a broken escape never goes out"),
        pytest.param('{"a":trr', "{", id="a misspelt word never goes out"),
        pytest.param('{"a":1}{"a":1}', '{"a":1}', id="nothing after the object"),
    ],
)
def test_proven_text(text: str, proven: str) -> None:
    assert fed(text)[1] == fed(*text)[1] == proven


def test_a_raw_line_break_in_a_string_has_one_reading_and_goes_out_escaped() -> None:
    scan, proven = fed('{"a":"one\ntwo\t', 'three"}')
    assert scan.complete
    assert scan.repaired
    assert json.loads(proven) == {"a": "one\ntwo\tthree"}
    assert not fed('{"a":"one\\ntwo"}')[0].repaired


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(r"\ud83d\ude00", "😀", id="a pair"),
        pytest.param(r"\uD83D\uDE00", "😀", id="a pair in capital letters"),
        pytest.param(r"\ud83d", "\ufffd", id="the first half"),
        pytest.param(r"\ude00", "\ufffd", id="the second half"),
        pytest.param(r"\ud83dx", "\ufffdx", id="the first half, then a letter"),
        pytest.param(r"\ud83d\n", "\ufffd\n", id="the first half, then an escape"),
        pytest.param(r"\ud83d\u0041", "\ufffdA", id="the first half, then another character"),
        pytest.param(r"\ud83d\ud83d\ude00", "\ufffd😀", id="a half, then a pair"),
        pytest.param(r"\ude00\ud83d", "\ufffd\ufffd", id="two halves in the wrong order"),
        pytest.param(r"\ud83d\ud7ff\ue000", "\ufffd\ud7ff\ue000", id="the neighbours of surrogates"),
        pytest.param(r"\\ud83d", "\\ud83d", id="an escaped backslash, then letters"),
    ],
)
def test_half_a_surrogate_pair_goes_out_as_a_replacement(text: str, expected: str) -> None:
    for pieces in (['{"a":"', text, '"}'], list('{"a":"' + text + '"}'), ['{"a":"' + text + '"}']):
        scan, proven = fed(*pieces)
        assert scan.complete
        assert json.loads(proven) == {"a": expected}
        assert scan.repaired is ("\ufffd" in expected)


def test_half_an_escape_behind_half_a_pair_is_broken() -> None:
    assert fed(r'{"a":"\ud83d\u00x"}')[0].broken
    assert fed(r'{"a":"\ud83d\x"}')[0].broken


@pytest.mark.parametrize("text", ["", "{", " { ", "{}", " {\n} "])
def test_an_object_has_not_begun_before_its_first_key(text: str) -> None:
    assert not fed(text)[0].begun
    assert fed('{"')[0].begun


def test_passed_counts_what_was_read_up_to_the_end_of_the_object() -> None:
    text = '{"a":"x\ny","b":12} and words'
    scan, _ = fed(*text)
    assert text[scan.passed :] == " and words"


def test_brackets_may_nest_as_deep_as_a_reader_can_follow_and_no_deeper() -> None:
    def nested(depth: int) -> str:
        return '{"a":' * depth + "1" + "}" * depth

    assert fed(nested(MAX_DEPTH))[0].complete
    assert fed(nested(MAX_DEPTH + 1))[0].broken
    assert fed('{"a":' + "[" * 1_000_000)[0].broken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[" * MAX_DEPTH + "]" * MAX_DEPTH, False, id="as deep as may be"),
        pytest.param("[" * (MAX_DEPTH + 1), True, id="one deeper"),
        pytest.param('{"a":' * (MAX_DEPTH + 1), True, id="one object deeper"),
        pytest.param("[" + "[]," * 10_000 + "[]]", False, id="long, not deep"),
        pytest.param('["' + "[" * 10_000 + '"]', False, id="brackets in a string"),
        pytest.param('["\\"' + "[" * 10_000 + '"]', False, id="brackets behind an escaped quote"),
        pytest.param('["\\\\",' + "[" * 10_000, True, id="brackets behind an escaped backslash"),
        pytest.param('"' + "[" * 10_000, False, id="brackets in a string that never ends"),
        pytest.param('"' + "[" * 10_000 + "\\", False, id="brackets in a string that ends in a backslash"),
        pytest.param('"' + '[\\"' * 500_000, False, id="a long string of escaped quotes that never ends"),
    ],
)
def test_nesting_is_measured_without_a_parser(text: str, expected: bool) -> None:
    assert is_too_deep(text.encode()) is expected


def test_a_number_as_long_as_a_book_is_broken() -> None:
    scan = JsonScan()
    for piece in ['{"a":', *["7" * 100] * 1000]:
        scan.feed(piece)
    assert scan.broken


@given(OBJECTS, st.booleans(), st.data())
def test_every_json_object_is_complete_with_its_last_brace_and_not_before(
    value: dict[str, Any], ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from([None, 1])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    scan = JsonScan()
    proven = ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        assert not scan.complete or start == len(text)
        proven += scan.feed(text[start:end])
    assert scan.complete
    assert scan.rest.endswith("}")
    proven += scan.rest
    assert not scan.broken
    assert not scan.repaired
    assert proven == text
    assert scan.passed == len(text)


@given(st.text(alphabet='{}[]":,\\u0129.eE+-truefalsn \n\x01北', max_size=30), st.data())
def test_any_text_is_complete_only_when_it_is_json(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    scan, proven = fed(text[:cut], text[cut:])
    by_character, same = fed(*text)
    assert (verdict(scan), proven, scan.passed, scan.begun) == (
        verdict(by_character),
        same,
        by_character.passed,
        by_character.begun,
    )
    assert not (scan.complete and scan.broken)
    if scan.complete:
        assert isinstance(json.loads(proven), dict)
        assert json.loads(text[: scan.passed], strict=False) == json.loads(proven)


@given(OBJECTS, st.data())
def test_what_was_proven_can_always_be_completed(value: dict[str, Any], data: st.DataObject) -> None:
    """A client keeps what it was sent: no text may have gone out that no end could make right."""
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text(alphabet='{}[]":,\\0x', max_size=3)) + text[at:]
    _, proven = fed(damaged)
    for rest in ("", '"', '":0', ":0", "0", '"a":0', '0"'):
        completed = fed(proven + rest)[0]
        if not completed.broken:
            return
    raise AssertionError(proven)
