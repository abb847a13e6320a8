"""Arguments of tool calls: read where one reading fits, repaired where the schema leaves one way, else kept as text."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_proxy.translate.arguments import BROKEN, REPAIRED, read_arguments
from claude_code_proxy.translate.relaxed_json import NoValueError, read_value

BASH = {
    "type": "object",
    "properties": {
        "command": {"type": "string"},
        "timeout": {"type": "integer"},
        "ratio": {"type": "number"},
        "background": {"type": "boolean"},
        "description": {"type": "string"},
    },
    "required": ["command"],
}
ANY = {"type": "object", "properties": {}}


def reading(text, schema=BASH):
    return read_arguments(text, schema)


# -- what is read as it is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  \n", "null", "{}", " { } "])
def test_nothing_is_an_empty_object(text):
    assert reading(text) == ({}, "")


@pytest.mark.parametrize(
    "value",
    [
        {"command": "ls", "timeout": 3, "ratio": 0.5, "background": True, "description": "List"},
        {"command": ""},
        {"command": "héllo 世界 😀 \u2028"},
        {"command": "a", "unknown": ""},
        {"command": "a", "ratio": 3},
    ],
)
def test_valid_arguments_come_back_as_they_are(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert reading(text) == (value, "")


def test_without_a_schema_nothing_is_changed():
    for schema in ({}, ANY, {"properties": "none"}):
        assert reading('{"a ": "3", "b": "", "c": null}', schema) == ({"a ": "3", "b": "", "c": None}, "")


# -- text with one reading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{command: "ls"}', {"command": "ls"}, id="bare key, TO-07"),
        pytest.param('{"command": "ls",}', {"command": "ls"}, id="comma before the end"),
        pytest.param("{'command': 'ls'}", {"command": "ls"}, id="single quotes"),
        pytest.param("{'command': 'say \"hi\"'}", {"command": 'say "hi"'}, id="double quotes inside single ones"),
        pytest.param("{'command': 'it\\'s'}", {"command": "it's"}, id="escaped single quote"),
        pytest.param(
            '{"command": "ls", "background": True}', {"command": "ls", "background": True}, id="Python's True"
        ),
        pytest.param('{"command": "a\nb\tc"}', {"command": "a\nb\tc"}, id="raw line end and tab"),
        pytest.param(r'{"command": "grep \d+\."}', {"command": r"grep \d+\."}, id="backslashes nobody escaped"),
        pytest.param(r'{"command": "it\'s"}', {"command": "it's"}, id="needlessly escaped quote"),
        pytest.param('```json\n{"command": "ls"}\n```', {"command": "ls"}, id="a fence"),
        pytest.param('```\n{"command": "ls"}```', {"command": "ls"}, id="a fence without a language"),
        pytest.param('Arguments: {"command": "ls"}', {"command": "ls"}, id="words before"),
        pytest.param('{"command": "ls"} is what I run.', {"command": "ls"}, id="words behind"),
        pytest.param('{"command": "ls"}}', {"command": "ls"}, id="a bracket too many"),
        pytest.param('\ufeff{"command": "ls"}', {"command": "ls"}, id="a byte order mark"),
        pytest.param('"{\\"command\\": \\"ls\\"}"', {"command": "ls"}, id="encoded twice"),
        pytest.param(
            '"\\"{\\\\\\"command\\\\\\": 1}\\""', {"value": '"{\\"command\\": 1}"'}, id="encoded three times is a text"
        ),
        pytest.param('{}{"command": "ls"}', {"command": "ls"}, id="an empty object before"),
        pytest.param('{"command": "ls"}{"command": "ls"}', {"command": "ls"}, id="the same object twice"),
        pytest.param(
            '{"command": "ls"} {"command": "ls", "timeout": 3}', {"command": "ls", "timeout": 3}, id="growing copies"
        ),
        pytest.param('{"command": "\\ud83d\\ude00"}', {"command": "😀"}, id="surrogate pairs"),
        pytest.param('{"command": "\\ud83d"}', {"command": "\ufffd"}, id="half a pair is no character"),
        pytest.param('{"command": "ls"', {"command": "ls"}, id="the last brace is missing"),
        pytest.param(
            '{"command": "ls", "background": true\n', {"command": "ls", "background": True}, id="missing behind a word"
        ),
        pytest.param('{"command": "echo "hi""}', {"command": 'echo "hi"'}, id="quotes nobody escaped"),
        pytest.param(
            '{"command": "a "b", c", "timeout": 3, "description": "d "e""}',
            {"command": 'a "b", c', "timeout": 3, "description": 'd "e"'},
            id="quotes nobody escaped, in two members",
        ),
        pytest.param(r'{"command": "cd C:\Users "x""}', {"command": r'cd C:\Users "x"'}, id="with backslashes"),
    ],
)
def test_a_repair_with_one_reading(text, value):
    arguments, code = reading(text)
    assert arguments == value
    assert code == ("" if text == '{"command": "\\ud83d\\ude00"}' else REPAIRED)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"command": "ls', id="cut inside a string, ST-12"),
        pytest.param('{"timeout": 3', id="cut before the bracket, perhaps inside a number"),
        pytest.param('{"description": "ls"', id="cut before the bracket and what is required"),
        pytest.param('{"command": "ls", "other": "x"', id="cut before the bracket, with a member of no schema"),
        pytest.param('{"command": ["a", "b"', id="cut inside a list"),
        pytest.param('{"command"', id="cut inside a key"),
        pytest.param("{", id="only a bracket"),
        pytest.param('{"what": "echo "hi""}', id="quotes nobody escaped, in a member of no schema"),
        pytest.param(
            '{"command": "echo "hi"", "other": "x" y"}', id="quotes nobody escaped, then a member of no schema"
        ),
        pytest.param('{"command": "echo "hi', id="quotes nobody escaped, cut off"),
        pytest.param('{"command": "echo "}"}', id="a quote and a brace: where does the object end?"),
        pytest.param(r'{"command": "C:\dir\new"}', id="a path or a line end?"),
        pytest.param('{"command": "ls"}{"command": "pwd"}', id="two calls in one"),
        pytest.param('{"a": 1} or {"b": 2}', id="two answers"),
        pytest.param("{command: ls}", id="a bare word"),
        pytest.param("{'command': 'it's'}", id="a single quote inside single quotes"),
        pytest.param('{"timeout": 1e999}', id="more than a number can be"),
        pytest.param('{"timeout": 2026-11-22}', id="a date without quotes"),
        pytest.param('{"timeout": .5}', id="a number without its zero"),
        pytest.param('{"command" "ls"}', id="no colon"),
        pytest.param('{"command": "ls" "timeout": 3}', id="no comma"),
        pytest.param('{"command": "ls",, "timeout": 3}', id="two commas"),
        pytest.param('{"command": NaN}', id="not a number"),
        pytest.param("ls -la", id="no JSON at all"),
        pytest.param("[1, 2] and more", id="a list and words"),
        pytest.param("[" * 5000, id="brackets without end"),
        pytest.param('{"a":' * 3000 + "1" + "}" * 3000, id="nested beyond any use"),
        pytest.param('{"timeout": ' + "9" * 5000 + "}", id="a number beyond any use"),
        pytest.param("\ud800", id="half a surrogate pair"),
    ],
)
def test_text_with_no_reading_or_two_is_kept_for_the_tools_own_check(text):  # TO-07
    arguments, code = reading(text)
    assert code == BROKEN
    assert arguments == {"_raw": text.encode("utf-8", "replace").decode()}


# -- values that are no object ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[1, 2]", "3", '"ls"', "true"])
def test_a_value_that_is_no_object_becomes_the_property_value(text):
    assert reading(text) == ({"value": json.loads(text)}, REPAIRED)


def test_it_becomes_the_only_property_where_it_fits():
    todos = {"type": "object", "properties": {"todos": {"type": "array"}}, "required": ["todos"]}
    assert reading('[{"content": "a"}]', todos) == ({"todos": [{"content": "a"}]}, REPAIRED)
    assert reading('"a"', todos) == ({"value": "a"}, REPAIRED)


# -- values the schema shows a way for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"command ": "x"}, {"command": "x"}, id="a key with a blank, TO-06"),
        pytest.param({" command\n": "x"}, {"command": "x"}, id="blanks on both sides"),
        pytest.param({"command": "x", "description": ""}, {"command": "x"}, id="an optional text that is empty, TO-06"),
        pytest.param({"command": "x", "timeout": ""}, {"command": "x"}, id="an optional number that is empty"),
        pytest.param({"command": "x", "timeout": None}, {"command": "x"}, id="an optional null"),
        pytest.param({"command": "x", "timeout": "3"}, {"command": "x", "timeout": 3}, id="a number in quotes, TO-06"),
        pytest.param({"command": "x", "timeout": "-12 "}, {"command": "x", "timeout": -12}, id="with a blank"),
        pytest.param(
            {"command": "x", "timeout": "3.0"}, {"command": "x", "timeout": 3}, id="a whole number with a point"
        ),
        pytest.param({"command": "x", "ratio": "0.5"}, {"command": "x", "ratio": 0.5}, id="a fraction in quotes"),
        pytest.param({"command": "x", "background": "true"}, {"command": "x", "background": True}, id="true, TO-06"),
        pytest.param({"command": "x", "background": "False"}, {"command": "x", "background": False}, id="False"),
        pytest.param({"command": 3}, {"command": "3"}, id="a number where a text is due"),
    ],
)
def test_a_value_is_made_to_fit_the_schema(given_, expected):
    assert reading(json.dumps(given_)) == (expected, REPAIRED)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"command": "true"}, id="a text that spells a boolean"),
        pytest.param({"command": "3"}, id="a text that spells a number"),
        pytest.param({"command": ""}, id="a required text that is empty"),
        pytest.param({"command": None}, id="a required null"),
        pytest.param({"command": "x", "timeout": "soon"}, id="a word where a number is due"),
        pytest.param({"command": "x", "timeout": "3.5"}, id="a fraction where a whole number is due"),
        pytest.param({"command": "x", "timeout": "0x10"}, id="a number JSON can't write"),
        pytest.param({"command": "x", "background": "yes"}, id="a word that is no boolean"),
        pytest.param({"command": "x", "background": 1}, id="a number where a boolean is due"),
        pytest.param({"command": True}, id="a boolean where a text is due"),
        pytest.param({"command": 0.1}, id="a fraction where a text is due"),
        pytest.param({"command": ["x"]}, id="a list where a text is due"),
        pytest.param({"command": "x", "command ": "y"}, id="both spellings of a key"),
        pytest.param({"Command": "x"}, id="another capital"),
    ],
)
def test_what_the_schema_does_not_settle_is_left_alone(value):
    assert reading(json.dumps(value)) == (value, "")


def one(schema, **more):
    return {"type": "object", "properties": {"p": schema}, **more}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "default": ""},
        {"type": "string", "enum": ["", "a"]},
        {"type": "string", "minLength": 0},
        {"type": "string", "description": "The new text; empty deletes it."},
    ],
)
def test_an_empty_text_that_means_something_stays(schema):
    assert reading('{"p": ""}', one(schema)) == ({"p": ""}, "")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"nullable": True, "type": "string"},
        {},
    ],
)
def test_a_null_the_schema_allows_stays(schema):
    assert reading('{"p": null}', one(schema)) == ({"p": None}, "")


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "array", "items": {"type": "integer"}}, '"[1, 2]"', [1, 2]),
        ({"type": "array", "items": {"type": "integer"}}, '["1", 2]', [1, 2]),
        ({"type": "object"}, '"{\\"a\\": 1}"', {"a": 1}),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, '"{\\"n\\": \\"1\\"}"', {"n": 1}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, '"7"', 7),
        ({"anyOf": [{"type": "array"}, {"type": "null"}]}, '"null"', None),
        (
            {"oneOf": [{"type": "object", "properties": {"n": {"type": "integer"}}}, {"type": "null"}]},
            '{"n": "1"}',
            {"n": 1},
        ),
        ({"enum": [1, 2]}, '"2"', 2),
        ({"$ref": "#/$defs/N"}, '"5"', 5),
        ({"type": "array", "items": {"$ref": "#/$defs/O"}}, '[{"n": "1"}]', [{"n": 1}]),
    ],
)
def test_values_inside_values_are_made_to_fit(schema, text, value):
    definitions = {"N": {"type": "integer"}, "O": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}}
    assert reading(f'{{"p": {text}}}', one(schema, **{"$defs": definitions})) == ({"p": value}, REPAIRED)


@pytest.mark.parametrize("schema", [{"type": "array"}, {"type": "object"}, {"type": ["array", "null"]}])
@pytest.mark.parametrize("text", ["[1, 2", "{a: 1}", "a", "3"])
def test_a_text_that_is_no_list_or_object_stays_a_text(schema, text):
    assert reading(json.dumps({"p": text}), one(schema, required=["p"])) == ({"p": text}, "")


def test_a_recursive_schema_is_no_trap():
    schema = {
        "$ref": "#/$defs/T",
        "$defs": {
            "T": {"properties": {"n": {"type": "integer"}, "t": {"$ref": "#/$defs/T"}}},
            "L": {"$ref": "#/$defs/L"},
        },
    }
    assert reading('{"n": "1", "t": {"n": "2", "t": {"n": "3"}}}', schema)[0] == {"n": 1, "t": {"n": 2, "t": {"n": 3}}}
    assert reading('{"p": "1"}', {"properties": {"p": {"$ref": "#/$defs/L"}}, **schema}) == ({"p": "1"}, "")


def test_nothing_required_is_invented():
    assert reading("{}") == ({}, "")
    assert reading('{"timeout": "3"}') == ({"timeout": 3}, REPAIRED)


# -- laws -----------------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)
LOOSE = st.text(alphabet="{}[]\"'\\:, \n`atrue1.-N_ud8", max_size=40)
SCHEMAS = st.sampled_from(
    [
        BASH,
        {},
        ANY,
        one({"type": "integer"}),
        one({"type": ["array", "null"], "items": {"type": "number"}}),
        {"properties": 3},
        {"$ref": "#"},
    ]
)


@settings(max_examples=300)
@given(LOOSE | st.text(st.characters(exclude_categories=[])) | VALUES.map(json.dumps), SCHEMAS)
def test_any_text_gives_an_object_that_can_be_written(text, schema):
    arguments, code = read_arguments(text, schema)
    assert isinstance(arguments, dict)
    assert code in {"", REPAIRED, BROKEN}
    json.dumps(arguments, allow_nan=False, ensure_ascii=False).encode()


@given(OBJECTS)
def test_any_object_without_a_schema_comes_back(value):
    arguments, code = read_arguments(json.dumps(value), {})
    assert (arguments, code) == (json.loads(json.dumps(value)), "")


@given(VALUES)
def test_the_loose_reader_reads_json_as_json_does(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        read, end = read_value(text)
        assert (json.dumps(read), end) == (json.dumps(json.loads(text)), len(text))


@given(OBJECTS.filter(bool), st.data())
def test_text_that_was_cut_off_is_never_completed(value, data):
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    assert read_arguments(cut, BASH) == ({"_raw": cut}, BROKEN)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.booleans() | st.integers() | st.none() | st.text(alphabet="ab\"'\n {}:,é"),
        max_size=4,
    )
)
def test_what_python_prints_is_read_as_it_was(value):
    assert read_arguments(repr(value), {})[0] == value


@pytest.mark.parametrize(
    "text",
    [
        "{" * 200_000,
        '{"a":' + '"' * 200_000,
        "```" * 100_000,
        '{"a": "' + "\\d" * 200_000,
        "{}" * 200_000,
        "x{" * 200_000,
        " " * 400_000 + "{",
        "[" + "1," * 200_000,
    ],
)
def test_hostile_text_is_read_once(text):
    """A reader that starts over at every bracket would be at this for hours."""
    assert read_arguments(text, BASH) == ({"_raw": text}, BROKEN)


def test_the_reader_says_so_when_there_is_no_value():
    with pytest.raises(NoValueError):
        read_value("  ")
