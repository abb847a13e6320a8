"""`output_config.format` (once `output_format`) as response_format, or as an instruction where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.shapes import mapping, text
from .dialect import Dialect
from .names import legal_name
from .notes import Notes
from .schemas import clean_schema, fits_strict

_encode = msgspec.json.Encoder().encode


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """fields: of the body; sentence: an instruction for the model, or ""; json_output: the client wants JSON text."""

    fields: dict[str, Any] = {}
    sentence: str = ""
    json_output: bool = False


def translate_format(request: Mapping[str, Any], dialect: Dialect, notes: Notes) -> ResponseFormat:
    """Return the strongest form of the client's `json_schema` the backend understands."""
    wanted, path = _wanted(request)
    schema = wanted.get("schema")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        return ResponseFormat()
    if dialect.json_schema == "json_schema" and "response_format" not in dialect.drop:
        return ResponseFormat(
            fields={"response_format": _schema_format(wanted, dialect, notes, path)}, json_output=True
        )
    notes.add("format-weakened", path, dialect.json_schema)
    object_only = dialect.json_schema == "json_object" and "response_format" not in dialect.drop
    fields = {"response_format": {"type": "json_object"}} if object_only else {}
    return ResponseFormat(fields=fields, sentence=_instruction(schema), json_output=True)


def _wanted(request: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    new = mapping(mapping(request.get("output_config")).get("format"))
    return (new, "output_config.format") if new else (mapping(request.get("output_format")), "output_format")


def _schema_format(wanted: Mapping[str, Any], dialect: Dialect, notes: Notes, path: str) -> dict[str, Any]:
    schema = clean_schema(wanted["schema"], dialect, notes, f"{path}.schema")
    named: dict[str, Any] = {"name": legal_name(text(wanted.get("name")) or "output"), "schema": schema}
    if dialect.strict_flag:
        named["strict"] = fits_strict(schema)
        if not named["strict"]:
            notes.add("format-weakened", path, "the schema does not fit strict mode")
    return {"type": "json_schema", "json_schema": named}


def _instruction(schema: Mapping[str, Any]) -> str:
    words = "Answer with JSON only: no other text and no code fence. The JSON must fit this JSON Schema:"
    return f"{words}\n{_encode(schema).decode()}"
