"""Gemini's OpenAI-compatible endpoint.

Sources: ai.google.dev as read for the translation reference, 3.5 (2026-11-22): signatures of tool calls, the value
that stands for a lost one, five stop sequences, efforts. Schemas: the parser knows no keyword outside OpenAPI's
subset and answers 400 `Unknown name` (CherryHQ/cherry-studio#20939, 2026-09; brainlid/langchain#599, 2026-07;
zendev-sh/goai#108, 2026-06; diegosouzapw/OmniRoute#13499, 2026-09). Thoughts are shown on demand, in <thought> tags;
an effort and a thinking_config are not taken together, so the level goes into the config then. Unverified [K] and
harmless: `data` images only, no `strict`, no `parallel_tool_calls`, and that 2.x models refuse a response format beside
tools.
"""

from ..translate.dialect import Dialect
from .row import Models

_REFUSED = """
    additionalProperties additionalItems unevaluatedProperties unevaluatedItems patternProperties propertyNames
    prefixItems contains minContains maxContains const default examples exclusiveMinimum exclusiveMaximum
    multipleOf uniqueItems oneOf allOf not if then else dependentRequired dependentSchemas dependencies
    deprecated readOnly writeOnly contentEncoding contentMediaType $comment format type:list enum:other unknown:*
"""

REFUSED_KEYWORDS = frozenset(_REFUSED.split())
"""What the parser of function declarations does not know, with the forms of `translate.schemas`."""

_CONFIG = ("extra_body", "google", "thinking_config")
_BUDGET = (*_CONFIG, "thinking_budget")
_SHOWN = {"thinking_on": {"extra_body": {"google": {"thinking_config": {"include_thoughts": True}}}}}
_OLDER = {"replay_required": "never", "with_tools": {"json_schema": "none"}}
_BUDGETS = {**_OLDER, "budget_path": _BUDGET, "when_visible": {**_SHOWN, "efforts": ()}}

GEMINI = Dialect(
    name="gemini",
    max_tokens_field="max_tokens",
    system_in_place=False,
    empty_tool_content=" ",
    images="data",
    parallel_flag=False,
    strict_flag=False,
    drop_schema_keywords=REFUSED_KEYWORDS,
    inline_refs=True,
    efforts=("minimal", "low", "medium", "high"),
    call_signatures=True,
    replay_required="with_tools",
    think_tags=True,
    when_visible={**_SHOWN, "effort_path": (*_CONFIG, "thinking_level")},
    max_stops=5,
    source="ai.google.dev via translation reference 3.5, 2026-11-22",
)

GEMINI_MODELS = (
    Models(
        "gemini-2\\.5-flash",
        {**_BUDGETS, "efforts": ("none", "low", "medium", "high")},
        "translation reference 3.5, 2026-11-22",
    ),
    Models(
        "gemini-2\\.5",
        {**_BUDGETS, "efforts": ("low", "medium", "high")},
        "translation reference 3.5, 2026-11-22",
    ),
    Models(
        "gemini-[12]|gemma", {**_OLDER, "efforts": (), "when_visible": {}}, "translation reference 3.5 [K], 2026-11-22"
    ),
    Models("gemini-[3-9](?:\\.\\d)?-pro", {"efforts": ("low", "medium", "high")}, "freellmapi#160, 2026-06"),
)
