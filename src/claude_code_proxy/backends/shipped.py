"""Windows, output limits and prices of models whose maker's list tells none; what a backend says itself comes first.

Sources: windows and prices of genai-prices 0.2.3 (2026-11), which reads the makers' price pages; output limits of the
makers' model pages (2026) [K], and of Box's and Tencent Cloud's (2026-05) for gpt-5.4, DeepSeek and GLM. Only prices
that are the same for short and long prompts stand here. A model of open weights runs with any window elsewhere, so that
its line holds at its maker's alone; a closed one has its maker's window behind gateways too. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from .model_lists import ModelFacts
from .prices import Price

READ_IN = "2026-11"
"""When the table was read."""

_ANYWHERE = "generic"
_VARIANT = re.compile(r"-(?:\d{4}-\d\d-\d\d|\d{4}|latest|preview)$")


class _Row(NamedTuple):
    """Models at dialects, the maker's first.

    window, output: tokens, 0 unknown; price: dollars for a million tokens that are read, read from a cache, written.
    """

    at: tuple[str, ...]
    models: str
    window: int
    output: int = 0
    price: tuple[float, float, float] | None = None


_OPENAI = ("openai", "azure", _ANYWHERE)
_XAI = ("xai", _ANYWHERE)
_GEMINI = ("gemini", _ANYWHERE)
_M = 1_000_000

_ROWS = (
    _Row(_OPENAI, r"gpt-3\.?5-turbo", 16_385, 4096),
    _Row(_OPENAI, "gpt-4-turbo", 128_000, 4096),
    _Row(_OPENAI, "gpt-4o", 128_000, 16_384, (2.5, 1.25, 10)),
    _Row(_OPENAI, "gpt-4o-mini", 128_000, 16_384, (0.15, 0.075, 0.6)),
    _Row(_OPENAI, r"gpt-4\.1", _M, 32_768, (2, 0.5, 8)),
    _Row(_OPENAI, r"gpt-4\.1-mini", _M, 32_768, (0.4, 0.1, 1.6)),
    _Row(_OPENAI, r"gpt-4\.1-nano", _M, 32_768, (0.1, 0.025, 0.4)),
    _Row(_OPENAI, "o3", 200_000, 100_000, (2, 0.5, 8)),
    _Row(_OPENAI, "o3-mini", 200_000, 100_000, (1.1, 0.55, 4.4)),
    _Row(_OPENAI, "o4-mini", 200_000, 100_000, (1.1, 0.275, 4.4)),
    _Row(_OPENAI, "o1|o1-pro|o3-pro|codex-mini", 200_000, 100_000),
    _Row(_OPENAI, r"gpt-5|gpt-5\.1", 400_000, 128_000, (1.25, 0.125, 10)),
    _Row(_OPENAI, r"gpt-5-mini|gpt-5\.1-codex-mini", 400_000, 128_000, (0.25, 0.025, 2)),
    _Row(_OPENAI, "gpt-5-nano", 400_000, 128_000, (0.05, 0.005, 0.4)),
    _Row(_OPENAI, r"gpt-5\.2|gpt-5\.3-codex", 400_000, 128_000, (1.75, 0.175, 14)),
    _Row(_OPENAI, r"gpt-5\.4-mini", 400_000, 128_000, (0.75, 0.075, 4.5)),
    _Row(_OPENAI, r"gpt-5\.4-nano", 400_000, 128_000, (0.2, 0.02, 1.25)),
    _Row(_OPENAI, r"gpt-5-pro|gpt-5\.2-pro", 400_000),
    _Row(_OPENAI, r"gpt-5\.4(?:-pro)?", 1_050_000, 128_000),
    _Row(_OPENAI, r"gpt-5\.5(?:-pro)?", _M),
    _Row(_OPENAI, r"gpt-5\.6-(?:luna|sol|terra)|gpt-6-(?:astra|luna|sol)|gpt-6\.1-(?:sol|terra)", 1_050_000),
    _Row(("deepseek",), "deepseek-v4-flash", _M, 384_000, (0.3, 0.006, 1.2)),
    _Row(("deepseek",), "deepseek-v4-pro", _M, 384_000, (1.32, 0.044, 3.96)),
    _Row(_XAI, "grok-3", 131_072, 0, (3, 0.75, 15)),
    _Row(_XAI, "grok-3-mini", 131_072, 0, (0.3, 0.075, 0.5)),
    _Row(_XAI, "grok-4|grok-4-0709", 256_000, 0, (3, 0.75, 15)),
    _Row(_XAI, "grok-4(?:-1)?-fast-(?:non-)?reasoning", 2 * _M, 0, (0.2, 0.05, 0.5)),
    _Row(_XAI, r"grok-4\.20|grok-4\.3", _M),
    _Row(_XAI, r"grok-4\.[567]", 500_000),
    _Row(_XAI, r"grok-code-fast-1|grok-build-0\.1", 256_000),
    _Row(_GEMINI, r"gemini-2\.5-flash", 1_048_576, 65_536, (0.3, 0.03, 2.5)),
    _Row(_GEMINI, r"gemini-2\.5-flash-lite", _M, 65_536, (0.1, 0.01, 0.4)),
    _Row(_GEMINI, "gemini-3-flash", _M, 65_536, (0.5, 0.05, 3)),
    _Row(_GEMINI, r"gemini-3\.[5-8]-flash(?:-lite)?|gemini-3\.1-flash-lite", _M),
    _Row(_GEMINI, "gemini-4-argon", 1_048_576, 0, (4, 0.2, 20)),
    _Row(("kimi",), r"kimi-k2\.5", 262_144, 0, (0.6, 0.1, 3)),
    _Row(("kimi",), r"kimi-k2\.6", 262_144, 0, (0.95, 0.16, 4)),
    _Row(("kimi",), r"kimi-k2\.7-code", 262_144, 0, (0.95, 0.19, 4)),
    _Row(("kimi",), "kimi-k2-thinking(?:-turbo)?|kimi-k2-0905", 262_144),
    _Row(("kimi",), r"kimi-k3", 1_048_576, 0, (3, 0.3, 15)),
    _Row(("kimi",), r"kimi-k3\.1-pro", 1_048_576, 0, (2, 0.2, 10)),
    _Row(("glm",), r"glm-4\.[67]|glm-5(?:-turbo|\.1)?", 200_000, 128_000),
    _Row(("glm",), r"glm-5\.[23]", _M),
    _Row(("minimax",), r"minimax-m2(?:\.[157])?(?:-highspeed)?", 204_800),
)


def filled(facts: ModelFacts, dialect: str, model: str) -> ModelFacts:
    """Return what a backend says of a model, with the table's numbers where it says none. dialect: its name."""
    row = _row(dialect, model)
    if row is None or (facts.window and facts.max_output and facts.price):
        return facts
    return replace(
        facts,
        window=facts.window or row.window,
        shipped="" if facts.window else READ_IN,
        max_output=facts.max_output or row.output,
        shipped_output=not facts.max_output and bool(row.output),
        price=facts.price or (_price(row) if dialect == row.at[0] else None),
    )


@lru_cache(maxsize=1024)
def _row(dialect: str, model: str) -> _Row | None:
    bare = model.lower().rpartition("/")[2].partition(":")[0]
    name = _VARIANT.sub("", bare)
    return next(
        (row for row in _ROWS if dialect in row.at and any(re.fullmatch(row.models, one) for one in (bare, name))), None
    )


def _price(row: _Row) -> Price | None:
    if row.price is None:
        return None
    read, cached, written = (dollars / _M for dollars in row.price)
    return Price(prompt=read, output=written, cache_read=cached, cache_write=read)
