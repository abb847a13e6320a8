"""Where a backend's endpoints are: OpenAI's paths, and the three forms of an Azure address."""

from __future__ import annotations

import httpx2
import pytest
from tests.asgi import settings
from tests.backend import Backend as Scripted
from tests.backend import say
from tests.messages_api import HELLO
from tests.proxy_process import proxy_for

from claude_code_proxy.backends.address import chat_url, headers, models_url
from claude_code_proxy.config import Backend
from claude_code_proxy.dialects import recognise

AZURE = "https://res.openai.azure.com"
DATED = "2024-10-21"


class At:
    """A backend's address and key."""

    key = "sk-backend"

    def __init__(self, url: str) -> None:
        self.url = url


def backend_at(url: str, version: str = "", **env: str) -> Backend:
    """Return the backend that these settings describe."""
    return settings(At(url), AZURE_API_VERSION=version, **env).default_backend


@pytest.mark.parametrize(
    ("given", "chat", "models"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/models"),
        (
            "https://api.openai.com/v1/",
            "https://api.openai.com/v1/chat/completions",
            "https://api.openai.com/v1/models",
        ),
        ("http://h:1/v1/chat/completions", "http://h:1/v1/chat/completions", "http://h:1/v1/models"),
        ("http://h:1", "http://h:1/chat/completions", "http://h:1/models"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions", "http://[::1]:8000/v1/models"),
        (
            "https://h/deployments/x/v1",
            "https://h/deployments/x/v1/chat/completions",
            "https://h/deployments/x/v1/models",
        ),
    ],
)
def test_openais_paths_follow_the_base_url(given: str, chat: str, models: str) -> None:
    backend = backend_at(given)
    assert (chat_url(backend, "gpt-5.4"), models_url(backend)) == (chat, models)


@pytest.mark.parametrize(
    ("given", "chat", "models"),
    [
        (AZURE, "/openai/deployments/my-gpt/chat/completions", "/openai/models"),
        (AZURE + "/", "/openai/deployments/my-gpt/chat/completions", "/openai/models"),
        (AZURE + "/openai", "/openai/deployments/my-gpt/chat/completions", "/openai/models"),
        (AZURE + "/openai/deployments/other", "/openai/deployments/other/chat/completions", "/openai/models"),
        (
            AZURE + "/openai/deployments/other/chat/completions?api-version=2023-05-15",
            "/openai/deployments/other/chat/completions",
            "/openai/models",
        ),
        (
            "https://gate.example/openai-team/openai/deployments/other",
            "https://gate.example/openai-team/openai/deployments/other/chat/completions",
            "https://gate.example/openai-team/openai/models",
        ),
    ],
)
def test_azures_classic_paths_name_the_deployment_and_the_version(given: str, chat: str, models: str) -> None:
    backend = backend_at(given, DATED)
    root = "" if chat.startswith("https") else AZURE
    version = f"?api-version={DATED}"
    assert chat_url(backend, "my-gpt") == root + chat + version
    assert models_url(backend) == root + models + version


@pytest.mark.parametrize("given", [AZURE + "/openai/v1", AZURE + "/openai/v1/", AZURE + "/openai/v1/chat/completions"])
@pytest.mark.parametrize(("version", "query"), [(DATED, ""), ("preview", "?api-version=preview")])
def test_azures_v1_has_the_model_in_the_body_and_no_dated_version(given: str, version: str, query: str) -> None:
    """The v1 API needs no version; one it does not know it refuses."""
    backend = backend_at(given, version)
    assert chat_url(backend, "my-gpt") == f"{AZURE}/openai/v1/chat/completions{query}"
    assert models_url(backend) == f"{AZURE}/openai/v1/models{query}"


@pytest.mark.parametrize(
    "name", ["a/b", "../../admin", "a?b=c", "a#b", "a b", "a%2fb", "модель", "a\r\nx: y", "a\x00b", "a;b", "a@b", ""]
)
def test_a_model_name_stays_one_part_of_the_path(name: str) -> None:
    url = httpx2.URL(chat_url(backend_at(AZURE, DATED), name))
    assert url.host == "res.openai.azure.com"
    assert url.raw_path.count(b"/") == 5
    assert url.raw_path.endswith(f"/chat/completions?api-version={DATED}".encode())
    assert b".." not in url.raw_path or b"..%2F" in url.raw_path


# -- headers ------------------------------------------------------------------------------------------------------------


def sent(backend: Backend, *, stream: bool = False) -> dict[str, str]:
    return headers(backend, recognise(backend, "gpt-5.4"), stream=stream)


def test_openai_gets_a_bearer_token_and_azure_an_api_key() -> None:
    plain, azure = sent(backend_at("https://api.openai.com/v1")), sent(backend_at(AZURE, DATED))
    assert (plain["Authorization"], "api-key" in plain) == ("Bearer sk-backend", False)
    assert (azure["api-key"], "Authorization" in azure) == ("sk-backend", False)


def test_a_stream_is_asked_for_as_one_and_unpacked() -> None:
    """A packed stream comes in lumps."""
    backend = backend_at("https://api.openai.com/v1")
    assert (sent(backend, stream=True)["Accept"], sent(backend)["Accept"]) == ("text/event-stream", "application/json")
    assert sent(backend, stream=True)["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("CUSTOM_HEADER_AUTHORIZATION", "authorization"),
        ("CUSTOM_HEADER_USER_AGENT", "user-agent"),
        ("CUSTOM_HEADER_ACCEPT", "accept"),
        ("CUSTOM_HEADER_X_TEAM", "x-team"),
    ],
)
def test_a_custom_header_wins_whatever_its_case(variable: str, name: str) -> None:
    headers_sent = sent(backend_at("https://api.openai.com/v1", **{variable: "mine"}))
    found = [value for header, value in headers_sent.items() if header.lower() == name]
    assert found == ["mine"]


def test_azure_is_asked_where_a_pasted_address_says() -> None:
    with Scripted([say("hello")]) as backend:
        url = f"{backend.root}/openai/deployments/pasted/chat/completions?api-version=2023-05-15"
        with proxy_for(backend, OPENAI_BASE_URL=url, AZURE_API_VERSION=DATED, BIG_MODEL="big") as proxy:
            asked = {**HELLO, "model": "claude-opus-5"}
            assert httpx2.post(f"{proxy.url}/v1/messages", json=asked, trust_env=False).status_code == 200
    assert backend.chats[0].path == "/openai/deployments/pasted/chat/completions"
    assert backend.chats[0].query == {"api-version": DATED}
    assert backend.chats[0].headers["api-key"] == backend.key
