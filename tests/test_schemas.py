"""Schemas for backends: an object at the root, nothing a backend refuses, and what that meant in words."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strict_openai import problems

from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.schemas import clean_schema, strict_schema

PLAIN = Dialect(name="plain")
INLINE = replace(PLAIN, inline_refs=True)
ANY_ROOT = replace(PLAIN, object_root=False)
GEMINI_LIKE = Dialect(
    name="picky",
    inline_refs=True,
    drop_schema_keywords=frozenset({"additionalProperties", "const", "exclusiveMinimum", "exclusiveMaximum", "oneOf"})
    | {"propertyNames", "patternProperties", "allOf", "not", "prefixItems", "pattern", "format", "default", "examples"}
    | {"uniqueItems", "type:list", "enum:other", "unknown:*"},
)
GRAMMAR_LIKE = replace(PLAIN, name="local", drop_schema_keywords=frozenset({"pattern", "format"}))


def dropping(*keywords):
    return replace(PLAIN, drop_schema_keywords=frozenset(keywords))


def clean(schema, dialect=PLAIN):
    return clean_schema(schema, dialect, Notes(), "tools.0.input_schema")


def clean_property(schema, dialect):
    return clean({"type": "object", "properties": {"p": schema}}, dialect)["properties"]["p"]


def words_of(schema, dialect):
    return clean_property(schema, dialect).get("description", "")


# -- what is left alone ----------------------------------------------------------------------------------------------

RICH = {
    "type": "object",
    "description": "everything OpenAI takes",
    "properties": {
        "pattern": {"type": "string", "pattern": "^a", "minLength": 1},
        "format": {"type": ["string", "null"], "format": "uri", "default": None},
        "node": {"$ref": "#/$defs/Node"},
        "either": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        "const": {"const": {"$ref": "#/not/a/reference"}},
        "list": {"type": "array", "items": {"type": "string"}, "examples": [["$schema"]]},
    },
    "required": ["pattern"],
    "additionalProperties": False,
    "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
}


def test_a_schema_openai_takes_is_sent_as_it_is():
    notes = Notes()
    assert clean_schema(RICH, PLAIN, notes, "x") == RICH
    assert notes.codes() == []


def test_a_property_may_be_called_like_a_keyword():
    """Claude Code's Grep has a parameter `pattern`, and others have `format`, `type` and `$schema`."""
    properties = {
        name: {"type": "string"} for name in ("pattern", "format", "$schema", "$id", "const", "type", "anyOf")
    }
    assert clean({"type": "object", "properties": properties}, GEMINI_LIKE)["properties"] == properties


def test_data_is_not_taken_for_a_schema():
    data = {"pattern": "x", "$schema": "y", "type": ["a", "b"]}
    schema = {"type": "object", "properties": {"p": {"default": data, "examples": [data], "enum": [data]}}}
    assert clean(schema, dropping("pattern", "type:list")) == schema


def test_names_of_schemas_and_cache_marks_go():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/x",
        "cache_control": {"type": "ephemeral"},
        "type": "object",
        "properties": {"a": {"$schema": "x", "$anchor": "y", "type": "string"}},
    }
    assert clean(schema) == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_the_input_is_not_changed():
    for dialect in (PLAIN, INLINE, GEMINI_LIKE):
        before = copy.deepcopy(RICH)
        clean(RICH, dialect)
        assert before == RICH


def test_the_same_schema_is_cleaned_once():
    assert clean(copy.deepcopy(RICH), GEMINI_LIKE) is clean(copy.deepcopy(RICH), GEMINI_LIKE)


def test_the_note_comes_with_every_request():
    for path in ("tools.0", "tools.1"):
        notes = Notes()
        clean_schema({"anyOf": [{"type": "object"}]}, PLAIN, notes, path)
        assert [(note.code, note.path, note.detail) for note in notes] == [("schema-cleaned", path, "anyOf")]


# -- the root -------------------------------------------------------------------------------------------------------

EMPTY = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    "schema", [{}, None, True, [], "object", 3, {"type": "object"}, {"type": "object", "properties": None}]
)
def test_a_schema_that_says_nothing_is_an_empty_object(schema):
    assert clean(schema) == EMPTY


def test_the_type_of_the_root_is_added():
    assert clean({"properties": {"a": {}}})["type"] == "object"
    assert clean({"type": ["object", "null"], "properties": {"a": {}}}) == {"type": "object", "properties": {"a": {}}}


@pytest.mark.parametrize(
    "schema", [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}, {"type": "boolean"}]
)
def test_a_root_that_is_no_object_becomes_the_property_value(schema):  # TO-03, and what arguments.py reads
    assert clean(schema) == {"type": "object", "properties": {"value": schema}, "required": ["value"]}


def test_shapes_to_choose_from_become_one_object():  # TO-03
    schema = {
        "anyOf": [
            {
                "type": "object",
                "properties": {"command": {"const": "view"}, "path": {"type": "string"}},
                "required": ["command", "path"],
            },
            {"properties": {"command": {"const": "rename"}, "to": {"type": "string"}}, "required": ["command", "to"]},
        ]
    }
    assert clean(schema) == {
        "type": "object",
        "properties": {"command": {"enum": ["view", "rename"]}, "path": {"type": "string"}, "to": {"type": "string"}},
        "required": ["command"],
        "description": "At least one of these: {command=view, path} or {command=rename, to}",
    }


def test_oneof_says_that_only_one_may_be_chosen():
    schema = {
        "description": "Find.",
        "oneOf": [
            {"title": "By id", "required": ["id"], "properties": {"id": {}}},
            {"required": ["q"], "properties": {"q": {}}},
        ],
    }
    assert clean(schema)["description"] == "Find. (one of these: By id {id} or {q})"
    assert set(clean(schema)["properties"]) == {"id", "q"}
    assert "required" not in clean(schema)


def test_a_property_two_shapes_disagree_about_takes_either():
    schema = {
        "anyOf": [{"properties": {"a": {"type": "string", "minLength": 2}}}, {"properties": {"a": {"type": "integer"}}}]
    }
    assert clean(schema)["properties"]["a"] == {"anyOf": [{"type": "string", "minLength": 2}, {"type": "integer"}]}


def test_what_the_root_says_itself_is_kept_beside_the_shapes():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "anyOf": [{"required": ["b"], "properties": {"b": {}}}],
    }
    assert clean(schema) == {"type": "object", "properties": {"b": {}, "a": {"type": "string"}}, "required": ["a", "b"]}


def test_allof_at_the_root_is_folded_in():
    schema = {
        "allOf": [
            {"$ref": "#/$defs/Base"},
            {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ],
        "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
    }
    cleaned = clean(schema)
    assert cleaned["properties"] == {"a": {"type": "string"}, "b": {"type": "integer"}}
    assert cleaned["required"] == ["a", "b"]
    assert "allOf" not in cleaned


def test_a_reference_at_the_root_is_followed():
    schema = {
        "$ref": "#/definitions/Root",
        "definitions": {"Root": {"type": "object", "properties": {"a": {"$ref": "#/definitions/Root"}}}},
    }
    cleaned = clean(schema)
    assert cleaned["properties"] == {"a": {"$ref": "#/definitions/Root"}}
    assert cleaned["definitions"] == schema["definitions"]


def test_other_words_at_the_root_are_said():
    cleaned = clean({"type": "object", "not": {"required": ["a"]}, "properties": {"a": {}}})
    assert cleaned == {"type": "object", "properties": {"a": {}}, "description": 'Not {"required":["a"]}'}


def test_a_backend_that_takes_any_root_gets_it():
    schema = {"anyOf": [{"type": "object", "properties": {"a": {}}}, {"type": "null"}]}
    assert clean(schema, ANY_ROOT) == schema


# -- what every backend refuses --------------------------------------------------------------------------------------


def test_an_array_without_items_gets_some():
    assert clean_property({"type": "array"}, PLAIN) == {"type": "array", "items": {}}


def test_a_tuple_in_the_old_spelling_is_written_in_the_new_one():
    old = {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False}
    assert clean_property(old, PLAIN) == {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": {},
        "maxItems": 2,
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"required": True},
        {"enum": []},
        {"enum": "a"},
        {"type": None},
        {"description": 3},
        {"anyOf": []},
        {"properties": [1]},
    ],
)
def test_a_keyword_with_a_value_no_validator_takes_is_left_out(broken):
    assert clean_property({"title": "t", **broken}, PLAIN) == {"title": "t"}


def test_boolean_schemas():
    assert clean({"type": "object", "properties": {"any": True, "never": False}})["properties"] == {"any": {}}


# -- references -----------------------------------------------------------------------------------------------------


def test_references_are_replaced_where_the_backend_takes_none():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A", "description": "mine"}, "b": {"$ref": "#/properties/a"}},
        "$defs": {"A": {"type": "string", "description": "theirs"}},
    }
    assert clean(schema, INLINE) == {
        "type": "object",
        "properties": {"a": {"type": "string", "description": "mine"}, "b": {"type": "string", "description": "mine"}},
    }


def test_a_recursive_reference_ends_in_words():
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}
    cleaned = clean(
        {"type": "object", "properties": {"root": {"$ref": "#/$defs/Tree"}}, "$defs": {"Tree": tree}}, INLINE
    )
    assert "$ref" not in json.dumps(cleaned)
    inner = cleaned["properties"]["root"]["properties"]["children"]["items"]
    assert inner == {"type": "object", "description": "The same shape again: Tree"}


def test_a_reference_to_the_whole_schema_stays_while_the_root_does():
    schema = {"type": "object", "properties": {"again": {"$ref": "#"}}}
    assert clean(schema) == schema
    assert "$ref" not in json.dumps(clean({"anyOf": [schema]}))


@pytest.mark.parametrize(
    "reference",
    ["#/$defs/Missing", "https://example.com/schema.json", "other.json#/a", "#anchor", "", "#/properties/0"],
)
def test_a_reference_to_nothing_becomes_words(reference):
    assert clean_property({"$ref": reference}, PLAIN) == {"description": f"See {reference}"}


def test_a_pointer_with_escapes_is_followed():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/x-lib/a~1b~0c%20d"}},
        "x-lib": {"a/b~c d": {"type": "integer"}},
    }
    assert clean(schema)["properties"]["a"] == {"type": "integer"}


def test_references_that_multiply_are_cut_off():
    doubling = {
        f"l{n}": {"type": "object", "properties": {k: {"$ref": f"#/$defs/l{n + 1}"} for k in "ab"}} for n in range(40)
    }
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/l0"}},
        "$defs": {**doubling, "l40": {"type": "string"}},
    }
    assert len(json.dumps(clean(schema, INLINE))) < 3_000_000


def test_nesting_beyond_any_use_is_cut_off():
    schema = {"type": "string"}
    for _ in range(120):
        schema = {"type": "object", "properties": {"a": schema}}
    assert "nested too deeply" in json.dumps(clean(schema, GEMINI_LIKE))


# -- keywords a backend refuses --------------------------------------------------------------------------------------


def test_exclusive_bounds_of_whole_numbers_become_plain_ones():  # TO-01
    picky = dropping("exclusiveMinimum", "exclusiveMaximum")
    assert clean_property({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}, picky) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
    }
    assert words_of({"type": "number", "exclusiveMinimum": 0.5}, picky) == "Greater than 0.5"
    assert words_of({"type": "number", "minimum": 2, "exclusiveMinimum": True}, picky) == "Not 2 itself"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"pattern": r"^\d+$"}, r"Must match the regular expression ^\d+$"),
        ({"format": "date-time"}, "Format: date-time"),
        ({"minLength": 2, "maxLength": 5}, "At least 2 characters; at most 5 characters"),
        ({"minimum": 1, "maximum": 9, "multipleOf": 2}, "At least 1; at most 9; a multiple of 2"),
        ({"minItems": 1, "maxItems": 3, "uniqueItems": True}, "At least 1 items; at most 3 items; no item twice"),
        ({"propertyNames": {"pattern": "^x-"}}, 'Names of properties: {"pattern":"^x-"}'),
        ({"default": 5}, "Default: 5"),
        ({"examples": ["a", "b"]}, 'Examples: ["a","b"]'),
        ({"not": {"const": 3}}, 'Not {"const":3}'),
        ({"dependentRequired": {"a": ["b"]}}, 'What needs what: {"a":["b"]}'),
        ({"contentEncoding": "base64"}, "Encoded as base64"),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, 'If {"required":["a"]}; then {"required":["b"]}'),
        ({"nullable": True}, "May be null"),
        ({"title": "T", "deprecated": True, "additionalProperties": False}, ""),
    ],
)
def test_what_a_dropped_keyword_meant_is_said(schema, words):  # TO-01, TO-02
    cleaned = clean_property(schema, dropping(*schema))
    assert cleaned == ({"description": words} if words else {})


def test_words_are_added_to_the_description_there_is():
    cleaned = clean_property({"type": "string", "description": "A date.", "format": "date"}, GRAMMAR_LIKE)
    assert cleaned == {"type": "string", "description": "A date. (format: date)"}


def test_a_very_long_value_is_cut_in_words():
    assert len(words_of({"pattern": "x" * 10_000}, GRAMMAR_LIKE)) < 400


def test_const_becomes_an_enum():  # TO-01
    assert clean_property({"const": "a"}, dropping("const")) == {"enum": ["a"]}
    assert clean_property({"const": 3}, GEMINI_LIKE) == {"description": "Always 3"}


def test_values_that_are_not_strings_leave_the_enum_of_a_backend_that_takes_only_those():
    assert clean_property({"type": "string", "enum": ["a", "", "b"]}, GEMINI_LIKE) == {
        "type": "string",
        "enum": ["a", "b"],
    }
    assert clean_property({"type": "integer", "enum": [1, 2]}, GEMINI_LIKE) == {
        "type": "integer",
        "description": "One of [1,2]",
    }


def test_null_among_the_types_becomes_nullable():
    assert clean_property({"type": ["string", "null"]}, GEMINI_LIKE) == {"type": "string", "nullable": True}
    assert clean_property({"type": ["string", "integer"]}, GEMINI_LIKE) == {
        "type": "string",
        "description": "Or integer",
    }


def test_null_among_the_branches_becomes_nullable():
    schema = {"description": "d", "anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert clean_property(schema, GEMINI_LIKE) == {"description": "d", "type": "integer", "nullable": True}


def test_oneof_becomes_anyof():
    branches = [{"type": "integer"}, {"type": "string"}]
    assert clean_property({"oneOf": branches}, dropping("oneOf")) == {"anyOf": branches}


def test_branches_no_backend_form_can_hold_are_said():
    schema = {"oneOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}
    assert clean_property(schema, dropping("oneOf", "anyOf")) == {
        "type": "integer",
        "nullable": True,
        "description": 'Or {"type":"string"}',
    }
    constants = {"anyOf": [{"const": "a"}, {"const": "b"}]}
    assert clean_property(constants, dropping("anyOf")) == {"enum": ["a", "b"]}


def test_allof_is_folded_into_its_schema():
    schema = {"allOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]}, {"required": ["b"]}]}
    assert clean_property(schema, dropping("allOf")) == {
        "type": "object",
        "properties": {"a": {}},
        "required": ["a", "b"],
    }


def test_a_tuple_becomes_a_list_of_either():
    schema = {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False}
    assert clean_property(schema, dropping("prefixItems")) == {
        "type": "array",
        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "minItems": 2,
        "maxItems": 2,
        "description": 'In this order: {"type":"string"}, {"type":"integer"}',
    }


def test_properties_by_pattern_become_any_properties():
    schema = {"type": "object", "patternProperties": {"^x-": {"type": "string"}}}
    assert clean_property(schema, dropping("patternProperties")) == {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Names of properties match ^x-",
    }


def test_words_nobody_knows_can_be_left_out():
    schema = {"type": "string", "enumDescriptions": ["x"], "x-google": 1, "markdownDescription": "m"}
    assert clean_property(schema, PLAIN) == schema
    said = 'EnumDescriptions: ["x"]; markdownDescription: m'
    assert clean_property(schema, dropping("unknown:*")) == {"type": "string", "description": said}


# -- strict ---------------------------------------------------------------------------------------------------------


def closed(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def strictly(schema):
    found = strict_schema(schema, PLAIN, Notes(), "x")
    return found and found.sent


STRING = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        closed(a=STRING),
        closed(a={"type": ["string", "null"]}, b=closed(c={"type": "integer", "enum": [1]})),
        closed(a={"type": "array", "items": closed(b={"type": "integer", "minimum": 1})}),
        closed(a={"anyOf": [closed(b=STRING), {"type": "null"}]}),
        closed(),
    ],
)
def test_a_schema_that_fits_strict_is_sent_as_it_is(schema):
    assert strictly(schema) == schema


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({**closed(a=STRING), "required": []}, closed(a={"type": ["string", "null"]})),
        ({"type": "object", "properties": {"a": STRING}}, closed(a={"type": ["string", "null"]})),
        (
            {"type": "object", "properties": {"a": {"enum": ["x", 1], "description": "d"}}},
            closed(a={"enum": ["x", 1, None], "description": "d", "type": ["number", "string", "null"]}),
        ),
        (
            {"type": "object", "properties": {"a": {"type": "array", "items": STRING, "description": "d"}}},
            closed(a={"description": "d", "anyOf": [{"type": "array", "items": STRING}, {"type": "null"}]}),
        ),
        (
            {**closed(a={"$ref": "#/$defs/A", "description": "d"}), "$defs": {"A": STRING}},
            {**closed(a={"description": "d", "anyOf": [{"$ref": "#/$defs/A"}]}), "$defs": {"A": STRING}},
        ),
        (
            {**closed(a={"$ref": "#/$defs/A"}), "required": [], "$defs": {"A": STRING}},
            {**closed(a={"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}), "$defs": {"A": STRING}},
        ),
        (closed(a={"type": "string", "default": "x"}), closed(a={"type": "string", "description": "Default: x"})),
        (closed(a={"oneOf": [STRING, {"type": "null"}]}), closed(a={"anyOf": [STRING, {"type": "null"}]})),
        (closed(a={"const": "x"}), closed(a={"const": "x", "type": "string"})),
    ],
)
def test_a_schema_that_means_the_same_is_made_to_fit_strict(schema, sent):
    assert strictly(schema) == sent
    assert strictly(sent) == sent


@pytest.mark.parametrize(
    "schema",
    [
        {**closed(a=STRING), "required": ["a", "b"]},
        {**closed(a=STRING), "additionalProperties": True},
        {**closed(a=STRING), "additionalProperties": STRING},
        {"type": "object", "properties": {}},
        closed(a={"type": "object", "properties": {}}),
        closed(a={"type": "array", "items": {"type": "object"}}),
        closed(a={"type": "array", "items": {}}),
        closed(a={}),
        {**closed(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "object"}}},
        closed(a={"anyOf": [{"type": "object", "properties": {"b": STRING}}, closed(c=STRING)]}),
    ],
)
def test_a_schema_that_means_more_than_strict_can_say_does_not_fit(schema):
    assert strictly(schema) is None


# -- laws -----------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "pattern", "type", "$schema", "é"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5)
KEYWORDS = [
    *("type", "properties", "required", "enum", "const", "items", "prefixItems", "anyOf", "oneOf", "allOf", "not"),
    *("$ref", "$defs", "definitions", "pattern", "format", "minimum", "exclusiveMinimum", "additionalProperties"),
    *("patternProperties", "propertyNames", "description", "default", "nullable", "if", "then", "x-y"),
]
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
REFERENCES = st.sampled_from(["#", "#/$defs/a", "#/definitions/b", "#/properties/a", "#/$defs/nothing", "http://x/y"])


def schemas(inner):
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, max_size=3),
            "enum": st.lists(SCALARS, max_size=3),
            "const": SCALARS,
            "items": inner | st.lists(inner, max_size=2) | st.booleans(),
            "prefixItems": st.lists(inner, max_size=2),
            "anyOf": st.lists(inner, max_size=3),
            "oneOf": st.lists(inner, max_size=2),
            "allOf": st.lists(inner, max_size=2),
            "$ref": REFERENCES,
            "$defs": st.dictionaries(NAMES, inner, max_size=2),
            "definitions": st.dictionaries(NAMES, inner, max_size=2),
            "additionalProperties": inner | st.booleans(),
            "patternProperties": st.dictionaries(NAMES, inner, max_size=2),
            "propertyNames": inner,
            "exclusiveMinimum": st.integers(-3, 3) | st.booleans(),
            "not": inner,
            "pattern": st.text(max_size=4),
            "format": st.text(max_size=4),
            "description": st.text(max_size=6),
            "x-y": SCALARS,
        },
    )


SCHEMAS = st.recursive(st.just({}) | st.booleans(), schemas, max_leaves=12)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=5),
    max_leaves=15,
)
DIALECTS = st.sampled_from(
    [PLAIN, INLINE, GEMINI_LIKE, GRAMMAR_LIKE, dropping("anyOf", "oneOf", "enum", "items", "$ref")]
)


def as_tool(schema):
    function = {"name": "f", "parameters": schema}
    return {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function", "function": function}],
    }


@settings(max_examples=200)
@given(SCHEMAS | JUNK, DIALECTS)
def test_any_json_gives_a_schema_openai_takes(schema, dialect):
    before = json.dumps(schema)
    assert problems(as_tool(clean(schema, dialect))) == []
    assert json.dumps(schema) == before


@settings(max_examples=200)
@given(SCHEMAS | JUNK, DIALECTS)
def test_cleaning_twice_is_cleaning_once(schema, dialect):
    once = clean(schema, dialect)
    assert clean(once, dialect) == once


@settings(max_examples=100)
@given(SCHEMAS)
def test_no_refused_keyword_is_left_where_a_schema_stands(schema):
    def walk(node):
        assert not (GEMINI_LIKE.drop_schema_keywords | {"$ref", "$defs", "definitions", "x-y"}) & node.keys()
        assert not isinstance(node.get("type"), list)
        for child in [
            *node.get("properties", {}).values(),
            *node.get("anyOf", []),
            *([node["items"]] if "items" in node else []),
        ]:
            walk(child) if isinstance(child, dict) else None

    walk(clean(schema, GEMINI_LIKE))
