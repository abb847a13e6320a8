"""LM Studio.

Sources: translation reference 3.16 and its matrix (2026-11-22), unverified [K] and the mildest forms: reasoning in
either field, by a setting; tool_choice auto, none, required. Its llama.cpp engine compiles schemas to grammars,
which can't say all of them (llamacpp.py; lmstudio-ai/lmstudio-bug-tracker#2220).
"""

from ..translate.dialect import Dialect
from .llamacpp import UNCOMPILED

LMSTUDIO = Dialect(
    name="lmstudio",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    images="data",
    tool_choices=frozenset({"auto", "none", "required"}),
    parallel_flag=False,
    strict_flag=False,
    tool_limit=0,
    id_length=0,
    drop_schema_keywords=UNCOMPILED,
    efforts=("low", "medium", "high"),
    replay="own",
    think_tags=True,
    think_unparsed=True,
    text_tools=True,
    truncates=True,
    source="translation reference 3.16 [K], 2026-11-22",
)
