"""What tokens cost, as model lists say it: OpenRouter's `pricing`, US dollars for one token, as text. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

_DEAREST = 1.0  # dollars a token: more is no price


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for one token of each kind; `call`: for a request as such."""

    prompt: float
    output: float
    cache_read: float
    cache_write: float
    call: float = 0.0


def read_price(pricing: Mapping[str, Any]) -> Price | None:
    """Return the price in a model list's `pricing`, None where it says none (OpenRouter's router says -1)."""
    prompt, output = _dollars(pricing.get("prompt")), _dollars(pricing.get("completion"))
    if prompt is None or output is None:
        return None
    read, written = _dollars(pricing.get("input_cache_read")), _dollars(pricing.get("input_cache_write"))
    return Price(
        prompt=prompt,
        output=output,
        cache_read=prompt if read is None else read,
        cache_write=prompt if written is None else written,
        call=_dollars(pricing.get("request")) or 0.0,
    )


def cost_of(price: Price | None, *, fresh: int, written: int, cached: int, output: int) -> float | None:
    """Return the dollars for so many tokens, None where no price is known."""
    if price is None:
        return None
    tokens = fresh * price.prompt + written * price.cache_write + cached * price.cache_read + output * price.output
    return tokens + price.call


def _dollars(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if not isinstance(value, bool) and math.isfinite(number) and 0 <= number <= _DEAREST else None
