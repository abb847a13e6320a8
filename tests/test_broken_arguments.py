"""Arguments that are no JSON, streamed: the same input as when they come whole, however the text is cut into chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.answers import answer, chunk, fragment, hear, hear_whole, plan_of, stream

from claude_code_proxy.translate.plan import ToolFacts

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "command": {"type": "string"},
        "timeout": {"type": "number"},
        "background": {"type": "boolean"},
        "description": {"type": "string"},
        "edits": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}}}},
    },
    "required": ["command"],
}
SCHEMAS = {"a schema": SCHEMA, "no schema": {}}

MENDED: dict[str, tuple[str, dict[str, Any]]] = {
    "backslashes nobody escaped": (r'{"command": "dir C:\Users\x", "timeout": 3}', {"command": r"dir C:\Users\x", "timeout": 3}),
    "a comma before the end": ('{"command": "ls",}', {"command": "ls"}),
    "a comma before the end of a list": ('{"command": "ls", "edits": [{"text": "a"},]}', {"command": "ls", "edits": [{"text": "a"}]}),
    "Python's words": ('{"command": "ls", "background": True}', {"command": "ls", "background": True}),
    "single quotes behind double ones": ("{\"command\": 'ls'}", {"command": "ls"}),
    "a bare key behind one in quotes": ('{"command": "ls", timeout: 3}', {"command": "ls", "timeout": 3}),
    "an object and words": ('{"command": "ls"} is what I run', {"command": "ls"}),
    "a brace too many": ('{"command": "ls"}}', {"command": "ls"}),
    "the same object twice": ('{"command": "ls"}{"command": "ls"}', {"command": "ls"}),
    "an empty object before": ('{}{"command": "ls"}', {"command": "ls"}),
    "growing copies": ('{"command": "ls"} {"command": "ls", "timeout": 3}', {"command": "ls", "timeout": 3}),
    "a raw line end": ('{"command": "a\nb"}', {"command": "a\nb"}),
    "half a surrogate pair where a number is due": ('{"command": "ls", "timeout": "\\ud83d"}', {"command": "ls", "timeout": "\ufffd"}),
    "half a surrogate pair, then a bare word": ('{"command": "a\\ud83d", "background": False}', {"command": "a\ufffd", "background": False}),
}  # fmt: skip
MENDED_BY_SCHEMA: dict[str, tuple[str, dict[str, Any]]] = {
    "quotes nobody escaped": ('{"command": "echo "hi"", "description": "Greet"}', {"command": 'echo "hi"', "description": "Greet"}),
    "quotes nobody escaped, before a comma": ('{"command": "awk "$1","$2"", "timeout": 3}', {"command": 'awk "$1","$2"', "timeout": 3}),
    "the last brace is missing": ('{"command": "ls"', {"command": "ls"}),
    "the last brace is missing behind a list": ('{"command": "ls", "edits": []', {"command": "ls", "edits": []}),
}  # fmt: skip
KEPT: dict[str, tuple[str, set[str]]] = {
    "two calls in one": ('{"command": "ls"}{"command": "pwd"}', {"command"}),
    "two objects": ('{"command": "ls"}{"timeout": 2}', {"command"}),
    "a path or a line end": (r'{"command": "C:\new\dir"}', {"command"}),
    "more than a number can be": ('{"timeout": 1e400}', set()),
    "more than a number can be, behind a text": ('{"command": "ls", "timeout": 1e400}', {"command"}),
    "the end inside a text": ('{"command": "rm -r', {"command"}),
    "the end inside a list": ('{"command": "ls", "edits": [{"text": "a"}', {"command", "edits"}),
    "quotes nobody escaped, and what is required missing": ('{"description": "a "b""}', {"description"}),
    "begun anew inside of a text": ('{"command":"a"{"command":"a","description":"x"}', {"command"}),
    "one quote too many, or one too few": ('{"command": "echo "a", "description": "b"}', {"command"}),
    "an object where a text is due, and no end": ('{"command": {"command": "a"}', {"command"}),
    "Python's None where a text is due": ("{'command': None}", set()),
    "words in the middle": ('{"command": "ls", oops}', {"command"}),
}


def streamed(pieces: list[str], schema: dict[str, Any], finish: str = "tool_calls") -> Any:
    """Return what a client reads of a call whose arguments come in pieces."""
    chunks = [fragment("", index=0, id="a", name="Bash"), *(fragment(piece, index=0) for piece in pieces)]
    return hear(stream(*chunks, chunk({}, finish)), plan=plan_of(tools={"Bash": ToolFacts("Bash", schema)}))


def whole(text: str, schema: dict[str, Any]) -> Any:
    call = {"id": "a", "type": "function", "function": {"name": "Bash", "arguments": text}}
    plan = plan_of(tools={"Bash": ToolFacts("Bash", schema)})
    return hear_whole(answer({"tool_calls": [call]}, "tool_calls"), plan=plan)


def every_cut(text: str) -> list[list[str]]:
    return [list(text), *([text[:at], text[at:]] for at in range(len(text) + 1))]


def heard_alike(text: str, schema: dict[str, Any]) -> Any:
    """Return what is heard of `text` whole, once every cut of it was heard to be the same."""
    expected = whole(text, schema)
    assert expected.failure is None
    for pieces in every_cut(text):
        heard = streamed(pieces, schema)
        assert heard.failure is None
        assert heard.calls == expected.calls, pieces
        assert heard.stop == expected.stop
        assert _judged(heard) == _judged(expected) or pieces[0] == pieces[1], "all of it again is no fault"
    return expected


def _judged(heard: Any) -> list[str]:
    return [code for code in heard.notes if code.startswith("arguments")]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("fault", MENDED)
def test_what_has_one_reading_is_mended_at_every_cut(fault: str, schema: str) -> None:
    text, value = MENDED[fault]
    heard = heard_alike(text, SCHEMAS[schema])
    assert heard.calls == [("Bash", value)]
    assert _judged(heard) == ["arguments-repaired"]


@pytest.mark.parametrize("fault", MENDED_BY_SCHEMA)
def test_what_the_schema_shows_one_reading_of_is_mended_at_every_cut(fault: str) -> None:
    text, value = MENDED_BY_SCHEMA[fault]
    heard = heard_alike(text, SCHEMA)
    assert heard.calls == [("Bash", value)]
    assert _judged(heard_alike(text, {})) == ["arguments-broken"]


@pytest.mark.parametrize("fault", KEPT)
def test_what_has_no_reading_is_kept_as_text_and_what_was_sent_is_overruled(fault: str) -> None:
    text, names = KEPT[fault]
    heard = heard_alike(text, SCHEMA)
    assert heard.calls == [("Bash", {**dict.fromkeys(names), "_raw": text})]
    assert _judged(heard) == ["arguments-broken"]


@pytest.mark.parametrize("text", [r'{"command": "one two \d', '{"command": "one two", "timeout": True'])
def test_what_is_certain_of_a_broken_call_is_sent_as_it_comes(text: str) -> None:
    begin = [line for line in streamed(list(text), SCHEMA).lines if line.startswith("input_json_delta")]
    assert len(begin) > len("one two")


def test_a_call_behind_a_broken_one_comes_too() -> None:
    chunks = [
        fragment('{"command": "ls",', index=0, id="a", name="Bash"),
        fragment("}", index=0),
        fragment('{"command": "pwd"}', index=1, id="b", name="Bash"),
        chunk({}, "tool_calls"),
    ]
    heard = hear(stream(*chunks), plan=plan_of(tools={"Bash": ToolFacts("Bash", SCHEMA)}))
    assert heard.calls == [("Bash", {"command": "ls"}), ("Bash", {"command": "pwd"})]


def test_a_broken_call_at_the_limit_is_left_open_and_the_stop_reason_says_why() -> None:
    heard = streamed(['{"command": "a', r"\d b"], SCHEMA, finish="length")
    assert heard.failure is None
    assert heard.stop["stop_reason"] == "max_tokens"
    assert heard.calls == []
    sent = "".join(line.split(" ", 2)[2] for line in heard.lines if line.startswith("input_json_delta 0 "))
    assert sent == '{"command":"a'


def test_nothing_is_mended_of_a_stream_that_says_no_end() -> None:
    chunks = [fragment('{"command": "ls', index=0, id="a", name="Bash")]
    assert "broke off" in str(hear(stream(*chunks)).failure)


VALUES = st.recursive(
    st.sampled_from(["", "a", 'say "hi"', "C:\\dir", "x\n", True, None, 3, 0.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "b"]), inner, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from([*SCHEMA["properties"], "command ", "other"])


@settings(max_examples=150)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sampled_from([SCHEMA, {}]), st.data())
def test_any_damage_reads_the_same_streamed_and_whole(value: dict[str, Any], schema: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(1, len(text)))
    gone = data.draw(st.integers(0, 2))
    damaged = (
        text[:at] + data.draw(st.sampled_from(["", '"', "\\", ",", "}", "x", "True", "{}", text])) + text[at + gone :]
    )
    expected = whole(damaged, schema)
    for pieces in (list(damaged), [damaged], [damaged[:at], damaged[at:]]):
        heard = streamed(pieces, schema)
        assert (heard.failure, heard.calls) == (None, expected.calls)


def test_arguments_that_came_twice_word_for_word_are_read_once_whatever_the_schema_wants() -> None:
    value = {"edits": "C:\\dir"}  # a text, where the schema has a list
    text = json.dumps(value)
    expected = [("Bash", value)]
    assert whole(text + text, SCHEMA).calls == expected
    for pieces in ([text, text], [text + text], list(text + text)):
        assert streamed(pieces, SCHEMA).calls == expected


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_null_and_left_out_where_there_is_no_null(written: str) -> None:
    text = f'{{"command": "ls", "timeout": {written}}}'
    for schema, value in ((SCHEMA, {"command": "ls"}), ({}, {"command": "ls", "timeout": None})):
        heard = heard_alike(text, schema)
        assert heard.calls == [("Bash", value)]
        assert _judged(heard) == ["arguments-repaired"]
