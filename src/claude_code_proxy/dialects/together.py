"""Together AI.

Sources: docs.together.ai, quickstart of GLM-5.2 (2026): thinking is on by default and comes in `reasoning`;
translation reference 3.16 (2026-11-22): both names of the field, by model. Unverified [K]: `reasoning: {enabled}`
for models that think by default, as other clients send it; it is sent only to those.
"""

from ..translate.dialect import Dialect
from .row import Models

TOGETHER = Dialect(
    name="together",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    strict_flag=False,
    tool_limit=0,
    efforts=(),
    replay="own",
    think_tags=True,
    top_k=True,
    source="docs.together.ai, 2026; translation reference 3.16",
)

TOGETHER_MODELS = (
    Models("gpt-oss", {"efforts": ("low", "medium", "high")}, "docs.together.ai, 2026"),
    Models(
        "glm-|deepseek-v|kimi-k|qwen3\\.|minimax-m",
        {"thinking_on": {"reasoning": {"enabled": True}}, "thinking_off": {"reasoning": {"enabled": False}}},
        "docs.together.ai, 2026 [K]",
    ),
)
