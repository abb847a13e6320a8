"""Mistral.

Sources: types of the mistralai SDK as read for the translation reference, 3.6 (2026-11-22): thinking in content
chunks, `top_k`, images in tool messages, `prefix`, `prompt_cache_key`. Efforts: docs.mistral.ai on reasoning (2026-10),
models.dev#7334 (checked live, 2026-09). Recorded exchanges (2026-08): usage comes unasked, and a user may follow a
tool; `stream_options` was answered 422 by older servers (dnakov/anon-kode#53). Unverified [K] and harmless: ids of
nine letters and digits.
"""

from ..translate.dialect import Dialect
from .row import Models

MISTRAL = Dialect(
    name="mistral",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    prefill="prefix",
    tool_content="parts",
    strict_flag=False,
    id_style="mistral9",
    efforts=(),
    top_k=True,
    replay="thinking_parts",
    stream_options=False,
    cache_key_field="prompt_cache_key",
    source="mistralai SDK via translation reference 3.6, 2026-11-22",
)

_SOURCE = "docs.mistral.ai, 2026-10"

MISTRAL_MODELS = (
    Models("mistral-small-(?:latest|4|2603)", {"efforts": ("none", "high"), "thinks": "asked"}, _SOURCE),
    Models("mistral-medium-(?:latest|3-5|3\\.5)", {"efforts": ("none", "high"), "thinks": "asked"}, _SOURCE),
    Models("mistral-large-4", {"efforts": ("none", "low", "medium", "high"), "thinks": "asked"}, _SOURCE),
    Models("zai-glm-5-3", {"efforts": ("low", "high", "max")}, "models.dev#7334, 2026-09"),
    Models("zai-glm-5-2", {"efforts": ("none", "high", "max")}, "models.dev#7334, 2026-09"),
)
