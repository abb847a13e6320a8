"""What a model needs wherever it runs: known by its name, for gateways that say nothing of it.

Only needs stand here, in fields that OpenAI's clients use too; a model's own switches are its maker's and a gateway
may refuse them. Sources: the files of the makers, which see.
"""

from __future__ import annotations

from .gemini import REFUSED_KEYWORDS
from .openai import GPT
from .row import Models
from .xai import GROK

_REPLAYS = {"replay": "reasoning_content", "replay_fallback": "space"}
_GEMINI = {
    "call_signatures": True,
    "drop_schema_keywords": REFUSED_KEYWORDS,
    "inline_refs": True,
    "empty_tool_content": " ",
}


def _learning(models: Models) -> Models:
    """Leave out what only some gateways refuse: a route over the Responses API takes effort beside tools.

    One that refuses says so, and that is learned (translate/repairs.py).
    """
    fields = {name: value for name, value in models.fields.items() if name != "with_tools"}
    return Models(models.pattern, fields, models.source)


FAMILIES = (
    Models(
        "deepseek-(?:reasoner|v[4-9])",
        {**_REPLAYS, "replay_required": "always", "efforts": ("low", "medium", "high", "xhigh", "max")},
        "deepseek.py",
    ),
    Models(  # think only when told to: what they thought goes back, and nothing stands in for what they did not
        "deepseek-chat",
        {"replay": "reasoning_content", "replay_required": "with_tools"},
        "deepseek.py",
    ),
    Models(
        "kimi-k[3-9]",
        {**_REPLAYS, "replay_required": "with_tools", "sampling": False, "efforts": ("low", "high", "max")},
        "kimi.py",
    ),
    Models(
        "kimi-(?:k2[.p-]?[5-9]|k2-thinking|thinking)",
        {**_REPLAYS, "replay_required": "with_tools", "sampling": False, "efforts": ()},
        "kimi.py",
    ),
    Models("glm-5[.p][3-9]", {"efforts": ("low", "high", "max")}, "glm.py"),
    Models("minimax-m", {"efforts": (), "sampling": False}, "minimax.py"),
    Models("gemini-[3-9](?:\\.\\d)?-pro", {**_GEMINI, "efforts": ("low", "medium", "high")}, "gemini.py"),
    Models("gemini", {**_GEMINI, "efforts": ("minimal", "low", "medium", "high")}, "gemini.py"),
    Models(  # it thinks unless it is told not to, and this is how OpenAI's clients say so
        "qwen-?3(?!-coder|[^/]*-(?:instruct|thinking))|qwen-(?:plus|turbo|flash|max)",
        {"efforts": ("none", "low", "medium", "high"), "efforts_known": False},
        "translation reference 3.15 and 4.5, 2026-11-22",
    ),
    Models("gpt-oss", {"efforts": ("low", "medium", "high")}, "translation reference 4.5, 2026-11-22"),
    *(_learning(models) for models in GPT),
    *GROK,
)
