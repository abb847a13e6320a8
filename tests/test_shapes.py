"""Accessors that return the type they promise, whatever they are given."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.wire.shapes import count, items, mapping, text

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING)
def test_each_returns_its_type_and_a_value_of_that_type_unchanged(value: Any) -> None:
    assert text(value) == (value if isinstance(value, str) else "")
    assert list(items(value)) == (value if isinstance(value, list) else [])
    assert dict(mapping(value)) == (value if isinstance(value, dict) else {})
    assert type(count(value)) is int
    assert count(value) >= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(7, 7, id="a number"),
        pytest.param(0, 0, id="zero"),
        pytest.param(7.0, 7, id="a whole float"),
        pytest.param(7.5, 0, id="a part of a token"),
        pytest.param(-7, 0, id="less than nothing"),
        pytest.param(-7.0, 0, id="less than nothing, as a float"),
        pytest.param(True, 0, id="true"),
        pytest.param("7", 0, id="a string"),
        pytest.param(None, 0, id="null"),
        pytest.param(float("inf"), 0, id="infinity"),
        pytest.param(float("nan"), 0, id="not a number"),
        pytest.param(2**53, 0, id="more than JavaScript can count"),
        pytest.param(1e300, 0, id="more than there are atoms"),
    ],
)
def test_count(value: object, expected: int) -> None:
    assert count(value) == expected


def test_what_is_not_there_can_be_read_further() -> None:
    nothing = msgspec.json.decode(b'{"choices":null}')
    assert text(mapping(mapping(items(nothing["choices"])).get("delta")).get("content")) == ""
