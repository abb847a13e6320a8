"""DeepSeek.

Sources: api-docs.deepseek.com as read for the translation reference, 3.3 (2026-11-22); recorded answers of the API
(2026-08): `unknown variant image_url, expected text`, and `Thinking mode does not support this tool_choice` for
`required` and for a named tool, both taken with thinking disabled. response_format: `This response_format type is
unavailable now` for json_schema (pydantic-ai, 2026). Lost reasoning: once there are calls, every assistant message
of the turn needs `reasoning_content`, and a filler is taken for it (agentscope-java#3246; decolua/9router#801,
2026-04), so the model may go on thinking after a history of another model.
"""

from ..translate.dialect import Dialect

DEEPSEEK = Dialect(
    name="deepseek",
    max_tokens_field="max_tokens",
    system_in_place=False,
    images="no",
    strict_flag=False,
    efforts=("minimal", "low", "medium", "high", "xhigh", "max", "ultra"),
    thinking_on={"thinking": {"type": "enabled"}},
    thinking_off={"thinking": {"type": "disabled"}},
    replay="reasoning_content",
    replay_required="always",
    replay_fallback="space",
    json_schema="json_object",
    with_forced_tool={
        "efforts": (),
        "thinking_on": {},
        "replay_required": "never",
        "extra_body": {"thinking": {"type": "disabled"}},
    },
    source="api-docs.deepseek.com, recorded answers, 2026-08",
)
