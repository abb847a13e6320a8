"""`output_config.format` (once `output_format`) as response_format, or as an instruction where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.shapes import mapping, text
from .argument_types import resolved
from .dialect import Dialect
from .names import legal_name
from .notes import Notes
from .plan import JsonShape
from .schema_closed import has_optional
from .schemas import clean_schema, strict_schema

_encode = msgspec.json.Encoder().encode


_ROOT = "value"  # the property that holds what is no object


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """fields: of the body; sentence: an instruction for the model, or ""; shape: the client wants JSON text."""

    fields: dict[str, Any] = {}
    sentence: str = ""
    shape: JsonShape | None = None


def translate_format(request: Mapping[str, Any], dialect: Dialect, notes: Notes) -> ResponseFormat:
    """Return the strongest form of the client's `json_schema` the backend understands.

    Backends take an object at the root only. Anything else is asked for as the property of one, and unwrapped.
    """
    if "output_config" not in request and "output_format" not in request:
        return ResponseFormat()
    wanted, path = _wanted(request)
    schema = wanted.get("schema")
    if wanted.get("type") not in {None, "text", "json_schema"}:
        notes.add("format-weakened", path, "of a type nobody knows")
    if path == "output_config.format" and request.get("output_format"):
        notes.add("parameter-ignored", "output_format", "output_config.format counts")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        return ResponseFormat()
    strongest = "none" if "response_format" in dialect.drop else dialect.json_schema
    wrapped = not _is_object(schema)
    asked = _wrapped(schema) if wrapped else schema
    if strongest == "json_schema":
        sent, meant = _schema_format(wanted, asked, dialect, notes, path)
        return ResponseFormat(fields={"response_format": sent}, shape=JsonShape(wrapped=wrapped, schema=meant))
    notes.add("format-weakened", path, strongest)
    if strongest == "none":
        return ResponseFormat(sentence=_instruction(schema), shape=JsonShape())
    fields = {"response_format": {"type": "json_object"}}
    return ResponseFormat(fields=fields, sentence=_instruction(asked), shape=JsonShape(wrapped=wrapped))


def _is_object(schema: Mapping[str, Any]) -> bool:
    if schema.get("type") == "object":
        return True
    node = resolved(schema, schema) if "$ref" in schema else schema
    plain = node.get("type") == "object" or ("type" not in node and "properties" in node)
    return plain and not {"anyOf", "oneOf", "enum", "const"}.intersection(node)


def _wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object schema with `schema` as its only property; definitions stay where references look for them."""
    kept = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    inner = _moved({key: value for key, value in schema.items() if key not in {*kept, "$schema", "$id"}})
    properties = {_ROOT: inner}
    closed = {"type": "object", "properties": properties, "required": [_ROOT], "additionalProperties": False}
    return {**closed, **{key: _moved(value) for key, value in kept.items()}}


def _moved(node: Any) -> Any:
    """Return a part of a schema with its references to the root pointing to where the root is now."""
    if isinstance(node, list):
        return [_moved(child) for child in node]
    if not isinstance(node, dict):
        return node
    moved = {key: _moved(value) for key, value in node.items()}
    reference = text(node.get("$ref"))
    if reference == "#" or (reference.startswith("#/") and not reference.startswith(("#/$defs/", "#/definitions/"))):
        moved["$ref"] = f"#/properties/{_ROOT}{reference[1:]}"
    return moved


def _wanted(request: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    new = mapping(mapping(request.get("output_config")).get("format"))
    return (new, "output_config.format") if new else (mapping(request.get("output_format")), "output_format")


def _schema_format(
    wanted: Mapping[str, Any], asked: Mapping[str, Any], dialect: Dialect, notes: Notes, path: str
) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Return the response_format, and what a null in its answer is held against where optional properties had to go."""
    named: dict[str, Any] = {"name": legal_name(text(wanted.get("name")) or "output")}
    strict = strict_schema(asked, dialect, notes, f"{path}.schema") if dialect.strict_flag else None
    if strict is not None:
        named |= {"schema": strict.sent, "strict": True}
        return {"type": "json_schema", "json_schema": named}, strict.meant if has_optional(strict.meant) else None
    named["schema"] = clean_schema(asked, dialect, notes, f"{path}.schema")
    if dialect.strict_flag:
        named["strict"] = False
        notes.add("format-weakened", path, "the schema does not fit strict mode")
    return {"type": "json_schema", "json_schema": named}, None


def _instruction(schema: Mapping[str, Any]) -> str:
    words = "Answer with JSON only: no other text and no code fence. The JSON must fit this JSON Schema:"
    return f"{words}\n{_encode(schema).decode()}"
