r"""llama.cpp's server.

Sources: its README as read for the translation reference, 3.10 (2026-11-22); recorded answers (2026-08): `cannot
make GET request` for an image's address, `reasoning_content` both ways. Grammars: GBNF takes no pattern with `\d`
and its like (lmstudio-ai/lmstudio-bug-tracker#2220), no large bounds and no object without properties (llama.cpp#25923,
#27087, 2026-08, with Claude Code's own tools), no schema without a type (#19716) and no `not` (#17574), no tuple
with an end and no reference to the root (its server in xllamacpp 2026.10, asked), so these go into the description or
are said otherwise. A mid-conversation system
message is a 500 with strict templates (ggml-org/llama.cpp#27367, 2026-08). An assistant message at the end is
refused while the model thinks, so a prefill becomes an instruction.
"""

from ..translate.dialect import Dialect

UNCOMPILED = frozenset({"pattern", "not", "prefixItems", "type:none", "object:empty", "ref:root", "bounds:large"})
"""What its grammars can't say, with the forms of `translate.schemas`."""

LLAMACPP = Dialect(
    name="llamacpp",
    max_tokens_field="max_tokens",
    no_output={"n_predict": 0},
    system_in_place=False,
    merges_user_turns=True,
    images="data",
    tool_choices=frozenset({"auto", "none", "required"}),
    strict_flag=False,
    tool_limit=0,
    id_length=0,
    drop_schema_keywords=UNCOMPILED,
    efforts=("none", "low", "medium", "high"),
    thinking_on={"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
    thinking_off={"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
    replay="own",
    think_tags=True,
    think_unparsed=True,
    top_k=True,
    text_tools=True,
    source="llama.cpp README via translation reference 3.10, 2026-11-22",
)
