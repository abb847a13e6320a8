"""One factor between the model's tokens and the tokens a client is told, for clients that believe in another window.

Claude Code knows windows by model names, not by what a gateway says, and compacts when its own count nears what it
believes in. With CONTEXT_SCALE every number it sees is stretched alike: usage, count_tokens, the text of an overflow,
the windows of /v1/models. Logs and metrics keep the true ones. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PATTERN = r"(?i:off|auto)|[0-9]{1,9}(\.[0-9]{1,6})?"
TAKES = (
    "off, auto, a factor from 0.05 to 500 such as 6.25, or the tokens of the window the client believes in, from 8000 "
    "to 10000000, such as 200000"
)

_USUAL = 200_000
_WIDE = 1_000_000
_WIDE_BETA = "context-1m"
_FACTORS = (0.05, 500.0)  # a million in a window of 2,000; 200,000 in one of four million
_WINDOWS = (8_000.0, 10_000_000.0)  # tokens
_AGENT = re.compile(r"claude-cli/(\d{1,6})\.(\d{1,6})\.(\d{1,6})")
_WIDE_SINCE = (2, 1, 330)
"""The first Claude Code measured to believe in a million tokens of most names; 2.1.197 does only for `[1m]`."""
_OLDER_FAMILY = re.compile(r"claude-(?:3|[a-z]+-4(?:-[0-6])?(?:-\d{8})?(?:$|[^\d-]))", re.IGNORECASE)


def is_sane(setting: str) -> bool:
    """Whether a setting that matches PATTERN is a word, a factor or a window that can be meant."""
    if setting.lower() in {"off", "auto"}:
        return True
    return any(low <= float(setting) <= high for low, high in (_FACTORS, _WINDOWS))


def believed_window(model: str, headers: Mapping[str, str]) -> int:
    """Return the window a client believes in, by the model's name and its own headers (measured 2026-11-22)."""
    if model.lower().endswith("[1m]") or _WIDE_BETA in headers.get("anthropic-beta", ""):
        return _WIDE
    if "claude-cli/" not in headers.get("user-agent", ""):
        return _USUAL
    agent = _AGENT.search(headers["user-agent"])
    recent = agent is not None and tuple(map(int, agent.groups())) >= _WIDE_SINCE
    return _WIDE if recent and not _OLDER_FAMILY.match(model) else _USUAL


def factor(setting: str, window: int, believed: int) -> float:
    """Return what the client's numbers are multiplied with. window: the model's, 0 where nobody knows it: then 1."""
    word = setting.lower()
    if word == "off":
        return 1.0
    number = float(believed) if word == "auto" else float(setting)
    least, most = _FACTORS
    if number <= most and word != "auto":
        return number or 1.0
    return min(most, max(least, number / window)) if window else 1.0
