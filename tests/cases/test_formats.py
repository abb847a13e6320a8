"""Case PA-15 and strict tools at every kind of backend: the client gets what its own schema says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.backend import Backend, answer, say
from tests.backend.script import Call
from tests.cases.conftest import Speaking
from tests.cases.picky import openai, picky
from tests.cases.talk import Heard, both
from tests.strict_openai import problems

DIALECTS = ["openai", "openrouter", "vllm", "llamacpp", "ollama", "gemini", "generic", "deepseek", "minimax", "groq"]

NAMES = {"type": "array", "items": {"type": "string"}, "description": "Namen"}
ROOTS: dict[str, tuple[dict[str, Any], Any]] = {
    "a list": (NAMES, ["Äpfel", 'mit "Zeichen" }, ]', ""]),
    "a list of objects": (
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "in": {"type": "array", "items": {"type": "integer"}}},
                "required": ["n", "in"],
                "additionalProperties": False,
            },
        },
        [{"n": 1, "in": []}, {"n": -2, "in": [3, 4]}],
    ),
    "a text": ({"type": "string"}, "nur { ein \\ Text"),
    "a number": ({"type": "number"}, 2.5),
    "a word": ({"enum": ["ja", "nein"]}, "ja"),
    "one of two": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
    "a reference": ({"$ref": "#/$defs/L", "$defs": {"L": NAMES}}, ["a"]),
}


def of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def obedient(value: Any, size: int) -> Any:
    """Answer in the shape that was asked for: an object with the value where a root had to be one."""

    def step(received: Any) -> Any:
        asked = received.body.get("response_format")
        wrapped = asked and (asked["type"] == "json_object" or "value" in asked["json_schema"]["schema"]["properties"])
        return say(json.dumps({"value": value} if wrapped else value, ensure_ascii=False, indent=1), size=size)

    return step


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("root", ROOTS)
@both
def test_pa_15_a_root_that_is_no_object_comes_as_itself(
    speaking: Speaking, house: Backend, dialect: str, root: str, *, stream: bool
) -> None:
    schema, value = ROOTS[root]
    client = speaking(dialect)
    for size in (1, 4, 1000):
        house.play(obedient(value, size))
        assert json.loads(client.ask(**of(schema), stream=stream).text) == value
    asked = house.chats[-1].body.get("response_format", {})
    if asked.get("type") == "json_schema":
        assert asked["json_schema"]["schema"]["type"] == "object"


@both
def test_pa_15_a_backend_that_does_not_wrap_is_taken_at_its_word(
    speaking: Speaking, house: Backend, *, stream: bool
) -> None:
    client = speaking("generic")
    for size in (1, 1000):
        house.play(lambda _, size=size: say('["a", 1]', size=size))
        assert json.loads(client.ask(**of({"type": "array"}), stream=stream).text) == ["a", 1]


PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer"},
        "mood": {"enum": ["gut", "schlecht"]},
        "note": {"type": ["string", "null"]},
        "home": {
            "type": "object",
            "properties": {"zip": {"type": "string"}, "street": {"type": "string"}},
            "required": ["zip"],
        },
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}},
    },
    "required": ["name"],
    "$defs": {
        "Tag": {"type": "object", "properties": {"t": {"type": "string"}, "w": {"type": "number"}}, "required": ["t"]}
    },
}
FILLED = {
    "name": "",
    "age": None,
    "mood": None,
    "note": None,
    "home": {"zip": "null", "street": None},
    "tags": [{"t": "a", "w": None}, {"t": "b", "w": 2}],
}
MEANT = {"name": "", "note": None, "home": {"zip": "null"}, "tags": [{"t": "a"}, {"t": "b", "w": 2}]}


@pytest.mark.parametrize("dialect", ["openai", "openrouter", "azure"])
@both
def test_pa_15_an_optional_property_keeps_strict_and_its_null_is_left_out(
    speaking: Speaking, house: Backend, dialect: str, *, stream: bool
) -> None:
    client = speaking(dialect)
    for size in (1, 5, 1000):
        house.play(lambda _, size=size: say(json.dumps(FILLED), size=size))
        heard = client.ask(model="gpt-5.4", **of(PERSON), stream=stream)
        assert json.loads(heard.text) == MEANT
    sent = house.chats[-1].body["response_format"]
    assert sent["json_schema"]["strict"] is True
    assert sent["json_schema"]["schema"]["properties"]["age"]["type"] == ["integer", "null"]
    assert problems({"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": sent}) == []
    assert "format-weakened" not in heard.notes


@pytest.mark.parametrize("size", [1, 5, 1000])
@both
def test_to_06_an_optional_property_of_a_strict_tool_keeps_strict_and_its_null_is_left_out(
    speaking: Speaking, house: Backend, size: int, *, stream: bool
) -> None:
    client = speaking("openai")
    house.play(lambda _: answer(Call("Save", FILLED), size=size))
    heard = client.ask(tools=[{"name": "Save", "strict": True, "input_schema": PERSON}], stream=stream)
    assert heard.calls == [("Save", MEANT)]
    body = house.chats[-1].body
    assert body["tools"][0]["function"]["strict"] is True
    assert "At least 1 characters" in body["tools"][0]["function"]["parameters"]["properties"]["name"]["description"]
    assert problems({"model": "m", "messages": body["messages"][-1:], "tools": body["tools"]}) == []
    assert "tool-strict" not in heard.notes


LOOSE: dict[str, dict[str, Any]] = {
    "any keys": {"type": "object", "additionalProperties": {"type": "string"}},
    "more than it names": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
    "anything": {"type": "object", "properties": {"a": {}}, "required": ["a"]},
}


@pytest.mark.parametrize("schema", LOOSE)
def test_pa_15_a_schema_that_means_more_than_strict_can_say_stays_open(
    speaking: Speaking, house: Backend, schema: str
) -> None:
    client = speaking("openai")
    house.play(lambda _: say('{"a": null}'))
    heard = client.ask(**of(LOOSE[schema]))
    assert json.loads(heard.text) == {"a": None}
    assert house.chats[-1].body["response_format"]["json_schema"]["strict"] is False
    assert "format-weakened" in heard.notes


def test_pa_15_after_a_refused_schema_an_object_is_asked_for(speaking: Speaking, house: Backend) -> None:
    client = speaking("generic")
    refusal = openai("This model does not support response format `json_schema`.", "response_format")
    asks = []

    def refused(body: dict[str, Any]) -> bool:
        asks.append(body.get("response_format", {}).get("type"))
        return asks[-1] == "json_schema"

    house.play(picky((refused, refusal), then=say('{"value": [1]}')))
    heard: Heard = client.ask(model="formless-2", **of({"type": "array", "items": {"type": "integer"}}))
    assert asks == ["json_schema", "json_object"]
    assert json.loads(heard.text) == [1]


@pytest.mark.parametrize(
    ("model", "tools", "sent"),
    [
        ("openai/gpt-oss-120b", False, "json_schema"),
        ("llama-3.3-70b-versatile", False, "json_object"),
        ("openai/gpt-oss-120b", True, None),
        ("llama-3.3-70b-versatile", True, None),
    ],
)
@both
def test_pa_15_groq_takes_a_format_without_tools_and_not_in_streams(
    speaking: Speaking, house: Backend, model: str, tools: bool, sent: str | None, *, stream: bool
) -> None:
    client = speaking("groq")
    house.play(lambda _: say('{"a": "x"}'))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    declared = {"tools": [{"name": "T", "input_schema": {"type": "object"}}]} if tools else {}
    heard = client.ask(model=model, **of(schema), **declared, stream=stream)
    assert json.loads(heard.text) == {"a": "x"}
    body = house.chats[-1].body
    assert body.get("response_format", {}).get("type") == sent
    if sent:
        assert "stream" not in body
