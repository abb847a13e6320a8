"""web_search on backends that search the web themselves: what they are asked, and the blocks a client gets (case TO-09)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.backend import Backend
from tests.backend.script import Reply

from .conftest import Speaking
from .talk import BASH, Client, both, user

WEB = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
PAGES = [
    {"url": "https://a.test/1", "title": "Eins", "content": "Es regnet.", "start_index": 0, "end_index": 4},
    {"url": "https://b.test/2", "title": "", "start_index": 5, "end_index": 9},
    {"url": "https://a.test/1", "title": "Eins", "content": "Noch immer.", "start_index": 10, "end_index": 12},
]
ANNOTATIONS = [{"type": "url_citation", "url_citation": page} for page in PAGES]
USAGE = {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59}
QUERY = "Perform a web search for the query: Wetter in Žilina"
"""As Claude Code's WebSearch asks."""


def answered(*pieces: dict[str, Any], counted: Any = USAGE, stream: bool) -> Any:
    """Return the backend's answer of these deltas, as a stream or in one message of all of them."""
    if stream:
        chunks = [{"choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": counted}
        frames = b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in [*chunks, last])
        return Reply(200, frames + b"data: [DONE]\n\n", {"content-type": "text/event-stream"})
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for piece in pieces:
        message = {**message, **piece, "content": message["content"] + piece.get("content", "")}
    return Reply(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": counted})


@pytest.fixture
def searching(house: Backend, speaking: Speaking) -> tuple[Backend, Client]:
    return house, speaking("openrouter")


def searched(heard: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the call and the result of an answer that has one of each."""
    (call,) = [block for block in heard.content if block["type"] == "server_tool_use"]
    (result,) = [block for block in heard.content if block["type"] == "web_search_tool_result"]
    assert call["id"] == result["tool_use_id"]
    assert call["id"].startswith("srvtoolu_")
    assert heard.content.index(result) == heard.content.index(call) + 1
    return call, result


@both
@pytest.mark.parametrize("choice", [None, {"type": "tool", "name": "web_search"}, {"type": "auto"}])
def test_to_09_openrouter_searches_with_its_own_tool(searching: Any, choice: Any, *, stream: bool) -> None:
    backend, client = searching
    counted = {**USAGE, "server_tool_use": {"web_search_requests": 2}}
    words = [{"content": "Es "}, {"content": "regnet."}, {"annotations": ANNOTATIONS}]
    backend.play([answered(*words, counted=counted, stream=stream)])
    heard = client.ask(tools=[WEB], tool_choice=choice, stream=stream, messages=[user(QUERY)])
    body = backend.chats[0].body
    assert body["tools"] == [{"type": "openrouter:web_search", "parameters": {"max_uses": 8}}]
    forced = {"type": "openrouter:web_search"} if choice is not None and "name" in choice else None
    assert body.get("tool_choice") == forced
    assert "choice-unmet" not in heard.notes
    call, result = searched(heard)
    assert call["input"] == {"query": "Wetter in Žilina"}
    assert [(page["type"], page["url"], page["title"]) for page in result["content"]] == [
        ("web_search_result", "https://a.test/1", "Eins"),
        ("web_search_result", "https://b.test/2", "https://b.test/2"),
    ]
    assert all(isinstance(page["encrypted_content"], str) for page in result["content"])
    assert heard.text == "Es regnet."
    assert heard.usage["server_tool_use"] == {"web_search_requests": 2, "web_fetch_requests": 0}
    assert heard.stop == "end_turn"
    assert "search-hosted" in heard.notes
    (cited,) = [block["citations"] for block in heard.content if block["type"] == "text"]
    assert [(one["type"], one["url"], one["cited_text"]) for one in cited] == [
        ("web_search_result_location", "https://a.test/1", "Es regnet."),
        ("web_search_result_location", "https://b.test/2", ""),
        ("web_search_result_location", "https://a.test/1", "Noch immer."),
    ]


def test_to_09_pages_known_before_the_text_stand_before_it(searching: Any) -> None:
    backend, client = searching
    for stream in (True, False):
        backend.play([answered({"annotations": ANNOTATIONS}, {"content": "Es regnet."}, stream=stream)])
        heard = client.ask(tools=[WEB], stream=stream, messages=[user(QUERY)])
        assert heard.kinds == ["server_tool_use", "web_search_tool_result", "text"]
        assert len(heard.content[2]["citations"]) == 3
        assert heard.usage["server_tool_use"]["web_search_requests"] == 1


def test_to_09_text_is_not_held_back_for_pages(searching: Any) -> None:
    backend, client = searching
    backend.play([answered({"content": "Es "}, {"content": "regnet."}, {"annotations": ANNOTATIONS}, stream=True)])
    heard = client.ask(tools=[WEB], stream=True, messages=[user(QUERY)])
    assert heard.kinds == ["text", "server_tool_use", "web_search_tool_result"]


@both
def test_to_09_limits_of_a_search_reach_openrouter(searching: Any, *, stream: bool) -> None:
    backend, client = searching
    place = {"type": "approximate", "city": "Žilina", "country": "SK", "timezone": "Europe/Bratislava"}
    backend.play(lambda _: answered({"content": "ja"}, stream=stream))
    client.ask(tools=[{**WEB, "allowed_domains": ["a.test"], "user_location": place}, BASH], stream=stream)
    client.ask(tools=[{**WEB, "type": "web_search_20260318", "blocked_domains": ["b.test"]}], stream=stream)
    first, second = (chat.body["tools"] for chat in backend.chats[-2:])
    assert [tool["type"] for tool in first] == ["function", "openrouter:web_search"]
    assert first[1]["parameters"] == {"max_uses": 8, "allowed_domains": ["a.test"], "user_location": place}
    assert second[0]["parameters"] == {"max_uses": 8, "excluded_domains": ["b.test"]}


@both
def test_to_09_an_answer_without_a_search_has_no_result(searching: Any, *, stream: bool) -> None:
    backend, client = searching
    counted = {**USAGE, "server_tool_use": {"web_search_requests": 0}}
    backend.play([answered({"content": "42"}, counted=counted, stream=stream)])
    heard = client.ask(tools=[WEB, BASH], stream=stream)
    assert heard.kinds == ["text"]
    assert heard.usage["server_tool_use"]["web_search_requests"] == 0


FORCED = {"type": "tool", "name": "web_search"}


@both
@pytest.mark.parametrize(
    ("dialect", "model"), [("openrouter", "a/b"), ("openai", "gpt-5-search-api"), ("perplexity", "s")]
)
def test_to_09_a_demanded_search_that_was_none_is_noted(
    house: Backend, speaking: Speaking, dialect: str, model: str, *, stream: bool
) -> None:
    client = speaking(dialect)
    house.play(lambda _: answered({"content": "42"}, stream=stream))
    heard = client.ask(model=model, tools=[WEB], tool_choice=FORCED, stream=stream)
    assert "choice-unmet" in heard.notes
    assert "choice-unmet" not in client.ask(model=model, tools=[WEB], stream=stream).notes


def test_to_09_where_a_search_can_not_be_forced_it_is_asked_for_in_words(house: Backend, speaking: Speaking) -> None:
    def play(received: Any) -> Any:
        told = {"error": {"message": "Invalid value for tool_choice: unsupported", "param": "tool_choice"}}
        chosen = "tool_choice" in received.body
        return Reply(400, told) if chosen else answered({"annotations": ANNOTATIONS}, {"content": "ja"}, stream=False)

    client = speaking("openrouter")
    house.play(play)
    heard = client.ask(model="a/c", tools=[WEB], tool_choice=FORCED)
    assert heard.text == "ja"
    assert "Search the web before you answer." in json.dumps(house.chats[-1].body["messages"])
    assert "tool-choice" in heard.notes


@both
def test_to_09_a_search_that_found_nothing_has_an_empty_result(searching: Any, *, stream: bool) -> None:
    backend, client = searching
    counted = {**USAGE, "server_tool_use": {"web_search_requests": 1}}
    backend.play([answered({"content": "nichts"}, counted=counted, stream=stream)])
    assert searched(client.ask(tools=[WEB], stream=stream))[1]["content"] == []


@both
def test_to_09_an_answer_with_pages_can_be_sent_back(searching: Any, *, stream: bool) -> None:
    backend, client = searching
    backend.play(lambda _: answered({"content": "Es regnet."}, {"annotations": ANNOTATIONS}, stream=stream))
    first = client.ask(tools=[WEB], stream=stream, messages=[user(QUERY)])
    again = client.ask(tools=[WEB], stream=stream, messages=[user(QUERY), first.turn(), user("Und morgen?")])
    assert again.error is None
    assert "https://a.test/1" in json.dumps(backend.chats[-1].body["messages"])


@both
@pytest.mark.parametrize("model", ["gpt-4o-search-preview", "gpt-5-search-api"])
def test_to_09_openais_search_models_are_told_where_the_user_is(
    house: Backend, speaking: Speaking, model: str, *, stream: bool
) -> None:
    place = {"type": "approximate", "city": "Žilina", "country": "SK"}
    client = speaking("openai")
    house.play([answered({"content": "Es regnet."}, {"annotations": ANNOTATIONS}, stream=stream)])
    heard = client.ask(
        model=model,
        temperature=0.5,
        tools=[{**WEB, "allowed_domains": ["a.test"], "user_location": place}],
        stream=stream,
    )
    body = house.chats[0].body
    approximate = {"city": "Žilina", "country": "SK"}
    assert body["web_search_options"] == {"user_location": {"type": "approximate", "approximate": approximate}}
    assert "tools" not in body
    assert "temperature" not in body
    assert len(searched(heard)[1]["content"]) == 2
    assert heard.usage["server_tool_use"]["web_search_requests"] == 1
    assert "search-limits" in heard.notes


@both
def test_to_09_perplexity_searches_in_any_case(house: Backend, speaking: Speaking, *, stream: bool) -> None:
    pages = {"search_results": [{"url": "https://a.test/1", "title": "Eins"}]}
    client = speaking("perplexity")
    reply = answered({"content": "Es regnet."}, stream=stream)
    if stream:
        body = reply.body.replace(b'"usage"', json.dumps(pages)[1:-1].encode() + b', "usage"')
    else:
        body = {**reply.body, **pages}
    house.play([Reply(200, body, reply.headers)])
    heard = client.ask(model="sonar-pro", tools=[WEB], stream=stream)
    assert "tools" not in house.chats[0].body
    assert [page["url"] for page in searched(heard)[1]["content"]] == ["https://a.test/1"]


@pytest.mark.parametrize("dialect", ["openai", "deepseek", "generic", "ollama"])
def test_to_09_elsewhere_the_search_says_that_it_failed(house: Backend, speaking: Speaking, dialect: str) -> None:
    client = speaking(dialect)
    house.play([answered({"content": "Ich konnte nicht suchen."}, stream=False)])
    heard = client.ask(model="gpt-5.4", tools=[WEB])
    assert searched(heard)[1]["content"] == {"type": "web_search_tool_result_error", "error_code": "unavailable"}


@both
@pytest.mark.parametrize("name", ["web_search", "openrouter:web_search"])
def test_to_09_a_search_the_backend_hands_back_is_no_call_of_the_clients(
    searching: Any, name: str, *, stream: bool
) -> None:
    backend, client = searching
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": name, "arguments": '{"query":"Wetter"}'}}
    backend.play([answered({"content": "Ich suche."}, {"tool_calls": [call]}, counted=USAGE, stream=stream)])
    heard = client.ask(tools=[WEB, BASH], stream=stream, messages=[user(QUERY)])
    assert heard.kinds == ["text", "server_tool_use", "web_search_tool_result"]
    asked, result = searched(heard)
    assert asked["input"] == {"query": "Wetter"}
    assert result["content"] == {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    assert heard.stop == "end_turn"
    assert heard.usage["server_tool_use"]["web_search_requests"] == 0


@both
def test_to_09_a_search_that_was_handed_back_and_served_has_its_pages(searching: Any, *, stream: bool) -> None:
    backend, client = searching
    call = {"index": 0, "id": "a", "function": {"name": "web_search", "arguments": '{"query":"Wetter"}'}}
    backend.play([answered({"tool_calls": [call]}, {"annotations": ANNOTATIONS}, stream=stream)])
    _, result = searched(client.ask(tools=[WEB, BASH], stream=stream, messages=[user(QUERY)]))
    assert len(result["content"]) == 2
