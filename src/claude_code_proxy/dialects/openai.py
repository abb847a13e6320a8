"""OpenAI itself, and Azure OpenAI.

Sources: types of the openai SDK 3.54.0 (2026-11-22). Efforts and sampling per model: pydantic-ai's profiles, which say
they were checked against the live API in 2026-07, openai-agents-python#2089 (gpt-5.1), learn.microsoft.com on
`ReasoningEffort` (2026). Effort beside tools: chat completions refuses it for gpt-5.2 to 5.5 and wants an explicit `none`
for gpt-5.6, whose default is to think (livekit/agents#5088, 2026-03; openai/openai-openapi#541, 2026-05;
charmbracelet/crush#2913, 2026-05; BerriAI/litellm#34569, 2026-07). Azure: translation reference, 3.11 (unverified [K],
all of it the milder form); no `file` parts in chat completions (pydantic-ai, 2026).
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
    system_role="developer",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    user_field="user",
    auth_header="api-key",
    source="translation reference 3.11; pydantic-ai, 2026-11-22",
)

_QUIET: Mapping[str, Any] = {"efforts": ()}
_MUTE: Mapping[str, Any] = {"efforts": (), "extra_body": {"reasoning_effort": "none"}}


def _reasons(*efforts: str, with_tools: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the fields of a reasoning model: no sampling, and the efforts it takes."""
    told = {"with_tools": with_tools} if with_tools is not None else {}
    return {"max_tokens_field": "max_completion_tokens", "sampling": False, "efforts": efforts, **told}


_CALLS = "livekit/agents#5088, 2026-03; litellm#34569, 2026-07"
_PROFILES = "pydantic-ai profiles, checked live 2026-07"

GPT = (
    Models("gpt-[34]|gpt-3\\.5|gpt-35|chatgpt-|gpt-5-chat", _QUIET, _PROFILES),
    Models("gpt-5\\.[1-9]-chat", _reasons("medium"), _PROFILES),
    Models("gpt-5-pro", _reasons("high"), "learn.microsoft.com, 2026"),
    Models("gpt-5(?![.\\d])", _reasons("minimal", "low", "medium", "high"), _PROFILES),
    Models("gpt-5\\.1(?!\\d)", _reasons("none", "low", "medium", "high"), "openai-agents-python#2089, 2025-11"),
    Models("gpt-5\\.[234](?!\\d)", _reasons("none", "low", "medium", "high", "xhigh", with_tools=_QUIET), _CALLS),
    Models("gpt-5\\.5(?!\\d)", _reasons("none", "low", "medium", "high", "xhigh", with_tools=_MUTE), "crush#2913, 2026-05"),
    Models("gpt-5\\.\\d+", _reasons("none", "low", "medium", "high", "xhigh", with_tools=_MUTE), _CALLS),
    Models("gpt-[6-9]", _reasons("low", "medium", "high", "xhigh", "max", with_tools=_MUTE), "pydantic-ai, 2026-10"),
    Models("o[134](?:-mini|-pro)?(?![a-z0-9.])", _reasons("low", "medium", "high"), _PROFILES),
)
"""OpenAI's models by name: true at OpenAI, at Azure and behind gateways alike. gpt-oss is none of them."""

_MARKED = {"cache_markers": "breakpoint"}

OPENAI_MODELS = tuple(
    Models(models.pattern, {**models.fields, **_MARKED}, models.source)
    if models.pattern in {"gpt-5\\.\\d+", "gpt-[6-9]"}  # explicit breakpoints came with gpt-5.6
    else models
    for models in GPT
)

AZURE_MODELS = (
    # every API version takes max_tokens for these, only newer ones the other field
    Models("gpt-[34]|gpt-3\\.5|gpt-35", {**_QUIET, "max_tokens_field": "max_tokens"}, "translation reference 3.11 [K]"),
    *GPT,
)
