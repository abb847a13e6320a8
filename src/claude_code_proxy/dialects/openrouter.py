"""OpenRouter. Source: @openrouter/sdk 1.3.19 types and its documents (2026-11-22)."""

from ..translate.dialect import Dialect

OPENROUTER = Dialect(
    name="openrouter",
    max_tokens_field="max_tokens",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    effort_path=("reasoning", "effort"),
    budget_path=("reasoning", "max_tokens"),
    replay="reasoning_details",
    tool_content="parts",
    documents="file",
    cache_markers="cache_control",
    top_k=True,
    user_field="user",
    cache_key_field="session_id",
    # middle-out would cut a long prompt in silence; an overflow the client sees is one it can compact
    extra_body={"plugins": [{"id": "context-compression", "enabled": False}]},
    source="@openrouter/sdk 1.3.19, 2026-11-22",
)
