"""The bounds a sentence names: `between 0 and 0.4`, `[1, 8192]`, `from 1 (inclusive) to 2049 (exclusive)`.

Which parameter they bound is the caller's to know. Words of backends: the issues of their users, 2023 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_STEP = 0.01  # how far inside of an open end a sampling parameter is put

_N = r"[`'\"(]{0,2}((?<!\d)-?\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e-?\d+)?)(?![\d\w])[`'\")]{0,2}"
_NUMBER = re.compile(r"(?<![\w.-])(\d{1,3}(?:[,_]\d{3})+|\d+)(?![\w-]|\.\d)")
_THOUSANDS = re.compile(r"(?<![\w.-])(\d{1,4})(\.\d)? ?[kK]\b(?!i?B)")
_ASIDE = re.compile(
    r"\b(?:code|status|error|id|line|column|position|index)\W{0,3}\d+"
    r"|\b\w[\w.]{0,60}-[\w.-]{0,60}:\d+"
    r"|\b[45]\d\d(?=:| (?:bad|client|server|unprocessable|payload|internal|request)\b)",
    re.IGNORECASE,
)
"""Numbers that gateways put around a sentence: statuses, codes, places, tags of models."""


class Bounds(NamedTuple):
    """What a value may be; None: nobody said. open_least, open_most: the end itself is outside."""

    least: float | None = None
    most: float | None = None
    open_least: bool = False
    open_most: bool = False

    @property
    def whole(self) -> tuple[int, int]:
        """The bounds of a count of tokens, 0 where there is none."""
        least = 0 if self.least is None else int(self.least) + self.open_least
        most = 0 if self.most is None else int(self.most) - self.open_most
        return least, max(0, most)

    @property
    def real(self) -> tuple[float, float] | None:
        """A closed range within the bounds; None where they leave none, or bound nothing."""
        if self.least is None and self.most is None:
            return None
        least = (0.0 if self.least is None else self.least) + _STEP * self.open_least
        most = (1.0 if self.most is None else self.most) - _STEP * self.open_most
        return (round(least, 6), round(most, 6)) if least <= most else None


_BOTH = (
    (
        rf"(?:between|from|in the range(?: of)?|range(?: is| of|:)?) {_N}( \((?:inclusive|exclusive)\))?"
        rf" ?(?:and|to|-|\u2013|\.\.\.?) ?{_N}( \((?:inclusive|exclusive)\))?"
    ),
    rf"([\[(]) ?{_N}, ?{_N} ?([\])])",
    rf"{_N} (<=?|≤) [`'\"]?[a-z]\w*[`'\"]? (<=?|≤) {_N}",
)
_MOST = (
    r"less than or equal to|at most|no(?:t be)? (?:more|greater|larger|higher) than|<=|≤"
    r"|maximum(?: \w+){0,4}? (?:is|of|value)|max(?:imum)?:?(?= \d)"
    r"|up to|(?:cannot|can't|must not|may not|should not|not) exceed|limit(?:ed)?(?: is| of| to|:)?"
    r"|>(?= \d+, which is the max)"
)
_BELOW = r"less than|smaller than|shorter than|lower than|below|(?:be|and) <"
_LEAST = (
    r"greater than or equal to|at least|minimum(?: value)?(?: is| of)?|>=|≥|no(?:t be)? (?:less|smaller|lower) than"
)
_ABOVE = r"(?:greater|larger|higher|more) than|strictly above|be >"
_ONE = tuple(
    (side, is_open, re.compile(rf"(?:{words})\D{{0,12}}?{_N}", re.IGNORECASE))
    for side, is_open, words in (
        ("most", False, _MOST),
        ("least", False, _LEAST),
        ("most", True, rf"(?<!not )(?<!not be )(?<!no )(?:{_BELOW})(?! or equal)(?!=)"),
        ("least", True, rf"(?<!not )(?<!not be )(?<!no )(?:{_ABOVE})(?! or equal)(?!=)"),
    )
)
_PAIRS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _BOTH)
_POSITIVE = re.compile(r"(?:strictly|must be(?: a)?) positive|must be non-?zero", re.IGNORECASE)


def read_bounds(text: str) -> Bounds:
    """Return the bounds a sentence names; a pair before single ones."""
    text = _spelled(text)
    found = next(_pairs(text), None)
    if found is not None:
        return found
    said: dict[str, float | bool] = {}
    for side, is_open, pattern in _ONE:
        match = pattern.search(text)
        if match and side not in said:
            said |= {side: _value(match[1]), f"open_{side}": is_open}
    if "least" not in said and _POSITIVE.search(text):
        said |= {"least": 0.0, "open_least": True}
    return Bounds(**said)  # type: ignore[arg-type]


def numbers(text: str) -> list[int]:
    """Return the whole numbers of a sentence that stand alone: none of a name, a version or a fraction."""
    said = _NUMBER.findall(_ASIDE.sub(" ", _spelled(text)))
    return [int(re.sub(r"[,_]", "", number)) for number in said if len(number) < 13]  # noqa: PLR2004


def _spelled(text: str) -> str:
    """Return the text with `8k` as 8000: the smaller of what it may mean is safe as a limit."""
    return _THOUSANDS.sub(lambda found: str(round(float(found[1] + (found[2] or "")) * 1000)), text)


def _pairs(text: str) -> Iterator[Bounds]:
    words, brackets, signs = (pattern.search(text) for pattern in _PAIRS)
    if words:
        low, low_end, high, high_end = words.groups()
        yield Bounds(_value(low), _value(high), "exclusive" in (low_end or ""), "exclusive" in (high_end or ""))
    if brackets:
        opens, low, high, closes = brackets.groups()
        yield Bounds(_value(low), _value(high), opens == "(", closes == ")")
    if signs:
        low, before, after, high = signs.groups()
        yield Bounds(_value(low), _value(high), before == "<", after == "<")


def _value(number: str) -> float:
    return float(re.sub(r"[,_]", "", number))
