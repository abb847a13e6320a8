"""Fireworks AI.

Source: docs.fireworks.ai/guides/reasoning (2026): `reasoning_content` both ways, efforts; langchain's table of
Fireworks efforts for DeepSeek V4 Pro (2026).
"""

from ..translate.dialect import Dialect
from .row import Models

FIREWORKS = Dialect(
    name="fireworks",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    strict_flag=False,
    tool_limit=0,
    efforts=("low", "medium", "high"),
    replay="own",
    think_tags=True,
    top_k=True,
    source="docs.fireworks.ai, 2026",
)

FIREWORKS_MODELS = (
    Models("deepseek-v[4-9]", {"efforts": ("none", "low", "medium", "high", "xhigh")}, "reference.langchain.com, 2026"),
)
