"""GET /test-connection: success, or the cause with the setting that mends it."""

from __future__ import annotations

import httpx2
from tests.backend import Backend, error, say
from tests.proxy_process import free_port, start_proxy


def connection_with(**env: str) -> httpx2.Response:
    """Return /test-connection's answer from a proxy with these settings."""
    settings = {"OPENAI_API_KEY": "sk-backend", "MAX_RETRIES": "0", **env}
    with start_proxy(settings) as proxy:
        return httpx2.get(f"{proxy.url}/test-connection", timeout=30, trust_env=False)


def test_a_good_connection_is_a_success(backend: Backend) -> None:
    backend.play([say("hello")])
    reply = connection_with(OPENAI_BASE_URL=backend.url, SMALL_MODEL="tiny-model")
    assert (reply.status_code, reply.json()["status"]) == (200, "success")
    assert [asked.model for asked in backend.chats] == ["tiny-model"]
    assert backend.illegal == []


def test_a_wrong_key_is_named_with_its_variable(backend: Backend) -> None:
    reply = connection_with(OPENAI_BASE_URL=backend.url, OPENAI_API_KEY="sk-wrong-and-secret")
    assert reply.status_code == 503
    assert "OPENAI_API_KEY" in reply.text
    assert "sk-wrong-and-secret" not in reply.text
    assert reply.json()["remedy"] == "Check OPENAI_API_KEY: the backend's key, not the client's."


def test_a_missing_model_is_named_with_its_variable() -> None:
    with Backend(models={"known": 8192}, any_model=False) as backend:
        reply = connection_with(OPENAI_BASE_URL=backend.url, SMALL_MODEL="gpt-unknown")
    assert reply.status_code == 503
    assert "gpt-unknown" in reply.text
    assert "SMALL_MODEL" in reply.text


def test_an_unreachable_backend_is_named_with_its_variable() -> None:
    reply = connection_with(OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    assert reply.status_code == 503
    assert "OPENAI_BASE_URL" in reply.text


def test_a_wrong_base_path_is_named_with_its_variable(backend: Backend) -> None:
    reply = connection_with(OPENAI_BASE_URL=f"{backend.root}/not/here")
    assert reply.status_code == 503
    assert "OPENAI_BASE_URL" in reply.text


def test_a_failure_inside_of_the_backend_is_nobodys_setting(backend: Backend) -> None:
    backend.play([error(500, "it broke")])
    told = connection_with(OPENAI_BASE_URL=backend.url).json()
    assert told["message"] == "it broke"
    assert told["remedy"] == "Try again; the backend's own log may say more."
