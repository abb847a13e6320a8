"""OpenRouter: one API for the models of all. Its own mechanisms win over what a model needs elsewhere.

Sources: types of @openrouter/sdk 1.3.19 and its documents, translation reference 3.2 (2026-11-22); recorded streams
of 11 models (2026-08): `reasoning` and `reasoning_details` together, `cost` in the usage without being asked.
Search: openrouter.ai/docs/guides/features/server-tools/web-search and the `WebSearchServerToolConfig` of its SDKs
(2026-10): a tool of its own for every model, pages as `annotations`, counts in `usage.server_tool_use`; the `web`
plugin and `:online` are deprecated.
"""

from ..translate.dialect import Dialect
from .row import Models

OPENROUTER = Dialect(
    name="openrouter",
    max_tokens_field="max_tokens",
    min_output=16,  # of some providers behind it
    system_in_place=False,  # many of its models have templates that refuse it
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    effort_path=("reasoning", "effort"),
    budget_path=("reasoning", "max_tokens"),
    thinking_on={"reasoning": {"enabled": True}},
    replay="reasoning_details",
    tool_content="parts",
    tool_limit=0,  # the provider's, not its own
    id_length=0,  # reasoning_details name the call they belong to by its id
    documents="url",
    web_search="server_tool",
    cache_markers="cache_control",
    top_k=True,
    service_tier=True,
    user_field="user",
    cache_key_field="session_id",
    # middle-out would cut a long prompt in silence; an overflow the client sees is one it can compact
    extra_body={"plugins": [{"id": "context-compression", "enabled": False}]},
    truncates_without="plugins",
    source="@openrouter/sdk 1.3.19, 2026-11-22",
)

OPENROUTER_MODELS = (
    Models(
        "openai/(?!gpt-oss)",
        {"system_in_place": True, "tool_limit": 128, "id_length": 40},
        "openai SDK 3.54.0, 2026-11-22",
    ),
    Models("anthropic/", {"system_in_place": True}, "anthropic SDK 2.12.0, 2026-11-22"),
)
