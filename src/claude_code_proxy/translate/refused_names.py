"""What a backend refuses of functions' names: their length, and characters that others take.

A pattern is read by its parts and never run: it comes from outside. Patterns seen: OpenAI's and Anthropic's
`^[a-zA-Z0-9_-]{1,64}$`, servers that make identifiers of names (`^[a-zA-Z_][a-zA-Z0-9_]*$`, `^[a-z_][a-z0-9_]{0,63}$`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping, text
from .dialect import Dialect
from .names import Letters, is_made_of
from .refusal import Refusal
from .refused_values import length_of

_LEAST = 12  # an alias of a name that is cut has nine characters that tell it from others
_OF_A_FUNCTION = (
    r"function\.name|(?:function|tool)(?:'s)? names?\b|\bnames? of (?:\w+ )?(?:tool|function)"
    r"|tools\W*\d+\W*(?:\w+\W+)?name\b"
    r"|function_declarations\W*\d+\W*name\b"
)
_OF_SOME_NAME = r"\bnames?\b[^.]{0,100}(?:too long|at most|characters|longer than|match pattern|hyphen|dash|underscore)"
_CLASS = re.compile(r"\[(\\w[^\]]{0,80}|[aA0-][^\]]{1,80})\](?:[*+]|\{\d{0,3},\d{0,4}\})")
_WORDS_ONLY = r"\b(?:only|must|may|can|should|consist)\b[^.]{0,60}(?:letters?|alphanumerics?|a-z)[^.]{0,60}underscores?"
_NO_DASH = (
    r"(?:hyphen|dash)(?:e?s)?\b[^.]{0,20}\bnot (?:allowed|supported|permitted|valid)"
    r"|(?:not|cannot|can't) (?:contain|include|have|use)\b[^.]{0,40}(?:hyphen|dash|[`'\"]-[`'\"])"
    r"|(?:invalid|illegal|unsupported|forbidden) character\W{1,6}-(?:\W|$)"
)
_DASH_TOO = r"(?:hyphen|dash)(?:e?s)?\b|[`'\"(]-[`'\")]"
_NARROWER = {"any": ("lower", "word"), "word": ("lower",), "lower": ()}


def names(refusal: Refusal, dialect: Dialect) -> Mapping[str, Any] | None:
    """Names of functions that are too long, or have what they may not have: they get aliases from now on."""
    if not _is_of_a_name(refusal):
        return None
    facts: dict[str, Any] = {}
    most, letters = length_of(refusal.words), _letters(refusal)
    if _LEAST <= most < dialect.name_length:
        facts["name_length"] = most
    if letters in _NARROWER[dialect.name_letters] and not all(is_made_of(name, letters) for name in _sent(refusal)):
        facts["name_letters"] = letters
    return facts or None


def _letters(refusal: Refusal) -> Letters:
    """Return what names may be made of, by a pattern or in words."""
    given = _CLASS.findall(refusal.words)
    if given:
        dash = any(one.startswith("-") or one.endswith("-") or "\\-" in one for one in given)
        capitals = any("A-Z" in one or "\\w" in one for one in given)
        return "any" if dash else "word" if capitals else "lower"
    plain = refusal.says(_WORDS_ONLY) and not refusal.says(_DASH_TOO)
    if not plain and not refusal.says(_NO_DASH):
        return "any"
    return "lower" if refusal.says(r"lower-?case") else "word"


def _sent(refusal: Refusal) -> list[str]:
    functions = (mapping(mapping(tool).get("function")) for tool in items(refusal.body.get("tools")))
    return [text(function.get("name")) for function in functions]


def _is_of_a_name(refusal: Refusal) -> bool:
    """Whether it is about functions' names: in so many words, or as the only names that were sent."""
    if refusal.says(_OF_A_FUNCTION):
        return True
    other = refusal.in_a_schema or refusal.says(r"model\W+name|json_schema|response_format|properties")
    return bool(refusal.body.get("tools")) and not other and refusal.says(_OF_SOME_NAME)
