"""Exact token counts from a real vocabulary, for those who install the extra `tokens`.

Measured (splintr-rs 0.22, CPython 3.11): loading o200k takes 45 ms and 30 MB of memory, 200 kB are counted in 7 ms,
400 kB of one character in 160 ms. The estimate needs none of it and errs by 1 to 3 % on a prompt, while backends' own
vocabularies lie up to 10 % apart: so the estimate is the default, and nothing here is imported before someone asks.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable


def load_vocabulary(name: str = "o200k_base") -> Callable[[str], int] | None:
    """Return a counter of tokens in vocabulary `name`, None where the extra or the vocabulary is not installed."""
    try:
        tokenizer = importlib.import_module("splintr").Tokenizer.from_pretrained(name)
    except Exception:  # noqa: BLE001 - a foreign library: whatever it raises, there is the estimate
        return None

    def tokens(text: str) -> int:
        return len(tokenizer.encode_ordinary(text.encode("utf-8", "replace").decode()))

    return tokens
