"""JSON Schemas of tools as a backend takes them: what it refuses is left out and said in words instead.

`Dialect.drop_schema_keywords` may name any keyword, and these forms of one:

    type:list     `type: ["string", "null"]` becomes `type: "string"` and `nullable: true`
    enum:other    values of an enum that are not non-empty strings
    unknown:*     keywords that are not JSON Schema's (enumDescriptions, x-...)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import items, mapping
from .dialect import Dialect
from .notes import Notes
from .schema_walk import Walk

_CACHED = 1024  # schemas: Claude Code sends the same 10 to 200 with every turn

_encode = msgspec.json.Encoder().encode


class _Clean(NamedTuple):
    """A cleaned schema and the keywords that had to go."""

    schema: dict[str, Any]
    lost: str


_cache: dict[bytes, _Clean] = {}


def clean_schema(schema: object, dialect: Dialect, notes: Notes, path: str) -> dict[str, Any]:
    """Return `schema` in the backend's form; `path` says in the notes whose it is.

    Laws: the input is not changed; the result is an object schema (`Dialect.object_root`); cleaning twice is cleaning
    once; nothing a client sends raises. The result is shared between requests: read it, don't write to it.
    """
    clean = _cached(schema, dialect)
    if clean.lost:
        notes.add("schema-cleaned", path, clean.lost)
    return clean.schema


def fits_strict(schema: Mapping[str, Any]) -> bool:
    """Whether OpenAI takes `schema` with `strict: true`: every property required, no other allowed, plain keywords."""
    return _is_object(schema) and _strict(schema, 0)


def _cached(schema: object, dialect: Dialect) -> _Clean:
    rules = (sorted(dialect.drop_schema_keywords), dialect.inline_refs, dialect.object_root)
    try:
        key = hashlib.blake2b(_encode((rules, schema)), digest_size=16).digest()
    except (ValueError, TypeError, RecursionError):  # lone surrogates, or nested beyond any use
        return _clean(schema, dialect)
    clean = _cache.get(key)
    if clean is None:
        clean = _clean(schema, dialect)
        if len(_cache) >= _CACHED:
            _cache.clear()
        _cache[key] = clean
    return clean


def _clean(schema: object, dialect: Dialect) -> _Clean:
    walk = Walk(mapping(schema), dialect)
    cleaned = walk.root()
    return _Clean(cleaned, ", ".join(sorted(walk.lost)))


# -- strict ---------------------------------------------------------------------------------------------------------
# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas

_STRICT_KEYWORDS = frozenset({"type", "properties", "required", "additionalProperties", "items", "enum", "const"}) | {
    *("anyOf", "$ref", "$defs", "definitions", "description", "title", "pattern", "format", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"),
}
_STRICT_DEPTH = 10


def _strict(node: object, depth: int) -> bool:
    if not isinstance(node, dict) or depth > _STRICT_DEPTH or not _STRICT_KEYWORDS.issuperset(node):
        return False
    if _is_object(node) and not _closed(node):
        return False
    return all(_strict(child, depth + 1) for child in _children(node))


def _is_object(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    return kind == "object" or "object" in items(kind) or "properties" in node


def _closed(node: Mapping[str, Any]) -> bool:
    required, properties = items(node.get("required")), mapping(node.get("properties"))
    named = [name for name in required if isinstance(name, str)]
    return node.get("additionalProperties") is False and len(named) == len(required) and set(named) == set(properties)


def _children(node: Mapping[str, Any]) -> list[Any]:
    children: list[Any] = [*mapping(node.get("properties")).values(), *items(node.get("anyOf"))]
    for key in ("$defs", "definitions"):
        children += mapping(node.get(key)).values()
    return [*children, node["items"]] if "items" in node else children
