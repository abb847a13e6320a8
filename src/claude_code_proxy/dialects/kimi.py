"""Kimi (Moonshot AI).

Sources: translation reference 3.12 (2026-11-22); platform.kimi.ai on thinking effort by way of synaps-engine 0.11.0
(checked live, 2026): which models think when, their words, and that unknown fields are ignored; java.agentscope.io
on Kimi (2026): sampling is fixed for kimi-* models, K2.x takes no `required`, a named tool not while it thinks. The
message `reasoning_content is missing in assistant tool call message` (QuantumNous/new-api#3121, 2026-03).
Unverified [K] and harmless: images as `data` only, `prompt_cache_key`, json_object as the strongest format.
"""

from ..translate.dialect import Dialect
from .row import Models

KIMI = Dialect(
    name="kimi",
    max_tokens_field="max_tokens",
    system_in_place=False,
    images="data",
    tool_choices=frozenset({"auto", "none"}),
    parallel_flag=False,
    strict_flag=False,
    efforts=(),
    replay="reasoning_content",
    replay_required="with_tools",
    replay_fallback="space",
    sampling=False,
    json_schema="json_object",
    cache_key_field="prompt_cache_key",
    source="platform.kimi.ai via synaps-engine 0.11.0, 2026",
)

_LIVE = "synaps-engine 0.11.0, checked live, 2026"

KIMI_MODELS = (
    Models("moonshot-v1", {"sampling": True, "replay": "none", "replay_required": "never"}, "java.agentscope.io, 2026"),
    Models("kimi-k2\\.7", {}, _LIVE),  # thinks always, and answers 400 to `disabled`
    Models(
        "kimi-k2\\.[56]",
        {
            "thinking_on": {"thinking": {"type": "enabled", "keep": "all"}},
            "thinking_off": {"thinking": {"type": "disabled"}},
            "with_forced_tool": {
                "tool_choices": frozenset({"auto", "none", "named"}),
                "thinking_on": {},
                "replay_required": "never",
                "extra_body": {"thinking": {"type": "disabled"}},
            },
        },
        _LIVE,
    ),
    Models(
        "kimi-k[3-9]",
        {"efforts": ("low", "high", "max"), "tool_choices": frozenset({"auto", "none", "required"})},
        _LIVE,
    ),
)
