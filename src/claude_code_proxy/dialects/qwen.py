"""Qwen at Alibaba's DashScope (Model Studio), compatible mode.

Sources: alibabacloud.com on deep thinking (2026-07) and translation reference 3.15 (2026-11-22): `enable_thinking`
and `thinking_budget` in the body, some open models answer only in streams; recorded streams (2026-02):
`reasoning_content`, ids of calls only on the first fragment. No `file` parts (pydantic-ai, 2026). Unverified [K]
and the milder form: no forced choice while it thinks, no `required`.
"""

from collections.abc import Mapping
from typing import Any

from ..translate.dialect import Dialect
from .row import Models

QWEN = Dialect(
    name="qwen",
    max_tokens_field="max_tokens",
    system_in_place=False,
    tool_choices=frozenset({"auto", "none", "named"}),
    strict_flag=False,
    tool_limit=0,
    efforts=(),
    thinking_on={"enable_thinking": True},
    thinking_off={"enable_thinking": False},
    budget_path=("thinking_budget",),
    replay="own",
    top_k=True,
    with_forced_tool={"thinking_on": {}, "budget_path": (), "extra_body": {"enable_thinking": False}},
    source="alibabacloud.com, 2026-07; translation reference 3.15",
)

_ALWAYS: Mapping[str, Any] = {
    "thinking_on": {},
    "thinking_off": {},
    "budget_path": (),
    "stream_only": True,
    "with_forced_tool": {},
}
_NEVER: Mapping[str, Any] = {"thinking_on": {}, "thinking_off": {}, "budget_path": (), "with_forced_tool": {}}

QWEN_MODELS = (
    Models("qwq|qvq|qwen3-[^/]*-thinking", _ALWAYS, "alibabacloud.com, 2026-07"),
    Models("qwen[12]|qwen3-coder|qwen3-[^/]*-instruct", _NEVER, "alibabacloud.com, 2026-07"),
    Models("qwen3-\\d+b|qwen3-\\d+\\.\\d+b", {"stream_only": True}, "translation reference 3.15, 2026-11-22"),
)
