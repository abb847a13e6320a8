"""SGLang.

Sources: translation reference 3.16 and its matrix (2026-11-22), unverified [K]: reasoning_content both ways,
`choices[].matched_stop`, chat_template_kwargs as in vLLM. It refuses a prompt and a limit that together exceed the
window. System messages: QwenLM/Qwen3.8#164 (2026-05).
"""

from ..translate.dialect import Dialect
from .vllm import THINKING_OFF

SGLANG = Dialect(
    name="sglang",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    strict_flag=False,
    tool_limit=0,
    id_length=0,
    efforts=("low", "medium", "high"),
    thinking_off=THINKING_OFF,
    replay="own",
    think_tags=True,
    think_unparsed=True,
    top_k=True,
    text_tools=True,
    source="translation reference 3.16 [K], 2026-11-22",
)
