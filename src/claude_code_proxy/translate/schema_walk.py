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
from .schema_words import describe, reword, tidy

_DEPTH = 48  # nested schemas; a tool people use has below ten
_NODES = 20_000  # schemas in one tool after inlining: references to references multiply

_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_ONES = frozenset(
    "items additionalProperties additionalItems unevaluatedItems unevaluatedProperties contains propertyNames not if then "
    "else".split()
)
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_LOCAL = ("#/$defs/", "#/definitions/")
_DEFS = frozenset({"$defs", "definitions"})
_REFS = frozenset({"$ref", *_DEFS})


class Walk:
    """The state of one pass. lost: keywords that were left out because the backend refuses them."""

    def __init__(self, root: Mapping[str, Any], dialect: Dialect) -> None:
        self.lost: set[str] = set()
        self._root = root
        self._drop = dialect.drop_schema_keywords
        self._object_root = dialect.object_root
        self._inline = dialect.inline_refs or not self._drop.isdisjoint(_REFS)
        self._rewritten = False
        self._nodes = 0

    def root(self) -> dict[str, Any]:
        """Return the whole schema, cleaned."""
        node = self._root
        if self._object_root:
            node, merged = as_object(self._root, self._target)
            self._rewritten = bool(merged)
            self.lost |= merged
        return self._schema(node, 0, ("#",))

    def _schema(self, node: object, depth: int, trail: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(node, dict):
            return {}
        self._nodes += 1
        if depth > _DEPTH or self._nodes > _NODES:
            self.lost.add("nesting")
            return describe({}, ["anything: the schema is nested too deeply to be said"])
        reference = node.get("$ref")
        if isinstance(reference, str) and not self._stays(reference):
            return self._inlined(node, reference, depth, trail)
        gone = _DEFS if self._inline else frozenset()
        copy = {key: self._value(key, value, depth, trail) for key, value in node.items() if key not in gone}
        return reword(tidy(copy), self._drop, self.lost)

    def _value(self, key: str, value: Any, depth: int, trail: tuple[str, ...]) -> Any:
        if key in _MAPS and isinstance(value, dict):
            return {name: self._schema(child, depth + 1, trail) for name, child in value.items() if child is not False}
        if key in _LISTS and isinstance(value, list):
            return [self._schema(child, depth + 1, trail) for child in value]
        if key == "items" and isinstance(value, list):
            return [self._schema(child, depth + 1, trail) for child in value]
        if key in _ONES and not isinstance(value, bool):
            return self._schema(value, depth + 1, trail)
        return value

    # -- references -------------------------------------------------------------------------------------------------

    def _stays(self, reference: str) -> bool:
        if self._inline:
            return False
        if reference == "#":
            return not self._rewritten
        return reference.startswith(_LOCAL) and reference.count("/") == _LOCAL[0].count("/") and self._target(reference) is not None

    def _inlined(self, node: Mapping[str, Any], reference: str, depth: int, trail: tuple[str, ...]) -> dict[str, Any]:
        """Return what a reference names, with the keywords beside it laid over."""
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target = self._target(reference)
        if "$ref" in self._drop or not self._inline:
            self.lost.add("$ref")
        if target is None:
            return self._schema(describe(beside, [f"see {reference[:100]}"]), depth + 1, trail)
        if reference in trail:
            kind = {"type": target["type"]} if isinstance(target.get("type"), str) else {}
            name = reference.rsplit("/", 1)[-1]
            return self._schema(describe({**kind, **beside}, [f"again a {name}" if name != "#" else "again the whole"]), depth + 1, trail)
        return self._schema({**target, **beside}, depth + 1, (*trail, reference))

    def _target(self, reference: str) -> Mapping[str, Any] | None:
        """Return what a local reference (JSON Pointer) names, None when it names nothing here."""
        path, hash_, pointer = reference.partition("#")
        if path or not hash_ or (pointer and not pointer.startswith("/")):
            return None
        node: Any = self._root
        for part in pointer.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            node = _child(node, key)
        return node if isinstance(node, dict) else None


def _child(node: object, key: str) -> Any:
    if isinstance(node, list) and key.isascii() and key.isdigit():
        return node[int(key)] if int(key[:6]) < len(node) and len(key) < 6 else None  # noqa: PLR2004
    return mapping(node).get(key)

