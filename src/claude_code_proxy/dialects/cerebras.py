"""Cerebras.

Sources: inference-docs.cerebras.ai on unsupported fields and on reasoning, by way of pydantic-ai (2026): no
`parallel_tool_calls`, GLM wants its reasoning back in <think> tags, gpt-oss can't be switched off; recorded streams
(2026-05): `reasoning`. mohdel 0.102.0 (2026-05): `disable_reasoning` ends in 2026-07, `reasoning_effort: none` is
its heir.
"""

from ..translate.dialect import Dialect
from .row import Models

CEREBRAS = Dialect(
    name="cerebras",
    system_in_place=False,
    merges_user_turns=True,
    parallel_flag=False,
    strict_flag=False,
    efforts=(),
    replay="own",
    think_tags=True,
    source="inference-docs.cerebras.ai via pydantic-ai, 2026",
)

CEREBRAS_MODELS = (
    Models("gpt-oss", {"efforts": ("low", "medium", "high")}, "pydantic-ai, 2026"),
    Models("glm", {"efforts": ("none",), "replay": "think_tag"}, "inference-docs.cerebras.ai, 2026; mohdel 0.102.0"),
)
