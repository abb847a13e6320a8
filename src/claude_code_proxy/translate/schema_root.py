"""The root of a tool's schema: backends take an object there and nothing beside it.

OpenAI: "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..wire.shapes import items, mapping, text
from .schema_merge import merge_all, merge_any
from .schema_words import as_words, describe

_FOLDS = 16  # references and allOf inside one another at the root
_NO_ROOT = ("enum", "const", "not", "if", "then", "else")
_KEPT = ("$defs", "definitions")

Target = Callable[[str], Mapping[str, Any] | None]


def as_object(root: Mapping[str, Any], target: Target) -> tuple[dict[str, Any], set[str]]:
    """Return `root` as an object schema, and the keywords that had to be folded into it."""
    folded: set[str] = set()
    node = _one(root, target, folded)
    for keyword in ("anyOf", "oneOf"):
        if keyword in node:
            node = _any(node, keyword, target, folded)
    for keyword in _NO_ROOT:
        if keyword in node:
            value = node.pop(keyword)
            node = describe(node, [as_words(keyword, value)])
            folded.add(keyword)
    return _typed(node, folded), folded


def _one(root: Mapping[str, Any], target: Target, folded: set[str]) -> dict[str, Any]:
    """Return the root with its own `$ref` and `allOf` folded in, however deep they stand in one another."""
    node = dict(root)
    for _ in range(_FOLDS):
        if "$ref" in node:
            folded.add("$ref")
            named = target(text(node.pop("$ref"))) or {}
            node = {**named, **node}
        elif "allOf" in node:
            folded.add("allOf")
            node = merge_all(node, [_resolved(branch, target) for branch in items(node.pop("allOf"))])
        else:
            return node
    node.pop("$ref", None)
    node.pop("allOf", None)
    return node


def _resolved(branch: object, target: Target) -> Mapping[str, Any]:
    node = mapping(branch)
    if not isinstance(node.get("$ref"), str):
        return node
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return {**(target(node["$ref"]) or {}), **beside}


def _any(node: dict[str, Any], keyword: str, target: Target, folded: set[str]) -> dict[str, Any]:
    folded.add(keyword)
    branches = [_one(mapping(branch), target, set()) for branch in items(node.pop(keyword))]
    choice = "one" if keyword == "oneOf" else "at least one"
    shapes = " or ".join(filter(None, (_shape(branch) for branch in branches)))
    said = f"{choice} of these: {shapes}" if len(branches) > 1 and shapes else ""
    return describe(merge_any(node, branches), [said])


def _shape(branch: Mapping[str, Any]) -> str:
    """Return a branch in a few words: its title and what it needs, `{command=view, path}`."""
    properties = mapping(branch.get("properties"))
    names: Sequence[Any] = items(branch.get("required")) or list(properties)
    parts = []
    for name in names[:20]:
        schema = mapping(properties.get(name))
        fixed = schema.get(
            "const", next(iter(items(schema.get("enum"))), None) if len(items(schema.get("enum"))) == 1 else None
        )
        parts.append(f"{name}={fixed}" if isinstance(fixed, str | int) else str(name))
    title = text(branch.get("title"))
    return f"{title} {{{', '.join(parts)}}}".strip() if parts else title or text(branch.get("type"))


def _typed(node: dict[str, Any], folded: set[str]) -> dict[str, Any]:
    """Return the root with `type: object` and `properties`; any other value is what the property `value` holds."""
    kind = node.get("type")
    if isinstance(kind, str) and kind not in {"object", "null"}:
        folded.add("type")
        kept = {key: node.pop(key) for key in _KEPT if key in node}
        return {"type": "object", "properties": {"value": node}, "required": ["value"], **kept}
    if kind != "object" and kind is not None:
        folded.add("type")
    return (
        {**node, "type": "object", "properties": mapping(node.get("properties"))}
        if node
        else {"type": "object", "properties": {}}
    )
