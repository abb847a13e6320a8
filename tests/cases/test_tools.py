"""Cases TO-*: schemas, names, arguments, deferred tools, server tools, refusals."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.backend import Backend, Delta, Reply, Text, answer, error, say
from tests.backend.script import Call
from tests.cases.picky import fresh, mentions, openai, picky, values
from tests.cases.talk import BASH, READ, TOOLS, Client, assistant, both, result, text, tool, use, user
from tests.cases.wire import called, chunk, completion, each_way, ended, entry, pieces_of, said, sse, tool_calls

LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def schema_of(backend: Backend, client: Client, schema: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return what becomes of a tool's schema."""
    backend.play(lambda _: say("geht"))
    assert client.ask(tools=[{"name": "T", "input_schema": schema}], **fields).text == "geht"
    return dict(backend.chats[-1].tools["T"]["parameters"])


def keys(value: Any) -> set[str]:
    return {key for one in values(value) if isinstance(one, dict) for key in one}


# -- TO-01 to TO-03: schemas ----------------------------------------------------------------------------------------

RICH: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$comment": "nur für Menschen",
    "type": "object",
    "properties": {
        "count": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 5},
        "labels": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]+$"},
            "additionalProperties": {"type": "string"},
        },
        "mode": {"const": "fast"},
        "level": {"type": "string", "enum": ["low", "high"], "enumDescriptions": ["wenig", "viel"]},
        "target": {"$ref": "#/$defs/Target"},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "maybe": {"type": ["string", "null"]},
    },
    "$defs": {"Target": {"type": "object", "properties": {"host": {"type": "string", "examples": ["a.test"]}}}},
    "required": ["count"],
    "additionalProperties": False,
}
UNKNOWN_TO_GEMINI = {
    "$schema", "$comment", "$defs", "$ref", "exclusiveMinimum", "propertyNames", "enumDescriptions", "const", "oneOf",
    "multipleOf", "additionalProperties", "examples",
}  # fmt: skip


@pytest.mark.parametrize("model", ["gemini-3-flash", "google/gemini-2.5-pro", "gemini-3.1-pro-preview"])
def test_to_01_gemini_gets_only_keywords_it_knows(backend: Backend, client: Client, model: str) -> None:
    sent = schema_of(backend, client, RICH, model=model)
    assert not keys(sent) & UNKNOWN_TO_GEMINI
    assert sent["properties"]["target"]["properties"]["host"]["type"] == "string"
    assert sent["properties"]["mode"]["enum"] == ["fast"]
    assert sent["required"] == ["count"]
    assert set(sent["properties"]) == set(RICH["properties"])
    assert sent["properties"]["count"]["minimum"] == 1, "the next integer above an excluded 0"
    assert "5" in sent["properties"]["count"]["description"]


def test_to_01_a_property_that_is_named_like_a_keyword_stays(backend: Backend, client: Client) -> None:
    properties = {"const": {"type": "string"}, "pattern": {"type": "string"}, "$ref": {"type": "string"}}
    schema = {"type": "object", "properties": properties}
    assert set(schema_of(backend, client, schema, model="gemini-3-flash")["properties"]) == set(properties)


@pytest.mark.parametrize("word", ["exclusiveMinimum", "propertyNames", "$comment", "enumDescriptions"])
def test_to_01_a_keyword_a_backend_names_is_left_out_next_time(backend: Backend, client: Client, word: str) -> None:
    model = fresh("strict-house")
    refusal = openai(
        f"Invalid JSON payload received. Unknown name \"{word}\" at 'tools[0].function_declarations[0].parameters': "
        "Cannot find field."
    )
    backend.play(picky((mentions(word), refusal)))
    for _ in range(2):
        assert client.ask(model=model, tools=[{"name": "T", "input_schema": RICH}]).text == "geht"
    assert len(backend.chats) == 3


@pytest.mark.parametrize("model", ["gpt-5.4", "deepseek-v4-flash", "house-model"])
def test_to_01_other_backends_get_the_schema_as_it_is(backend: Backend, client: Client, model: str) -> None:
    sent = schema_of(backend, client, RICH, model=model)
    assert sent["properties"]["count"] == RICH["properties"]["count"]
    assert sent["properties"]["either"] == RICH["properties"]["either"]


@pytest.mark.parametrize("key", ["pattern", "format"])
@both
def test_to_02_a_grammar_that_does_not_compile_is_asked_for_without_patterns(
    backend: Backend, client: Client, key: str, *, stream: bool
) -> None:
    schema = {
        "type": "object",
        "properties": {
            "zip": {"type": "string", "pattern": "^\\d{5}$"},
            "at": {"type": "string", "format": "date-time"},
        },
    }
    refusal = openai("failed to parse grammar: error parsing regex near \\d")
    model = fresh("local")
    backend.play(picky((mentions(key), refusal)))
    for _ in range(2):
        asked = client.ask(model=model, tools=[{"name": "T", "input_schema": schema}], stream=stream)
        assert asked.text == "geht"
    assert len(backend.chats) == 3
    assert set(backend.chats[-1].tools["T"]["parameters"]["properties"]) == {"zip", "at"}


ROOTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "anyOf": (
        {
            "anyOf": [
                {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
                {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
            ]
        },
        {"path", "url"},
    ),
    "oneOf beside properties": (
        {
            "type": "object",
            "properties": {"mode": {"type": "string"}},
            "oneOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "integer"}}}],
        },
        {"mode", "a", "b"},
    ),
    "allOf": (
        {"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}]},
        {"a", "b"},
    ),
    "a reference": (
        {"$ref": "#/$defs/In", "$defs": {"In": {"type": "object", "properties": {"a": {"type": "string"}}}}},
        {"a"},
    ),
    "nothing": ({}, set()),
    "no properties": ({"type": "object"}, set()),
    "a list of types": ({"type": ["object", "null"], "properties": {"a": {"type": "string"}}}, {"a"}),
}


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("model", ["gpt-5.4", "gemini-3-flash", "house-model"])
def test_to_03_every_root_becomes_an_object_with_all_properties(
    backend: Backend, client: Client, root: str, model: str
) -> None:
    schema, properties = ROOTS[root]
    sent = schema_of(backend, client, schema, model=model)
    assert sent["type"] == "object"
    assert set(sent.get("properties", {})) == properties
    assert not {"anyOf", "oneOf", "allOf"} & set(sent)
    assert not sent.get("required")


# -- TO-04, TO-05: names --------------------------------------------------------------------------------------------

LONG = "mcp__plugin_playwright_playwright__browser_take_a_screenshot_of_the_whole_page"
NAMES = [LONG, "mcp__größe__prüfen", "acme.files/read", "a b", "x" * 128]


@pytest.mark.parametrize("name", NAMES)
@both
def test_to_04_a_name_no_backend_takes_is_an_alias_there_and_itself_here(
    backend: Backend, client: Client, name: str, *, stream: bool
) -> None:
    declared = [BASH, tool(name, "url")]
    backend.play(
        lambda received: (
            answer(Call(next(other for other in received.tools if other != "Bash"), {"url": "http://x.test/ä"}))
            if received.turns < 2
            else say("fertig")
        )
    )
    first = client.ask(tools=declared, tool_choice={"type": "tool", "name": name}, stream=stream)
    assert first.calls == [(name, {"url": "http://x.test/ä"})]
    alias = next(other for other in backend.chats[0].tools if other != "Bash")
    assert LEGAL.fullmatch(alias)
    assert backend.chats[0].body["tool_choice"]["function"]["name"] == alias
    messages = [user("a"), first.turn(), user(result(first.ids[0]))]
    second = client.ask(tools=declared, messages=messages, stream=stream)
    assert second.calls[0][0] == name
    assert [call["function"]["name"] for call in backend.chats[1].calls()] == [alias]


def test_to_04_an_alias_is_the_same_in_every_request(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("geht"))
    for tools in ([tool(LONG)], [BASH, tool("Other"), tool(LONG)], [tool("z" * 90), tool(LONG), READ]):
        client.ask(tools=tools)
    aliases = [{name for name in received.tools if name.startswith("mcp__plugin")} for received in backend.chats]
    assert aliases[0] == aliases[1] == aliases[2]


def test_to_04_a_long_name_in_a_history_without_tools(backend: Backend, client: Client) -> None:
    backend.play([say("geht")])
    messages = [user("a"), assistant(use("t", LONG, url="x")), user(result("t"))]
    assert client.ask(messages=messages).text == "geht"
    assert LEGAL.fullmatch(backend.chats[0].calls()[0]["function"]["name"])


@both
@pytest.mark.parametrize("name", ["mcp__made_up__" + "x" * 70, "Read File!", "größe"])
def test_to_04_an_invented_name_is_itself_again_when_it_is_called_again(
    backend: Backend, client: Client, name: str, *, stream: bool
) -> None:
    def again(received: Any) -> Any:
        alias = received.calls()[0]["function"]["name"]
        frames = sse(called(entry("{}", alias, index=0, id="c")), chunk({}, "tool_calls"))
        whole = completion({"content": None, "tool_calls": [entry("{}", alias, id="c")]}, "tool_calls")
        return Reply(200, frames, {"content-type": "text/event-stream"}) if stream else whole

    backend.play(again)
    turns = [user("a"), assistant(use("t", name)), user(result("t", "no such tool"))]
    for tools in ([BASH], None):
        heard = client.ask(messages=turns, tools=tools, stream=stream)
        assert heard.calls == [(name, {})]
        assert "tool-renamed" in heard.notes


@each_way
@pytest.mark.parametrize("place", [0, 1])
def test_to_05_two_names_equal_for_64_characters_stay_two_tools(
    backend: Backend, client: Client, way: Any, place: int
) -> None:
    same = "mcp__" + "verwaltung_" * 6
    names = [f"{same}lesen", f"{same}loeschen"]

    def step(received: Any) -> Any:
        alias = list(received.tools)[place]
        return way(ended(called(entry('{"id": 7}', alias, index=0, id="c")), finish="tool_calls"))

    backend.play(step)
    declared = [tool(name, id={"type": "integer"}) for name in names]
    heard = client.ask(tools=declared, stream=True)
    assert heard.calls == [(names[place], {"id": 7})]
    assert len(backend.chats[0].tools) == 2


# -- TO-06, TO-07: arguments ----------------------------------------------------------------------------------------

PAGE = tool(
    "Page",
    "path",
    pages={"type": "string"},
    limit={"type": "integer"},
    ratio={"type": "number"},
    deep={"type": "boolean"},
    tags={"type": "array", "items": {"type": "string"}},
    options={"type": "object", "properties": {"x": {"type": "integer"}}},
)
NOISY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a blank behind a key": ({"path ": "x"}, {"path": "x"}),
    "blanks around a key": ({" path": "x", "limit ": 3}, {"path": "x", "limit": 3}),
    "an empty optional text": ({"path": "x", "pages": ""}, {"path": "x"}),
    "a number as text": ({"path": "x", "limit": "3", "ratio": "0.5"}, {"path": "x", "limit": 3, "ratio": 0.5}),
    "a truth as text": ({"path": "x", "deep": "true"}, {"path": "x", "deep": True}),
    "a list as text": ({"path": "x", "tags": '["a","b"]'}, {"path": "x", "tags": ["a", "b"]}),
    "an object as text": ({"path": "x", "options": '{"x": 1}'}, {"path": "x", "options": {"x": 1}}),
    "what is right": ({"path": "true", "limit": 3, "tags": []}, {"path": "true", "limit": 3, "tags": []}),
}


@pytest.mark.parametrize("noise", NOISY)
@pytest.mark.parametrize("size", [3, 1000])
@both
def test_to_06_noise_in_arguments_is_put_right_by_the_schema(
    backend: Backend, client: Client, noise: str, size: int, *, stream: bool
) -> None:
    written, read = NOISY[noise]
    backend.play([answer(Call("Page", written), size=size)])
    assert client.ask(tools=[PAGE], stream=stream).calls == [("Page", read)]


def test_to_06_nothing_required_is_invented(backend: Backend, client: Client) -> None:
    backend.play([answer(Call("Page", {"limit": "2"}))])
    assert client.ask(tools=[PAGE]).calls == [("Page", {"limit": 2})]


def test_to_06_an_empty_required_text_stays(backend: Backend, client: Client) -> None:
    backend.play([answer(Call("Page", {"path": ""}))])
    assert client.ask(tools=[PAGE], stream=True).calls == [("Page", {"path": ""})]


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "a bare key": ('{command: "ls"}', {"command": "ls"}),
    "single quotes": ("{'command': 'ls'}", {"command": "ls"}),
    "a comma too many": ('{"command": "ls",}', {"command": "ls"}),
    "Python's words": ('{"command": "ls", "background": True, "timeout": None}', {"command": "ls", "background": True}),
    "a fence": ('```json\n{"command": "ls"}\n```', {"command": "ls"}),
    "twice encoded": ('"{\\"command\\": \\"ls\\"}"', {"command": "ls"}),
    "twice over": ('{"command": "ls"}{"command": "ls"}', {"command": "ls"}),
    "an empty object before": ('{}{"command": "ls"}', {"command": "ls"}),
    "backslashes nobody escaped": (r'{"command": "dir C:\Users"}', {"command": r"dir C:\Users"}),
    "quotes nobody escaped": ('{"command": "echo "hi""}', {"command": 'echo "hi"'}),
    "no last brace": ('{"command": "ls"', {"command": "ls"}),
    "a newline in a text": ('{"command": "a\nb"}', {"command": "a\nb"}),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_to_07_broken_arguments_with_one_reading_are_repaired(backend: Backend, client: Client, fault: str) -> None:
    written, read = BROKEN[fault]
    backend.play([completion({"tool_calls": tool_calls(("c", "Bash", written))}, "tool_calls")])
    heard = client.ask(tools=[BASH])
    assert len(heard.calls) == 1
    given = {key: value for key, value in heard.calls[0][1].items() if value is not None}
    assert given == read


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("size", [4, 1000])
def test_to_07_streamed_ones_are_repaired_as_whole_ones_are(
    backend: Backend, client: Client, fault: str, size: int
) -> None:
    written, read = BROKEN[fault]
    backend.play(lambda _: answer(Call("Bash", written), size=size))
    heard = client.ask(tools=[BASH], stream=True)
    assert heard.error is None
    given = {key: value for key, value in heard.calls[0][1].items() if value is not None}
    assert given == read
    assert heard.stop == "tool_use"


@pytest.mark.parametrize("written", ["ls -la", '{"command": ls -la', "<xml/>", '{"a":1}{"b":2}'])
def test_to_07_what_has_no_reading_is_never_a_silent_empty_call(backend: Backend, client: Client, written: str) -> None:
    backend.play(lambda _: completion({"tool_calls": tool_calls(("c", "Bash", written))}, "tool_calls"))
    heard = client.ask(tools=[BASH])
    if heard.error is None:
        assert heard.calls[0][1]
        assert "command" not in heard.calls[0][1] or "ls" in heard.calls[0][1]["command"]


@pytest.mark.parametrize("written", ["", " ", "{}", "null"])
@both
def test_to_07_no_arguments_are_an_empty_object(
    backend: Backend, client: Client, written: str, *, stream: bool
) -> None:
    backend.play([answer(Call("List", written))])
    assert client.ask(tools=[tool("List")], stream=stream).calls == [("List", {})]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_to_07_arguments_that_are_an_object_already(backend: Backend, client: Client, *, stream: bool) -> None:
    one = {"index": 0, "id": "c", "type": "function", "function": {"name": "Bash", "arguments": {"command": "ls"}}}
    streamed = answer(Delta({"tool_calls": [one]}), finish="tool_calls")
    backend.play([streamed if stream else completion({"tool_calls": [one]}, "tool_calls")])
    assert client.ask(tools=[BASH], stream=stream).calls == [("Bash", {"command": "ls"})]


# -- TO-08: deferred tools ------------------------------------------------------------------------------------------

SEARCH = tool("ToolSearch", "query")


def deferred(number: int) -> list[dict[str, Any]]:
    return [{**tool(f"mcp__jira__op_{n}", "key"), "defer_loading": True} for n in range(number)]


def found(*names: str) -> list[Any]:
    """Return a conversation in which these tools were found."""
    references = [{"type": "tool_reference", "tool_name": name} for name in names]
    return [user("Ticket?"), assistant(use("s", "ToolSearch", query="jira")), user(result("s", references))]


@pytest.mark.parametrize("number", [1, 40, 200])
def test_to_08_deferred_tools_stay_out_until_one_is_named(backend: Backend, client: Client, number: int) -> None:
    backend.play(lambda _: say("geht"))
    tools = [SEARCH, *deferred(number), BASH]
    client.ask(tools=tools)
    assert list(backend.chats[0].tools) == ["ToolSearch", "Bash"]
    client.ask(tools=tools, messages=found(f"mcp__jira__op_{number - 1}"))
    assert set(backend.chats[1].tools) == {"ToolSearch", "Bash", f"mcp__jira__op_{number - 1}"}
    assert f"mcp__jira__op_{number - 1}" in "".join(backend.chats[1].results.values())


@both
def test_to_08_a_found_tool_can_be_called(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play([answer(Call("mcp__jira__op_3", {"key": "AB-1"}))])
    heard = client.ask(tools=[SEARCH, *deferred(9)], messages=found("mcp__jira__op_3"), stream=stream)
    assert heard.calls == [("mcp__jira__op_3", {"key": "AB-1"})]


def test_to_08_tools_found_later_leave_the_order_of_the_earlier_ones(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("geht"))
    tools = [BASH, SEARCH, *deferred(9)]
    first = found("mcp__jira__op_2")
    again = user(result("s2", [{"type": "tool_reference", "tool_name": "mcp__jira__op_7"}]))
    client.ask(tools=tools, messages=first)
    client.ask(tools=tools, messages=[*first, assistant(use("s2", "ToolSearch", query="x")), again])
    one, two = (list(received.tools) for received in backend.chats)
    assert two[: len(one)] == one
    assert "mcp__jira__op_7" in two


def test_to_08_a_reference_to_a_tool_nobody_declared_is_no_error(backend: Backend, client: Client) -> None:
    backend.play([say("geht")])
    assert client.ask(tools=[SEARCH, BASH], messages=found("mcp__gone__tool")).text == "geht"


def test_to_08_tools_are_appended_in_the_order_they_were_found(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("geht"))
    tools = [*deferred(9), SEARCH, BASH]
    first = found("mcp__jira__op_7")
    again = user(result("s2", [{"type": "tool_reference", "tool_name": "mcp__jira__op_2"}]))
    later = [*first, assistant(use("s2", "ToolSearch", query="x")), again]
    for messages in [user("Ticket?")], first, later:
        client.ask(tools=tools, messages=messages)
    lists = [received.body["tools"] for received in backend.chats]
    assert [list(received.tools)[2:] for received in backend.chats] == [
        [],
        ["mcp__jira__op_7"],
        ["mcp__jira__op_7", "mcp__jira__op_2"],
    ]
    assert lists[1][: len(lists[0])] == lists[0]
    assert lists[2][: len(lists[1])] == lists[1]


SERVERS_SEARCH = ["tool_search_tool_regex_20251119", "tool_search_tool_bm25_20251119", "tool_search_tool_bm25"]


@pytest.mark.parametrize("kind", SERVERS_SEARCH)
@both
def test_to_08_what_only_a_server_could_search_is_sent_at_once(
    backend: Backend, client: Client, kind: str, *, stream: bool
) -> None:
    backend.play([answer(Call("mcp__jira__op_2", {"key": "AB-1"}))])
    server = {"type": kind, "name": kind.removesuffix("_20251119")}
    heard = client.ask(tools=[server, *deferred(3), BASH], stream=stream)
    assert heard.calls == [("mcp__jira__op_2", {"key": "AB-1"})]
    assert list(backend.chats[0].tools) == ["mcp__jira__op_0", "mcp__jira__op_1", "mcp__jira__op_2", "Bash"]
    assert "tool-search" in heard.notes


@pytest.mark.parametrize("kind", SERVERS_SEARCH)
def test_to_08_a_search_that_is_demanded_has_found_everything(backend: Backend, client: Client, kind: str) -> None:
    backend.play([say("geht")])
    name = kind.removesuffix("_20251119")
    choice = {"type": "tool", "name": name}
    heard = client.ask(tools=[{"type": kind, "name": name}, *deferred(3)], tool_choice=choice)
    assert [block["type"] for block in heard.content] == ["text"]
    assert len(backend.chats[0].tools) == 3
    assert "not available" not in backend.chats[0].text()


@pytest.mark.parametrize("kind", SERVERS_SEARCH)
def test_to_08_a_search_the_server_made_earlier_goes_on(backend: Backend, client: Client, kind: str) -> None:
    name = kind.removesuffix("_20251119")
    searched = assistant(
        "Ich suche.",
        {"type": "server_tool_use", "id": "srvtoolu_4", "name": name, "input": {"query": "jira"}},
        {
            "type": "tool_search_tool_result",
            "tool_use_id": "srvtoolu_4",
            "content": {
                "type": "tool_search_tool_search_result",
                "tool_references": [{"type": "tool_reference", "tool_name": "mcp__jira__op_1"}],
            },
        },
        use("toolu_5", "mcp__jira__op_1", key="AB-1"),
    )
    backend.play([say("geht")])
    messages = [user("Ticket?"), searched, user(result("toolu_5", "offen"))]
    assert client.ask(tools=[{"type": kind, "name": name}, *deferred(3)], messages=messages).text == "geht"
    sent = backend.chats[0]
    assert [call["function"]["name"] for call in sent.calls()] == [name, "mcp__jira__op_1"]
    assert "mcp__jira__op_1" in next(iter(sent.results.values()))
    assert list(sent.results.values())[1] == "offen"


# -- TO-09, TO-10: server tools -------------------------------------------------------------------------------------

WEB = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


@pytest.mark.parametrize("version", ["20250305", "20260209", "20260318"])
@pytest.mark.parametrize("choice", [None, {"type": "tool", "name": "web_search"}, {"type": "any"}])
@both
def test_to_09_a_search_nobody_serves_says_so_in_its_own_block(
    backend: Backend, client: Client, version: str, choice: Any, *, stream: bool
) -> None:
    backend.play([say("Ich konnte nicht suchen.")])
    heard = client.ask(
        tools=[{**WEB, "type": f"web_search_{version}"}],
        tool_choice=choice,
        stream=stream,
        messages=[user("Perform a web search for the query: Wetter in Žilina")],
    )
    assert heard.kinds == ["server_tool_use", "web_search_tool_result", "text"]
    call, answered = heard.content[:2]
    assert re.match("srvtoolu_.", call["id"])
    assert "Wetter in Žilina" in call["input"]["query"]
    assert answered["tool_use_id"] == call["id"]
    assert answered["content"] == {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    assert heard.stop == "end_turn"
    assert not backend.chats[0].tools


@both
def test_to_09_equal_questions_are_calls_of_their_own(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play(lambda _: say("Ich konnte nicht suchen."))
    question = user("Perform a web search for the query: Wetter")
    first = client.ask(tools=[WEB], stream=stream, messages=[question])
    again = client.ask(tools=[WEB], stream=stream, messages=[question, first.turn(), question])
    assert first.content[0]["id"] != again.content[0]["id"]
    assert again.content[1]["tool_use_id"] == again.content[0]["id"]


@both
def test_to_09_beside_other_tools_the_search_is_left_out_and_noted(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play([answer(Call("Bash", {"command": "curl x"}))])
    heard = client.ask(tools=[WEB, BASH], stream=stream)
    assert list(backend.chats[0].tools) == ["Bash"]
    assert heard.calls == [("Bash", {"command": "curl x"})]
    assert "tool-server" in heard.notes


SERVED: dict[str, list[dict[str, Any]]] = {
    "a search": [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Wetter"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [
                {
                    "type": "web_search_result",
                    "title": "Sonne",
                    "url": "https://w.test",
                    "encrypted_content": "Eo8B" * 90,
                }
            ],
        },
    ],
    "a failed search": [
        {"type": "server_tool_use", "id": "srvtoolu_2", "name": "web_search", "input": {"query": "Wetter"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_2",
            "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
        },
    ],
    "code": [
        {"type": "server_tool_use", "id": "srvtoolu_3", "name": "bash_code_execution", "input": {"command": "Wetter"}},
        {
            "type": "bash_code_execution_tool_result",
            "tool_use_id": "srvtoolu_3",
            "content": {
                "type": "bash_code_execution_result",
                "stdout": "7",
                "stderr": "",
                "return_code": 0,
                "content": [],
            },
        },
    ],
}


@pytest.mark.parametrize("served", SERVED)
def test_to_09_server_calls_of_earlier_turns_survive_as_calls_and_results(
    backend: Backend, client: Client, served: str
) -> None:
    backend.play([say("geht")])
    messages = [user("Wetter?"), assistant(*SERVED[served], "So ist es."), user("danke")]
    assert client.ask(messages=messages, tools=[WEB, BASH]).text == "geht"
    sent = backend.chats[0]
    assert len(sent.calls()) == len(sent.results) == 1
    assert "Wetter" in sent.text()
    assert "Eo8BEo8B" not in sent.text()


def test_to_09_an_answer_with_the_error_block_can_be_sent_back(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("nein"))
    first = client.ask(tools=[WEB], stream=True)
    again = client.ask(tools=[WEB], messages=[user("such"), first.turn(), user("nochmal")], stream=True)
    assert again.status == 200


@both
def test_to_09_a_backend_that_calls_the_server_tool_all_the_same_gives_the_client_no_call(
    backend: Backend, client: Client, stream: bool
) -> None:
    backend.play(lambda _: answer(Call("web_search", {"query": "Wetter"})))
    heard = client.ask(tools=[WEB], stream=stream)
    assert heard.kinds == ["server_tool_use", "web_search_tool_result"]
    assert heard.stop == "end_turn"


FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
CODE = {"type": "code_execution_20250825", "name": "code_execution"}
SEARCHED, FETCHED = Call("web_search", {"query": "Wetter"}), Call("web_fetch", {"url": "https://a.test"})
RUN, LISTED = Call("bash_code_execution", {"command": "ls"}), Call("Bash", {"command": "ls"})
PAIR = {name: ["server_tool_use", f"{name}_tool_result"] for name in ("web_search", "web_fetch", "bash_code_execution")}
ORDERS: dict[str, tuple[list[Any], list[str]]] = {
    "alone": ([SEARCHED], PAIR["web_search"]),
    "before a client's": ([SEARCHED, LISTED], [*PAIR["web_search"], "tool_use"]),
    "behind a client's": ([LISTED, SEARCHED], ["tool_use", *PAIR["web_search"]]),
    "between": ([LISTED, FETCHED, LISTED], ["tool_use", *PAIR["web_fetch"], "tool_use"]),
    "behind words": ([Text("Moment."), SEARCHED, FETCHED], ["text", *PAIR["web_search"], *PAIR["web_fetch"]]),
    "a part of one": ([RUN, LISTED], [*PAIR["bash_code_execution"], "tool_use"]),
}


@both
@pytest.mark.parametrize("order", ORDERS)
def test_to_09_a_call_of_a_server_tool_beside_others_gets_its_error_block(
    backend: Backend, client: Client, order: str, *, stream: bool
) -> None:
    calls, kinds = ORDERS[order]
    backend.play([answer(*calls)])
    heard = client.ask(tools=[WEB, BASH, FETCH, CODE], stream=stream)
    assert heard.kinds == kinds
    assert heard.stop == ("tool_use" if "tool_use" in kinds else "end_turn")
    called = [block for block in heard.content if block["type"] == "server_tool_use"]
    failed = [block for block in heard.content if block["type"].endswith("_tool_result")]
    assert [block["id"] for block in called] == [block["tool_use_id"] for block in failed]
    assert len({block["id"] for block in called}) == len(called)
    assert {block["content"]["error_code"] for block in failed} == {"unavailable"}
    assert [block["input"] for block in called] == [
        one.arguments for one in calls if isinstance(one, Call) and one is not LISTED
    ]
    backend.play([say("weiter")])
    results = [user(*(result(tool_id) for tool_id in heard.ids), "und?")]
    again = client.ask(tools=[WEB, BASH], messages=[user("a"), heard.turn(), *results])
    assert again.text == "weiter"


@both
def test_to_09_one_call_at_a_time_is_the_clients_own(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play([answer(SEARCHED, LISTED, LISTED)])
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    heard = client.ask(tools=[WEB, BASH], tool_choice=choice, stream=stream)
    assert heard.kinds == [*PAIR["web_search"], "tool_use"]


@both
def test_to_09_a_server_tool_nobody_may_call_opens_no_answer(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play([say("42")])
    assert client.ask(tools=[WEB], tool_choice={"type": "none"}, stream=stream).kinds == ["text"]


@pytest.mark.parametrize("kind", ["web_fetch_20250910", "code_execution_20250825", "advisor_20260301"])
def test_to_10_no_server_tool_hangs(backend: Backend, client: Client, kind: str) -> None:
    backend.play([say("ohne")])
    name = kind.rpartition("_")[0]
    heard = client.ask(tools=[{"type": kind, "name": name}], tool_choice={"type": "tool", "name": name}, stream=True)
    assert heard.kinds[-1] == "text"
    assert heard.stop == "end_turn"


CLIENT_TOOLS: dict[str, tuple[dict[str, Any], str, set[str]]] = {
    "bash": ({"type": "bash_20250124", "name": "bash"}, "bash", {"command"}),
    "editor": (
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        "str_replace_based_edit_tool",
        {"command", "path"},
    ),
    "memory": ({"type": "memory_20250818", "name": "memory"}, "memory", {"command"}),
    "computer": (
        {"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600},
        "computer",
        {"action"},
    ),
}


@pytest.mark.parametrize("kind", CLIENT_TOOLS)
def test_to_09_tools_anthropic_defines_and_clients_run_get_their_schema(
    backend: Backend, client: Client, kind: str
) -> None:
    declared, name, properties = CLIENT_TOOLS[kind]
    backend.play([answer(Call(name, {"command": "view", "path": "/x"}))])
    heard = client.ask(tools=[declared], stream=True)
    assert properties <= set(backend.chats[0].tools[name]["parameters"]["properties"])
    assert heard.calls[0][0] == name


# -- TO-11: refusals ------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("finish", ["content_filter", "safety", "SAFETY", "RECITATION"])
def test_to_11_a_filtered_answer_is_a_refusal_that_keeps_its_text(
    backend: Backend, client: Client, finish: str, *, stream: bool
) -> None:
    backend.play([answer(Text("Es beginnt mit"), finish=finish)])
    heard = client.ask(stream=stream)
    assert (heard.stop, heard.text) == ("refusal", "Es beginnt mit")
    assert heard.message["stop_details"]["type"] == "refusal"


@both
def test_to_11_a_filter_before_the_first_word_is_a_refusal_too(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play([answer(finish="content_filter")])
    heard = client.ask(stream=stream)
    assert (heard.stop, heard.content) == ("refusal", [])


@each_way
def test_to_11_refusal_deltas_are_text_and_a_refusal(backend: Backend, client: Client, way: Any) -> None:
    pieces = [chunk({"refusal": piece}) for piece in pieces_of("Das kann ich nicht tun.", 6)]
    backend.play([way(ended(*pieces))])
    heard = client.ask(stream=True)
    assert (heard.stop, heard.text) == ("refusal", "Das kann ich nicht tun.")


def test_to_11_a_whole_refusal(backend: Backend, client: Client) -> None:
    backend.play([completion({"content": None, "refusal": "Nein."})])
    heard = client.ask()
    assert (heard.stop, heard.text) == ("refusal", "Nein.")


FILTERS = {
    "Azure": Reply(
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                "code": "content_filter",
                "param": "prompt",
                "status": 400,
            }
        },
    ),
    "OpenAI": error(
        400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy", code="invalid_prompt"
    ),
    "OpenRouter": Reply(
        403, {"error": {"code": 403, "message": "Input was flagged", "metadata": {"flagged_input": "x"}}}
    ),
}


@pytest.mark.parametrize("words", FILTERS)
@both
def test_to_11_a_filter_on_the_prompt_is_a_refusal_or_a_plain_400(
    backend: Backend, client: Client, words: str, *, stream: bool
) -> None:
    backend.play([FILTERS[words]])
    heard = client.ask(stream=stream)
    assert (heard.status, heard.error) == (200, None)
    assert heard.stop == "refusal"


@both
def test_to_11_a_call_that_came_before_the_filter_stays(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play([answer(Call("Bash", {"command": "ls"}), finish="content_filter")])
    assert client.ask(tools=[BASH], stream=stream).stop == "refusal"


def test_to_04_tools_with_strict_and_examples(backend: Backend, client: Client) -> None:
    declared = {**READ, "strict": True, "input_examples": [{"file_path": "größe.txt"}], "eager_input_streaming": True}
    backend.play([say("geht")])
    assert client.ask(tools=[declared], model="gpt-5.4").text == "geht"
    assert "größe.txt" in backend.chats[0].tools["Read"]["description"]


def test_to_06_text_and_a_call_keep_a_stream_of_small_deltas(backend: Backend, client: Client) -> None:
    written = json.dumps({"command": "printf '%s' \"ä\\n\"", "timeout": 5})
    chunks = [said("a"), called(entry("", "Bash", index=0, id="c")), *(called(entry(p, index=0)) for p in written)]
    backend.play([answer(*(Delta(one["choices"][0]["delta"]) for one in chunks), finish="tool_calls")])
    heard = client.ask(tools=[BASH], stream=True)
    deltas = [e for e in heard.events() if e.get("delta", {}).get("type") == "input_json_delta"]
    assert heard.calls == [("Bash", json.loads(written))]
    assert len(deltas) > 5, "arguments were held back as a whole"


def test_to_09_a_result_of_a_search_inside_text(backend: Backend, client: Client) -> None:
    found_text = {"type": "search_result", "source": "wiki", "title": "Łódź", "content": [text("Stadt in Polen")]}
    backend.play([say("geht")])
    client.ask(
        messages=[user("a"), assistant(use("t", "Bash", command="x")), user(result("t", [found_text]))], tools=TOOLS
    )
    told = "".join(backend.chats[0].results.values())
    assert all(words in told for words in ("Łódź", "Stadt in Polen", "wiki"))


def test_to_05_calls_to_names_of_no_tool_are_passed_on(backend: Backend, client: Client) -> None:
    backend.play(
        [
            Reply(
                200,
                sse(called(entry("{}", "Nope", index=0, id="c")), chunk({}, "tool_calls")),
                {"content-type": "text/event-stream"},
            )
        ]
    )
    heard = client.ask(tools=[BASH], stream=True)
    assert heard.calls == [("Nope", {})]
