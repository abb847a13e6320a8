"""Which dialect is chosen for whom, and what every record must hold."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from tests import case_folders

from claude_code_proxy.dialects import DIALECTS, FAMILIES, ROWS, Models, Row, identity_of, recognise
from claude_code_proxy.dialects.llamacpp import UNCOMPILED
from claude_code_proxy.endpoint import Backend
from claude_code_proxy.translate.dialect import EFFORTS, Dialect
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request

PUBLIC = "https://llm.example.com/v1"
ASKED = """
    openai azure openrouter xai deepseek gemini mistral groq cerebras together fireworks perplexity kimi glm minimax qwen
    ollama llamacpp lmstudio vllm sglang generic
"""


def backend(base_url: str = PUBLIC, **more: Any) -> Backend:
    return Backend(name="b", base_url=base_url, **more)


def test_every_backend_of_the_list_has_its_row() -> None:
    assert list(DIALECTS) == [row.dialect.name for row in ROWS]
    assert [name for name in DIALECTS if name in ASKED.split()] == ASKED.split()


# -- which row ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://greenhouse.openai.azure.com", "azure"),
        ("https://greenhouse.services.ai.azure.com/openai/v1", "azure"),
        ("https://greenhouse.cognitiveservices.azure.com/openai/deployments/gpt-5", "azure"),
        ("https://greenhouse.openai.azure.us/openai/v1", "azure"),
        ("https://API.OpenAI.com:443/v1", "openai"),
        ("https://api.openai.com./v1", "openai"),
        ("https://api.openai.com.evil.test/v1", "generic"),
        ("https://evil-openai.com/v1", "generic"),
        ("https://evilapi.openai.com/v1", "generic"),
        ("https://notgroq.com/openai/v1", "generic"),
        ("https://gateway.test/api.openai.com/v1", "generic"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://eu.openrouter.ai/api/v1", "openrouter"),
        ("https://coding-intl.dashscope.aliyuncs.com/v1", "qwen"),
        ("https://api.x.ai/v1", "xai"),
        ("https://api.deepseek.com", "deepseek"),
        ("https://api.deepseek.com/beta", "deepseek"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini"),
        ("https://api.mistral.ai/v1", "mistral"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.cerebras.ai/v1", "cerebras"),
        ("https://api.together.xyz/v1", "together"),
        ("https://api.together.ai/v1", "together"),
        ("https://api.fireworks.ai/inference/v1", "fireworks"),
        ("https://api.perplexity.ai", "perplexity"),
        ("https://api.moonshot.cn/v1", "kimi"),
        ("https://api.kimi.com/coding/v1", "kimi"),
        ("https://api.z.ai/api/coding/paas/v4", "glm"),
        ("https://open.bigmodel.cn/api/paas/v4", "glm"),
        ("https://api.minimaxi.com/v1", "minimax"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("https://API.DeepSeek.com", "deepseek"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://[::1]:1234/v1", "lmstudio"),
        ("http://host.docker.internal:9931/v1", "llamacpp"),
        ("http://127.0.0.1:30000/v1", "sglang"),
        ("http://localhost:8000/v1", "generic"),
        ("http://localhost:8080/v1", "generic"),
        ("https://far.example.com:11434/v1", "generic"),
        ("https://api.deepseek.com.example.org/v1", "generic"),
        ("https://notopenrouter.ai/v1", "generic"),
        (PUBLIC, "generic"),
    ],
)
def test_the_base_url_tells(base_url: str, name: str) -> None:
    assert recognise(backend(base_url), "some-model").name == name


def test_a_setting_wins_over_everything() -> None:
    chosen = backend("https://api.deepseek.com", dialect="vllm", azure_api_version="2025-01-01")
    assert recognise(chosen, "m", "ollama").name == "vllm"


def test_azure_mode_wins_over_the_url() -> None:
    assert recognise(backend(azure_api_version="2025-01-01"), "m").name == "azure"


def test_what_the_server_says_wins_over_the_port() -> None:
    assert recognise(backend("http://localhost:11434/v1"), "m", "llamacpp").name == "llamacpp"


def test_a_known_host_wins_over_what_a_server_says() -> None:
    assert recognise(backend("https://api.groq.com/openai/v1"), "m", "vllm").name == "groq"


def test_an_identity_nobody_knows_is_generic() -> None:
    assert recognise(backend(), "m", "nginx").name == "generic"


def test_the_same_question_gets_the_very_same_record() -> None:
    asked = ("deepseek-v4-pro", "https://api.deepseek.com")
    assert recognise(backend(asked[1]), asked[0]) is recognise(backend(asked[1], headers={"X": "y"}), asked[0])


# -- what a server says of itself -------------------------------------------------------------------------------------


def listed(*owners: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": f"m{n}", "owned_by": owner} for n, owner in enumerate(owners)]}


OLLAMA_SAYS: dict[str, object] = {
    "/api/version": {"version": "0.12.0"},
    "/api/tags": {"models": [{"name": "m0"}, {"name": "m1"}]},
}


@pytest.mark.parametrize(
    ("models", "header", "said", "name"),
    [
        pytest.param(listed("library", "library"), "", {}, "ollama", id="ollama"),
        pytest.param(listed("bartowski", "library"), "", OLLAMA_SAYS, "ollama", id="ollama-with-a-person-s-own-model"),
        pytest.param(listed("bartowski"), "", {"/api/version": {"version": "0.12"}}, "", id="a-version-alone"),
        pytest.param(
            listed("bartowski", "x"), "", OLLAMA_SAYS | {"/api/tags": {"models": []}}, "", id="not-its-own-models"
        ),
        pytest.param(listed("llamacpp"), "llama.cpp", {}, "llamacpp", id="llamacpp"),
        pytest.param(
            listed("me"), "", {"/props": {"default_generation_settings": {"n_ctx": 8}}}, "llamacpp", id="props"
        ),
        pytest.param(None, "llama.cpp", {}, "llamacpp", id="header-alone"),
        pytest.param(listed("vllm"), "uvicorn", {}, "vllm", id="vllm"),
        pytest.param(listed("sglang"), "uvicorn", {}, "sglang", id="sglang"),
        pytest.param(
            listed("me"),
            "",
            {"/get_model_info": {"model_path": "/m", "is_generation": True}},
            "sglang",
            id="sglang-info",
        ),
        pytest.param(
            {"data": [{"id": "m", "owned_by": "me", "max_model_len": 9}]},
            "",
            {"/version": {"version": "0.11"}},
            "vllm",
            id="vllm-by-version",
        ),
        pytest.param(listed("me"), "", {"/version": {"version": "1"}}, "", id="any-program-has-a-version"),
        pytest.param(listed("organization_owner"), "", {}, "lmstudio", id="lm-studio"),
        pytest.param(
            listed("me"),
            "",
            {"/api/v0/models": {"data": [{"id": "m0", "state": "loaded", "max_context_length": 8}]}},
            "lmstudio",
            id="lm-studio-by-its-list",
        ),
        pytest.param(listed("koboldcpp"), "", OLLAMA_SAYS, "koboldcpp", id="imitates-ollama"),
        pytest.param(listed("openai"), "", {"/api/version": {"version": "0.6"}}, "", id="a-web-interface"),
        pytest.param(listed("vllm", "openai"), "", {}, "", id="a-gateway-of-several"),
        pytest.param(listed(), "nginx/1.25", {}, "", id="says-nothing"),
        pytest.param("no json", "", {"/props": [1], "/api/version": "x", "/api/v0/models": {}}, "", id="garbage"),
        pytest.param({"data": [None, 3, {"owned_by": 5}]}, "", {}, "", id="garbage-in-the-list"),
    ],
)
def test_a_server_is_known_by_its_answers(models: object, header: str, said: dict[str, object], name: str) -> None:
    assert identity_of(models, header, said) == name


def test_every_identity_is_a_dialect() -> None:
    for owner in ("library", "llamacpp", "vllm", "sglang", "organization_owner"):
        assert identity_of(listed(owner), "") in DIALECTS


# -- which facts ------------------------------------------------------------------------------------------------------

OPENAI = "https://api.openai.com/v1"
ROUTER = "https://openrouter.ai/api/v1"
LOCAL = "http://localhost:11434/v1"
STEPS = ("none", "low", "medium", "high", "xhigh")


@pytest.mark.parametrize(
    ("base_url", "model", "facts"),
    [
        # OpenAI
        (OPENAI, "gpt-4.1", {"efforts": (), "sampling": True, "system_role": "developer"}),
        (OPENAI, "gpt-4o-mini", {"efforts": ()}),
        (OPENAI, "gpt-5", {"efforts": ("minimal", "low", "medium", "high"), "sampling": False}),
        (OPENAI, "gpt-5-2025-08-07", {"efforts": ("minimal", "low", "medium", "high")}),
        (OPENAI, "gpt-5-mini", {"sampling": False, "max_tokens_field": "max_completion_tokens"}),
        (OPENAI, "gpt-5-chat-latest", {"efforts": (), "sampling": True}),
        (OPENAI, "gpt-5-pro", {"efforts": ("high",)}),
        (OPENAI, "gpt-5.1", {"efforts": ("none", "low", "medium", "high"), "with_tools": {}}),
        (OPENAI, "gpt-5.1-chat-latest", {"efforts": ("medium",)}),
        (
            OPENAI,
            "gpt-5.4-mini",
            {"efforts": STEPS, "with_tools": {"efforts": (), "thinks": "never"}, "cache_markers": "none"},
        ),
        (OPENAI, "gpt-5.6-luna", {"efforts": STEPS, "cache_markers": "breakpoint", "extra_body": {"store": False}}),
        (OPENAI, "gpt-6-astra", {"efforts": ("low", "medium", "high", "xhigh", "max")}),
        (OPENAI, "o3-mini", {"efforts": ("low", "medium", "high"), "sampling": False}),
        (OPENAI, "ft:gpt-4.1:garden::1", {"efforts": ()}),
        # Azure
        ("https://x.openai.azure.com", "gpt-4o", {"max_tokens_field": "max_tokens", "system_role": "system"}),
        ("https://x.openai.azure.com", "gpt-5", {"max_tokens_field": "max_completion_tokens", "sampling": False}),
        (
            "https://x.services.ai.azure.com/models",
            "DeepSeek-V3.1",
            {"max_tokens_field": "max_tokens", "replay": "own"},
        ),
        # the makers
        ("https://api.x.ai/v1", "grok-4", {"efforts": ()}),
        ("https://api.x.ai/v1", "grok-4.20-reasoning", {"efforts": ()}),
        ("https://api.x.ai/v1", "grok-4.3", {"efforts": ("none", "low", "medium", "high")}),
        ("https://api.x.ai/v1", "grok-4.7", {"efforts": ("low", "medium", "high")}),
        ("https://api.x.ai/v1", "grok-3-mini-fast", {"efforts": ("low", "high")}),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini-3.1-pro-preview",
            {"efforts": ("low", "medium", "high"), "call_signatures": True},
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini-2.5-flash",
            {"replay_required": "never", "efforts": ("none", "low", "medium", "high")},
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "models/gemini-3.8-flash",
            {"replay_required": "with_tools"},
        ),
        ("https://api.mistral.ai/v1", "mistral-medium-3-5", {"efforts": ("none", "high")}),
        ("https://api.mistral.ai/v1", "codestral-latest", {"efforts": ()}),
        (
            "https://api.groq.com/openai/v1",
            "openai/gpt-oss-120b",
            {"efforts": ("low", "medium", "high"), "replay": "none"},
        ),
        ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile", {"efforts": ()}),
        ("https://api.cerebras.ai/v1", "zai-glm-4.7", {"replay": "think_tag", "parallel_flag": False}),
        ("https://api.moonshot.ai/v1", "kimi-k3.1-pro", {"efforts": ("low", "high", "max"), "thinking_off": {}}),
        ("https://api.moonshot.ai/v1", "kimi-k2.7-code", {"thinking_off": {}, "sampling": False}),
        ("https://api.moonshot.ai/v1", "moonshot-v1-32k", {"sampling": True, "replay": "none"}),
        ("https://api.z.ai/api/paas/v4", "glm-5.3-flash", {"efforts": ("low", "high", "max"), "thinking_off": {}}),
        ("https://api.z.ai/api/paas/v4", "glm-4.5-air", {"with_tools": {}}),
        ("https://api.z.ai/api/paas/v4", "glm-4.7", {"with_tools": {"extra_body": {"tool_stream": True}}}),
        ("https://api.minimax.io/v1", "MiniMax-M2.5", {"thinking_off": {}, "replay": "think_tag"}),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-32b", {"stream_only": True}),
        (
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "qwen3-235b-a22b-thinking-2507",
            {"thinking_on": {}, "stream_only": True},
        ),
        (
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "qwen3-coder-plus",
            {"thinking_on": {}, "stream_only": False},
        ),
        (
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "qwen3.7-max",
            {"thinking_on": {"enable_thinking": True}},
        ),
        # a gateway says nothing: the model's family does
        (
            PUBLIC,
            "deepseek-ai/DeepSeek-V4-Flash",
            {"replay": "reasoning_content", "replay_required": "always", "replay_fallback": "space"},
        ),
        (PUBLIC, "accounts/x/models/deepseek-reasoner", {"replay_required": "always"}),
        (PUBLIC, "DeepSeek-R1-Distill-Qwen-7B", {"replay": "own", "replay_required": "never"}),
        (PUBLIC, "deepseek-v3.2", {"replay": "own"}),
        (PUBLIC, "deepseek-chat", {"replay": "reasoning_content", "replay_fallback": "omit"}),
        (
            PUBLIC,
            "moonshotai/Kimi-K2.6",
            {"replay": "reasoning_content", "replay_required": "with_tools", "sampling": False},
        ),
        (PUBLIC, "kimi-k2p5", {"replay_required": "with_tools"}),
        (PUBLIC, "kimi-k3", {"efforts": ("low", "high", "max"), "replay_fallback": "space"}),
        (PUBLIC, "google/gemini-3-pro", {"call_signatures": True, "inline_refs": True, "replay_required": "never"}),
        (PUBLIC, "zai-org/GLM-5.3", {"efforts": ("low", "high", "max")}),
        (PUBLIC, "MiniMaxAI/MiniMax-M3", {"efforts": (), "sampling": False}),
        (PUBLIC, "x-ai/grok-4", {"efforts": ()}),
        (
            PUBLIC,
            "openai/gpt-5.6",
            {
                "max_tokens_field": "max_completion_tokens",
                "sampling": False,
                "system_role": "system",
                "cache_markers": "none",
            },
        ),
        (PUBLIC, "databricks-gpt-5-2", {"efforts": STEPS, "with_tools": {}}),
        (PUBLIC, "gpt-4o", {"max_tokens_field": "max_tokens", "efforts": (), "system_role": "system"}),
        (PUBLIC, "o4-mini", {"max_tokens_field": "max_completion_tokens", "sampling": False}),
        (
            PUBLIC,
            "openai/gpt-oss-120b",
            {"max_tokens_field": "max_tokens", "efforts": ("low", "medium", "high"), "sampling": True},
        ),
        (PUBLIC, "Qwen/Qwen3.6-27B", {"replay": "own", "think_tags": True, "sampling": True}),
        (PUBLIC, "claude-sonnet-5", {"efforts": ("low", "medium", "high")}),
        (PUBLIC, "solo3", {"sampling": True, "max_tokens_field": "max_tokens"}),
        # OpenRouter has its own way, whatever the model
        (
            ROUTER,
            "deepseek/deepseek-v4-pro",
            {"replay": "reasoning_details", "replay_required": "never", "effort_path": ("reasoning", "effort")},
        ),
        (ROUTER, "google/gemini-3-pro", {"call_signatures": False, "drop_schema_keywords": frozenset()}),
        (ROUTER, "openai/gpt-5.6", {"max_tokens_field": "max_tokens", "with_tools": {}, "tool_limit": 128}),
        (ROUTER, "moonshotai/kimi-k3", {"sampling": True, "tool_limit": 0}),
        # a local server's own field names win
        (LOCAL, "deepseek-v4-flash", {"replay": "own", "replay_required": "never"}),
        (LOCAL, "gpt-oss:20b", {"replay": "own", "max_tokens_field": "max_tokens"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_model_on_a_backend(base_url: str, model: str, facts: dict[str, Any]) -> None:
    dialect = recognise(backend(base_url), model)
    assert {name: getattr(dialect, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("identity", "model", "facts"),
    [
        ("vllm", "Qwen/Qwen3.6-27B", {"stop_reported": True, "prefill": "continue"}),
        ("vllm", "mistralai/Mistral-Small-4", {"thinking_off": {}}),
        ("vllm", "deepseek-ai/DeepSeek-V3.2", {"thinking_on": {"chat_template_kwargs": {"thinking": True}}}),
        ("sglang", "deepseek-ai/DeepSeek-V4-Pro", {"replay": "own", "stop_reported": False}),
        ("llamacpp", "gemma-4-12b", {"drop_schema_keywords": UNCOMPILED, "images": "data"}),
    ],
)
def test_a_model_on_a_server_that_named_itself(identity: str, model: str, facts: dict[str, Any]) -> None:
    dialect = recognise(backend("http://10.0.0.7:8000/v1"), model, identity)
    assert dialect.name == identity
    assert {name: getattr(dialect, name) for name in facts} == facts


def test_an_unknown_server_gets_the_mildest_forms() -> None:
    generic = recognise(backend(), "some-model")
    assert generic.replay == "own"
    assert generic.think_tags
    assert generic.efforts == ("low", "medium", "high")
    assert not any((generic.extra_body, generic.user_field, generic.cache_key_field, generic.strict_flag))
    assert (generic.max_tokens_field, generic.system_role, generic.cache_markers) == ("max_tokens", "system", "none")


# -- what holds for every record --------------------------------------------------------------------------------------


def records() -> list[Any]:
    own = [pytest.param(row.dialect, id=row.dialect.name) for row in ROWS]
    of_models = [
        pytest.param(row.dialect.but(models.fields), id=f"{row.dialect.name}-{models.pattern}")
        for row in ROWS
        for models in row.models
    ]
    return [*own, *of_models]


HINTS = get_type_hints(Dialect)


@pytest.mark.parametrize("dialect", records())
def test_a_record_holds_legal_values(dialect: Dialect) -> None:
    for field in fields(Dialect):
        choices = get_args(HINTS[field.name])
        if choices and all(isinstance(choice, str) for choice in choices):
            assert getattr(dialect, field.name) in choices, field.name
    assert set(dialect.efforts) <= set(EFFORTS)
    assert list(dialect.efforts) == sorted(dialect.efforts, key=EFFORTS.index), "ascending"
    assert dialect.tool_choices <= {"auto", "none", "required", "named"}
    assert dialect.source, "every fact was read somewhere"
    assert re.search(r"20\d\d", dialect.source), "and some day"
    for changed in (dialect.with_tools, dialect.with_forced_tool):
        assert set(changed) <= {field.name for field in fields(Dialect)} - {"name", "source"}
    json.dumps([dialect.extra_body, dialect.thinking_on, dialect.thinking_off])


@pytest.mark.parametrize("dialect", records())
def test_a_backend_that_wants_reasoning_back_has_a_place_for_it(dialect: Dialect) -> None:
    if dialect.replay_required != "never":
        assert dialect.replay in {"reasoning_content", "reasoning", "think_tag"} or dialect.call_signatures
        assert dialect.replay_fallback != "disable" or dialect.thinking_off or "none" in dialect.efforts


@pytest.mark.parametrize(
    ("row", "models"),
    [pytest.param(row, models, id=f"{row.dialect.name}-{models.pattern}") for row in ROWS for models in row.models],
)
def test_models_say_only_what_a_dialect_has(row: Row, models: Models) -> None:
    assert set(models.fields) <= {field.name for field in fields(Dialect)} - {"name", "source"}
    assert models.source, "every fact was read somewhere"
    assert re.search(r"20\d\d|^[a-z]+\.py$", models.source), "and some day, or it stands in its maker's file"


def test_families_are_of_gateways_only() -> None:
    assert [row.dialect.name for row in ROWS if row.models is FAMILIES] == ["generic"]


# -- one request among others -----------------------------------------------------------------------------------------


def body(base_url: str, model: str, **request: Any) -> dict[str, Any]:
    said = {"model": "claude-sonnet-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **request}
    target = Target(backend="b", model=model, dialect=recognise(backend(base_url), model), seal=b"k")
    return translate_request(said, target, Notes()).body


TOOLS = [{"name": "plant", "input_schema": {"type": "object", "properties": {"what": {"type": "string"}}}}]
HIGH = {"output_config": {"effort": "high"}}
FORCED = {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "plant"}}


@pytest.mark.parametrize(
    ("base_url", "model", "request_", "expected"),
    [
        pytest.param(OPENAI, "gpt-5.4", HIGH, "high", id="gpt-5.4"),
        pytest.param(OPENAI, "gpt-5.4", {**HIGH, "tools": TOOLS}, None, id="gpt-5.4-with-tools"),
        pytest.param(OPENAI, "gpt-5.6", HIGH, "high", id="gpt-5.6"),
        pytest.param(OPENAI, "gpt-5.6", {"tools": TOOLS}, "none", id="gpt-5.6-with-tools"),
        pytest.param(PUBLIC, "gpt-5.6", {**HIGH, "tools": TOOLS}, "high", id="gpt-5.6-behind-a-gateway-with-tools"),
        pytest.param(OPENAI, "gpt-6.2-sol", {**HIGH, "tools": TOOLS}, "high", id="gpt-6-with-tools"),
        pytest.param(OPENAI, "gpt-6.2-sol", {"tools": TOOLS}, None, id="gpt-6-with-tools-nothing-asked"),
        pytest.param(OPENAI, "gpt-5.1", {**HIGH, "tools": TOOLS}, "high", id="gpt-5.1-with-tools"),
        pytest.param(OPENAI, "gpt-4.1", HIGH, None, id="gpt-4.1"),
        pytest.param(PUBLIC, "some-model", {}, None, id="nothing-asked"),
        pytest.param(PUBLIC, "some-model", {"output_config": {"effort": "max"}}, "high", id="more-than-known"),
    ],
)
def test_the_effort_a_request_gets(base_url: str, model: str, request_: dict[str, Any], expected: str | None) -> None:
    assert body(base_url, model, **request_).get("reasoning_effort") == expected


@pytest.mark.parametrize(
    ("base_url", "model", "off"),
    [
        ("https://api.deepseek.com", "deepseek-v4-pro", {"thinking": {"type": "disabled"}}),
        ("https://api.moonshot.ai/v1", "kimi-k2.6", {"thinking": {"type": "disabled"}}),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3.7-max", {"enable_thinking": False}),
    ],
)
def test_a_forced_tool_switches_thinking_off_where_the_two_clash(
    base_url: str, model: str, off: dict[str, Any]
) -> None:
    sent = body(base_url, model, **FORCED, **HIGH, thinking={"type": "adaptive"})
    assert off.items() <= sent.items()
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "plant"}}
    assert "reasoning_effort" not in sent
    assert "thinking_budget" not in sent
    free = body(base_url, model, tools=TOOLS, thinking={"type": "adaptive"})
    assert not off.items() <= free.items()


@pytest.mark.parametrize(
    ("base_url", "model", "on"),
    [
        ("https://api.moonshot.ai/v1", "kimi-k2.5", {"thinking": {"type": "enabled", "keep": "all"}}),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-max", {"enable_thinking": True}),
    ],
)
def test_a_call_that_is_demanded_in_words_only_leaves_thinking_on(
    base_url: str, model: str, on: dict[str, Any]
) -> None:
    sent = body(base_url, model, tools=TOOLS, tool_choice={"type": "any"}, thinking={"type": "adaptive"})
    assert sent["tool_choice"] == "auto"
    assert on.items() <= sent.items()


def test_a_field_of_one_request_leaves_the_record_alone() -> None:
    dialect = recognise(backend(OPENAI), "gpt-5.6")
    told = dialect.for_request(tools=True, forced=False)
    assert told.extra_body == {"store": False, "reasoning_effort": "none"}
    assert dialect.extra_body == {"store": False}
    assert recognise(backend(OPENAI), "gpt-5.6") is dialect


def test_a_request_without_tools_forces_none() -> None:
    dialect = recognise(backend("https://api.deepseek.com"), "deepseek-v4-pro")
    assert dialect.for_request(tools=False, forced=True) is dialect


# -- the page -----------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_records_as_they_are() -> None:
    text = case_folders.DOCS.read_text(encoding="utf-8")
    assert case_folders.page(text) == text, "python tests/case_folders.py --accept writes it"
    for name in DIALECTS:
        assert f"| `{name}` |" in text
