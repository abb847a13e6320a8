"""The members of Anthropic's toolsets, `computer_toolset_20260801` and `browser_toolset_20260801`.

Parameters and which members are on by default: the official SDK's types (2.12.0), read 2026-11-22; the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .schemas_made import Schema, integer, object_of, string


class Member(NamedTuple):
    """One function of a toolset. default: whether it is on when `configs` says nothing."""

    description: str
    schema: Schema
    default: bool = True


def _numbers(amount: int, description: str) -> Schema:
    return {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": amount,
        "maxItems": amount,
        "description": description,
    }


_DIRECTION: Schema = {"type": "string", "enum": ["up", "down", "left", "right"]}

# -- computer -------------------------------------------------------------------------------------------------------

_AT = _numbers(2, "[x, y] in pixels from the top left; left out: where the cursor is.")
_POINT = _numbers(2, "[x, y] in pixels from the top left.")
_HELD = string("Keys held down meanwhile, such as `ctrl+shift`.")
_KEYS = string("The key or combination, such as `Return` or `ctrl+s`.")


def _click(words: str) -> Member:
    return Member(f"{words} at a point of the screen, or where the cursor is.", object_of(coordinate=_AT, text=_HELD))


COMPUTER: Mapping[str, Member] = {
    "key": Member(
        "Press a key or a combination of keys.", object_of("text", text=_KEYS, repeat=integer("How often; default 1."))
    ),
    "hold_key": Member(
        "Hold a key or combination down for a while.",
        object_of("text duration", text=_KEYS, duration=integer("Seconds.")),
    ),
    "type": Member("Type text on the keyboard.", object_of("text", text=string("The text."))),
    "cursor_position": Member("Tell where the cursor is.", object_of()),
    "mouse_move": Member("Move the cursor without clicking.", object_of("coordinate", coordinate=_POINT)),
    "left_mouse_down": Member("Press the left mouse button and keep it down.", object_of()),
    "left_mouse_up": Member("Let go of the left mouse button.", object_of()),
    "left_click": _click("Click the left mouse button"),
    "left_click_drag": Member(
        "Press at start_coordinate, drag to coordinate, let go.",
        object_of("start_coordinate coordinate", start_coordinate=_POINT, coordinate=_POINT, text=_HELD),
    ),
    "right_click": _click("Click the right mouse button"),
    "middle_click": _click("Click the middle mouse button"),
    "double_click": _click("Double-click"),
    "triple_click": _click("Triple-click"),
    "scroll": Member(
        "Turn the scroll wheel. Prefer it to PageUp and PageDown.",
        object_of(
            "scroll_direction scroll_amount",
            scroll_direction=_DIRECTION,
            scroll_amount=integer("Clicks of the wheel."),
            coordinate=_AT,
            text=_HELD,
        ),
    ),
    "wait": Member("Wait.", object_of("duration", duration=integer("Seconds."))),
    "screenshot": Member("Look at the screen.", object_of()),
    "zoom": Member(
        "Look closely at a part of the screen.",
        object_of("region", region=_numbers(4, "[x0, y0, x1, y1] in the pixels of a full screenshot.")),
    ),
}

# -- browser --------------------------------------------------------------------------------------------------------

_TAB = string("The tab to act on; left out: the active one.")
_SPOT: Schema = {
    "type": "object",
    "description": "A point of the viewport, in pixels from the top left.",
    "properties": {
        "type": {"type": "string", "enum": ["coordinate"]},
        "x": {"type": "integer"},
        "y": {"type": "integer"},
    },
    "required": ["type", "x", "y"],
}
_ELEMENT: Schema = {
    "type": "object",
    "description": "An element of the page.",
    "properties": {
        "type": {"type": "string", "enum": ["ref"]},
        "ref": string("As read_page or find gave it, such as `ref_7`."),
    },
    "required": ["type", "ref"],
}
_TARGET: Schema = {"anyOf": [_SPOT, _ELEMENT], "description": "Where: a point of the viewport or an element."}
_CHORD = string("Keys held down meanwhile, such as `shift` or `ctrl+shift`.")
_PRESSED = string("The key, chord (`ctrl+a`) or, with spaces between, keys in turn.")
_SECONDS: Schema = {"type": "number", "description": "Seconds, 30 at most."}


def _tab(required: str = "", /, **properties: Schema) -> Schema:
    return object_of(required, **properties, tab_id=_TAB)


def _at(words: str) -> Member:
    return Member(words, _tab("target", target=_TARGET, modifiers=_CHORD))


def _on_point(words: str) -> Member:
    return Member(words, _tab("target", target=_SPOT))


BROWSER: Mapping[str, Member] = {
    "navigate": Member(
        "Go to a URL.", _tab("url", url=string("The URL, or `back`, `forward`, `reload`; https:// may be left out."))
    ),
    "list_tabs": Member("List the open tabs with tab_id, title and URL.", object_of()),
    "new_tab": Member("Open an empty tab; gives its tab_id.", object_of()),
    "switch_tab": Member("Make a tab the active one.", object_of("tab_id", tab_id=string("The tab."))),
    "close_tab": Member("Close a tab.", object_of("tab_id", tab_id=string("The tab."))),
    "read_page": Member(
        "Read the page as a tree of elements with references such as [ref_7]. Narrow a long one with ref or depth.",
        _tab(
            ref=string("Read only what is inside this element."),
            depth=integer("How deep; default 15."),
            filter={
                "type": "string",
                "enum": ["interactive", "all"],
                "description": "interactive: what can be used; all: what is out of view too. Default: what is in view.",
            },
        ),
    ),
    "get_page_text": Member("Read the page's text, the article first.", _tab()),
    "read_console": Member("Read the console's output since the last time.", _tab(), default=False),
    "read_network": Member("Read the network requests since the last time.", _tab(), default=False),
    "find": Member(
        "Find up to 20 elements by what they are.", _tab("query", query=string("A description, such as `search bar`."))
    ),
    "form_input": Member(
        "Set a form element.",
        _tab(
            "target value",
            target=_ELEMENT,
            value={
                "type": ["string", "number", "boolean"],
                "description": "A boolean for a checkbox, an option for a select.",
            },
        ),
    ),
    "file_upload": Member(
        "Put files into a file input: paths or document_ids.",
        _tab(
            "target",
            target=_ELEMENT,
            paths={"type": "array", "items": {"type": "string"}, "description": "Paths where the browser runs."},
            document_ids={"type": "array", "items": {"type": "string"}, "description": "Ids of staged files."},
        ),
        default=False,
    ),
    "scroll_to": Member("Scroll an element into view.", _tab("target", target=_ELEMENT)),
    "screenshot": Member("Look at the viewport.", _tab()),
    "zoom": Member(
        "Look closely at a part of the viewport.",
        _tab("region", region=_numbers(4, "[x0, y0, x1, y1] in pixels of the viewport.")),
    ),
    "left_click": _at("Click."),
    "right_click": _at("Click the right button."),
    "middle_click": _at("Click the middle button."),
    "double_click": _at("Double-click."),
    "triple_click": _at("Triple-click, which mostly selects a line or paragraph."),
    "hover": Member("Move the cursor over something without clicking.", _tab("target", target=_TARGET)),
    "left_click_drag": Member("Press at from, drag to target, let go.", _tab("from target", from_=_SPOT, target=_SPOT)),
    "left_mouse_down": _on_point("Press the left button and keep it down."),
    "left_mouse_up": _on_point("Let go of the left button."),
    "mouse_move": _on_point("Move the pointer without clicking."),
    "scroll": Member(
        "Scroll at a point.",
        _tab(
            "scroll_direction target",
            scroll_direction=_DIRECTION,
            target=_SPOT,
            scroll_amount=integer("Notches of the wheel, 1 to 10; default 3."),
        ),
    ),
    "type": Member("Type text where the focus is.", _tab("text", text=string("The text."))),
    "key": Member(
        "Press a key, a chord or several in turn.",
        _tab("text", text=_PRESSED, repeat=integer("How often; default 1.")),
    ),
    "hold_key": Member(
        "Hold a key or chord down for a while.", _tab("text duration", text=_PRESSED, duration=_SECONDS)
    ),
    "wait": Member("Wait.", _tab("duration", duration=_SECONDS)),
    "javascript_exec": Member(
        "Run JavaScript in the page and get the value of the last expression (no `return`).",
        _tab("text", text=string("The code.")),
        default=False,
    ),
}
