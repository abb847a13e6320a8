"""Schemas a backend refuses: which keywords, references or forms its grammar or its validator does not know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping
from .dialect import Dialect
from .refusal import Refusal

_KEYWORDS = frozenset(
    [
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "patternProperties",
        "additionalProperties",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "then",
        "else",
        "not",
        "const",
        "default",
        "examples",
        "title",
        "$schema",
        "$id",
        "$comment",
        "$anchor",
        "prefixItems",
        "unevaluatedProperties",
        "unevaluatedItems",
        "readOnly",
        "writeOnly",
        "deprecated",
        "contentEncoding",
        "contentMediaType",
        "enumDescriptions",
        "oneOf",
        "anyOf",
        "allOf",
    ]
)
_OF_SCHEMAS = r"schema|parameters|function|tool|unknown name|keyword|\b(?:any|one|all)_?of\b"
_WORD = re.compile(r"(?<![\w$-])[$a-z][A-Za-z]*(?![\w-])")

# Where a word that is common in sentences (`if`, `not`, `format`) is a keyword all the same: in quotes, at the end of a
# place, in a list behind what announces keywords, and where it is what is refused.
_QUOTED = re.compile(r"[`'\"]([$\w]+)[`'\"]|[.\]/]([$\w]+)(?=[`'\"\s:,;)]|\.?$)")
_LISTS = re.compile(
    r"(?:keyword\(s\)|keywords?|key words?|constraints?|unknown name"
    r"|unsupported (?:schema )?(?:propert\w+|attributes?|fields?))"
    r"(?: (?:is|are) not (?:supported|allowed|permitted))?[:=]? ?[\[(]?"
    r"((?:[`'\"]?[$a-z]\w*[`'\"]?(?:, ?(?:and |or )?| and | or |/|(?=\W|$)))+)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:^|[:;,.] |schema |property |field |attribute |support |supported: |the )[`'\"]?([$a-z]\w*)[`'\"]?"
    r"(?= (?:keyword )?(?:is|are) (?:not|un)| keyword|$|\.$| in (?:tool|schema|the))"
)
_VALUED = re.compile(
    r"\b(format|pattern) [`'\"][^`'\"]{1,80}[`'\"] (?:is|are) (?:not|un)"
    r"|[`'\"] (?:is|are) not (?:a |an )?(?:valid|supported|known|allowed|permitted) (?P<kind>format|pattern)\b"
)
_PROPERTY = re.compile(r"\bproperties(?:['\"], ['\"]|[.\]\[/]+['\"]?)\w+")
"""The place of a property: its name is the client's, and may be that of a keyword."""

_UNROLLED = frozenset({"minLength", "maxLength", "minItems", "maxItems", "object:empty"})
"""What makes a grammar too large, or empty where it may not be (llama.cpp)."""
_UNREAD = frozenset({"not", "prefixItems", "type:none", "ref:root"})
"""What llama.cpp's converter of schemas does not read."""
_TEXTUAL = frozenset({"pattern", "format"})
"""What becomes a regular expression in a grammar."""


def refused_schema(refusal: Refusal, dialect: Dialect) -> Mapping[str, Any] | None:
    """Keywords of tool schemas a backend's grammar or proto does not know."""
    if not (refusal.body.get("tools") or refusal.body.get("response_format")):
        return None
    if form := _form(refusal, dialect):
        return _dropped(form, dialect)
    if not dialect.object_root and refusal.says(r"(?:one|any|all)Of.*(?:top.level|root)"):
        return {"object_root": True}
    if refusal.says(r"\$ref|\$defs") and not dialect.inline_refs:
        return {"inline_refs": True}
    if not re.search(_OF_SCHEMAS, refusal.text + refusal.param, re.IGNORECASE):
        return None
    if dialect.strict_flag and _is_strict(refusal.body) and refusal.says("is required to be supplied|strict mode"):
        return {"strict_flag": False}
    named = _named(refusal.text) & _KEYWORDS
    if "strict" in refusal.text and dialect.strict_flag and not named:
        return {"strict_flag": False}
    return _dropped(named, dialect)


def _form(refusal: Refusal, dialect: Dialect) -> frozenset[str]:
    """Return what to leave out where a grammar could not be made, and nobody says why: the likeliest first."""
    said = (
        (r"grammar|regex|invalid pattern|pattern must", _TEXTUAL),
        (r"grammar", _UNROLLED),
        (r"unrecognized schema|schema conversion failed|json schema error", _UNREAD),
    )
    fresh = (words for pattern, words in said if refusal.says(pattern) and not dialect.drop_schema_keywords >= words)
    return next(fresh, frozenset())


def _named(text: str) -> set[str]:
    """Return the words of a sentence that may be names of keywords."""
    text = re.sub(r"\b(any|one|all)_of\b", r"\1Of", _PROPERTY.sub(" ", text))  # as Gemini names them
    plain = {word for word in _WORD.findall(text) if not word.islower()}
    quoted = {word for found in _QUOTED.findall(text) for word in found if word}
    listed = {word for names in _LISTS.findall(text) for word in _WORD.findall(names)}
    valued = {before or behind for before, behind in _VALUED.findall(text)}
    return plain | quoted | listed | valued | {*_SUBJECT.findall(text)}


def _dropped(words: frozenset[str] | set[str], dialect: Dialect) -> Mapping[str, Any] | None:
    fresh = words - dialect.drop_schema_keywords
    return {"drop_schema_keywords": sorted(dialect.drop_schema_keywords | fresh)} if fresh else None


def _is_strict(body: Mapping[str, Any]) -> bool:
    functions = (mapping(mapping(tool).get("function")) for tool in items(body.get("tools")))
    form = mapping(mapping(body.get("response_format")).get("json_schema"))
    return form.get("strict") is True or any(function.get("strict") is True for function in functions)
