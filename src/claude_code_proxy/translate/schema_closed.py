"""A schema as OpenAI's strict mode demands it, meaning the same: every object closed, every property required.

A property that was optional may be null instead, and a null it did not allow is dropped from what the model answers
(`argument_types`). So a property may become nullable only where the way back finds it: not in one of several shapes.
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping
from .argument_types import resolved, types_of

PLAIN = frozenset({"type", "properties", "required", "additionalProperties", "items", "enum", "const"}) | {
    *("anyOf", "$ref", "$defs", "definitions", "description", "title", "pattern", "format", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"),
}
"""The keywords strict mode knows."""

_DEPTH = 10
_NULL = {"type": "null"}

Node = dict[str, Any]


class _OpenError(Exception):
    """The schema says something that strict mode can't."""


def closed(schema: Mapping[str, Any]) -> Node | None:
    """Return `schema` (of plain keywords) as strict mode takes it, None where that would change what it allows.

    An object that only does not mention other properties is closed; one that asks for them stays open.
    """
    if not _is_object(schema):
        return None
    try:
        return _closed(schema, schema, 0, certain=True)
    except _OpenError:
        return None


def has_optional(node: object) -> bool:
    """Whether a schema has a property that may be left out, at any depth."""
    if isinstance(node, list):
        return any(has_optional(child) for child in node)
    if not isinstance(node, dict):
        return False
    required = items(node.get("required"))
    if isinstance(node.get("properties"), dict) and any(name not in required for name in node["properties"]):
        return True
    return any(has_optional(child) for child in node.values())


def _closed(node: object, root: Mapping[str, Any], depth: int, *, certain: bool) -> Node:
    """certain: the way back finds a property of this schema."""
    if not isinstance(node, dict) or depth > _DEPTH or not PLAIN.issuperset(node):
        raise _OpenError
    if "$ref" in node:
        return _referring(node, root, depth, certain=certain)
    out: Node = dict(node)
    for key in ("$defs", "definitions"):
        if key in node:
            out[key] = {
                name: _closed(child, root, depth + 1, certain=True) for name, child in mapping(node[key]).items()
            }
    if "anyOf" in node:
        return {**out, "anyOf": _branches(node, root, depth, certain=certain)}
    if _is_object(node):
        return {**out, **_object(node, root, depth, certain=certain)}
    if "items" in node:
        out["items"] = _closed(node["items"], root, depth + 1, certain=certain)
    return {**out, "type": _kind(node, root)}


def _referring(node: Node, root: Mapping[str, Any], depth: int, *, certain: bool) -> Node:
    """A reference stands alone in strict mode."""
    if not certain:
        _closed(resolved(node, root), root, depth + 1, certain=False)
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return {**beside, "anyOf": [{"$ref": node["$ref"]}]} if beside else dict(node)


def _branches(node: Node, root: Mapping[str, Any], depth: int, *, certain: bool) -> list[Node]:
    if "properties" in node or "items" in node:
        raise _OpenError
    branches = items(node["anyOf"])
    shaped = [branch for branch in (resolved(branch, root) for branch in branches) if _has_members(branch)]
    return [_closed(branch, root, depth + 1, certain=certain and len(shaped) < 2) for branch in branches]  # noqa: PLR2004


def _object(node: Node, root: Mapping[str, Any], depth: int, *, certain: bool) -> Node:
    properties = mapping(node.get("properties"))
    required = {name for name in items(node.get("required")) if isinstance(name, str)}
    more = node.get("additionalProperties", bool(not properties))
    if more is not False or not required.issubset(properties):
        raise _OpenError
    members = {name: _closed(child, root, depth + 1, certain=certain) for name, child in properties.items()}
    for name in properties.keys() - required:
        if not certain:
            raise _OpenError
        members[name] = _nullable(members[name], types_of(resolved(properties[name], root), root))
    return {"properties": members, "required": list(properties), "additionalProperties": False}


def _nullable(node: Node, types: frozenset[str]) -> Node:
    if not types:
        raise _OpenError
    if "null" in types:
        return node
    if "anyOf" in node:
        return {**node, "anyOf": [*node["anyOf"], _NULL]}
    if "$ref" in node or "const" in node or types & {"object", "array"}:
        said = {"description": node["description"]} if "description" in node else {}
        inner = {key: value for key, value in node.items() if key != "description"}
        return {**said, "anyOf": [inner, _NULL]}
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    values = {"enum": [*node["enum"], None]} if "enum" in node else {}
    return {**node, "type": [*kinds, "null"], **values}


def _kind(node: Node, root: Mapping[str, Any]) -> Any:
    if "type" in node:
        return node["type"]
    kinds = sorted(types_of(node, root) - {"integer"} or types_of(node, root))
    if not kinds:
        raise _OpenError
    return kinds[0] if len(kinds) == 1 else kinds


def _is_object(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    return kind == "object" or "object" in items(kind) or "properties" in node


def _has_members(node: Mapping[str, Any]) -> bool:
    return "properties" in node or "items" in node
