"""Any OpenAI-compatible server we know nothing else of: the fields nearly all of them take, and the mildest forms.

What a server refuses all the same is learned from its answer; what a model needs is known by its name
(families.py).

Sources: the matrix of backends in the translation reference, section 3.1 (2026-11-22). System messages in
mid-conversation: chat templates of Qwen 3.5 to 3.8 and Gemma 3 refuse them with 400 or 500
(vllm-project/vllm#41114, 2026-04; ggml-org/llama.cpp#27367, 2026-08), and Claude Code sends some.
"""

from ..translate.dialect import Dialect

GENERIC = Dialect(
    name="generic",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,  # some templates refuse two user turns in a row (Gemma 3, older Mistral)
    efforts=("low", "medium", "high"),
    efforts_known=False,
    strict_flag=False,
    think_tags=True,
    think_unparsed=True,
    replay="own",
    text_tools=True,
    source="translation reference 3.1; vllm#41114, 2026-11-22",
)
