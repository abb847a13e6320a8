"""MiniMax.

Sources: platform.minimax.io as read for the translation reference, 3.14 (2026-11-22): thoughts in <think> tags, to
be kept in the history as they are; java.agentscope.io on MiniMax (2026): no tool_choice, no `strict`, no
response_format, no reasoning_effort, M2.x thinks always; pydantic-ai (2026): a temperature of 0 is refused.
`reasoning_split` would bring the thoughts in a field of their own, whose text is cumulative on one host and not on the
other (MiniMax-AI/MiniMax-M2#95); the tags need no such guess, and answers with that field are read either way.
"""

from ..translate.dialect import Dialect
from .row import Models

MINIMAX = Dialect(
    name="minimax",
    system_in_place=False,
    tool_choices=frozenset(),
    parallel_flag=False,
    strict_flag=False,
    efforts=(),
    thinking_on={"thinking": {"type": "adaptive"}},
    thinking_off={"thinking": {"type": "disabled"}},
    replay="think_tag",
    think_tags=True,
    json_schema="none",
    sampling=False,
    source="platform.minimax.io via translation reference 3.14, 2026-11-22",
)

MINIMAX_MODELS = (Models("minimax-m[12]", {"thinking_on": {}, "thinking_off": {}}, "java.agentscope.io, 2026"),)
