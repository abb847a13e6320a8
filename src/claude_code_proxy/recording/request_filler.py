"""A request with all that somebody may have said covered, and the protocol left as it is. Pure.

What can hold a secret is whatever is no word of the protocol: texts, numbers and truths; names of fields nobody reads,
and all that is in them; words where the protocol knows only some; numbers where it knows none; and in the schemas of
tools everything but their form, the names of their properties and how long something may be. Every value keeps its
type and its length, so that the request is treated as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..translate.parameters import KNOWN as PARAMETERS
from ..translate.schema_words import KNOWN as SCHEMA_WORDS
from ..translate.unread import NAMES
from .filler import Filler, cover_answer, number

_MORE = (  # beside what `translate` reads
    "role content sealed ttl value keep trigger id version skills skill_id enabled defer_loading tool_id cited_text "
    "document_index document_title start_char_index end_char_index start_page_number end_page_number "
    "start_block_index end_block_index encrypted_index search_result_index citations allowed_domains blocked_domains "
    "max_uses max_content_tokens user_location city region country timezone allowed_tools tool_configuration "
    "authorization_token container mcp_servers betas inference_geo total remaining"
)
_KNOWN = NAMES | PARAMETERS | frozenset(_MORE.split())
_COUNTED = (
    "max_tokens temperature top_p top_k stream budget_tokens disable_parallel_tool_use is_error strict defer_loading "
    "eager_input_streaming enabled max_uses max_content_tokens max_characters value keep trigger clear_at_least "
    "clear_tool_inputs total remaining display_width_px display_height_px display_number enable_zoom return_code "
    "citations start_line num_lines total_lines is_file_update old_start old_lines new_start new_lines document_index "
    "start_char_index end_char_index start_page_number end_page_number start_block_index end_block_index "
    "search_result_index"
)
_NUMBERS = frozenset(_COUNTED.split())
_IDENTIFIERS = frozenset({"type", "name", "id", "tool_use_id", "tool_name", "tool_id", "media_type", "toolset_name"})
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:/@+-]{0,200}")
_WORDS: Mapping[str, frozenset[str]] = {
    "role": frozenset({"user", "assistant", "system", "developer", "tool"}),
    "effort": frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"}),
    "display": frozenset({"summarized", "omitted", "full", "visible", "hidden"}),
    "ttl": frozenset({"5m", "1h"}),
    "service_tier": frozenset({"auto", "standard_only", "default", "flex", "priority", "standard"}),
    "speed": frozenset({"fast", "standard"}),
    "clear_at": frozenset({"never", "next_user_message"}),
}
_ARGUMENTS = frozenset({"input", "input_examples"})
_SCHEMAS = frozenset({"input_schema", "schema"})

_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies"})
_FORM = frozenset({"type", "format", "required", "contentEncoding", "contentMediaType", "propertyName"})
_SAID = frozenset({"enum", "const", "default", "examples", "example"})
_BOUNDS = re.compile(r"(min|max)(Length|Items|Properties|Contains)")
_SCHEMA_NAMES = SCHEMA_WORDS | {"$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "discriminator", "strict"}
_OWN_REF = re.compile(r"#[A-Za-z0-9_/$.~%-]*")
_USUAL_SCHEMA = re.compile(r"https?://json-schema\.org/[A-Za-z0-9/#-]*")


def cover_request(request: Any, cover: Filler) -> Any:
    """Return a client's request, legal or not, with everything said in it covered."""
    if not isinstance(request, dict):
        return _all_covered(request, cover)
    covered: dict[str, Any] = {}
    for name, value in request.items():
        known = name in _KNOWN
        covered[name if known else _free(cover(name), covered)] = (
            _field(name, value, cover) if known else _all_covered(value, cover)
        )
    return covered


def _field(name: str, value: Any, cover: Filler) -> Any:
    """The value of a field the protocol knows."""
    if name in _SCHEMAS:
        return _schema(value, cover)
    if name in _ARGUMENTS:
        return _all_covered(value, cover)
    if name == "sealed":
        return cover_answer(value, cover, ("signature",))
    if name == "configs" and isinstance(value, dict):
        return {tool: cover_request(inner, cover) for tool, inner in value.items()}
    if isinstance(value, list):
        return [_field(name, inner, cover) for inner in value]
    if isinstance(value, dict):
        return cover_request(value, cover)
    if isinstance(value, str):
        return value if _is_protocol(name, value) else cover(value)
    return value if name in _NUMBERS or value is None else number(value)


def _is_protocol(name: str, value: str) -> bool:
    if name in _WORDS:
        return value in _WORDS[name]
    return name == "model" or (name in _IDENTIFIERS and _IDENTIFIER.fullmatch(value) is not None)


def _all_covered(value: Any, cover: Filler) -> Any:
    """Arguments, and what nobody reads: everything but the names that tools declare."""
    if isinstance(value, str):
        return cover(value)
    if isinstance(value, list):
        return [_all_covered(inner, cover) for inner in value]
    if not isinstance(value, dict):
        return value if value is None else number(value)
    covered: dict[str, Any] = {}
    for name, inner in value.items():
        covered[name if name in cover.declared else _free(cover(name), covered)] = _all_covered(inner, cover)
    return covered


def _schema(value: Any, cover: Filler) -> Any:
    """A JSON schema: its form stays."""
    if isinstance(value, list):
        return [_schema(inner, cover) for inner in value]
    if not isinstance(value, dict):
        return cover(value) if isinstance(value, str) else value
    covered: dict[str, Any] = {}
    for word, inner in value.items():
        known = word in _SCHEMA_NAMES or word in _NAMED or word in _FORM or word in _SAID
        covered[word if known else _free(cover(word), covered)] = (
            _keyword(word, inner, cover) if known else _all_covered(inner, cover)
        )
    return covered


def _keyword(word: str, value: Any, cover: Filler) -> Any:
    if word in _SAID:
        return _all_covered(value, cover)
    if word == "pattern":
        return ".*" if isinstance(value, str) else _all_covered(value, cover)  # letters of a pattern can't be others
    if isinstance(value, dict) and word in _NAMED:
        return {name: _of_name(inner, cover) for name, inner in value.items()}
    if isinstance(value, dict) and word == "patternProperties":
        return {f".{{{n},}}": _schema(inner, cover) for n, inner in enumerate(value.values())}
    if isinstance(value, str):
        return value if _is_form(word, value) else cover(value)
    if isinstance(value, list) and word in _FORM:
        return [inner if isinstance(inner, str) else _schema(inner, cover) for inner in value]
    if isinstance(value, bool) or value is None or not isinstance(value, (int, float)):
        return _schema(value, cover)
    return value if _BOUNDS.fullmatch(word) else number(value)


def _of_name(value: Any, cover: Filler) -> Any:
    """What is under a property's name: its schema, or the names it demands."""
    if isinstance(value, list):
        return [inner if isinstance(inner, str) else _schema(inner, cover) for inner in value]
    return _schema(value, cover)


def _is_form(word: str, value: str) -> bool:
    if word == "$ref":
        return _OWN_REF.fullmatch(value) is not None
    if word == "$schema":
        return _USUAL_SCHEMA.fullmatch(value) is not None
    return word in _FORM and _IDENTIFIER.fullmatch(value) is not None


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A covered name that is not taken: two fields of one length are two fields."""
    while name in taken:
        name += "x"
    return name
