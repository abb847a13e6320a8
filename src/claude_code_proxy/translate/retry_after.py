"""When to ask again: the seconds a backend names, wherever it names them.

Header, body field, Gemini's RetryInfo or a sentence; the most exact source first. Time comes in as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping, text

LONGEST = 24 * 3600.0
"""A longer wait is a broken clock or an epoch in a field for seconds."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?)?|d(?:ays?)?)?", re.IGNORECASE
)
_DURATION = re.compile(rf"(?:{_PIECE.pattern}\s*)+", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?:try(?:ing)? again|retry(?:ing)?|wait|available again)\s+(?:in|after|for|at least)\s+(?=\d)", re.IGNORECASE
)
_HTTP_DATE = re.compile(r"\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT")
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_FIELDS = ("retry_after", "retryAfter", "retry_after_seconds", "retryDelay", "retry_delay")


def read_retry_after(
    headers: Mapping[str, str], message: str = "", error: object = None, *, now: float = 0.0
) -> float | None:
    """Return the seconds to wait, None when nobody says.

    headers: of the answer, any case; message, error: what the body says; now: seconds since 1970, for dates.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    candidates = (
        _number(lowered.get("retry-after-ms"), 0.001),
        _header(lowered.get("retry-after", ""), now),
        _from_body(error, now),
        _sentence(message),
        _reset(lowered, now),
    )
    return next((wait for wait in candidates if wait is not None), None)


def _number(value: object, unit: float = 1.0) -> float | None:
    try:
        return _sane(float(str(value)) * unit)
    except ValueError:
        return None


def _sane(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= LONGEST else None


def _header(value: str, now: float) -> float | None:
    date = _HTTP_DATE.match(value.strip())
    if date:
        return _sane(max(0.0, _epoch(date) - now)) if now else None
    return _number(value) if _number(value) is not None else _duration(value)


def _epoch(date: re.Match[str]) -> float:
    """Seconds since 1970 of an HTTP date (RFC 9110, section 5.6.7); the calendar is Gregorian and has no zones."""
    day, name, year, hour, minute, second = date.groups()
    month = _MONTHS.find(name) // 3 + 1
    shifted = int(year) - (month <= 2)  # noqa: PLR2004 - years are counted from March, so that leap days come last
    era_days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400
    days = era_days + (153 * ((month + 9) % 12) + 2) // 5 + int(day) - 719_469
    return days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second)


def _duration(value: str) -> float | None:
    """Seconds of `6m0s`, `20ms`, `3.2s`, `1 minute`; a bare number is seconds."""
    whole = _DURATION.match(value.strip())
    if whole is None:
        return None
    pieces = _PIECE.findall(whole.group())
    return _sane(sum(float(number) * _unit(unit.lower()) for number, unit in pieces))


def _unit(word: str) -> float:
    return _UNITS["ms" if word.startswith(("ms", "milli")) else word[:1] or "s"]


def _sentence(message: str) -> float | None:
    found = _SENTENCE.search(message[:4000])
    return _duration(message[found.end() : found.end() + 40]) if found else None


def _from_body(error: object, now: float) -> float | None:
    """Look into the error object: a field, Gemini's RetryInfo, headers that a gateway copied into `metadata`."""
    data = mapping(error)
    metadata = mapping(data.get("metadata"))
    places: list[Mapping[str, Any]] = [data, metadata, *(mapping(detail) for detail in items(data.get("details")))]
    for place in places:
        for field in _FIELDS:
            wait = _duration(str(place[field])) if isinstance(place.get(field), str | int | float) else None
            if wait is not None:
                return wait
    copied = {name.lower(): str(value) for name, value in mapping(metadata.get("headers")).items()}
    return _header(copied.get("retry-after", ""), now) if "retry-after" in copied else _reset(copied, now)


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """Take the reset of the limit that is used up; of several, or when none says so, the latest."""
    waits: dict[str, float] = {}
    for name, value in headers.items():
        if "ratelimit" in name and "reset" in name:
            wait = _until(text(value), now)
            if wait is not None:
                waits[name] = wait
    used_up = [wait for name, wait in waits.items() if headers.get(name.replace("reset", "remaining")) == "0"]
    return max(used_up or waits.values(), default=None)


def _until(value: str, now: float) -> float | None:
    """Read a reset: a duration, or a moment in seconds or milliseconds since 1970."""
    try:
        moment = float(value)
    except ValueError:
        return _duration(value)
    if moment <= LONGEST:
        return _sane(moment)
    seconds = moment / 1000 if moment > 1e11 else moment  # noqa: PLR2004 - seconds pass this in the year 5138
    return _sane(max(0.0, seconds - now)) if now else None
