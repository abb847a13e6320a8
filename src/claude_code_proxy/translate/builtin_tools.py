"""Tools Anthropic defines and the client runs: a request names only their type, so the schema is ours to say.

Names, parameters and member sets: the official SDK's types (2.12.0) and Anthropic's tool reference, read 2026-11-22.
The descriptions are our own. What a model was trained on for these tools is lost; the shape of a call is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..wire.shapes import count, mapping, text
from .schemas_made import Schema, integer, object_of, string
from .toolset_members import BROWSER, COMPUTER, Member


class Function(NamedTuple):
    """A function for the backend. name: as the client knows it; toolset: the family a member belongs to, else ""."""

    name: str
    description: str
    schema: Mapping[str, Any]
    toolset: str = ""
    deferred: bool = False


def builtin_functions(tool: Mapping[str, Any]) -> list[Function] | None:
    """Return the functions an Anthropic-defined client tool stands for, None when `tool` is none."""
    kind = text(tool.get("type"))
    if not kind:
        return None
    for prefix, build in _BUILDERS.items():
        if kind.startswith(prefix):
            return build(tool, kind.removeprefix(prefix))
    return None


def is_builtin(kind: str) -> bool:
    """Whether a tool's type is one that Anthropic defines and the client runs."""
    return kind.startswith(tuple(_BUILDERS))


def _commands(*names: str) -> Schema:
    return string("What to do.", enum=list(names))


def _bash(tool: Mapping[str, Any], _: str) -> list[Function]:
    schema = object_of(
        "",
        command=string("The command to run. Required unless restart is true."),
        restart={"type": "boolean", "description": "true starts a new shell instead of running a command."},
    )
    words = "Run a command in a bash shell that keeps its state (directory, variables) between calls."
    return [Function(text(tool.get("name")) or "bash", words, schema)]


def _text_editor(tool: Mapping[str, Any], version: str) -> list[Function]:
    modern = version >= "20250429"  # since then: another name, no undo_edit, the inserted text has its own parameter
    commands = (
        ("view", "create", "str_replace", "insert")
        if modern
        else ("view", "create", "str_replace", "insert", "undo_edit")
    )
    inserted = {"insert_text": string("insert: the text to put in.")} if modern else {}
    replaced = "str_replace: the text to put in its place; empty or left out deletes old_str."
    schema = object_of(
        "command path",
        command=_commands(*commands),
        path=string("Absolute path of the file; view also takes a directory."),
        file_text=string("create: the whole text of the new file; may be empty."),
        old_str=string("str_replace: the text to replace, exactly as it stands in the file; it must occur once."),
        new_str=string(replaced if modern else f"{replaced} insert: the text to put in."),
        insert_line=integer("insert: the line after which the text goes; 0 is the start of the file."),
        **inserted,
        view_range=_lines("view: first and last line to show, counted from 1; -1 as the last is the end of the file."),
    )
    longest = count(tool.get("max_characters"))
    cut = f" Files are shown up to {longest} characters." if longest else ""
    name = text(tool.get("name")) or ("str_replace_based_edit_tool" if modern else "str_replace_editor")
    return [Function(name, f"View, create and edit text files.{cut}", schema)]


def _memory(tool: Mapping[str, Any], _: str) -> list[Function]:
    schema = object_of(
        "command",
        command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
        path=string("Path under /memories. Required by every command but rename."),
        view_range=_lines("view: first and last line to show, counted from 1."),
        file_text=string("create: the whole text of the file; may be empty."),
        old_str=string("str_replace: the text to replace, exactly as it stands; it must occur once."),
        new_str=string("str_replace: the text to put in its place; may be empty."),
        insert_line=integer("insert: the line after which the text goes; 0 is the start of the file."),
        insert_text=string("insert: the text to put in."),
        old_path=string("rename: the present path."),
        new_path=string("rename: the new path."),
    )
    words = (
        "Notes that outlive this conversation, as files under /memories. View the directory before starting a task; "
        "write down progress and what was learned."
    )
    return [Function(text(tool.get("name")) or "memory", words, schema)]


def _lines(description: str) -> Schema:
    return {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2, "description": description}


# -- computer -------------------------------------------------------------------------------------------------------

_FIRST_ACTIONS = (
    "key",
    "type",
    "mouse_move",
    "left_click",
    "left_click_drag",
    "right_click",
    "middle_click",
    "double_click",
    "screenshot",
    "cursor_position",
)
_LATER_ACTIONS = ("left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click")


def _computer(tool: Mapping[str, Any], version: str) -> list[Function]:
    later = version >= "20250124"
    zoom = tool.get("enable_zoom") is True
    actions = [*_FIRST_ACTIONS, *(_LATER_ACTIONS if later else ()), *(("zoom",) if zoom else ())]
    properties: dict[str, Schema] = {
        "action": string("What to do.", enum=actions),
        "coordinate": _point("[x, y] in pixels from the top left: where a pointer action takes place or a drag ends."),
        "text": string(
            "type: the text; key, hold_key: the key or combination (`ctrl+s`, `Return`); clicks, scroll: keys held."
        ),
    }
    if later:
        properties |= {
            "start_coordinate": _point("left_click_drag: where it begins."),
            "scroll_direction": string("scroll: which way.", enum=["up", "down", "left", "right"]),
            "scroll_amount": integer("scroll: clicks of the wheel."),
            "duration": {"type": "number", "description": "hold_key, wait: seconds."},
        }
    if zoom:
        properties["region"] = _box("zoom: [x0, y0, x1, y1] of the part to look at closely.")
    schema = {"type": "object", "properties": properties, "required": ["action"]}
    return [Function(text(tool.get("name")) or "computer", _screen(tool), schema)]


def _screen(tool: Mapping[str, Any]) -> str:
    width, height = count(tool.get("display_width_px")), count(tool.get("display_height_px"))
    size = f" The screen is {width} x {height} pixels." if width and height else ""
    number = tool.get("display_number")
    display = f" It is display {number}." if isinstance(number, int) else ""
    words = "Use a computer's screen, mouse and keyboard. Take a screenshot to see what an action did."
    return f"{words}{size}{display}"


def _point(description: str) -> Schema:
    return {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2, "description": description}


def _box(description: str) -> Schema:
    return {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4, "description": description}


# -- toolsets -------------------------------------------------------------------------------------------------------


def _toolset(family: str, members: Mapping[str, Member]) -> Callable[[Mapping[str, Any], str], list[Function]]:
    def build(tool: Mapping[str, Any], _: str) -> list[Function]:
        configs = mapping(tool.get("configs"))
        return [
            Function(
                name, member.description, member.schema, family, mapping(configs.get(name)).get("defer_loading") is True
            )
            for name, member in members.items()
            if _enabled(configs.get(name), member)
        ]

    return build


def _enabled(config: object, member: Member) -> bool:
    """Only a real boolean switches a member; anything unclear leaves it off, as the official SDK does."""
    if config is None:
        return member.default
    if not isinstance(config, dict):
        return False
    enabled = config.get("enabled")
    return member.default if enabled is None else enabled is True


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any], str], list[Function]]] = {
    "bash_": _bash,
    "text_editor_": _text_editor,
    "memory_": _memory,
    "computer_toolset_": _toolset("computer", COMPUTER),
    "browser_toolset_": _toolset("browser", BROWSER),
    "computer_": _computer,
}
