"""JSON text in the client's own shape: for every cut of the text, and whatever the text is."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.translate.json_answer import JsonAnswer
from claude_code_proxy.translate.plan import JsonShape

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
SHAPES = st.builds(
    JsonShape, wrapped=st.booleans(), schema=st.none() | st.just({"properties": {"a": {"type": "string"}}})
)


def shaped(text, shape, cuts=()):
    answer = JsonAnswer(shape)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    deltas = [delta for piece in pieces for delta in answer.text(piece)] + answer.release()
    return "".join(delta.text for delta in deltas)


CUTS = st.lists(st.integers(0, 500), max_size=8)


@given(JSON, st.sampled_from([None, 1]), CUTS)
def test_what_was_wrapped_comes_as_itself(value, indent, cuts):
    text = json.dumps({"value": value}, indent=indent, ensure_ascii=False)
    assert json.loads(shaped(text, JsonShape(wrapped=True), cuts)) == value


@given(JSON, CUTS)
def test_members_beside_the_value_are_left_out(value, cuts):
    text = json.dumps({"value": value, "note": [1, {"value": 2}]})
    assert json.loads(shaped(text, JsonShape(wrapped=True), cuts)) == value


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3), CUTS)
def test_only_a_null_the_clients_schema_does_not_have_is_left_out(value, cuts):
    schema = {
        "properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}, "c": {"type": "integer"}},
        "required": ["c"],
    }
    kept = {name: member for name, member in value.items() if not (name == "a" and member is None)}
    assert json.loads(shaped(json.dumps(value), JsonShape(schema=schema), cuts)) == kept


@given(st.text(max_size=30), SHAPES, CUTS)
def test_text_that_is_no_object_passes_as_it_is(text, shape, cuts):
    if not text.lstrip(" \t\r\n").startswith("{"):
        assert shaped(text, shape, cuts).strip() == text.strip()


@given(JSON, SHAPES, CUTS)
def test_cuts_make_no_difference(value, shape, cuts):
    text = json.dumps(value)
    assert shaped(text, shape, cuts) == shaped(text, shape)


@pytest.mark.parametrize("text", ['{"value": [1, 2', '{"other": 1}', '{"value', "[1]", "no JSON", ""])
def test_what_is_cut_off_or_otherwise_shaped_is_not_lost(text):
    told = shaped(text, JsonShape(wrapped=True), range(len(text)))
    assert told == text.removeprefix('{"value": ')


def test_words_behind_the_object_are_kept():
    assert shaped('{"value": [1]} done', JsonShape(wrapped=True)) == "[1] done"
