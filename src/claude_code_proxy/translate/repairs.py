"""What a backend's refusal teaches: a 400 or 422 that names a parameter, a limit or a keyword becomes a changed fact.

Pure. A repair replaces fields of the dialect (or a limit of the model) for this backend and model; it never drops what
the client said. Texts: translation reference 3 and 12, cases PA-01..PA-11, TO-01, TO-02, HI-12, HI-15, recorded errors,
and the real ones of tests/refusals.py. Numbers: `refused_values.py`; fields: `refused_fields.py`; messages:
`refused_history.py`, `refused_content.py`; their parts: `refused_parts.py`; schemas: `refused_schemas.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_type_hints

import msgspec

from ..wire.shapes import items, mapping
from .dialect import EFFORTS, Dialect
from .refusal import Passing, Refusal
from .refused_content import refused_content
from .refused_fields import FIELDS, refused_field, refused_fields
from .refused_history import foreign_signature, missing_reasoning, refused_reasoning, roles
from .refused_names import names
from .refused_parts import broken_image, image_address, image_in_a_result, refused_file
from .refused_schemas import refused_schema
from .refused_values import both, lengths, minute, output_limit, sampling

__all__ = ["LIMITS", "Passing", "Refusal", "apply", "read_repair"]

LIMITS = ("max_output", "window")
"""Facts of a model, not of a dialect."""

Facts = Mapping[str, Any]
Rule = Callable[[Refusal, Dialect], Facts | None]

_IMAGE = re.compile(r"image|vision|multi-?modal", re.IGNORECASE)
_BLIND = re.compile(
    r"only supported (?:by|for|with)|no (?:image|vision)|text.only|expected `?text|must be (?:text|a string)"
    r"|at most 0 image"
    r"|(?:is|are) not (?:a |an )?(?:multi-?modal|vision)|cannot (?:read|process|handle|see) image"
    r"|no endpoints found that",
    re.IGNORECASE,
)


def read_repair(refusal: Refusal, dialect: Dialect) -> Facts:
    """Return the facts to change, empty when the refusal teaches nothing."""
    for rule in _OF_A_SCHEMA if refusal.in_a_schema else _RULES:
        found = rule(refusal, dialect)
        if found:
            return found
    return {}


def apply(dialect: Dialect, facts: Facts) -> Dialect:
    """Return the dialect with learned facts in place.

    Facts come from a file too: what no field has, or what its type does not allow, is left out.
    """
    known = _known(facts, _DIALECT_FIELDS)
    if "drop" in known:
        known["drop"] &= FIELDS  # messages and tools are no field a backend may refuse
    return replace(dialect, **known) if known else dialect


_TYPES = get_type_hints(Dialect)
_DIALECT_FIELDS = frozenset(_TYPES) - {"name", "source", "extra_body", "thinking_on", "thinking_off"}


def _known(facts: Facts, fields: frozenset[str]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name in fields.intersection(facts):
        with suppress(msgspec.ValidationError):
            value = msgspec.convert(facts[name], _TYPES[name])
            known[name] = _known(value, _DIALECT_FIELDS | {"extra_body"}) if name in _NESTED else value
    return known


_NESTED = ("with_tools", "with_forced_tool")  # fields that hold fields


# -- rules, the special ones first ------------------------------------------------------------------------------------


def _effort(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """An effort word, or effort at all."""
    sent = refusal.sent(*dialect.effort_path)
    listed = _listed(refusal.words, sent)
    if len(listed) > 1 and refusal.says(_ALWAYS) and (dialect.thinks != "always" or sent is not None):
        return {"efforts": listed, "efforts_known": True, "thinks": "always"}
    if sent is None and dialect.efforts and _thinks_beside_tools(refusal, dialect):
        return {"with_tools": {"efforts": [], "extra_body": {"reasoning_effort": "none"}}}
    if sent is None or not dialect.efforts:
        return None
    named = refusal.mentions(*_EFFORT_NAMES, dialect.effort_path[0]) or refusal.says(_NO_THOUGHT)
    if not named and not (len(listed) > 1 and refusal.says(rf"[`'\"]{re.escape(str(sent))}[`'\"]")):
        return None
    if refusal.says(r"\btools?\b") and refusal.body.get("tools") and not dialect.with_tools:
        none = {"extra_body": {"reasoning_effort": "none"}} if refusal.says(r"[`'\"]none[`'\"]") else {}
        return {"with_tools": {"efforts": [], **none}}
    if not listed and refusal.says(rf"\b{re.escape(str(sent))}\b"):  # this word, and nobody says which others
        listed = [effort for effort in dialect.efforts if effort not in {sent, "none"}]
    return {"efforts": listed}


def _thinks_beside_tools(refusal: Refusal, dialect: Dialect) -> bool:
    """Whether effort is refused beside tools where none was sent: the model's own is meant (gpt-5.6, litellm#34569)."""
    is_plain = dialect.effort_path == ("reasoning_effort",) and "extra_body" not in dialect.with_tools
    refused = refusal.mentions("reasoning_effort") and refusal.says(r"\btools\b")
    return is_plain and refused and bool(refusal.body.get("tools"))


def _listed(words: str, sent: object) -> list[str]:
    """Return the efforts that a sentence offers: those in quotes, else those behind what announces a list."""
    quoted: list[str] = [effort for effort in EFFORTS if re.search(rf"[`'\"]{effort}[`'\"]", words) and effort != sent]
    if quoted:
        return quoted
    offered = " ".join(_OFFER.findall(words)).lower()
    return [effort for effort in EFFORTS if re.search(rf"\b{effort}\b", offered) and effort != sent]


_EFFORT_NAMES = ("reasoning_effort", "reasoning.effort", "effort", "thinking level", "thinking_level", "thinkingLevel")
_NO_THOUGHT = (
    r"not support (?:reasoning|thinking)\b|\b(?:reasoning|thinking) (?:is|are) not (?:supported|available|enabled)"
)
_OFFER = re.compile(
    r"(?:(?:supported|valid|allowed|accepted|available|possible|permitted)[\w ]{0,20}\b(?:are|is|values?|levels?"
    r"|options?)\b|one of|must be|should be|expected|\b(?:use|try)\b)((?:(?!\.\s).)*)",
    re.IGNORECASE,
)
"""What announces a list, and the rest of its sentence: a gateway's remarks come behind it."""
_ALWAYS = r"always (?:\w+ in )?think|think\w*[^.]{0,40} cannot be (?:disabled|turned off|switched off)"


def _tool_choice(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A form of tool_choice; all forced ones where only `auto` is taken, or thought and force exclude each other."""
    sent = refusal.body.get("tool_choice")
    if sent is None or not refusal.mentions("tool_choice", "tool choice") or "requires --" in refusal.text:
        return None
    form = "named" if isinstance(sent, dict) else str(sent)
    forms = {form}
    if refusal.says(r"only\W+(?:support\w*\W+)?[`'\"]?auto|(?:must|should) be[^.]{0,20}auto|\bobject\b|thinking"):
        forms |= {"required", "named"}
    if refusal.says(r"only\W+(?:support\w*\W+)?[`'\"]?auto(?![`'\"]? ?(?:and|or|/|,))"):
        forms |= {"none"}
    if form == "auto" and refusal.says_unknown:
        forms |= {"auto", "required", "named", "none"}
    left = dialect.tool_choices - forms
    return {"tool_choices": sorted(left)} if form in dialect.tool_choices and (form != "auto" or not left) else None


def _stop(refusal: Refusal, dialect: Dialect) -> Facts | None:
    if "stop" not in refusal.body or not dialect.max_stops:
        return None
    named = refusal.says_unknown and refusal.says(r"[`'\" ]stop(?:[`'\" .:,]|$)")
    return {"max_stops": 0} if refusal.param == "stop" or named else None


def _format(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A form of answer the backend does not know, not in streams, or not beside tools; a schema may be mended first."""
    about = ("response_format", "json_schema", "structured", "response mime type", "json mode")
    if "response_format" not in refusal.body or not refusal.mentions(*about):
        return None
    if refusal.says("invalid schema|keyword") and (mended := refused_schema(refusal, dialect)):
        return mended
    if refusal.says("stream") and refusal.body.get("stream") and not dialect.format_whole:
        return {"format_whole": True}
    if refusal.says(r"\btools?\b|function call") and refusal.body.get("tools") and not dialect.with_tools:
        return {"with_tools": {"json_schema": "none"}}
    weaker = {"json_schema": "json_object", "json_object": "none"}.get(dialect.json_schema)
    return {"json_schema": weaker} if weaker else None


def _whole(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A model that answers in streams only (DashScope), or never in streams (an account OpenAI has not verified)."""
    if not refusal.body.get("stream"):
        return {"stream_only": True} if not dialect.stream_only and refusal.says(_STREAMS) else None
    if dialect.stream_only or not refusal.says(_NO_STREAMS):
        return None
    if refusal.mentions("response_format") and "response_format" in refusal.body:
        return None
    if refusal.says(r"\btools?\b|function call") and refusal.body.get("tools") and not dialect.with_tools:
        return {"with_tools": {"whole_only": True}}
    return {"whole_only": True}


_NO_STREAMS = (
    r"verified to stream|(?:does|do|did|is|are)(?: not|n't) (?:support|allow|accept)\w* streaming\b"
    r"|\bstream(?:ing)?\W?(?: \w+){0,3} (?:is|are) (?:not (?:supported|available|enabled|allowed)|disabled|unsupported)"
    r"|stream must be (?:set to )?\W?false|\bstream\W{1,3}does not support\W{1,3}true"
)
_STREAMS = (
    r"only supports? (?:the )?stream|must (?:be )?(?:set )?(?:to )?stream|stream must be|stream ?= ?false|non-?stream"
)


def _images(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A model without vision: the image stays in the history, so every later turn would be refused too.

    From now on a note to the model stands in its place, and a note to the client says so. Where an image is at fault,
    the next one may do.
    """
    if dialect.images == "no" or not _has_images(refusal.body):
        return None
    plain = refusal.says(r"content\S* (?:: )?(?:value )?must be a string")  # Groq's models without vision
    blind = _IMAGE.search(refusal.words) and (refusal.says_unknown or _BLIND.search(refusal.words))
    if not (plain or blind):
        return None
    return Passing(images="no") if not plain and broken_image(refusal) else {"images": "no"}


def _has_images(body: Mapping[str, Any]) -> bool:
    contents = (mapping(message).get("content") for message in items(body.get("messages")))
    return any(mapping(part).get("type") == "image_url" for content in contents for part in items(content))


_RULES: tuple[Rule, ...] = (
    minute,
    missing_reasoning,
    foreign_signature,
    refused_reasoning,
    _whole,
    refused_fields,
    output_limit,
    _effort,
    _tool_choice,
    _stop,
    names,
    lengths,
    _format,
    roles,
    refused_file,
    image_in_a_result,
    image_address,
    refused_content,
    _images,
    both,
    sampling,
    refused_field,
    refused_schema,
)
_OF_A_SCHEMA: tuple[Rule, ...] = (missing_reasoning, foreign_signature, names, lengths, _format, refused_schema)
