"""Cases PA-05, PA-08, PA-09 at every kind of backend: what a model's thinking needs, and what it can be told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from tests.backend import Backend, answer, say
from tests.backend.script import Call
from tests.cases.conftest import Speaking, asked, asked_through
from tests.cases.picky import mentions, openai, picky
from tests.cases.talk import BASH, Client, both, result, user

DISABLED: dict[str, Any] = {"type": "disabled"}
ADAPTIVE: dict[str, Any] = {"type": "adaptive"}
LISTED: list[dict[str, Any]] = []


class Listing(Backend):
    """A backend with any model, that lists those of `LISTED`."""

    async def _models(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"data": LISTED})


def room(body: dict[str, Any]) -> int:
    return int(body.get("max_tokens") or body["max_completion_tokens"])


THINKERS = [
    ("openai", "gpt-5"),
    ("openai", "gpt-5-mini-2025-08-07"),
    ("openai", "o3"),
    ("openai", "o4-mini"),
    ("azure", "o3-mini"),
    ("gemini", "gemini-3-pro-preview"),
    ("gemini", "gemini-2.5-pro"),
    ("generic", "google/gemini-3-pro"),
    ("groq", "openai/gpt-oss-120b"),
    ("ollama", "gpt-oss:20b"),
    ("generic", "gpt-oss-120b"),
    ("xai", "grok-4.5"),
    ("xai", "grok-4-0709"),
    ("kimi", "kimi-k2-thinking"),
    ("generic", "moonshotai/Kimi-K2-Thinking"),
    ("minimax", "MiniMax-M2"),
    ("mistral", "magistral-medium-latest"),
    ("openrouter", "openai/gpt-5"),
    ("vllm", "deepseek-ai/DeepSeek-R1"),
    ("glm", "glm-5.3"),
]
SHAPES: dict[str, Any] = {"disabled": DISABLED, "absent": None, "adaptive": ADAPTIVE}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dialect", "model"), THINKERS)
def test_pa_05_a_title_has_room_for_the_thought_of_a_model_that_always_thinks(
    speaking: Speaking, house: Backend, dialect: str, model: str, shape: str
) -> None:
    body, heard = asked(speaking, house, dialect, model=model, max_tokens=64, thinking=SHAPES[shape])
    assert room(body) == 1024
    assert "max-tokens-lifted" in heard.notes


@pytest.mark.parametrize(("dialect", "model"), THINKERS)
def test_pa_05_a_probe_stays_as_small_as_the_backend_takes_it(
    speaking: Speaking, house: Backend, dialect: str, model: str
) -> None:
    body, _ = asked(speaking, house, dialect, model=model, max_tokens=1, thinking=DISABLED)
    assert room(body) == (16 if dialect == "openrouter" else 1)


@pytest.mark.parametrize(
    ("dialect", "model"),
    [("openai", "gpt-4.1"), ("openai", "gpt-5.1"), ("generic", "llama-3.3-70b"), ("deepseek", "deepseek-v4-flash")],
)
def test_pa_05_a_model_that_does_not_think_keeps_a_small_limit(
    speaking: Speaking, house: Backend, dialect: str, model: str
) -> None:
    body, heard = asked(speaking, house, dialect, model=model, max_tokens=64, thinking=DISABLED)
    assert room(body) == 64
    assert "max-tokens-lifted" not in heard.notes
    assert "thinking-kept" not in heard.notes


LOWEST: list[tuple[str, str, str, bool]] = [
    ("openai", "gpt-5", "minimal", True),
    ("openai", "gpt-5-nano", "minimal", True),
    ("openai", "gpt-5.1", "none", False),
    ("openai", "gpt-5.4-mini", "none", False),
    ("openai", "o4-mini", "low", True),
    ("azure", "gpt-5", "minimal", True),
    ("gemini", "gemini-2.5-pro", "low", True),
    ("gemini", "gemini-2.5-flash", "none", False),
    ("gemini", "gemini-3-flash", "minimal", True),
    ("gemini", "gemini-3-pro-preview", "low", True),
    ("groq", "openai/gpt-oss-20b", "low", True),
    ("cerebras", "gpt-oss-120b", "low", True),
    ("xai", "grok-4.5", "low", True),
    ("xai", "grok-4.3", "none", False),
    ("glm", "glm-5.3", "low", True),
    ("generic", "openai/gpt-oss-120b", "low", True),
    ("ollama", "qwen3:8b", "none", False),
]


@pytest.mark.parametrize("row", LOWEST, ids=lambda row: f"{row[0]} {row[1]}")
def test_pa_09_disabled_is_the_least_the_backend_knows(
    speaking: Speaking, house: Backend, row: tuple[str, str, str, bool]
) -> None:
    dialect, model, word, kept = row
    body, heard = asked(speaking, house, dialect, model=model, thinking=DISABLED)
    assert body.get("reasoning_effort") == word
    assert ("thinking-kept" in heard.notes) == kept


def test_pa_09_a_model_that_never_thinks_needs_no_word_and_no_note(speaking: Speaking, house: Backend) -> None:
    body, heard = asked(speaking, house, "openai", model="gpt-4.1", thinking=DISABLED)
    assert "reasoning_effort" not in body
    assert not {"thinking-unsupported", "thinking-kept"} & set(heard.notes)


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-5.4"])
def test_pa_09_adaptive_alone_makes_a_model_think_that_must_be_asked(
    speaking: Speaking, house: Backend, model: str
) -> None:
    body, _ = asked(speaking, house, "openai", model=model, thinking=ADAPTIVE)
    assert body["reasoning_effort"] == "high"


@pytest.mark.parametrize(
    ("dialect", "model", "fields"),
    [
        ("openai", "gpt-4o", {}),
        ("openai", "gpt-5.4", {"tools": [BASH]}),
        ("generic", "gpt-4o-mini", {}),
    ],
)
def test_pa_09_adaptive_where_nothing_thinks_is_noted(
    speaking: Speaking, house: Backend, dialect: str, model: str, fields: dict[str, Any]
) -> None:
    _, heard = asked(speaking, house, dialect, model=model, thinking=ADAPTIVE, **fields)
    assert "thinking-unsupported" in heard.notes


BUDGET = {"type": "enabled", "budget_tokens": 6000}


@pytest.mark.parametrize("wish", [{"thinking": BUDGET}, {"output_config": {"effort": "high"}, "thinking": ADAPTIVE}])
@pytest.mark.parametrize(("dialect", "model"), [("glm", "glm-4.7"), ("kimi", "kimi-k2.5"), ("minimax", "MiniMax-M3")])
def test_pa_08_a_wish_a_switch_can_not_say_is_noted_once(
    speaking: Speaking, house: Backend, dialect: str, model: str, wish: dict[str, Any]
) -> None:
    body, heard = asked(speaking, house, dialect, model=model, max_tokens=20_000, **wish)
    assert body["thinking"]["type"] in {"enabled", "adaptive"}
    assert heard.notes.count("thinking-unsupported") == 1


def test_pa_08_a_budget_that_leaves_no_room_is_lowered_and_noted(speaking: Speaking, house: Backend) -> None:
    thinking = {"type": "enabled", "budget_tokens": 9000}
    body, heard = asked(speaking, house, "openrouter", model="anthropic/claude-x", max_tokens=10_000, thinking=thinking)
    assert body["reasoning"]["max_tokens"] == 8000
    assert "budget-lowered" in heard.notes


def test_pa_08_an_effort_at_a_backend_that_counts_tokens_is_noted(speaking: Speaking, house: Backend) -> None:
    wish = {"thinking": ADAPTIVE, "output_config": {"effort": "medium"}}
    body, heard = asked(speaking, house, "qwen", model="qwen3.5-plus", max_tokens=30_000, **wish)
    assert body["thinking_budget"] == 8192
    assert "effort-as-budget" in heard.notes


def test_pa_08_a_budget_beside_an_effort_is_noted(speaking: Speaking, house: Backend) -> None:
    wish = {"thinking": BUDGET, "output_config": {"effort": "low"}}
    body, heard = asked(speaking, house, "openai", model="gpt-5.4", max_tokens=20_000, **wish)
    assert body["reasoning_effort"] == "low"
    assert heard.notes.count("budget-as-effort") == 1


def test_pa_08_a_word_nobody_knows_is_noted_once(speaking: Speaking, house: Backend) -> None:
    body, heard = asked(speaking, house, "openai", model="gpt-5.1", output_config={"effort": "ultra-2027"})
    assert body["reasoning_effort"] == "high"
    assert {"effort-clamped", "thinking-unsupported"} & set(heard.notes) == {"effort-clamped"}


@pytest.mark.parametrize("word", ["minimal", "ultra"])
def test_pa_08_deepseek_maps_efforts_itself(speaking: Speaking, house: Backend, word: str) -> None:
    body, heard = asked(speaking, house, "deepseek", model="deepseek-v4", output_config={"effort": word})
    assert body["reasoning_effort"] == word
    assert "effort-clamped" not in heard.notes


def test_pa_05_llama_cpp_is_asked_for_no_output_at_all(speaking: Speaking, house: Backend) -> None:
    body, heard = asked(speaking, house, "llamacpp", max_tokens=0)
    assert body["n_predict"] == 0
    assert "max_tokens" not in body
    assert (heard.content, heard.usage["output_tokens"]) == ([], 0)
    assert "max-tokens-lifted" not in heard.notes


# -- what the backend's own list says -------------------------------------------------------------------------------

OPENROUTER: dict[str, dict[str, Any]] = {
    "house/mandatory": {"supported_efforts": ["high", "medium", "low"], "mandatory": True},
    "house/switched": {"supported_efforts": ["xhigh", "high"], "mandatory": False, "default_enabled": True},
    "house/words-only": {"supported_efforts": ["high", "low"], "supports_max_tokens": False},
}


@pytest.fixture(scope="module")
def listed() -> Iterator[tuple[Backend, Client]]:
    LISTED[:] = [
        {"id": name, "supported_parameters": ["reasoning"], "reasoning": OPENROUTER[name]} for name in OPENROUTER
    ]
    LISTED.append({"id": "house/plain", "supported_parameters": ["tools", "max_tokens"]})
    with (
        Listing(rules=lambda _: [], models={}) as backend,
        asked_through(backend, DIALECT="openrouter") as client,
    ):
        client.http.get("/v1/models")
        yield backend, client


@pytest.mark.parametrize(
    ("model", "fields", "reasoning", "note"),
    [
        ("house/mandatory", {"thinking": DISABLED}, {"effort": "low"}, "thinking-kept"),
        ("house/mandatory", {"output_config": {"effort": "max"}}, {"effort": "high"}, "effort-clamped"),
        ("house/switched", {"thinking": DISABLED}, {"effort": "none"}, ""),
        ("house/switched", {"output_config": {"effort": "low"}}, {"effort": "high"}, "effort-clamped"),
        (
            "house/words-only",
            {"thinking": BUDGET, "max_tokens": 9000},
            {"enabled": True, "effort": "low"},
            "budget-as-effort",
        ),
        ("house/plain", {"output_config": {"effort": "low"}}, None, "thinking-unsupported"),
        ("house/plain", {"thinking": DISABLED}, None, ""),
    ],
)
def test_pa_08_the_backends_own_list_of_efforts_counts(
    listed: tuple[Backend, Client], model: str, fields: dict[str, Any], reasoning: Any, note: str
) -> None:
    backend, client = listed
    backend.requests.clear()
    backend.play(lambda _: say("geht"))
    heard = client.ask(model=model, **fields)
    assert backend.chats[-1].body.get("reasoning") == reasoning
    codes = {"thinking-kept", "effort-clamped", "budget-as-effort", "thinking-unsupported"}
    assert codes & set(heard.notes) == ({note} if note else set())


# -- PA-06: a backend that obeys `stop` and does not say so ----------------------------------------------------------


def cuts_in_silence(received: Any) -> Any:
    """Write to the first stop sequence it was told of, and end as if it were done."""
    written = "Vorher ENDE nachher ### Schluss"
    at = min((written.index(stop) for stop in received.body.get("stop", []) if stop in written), default=len(written))
    return say(written[:at])


@pytest.mark.parametrize(
    "dialect", ["generic", "openai", "openrouter", "ollama", "deepseek", "gemini", "sglang", "xai"]
)
@both
def test_pa_06_a_stop_is_reported_at_a_backend_that_would_cut_in_silence(
    speaking: Speaking, house: Backend, dialect: str, *, stream: bool
) -> None:
    client = speaking(dialect)
    house.play(cuts_in_silence)
    heard = client.ask(stop_sequences=["###", "ENDE", "nie"], stream=stream)
    assert (heard.text, heard.stop, heard.message["stop_sequence"]) == ("Vorher ", "stop_sequence", "ENDE")


# -- PA-14: what asks for another kind of answer ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("thread", {"type": "continue", "previous_message_id": "msg_1"}, "send all messages"),
        ("thread", "msg_1", "send all messages"),
        ("compaction", {"type": "summarize"}, "user message"),
        ("compaction", {"type": "summarize", "instructions": "kurz"}, "user message"),
    ],
)
@both
def test_pa_14_what_would_change_the_kind_of_answer_is_refused_with_a_remedy(
    speaking: Speaking, house: Backend, field: str, value: Any, remedy: str, *, stream: bool
) -> None:
    heard = speaking("generic").ask(**{field: value}, stream=stream)
    assert heard.status == 400
    assert heard.error is not None
    kind, message = heard.error
    assert kind == "invalid_request_error"
    assert message.startswith(f"{field}: ")
    assert remedy in message
    assert (b"thread_unsupported_request" in heard.raw) == (field == "thread")
    assert house.chats == []


def test_pa_14_a_thread_that_begins_is_an_ordinary_answer(speaking: Speaking, house: Backend) -> None:
    _, heard = asked(speaking, house, "generic", thread={"type": "create"})
    assert heard.text == "geht"
    assert "parameter-ignored" in heard.notes


def test_pa_14_counting_has_no_kind_of_answer(speaking: Speaking) -> None:
    assert speaking("generic").count(compaction={"type": "summarize"}) > 0


# -- what is shown, and what is said of names ------------------------------------------------------------------------

LOW: dict[str, Any] = {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}
CONFIG = ("extra_body", "google", "thinking_config")


def config_of(body: dict[str, Any]) -> Any:
    for key in CONFIG:
        body = body.get(key, {})
    return body


@pytest.mark.parametrize(
    ("model", "fields", "said"),
    [
        ("gemini-3-pro", {"thinking": ADAPTIVE}, {"include_thoughts": True}),
        ("gemini-3-flash", LOW, {"include_thoughts": True, "thinking_level": "low"}),
        (
            "gemini-2.5-pro",
            {"thinking": BUDGET, "max_tokens": 9000},
            {"include_thoughts": True, "thinking_budget": 6000},
        ),
        ("gemini-2.5-flash", {**LOW, "max_tokens": 9000}, {"include_thoughts": True, "thinking_budget": 2048}),
        ("gemini-3-flash", {**LOW, "thinking": {**ADAPTIVE, "display": "omitted"}}, "low"),
        ("gemini-3-flash", {"thinking": DISABLED}, "minimal"),
        ("gemini-2.0-flash", {"thinking": ADAPTIVE}, None),
    ],
)
def test_pa_09_gemini_shows_its_thoughts_to_a_client_that_wants_to_see_them(
    speaking: Speaking, house: Backend, model: str, fields: dict[str, Any], said: Any
) -> None:
    """An effort and a thinking_config are never sent together."""
    body, _ = asked(speaking, house, "gemini", model=model, **fields)
    assert (config_of(body) or None) == (said if isinstance(said, dict) else None)
    assert body.get("reasoning_effort") == (said if isinstance(said, str) else None)


@both
def test_pa_09_thoughts_of_gemini_are_thinking_blocks(speaking: Speaking, house: Backend, *, stream: bool) -> None:
    client = speaking("gemini")
    house.play(lambda _: say("<thought>Hm, so.</thought>Ja."))
    heard = client.ask(model="gemini-3-pro", thinking=ADAPTIVE, stream=stream)
    assert (heard.thinking, heard.text) == ("Hm, so.", "Ja.")


@pytest.mark.parametrize("name", ["x" * 5000, "a\nb\x1b[2J", "größe"])
def test_pa_11_a_choice_of_a_tool_that_is_not_there_names_it_shortly(speaking: Speaking, name: str) -> None:
    heard = speaking("generic").ask(tools=[BASH], tool_choice={"type": "tool", "name": name})
    assert heard.status == 400
    assert heard.error is not None
    assert len(heard.error[1]) < 200
    assert heard.error[1].isprintable()


def test_a_cache_mark_on_a_tool_is_left_out_and_noted(speaking: Speaking, house: Backend) -> None:
    marked = {**BASH, "cache_control": {"type": "ephemeral"}}
    body, heard = asked(speaking, house, "openrouter", tools=[marked])
    assert "cache_control" not in body["tools"][0]
    assert "tool-cache-marker" in heard.notes


def test_ids_of_calls_come_back_to_openrouter_as_they_were(speaking: Speaking, house: Backend) -> None:
    long = "tool_0_mcp__server__read_everything_" + "x" * 60 + ":0"
    client = speaking("openrouter")
    house.play([answer(Call("Bash", {"command": "ls"}, id=long)), say("geht")])
    first = client.ask(model="google/gemini-3-pro", tools=[BASH])
    messages = [user("a"), first.turn(), user(result(first.ids[0]))]
    client.ask(model="google/gemini-3-pro", tools=[BASH], messages=messages)
    assert [message["tool_call_id"] for message in house.chats[-1].body["messages"] if message["role"] == "tool"] == [
        long
    ]


# -- TO-02: what a grammar can't say -----------------------------------------------------------------------------------

GRAMMAR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "any": True,
        "said": {"description": "anything at all"},
        "long": {"type": "string", "maxLength": 524_288},
        "short": {"type": "string", "maxLength": 20},
        "many": {"type": "array", "items": True, "maxItems": 2000},
        "none": {"type": "object", "properties": {}, "additionalProperties": False},
        "other": {"not": {}},
        "either": {"anyOf": [True, {"type": "null"}]},
        "map": {"type": "object", "additionalProperties": {}},
    },
}


def schemas(node: Any) -> Iterator[Any]:
    """Yield every schema in a schema."""
    yield node
    if isinstance(node, dict):
        for child in node.get("properties", {}).values():
            yield from schemas(child)
        for key in ("items", "additionalProperties"):
            if key in node and not (key == "additionalProperties" and isinstance(node[key], bool)):
                yield from schemas(node[key])
        for child in node.get("anyOf", ()):
            yield from schemas(child)


@pytest.mark.parametrize("dialect", ["llamacpp", "lmstudio"])
def test_to_02_what_a_grammar_can_not_say_is_said_otherwise(speaking: Speaking, house: Backend, dialect: str) -> None:
    body, heard = asked(speaking, house, dialect, tools=[{"name": "T", "input_schema": GRAMMAR}])
    sent = body["tools"][0]["function"]["parameters"]
    assert set(sent["properties"]) == set(GRAMMAR["properties"])
    for schema in schemas(sent):
        assert isinstance(schema, dict)
        assert {"type", "anyOf"} & set(schema), schema
        assert schema.get("properties") != {}
        assert "not" not in schema
    assert "maxLength" not in sent["properties"]["long"]
    assert "524288" in sent["properties"]["long"]["description"]
    assert sent["properties"]["short"]["maxLength"] == 20
    assert "2000" in sent["properties"]["many"]["description"]
    assert "schema-cleaned" in heard.notes


def test_to_02_a_grammar_too_large_is_asked_for_without_bounds(speaking: Speaking, house: Backend) -> None:
    client = speaking("generic")
    refusal = openai("Failed to initialize samplers: failed to parse grammar")
    house.play(picky((mentions("maxLength"), refusal)))
    heard = client.ask(model="house-grammar", tools=[{"name": "T", "input_schema": GRAMMAR}])
    assert heard.text == "geht"


# -- TO-01: nothing is lost of a schema --------------------------------------------------------------------------------


def test_to_01_types_of_other_properties_and_nulls_of_enums_stay_in_the_words(
    speaking: Speaking, house: Backend
) -> None:
    schema = {
        "type": "object",
        "properties": {
            "env": {"type": "object", "additionalProperties": {"type": "integer"}},
            "by": {"type": "object", "patternProperties": {"^x-": {"type": "boolean"}}},
            "mood": {"enum": ["gut", None]},
            "level": {"type": "integer", "enum": [1, 2]},
            "kind": {"type": "string", "enum": ["a", "b"], "enumDescriptions": ["Apfel", "Birne"]},
        },
    }
    body, _ = asked(speaking, house, "gemini", tools=[{"name": "T", "input_schema": schema}])
    sent = body["tools"][0]["function"]["parameters"]["properties"]
    assert "integer" in sent["env"]["description"]
    assert "^x-" in sent["by"]["description"]
    assert "boolean" in sent["by"]["description"]
    assert sent["mood"]["nullable"] is True
    assert "[1,2]" in sent["level"]["description"]
    assert "Birne" in sent["kind"]["description"]


def test_to_02_a_schema_a_server_can_not_read_is_said_otherwise(speaking: Speaking, house: Backend) -> None:
    client = speaking("generic")
    refusal = openai(
        "Unable to generate parser for this template. Automatic parser generation failed: JSON schema error at "
        "#/properties/next: unresolved reference"
    )
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"description": "any"}}}
    house.play(picky((lambda body: '"#"' in str(body["tools"]).replace("'", '"'), refusal)))
    heard = client.ask(model="house-converter", tools=[{"name": "T", "input_schema": schema}])
    assert heard.text == "geht"
    assert "the same shape again" in str(house.chats[-1].body["tools"]).lower()
