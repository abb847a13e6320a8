"""JSON schemas as we write them ourselves, for tools that have none of their own."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def object_of(required: str = "", /, **properties: Schema) -> Schema:
    """Return an object's schema. required: names with blanks between; `from_` is the property `from`."""
    return {
        "type": "object",
        "properties": {name.rstrip("_"): schema for name, schema in properties.items()},
        "required": required.split(),
    }


def string(description: str, **more: Any) -> Schema:
    """Return a text's schema."""
    return {"type": "string", "description": description, **more}


def integer(description: str) -> Schema:
    """Return a whole number's schema."""
    return {"type": "integer", "description": description}
