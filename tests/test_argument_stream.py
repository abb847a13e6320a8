"""Arguments mended while they stream: the same as mended whole, for every cut, and nothing held back that need not be."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_proxy.translate.argument_stream import ArgumentStream
from claude_code_proxy.translate.argument_types import fit_object

READ = {
    "type": "object",
    "properties": {
        "file_path": {"type": "string"},
        "limit": {"type": "integer"},
        "pages": {"type": "string"},
        "whole": {"type": "boolean"},
        "edits": {"type": "array", "items": {"$ref": "#/$defs/Edit"}},
        "more": {"anyOf": [{"$ref": "#/$defs/Edit"}, {"type": "null"}]},
        "any": {},
    },
    "required": ["file_path"],
    "$defs": {
        "Edit": {
            "type": "object",
            "properties": {"line": {"type": "integer"}, "text": {"type": "string"}, "edits": {"type": "array"}},
            "required": ["text"],
        }
    },
}


def mended(text, schema=READ, cuts=()):
    stream = ArgumentStream(schema)
    edges = [0, *sorted(cuts), len(text)]
    return "".join(stream.feed(text[start:end]) for start, end in pairwise(edges)), stream.mended


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"file_path": "a", "pages": ""}', '{"file_path":"a"}'),  # TO-06
        ('{"pages": "", "file_path ": "a"}', '{"file_path":"a"}'),
        ('{"file_path": "a", "limit": "3", "whole": "true"}', '{"file_path":"a","limit":3,"whole":true}'),
        ('{"file_path": "a", "limit": null}', '{"file_path":"a"}'),
        ('{"edits": [{"line": "1", "text": "b"}, {"text ": ""}]}', '{"edits":[{"line":1,"text":"b"},{"text":""}]}'),
        ('{"edits": "[{\\"line\\": \\"1\\"}]"}', '{"edits":[{"line":1}]}'),
        ('{"more": {"line": "2", "text": ""}}', '{"more":{"line":2,"text":""}}'),
        ('{"file_path": 3}', '{"file_path":"3"}'),
        ('{"pages": ""}', "{}"),
    ],
)
def test_a_member_is_mended_on_its_way(text, sent):
    for cuts in ((), range(1, len(text)), (5,), (len(text) - 1,)):
        assert mended(text, cuts=cuts) == (sent, True)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"file_path":"a\\n\\"b\\u00e9","limit":3,"pages":"1-2","whole":false}',
        '{"file_path":"","unknown":"","any":null,"more":null}',
        '{"edits":[],"more":{"text":"","edits":[[1],{"a":[]}]}}',
        '{"any":{"deep":[1.50,-0,1e3,true,null,""]}}',
    ],
)
def test_what_fits_is_passed_on_letter_by_letter(text):
    for cuts in ((), range(1, len(text))):
        assert mended(text, cuts=cuts) == (text, False)


def test_blanks_between_members_are_all_that_is_lost():
    assert mended('{ "file_path" : "a b" ,\n "any" : [ 1 , { } ] }') == ('{"file_path":"a b","any":[1,{}]}', False)


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": {}}, {"properties": 3}])
def test_without_properties_everything_is_passed_on_as_it_is(schema):
    text = '{ "a ": "", "b": [ 1 ] }'
    assert mended(text, schema) == (text, False)


def test_a_text_is_passed_on_from_its_first_character():
    stream = ArgumentStream(READ)
    assert stream.feed('{"file_path": "') == "{"
    assert stream.feed("/home") == '"file_path":"/home'
    assert stream.feed("/me") == "/me"
    assert stream.feed('", "whole": tr') == '"'
    assert stream.feed('ue, "edits": [{"text": "x') == ',"whole":true,"edits":[{"text":"x'


def test_a_key_sent_both_ways_counts_as_the_later_one():
    sent, _ = mended('{"file_path ": "a", "file_path": "b"}')
    assert json.loads(sent) == {"file_path": "b"}
    sent, _ = mended('{"file_path": "a", "file_path ": "b"}')
    assert json.loads(sent) == {"file_path": "a", "file_path ": "b"}


KEYS = st.sampled_from(["file_path", "limit", "pages", "whole", "edits", "more", "any", "line", "text", "other", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.sampled_from([0.5, 3.0, "", "3", "true", "null", "[1]", '{"line": "1"}', "[{]", 'é\n"\\', "x"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
BLANK = st.sampled_from(["", " ", "\n"])


@settings(max_examples=400)
@given(st.dictionaries(KEYS, VALUES, max_size=6), BLANK, st.data())
def test_mended_in_pieces_is_mended_whole(value, blank, data):
    renamed = {key + blank: member for key, member in value.items()}
    text = json.dumps(renamed, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    sent, changed = mended(text, cuts=cuts)
    expected, expected_change = fit_object(renamed, READ, READ)
    assert json.dumps(json.loads(sent)) == json.dumps(expected)
    assert changed is expected_change
