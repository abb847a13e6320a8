"""What a backend's refusal teaches: a 400 or 422 that names a parameter, a limit or a keyword becomes a changed fact.

Pure. A repair replaces fields of the dialect (or a limit of the model) for this backend and model; it never drops what
the client said. Texts: translation reference 3 and 12, cases PA-01..PA-11, TO-01, TO-02, HI-12, HI-15, recorded errors,
and the real ones of tests/refusals.py. Numbers: `refused_values.py`; schemas: `refused_schemas.py`.
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
from .refusal import Refusal
from .refused_schemas import refused_schema
from .refused_values import both, lengths, minute, output_limit, sampling

__all__ = ["LIMITS", "PASSING", "Refusal", "apply", "read_repair"]

LIMITS = ("max_output", "window")
"""Facts of a model, not of a dialect."""
PASSING = ("room",)
"""Facts that hold for one request only."""

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
_FIELDS = frozenset(
    [
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
    ]
)
"""Fields of a body that carry no meaning a person gave: they may be left out."""
_WORDS = frozenset(("user", "metadata", "thinking", "reasoning", "store", "plugins"))
"""Fields that are words of a sentence too: they count in quotes, or behind what says that a name follows."""


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


# -- rules, the special ones first ------------------------------------------------------------------------------------


def _missing_reasoning(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """History without the reasoning the backend wants back (DeepSeek, Kimi, Gemini)."""
    if refusal.says("thought_?signature") and refusal.says("missing") and not dialect.call_signatures:
        return {"call_signatures": True, "replay_required": "with_tools"}  # a placeholder for those that are lost
    if not refusal.says("reasoning_content") or not refusal.says(
        "must be passed back|missing|required|must be (?:present|provided)"
    ):
        return None
    if dialect.replay_required == "never":
        return {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"}
    return {"replay_fallback": "disable"} if dialect.replay_fallback != "disable" else None


def _refused_reasoning(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A strict server that knows no reasoning in messages."""
    if dialect.replay == "none" or not refusal.says_unknown or "reasoning" not in refusal.text:
        return None
    mentioned = refusal.mentions("reasoning_content", "reasoning_details")
    in_message = "messages" in (refusal.text + refusal.param)
    return {"replay": "none", "replay_required": "never"} if mentioned or in_message else None


def _effort(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """An effort word, or effort at all."""
    sent = refusal.sent(*dialect.effort_path)
    if sent is None or not dialect.efforts:
        return None
    listed = _listed(refusal.words, sent)
    named = refusal.mentions(*_EFFORT_NAMES, dialect.effort_path[0]) or refusal.says(_NO_THOUGHT)
    if not named and not (len(listed) > 1 and refusal.says(rf"[`'\"]{re.escape(str(sent))}[`'\"]")):
        return None
    if refusal.says(r"\btools?\b") and refusal.body.get("tools") and not dialect.with_tools:
        none = {"extra_body": {"reasoning_effort": "none"}} if refusal.says(r"[`'\"]none[`'\"]") else {}
        return {"with_tools": {"efforts": [], **none}}
    if not listed and refusal.says(rf"\b{re.escape(str(sent))}\b"):  # this word, and nobody says which others
        listed = [effort for effort in dialect.efforts if effort not in {sent, "none"}]
    return {"efforts": listed}


def _listed(words: str, sent: object) -> list[str]:
    """Return the efforts that a sentence offers: those in quotes, else those behind what announces a list."""
    quoted: list[str] = [effort for effort in EFFORTS if re.search(rf"[`'\"]{effort}[`'\"]", words) and effort != sent]
    offer = _OFFER.search(words)
    if quoted or offer is None:
        return quoted
    offered = words[offer.end() :].lower()
    return [effort for effort in EFFORTS if re.search(rf"\b{effort}\b", offered) and effort != sent]


_EFFORT_NAMES = ("reasoning_effort", "reasoning.effort", "effort", "thinking level", "thinking_level", "thinkingLevel")
_NO_THOUGHT = (
    r"not support (?:reasoning|thinking)\b|\b(?:reasoning|thinking) (?:is|are) not (?:supported|available|enabled)"
)
_OFFER = re.compile(
    r"(?:supported|valid|allowed|accepted|available|possible|permitted)[\w ]{0,20}(?:are|is|values?|levels?|options?)\b"
    r"|one of|must be|should be|expected|\b(?:use|try)\b",
    re.IGNORECASE,
)


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
    """A model that answers in streams only (DashScope)."""
    if dialect.stream_only or refusal.body.get("stream"):
        return None
    return {"stream_only": True} if refusal.says(_STREAMS) else None


_STREAMS = (
    r"only supports? (?:the )?stream|must (?:be )?(?:set )?(?:to )?stream|stream must be|stream ?= ?false|non-?stream"
)


_SYSTEM_FIRST = (
    r"system (?:message|role|prompt)\S* (?:must|should|can only|is only|may only)[^.]*(?:begin|first|start)"
    r"|(?:unexpected|invalid) role[: ]*[`'\"]?system"
    r"|^(?=.*\brole).*(?:should be|expected one of)\W*user\W+(?:or\W+)?assistant"
)
_ROLES: tuple[tuple[str, str, object, object], ...] = (
    # what is said, the field, its value before, and after
    (r"developer", "system_role", "developer", "system"),
    (_SYSTEM_FIRST, "system_in_place", True, False),
    (r"role '?user'? after role '?tool'?|tool[^.]*followed by[^.]*assistant", "assistant_after_tool", False, True),
    (r"roles? must alternate|alternat", "merges_user_turns", False, True),
    (r"length of 9|9 characters", "id_style", "any", "mistral9"),
)  # fmt: skip
_PREFILL = (
    r"prefill|last role user or tool|last message\b[^.]{0,40}\b(?:is from|must|cannot|should)\b[^.]*(?:assistant|user)"
    r"|assistant messages? at the end|conversation must end with a user"
)


def _roles(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Roles, their order, and the ids between them."""
    if refusal.says(_PREFILL) and dialect.prefill != "none":
        return {"prefill": "none"}
    for words, field, before, after in _ROLES:
        if getattr(dialect, field) == before and refusal.says(words):
            return {field: after}
    return None


def _images(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A model without vision: the image stays in the history, so every later turn would be refused too.

    From now on a note to the model stands in its place, and a note to the client says so.
    """
    if dialect.images == "no" or not _has_images(refusal.body):
        return None
    plain = refusal.says(r"content\S* (?:: )?(?:value )?must be a string")  # Groq's models without vision
    blind = _IMAGE.search(refusal.words) and (refusal.says_unknown or _BLIND.search(refusal.words))
    return {"images": "no"} if plain or blind else None


def _has_images(body: Mapping[str, Any]) -> bool:
    contents = (mapping(message).get("content") for message in items(body.get("messages")))
    return any(mapping(part).get("type") == "image_url" for content in contents for part in items(content))


def _field(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Any other body field the backend does not take: it is left out from now on, where that loses no meaning."""
    plain = (word for word in re.findall(r"\w+", refusal.words) if word not in _WORDS)
    told = re.findall(r"(?:: |parameter |argument |field |property )(\w+)", refusal.words)
    named = [refusal.field, *refusal.named, *told, *plain]
    found = next(
        (name for name in named if name in refusal.body and name in _FIELDS and name not in dialect.drop), None
    )
    if found is None or not (refusal.param or refusal.says_unknown):
        return None
    if found == "stream_options":
        return {"stream_options": False}
    if found == "parallel_tool_calls":
        return {"parallel_flag": False}
    return {"drop": sorted(dialect.drop | {found})}


_RULES: tuple[Rule, ...] = (
    minute,
    _missing_reasoning,
    _refused_reasoning,
    _whole,
    output_limit,
    _effort,
    _tool_choice,
    _stop,
    lengths,
    _format,
    _roles,
    _images,
    both,
    sampling,
    _field,
    refused_schema,
)
_OF_A_SCHEMA: tuple[Rule, ...] = (_missing_reasoning, lengths, _format, refused_schema)
