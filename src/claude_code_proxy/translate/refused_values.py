"""Numbers a backend refuses: an output limit under another name or out of bounds, a temperature it does not take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .bounds import read_bounds
from .dialect import Dialect
from .failure_kinds import room_of
from .output_limit import NAMES, OUTPUT, read_output_floor, read_output_limit
from .refusal import Passing, Refusal

Facts = Mapping[str, Any]

_SAMPLING = ("temperature", "top_p", "top_k")
_RENAMED = r"instead|\buse\b|no longer|renamed|replaced|deprecated|moved"
_FIXED = (
    r"only (?:the default )?\(?-?\d[\d.]*\)? (?:is|are)\b"
    r"|only (?:{name}\W{{0,3}}\d|the default|supports?|accepts?|allows?|be)\b"
    r"|(?:must|should|may only|can only|has to|needs to) (?:be|equal) (?:(?:set|equal) to |exactly )?"
    r"-?\d[\d.]*(?! ?(?:and|to|or|-|<))\b|fixed|locked"
    r"|requires? (?:a )?[`'\"]?{name}[`'\"]?(?: to be| to equal| of| set to|:| ?=)* ?-?\d"
    r"|expected [`'\"]?{name}[`'\"]?(?: to (?:be|equal)| of|:| ?=)? ?-?\d|{name}\W{{1,3}}expected -?\d"
    r"|\binvalid (?:value (?:for|of) )?[`'\"]?{name}"
)
_BOTH = r"\bboth\b|\bone of\b|mutually exclusive|either|together|at the same time"
_TOO_LARGE = r"too (?:large|high|big|great)|exceed|above|out of range|invalid"
_BESIDE = r"thinking|budget|context|prompt|input|account|positive|integer"
_STEPS = (32_768, 8192, 4096, 1024)
"""Output limits of models, tried in turn where one was too much and nobody says what is not."""
_LEAST_ROOM = 1024  # tokens of output that are worth asking for under a limit of tokens per minute


def output_limit(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """`max_tokens` under another name, or beyond a bound."""
    if not (refusal.mentions(*NAMES) or OUTPUT.search(refusal.words)):
        return None
    field = dialect.max_tokens_field
    sent = refusal.body.get(field)
    if not isinstance(sent, int) or not sent:
        return None
    if most := read_output_limit(refusal.words, sent) or _plain_limit(refusal, sent):
        return {"max_output": most}
    if least := read_output_floor(refusal.words, sent):
        return {"min_output": least}
    if refusal.says(_TOO_LARGE) and not refusal.says(_BESIDE) and (lower := next((n for n in _STEPS if n < sent), 0)):
        return {"max_output": lower}
    other = "max_tokens" if field == "max_completion_tokens" else "max_completion_tokens"
    named = other in refusal.words and refusal.says(_RENAMED)
    refused = refusal.says_unknown and (refusal.mentions(field) or refusal.mentions(other))
    return {"max_tokens_field": other} if named or refused else None


def _plain_limit(refusal: Refusal, sent: int) -> int:
    """Return the bound of a sentence that is about the field, whatever else it mentions (Groq: the context window)."""
    _, most = read_bounds(refusal.words).whole
    return most if refusal.field in NAMES and most < sent else 0


def minute(refusal: Refusal, _dialect: Dialect) -> Facts | None:
    """One request is more than a minute has: the output limit counts in full (Groq), so a lower one may fit.

    It holds for this request alone: the next one's prompt has another size.
    """
    over = -room_of(refusal.text)
    sent = max((value for name in NAMES if isinstance(value := refusal.body.get(name), int)), default=0)
    room = sent - over
    return Passing(room=room) if over > 0 and room >= _LEAST_ROOM else None


def both(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Temperature and top_p, of which a backend takes only one (Claude on Bedrock)."""
    pair = _SAMPLING[:2]
    if refusal.field in pair or not dialect.both_sampling or not all(name in refusal.body for name in pair):
        return None
    named = all(refusal.mentions(name) for name in pair)
    return {"both_sampling": False} if named and refusal.says(_BOTH) else None


def sampling(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A temperature, top_p or top_k out of a range, or of one fixed value."""
    sent = {name: value for name in _SAMPLING if isinstance(value := refusal.body.get(name), int | float)}
    name = next((name for name in sent if refusal.mentions(name)), "")
    if not name or name in dialect.drop:
        return None
    if refusal.says(_FIXED.format(name=name)) and not _range(refusal):
        return {"drop": sorted(dialect.drop | {name})}
    least, most = _range(refusal) or (sent[name], sent[name])
    if least <= sent[name] <= most:
        return None
    return {"ranges": {**dialect.ranges, name: [least, most]}}


def _range(refusal: Refusal) -> tuple[float, float] | None:
    return read_bounds(refusal.words).real


def lengths(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Ids of calls and lists of stops that are too long."""
    most = length_of(refusal.words)
    if not most:
        return None
    if refusal.says(r"tool_call_?id|tool_calls\S*\.id\b") and (not dialect.id_length or most < dialect.id_length):
        return {"id_length": most}
    stops = refusal.body.get("stop")
    if isinstance(stops, list) and most < len(stops) and refusal.mentions("stop"):
        return {"max_stops": most}
    return None


_LENGTH = re.compile(
    r"(?:maximum length|max(?:imum)? (?:number )?of|limit(?: is| of)?|up to"
    r"|exceed(?:s|ing)?(?: the)?(?: limit| maximum)?(?: of)?|(?:longer|more) than) (\d+)",
    re.IGNORECASE,
)
_OVER = re.compile(r"\b\d{1,6} > (\d{1,6})\b|\b(?P<most>\d{1,6}) char\w* or (?:fewer|less)", re.IGNORECASE)
_PATTERN = re.compile(r"(\[[^\]]{1,80}\])?\[[^\]]{1,80}\]\{\d{0,3},(\d{1,4})\}")  # `^[a-z_][a-z0-9_]{0,63}$`


def length_of(words: str) -> int:
    """Return how long something may be: as a sentence says, or a regular expression."""
    if pattern := _PATTERN.search(words):
        return int(pattern[2]) + bool(pattern[1])
    if over := _OVER.search(words):
        return int(over[1] or over["most"])
    _, most = read_bounds(words).whole
    found = _LENGTH.search(words)
    return most or (int(found[1]) if found else 0)
