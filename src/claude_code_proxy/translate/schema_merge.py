"""Several schemas as one: what satisfies all of them, or any of them, as nearly as one flat schema can say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..wire.shapes import items, mapping

Node = dict[str, Any]
_SCALAR = frozenset({"type", "enum", "const", "description", "title"})


def merge_all(node: Mapping[str, Any], branches: Sequence[Mapping[str, Any]]) -> Node:
    """Return `node` and all `branches` in one (allOf): properties and required together, else the first word wins."""
    merged = dict(node)
    for branch in branches:
        properties = dict(mapping(merged.get("properties")))
        for name, schema in mapping(branch.get("properties")).items():
            old = properties.get(name)
            properties[name] = {**schema, **old} if isinstance(old, dict) and isinstance(schema, dict) else schema
        required = distinct([*items(merged.get("required")), *items(branch.get("required"))])
        merged = {**branch, **merged}
        if properties:
            merged["properties"] = properties
        if required:
            merged["required"] = required
    return merged


def merge_any(node: Mapping[str, Any], branches: Sequence[Mapping[str, Any]]) -> Node:
    """Return an object schema that every branch (anyOf, oneOf) fits: all properties, required where all agree."""
    objects = [branch for branch in branches if _may_be_object(branch)]
    variants: dict[str, list[Any]] = {}
    for branch in objects:
        for name, schema in mapping(branch.get("properties")).items():
            variants.setdefault(name, []).append(schema)
    own = mapping(node.get("properties"))
    properties = {**{name: either(schemas) for name, schemas in variants.items() if name not in own}, **own}
    required = distinct([*items(node.get("required")), *_shared(objects)])
    merged = {**node, "properties": properties}
    return {**merged, "required": required} if required else merged


def either(schemas: Sequence[Any]) -> dict[str, Any]:
    """Return a schema for a value that fits one of `schemas`: one enum where all are plain values, else anyOf."""
    variants = [schema for schema in distinct(schemas) if isinstance(schema, dict)]
    if len(variants) < 2:  # noqa: PLR2004 - one schema is no choice
        return dict(variants[0]) if variants else {}
    values = [_values(schema) for schema in variants]
    if not all(values):
        return {"anyOf": variants}
    same = {key: variants[0][key] for key in ("type", "description") if key in variants[0]}
    if any(schema.get("type") != same.get("type") for schema in variants):
        same.pop("type", None)
    return {**same, "enum": distinct([value for known in values for value in known or ()])}


def distinct(values: Sequence[Any]) -> list[Any]:
    """Return the values, each once, in order. `1` and `true` are two values, as in JSON."""
    return list({repr(value): value for value in reversed(values)}.values())[::-1]


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values a schema lists, None when it is more than a list of values."""
    if not _SCALAR.issuperset(schema):
        return None
    return [schema["const"]] if "const" in schema else list(items(schema.get("enum"))) or None


def _shared(branches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what every branch requires."""
    required = [{name for name in items(branch.get("required")) if isinstance(name, str)} for branch in branches]
    together = set.intersection(*required) if required else set()
    return [name for name in items(branches[0].get("required")) if name in together] if together else []


def _may_be_object(branch: Mapping[str, Any]) -> bool:
    kind = branch.get("type")
    return (
        kind == "object" or "object" in items(kind) or (kind is None and "enum" not in branch and "const" not in branch)
    )
