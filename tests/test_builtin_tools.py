"""Tools Anthropic defines and the client runs: their functions say what the official SDK's types say."""

import pytest
from tests.sdks import anthropic_types as official
from tests.strict_openai import problems

from claude_code_proxy.translate.builtin_tools import builtin_functions
from claude_code_proxy.translate.toolset_members import BROWSER, COMPUTER

COMPUTER_TOOL = {"name": "computer", "display_width_px": 1280, "display_height_px": 800}


def only(tool):
    functions = builtin_functions(tool)
    assert functions is not None
    assert len(functions) == 1
    return functions[0]


def names(tool):
    return [function.name for function in builtin_functions(tool) or ()]


@pytest.mark.parametrize("kind", ["bash_20241022", "bash_20250124", "bash_20990101"])
def test_bash(kind):
    function = only({"type": kind, "name": "bash"})
    assert function.name == "bash"
    assert set(function.schema["properties"]) == {"command", "restart"}
    assert function.schema["required"] == []


@pytest.mark.parametrize(
    ("kind", "name", "undo", "inserts"),
    [
        ("text_editor_20241022", "str_replace_editor", True, "new_str"),
        ("text_editor_20250124", "str_replace_editor", True, "new_str"),
        ("text_editor_20250429", "str_replace_based_edit_tool", False, "insert_text"),
        ("text_editor_20250728", "str_replace_based_edit_tool", False, "insert_text"),
    ],
)
def test_text_editor(kind, name, undo, inserts):
    function = only({"type": kind, "name": name})
    properties = function.schema["properties"]
    assert function.name == name
    assert ("undo_edit" in properties["command"]["enum"]) is undo
    assert {"path", "file_text", "old_str", "new_str", "insert_line", "view_range", inserts} <= set(properties)
    assert function.schema["required"] == ["command", "path"]


def test_text_editor_says_how_much_of_a_file_is_shown():
    assert "10000" in only({"type": "text_editor_20250728", "max_characters": 10000}).description


def test_memory():
    function = only({"type": "memory_20250818", "name": "memory"})
    commands = ["view", "create", "str_replace", "insert", "delete", "rename"]
    assert function.schema["properties"]["command"]["enum"] == commands
    assert function.schema["required"] == ["command"]
    assert {
        "path",
        "view_range",
        "file_text",
        "old_str",
        "new_str",
        "insert_line",
        "insert_text",
        "old_path",
        "new_path",
    } < set(function.schema["properties"])


@pytest.mark.parametrize(
    ("kind", "more", "has", "has_not"),
    [
        ("computer_20241022", {}, {"screenshot", "left_click_drag"}, {"scroll", "zoom", "triple_click"}),
        ("computer_20250124", {}, {"scroll", "wait", "hold_key", "triple_click"}, {"zoom"}),
        ("computer_20251124", {}, {"scroll"}, {"zoom"}),
        ("computer_20251124", {"enable_zoom": True}, {"scroll", "zoom"}, set()),
    ],
)
def test_computer(kind, more, has, has_not):
    function = only({"type": kind, **COMPUTER_TOOL, **more})
    actions = set(function.schema["properties"]["action"]["enum"])
    assert has <= actions
    assert not has_not & actions
    assert ("region" in function.schema["properties"]) is ("zoom" in actions)
    assert "1280 x 800" in function.description


def test_names_are_filled_in_where_a_client_left_them_out():
    assert [names({"type": kind})[0] for kind in ("bash_20250124", "memory_20250818", "computer_20250124")] == [
        "bash",
        "memory",
        "computer",
    ]


@pytest.mark.parametrize(
    "tool", [{"name": "bash", "input_schema": {}}, {"type": "custom"}, {"type": "web_search_20250305"}, {}]
)
def test_other_tools_are_not_ours(tool):
    assert builtin_functions(tool) is None


# -- toolsets, against the official types ----------------------------------------------------------------------------

FAMILIES = {"computer": ("Computer", COMPUTER), "browser": ("Browser", BROWSER)}


def official_input(prefix, member):
    words = "".join(word.capitalize() for word in member.split("_"))
    return getattr(official, f"{prefix}{words}Input")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_toolset_has_the_members_of_the_official_types(family):
    prefix, members = FAMILIES[family]
    configs = getattr(official, f"{prefix}ToolsetConfigsParam")
    assert set(members) == set(configs.__annotations__)


@pytest.mark.parametrize(
    ("family", "member"), [(family, member) for family, (_, members) in FAMILIES.items() for member in members]
)
def test_a_member_takes_the_parameters_of_the_official_types(family, member):
    prefix, members = FAMILIES[family]
    fields = official_input(prefix, member).model_fields
    schema = members[member].schema
    assert set(schema["properties"]) == {field.alias or name for name, field in fields.items()}
    assert set(schema["required"]) == {field.alias or name for name, field in fields.items() if field.is_required()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_member_is_a_function_openai_takes(family):
    functions = builtin_functions(
        {"type": f"{family}_toolset_20260801", "configs": {name: {"enabled": True} for name in BROWSER}}
    )
    tools = [
        {"type": "function", "function": {"name": f.name, "description": f.description, "parameters": f.schema}}
        for f in functions
    ]
    assert problems({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools}) == []
    assert {function.toolset for function in functions} == {family}


def test_some_browser_members_are_off_until_they_are_switched_on():
    off = {"file_upload", "read_console", "read_network", "javascript_exec"}
    assert set(BROWSER) - set(names({"type": "browser_toolset_20260801"})) == off
    assert set(names({"type": "browser_toolset_20260801", "configs": {"read_console": {"enabled": True}}})) == (
        set(BROWSER) - off
    ) | {"read_console"}
    assert set(names({"type": "computer_toolset_20260801"})) == set(COMPUTER)


@pytest.mark.parametrize("config", [{"enabled": False}, {"enabled": "true"}, {"enabled": 1}, False, "on"])
def test_only_a_real_true_leaves_a_configured_member_on(config):
    assert "zoom" not in names({"type": "computer_toolset_20260801", "configs": {"zoom": config}})


@pytest.mark.parametrize("config", [None, {}, {"enabled": None}, {"enabled": True}, {"defer_loading": False}])
def test_a_member_is_on_where_nothing_is_said(config):
    assert "zoom" in names({"type": "computer_toolset_20260801", "configs": {"zoom": config}})


def test_members_can_be_deferred():
    configs = {name: {"defer_loading": True} for name in COMPUTER}
    assert all(
        function.deferred for function in builtin_functions({"type": "computer_toolset_20260801", "configs": configs})
    )
