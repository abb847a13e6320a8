"""OpenAI itself, and Azure OpenAI.

Sources: types of the openai SDK 3.54.0 (2026-11-22). Efforts and sampling per model: pydantic-ai's profiles, which
say they were checked against the live API in 2026-07, openai-agents-python#2089 (gpt-5.1), learn.microsoft.com on
`ReasoningEffort` (2026). Effort beside tools: chat completions refuses it for gpt-5.2 to 5.5 and wants an explicit
`none` for gpt-5.6, whose default is to think (livekit/agents#5088, 2026-03; openai/openai-openapi#541, 2026-05;
charmbracelet/crush#2913, 2026-05; BerriAI/litellm#34569, 2026-07). Of gpt-6 nobody says so, and the translation
reference sends it (4.10 A): a refusal teaches otherwise. Azure: translation reference, 3.11 (unverified
[K], all of it the milder form: the system role, which any API version takes, no cache key); no `file` parts in chat
completions (pydantic-ai, 2026); `openai.azure.us` and `openai.azure.cn` are those of national clouds [K].
"""

from collections.abc import Mapping
from typing import Any

from ..translate.dialect import Dialect
from .row import Models

OPENAI = Dialect(
    name="openai",
    system_role="developer",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    documents="file",
    obfuscation_off=True,
    user_field="safety_identifier",
    cache_key_field="prompt_cache_key",
    service_tier=True,
    extra_body={"store": False},
    source="openai SDK 3.54.0, 2026-11-22",
)

AZURE = Dialect(
    name="azure",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    user_field="user",
    auth_header="api-key",
    source="translation reference 3.11; pydantic-ai, 2026-11-22",
)

_SEARCHES: Mapping[str, Any] = {"efforts": (), "sampling": False, "web_search": "options"}
_QUIET: Mapping[str, Any] = {"efforts": (), "thinks": "never"}
_MUTE: Mapping[str, Any] = {**_QUIET, "extra_body": {"reasoning_effort": "none"}}

_CALLS = "livekit/agents#5088, 2026-03; litellm#34569, 2026-07"
_LIVE = "pydantic-ai's profiles, checked live 2026-07"


def _reasons(*efforts: str, with_tools: Mapping[str, Any] = {}, **more: Any) -> dict[str, Any]:
    """Return the fields of a reasoning model: no sampling, and the efforts it takes, with tools and without."""
    told = {"with_tools": with_tools} if with_tools else {}
    return {"max_tokens_field": "max_completion_tokens", "sampling": False, "efforts": efforts, **told, **more}


def _gpt(**marks: Any) -> tuple[Models, ...]:
    """Return OpenAI's models by name. marks: fields of those that take explicit cache breakpoints (5.6 and later)."""
    steps = ("none", "low", "medium", "high", "xhigh")
    return (
        Models(r"gpt-[\w.-]*-search", _SEARCHES, "developers.openai.com on web search; LiteLLM's documents, 2026-10"),
        Models(r"gpt-[34]|gpt-35|chatgpt-|gpt-5-chat", _QUIET, _LIVE),
        Models(r"gpt-5[.-]\d-chat", _reasons("medium"), _LIVE),
        Models(r"gpt-5-pro", _reasons("high"), "learn.microsoft.com, 2026"),
        Models(r"gpt-5[.-]1(?!\d)", _reasons(*steps[:-1]), "openai-agents-python#2089, 2025-11"),
        Models(r"gpt-5[.-][234](?!\d)", _reasons(*steps, with_tools=_QUIET), _CALLS),
        Models(r"gpt-5[.-]5(?!\d)", _reasons(*steps, with_tools=_MUTE), "charmbracelet/crush#2913, 2026-05"),
        Models(r"gpt-5[.-]\d(?!\d)", _reasons(*steps, with_tools=_MUTE, **marks), _CALLS),
        Models(r"gpt-5", _reasons("minimal", "low", "medium", "high"), _LIVE),
        Models(r"gpt-[6-9]", _reasons(*steps[1:], "max", **marks), "pydantic-ai, 2026-10"),
        Models(r"o[134](?:-mini|-pro)?(?![a-z0-9.])", _reasons("low", "medium", "high"), _LIVE),
    )


GPT = _gpt()
"""OpenAI's models, as they are behind gateways too. gpt-oss is none of them."""

_NO_FILES: Mapping[str, Any] = {"documents": "text"}
_UNSEEING = "developers.openai.com on PDF files: models with vision take them, gpt-4o and later, 2026"

OPENAI_MODELS = (
    Models(r"gpt-3|gpt-4(?![o.\d])", {**_QUIET, **_NO_FILES}, _UNSEEING),
    Models(r"o[13]-mini|o1-preview", {**_reasons("low", "medium", "high"), **_NO_FILES}, _UNSEEING),
    Models(r"gpt-oss", {"efforts": ("low", "medium", "high"), **_NO_FILES}, _UNSEEING),
    *_gpt(cache_markers="breakpoint"),
)

AZURE_MODELS = (
    # every API version takes max_tokens for these, only newer ones the other field
    Models(
        r"gpt-[34]|gpt-35", {**_QUIET, "max_tokens_field": "max_tokens"}, "translation reference 3.11 [K], 2026-11-22"
    ),
    *GPT,
    Models(
        r"gpt-oss|deepseek|grok|kimi|llama|mi[sx]tral|phi|qwen|glm|command|cohere",
        {"max_tokens_field": "max_tokens", "efforts": (), "strict_flag": False, "replay": "own", "think_tags": True},
        "translation reference 3.11 [K], 2026-11-22",
    ),
)
