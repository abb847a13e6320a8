"""Arguments made to fit the tool's own schema, where the schema leaves one way to do it.

    {"description ": "x"}        the key without its blanks, when only that one is declared
    "true", "3", "[1, 2]"        the value they spell, when no string is allowed there
    3 where a string is due      "3"
    "" or null, optional         left out, unless the schema says that they mean something

Nothing required is ever invented.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text

_DEPTH = 32
_HOPS = 8  # references to references
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.0{1,9})?")
_BOOLEANS = {"true": True, "false": False}

_decode = msgspec.json.Decoder().decode

Schema = Mapping[str, Any]


def fit_object(value: dict[str, Any], schema: Schema, root: Schema, depth: int = 0) -> tuple[dict[str, Any], bool]:
    """Return `value` with its members made to fit, and whether anything was changed. The input is not."""
    properties = mapping(resolved(schema, root).get("properties"))
    if not properties or depth > _DEPTH:
        return value, False
    required = items(resolved(schema, root).get("required"))
    fitted: dict[str, Any] = {}
    names: set[str] = set()
    changed = False
    for given, member in value.items():
        key = declared_key(given, names, properties)
        names.add(key)
        declared = resolved(properties.get(key), root)
        if key not in required and declared and means_nothing(member, declared, root):
            changed = True
            continue
        fitted[key], mended = fit(member, declared, root, depth + 1)
        changed = changed or mended or key != given
    return (fitted, True) if changed else (value, False)


def only_property(value: object, schema: Schema) -> str:
    """Return the only property of the schema when `value` is what it takes, "" otherwise."""
    properties = mapping(resolved(schema, schema).get("properties"))
    if len(properties) != 1:
        return ""
    name, declared = next(iter(properties.items()))
    return name if _type_of(value) & types_of(resolved(declared, schema), schema) else ""


def contradicts(value: Mapping[str, Any], schema: Schema) -> bool:
    """Whether a member has a type the schema does not allow it, or an object that takes no others has another one."""
    root = resolved(schema, schema)
    properties = mapping(root.get("properties"))
    if properties and root.get("additionalProperties") is False and not value.keys() <= properties.keys():
        return True
    declared = {name: types_of(resolved(properties.get(name), schema), schema) for name in value}
    return any(types and not _type_of(value[name]) & types for name, types in declared.items())


def declared_key(given: str, value: Container[str], properties: Mapping[str, Any]) -> str:
    """Return the declared name of a key that only has blanks around it. value: the names that came before it."""
    stripped = given.strip()
    return stripped if given not in properties and stripped in properties and stripped not in value else given


def means_nothing(member: object, declared: Schema, root: Schema) -> bool:
    """Weak models fill every optional parameter with "" or null, and the tool's own check refuses them."""
    types = types_of(declared, root)
    if member is None:
        return bool(types) and "null" not in types and declared.get("nullable") is not True
    if member != "" or not types:
        return False
    said = "empty" in text(declared.get("description")).lower() or declared.get("minLength") == 0
    return not said and declared.get("default") != "" and "" not in items(declared.get("enum"))


def fit(value: Any, schema: Schema, root: Schema, depth: int) -> tuple[Any, bool]:
    types = types_of(schema, root)
    mended = False
    if types and not (_type_of(value) & types):
        value, mended = _converted(value, types)
    if isinstance(value, dict):
        value, inner = fit_object(value, variant(schema, root), root, depth)
        return value, mended or inner
    if isinstance(value, list) and depth <= _DEPTH:
        element = resolved(variant(schema, root).get("items"), root)
        if element:
            pairs = [fit(member, element, root, depth + 1) for member in value]
            inner = any(changed for _, changed in pairs)
            return ([member for member, _ in pairs] if inner else value), mended or inner
    return value, mended


def _converted(value: Any, types: frozenset[str]) -> tuple[Any, bool]:
    """Return the one value of the right type that `value` spells."""
    if isinstance(value, str):
        return _spelt(value, types)
    if types == {"string"} and isinstance(value, int) and not isinstance(value, bool):
        return str(value), True
    return value, False


def _spelt(value: str, types: frozenset[str]) -> tuple[Any, bool]:
    word = value.strip()
    if "boolean" in types and word.lower() in _BOOLEANS:
        return _BOOLEANS[word.lower()], True
    if types & {"integer", "number"} and _INTEGER.fullmatch(word):
        return int(word.partition(".")[0]), True
    if "null" in types and word in {"null", "None"}:
        return None, True
    if "number" not in types and not (types & {"array", "object"} and word[:1] in {"[", "{"}):
        return value, False
    try:
        read = _decode(word)
    except (ValueError, RecursionError):
        return value, False
    return (read, True) if _type_of(read) & types else (value, False)


def _type_of(value: object) -> frozenset[str]:
    """Return the JSON Schema types a value has."""
    match value:
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"number", "integer"}) if value.is_integer() else frozenset({"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case dict():
            return frozenset({"object"})
    return frozenset({"null"})


def types_of(schema: Schema, root: Schema) -> frozenset[str]:
    """Return the types a schema allows, nothing when it does not say."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return frozenset({kind})
    if isinstance(kind, list):
        return frozenset(name for name in kind if isinstance(name, str))
    values = [schema["const"]] if "const" in schema else items(schema.get("enum"))
    if values:
        return frozenset().union(*(_type_of(value) for value in values))
    branches = [resolved(branch, root) for branch in (*items(schema.get("anyOf")), *items(schema.get("oneOf")))]
    known = [
        types_of(branch, {}) if "anyOf" not in branch and "oneOf" not in branch else frozenset() for branch in branches
    ]
    return frozenset().union(*known) if known and all(known) else frozenset()


def variant(schema: Schema, root: Schema) -> Schema:
    """Return the only branch of anyOf or oneOf that has members, else the schema itself."""
    branches = [resolved(branch, root) for branch in (*items(schema.get("anyOf")), *items(schema.get("oneOf")))]
    shaped = [branch for branch in branches if "properties" in branch or "items" in branch]
    return shaped[0] if len(shaped) == 1 and "properties" not in schema and "items" not in schema else schema


def resolved(schema: object, root: Schema) -> Schema:
    """Return what a schema's local reference names."""
    node = mapping(schema)
    for _ in range(_HOPS):
        reference = text(node.get("$ref"))
        if reference == "#" and node is not root:
            return root
        if not reference.startswith("#/"):
            return node
        target: Any = root
        for part in reference[2:].split("/"):
            target = mapping(target).get(part)
        node = mapping(target)
    return {}
