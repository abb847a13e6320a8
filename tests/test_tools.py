"""The client's tools as functions, and which of them the backend gets to see."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strict_openai import problems

from claude_code_proxy.errors import ClientError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.plan import ToolFacts
from claude_code_proxy.translate.tools import (
    ToolSet,
    forced_server_tool,
    one_tool_only,
    translate_tool_choice,
    translate_tools,
)

OPENAI = Dialect(name="openai")
NO_CHOICE = replace(OPENAI, tool_choices=frozenset(), parallel_flag=False)
LONG = "mcp__an_issue_tracker_with_a_rather_long_name__create_an_issue_with_labels_v1"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


def tool(name, **more):
    return {"name": name, "description": f"{name} does it", "input_schema": SCHEMA, **more}


def deferred(name, **more):
    return tool(name, defer_loading=True, **more)


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def reference(*names):
    found = [{"type": "tool_reference", "tool_name": name} for name in names]
    return user({"type": "tool_result", "tool_use_id": "c1", "content": found})


def call(name, **more):
    return {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": name, "input": {}, **more}]}


def translated(*tools, dialect=OPENAI, messages=(), referenced=frozenset(), **request):
    notes = Notes()
    toolset = translate_tools({"tools": list(tools), "messages": list(messages), **request}, dialect, notes, referenced)
    return toolset, notes


def sent(*tools, **more):
    return [function["function"]["name"] for function in translated(*tools, **more)[0].functions]


def codes(*tools, **more):
    return translated(*tools, **more)[1].codes()


# -- custom tools ----------------------------------------------------------------------------------------------------


def test_a_tool_becomes_a_function():
    toolset, notes = translated(tool("Read"))
    assert toolset.functions == [
        {"type": "function", "function": {"name": "Read", "description": "Read does it", "parameters": SCHEMA}}
    ]
    assert toolset.facts == {"Read": ToolFacts(name="Read", schema=SCHEMA)}
    assert notes.codes() == []


@pytest.mark.parametrize("kind", [None, "custom"])
def test_a_tool_may_name_its_type(kind):
    assert sent(tool("Read", type=kind)) == ["Read"]


def test_a_tool_without_a_description_has_none():
    toolset, _ = translated({"name": "Read", "input_schema": {}})
    assert toolset.functions[0]["function"] == {"name": "Read", "parameters": {"type": "object", "properties": {}}}


def test_what_only_anthropic_reads_is_not_sent():
    extra = {
        "cache_control": {"type": "ephemeral"},
        "eager_input_streaming": True,
        "defer_loading": False,
        "strict": False,
    }
    assert translated(tool("Read", **extra))[0].functions == translated(tool("Read"))[0].functions


@pytest.mark.parametrize("tools", [[], None, "none"])
def test_no_tools_are_no_functions(tools):  # PA-13: the key is left out
    toolset = translate_tools({"tools": tools}, OPENAI, Notes())
    assert toolset.functions == []
    assert translate_tool_choice({"tool_choice": {"type": "auto"}}, toolset, OPENAI, Notes()) == ({}, "")


def test_a_tool_without_a_name_is_the_clients_mistake():
    with pytest.raises(ClientError, match=r"tools\.1\.name: Field required"):
        translated(tool("a"), {"input_schema": {}})


def test_the_request_is_not_changed():
    request = {
        "tools": [tool("a b", input_examples=[{"path": "x"}]), tool("c", input_schema={"anyOf": []})],
        "messages": [],
    }
    before = copy.deepcopy(request)
    translate_tools(request, OPENAI, Notes())
    assert request == before


def test_two_tools_of_one_name_are_one():
    assert sent(tool("a"), tool("b"), tool("a", description="again")) == ["a", "b"]
    assert codes(tool("a"), tool("a")) == ["tool-duplicate"]


def test_examples_stand_in_the_description():
    toolset, notes = translated(tool("Read", input_examples=[{"path": "/é"}, {"path": "b"}]))
    assert (
        toolset.functions[0]["function"]["description"]
        == 'Read does it\n\nExamples of input:\n{"path":"/é"}\n{"path":"b"}'
    )
    assert notes.codes() == ["tool-examples"]


def test_a_tool_only_code_execution_may_call_is_left_out():
    assert sent(tool("a", allowed_callers=["code_execution_20260120"]), tool("b", allowed_callers=["direct", "x"])) == [
        "b"
    ]
    assert codes(tool("a", allowed_callers=["code_execution_20260120"])) == ["tool-callers"]


# -- strict ---------------------------------------------------------------------------------------------------------

CLOSED = {**SCHEMA, "additionalProperties": False}


def test_strict_goes_where_schema_and_backend_fit_it():
    toolset, notes = translated(tool("Read", strict=True, input_schema=CLOSED))
    assert toolset.functions[0]["function"]["strict"] is True
    assert notes.codes() == []


OPEN = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(("schema", "dialect"), [(OPEN, OPENAI), (CLOSED, replace(OPENAI, strict_flag=False))])
def test_strict_is_left_out_elsewhere(schema, dialect):
    toolset, notes = translated(tool("Read", strict=True, input_schema=schema), dialect=dialect)
    assert "strict" not in toolset.functions[0]["function"]
    assert notes.codes() == ["tool-strict"]


# -- names ----------------------------------------------------------------------------------------------------------


def test_a_name_over_the_limit_has_an_alias_everywhere():  # TO-04
    toolset, notes = translated(tool(LONG))
    (alias,) = toolset.facts
    assert len(alias) <= 64
    assert toolset.functions[0]["function"]["name"] == alias
    assert toolset.facts[alias].name == LONG
    assert toolset.alias_of(LONG) == alias
    assert translate_tool_choice({"tool_choice": {"type": "tool", "name": LONG}}, toolset, OPENAI, Notes())[0] == {
        "tool_choice": {"type": "function", "function": {"name": alias}}
    }
    assert notes.codes() == ["tool-renamed"]


def test_two_names_with_one_beginning_are_two_tools():  # TO-05
    toolset, _ = translated(tool(LONG), tool(LONG[:-1] + "2"))
    assert {facts.name for facts in toolset.facts.values()} == {LONG, LONG[:-1] + "2"}


def test_a_call_in_the_history_has_the_alias_of_its_tool_even_when_that_is_gone():
    declared, _ = translated(tool(LONG))
    gone, _ = translated()
    assert gone.alias_of(LONG) == declared.alias_of(LONG)


def test_a_hallucinated_name_in_the_history_becomes_legal():  # HI-14
    toolset, _ = translated(tool("Read"))
    assert len(toolset.alias_of("I will now read the file " * 20)) <= 64


def test_a_tool_that_is_called_like_anothers_alias_keeps_its_name():
    first, _ = translated(tool("a.b"))
    taken = first.alias_of("a.b")
    toolset, _ = translated(tool("a.b"), tool(taken))
    assert toolset.alias_of(taken) == taken
    assert toolset.alias_of("a.b") not in {"a.b", taken}
    assert len(toolset.facts) == 2


def test_the_limit_is_the_backends():
    toolset, _ = translated(tool("x" * 40), dialect=replace(OPENAI, name_length=32))
    assert len(toolset.functions[0]["function"]["name"]) <= 32
    assert len(toolset.alias_of("y" * 40)) <= 32


# -- deferred tools --------------------------------------------------------------------------------------------------

HUNDRED = [tool("ToolSearch"), *(deferred(f"t{number:02}") for number in range(100)), tool("Zed")]


def test_deferred_tools_are_sent_once_a_reference_names_them():  # TO-08
    assert sent(*HUNDRED) == ["ToolSearch", "Zed"]
    assert sent(*HUNDRED, messages=[reference("t42")]) == ["ToolSearch", "Zed", "t42"]


def test_they_stand_behind_the_others_in_the_order_of_loading():
    loaded = sent(*HUNDRED, messages=[reference("t42"), reference("t99", "t07"), reference("t42")])
    assert loaded == ["ToolSearch", "Zed", "t42", "t99", "t07"]


def test_tools_that_are_added_stand_behind_those_loaded_before():
    added = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool("new")}}
    messages = [reference("t42"), {"role": "system", "content": [added]}, reference("t07")]
    assert sent(*HUNDRED, messages=messages) == ["ToolSearch", "Zed", "t42", "new", "t07"]


@pytest.mark.parametrize("kind", ["tool_search_tool_regex_20251119", "tool_search_tool_bm25", "tool_search_tool_regex"])
def test_deferred_tools_only_the_servers_could_find_are_all_sent_in_the_clients_order(kind):
    search = {"type": kind, "name": "search"}
    for messages in [], [reference("b")]:
        toolset, notes = translated(search, deferred("a"), tool("x"), deferred("b"), messages=messages)
        assert [one["function"]["name"] for one in toolset.functions] == ["a", "x", "b"]
        assert notes.codes() == ["tool-server", "tool-search"]


def test_deferred_tools_are_noted_and_known_as_left_out():
    toolset, notes = translated(deferred("a"), tool("b"))
    assert [(note.code, note.path) for note in notes] == [("tool-deferred", "tools.0")]
    assert toolset.left_out == {"a"}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"messages": [call("a")]}, id="called before"),
        pytest.param({"referenced": frozenset({"a"})}, id="named by whoever asks"),
        pytest.param({"tool_choice": {"type": "tool", "name": "a"}}, id="chosen"),
        pytest.param({"messages": [user({"type": "tool_reference", "tool_name": "a"})]}, id="named in a message"),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [
                            {
                                "type": "tool_search_tool_result",
                                "tool_use_id": "s1",
                                "content": {
                                    "type": "tool_search_tool_search_result",
                                    "tool_references": [{"type": "tool_reference", "tool_name": "a"}],
                                },
                            }
                        ],
                    }
                ]
            },
            id="found by a server's search",
        ),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "system",
                        "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "a"}}],
                    }
                ]
            },
            id="added by a system message",
        ),
        pytest.param(
            {
                "messages": [
                    user(
                        {
                            "type": "compaction",
                            "tool_changes": [
                                {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "a"}}
                            ],
                        }
                    )
                ]
            },
            id="carried by a compaction",
        ),
    ],
)
def test_a_deferred_tool_is_also_sent_when_it_was(more):
    assert sent(deferred("a"), deferred("b"), **more) == ["a"]


def test_only_deferred_tools_are_no_tools():
    assert translated(deferred("a"))[0].functions == []


def test_anthropics_own_tools_can_be_deferred():
    bash = {"type": "bash_20250124", "name": "bash", "defer_loading": True}
    configs = {name: {"defer_loading": True} for name in ("screenshot", "zoom")}
    toolset = {"type": "computer_toolset_20260801", "configs": configs}
    assert "bash" not in sent(bash)
    assert sent(bash, messages=[reference("bash")]) == ["bash"]
    assert not {"computer__screenshot", "computer__zoom"} & set(sent(toolset))
    assert {"computer__screenshot", "computer__zoom"} <= set(sent(toolset, messages=[reference("computer")]))


@pytest.mark.parametrize("name", ["DeferredToolPlaceholder", "deferred_tool_placeholder"])
def test_claude_codes_placeholder_is_never_sent(name):
    assert sent(deferred(name), tool("a"), messages=[reference(name)]) == ["a"]
    assert codes(deferred(name)) == ["tool-placeholder"]


# -- additions and removals ------------------------------------------------------------------------------------------


def system(*blocks):
    return {"role": "system", "content": list(blocks)}


def addition(definition):
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}


def removal(name):
    return {"type": "tool_removal", "tool": {"type": "tool_reference", "name": name}}


def test_a_tool_defined_in_the_conversation_is_sent_behind_the_others():
    assert sent(tool("a"), messages=[system(addition(tool("b")))]) == ["a", "b"]


def test_a_tool_that_was_taken_away_is_not_sent():
    assert sent(tool("a"), tool("b"), messages=[system(removal("a"))]) == ["b"]
    assert codes(tool("a"), messages=[system(removal("a"))]) == ["tool-removed"]


def test_the_last_word_counts():
    assert sent(tool("a"), messages=[system(removal("a")), system(addition(tool("a")))]) == ["a"]
    assert sent(tool("a"), messages=[system(addition(tool("b"))), system(removal("b"))]) == ["a"]


def test_a_removal_that_names_nothing_takes_nothing_away():
    assert sent(tool("a"), messages=[system({"type": "tool_removal"}, removal(""), {"type": "tool_addition"})]) == ["a"]


# -- Anthropic's tools -----------------------------------------------------------------------------------------------


def test_a_client_tool_of_anthropics_becomes_a_function():
    toolset, notes = translated({"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}})
    assert toolset.functions[0]["function"]["name"] == "bash"
    assert toolset.facts["bash"].schema["properties"].keys() == {"command", "restart"}
    said = [(note.code, note.path, note.detail) for note in notes]
    assert said == [("tool-shape", "tools.0", "bash_20250124"), ("tool-cache-marker", "tools.0", "")]


def test_members_of_two_toolsets_and_a_tool_of_the_same_name_stay_apart():
    toolset, _ = translated(
        {"type": "computer_toolset_20260801"},
        {"type": "browser_toolset_20260801"},
        tool("left_click"),
        tool("browser__left_click"),
    )
    assert toolset.facts["computer__left_click"] == ToolFacts(
        "left_click", toolset.facts["computer__left_click"].schema, "computer"
    )
    assert toolset.alias_of("left_click", "computer") == "computer__left_click"
    assert toolset.alias_of("left_click") == "left_click"
    assert toolset.alias_of("browser__left_click") == "browser__left_click"
    browser = toolset.alias_of("left_click", "browser")
    assert browser not in {"browser__left_click", "left_click"}
    assert toolset.facts[browser].toolset == "browser"


def test_a_member_in_the_history_has_its_alias_without_the_toolset_too():
    assert translated()[0].alias_of("left_click", "computer") == "computer__left_click"


SERVER_TOOLS = [
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
    {"type": "web_search_20260318", "name": "web_search"},
    {"type": "web_fetch_20260309", "name": "web_fetch"},
    {"type": "code_execution_20260521", "name": "code_execution"},
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    {"type": "tool_search_tool_bm25", "name": "tool_search_tool_bm25"},
    {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5"},
    {"type": "something_new_20270101", "name": "something_new"},
]


@pytest.mark.parametrize("server_tool", SERVER_TOOLS, ids=lambda server_tool: server_tool["type"])
def test_a_server_tool_is_left_out_and_told(server_tool):  # TO-09: what nothing serves is said, never silent
    toolset, notes = translated(server_tool, tool("a"))
    assert [function["function"]["name"] for function in toolset.functions] == ["a"]
    assert toolset.server_tools == (server_tool["name"],)
    assert notes.codes() == ["tool-server"]


def test_an_mcp_toolset_is_a_server_tool():
    assert translated({"type": "mcp_toolset", "mcp_server_name": "x"})[0].server_tools == ("mcp_toolset",)


def test_a_client_tool_called_like_a_server_tool_works():
    toolset, notes = translated(tool("web_search"))
    assert sent(tool("web_search")) == ["web_search"]
    assert (toolset.server_tools, notes.codes()) == ((), [])
    both, _ = translated({"type": "web_search_20250305", "name": "web_search"}, tool("web_search"))
    assert both.server_tools == ()


# -- limits ---------------------------------------------------------------------------------------------------------

MANY = [tool(f"t{number:03}") for number in range(130)]


def test_no_more_tools_than_the_backend_takes():  # PA-13
    toolset, notes = translated(*MANY)
    assert [function["function"]["name"] for function in toolset.functions] == [
        f"t{number:03}" for number in range(128)
    ]
    (note,) = notes
    assert (note.code, note.detail) == ("tool-limit", "130 > 128: t128, t129")
    assert toolset.left_out == {"t128", "t129"}


def test_tools_in_use_are_not_the_ones_that_go():
    names = sent(*MANY, messages=[call("t129")], tool_choice={"type": "tool", "name": "t128"})
    assert len(names) == 128
    assert names[-3:] == ["t125", "t128", "t129"]


def test_a_backend_without_a_limit_gets_them_all():
    assert len(sent(*MANY, dialect=replace(OPENAI, tool_limit=0))) == 130


# -- tool_choice -----------------------------------------------------------------------------------------------------


def choose(choice, *tools, dialect=OPENAI, **more):
    notes = Notes()
    request = {"tools": list(tools) or [tool("Read")], "tool_choice": choice, **more}
    toolset = translate_tools(request, dialect, notes)
    fields, sentence = translate_tool_choice(request, toolset, dialect, notes)
    return fields, sentence, notes.codes()


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "Read"}, {"type": "function", "function": {"name": "Read"}}),
    ],
)
def test_each_choice_has_its_openai_form(choice, value):
    assert choose(choice) == ({"tool_choice": value}, "", [])


def test_a_choice_of_a_type_nobody_knows_is_auto_and_told():
    assert choose({"type": "later"}) == ({"tool_choice": "auto"}, "", ["tool-choice"])


def test_a_demand_for_a_tool_that_is_not_sent_is_told():
    tools = [{"name": "Read", "input_schema": {}}, {"name": "Inner", "allowed_callers": ["code_execution_20250825"]}]
    assert "tool-choice" in choose({"type": "tool", "name": "Inner"}, *tools)[2]


@pytest.mark.parametrize("choice", [None, {}])
def test_no_choice_is_not_sent(choice):
    assert choose(choice) == ({}, "", [])


def test_one_call_at_a_time():  # PA-12
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert choose(choice)[0] == {"tool_choice": "auto", "parallel_tool_calls": False}
    assert choose(choice, dialect=replace(OPENAI, parallel_flag=False))[0] == {"tool_choice": "auto"}
    assert one_tool_only({"tool_choice": choice})
    several = {**choice, "disable_parallel_tool_use": False}
    assert choose(several)[0] == {"tool_choice": "auto", "parallel_tool_calls": True}
    assert choose(several, dialect=replace(OPENAI, parallel_flag=False))[0] == {"tool_choice": "auto"}
    assert not one_tool_only({"tool_choice": {"type": "auto"}})


def test_nothing_is_said_about_calls_where_there_are_no_tools():
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert choose(choice, deferred("a"))[:2] == ({}, "")


@pytest.mark.parametrize(
    ("choice", "known", "value", "said"),
    [
        ({"type": "any"}, {"auto", "none", "named"}, "auto", "at least one of your tools"),
        ({"type": "any"}, set(), None, "at least one of your tools"),
        ({"type": "tool", "name": "Read"}, {"auto", "required"}, "required", "tool Read"),
        ({"type": "tool", "name": "Read"}, {"auto"}, "auto", "tool Read"),
        ({"type": "tool", "name": "Read"}, set(), None, "tool Read"),
        ({"type": "auto"}, set(), None, ""),
    ],
)
def test_what_the_backend_does_not_know_is_said_to_the_model(choice, known, value, said):  # PA-11
    fields, sentence, noted = choose(choice, dialect=replace(OPENAI, tool_choices=frozenset(known)))
    assert fields == ({} if value is None else {"tool_choice": value})
    assert said in sentence
    assert noted == (["tool-choice"] if said else [])


def test_none_on_a_backend_without_it_leaves_the_tools_out():  # PA-11
    notes = Notes()
    request = {"tools": [tool("Read")], "tool_choice": {"type": "none"}}
    toolset = translate_tools(request, NO_CHOICE, notes)
    assert toolset.functions == []
    assert translate_tool_choice(request, toolset, NO_CHOICE, notes) == ({}, "")
    assert notes.codes() == ["tool-choice"]


def test_none_keeps_the_tools_the_history_needs_and_is_said():
    fields, sentence, noted = choose({"type": "none"}, dialect=NO_CHOICE, messages=[call("Read")])
    assert (fields, noted) == ({}, ["tool-choice"])
    assert "Do not call any tool" in sentence


def test_a_choice_of_a_tool_nobody_declared_is_the_clients_mistake():
    with pytest.raises(ClientError, match=r"tool_choice\.name: Tool 'Write' not found in provided tools"):
        choose({"type": "tool", "name": "Write"})


def test_a_choice_of_a_server_tool_is_known_as_such():  # old Claude Code's WebSearch
    request = {"tools": [SERVER_TOOLS[0]], "tool_choice": {"type": "tool", "name": "web_search"}}
    toolset = translate_tools(request, OPENAI, Notes())
    assert translate_tool_choice(request, toolset, OPENAI, Notes()) == ({}, "")
    assert forced_server_tool(request, toolset) == "web_search"
    assert forced_server_tool({"tool_choice": {"type": "auto"}}, toolset) == ""


def test_a_choice_of_a_tool_that_is_left_out_is_no_error():
    only_code = tool("a", allowed_callers=["code_execution_20260120"])
    assert choose({"type": "tool", "name": "a"}, only_code, tool("b"))[0] == {"tool_choice": "auto"}


# -- laws -----------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["Read", "web_search", "a b", "é", LONG, LONG[:-1] + "2", "computer__zoom"]) | st.text(
    min_size=1, max_size=90
)
TOOLS = st.one_of(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "description": st.text(max_size=10),
            "input_schema": st.sampled_from([{}, SCHEMA, CLOSED, {"anyOf": [SCHEMA]}, {"type": "string"}, None]),
            "strict": st.booleans(),
            "defer_loading": st.booleans(),
            "input_examples": st.just([{"a": 1}]),
            "cache_control": st.just({"type": "ephemeral"}),
        },
    ),
    st.sampled_from(
        [*SERVER_TOOLS, {"type": "computer_toolset_20260801"}, {"type": "memory_20250818", "name": "memory"}]
    ),
)
CHOICES = st.none() | st.fixed_dictionaries(
    {"type": st.sampled_from(["auto", "any", "none"])}, optional={"disable_parallel_tool_use": st.booleans()}
)
DIALECTS = st.sampled_from([OPENAI, NO_CHOICE, replace(OPENAI, strict_flag=False, name_length=40, inline_refs=True)])


@settings(max_examples=200)
@given(st.lists(TOOLS, max_size=8), CHOICES, DIALECTS)
def test_any_tools_give_a_body_openai_takes(tools, choice, dialect):
    request = {"tools": tools, "tool_choice": choice, "messages": []}
    toolset = translate_tools(request, dialect, Notes())
    fields, _ = translate_tool_choice(request, toolset, dialect, Notes())
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    if toolset.functions:
        body["tools"] = toolset.functions
    assert problems(body) == []
    assert set(toolset.facts) == {function["function"]["name"] for function in toolset.functions}


@given(st.lists(TOOLS, max_size=8))
def test_every_tool_that_is_sent_can_be_found_by_both_names(tools):
    toolset = translate_tools({"tools": tools}, OPENAI, Notes())
    for alias, facts in toolset.facts.items():
        assert toolset.alias_of(facts.name, facts.toolset) == alias


@given(st.lists(TOOLS, max_size=6), DIALECTS)
def test_the_same_request_gives_the_same_bytes(tools, dialect):
    first, second = (translate_tools({"tools": copy.deepcopy(tools)}, dialect, Notes()) for _ in range(2))
    assert json.dumps(first.functions) == json.dumps(second.functions)


def test_a_tool_set_can_be_empty():
    assert ToolSet().alias_of("a b") == translated(tool("a b"))[0].alias_of("a b")


def test_a_demand_for_a_call_without_any_tool_is_noted() -> None:
    notes = Notes()
    request = {"model": "m", "max_tokens": 9, "messages": [], "tool_choice": {"type": "any"}}
    toolset = translate_tools(request, Dialect(name="d"), notes)
    translate_tool_choice(request, toolset, Dialect(name="d"), notes)
    assert "tool-choice" in notes.codes()
