"""What to do about each kind of failure: for the live page, /test-connection, `doctor` and `run`. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .backend_tables import DEFAULT_NAME
from .endpoint import Backend

_BROKE = 500  # inside of the backend: nothing of a person's is wrong

REMEDIES: Mapping[str, str] = {
    "invalid_request_error": "The backend refused the request: its words say why.",
    "authentication_error": "The client's key is not the proxy's ANTHROPIC_API_KEY.",
    "billing_error": "Add credit to the backend's account, or set {key} to another one's key.",
    "permission_error": "Check what {key} is allowed to do.",
    "not_found_error": "Set {model} to a model this backend has, as /v1/models lists them.",
    "timeout_error": "Check {url} and the network; a slow local model may need a longer FIRST_BYTE_TIMEOUT.",
    "conflict_error": "The backend was busy with the same thing: try again.",
    "request_too_large": "Send less at once: /compact in Claude Code; or use a backend that takes longer requests.",
    "rate_limit_error": "Wait, raise the backend's rate limit, or name more keys or backends to fail over to.",
    "overloaded_error": "The backend is overloaded or still loads the model: try again, or name one to fail over to.",
    "api_error": "Check {url}, that the server runs, and {key}.",
}
"""By Anthropic's error types. key, url, model: how the settings are called that may be wrong."""


def remedy(
    kind: str, status: int = 0, *, key: str = "the backend's key", url: str = "its base URL", model: str = "the tier"
) -> str:
    """Return what to do about a type of error, "" for an unknown one. status: the client's, which may say more."""
    if status == _BROKE:
        return "Try again; the backend's own log may say more."
    return REMEDIES.get(kind, "").format(key=key, url=url, model=model)


def key_setting(backend: Backend) -> str:
    """Return what a person calls the key of a backend."""
    return "OPENAI_API_KEY" if backend.name == DEFAULT_NAME else f"the key of backend {backend.name}"


def url_setting(backend: Backend) -> str:
    """Return what a person calls the base URL of a backend."""
    return "OPENAI_BASE_URL" if backend.name == DEFAULT_NAME else f"the base URL of backend {backend.name}"
