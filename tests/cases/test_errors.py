"""Cases ER-*: what a client is told when something fails, so that it does the right thing next."""

from __future__ import annotations

from typing import Any

import pytest
from tests.backend import Backend, Cut, Pause, Reply, answer, error, say
from tests.cases.conftest import asked_through
from tests.cases.picky import fresh
from tests.cases.talk import Client, both, user

STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


# -- ER-01: the envelope --------------------------------------------------------------------------------------------

BAD_BODIES: dict[str, Any] = {
    "no JSON": b"{nope",
    "nothing": b"",
    "a list": b"[]",
    "no messages": {"model": "x", "max_tokens": 5},
    "messages of text": {"model": "x", "max_tokens": 5, "messages": "hallo"},
    "no max_tokens": {"model": "x", "messages": [user("a")]},
    "a negative limit": {"model": "x", "max_tokens": -5, "messages": [user("a")]},
    "a block without type": {"model": "x", "max_tokens": 5, "messages": [{"role": "user", "content": [{"text": "a"}]}]},
    "tools of text": {"model": "x", "max_tokens": 5, "messages": [user("a")], "tools": "Bash"},
}


LIMITS = {"no max_tokens", "a negative limit"}  # counting takes none
PLACES = [
    (bad, path)
    for bad in BAD_BODIES
    for path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/v1/messages?beta=true")
    if not (bad in LIMITS and "count" in path)
]


@pytest.mark.parametrize(("bad", "path"), PLACES)
def test_er_01_a_bad_request_is_told_in_the_apis_envelope(
    backend: Backend, client: Client, bad: str, path: str
) -> None:
    body = BAD_BODIES[bad]
    raw = {"content": body} if isinstance(body, bytes) else {"json": body}
    reply = client.http.post(path, headers={"content-type": "application/json"}, **raw)
    told = reply.json()
    assert reply.status_code == 400
    assert set(told) >= {"type", "error", "request_id"}
    assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
    assert "detail" not in told
    assert backend.chats == []


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/nothing", 404, "not_found_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/files", 404, "not_found_error"),
        ("POST", "/v1/complete", 404, "not_found_error"),
        ("GET", "/v1/models/nobody", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("DELETE", "/v1/messages/count_tokens", 405, "invalid_request_error"),
    ],
)
def test_er_01_paths_and_methods_too(client: Client, method: str, path: str, status: int, kind: str) -> None:
    reply = client.http.request(method, path)
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert reply.json()["request_id"] == reply.headers["request-id"]


def test_er_01_a_wrong_client_key_is_an_authentication_error(backend: Backend) -> None:
    with asked_through(backend, ANTHROPIC_API_KEY="sk-ant-haus", HOST="127.0.0.1") as client:
        heard = client.ask(headers={"x-api-key": "sk-ant-falsch"})
        assert (heard.status, heard.error and heard.error[0]) == (401, "authentication_error")
        assert backend.chats == []


BACKENDS: dict[str, tuple[Reply, str]] = {
    "400": (error(400, "bad temperature"), "invalid_request_error"),
    "422": (Reply(422, {"detail": [{"loc": ["body", "x"], "msg": "field required"}]}), "invalid_request_error"),
    "402": (error(402, "Insufficient credits"), "billing_error"),
    "429": (error(429, "slow down", retry_after="33"), "rate_limit_error"),
    "500": (error(500, "oops"), "api_error"),
    "500 of text": (Reply(500, "Internal Server Error"), "api_error"),
    "502 of a page": (
        Reply(502, "<html><title>502 Bad Gateway</title></html>", {"content-type": "text/html"}),
        "api_error",
    ),
    "503": (error(503, "busy"), "overloaded_error"),
    "504": (error(504, "late"), "timeout_error"),
    "529": (error(529, "overloaded"), "overloaded_error"),
    "no body at all": (Reply(500), "api_error"),
}


@pytest.mark.parametrize("name", BACKENDS)
@both
def test_er_01_every_failure_of_a_backend_has_its_type(
    backend: Backend, client: Client, name: str, *, stream: bool
) -> None:
    reply, kind = BACKENDS[name]
    backend.play(lambda _: reply)
    heard = client.ask(model=fresh("failing"), stream=stream)
    assert heard.error is not None
    assert (heard.status, heard.error[0]) == (STATUS_OF[kind], kind)
    assert "Traceback" not in heard.error[1]


# -- ER-02: when to come back ---------------------------------------------------------------------------------------

WAITS: dict[str, tuple[dict[str, str], str, int]] = {
    "Retry-After": ({"retry-after": "20"}, "slow down", 20),
    "Retry-After in parts": ({"retry-after": "19.4"}, "slow down", 20),
    "retry-after-ms": ({"retry-after-ms": "21500"}, "slow down", 22),
    "OpenAI's reset": ({"x-ratelimit-reset-requests": "1m3s", "x-ratelimit-remaining-requests": "0"}, "slow down", 63),
    "words": ({}, "Rate limit reached. Please try again in 25.3s.", 26),
}


@pytest.mark.parametrize("wait", WAITS)
@both
def test_er_02_the_time_to_wait_is_handed_on(backend: Backend, client: Client, wait: str, *, stream: bool) -> None:
    headers, words, seconds = WAITS[wait]
    backend.play(lambda _: Reply(429, {"error": {"message": words, "code": "rate_limit_exceeded"}}, headers))
    heard = client.ask(stream=stream)
    assert (heard.status, heard.error and heard.error[0]) == (429, "rate_limit_error")
    assert heard.headers["retry-after"] == str(seconds)
    assert len(backend.chats) == 1


@both
def test_er_02_a_wait_of_nothing_is_no_reason_to_ask_again_at_once(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play(lambda _: error(429, "slow down", retry_after="0"))
    heard = client.ask(stream=stream)
    assert heard.status == 429
    assert "retry-after" not in heard.headers


@both
def test_er_02_a_short_wait_is_waited_here(backend: Backend, patient: Client, *, stream: bool) -> None:
    backend.play([error(429, "slow down", retry_after="0.2"), say("nun")])
    assert patient.ask(stream=stream).text == "nun"


@pytest.mark.parametrize(
    "reply",
    [
        error(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota"),
        error(402, "Insufficient credits. Add more at the settings page."),
        error(400, "Your credit balance is too low to access the API."),
        error(403, "Insufficient account balance", code="insufficient_balance"),
    ],
    ids=["OpenAI", "OpenRouter", "Anthropic", "403"],
)
@both
def test_er_02_an_empty_account_is_told_and_not_asked_again(
    backend: Backend, client: Client, reply: Reply, *, stream: bool
) -> None:
    backend.play(lambda _: reply)
    heard = client.ask(model=fresh("poor"), stream=stream)
    assert (heard.status, heard.error and heard.error[0]) == (402, "billing_error")
    assert heard.headers["x-should-retry"] == "false"
    assert len(backend.chats) == 1


# -- ER-03: 404 -----------------------------------------------------------------------------------------------------

NOT_THERE: dict[str, Reply] = {
    "a page": Reply(404, "<html><h1>404 Not Found</h1></html>", {"content-type": "text/html"}),
    "nginx's text": Reply(404, "404 page not found", {"content-type": "text/plain"}),
    "FastAPI": Reply(404, {"detail": "Not Found"}),
    "OpenAI's unknown path": error(404, "Invalid URL (POST /v1/v1/chat/completions)"),
    "nothing": Reply(404),
}


@pytest.mark.parametrize("page", NOT_THERE)
@both
def test_er_03_a_404_of_the_address_is_no_fault_of_the_model(
    backend: Backend, client: Client, page: str, *, stream: bool
) -> None:
    backend.play(lambda _: NOT_THERE[page])
    heard = client.ask(stream=stream)
    assert heard.error is not None
    assert (heard.status, heard.error[0]) == (502, "api_error")
    assert "OPENAI_BASE_URL" in heard.error[1]
    assert f"{backend.url}:" in heard.error[1]


def test_er_03_a_wrong_base_url_is_named(backend: Backend) -> None:
    with asked_through(backend, OPENAI_BASE_URL=f"{backend.root}/api/v2") as client:
        heard = client.ask()
        assert heard.status == 502
        assert heard.error is not None
        assert "OPENAI_BASE_URL" in heard.error[1]
        assert f"{backend.root}/api/v2:" in heard.error[1]


NO_MODEL: dict[str, Reply] = {
    "OpenAI": error(
        404, "The model `gpt-5.44` does not exist or you do not have access to it.", code="model_not_found"
    ),
    "Ollama": Reply(
        404, {"error": {"message": 'model "gpt-5.44" not found, try pulling it first', "type": "api_error"}}
    ),
    "vLLM": Reply(404, {"object": "error", "message": "The model `gpt-5.44` does not exist.", "type": "NotFoundError"}),
    "OpenRouter": Reply(400, {"error": {"message": "gpt-5.44 is not a valid model ID", "code": 400}}),
    "DeepSeek": error(400, "Model Not Exist"),
}


@pytest.mark.parametrize("words", NO_MODEL)
@both
def test_er_03_an_unknown_model_is_named_with_its_neighbours(
    backend: Backend, client: Client, words: str, *, stream: bool
) -> None:
    backend.play(lambda _: NO_MODEL[words])
    heard = client.ask(model="gpt-5.44", stream=stream)
    assert heard.error is not None
    assert (heard.status, heard.error[0]) == (404, "not_found_error")
    assert "gpt-5.44" in heard.error[1]
    assert heard.error[1].endswith("Near names it has: gpt-5.4.")
    assert "sk-backend" not in heard.error[1]


# -- ER-04: whose key -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Incorrect API key provided: sk-ba***end.", "code": "invalid_api_key"}},
        {"error": {"message": "User not found.", "code": 401}},
        {"detail": "Unauthorized"},
        "Unauthorized",
    ],
    ids=["OpenAI", "OpenRouter", "FastAPI", "text"],
)
@both
def test_er_04_the_backends_key_is_not_the_clients(
    backend: Backend, client: Client, status: int, body: Any, *, stream: bool
) -> None:
    backend.play(lambda _: Reply(status, body))
    heard = client.ask(stream=stream)
    assert heard.error is not None
    assert heard.status not in (401, 403)
    assert heard.error[0] not in ("authentication_error", "permission_error")
    assert "OPENAI_API_KEY" in heard.error[1]
    assert backend.key not in heard.error[1]
    assert len(backend.chats) == 1


def test_er_04_a_key_the_backend_does_not_know(backend: Backend) -> None:
    with asked_through(backend, OPENAI_API_KEY="sk-veraltet-und-geheim") as client:
        heard = client.ask(stream=True)
        assert heard.status == 502
        assert "sk-veraltet-und-geheim" not in heard.raw.decode()
        assert "sk-veraltet-und-geheim" not in client.log()


# -- ER-05, ER-06 ---------------------------------------------------------------------------------------------------

BUSY: dict[str, Reply] = {
    "503": error(503, "The server is currently unavailable"),
    "529": error(529, "Overloaded", kind="overloaded_error"),
    "500 that says so": error(500, "The engine is currently overloaded, please try again later"),
    "a model that loads": Reply(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
    "no provider": error(503, "No available providers at the moment"),
}


@pytest.mark.parametrize("busy", BUSY)
@both
def test_er_05_an_overload_is_an_overload(backend: Backend, patient: Client, busy: str, *, stream: bool) -> None:
    backend.play(lambda _: Reply(BUSY[busy].status, BUSY[busy].body, {"retry-after": "0"}))
    heard = patient.ask(stream=stream)
    assert (heard.status, heard.error and heard.error[0]) == (529, "overloaded_error")
    assert len(backend.chats) == 2, "asked once more, as MAX_RETRIES says"


@both
def test_er_05_an_overload_that_passes_is_not_seen(backend: Backend, patient: Client, *, stream: bool) -> None:
    backend.play([error(503, "busy", retry_after="0"), say("nun")])
    assert patient.ask(stream=stream).text == "nun"


FAILING: dict[str, tuple[Any, int]] = {
    "a 429 at once": (error(429, "slow", retry_after="60"), 429),
    "a late 500": (Reply(500, {"error": {"message": "oops"}}, before=(Pause(0.3),)), 500),
    "a broken connection": (answer(before=(Cut(),)), 500),
    "a connection closed without a word": (answer(before=(Cut(reset=False),)), 500),
}


@pytest.mark.parametrize("name", FAILING)
def test_er_06_a_failure_before_the_first_event_is_a_status(backend: Backend, client: Client, name: str) -> None:
    step, status = FAILING[name]
    backend.play(lambda _: step)
    heard = client.ask(stream=True)
    assert heard.status // 100 == status // 100
    assert heard.headers["content-type"] == "application/json"


def test_er_06_nobody_at_the_address_is_a_status(backend: Backend) -> None:
    with asked_through(backend, OPENAI_BASE_URL="http://127.0.0.1:9/v1") as client:
        heard = client.ask(stream=True)
        assert heard.status >= 500
        assert heard.error is not None
        assert "127.0.0.1:9" in heard.error[1] or "OPENAI_BASE_URL" in heard.error[1]


def test_er_06_a_status_waits_only_so_long(backend: Backend) -> None:
    late = Reply(500, {"error": {"message": "zu spät"}}, before=(Pause(1.2),))
    backend.play(lambda _: late)
    with asked_through(backend, COMMIT_AFTER="0.3") as client:
        heard = client.ask(stream=True)
        assert heard.status == 200
        assert heard.error is not None
        assert heard.error[0] == "api_error"
        assert heard.events()[0]["type"] == "ping"
