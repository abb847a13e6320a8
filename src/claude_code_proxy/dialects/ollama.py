"""Ollama's OpenAI-compatible endpoint.

Sources: docs.ollama.com and Ollama's source as read for the translation reference, 3.8 (2026-11-22): fields it
knows, `reasoning` both ways, images only as base64, tool_choice without an effect, calls whole in one chunk.
`strict` is not supported (pydantic-ai#4116, 2026). A system message in mid-conversation is a 500 for some models
(ollama#17774, 2026-08).
"""

from ..translate.dialect import Dialect

OLLAMA = Dialect(
    name="ollama",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    images="data",
    tool_choices=frozenset({"auto"}),
    parallel_flag=False,
    strict_flag=False,
    tool_limit=0,
    id_length=0,
    efforts=("none", "low", "medium", "high"),
    replay="own",
    think_tags=True,
    text_tools=True,
    truncates=True,
    source="docs.ollama.com via translation reference 3.8, 2026-11-22",
)
