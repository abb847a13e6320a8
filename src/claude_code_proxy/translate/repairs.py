"""What a backend's refusal teaches: a 400 or 422 that names a parameter, a limit or a keyword becomes a changed fact.

Pure. A repair replaces fields of the dialect (or a limit of the model) for this backend and model; it never drops what
the client said. Texts: translation reference 3 and 12, cases PA-01..PA-11, TO-01, TO-02, HI-12, HI-15, recorded errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_type_hints

import msgspec

from ..wire.shapes import items, mapping
from .dialect import EFFORTS, Dialect

LIMITS = ("max_output", "window")
"""Facts of a model, not of a dialect."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A backend's 400 or 422. text: its words; param: the parameter it names, "" for none; body: what it was sent."""

    text: str
    param: str
    body: Mapping[str, Any]


Facts = Mapping[str, Any]
Rule = Callable[[Refusal, Dialect], Facts | None]

_UNKNOWN = re.compile(
    r"unsupported|not supported|unrecognized|unrecognised|unknown|unexpected|extra inputs|extra_forbidden"
    r"|not permitted|not allowed|does not support|doesn't support|do not support|is not available"
    r"|additional propert|invalid (?:parameter|field|argument)"
    r"|only the default|must be removed|incompatible|cannot be (?:set|used|specified)|is deprecated|should not be",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"image|vision|multimodal", re.IGNORECASE)
_BLIND = re.compile(
    r"only supported (?:by|for|with)|no (?:image|vision)|text.only|expected `?text|must be text", re.IGNORECASE
)
_NAMED = re.compile(r"[`'\"]([A-Za-z_$][\w.$\[\]-]*)[`'\"]|\bbody\.([\w.]+)")
_NUMBER = r"[`'\"]?(\d[\d,_]*)[`'\"]?"
_AT_MOST = re.compile(
    rf"(?:less than or equal to|at most|no more than|<=|≤|maximum(?: \w+){{0,4}}? (?:is|of|value)|up to|cannot exceed"
    rf"|must not exceed|should be \[\d+, ?)\D{{0,12}}?{_NUMBER}",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(
    rf"(?:greater than or equal to|at least|minimum(?: value)? (?:is|of)|>=|≥|no less than)\D{{0,12}}?{_NUMBER}",
    re.IGNORECASE,
)
_KEYWORDS = (
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
)
_FIELDS = frozenset(
    (
        "temperature",
        "top_p",
        "top_k",
        "stream_options",
        "parallel_tool_calls",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "session_id",
        "store",
        "service_tier",
        "plugins",
        "metadata",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "include_reasoning",
        "reasoning_format",
        "reasoning_split",
        "tool_stream",
        "thinking",
        "reasoning",
        "enable_thinking",
        "thinking_budget",
        "chat_template_kwargs",
    )
)


_UNROLLED = frozenset({"minLength", "maxLength", "minItems", "maxItems", "object:empty"})
"""What makes a grammar too large, or empty where it may not be (llama.cpp)."""
_UNREAD = frozenset({"not", "prefixItems", "type:none", "ref:root"})
"""What llama.cpp's converter of schemas does not read."""

_WORDS = frozenset(("user", "metadata", "thinking", "reasoning", "store", "plugins"))
"""Fields that are words of a sentence too: they count in quotes, or behind what says that a name follows."""


def read_repair(refusal: Refusal, dialect: Dialect) -> Facts:
    """Return the facts to change, empty when the refusal teaches nothing."""
    for rule in _RULES:
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
        known["drop"] &= _FIELDS  # messages and tools are no field a backend may refuse
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


def _mentions(refusal: Refusal, *names: str) -> bool:
    named = {refusal.param.split(".")[0].split("[")[0], *_named(refusal.text)}
    return any(name in named or re.search(rf"\b{re.escape(name)}\b", refusal.text) for name in names)


def _named(text: str) -> Iterable[str]:
    return (quoted or place for quoted, place in _NAMED.findall(text))


def _number(match: re.Match[str] | None) -> int:
    return int(re.sub(r"[,_]", "", match[1])) if match else 0


# -- rules, the special ones first ------------------------------------------------------------------------------------


def _missing_reasoning(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """History without the reasoning the backend wants back (DeepSeek, Kimi, Gemini)."""
    if "thought_signature" in refusal.text and not dialect.call_signatures:
        return {"call_signatures": True}
    wanted = re.search(r"must be passed back|is missing|missing|required", refusal.text, re.IGNORECASE)
    if "reasoning_content" not in refusal.text or not wanted:
        return None
    if dialect.replay_required == "never":
        return {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"}
    return {"replay_fallback": "disable"} if dialect.replay_fallback != "disable" else None


def _refused_reasoning(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A strict server that knows no reasoning in messages."""
    fields = ("reasoning_content", "reasoning_details", "messages")
    if dialect.replay == "none" or not _UNKNOWN.search(refusal.text):
        return None
    mentioned = "reasoning" in refusal.text and _mentions(refusal, *fields[:2])
    in_message = "reasoning" in refusal.text and "messages" in (refusal.text + refusal.param)
    return {"replay": "none", "replay_required": "never"} if mentioned or in_message else None


def _output_limit(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """`max_tokens` under another name, or beyond a bound."""
    text, other = refusal.text, {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
    field = dialect.max_tokens_field
    if not _mentions(refusal, "max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"):
        return None
    sent = refusal.body.get(field, 0)
    least, most = _number(_AT_LEAST.search(text)), _number(_AT_MOST.search(text))
    if 0 < most < sent:
        return {"max_output": most}
    if least > sent:
        return {"min_output": least}
    if _UNKNOWN.search(text) and (other[field] in text or refusal.param == field or field in text):
        return {"max_tokens_field": other[field]}
    return None


def _effort(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """An effort word, or effort at all."""
    if not dialect.efforts or not _mentions(
        refusal, "reasoning_effort", "reasoning.effort", "effort", dialect.effort_path[0]
    ):
        return None
    sent = _at(refusal.body, dialect.effort_path)
    if sent is None:
        return None
    if re.search(r"\btools?\b", refusal.text) and refusal.body.get("tools") and not dialect.with_tools:
        none = {"extra_body": {"reasoning_effort": "none"}} if re.search(r"[`'\"]none[`'\"]", refusal.text) else {}
        return {"with_tools": {"efforts": [], **none}}
    listed = [effort for effort in EFFORTS if re.search(rf"[`'\"]{effort}[`'\"]", refusal.text) and effort != sent]
    if listed:
        return {"efforts": listed}
    return {"efforts": []}


def _tool_choice(refusal: Refusal, dialect: Dialect) -> Facts | None:
    sent = refusal.body.get("tool_choice")
    if sent is None or not _mentions(refusal, "tool_choice"):
        return None
    form = "named" if isinstance(sent, dict) else str(sent)
    return {"tool_choices": sorted(dialect.tool_choices - {form})} if form in dialect.tool_choices - {"auto"} else None


def _stop(refusal: Refusal, dialect: Dialect) -> Facts | None:
    if "stop" not in refusal.body or not dialect.max_stops:
        return None
    named = _UNKNOWN.search(refusal.text) and re.search(r"[`'\" ]stop(?:[`'\" .:,]|$)", refusal.text)
    return {"max_stops": 0} if refusal.param == "stop" or named else None


def _format(refusal: Refusal, dialect: Dialect) -> Facts | None:
    if "response_format" not in refusal.body or not _mentions(refusal, "response_format", "json_schema", "structured"):
        return None
    weaker = {"json_schema": "json_object", "json_object": "none"}.get(dialect.json_schema)
    return {"json_schema": weaker} if weaker else None


def _schema(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Keywords of tool schemas a backend's grammar or proto does not know."""
    if not refusal.body.get("tools"):
        return None
    text = refusal.text
    if re.search(r"grammar|regex|invalid pattern", text, re.IGNORECASE) and not dialect.drop_schema_keywords >= {
        "pattern",
        "format",
    }:
        return {"drop_schema_keywords": sorted(dialect.drop_schema_keywords | {"pattern", "format"})}
    if re.search(r"grammar", text, re.IGNORECASE) and not dialect.drop_schema_keywords >= _UNROLLED:
        return {"drop_schema_keywords": sorted(dialect.drop_schema_keywords | _UNROLLED)}
    unread = re.search(r"unrecognized schema|schema conversion failed|json schema error", text, re.IGNORECASE)
    if unread and not dialect.drop_schema_keywords >= _UNREAD:
        return {"drop_schema_keywords": sorted(dialect.drop_schema_keywords | _UNREAD)}
    if re.search(r"\$ref|\$defs", text) and not dialect.inline_refs:
        return {"inline_refs": True}
    if not re.search(r"schema|parameters|function|tool|unknown name|keyword", text + refusal.param, re.IGNORECASE):
        return None
    named = {
        word for word in _KEYWORDS if re.search(rf"(?<![\w$]){re.escape(word)}(?!\w)", text) and _is_keyword(word, text)
    }
    if "strict" in text and dialect.strict_flag and not named:
        return {"strict_flag": False}
    fresh = named - dialect.drop_schema_keywords
    return {"drop_schema_keywords": sorted(dialect.drop_schema_keywords | fresh)} if fresh else None


def _is_keyword(word: str, text: str) -> bool:
    """Common words count only in quotes: `if`, `not`, `format` stand in ordinary sentences too."""
    return not word.islower() or bool(re.search(rf"[`'\".]{re.escape(word)}[`'\".]", text))


def _roles(refusal: Refusal, dialect: Dialect) -> Facts | None:
    text = refusal.text
    if re.search(r"developer", text) and dialect.system_role == "developer":
        return {"system_role": "system"}
    if re.search(
        r"system (?:message|role|prompt)\S* (?:must|should|can only|is only)[^.]*(?:begin|first|start)",
        text,
        re.IGNORECASE,
    ):
        return {"system_in_place": False} if dialect.system_in_place else None
    if re.search(r"role '?user'? after role '?tool'?|tool[^.]*followed by[^.]*assistant", text, re.IGNORECASE):
        return {"assistant_after_tool": True} if not dialect.assistant_after_tool else None
    if re.search(r"roles? must alternate|alternat", text, re.IGNORECASE):
        return {"merges_user_turns": True} if not dialect.merges_user_turns else None
    return None


def _images(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A model without vision: the image stays in the history, so every later turn would be refused too.

    From now on a note to the model stands in its place, and a note to the client says so.
    """
    if dialect.images == "no" or not _IMAGE.search(refusal.text) or not _has_images(refusal.body):
        return None
    return {"images": "no"} if _UNKNOWN.search(refusal.text) or _BLIND.search(refusal.text) else None


def _has_images(body: Mapping[str, Any]) -> bool:
    contents = (mapping(message).get("content") for message in items(body.get("messages")))
    return any(mapping(part).get("type") == "image_url" for content in contents for part in items(content))


def _field(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Any other body field the backend does not take: it is left out from now on, where that loses no meaning."""
    plain = (word for word in re.findall(r"\w+", refusal.text) if word not in _WORDS)
    told = re.findall(r"(?:: |parameter |argument |field )(\w+)", refusal.text)
    named = [refusal.param.split(".")[0].split("[")[0], *_named(refusal.text), *told, *plain]
    found = next(
        (name for name in named if name in refusal.body and name in _FIELDS and name not in dialect.drop), None
    )
    if found is None or not (refusal.param or _UNKNOWN.search(refusal.text)):
        return None
    if found == "stream_options":
        return {"stream_options": False}
    if found == "parallel_tool_calls":
        return {"parallel_flag": False}
    return {"drop": sorted(dialect.drop | {found})}


_RULES: tuple[Rule, ...] = (
    _missing_reasoning,
    _refused_reasoning,
    _output_limit,
    _effort,
    _tool_choice,
    _stop,
    _format,
    _roles,
    _images,
    _field,
    _schema,
)


def _at(body: Mapping[str, Any], path: tuple[str, ...]) -> object:
    value: Any = body
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
