"""vLLM.

Sources: docs.vllm.ai and vLLM's source as read for the translation reference, 3.9 (2026-11-22): `reasoning` (once
`reasoning_content`) both ways, chat_template_kwargs, continue_final_message, any number of stop strings; recorded
streams of a vLLM host (2026-08) have `choices[].stop_reason`. Templates ignore a variable they don't know, so both
names of the switch are sent; Mistral's tokenizers take no variables at all. System messages:
vllm-project/vllm#41114 (2026-04).
"""

from ..translate.dialect import Dialect
from .row import Models

THINKING_OFF = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
"""`enable_thinking` is Qwen's, GLM's and Gemma's name of the switch, `thinking` DeepSeek's, Kimi's and Granite's."""

VLLM = Dialect(
    name="vllm",
    max_tokens_field="max_tokens",
    system_in_place=False,
    merges_user_turns=True,
    prefill="continue",
    strict_flag=False,
    tool_limit=0,
    id_length=0,
    efforts=("low", "medium", "high"),
    thinking_off=THINKING_OFF,
    replay="own",
    think_tags=True,
    think_unparsed=True,
    max_stops=64,
    stop_reported=True,
    top_k=True,
    text_tools=True,
    source="docs.vllm.ai via translation reference 3.9, 2026-11-22",
)

TEMPLATES = (
    Models(
        "mi[sx]tral|ministral|magistral|devstral|codestral|voxtral|pixtral",
        {"thinking_off": {}},
        "translation reference 3.9 [K], 2026-11-22",
    ),
    Models("gpt-oss", {"thinking_off": {}}, "translation reference 4.5, 2026-11-22"),
    Models(
        "deepseek-v3",  # 3.1 and later think only when told to
        {"thinking_on": {"chat_template_kwargs": {"thinking": True}}},
        "translation reference 4.5, 2026-11-22",
    ),
)
"""Models whose templates differ, at vLLM and at SGLang."""
