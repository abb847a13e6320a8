"""Fields of a body that a backend refuses, one or several in a sentence: they are left out where no meaning is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .dialect import Dialect
from .refusal import Refusal

Facts = Mapping[str, Any]

FIELDS = frozenset(
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
_LISTED = FIELDS | {"stop", "reasoning_effort"}
"""Fields that may stand in a list of refused ones: the proxy has its own way to do without these two."""
_WORDS = frozenset(("user", "metadata", "thinking", "reasoning", "store", "plugins"))
"""Fields that are words of a sentence too: they count in quotes, or behind what says that a name follows."""

_TOLD = re.compile(r"(?:: |parameter |argument |field |property )(\w+)")
_SUBJECT = re.compile(
    r"(?:^|[.:;] )(\w+)(?:: extra inputs"
    r"| (?:is|are) (?:not (?:allowed|permitted|supported|accepted|available|enabled|recogni[sz]ed)|un\w+)(?! to\b))"
    r"|\bnot support (\w+)(?=\W*$|[.,;]| (?:for|with|in|on)\b)",
    re.IGNORECASE,
)
_NAME = r"[`'\"]?\b[a-z]\w{0,40}\b[`'\"]?"
_LIST = re.compile(rf"{_NAME}(?:(?:[,;] ?(?:and |or )?| and | or | ?/ ?){_NAME})+", re.IGNORECASE)
_OBJECT = re.compile(r"parameters?\W{0,3}\{([^}]*)\}", re.IGNORECASE)  # LiteLLM: `{'user': 'x', 'store': False}`
_KEYS = re.compile(r"['\"]([a-z]\w*)['\"]: ", re.IGNORECASE)
_PLACES = re.compile(r"\bbody\.(\w+)[\w.]*: (?:extra|unknown|unexpected|unsupported)", re.IGNORECASE)
_PARALLEL = r"parallel (?:tool|function)[ -]?(?:call|us|execution)"


def refused_field(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Leave out the body field that is refused."""
    if not (refusal.param or refusal.says_unknown):
        return None
    if "parallel_tool_calls" in refusal.body and dialect.parallel_flag and refusal.says(_PARALLEL):
        return {"parallel_flag": False}
    plain = (word for word in re.findall(r"\w+", refusal.words) if word not in _WORDS)
    subjects = (word for found in _SUBJECT.findall(refusal.words) for word in found)
    named = [refusal.field, *refusal.named, *_TOLD.findall(refusal.words), *subjects, *plain]
    sent = (name for name in named if name in refusal.body and name in FIELDS and name not in dialect.drop)
    found = next(sent, "")
    return _without([found], dialect) if found else None


def refused_fields(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Leave out all fields that one sentence refuses, in one repair."""
    if not refusal.says_unknown or refusal.says(r"\bboth\b|\bone of\b|mutually exclusive|either"):
        return None
    lists = [re.findall(r"\w+", words) for words in _LIST.findall(refusal.words)]
    lists += [_KEYS.findall(keys) for keys in _OBJECT.findall(refusal.words)]
    named = [*_PLACES.findall(refusal.words), *(name for names in lists for name in names)]
    sent = [name for name in dict.fromkeys(named) if name in refusal.body and name in _LISTED]
    fresh = [name for name in sent if name not in dialect.drop]
    return _without(fresh, dialect) if len(fresh) > 1 else None


def _without(names: list[str], dialect: Dialect) -> Facts:
    """Return the facts that make a body without these fields."""
    own: dict[str, Facts] = {
        "stream_options": {"stream_options": False},
        "parallel_tool_calls": {"parallel_flag": False},
        "stop": {"max_stops": 0},
        "reasoning_effort": {"efforts": []},
    }
    plain = {name for name in names if name not in own}
    facts = {key: value for name in names for key, value in own.get(name, {}).items()}
    return {**facts, "drop": sorted(dialect.drop | plain)} if plain else facts
