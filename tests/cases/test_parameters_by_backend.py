"""Cases PA-05, PA-08, PA-09 at every kind of backend: what a model's thinking needs, and what it can be told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from tests.backend import Backend, say
from tests.cases.conftest import Speaking, asked, asked_through
from tests.cases.talk import BASH, Client, both

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
    assert "reasoning_effort" not in body
    assert {"effort-clamped", "thinking-unsupported"} & set(heard.notes) == {"effort-clamped"}


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
