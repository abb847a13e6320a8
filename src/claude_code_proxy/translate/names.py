"""Tool names a backend accepts.

OpenAI takes `^[A-Za-z0-9_-]{1,64}$`; MCP names get longer and models invent worse ones. An alias is a pure function
of the name, so that the same tool keeps its alias in the tool list, in tool_choice, in every later turn and on every
worker.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

Letters = Literal["any", "word", "lower"]
"""What names are made of: OpenAI's characters (any), no dash and no digit first (word), no capital either (lower)."""

_LEGAL = {
    "any": re.compile(r"[A-Za-z0-9_-]+"),
    "word": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "lower": re.compile(r"[a-z_][a-z0-9_]*"),
}
_ILLEGAL = {"any": re.compile(r"[^A-Za-z0-9_-]+"), "word": re.compile(r"[^A-Za-z0-9_]+")}
_DIGEST = 8  # hex digits: 32 bits tell apart the few hundred tools of a request


def shown(name: str, limit: int = 64) -> str:
    """Return a name a client sent as it may stand in an error or a log: short, and nothing that moves a cursor."""
    return "".join(char if char.isprintable() else "?" for char in name[:limit])


def legal_name(name: str, limit: int = 64, letters: Letters = "any") -> str:
    """Return `name` when a backend takes it as it is, else an alias: its cleaned beginning and a hash of all of it.

    Laws: the result matches `^[A-Za-z0-9_-]{1,limit}$` (limit >= 1) and is made of `letters`, equal names have equal
    aliases, names that share any number of first characters have different ones, and an alias is its own alias.
    """
    if len(name) <= limit and is_made_of(name, letters):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    # Gemini wants a letter or an underscore first; an alias is ours to choose, so it has one.
    prefix = _ILLEGAL["any" if letters == "any" else "word"].sub("_", name).strip("_-") or "tool"
    prefix = prefix.lower() if letters == "lower" else prefix
    if not prefix[0].isalpha():
        prefix = f"t_{prefix}"
    room = limit - _DIGEST - 1
    return f"{prefix[:room]}_{digest}" if room > 0 else f"t{digest}"[:limit]


def is_made_of(name: str, letters: Letters) -> bool:
    """Whether a name has no other characters, and at least one."""
    return bool(_LEGAL[letters].fullmatch(name))
