"""One pass over a JSON Schema: a copy in which every keyword is one the backend takes.

A keyword is looked at only where a schema stands: in `properties: {"pattern": {...}}` the word is a property's name
(Claude Code's Grep has one), and what `enum`, `const`, `default` and `examples` hold is data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ..wire.shapes import mapping
from .dialect import Dialect
from .schema_root import as_object
from .schema_words import closed_list, describe, reword, tidy

_DEPTH = 48  # nested schemas; a tool people use has below ten
_NODES = 20_000  # schemas in one tool after inlining: references to references multiply

_DEFS = frozenset({"$defs", "definitions"})
_MAPS = _DEFS | {"properties", "patternProperties", "dependentSchemas"}
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONES = frozenset({"items", "additionalItems", "contains", "additionalProperties", "propertyNames"}) | {
    *("unevaluatedItems", "unevaluatedProperties", "not", "if", "then", "else")
}
_OPEN = frozenset({"additionalProperties", "additionalItems", "unevaluatedItems", "unevaluatedProperties"})
_LOCAL = ("#/$defs/", "#/definitions/")  # where every validator finds a reference


class Walk:
    """The state of one pass. lost: keywords that were left out because the backend refuses them."""

    def __init__(self, root: Mapping[str, Any], dialect: Dialect) -> None:
        self.lost: set[str] = set()
        self._root = root
        self._drop = dialect.drop_schema_keywords
        self._object_root = dialect.object_root
        self._inline = dialect.inline_refs or not self._drop.isdisjoint({"$ref", *_DEFS})
        self._rewritten = False
        self._nodes = 0

    def root(self) -> dict[str, Any]:
        """Return the whole schema, cleaned."""
        node = self._root
        if self._object_root:
            node, folded = as_object(self._root, self._target)
            self._rewritten = bool(folded)
            self.lost |= folded
        return self._schema(node, 0, ("#",))

    def _schema(self, node: object, depth: int, trail: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(node, dict):
            node = {}
        self._nodes += 1
        if depth > _DEPTH or self._nodes > _NODES:
            self.lost.add("nesting")
            return describe({}, ["anything: the schema is nested too deeply to be said"])
        reference = node.get("$ref")
        if isinstance(reference, str) and not self._stays(reference):
            self.lost.add("$ref")
            return self._schema(self._named(node, reference, trail), depth + 1, (*trail, reference))
        gone = _DEFS if self._inline else ()
        copy = {key: self._value(key, value, depth + 1, trail) for key, value in node.items() if key not in gone}
        return closed_list(reword(tidy(copy), self._drop, self.lost))

    def _value(self, key: str, value: Any, depth: int, trail: tuple[str, ...]) -> Any:
        if key in _MAPS and isinstance(value, dict):
            return {name: self._schema(child, depth, trail) for name, child in value.items() if child is not False}
        if isinstance(value, list) and (key in _LISTS or key == "items"):
            return [self._schema(child, depth, trail) for child in value]
        if key in _ONES and value is not False and not (value is True and key in _OPEN):
            return self._schema(value, depth, trail)
        return value

    # -- references -------------------------------------------------------------------------------------------------

    def _stays(self, reference: str) -> bool:
        if self._inline:
            return False
        if reference == "#":
            return not self._rewritten and "ref:root" not in self._drop
        simple = reference.startswith(_LOCAL) and reference.count("/") == 2  # noqa: PLR2004 - #/$defs/name
        return simple and self._target(reference) is not None

    def _named(self, node: Mapping[str, Any], reference: str, trail: tuple[str, ...]) -> dict[str, Any]:
        """Return what a reference names, what stands beside it laid over; a recursion ends in words."""
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target = self._target(reference)
        if target is None:
            return describe(beside, [f"see {reference[:100]}"])
        if reference not in trail:
            return {**target, **beside}
        kind = {"type": target["type"]} if isinstance(target.get("type"), str) else {}
        return describe({**kind, **beside}, [f"the same shape again: {reference.rpartition('/')[2][:100]}"])

    def _target(self, reference: str) -> Mapping[str, Any] | None:
        """Return what a local reference (JSON Pointer) names, None when it names nothing here."""
        document, _, pointer = reference.partition("#")
        if document or "#" not in reference or (pointer and not pointer.startswith("/")):
            return None
        node: Any = self._root
        for part in pointer.split("/")[1:]:
            node = _child(node, unquote(part).replace("~1", "/").replace("~0", "~"))
        return node if isinstance(node, dict) else None


def _child(node: object, key: str) -> Any:
    if not isinstance(node, list):
        return mapping(node).get(key)
    index = int(key) if key.isascii() and key.isdigit() and len(key) < 6 else len(node)  # noqa: PLR2004
    return node[index] if index < len(node) else None
