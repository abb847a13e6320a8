"""Which backend and model a name goes to."""

from __future__ import annotations

import pytest

from claude_code_proxy.config import Backend, Config
from claude_code_proxy.routing import KNOWN_PREFIXES, alias_for, chain, model_of, resolve, tier_names

MAIN = Backend(name="default", base_url="https://openrouter.ai/api/v1", key="k")
OLLAMA = Backend(name="ollama", base_url="http://localhost:11434/v1", key="k", models=("qwen3:8b", "claude-at-home"))
AZURE = Backend(name="azure", base_url="https://x.openai.azure.com", key="k", models=("team/gpt", "odd[1m]"))

ALONE = Config(backends={"default": MAIN}, big_model="big", middle_model="middle", small_model="small")
SEVERAL = Config(
    backends={"default": MAIN, "ollama": OLLAMA, "azure": AZURE},
    big_model="azure/gpt-5.4",
    middle_model="openai/gpt-5.4-mini",
    small_model="ollama/qwen3:8b",
)


def way(name, config=ALONE):
    route = resolve(name, config)
    return route.backend.name, route.model, route.tier


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("claude-opus-4-6", "big"),
        ("claude-3-opus-20240229", "big"),
        ("opus", "big"),
        ("CLAUDE-OPUS-5", "big"),
        ("claude-sonnet-4-5-20250929", "middle"),
        ("claude-3-7-sonnet-latest", "middle"),
        ("Sonnet", "middle"),
        ("claude-haiku-4-5-20251001", "small"),
        ("claude-3-5-haiku@20241022", "small"),
        ("us.anthropic.claude-haiku-4-5-v1:0", "small"),
        ("haiku", "small"),
        ("claude-fable-5", "big"),
        ("fable", "big"),
        ("claude-mythos-preview", "big"),
        ("Mythos", "big"),
        ("claude", "big"),
        ("claude-2.1", "big"),
        ("claude-instant-1.2", "big"),
        ("anthropic.claude-v2", "big"),
        ("my-sonnet-like-model", "middle"),
        ("opusplan", "big"),
        ("", "big"),
        ("   ", "big"),
        ("[1m]", "big"),
    ],
)
def test_a_claude_name_goes_to_its_tier(name, tier):
    assert way(name) == ("default", tier, tier)


@pytest.mark.parametrize("prefix", KNOWN_PREFIXES)
def test_a_known_prefix_passes_unchanged(prefix):
    for name in (f"{prefix}x", f"{prefix}opus", f"{prefix.upper()}Haiku", f"{prefix}claude"):
        assert way(name) == ("default", name, "")


def test_the_prefixes_are_the_contract():
    assert set(KNOWN_PREFIXES) == {
        "gpt-",
        "o1-",
        "o3-",
        "o4-",
        "grok-",
        "xai-",
        "deepseek-",
        "gemini-",
        "mistral-",
        "llama-",
        "qwen-",
        "ep-",
        "doubao-",
    }


@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-5.4",
        "anthropic/claude-sonnet-4",
        "anthropic/claude-opus-4.6:beta",
        "meta-llama/llama-4-maverick:free",
        "a/b/c",
        "/",
        "/claude",
        "haiku/",
        "o1",
        "o3",
        "mistral",
        "my-local-model",
        "llama3.3:70b",
        "kimi-k2",
        "ernie",
        "модель",
        "模型-2",
        "🦙",
        "a\nb",
        "a\x00b\x1b[2J",
        "../../etc/passwd",
        "' OR 1=1 --",
        "x" * 10_000,
        "/" * 10_000,
        "[1m]" * 2_500 + "x",
    ],
    ids=lambda name: ascii(name[:24]),
)
def test_any_other_name_passes_unchanged(name):
    assert way(name) == ("default", name, "")


@pytest.mark.parametrize("word", ["opus", "claude", "İclaude", "ſonnet-claude"])
def test_long_and_odd_claude_names_are_safe(word):
    assert way("я\x00" * 5_000 + word) == ("default", "big", "big")


@pytest.mark.parametrize(
    ("name", "model", "tier"),
    [
        ("claude-opus-4-6[1m]", "big", "big"),
        ("claude-sonnet-4-5[1M]", "middle", "middle"),
        ("gpt-5.4[1m]", "gpt-5.4", ""),
        ("openai/gpt-5.4 [1m]", "openai/gpt-5.4", ""),
        ("x[1m]", "x", ""),
        ("claude-proxy/x[1m]", "x", ""),
    ],
)
def test_the_mark_of_a_wide_window_is_taken_off_and_kept_as_a_hint(name, model, tier):
    route = resolve(name, ALONE)
    assert (route.model, route.tier, route.hint_window) == (model, tier, 1_000_000)


@pytest.mark.parametrize("name", ["claude-opus-4-6", "gpt-5.4", "x[1m]y", "x[2m]", "[1m"])
def test_without_the_mark_there_is_no_hint(name):
    assert resolve(name, ALONE).hint_window == 0


def test_a_tier_may_carry_the_mark_too():
    config = Config(backends={"default": MAIN}, big_model="gpt-5.4[1m]")
    route = resolve("claude-opus-4-6", config)
    assert (route.model, route.tier, route.hint_window) == ("gpt-5.4", "big", 1_000_000)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude-opus-4-6", ("azure", "gpt-5.4", "big")),
        ("claude-sonnet-4-6", ("default", "openai/gpt-5.4-mini", "middle")),
        ("claude-haiku-4-5", ("ollama", "qwen3:8b", "small")),
        ("claude-fable-5", ("azure", "gpt-5.4", "big")),
        ("ollama/llama3.3", ("ollama", "llama3.3", "")),
        ("ollama/hf.co/org/model:Q4", ("ollama", "hf.co/org/model:Q4", "")),
        ("default/gpt-5.4", ("default", "gpt-5.4", "")),
        ("Ollama/llama3.3", ("default", "Ollama/llama3.3", "")),
        ("ollama/", ("default", "ollama/", "")),
        ("qwen3:8b", ("ollama", "qwen3:8b", "")),
        ("claude-at-home", ("ollama", "claude-at-home", "")),
        ("claude-at-home[1m]", ("ollama", "claude-at-home", "")),
        ("team/gpt", ("azure", "team/gpt", "")),
        ("odd[1m]", ("azure", "odd[1m]", "")),
        ("gpt-5.4", ("default", "gpt-5.4", "")),
        ("openai/gpt-5.4", ("default", "openai/gpt-5.4", "")),
    ],
)
def test_several_backends(name, expected):
    assert way(name, SEVERAL) == expected


def test_a_tier_goes_where_a_models_list_claims_it():
    config = Config(backends={"default": MAIN, "ollama": OLLAMA}, small_model="qwen3:8b")
    assert way("haiku", config) == ("ollama", "qwen3:8b", "small")


def test_the_first_backend_listing_a_model_serves_it():
    twin = Backend(name="twin", base_url="http://x", models=("qwen3:8b",))
    config = Config(backends={"default": MAIN, "ollama": OLLAMA, "twin": twin})
    assert way("qwen3:8b", config)[0] == "ollama"


def test_without_a_backend_named_default_the_first_one_serves_the_rest():
    config = Config(backends={"ollama": OLLAMA, "azure": AZURE})
    assert way("gpt-5.4", config) == ("ollama", "gpt-5.4", "")


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5.4",
        "openai/gpt-5.4",
        "anthropic/claude-sonnet-4",
        "claude-sonnet-4-5",
        "opus",
        "qwen3:8b",
        "модель",
        "a b",
    ],
)
def test_a_picker_id_leads_back_to_exactly_its_model(model):
    alias = alias_for(model)
    assert alias.startswith("claude")
    assert model_of(alias) == model
    assert way(alias) == ("default", model, "")


def test_a_picker_id_may_name_the_backend():
    assert way(alias_for("openai/gpt-5.4", "default"), SEVERAL) == ("default", "openai/gpt-5.4", "")
    assert way(alias_for("llama3.3", "ollama"), SEVERAL) == ("ollama", "llama3.3", "")
    assert way(alias_for("llama3.3"), SEVERAL) == ("default", "llama3.3", "")


def test_a_picker_id_is_known_in_any_case():
    assert way("Claude-Proxy/GPT-5.4") == ("default", "GPT-5.4", "")


@pytest.mark.parametrize("name", ["", "claude-proxy", "claude-opus-4-6", "openai/gpt-5.4", "claude-proxy/"])
def test_other_names_are_no_picker_ids(name):
    assert model_of(name) == ""


def test_a_route_has_the_backend_itself():
    assert resolve("claude-haiku-4-5", SEVERAL).backend is OLLAMA


def test_the_names_of_the_tiers_reach_their_models_and_stand_ins():
    config = Config(
        backends={"default": MAIN},
        big_model="openai/gpt-5.4",
        middle_model="my-haiku-tune",
        small_model="x/an-opus-tune",
        stand_ins={"big": ("z-ai/glm-5",), "small": ("other",)},
    )
    names = tier_names(config)
    assert names == {"opus": "opus:gpt-5.4", "sonnet": "claude-proxy/my-haiku-tune", "haiku": "claude-haiku"}
    assert way(names["opus"], config) == ("default", "openai/gpt-5.4", "big")
    assert way(names["sonnet"], config) == ("default", "my-haiku-tune", "")
    assert way(names["haiku"], config) == ("default", "x/an-opus-tune", "small")


def test_a_model_asked_for_by_its_own_name_is_known_as_its_tiers_where_only_one_has_it():
    def known_as(name, config=ALONE):
        first = chain(name, config)[0]
        return first.tier, first.tier_of_model

    assert known_as("middle") == ("", "middle")
    assert known_as("claude-proxy/small") == ("", "small")
    assert known_as("claude-haiku-4-5") == ("small", "small")
    assert known_as("another") == ("", "")
    assert known_as("qwen3:8b", SEVERAL) == ("", "small")
    one_for_all = Config(backends={"default": MAIN}, big_model="m", middle_model="m", small_model="m")
    assert known_as("m", one_for_all) == ("", "")
