"""Perplexity (Sonar): models that search the web on every request.

Sources: docs.perplexity.ai and recorded streams (2026-08): each chunk has the message so far beside its delta, the
usage and the pages it leans on; user and assistant must alternate; no tools are documented for chat completions,
and a request with tools is left to the server to judge. Unverified [K]: the efforts of the reasoning models.
"""

from ..translate.dialect import Dialect
from .row import Models

PERPLEXITY = Dialect(
    name="perplexity",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    tool_choices=frozenset(),
    parallel_flag=False,
    strict_flag=False,
    efforts=(),
    think_tags=True,
    web_search="builtin",
    stream_options=False,
    source="docs.perplexity.ai, recorded streams, 2026-08",
)

PERPLEXITY_MODELS = (
    Models(
        "sonar-deep-research|sonar-reasoning", {"efforts": ("low", "medium", "high")}, "docs.perplexity.ai [K], 2026-08"
    ),
)
