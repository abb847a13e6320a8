"""What tokens cost, as model lists say it: OpenRouter's `pricing`, US dollars for one token, as text. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ..translate.deltas import Usage

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


def cost_of(price: Price | None, usage: Usage) -> float | None:
    """Return the dollars for the tokens of an answer, None where no price is known."""
    if price is None:
        return None
    prompt = (
        usage.input_tokens * price.prompt + usage.cache_write * price.cache_write + usage.cache_read * price.cache_read
    )
    return prompt + usage.output_tokens * price.output + price.call


def _dollars(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if not isinstance(value, bool) and math.isfinite(number) and 0 <= number <= _DEAREST else None
