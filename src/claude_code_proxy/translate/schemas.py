"""JSON Schemas of tools as a backend takes them: what it refuses is left out and said in words instead.

`Dialect.drop_schema_keywords` may name any keyword, and these forms of one:

    type:list     `type: ["string", "null"]` becomes `type: "string"` and `nullable: true`
    enum:other    values of an enum that are not non-empty strings
    unknown:*     keywords that are not JSON Schema's (enumDescriptions, x-...)
    type:none     a schema that says nothing of its type: it names all types
    object:empty  `properties: {}`: the object says only that it is one
    ref:root      a reference to the whole schema: the shape is named instead
    bounds:large  lengths of texts above 100 and of lists above 16, which grammars unroll
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import mapping
from .dialect import Dialect
from .notes import Notes
from .schema_closed import PLAIN, closed
from .schema_walk import Walk
from .schema_words import KNOWN

_CACHED = 1024  # schemas: Claude Code sends the same 10 to 200 with every turn

_LOOSE = (KNOWN - PLAIN) | {"unknown:*"}  # what strict mode does not know is said in words

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


class Strict(NamedTuple):
    """A schema for strict mode: as it is sent, and the one before it was closed, which tells what a null means."""

    sent: dict[str, Any]
    meant: dict[str, Any]


def strict_schema(schema: object, dialect: Dialect, notes: Notes, path: str) -> Strict | None:
    """Return `schema` as strict mode takes it, None where it says what strict mode can't."""
    unheard = Notes()
    meant = clean_schema(
        schema, dialect.but({"drop_schema_keywords": dialect.drop_schema_keywords | _LOOSE}), unheard, path
    )
    sent = closed(meant)
    if sent is None:
        return None
    for note in unheard:
        notes.add(*note)
    return Strict(sent, meant)


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
