"""A backend's 400 or 422, and what can be asked of its words: which field it names, and how it refuses it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import structs

UNKNOWN = re.compile(
    r"unsupported|not supported|unrecognized|unrecognised|unknown|unexpected|extra inputs|extra_forbidden"
    r"|not permitted|not allowed|(?:does|do|did) not support|(?:does|do)n't support|(?:is|are) (?:not |un)available"
    r"|not (?:configurable|adjustable|customi[sz]able|changeable|modifiable|tunable)|is disabled"
    r"|cannot be (?:changed|modified|altered|adjusted|configured|overridden)"
    r"|can(?:not|'t) (?:set|change|override|configure)\b"
    r"|not implemented|only allowed (?:when|with|if)"
    r"|additional propert|invalid (?:parameter|field|argument)|no longer (?:accepted|supported)"
    r"|only the default|must be removed|incompatible|cannot be (?:set|used|specified)|is deprecated|should not be"
    r"|is not enabled|can(?:not|'t) be combined|not (?:a )?(?:valid|recognized|known|accepted)",
    re.IGNORECASE,
)
"""Words that refuse a field, whatever its value."""

_IN_A_SCHEMA = re.compile(
    r"schema for function|function_declarations|\btools[\[.]\d|\bproperties['\"]?[.,\[/]|\.parameters\b", re.IGNORECASE
)
"""The places of a tool's schema: what is named there is the client's own property, or a keyword, and no field."""
_CAMEL = re.compile(r"\b[a-z]+(?:[A-Z][a-z]*)+\b")
_NAMED = re.compile(r"[`'\"]([A-Za-z_$][\w.$\[\]-]*)[`'\"]|\bbody\.([\w.]+)")


class Passing(dict[str, Any]):
    """Facts of one request only: the fault is one of what it carries, and says nothing of the next one."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A backend's 400 or 422. text: its words; param: the parameter it names, "" for none; body: what it was sent.

    Names in camelCase (xAI, Gemini) are read as those of the fields that were sent.
    """

    text: str
    param: str
    body: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Read its words in the names of the body."""
        structs.force_setattr(self, "text", _CAMEL.sub(self._as_sent, self.text))
        structs.force_setattr(self, "param", _CAMEL.sub(self._as_sent, self.param))

    def _as_sent(self, name: re.Match[str]) -> str:
        snake = re.sub(r"(?=[A-Z])", "_", name[0]).lower()
        return snake if snake in self.body else name[0]

    @property
    def field(self) -> str:
        """The body field that `param` is in, or is."""
        return self.param.split(".")[0].split("[")[0]

    @property
    def words(self) -> str:
        """Everything it says: some put the sentence into `param` (Xiaomi)."""
        return f"{self.text} {self.param}" if " " in self.param.strip() else self.text

    @property
    def named(self) -> Iterator[str]:
        """The names it gives in quotes, or as a place in the body."""
        return (quoted or place for quoted, place in _NAMED.findall(self.text))

    @property
    def in_a_schema(self) -> bool:
        """Whether it is about a tool's schema, and not about a field of the body."""
        return bool(_IN_A_SCHEMA.search(f"{self.text} {self.param}"))

    @property
    def says_unknown(self) -> bool:
        """Whether it refuses a field, and not only what is in it."""
        return bool(UNKNOWN.search(self.words))

    def says(self, pattern: str) -> bool:
        """Whether its words have a pattern, in any case."""
        return bool(re.search(pattern, self.words, re.IGNORECASE))

    def mentions(self, *names: str) -> bool:
        """Whether it speaks of any of these fields."""
        named = {self.field, *self.named}
        return any(name in named or self.says(rf"(?a:\b{re.escape(name)}\b)") for name in names)

    def sent(self, *path: str) -> Any:
        """Return what the request had at a place, None for nothing."""
        value: Any = self.body
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value
