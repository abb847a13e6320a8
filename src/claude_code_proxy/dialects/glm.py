"""GLM (Z.ai, Zhipu).

Sources: docs.z.ai as read for the translation reference, 3.13 (2026-11-22); its page on deep thinking by way of
charmbracelet/catwalk#603 (2026-09), theopenco/llmgateway#3049 (2026-07) and can1357/oh-my-pi#2833 (2026-06):
efforts begin with 5.2, and 5.3 always thinks and takes no other word than low, high and max. java.agentscope.io on
GLM (2026): only tool_choice auto, no `strict`; `tool_stream` sends the arguments of calls in pieces. Some
deployments are said to refuse stream_options [2]; other clients send it to both public hosts, and without it there
may be no token counts. A prompt beyond the window is refused (code 1261) or cut in silence: translation reference, 6.3
[K], 2026-11-22.
"""

from ..translate.dialect import Dialect
from .row import Models

GLM = Dialect(
    name="glm",
    max_tokens_field="max_tokens",
    system_in_place=False,
    empty_tool_content=" ",
    tool_choices=frozenset({"auto"}),
    parallel_flag=False,
    strict_flag=False,
    efforts=(),
    thinking_on={"thinking": {"type": "enabled", "clear_thinking": False}},
    thinking_off={"thinking": {"type": "disabled"}},
    replay="reasoning_content",
    json_schema="json_object",
    truncates=True,
    with_tools={"extra_body": {"tool_stream": True}},
    source="docs.z.ai via translation reference 3.13, 2026-11-22",
)

GLM_MODELS = (
    Models("glm-5\\.[3-9]", {"efforts": ("low", "high", "max"), "thinking_off": {}}, "catwalk#603, 2026-09"),
    Models("glm-5\\.2", {"efforts": ("high", "max")}, "llmgateway#3049, 2026-07"),
    Models("glm-4(?:\\.5|-|v|$)", {"with_tools": {}}, "docs.z.ai: tool_stream since 4.6, 2026-11-22"),
)
