"""Anthropic's tool_choice as OpenAI's, and a sentence to the model where the backend can't be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ClientError
from ..wire.shapes import mapping, text
from .dialect import Dialect
from .names import shown
from .notes import Notes
from .toolset import ToolSet

_MUST_CALL = "Call at least one of your tools now; do not answer with text alone."
_KINDS = frozenset({"", "auto", "any", "tool", "none"})
_MUST_NOT_CALL = "Do not call any tool now; answer with text."


def translate_tool_choice(
    request: Mapping[str, Any], toolset: ToolSet, dialect: Dialect, notes: Notes
) -> tuple[dict[str, Any], str]:
    """Return the body fields for `tool_choice` (`parallel_tool_calls` among them) and a sentence for the model, or "".

    A choice of a tool that was never declared is the client's mistake. `forced_server_tool` tells when one was chosen
    that only Anthropic's servers run.
    """
    if "tool_choice" not in request:
        return {}, ""
    choice = mapping(request["tool_choice"])
    kind, name = text(choice.get("type")), text(choice.get("name"))
    if kind == "tool":
        _check_named(name, toolset)
    if kind == "any" and not toolset.functions:
        notes.add("tool-choice", "tool_choice", "no tool to call")
    if kind == "tool" and name in toolset.left_out:
        notes.add("tool-choice", "tool_choice", "the tool is not sent")
    if kind not in _KINDS:
        notes.add("tool-choice", "tool_choice.type", kind[:32])
    if not toolset.functions or not kind:
        return {}, ""
    fields: dict[str, Any] = {}
    single = choice.get("disable_parallel_tool_use")
    if isinstance(single, bool) and dialect.parallel_flag:
        fields["parallel_tool_calls"] = not single  # llama.cpp's own default is one at a time
    value, sentence = _choice(kind, toolset.aliases.get(name, ""), dialect)
    if sentence:
        notes.add("tool-choice", "tool_choice", kind[:16])
    return ({"tool_choice": value, **fields} if value else fields), sentence


def is_forced(request: Mapping[str, Any], dialect: Dialect) -> bool:
    """Whether the body itself demands a call. dialect: as it is beside a demand; words to the model are none."""
    if "tool_choice" not in request:
        return False
    kind = text(mapping(request["tool_choice"]).get("type"))
    forms = {"any": {"required"}, "tool": {"named", "required"}}.get(kind, set())
    return not forms.isdisjoint(dialect.tool_choices)


def one_tool_only(request: Mapping[str, Any]) -> bool:
    """Whether only the first call of an answer counts (`disable_parallel_tool_use`), whatever the backend does."""
    return "tool_choice" in request and mapping(request["tool_choice"]).get("disable_parallel_tool_use") is True


def answer_choice(request: Mapping[str, Any], toolset: ToolSet) -> tuple[str, str]:
    """Return the plan's `choice` and `chosen`: what an answer is held against. A demand without a function is none."""
    if "tool_choice" not in request:
        return "", ""
    choice = mapping(request["tool_choice"])
    kind = text(choice.get("type"))
    chosen = toolset.aliases.get(text(choice.get("name")), "") if kind == "tool" else ""
    demands = bool(toolset.functions) if kind == "any" else bool(chosen)
    return (kind, chosen) if kind == "none" or demands else ("", "")


def forced_server_tool(request: Mapping[str, Any], toolset: ToolSet) -> str:
    """Return the server tool that tool_choice forces, "" when it forces none."""
    if "tool_choice" not in request:
        return ""
    choice = mapping(request["tool_choice"])
    name = text(choice.get("name"))
    return name if choice.get("type") == "tool" and name in toolset.server_tools else ""


def _check_named(name: str, toolset: ToolSet) -> None:
    searches = toolset.search is not None and name == (text(toolset.search.get("name")) or "web_search")
    known = searches or name in toolset.aliases or name in toolset.server_tools or name in toolset.left_out
    if not known:
        raise ClientError(f"Tool '{shown(name)}' not found in provided tools", path="tool_choice.name")


def _choice(kind: str, alias: str, dialect: Dialect) -> tuple[Any, str]:
    """Return the strongest form the backend understands, and in words what it can't be told."""
    known = dialect.tool_choices
    auto = "auto" if "auto" in known else None
    if kind == "none":
        return ("none", "") if "none" in known else (auto, _MUST_NOT_CALL)
    if kind == "tool" and alias:
        if "named" in known:
            return {"type": "function", "function": {"name": alias}}, ""
        return "required" if "required" in known else auto, f"Call the tool {alias} now; do not answer with text alone."
    if kind == "any":
        return ("required", "") if "required" in known else (auto, _MUST_CALL)
    return auto, ""
