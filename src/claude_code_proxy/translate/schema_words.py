"""What a dropped keyword meant: in words for the description, or as another keyword that says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text
from .schema_merge import either, merge_all

Node = dict[str, Any]
Drop = frozenset[str]

_BRANCHES = 9  # of a choice that are told, one as the schema and the others in words
_LONGEST = 300  # characters a keyword's value may add to a description

_WORDS: Mapping[str, str] = {
    "pattern": "must match the regular expression {}",
    "format": "format: {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "greater than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minContains": "at least {} such items",
    "maxContains": "at most {} such items",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} properties",
    "maxProperties": "at most {} properties",
    "const": "always {}",
    "enum": "one of {}",
    "default": "default: {}",
    "examples": "examples: {}",
    "contentEncoding": "encoded as {}",
    "contentMediaType": "of type {}",
    "propertyNames": "names of properties: {}",
    "contains": "contains an item like {}",
    "not": "not {}",
    "if": "if {}",
    "then": "then {}",
    "else": "otherwise {}",
    "dependentRequired": "what needs what: {}",
    "dependentSchemas": "what demands what: {}",
    "dependencies": "what needs what: {}",
    "allOf": "all of {}",
    "anyOf": "any of {}",
    "oneOf": "one of {}",
    "prefixItems": "in this order: {}",
    "patternProperties": "properties by name: {}",
    "additionalProperties": "any other property: {}",
    "unevaluatedProperties": "any other property: {}",
    "additionalItems": "any further item: {}",
    "unevaluatedItems": "any further item: {}",
}
_MORE = frozenset({"additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems"})
_FLAGS: Mapping[str, str] = {"uniqueItems": "no item twice", "nullable": "may be null"}
_QUIET = frozenset({"title", "deprecated", "readOnly", "writeOnly", "$comment", "$defs", "definitions"}) | {
    *("required", "properties", "items", "type", "description", "$ref"),
}
"""Without these the model knows as much as before."""
_SHAPE = frozenset({"type", "properties", "items", "required"})  # a schema without these is another one
KNOWN = frozenset(_WORDS) | frozenset(_FLAGS) | _QUIET

_TYPES = ("string", "number", "boolean", "object", "array", "null")
_TYPED = frozenset({"type", "anyOf", "oneOf", "allOf", "$ref", "enum", "const", "properties", "items", "prefixItems"})
_BOUNDS: Mapping[str, int] = {"minLength": 100, "maxLength": 100, "minItems": 16, "maxItems": 16}

_NAMES = frozenset({"$schema", "$id", "$anchor", "cache_control"})  # names and marks no backend needs
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems", "required", "enum"})
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_TEXTS = frozenset({"description", "title", "format", "pattern", "$ref"})

_encode = msgspec.json.Encoder().encode


def describe(node: Mapping[str, Any], sentences: Iterable[str]) -> Node:
    """Return `node` with sentences added to its description, each once."""
    said = text(node.get("description"))
    new = [sentence for sentence in dict.fromkeys(sentences) if sentence and sentence not in said]
    if not new:
        return dict(node)
    words = "; ".join(new)
    return {**node, "description": f"{said} ({words})" if said else words[:1].upper() + words[1:]}


def as_words(keyword: str, value: object) -> str:
    """Return what a keyword demands in a few words, "" when that tells a model nothing.

    A keyword nobody standardised is named with its value (`enumDescriptions`), but for marks of other programs.
    """
    if keyword in _QUIET or value == {} or (keyword in _MORE and isinstance(value, bool)):
        return ""
    if keyword not in KNOWN:
        marks = isinstance(value, bool) or not keyword.isidentifier() or value is None
        return "" if marks else f"{keyword[:40]}: {_short(value)}"
    if keyword in _FLAGS:
        return _FLAGS[keyword] if value is True else ""
    return _WORDS[keyword].format(_short(value))


def tidy(node: Node) -> Node:
    """Return `node` without what no backend takes: names, values of a wrong type, tuples in the old spelling."""
    kept = {key: value for key, value in node.items() if key not in _NAMES and _legal(key, value)}
    if isinstance(kept.get("items"), list):
        kept = _tuple(kept)
    kind = kept.get("type")
    if (kind == "array" or "array" in items(kind)) and "items" not in kept:
        kept["items"] = {}  # OpenAI: "array schema missing items"
    if "required" in kept:
        kept["required"] = [name for name in kept["required"] if isinstance(name, str)]
    return kept


def reword(node: Node, drop: Drop, lost: set[str]) -> Node:
    """Return `node` without the keywords in `drop`, their meaning kept; `lost` collects which ones there were."""
    if not drop:
        return node
    sentences: list[str] = []
    for keyword, rule in _RULES.items():
        if keyword in drop and keyword in node:
            lost.add(keyword)
            sentences.append(rule(node, node.pop(keyword), drop))
    for keyword in [key for key in node if key in drop - _SHAPE or ("unknown:*" in drop and key not in KNOWN)]:
        lost.add(keyword[:40])
        sentences.append(as_words(keyword, node.pop(keyword)))
    sentences += _forms(node, drop, lost)
    return describe(node, sentences)


def closed_list(node: Node) -> Node:
    """Return `node` with `items: false` as a number of items: grammars and OpenAI want a schema there."""
    if node.get("items") is not False:
        return node
    most = len(items(node.get("prefixItems")))
    told = node.get("maxItems")
    return {**node, "items": {}, "maxItems": min(most, told) if isinstance(told, int) else most}


def _legal(key: str, value: object) -> bool:
    if key in _LISTS:
        return isinstance(value, list) and (bool(value) or key == "required")
    if key in _MAPS:
        return isinstance(value, dict)
    if key == "type":
        return isinstance(value, str) or bool(items(value))
    return key not in _TEXTS or isinstance(value, str)


def _tuple(node: Node) -> Node:
    """`items: [A, B]` is `prefixItems` since 2020-12, and `additionalItems` is what `items` was."""
    rest = node.get("additionalItems", {})
    prefix = {"prefixItems": node["items"]} if node["items"] else {}
    return {**{k: v for k, v in node.items() if k not in {"items", "additionalItems"}}, **prefix, "items": rest}


# -- keywords another keyword can stand for, in the order in which they may produce one another ----------------------


def _all_of(node: Node, value: Any, _: Drop) -> str:
    merged = merge_all(node, [branch for branch in items(value) if isinstance(branch, dict)])
    node.clear()
    node.update(merged)
    return ""


def _one_of(node: Node, value: Any, drop: Drop) -> str:
    if "anyOf" in node:
        return as_words("oneOf", value)
    if "anyOf" in drop:
        return _any_of(node, value, drop)
    node["anyOf"] = value
    return ""


def _any_of(node: Node, value: Any, _: Drop) -> str:
    """Keep the first branch as the schema and name the others."""
    branches = [branch for branch in items(value) if isinstance(branch, dict)]
    rest = [branch for branch in branches if branch.get("type") != "null"]
    if len(rest) < len(branches):
        node["nullable"] = True
    if not rest:
        return ""
    one = either(rest)
    node.update({**(rest[0] if "anyOf" in one else one), **node})
    return "or " + " or ".join(_short(branch) for branch in rest[1:_BRANCHES]) if "anyOf" in one else ""


def _prefix_items(node: Node, value: Any, _: Drop) -> str:
    kinds = [item for item in items(value) if isinstance(item, dict)]
    if node.get("items") is False:
        node["minItems"] = node["maxItems"] = len(kinds)
    if not kinds:
        return ""
    node["items"] = either(kinds)
    same = all(kind == kinds[0] for kind in kinds)
    return "" if same else "in this order: " + ", ".join(_short(kind) for kind in kinds[:8])


def _pattern_properties(node: Node, value: Any, drop: Drop) -> str:
    patterns = mapping(value)
    if len(patterns) == 1 and "additionalProperties" not in node and "additionalProperties" not in drop:
        node["additionalProperties"] = next(iter(patterns.values()))
        return "names of properties match " + next(iter(patterns))[:100]
    return "properties by name: " + ", ".join(
        f"{pattern[:100]} {_short(schema)}" if schema else pattern[:100]
        for pattern, schema in list(patterns.items())[:8]
    )


def _const(node: Node, value: Any, drop: Drop) -> str:
    if "enum" in drop or ("enum:other" in drop and not (isinstance(value, str) and value)):
        return as_words("const", value)
    node["enum"] = [value]
    return ""


def _exclusive(keyword: str, bound: str, step: int) -> Callable[[Node, Any, Drop], str]:
    def rule(node: Node, value: Any, drop: Drop) -> str:
        if isinstance(value, bool):  # draft 4: a mark on the bound beside it
            return f"not {_short(node[bound])} itself" if value and bound in node else ""
        if node.get("type") == "integer" and isinstance(value, int) and bound not in drop and bound not in node:
            node[bound] = value + step
            return ""
        return as_words(keyword, value)

    return rule


_RULES: Mapping[str, Callable[[Node, Any, Drop], str]] = {
    "allOf": _all_of,
    "prefixItems": _prefix_items,
    "patternProperties": _pattern_properties,
    "oneOf": _one_of,
    "anyOf": _any_of,
    "const": _const,
    "exclusiveMinimum": _exclusive("exclusiveMinimum", "minimum", 1),
    "exclusiveMaximum": _exclusive("exclusiveMaximum", "maximum", -1),
}


# -- the forms of keywords a dialect may name ------------------------------------------------------------------------


def _forms(node: Node, drop: Drop, lost: set[str]) -> list[str]:
    sentences = []
    if "type:list" in drop:
        _null_branch(node, lost)
        sentences += _single_type(node, lost)
    if "enum:other" in drop and "enum" in node:
        sentences += _plain_enum(node, lost)
    if "bounds:large" in drop:
        sentences += _large_bounds(node, lost)
    if "object:empty" in drop and node.get("type") == "object" and not node.get("properties"):
        node.pop("properties", None)
        if node.get("additionalProperties") is False:
            del node["additionalProperties"]
    if "type:none" in drop and node.get("items") == {}:
        node["items"] = {"type": list(_TYPES)}
    if "type:none" in drop and _TYPED.isdisjoint(node):
        node["type"] = list(_TYPES)
    return sentences


def _large_bounds(node: Node, lost: set[str]) -> list[str]:
    large = [key for key, most in _BOUNDS.items() if isinstance(node.get(key), int | float) and node[key] > most]
    lost.update(large)
    return [as_words(key, node.pop(key)) for key in large]


def _null_branch(node: Node, lost: set[str]) -> None:
    """`anyOf: [X, null]` is X that may be null."""
    branches = [branch for branch in items(node.get("anyOf")) if isinstance(branch, dict)]
    plain = [branch for branch in branches if branch.get("type") != "null"]
    if len(plain) == len(branches):
        return
    lost.add("type:list")
    node["nullable"] = True
    if len(plain) > 1:
        node["anyOf"] = plain
        return
    del node["anyOf"]
    node.update({**(plain[0] if plain else {}), **node})


def _single_type(node: Node, lost: set[str]) -> list[str]:
    kinds = items(node.get("type"))
    if not kinds:
        return []
    lost.add("type:list")
    named = [str(kind) for kind in kinds if kind != "null"] or ["string"]
    if "null" in kinds:
        node["nullable"] = True
    node["type"] = named[0]
    return ["or " + " or ".join(named[1:])] if named[1:] else []


def _plain_enum(node: Node, lost: set[str]) -> list[str]:
    values = items(node["enum"])
    plain = [value for value in values if isinstance(value, str) and value]
    if len(plain) == len(values):
        return []
    lost.add("enum:other")
    if None in values:
        node["nullable"] = True
    if plain:
        node["enum"] = plain
        others = [_short(value) for value in values if value not in (None, "") and value not in plain]
        return ["or " + " or ".join(others)] if others else []
    del node["enum"]
    return [as_words("enum", list(values))]


def _short(value: object) -> str:
    if isinstance(value, str):
        return value[:_LONGEST]
    try:
        words = _encode(value).decode()
    except (ValueError, TypeError, RecursionError):
        return "..."
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "..."
