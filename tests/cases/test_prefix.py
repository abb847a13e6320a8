"""Case CX-07: what a backend was sent in one turn begins what it is sent in the next, so that its prefix cache lives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest
from tests.backend import Backend, say
from tests.cases.conftest import Speaking, asked, asked_through
from tests.cases.talk import BASH, Client, assistant, result, text, use, user
from tests.strict_openai import problems

MARK = {"cache_control": {"type": "ephemeral"}}
MARKERS = ("cache_control", "prompt_cache_breakpoint")
DIALECTS = ["openrouter", "openai", "vllm", "deepseek", "mistral", "generic"]


def lenient(body: Mapping[str, Any]) -> list[str]:
    return problems(
        body,
        top_level={"plugins", "session_id", "reasoning", "chat_template_kwargs", "thinking", "top_k", "cache_control"},
        message={"reasoning_content", "reasoning", "reasoning_details"},
        part={"cache_control", "thinking"},
    )


@pytest.fixture(scope="module", params=DIALECTS)
def session(request: pytest.FixtureRequest) -> Iterator[tuple[Backend, Client]]:
    """A backend that answers anything legal, and a client of a proxy that takes it for one of this dialect."""
    models = {"BIG_MODEL": "gpt-5.4", "MIDDLE_MODEL": "gpt-5.4", "SMALL_MODEL": "gpt-5.4"}
    with Backend(rules=lenient) as backend, asked_through(backend, DIALECT=request.param, **models) as client:
        backend.play(lambda _: say("gut"))
        yield backend, client
        assert backend.illegal == []


def marked(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with a cache marker on its last block, where Claude Code puts it."""
    *before, last = message["content"]
    return {**message, "content": [*before, {**last, **MARK}]}


def unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key not in MARKERS}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


TURNS: list[list[dict[str, Any]]] = [
    [user("Räum auf.")],
    [assistant("Ich sehe nach.", use("toolu_1", "Bash", command="ls")), user(result("toolu_1", "a b c"))],
    [assistant(use("toolu_2", "Bash", command="rm a")), user(result("toolu_2", [text("weg"), text("fertig")]))],
    [{"role": "system", "content": [text("Der Nutzer sieht zu.")]}],
    [assistant("Erledigt.", "Noch etwas?"), user("Ja.", "Auch b.")],
    [assistant(use("toolu_3", "Bash", command="")), user(result("toolu_3", ""), "und?")],
]


def test_cx_07_a_marker_that_moves_changes_no_byte_but_itself(session: tuple[Backend, Client]) -> None:
    backend, client = session
    history: list[dict[str, Any]] = []
    bodies = []
    for turn in TURNS:
        history += turn
        client.ask(messages=[*history[:-1], marked(history[-1])], system=[text("Du hilfst.", **MARK)], tools=[BASH])
        bodies.append(backend.chats[-1].body)
    for earlier, later in pairwise(bodies):
        before, after = unmarked(earlier["messages"]), unmarked(later["messages"])
        assert json.dumps(after[: len(before)]) == json.dumps(before)
        assert earlier["tools"] == later["tools"]


BILLING = "x-anthropic-billing-header: cc_version=2.1.330.{}; cc_entrypoint=cli; cch={};"


@pytest.mark.parametrize("joined", [False, True], ids=["a block of its own", "before the prompt"])
def test_cx_07_the_billing_line_is_not_sent(session: tuple[Backend, Client], *, joined: bool) -> None:
    backend, client = session
    sent = []
    for nonce in "a1f", "07c":
        line = BILLING.format(nonce, nonce * 2)
        system = [text(f"{line}\nDu hilfst.")] if joined else [text(line), text("Du hilfst.", **MARK)]
        assert "attribution-dropped" in client.ask(system=system).notes
        sent.append(unmarked(backend.chats[-1].messages))
    assert sent[0] == sent[1]
    assert not re.search("billing|cch=", json.dumps(sent))


MARKED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def marks(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the texts of a body that carry a cache marker, with it."""
    parts = [
        part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]
    ]
    return [(part["text"], part["cache_control"]) for part in parts if "cache_control" in part]


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4.5", "google/gemini-2.5-pro", "qwen/qwen3-coder"])
def test_cx_07_openrouter_gets_the_clients_own_cache_markers(house: Backend, speaking: Speaking, model: str) -> None:
    body, _ = asked(
        speaking,
        house,
        "openrouter",
        model=model,
        system=[{"type": "text", "text": "Du bist ein Gärtner.", **MARKED}],
        messages=[user("a"), assistant("b"), user({"type": "text", "text": "c", **MARKED})],
    )
    assert marks(body) == [("Du bist ein Gärtner.", MARKED["cache_control"]), ("c", MARKED["cache_control"])]
    assert "prompt_cache_breakpoint" not in json.dumps(body)


@pytest.mark.parametrize("dialect", ["generic", "vllm", "deepseek", "groq"])
def test_cx_07_others_get_no_marker(house: Backend, speaking: Speaking, dialect: str) -> None:
    marked = {"type": "text", "text": "c", **MARKED}
    body, _ = asked(speaking, house, dialect, system=[marked], messages=[user(marked)])
    assert "cache_control" not in json.dumps(body)
