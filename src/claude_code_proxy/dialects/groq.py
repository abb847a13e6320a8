"""Groq.

Sources: types of the groq SDK as read for the translation reference, 3.7 (2026-11-22); console.groq.com's changelog
(2025-06): `reasoning` on assistant messages, only for Qwen 3; its page on reasoning by way of pydantic-ai (2026):
words for gpt-oss, `none` and `default` for Qwen 3. response_format: its page on structured outputs (2026) has strict
schemas for gpt-oss, all else changes with the models and gets json_object; it is refused beside tools (vercel/ai#16540,
2026-07: `json mode cannot be combined with tool/function calling`) and in streams (langchain-ai/langchain#23629).
"""

from ..translate.dialect import Dialect
from .row import Models

GROQ = Dialect(
    name="groq",
    system_in_place=False,
    merges_user_turns=True,
    strict_flag=False,
    efforts=(),
    json_schema="json_object",
    format_whole=True,
    with_tools={"json_schema": "none"},
    source="groq SDK via translation reference 3.7, 2026-11-22",
)

GROQ_MODELS = (
    Models(
        "gpt-oss",
        {
            "efforts": ("low", "medium", "high"),
            "json_schema": "json_schema",
            "strict_flag": True,
            "with_tools": {"json_schema": "none", "strict_flag": False},
        },
        "console.groq.com, 2026",
    ),
    Models(
        "qwen-?3",
        {
            "thinking_on": {"reasoning_effort": "default"},
            "thinking_off": {"reasoning_effort": "none"},
            "replay": "own",
            "extra_body": {"reasoning_format": "parsed"},  # `raw` is refused beside tools
        },
        "console.groq.com changelog, 2025-06",
    ),
)
