"""Why a call failed, and what to do: the error's own words where they say it, else by its status. Pure."""

from __future__ import annotations

from ..backend_tables import DEFAULT_NAME
from ..endpoint import Backend
from ..errors import ContextOverflowError, ProxyError
from .inside import PATIENCE, Reply

_KEY_REFUSED = ("The backend key was rejected", "The backend refused access")

_REMEDIES = {
    400: "The backend refused the request: its words say why",
    402: "Add credit to the backend's account, or use another account's key as {key}",
    404: "Set {model} to a model this backend has",
    413: "The backend takes only short requests: use another one",
    429: "Wait, or raise the backend's rate limit",
    502: "Check {url}, that the server runs, and {key}",
    504: "Check {url} and the network; a slow local model may need a longer FIRST_BYTE_TIMEOUT",
    529: "The backend is overloaded or still loads the model: try again",
}


def key_setting(backend: Backend) -> str:
    """Return what a person calls the key of a backend."""
    return "OPENAI_API_KEY" if backend.name == DEFAULT_NAME else f"the key of backend {backend.name}"


def url_setting(backend: Backend) -> str:
    """Return what a person calls the base URL of a backend."""
    return "OPENAI_BASE_URL" if backend.name == DEFAULT_NAME else f"the base URL of backend {backend.name}"


def told(reply: Reply, backend: Backend, setting: str) -> tuple[str, str]:
    """Return what went wrong and its remedy. setting: the one that names the model."""
    error = reply.error
    if error is None:
        return f"no end of an answer within {PATIENCE:.0f} s", "Try again when the model is loaded, or use a faster one"
    if isinstance(error, ContextOverflowError):
        return error.message, "Give the model a larger window: Claude Code's own prompt is far longer than this one"
    for verb in ("Check", "Add"):
        words, found, remedy = error.message.rpartition(f" {verb} ")
        if found:
            return words, f"{verb} {remedy.rstrip('.')}"
    general = _REMEDIES.get(error.status, "Try again; the backend's own log may say more")
    names = {"key": key_setting(backend), "url": url_setting(backend), "model": setting}
    return error.message, general.format(**names)


def is_key_refused(error: ProxyError | None) -> bool:
    """Tell whether a call failed for the key."""
    return error is not None and error.message.startswith(_KEY_REFUSED)


def is_unreached(error: ProxyError | None) -> bool:
    """Tell whether a call failed before a backend said anything."""
    return error is not None and getattr(error, "upstream_status", 0) is None


def is_wrong_address(error: ProxyError | None) -> bool:
    """Tell whether there are no chat completions where a call went."""
    return getattr(error, "kind", "") == "address"


def is_refused_model(error: ProxyError | None) -> bool:
    """Tell whether a backend does not have a model."""
    return error is not None and error.status == 404  # noqa: PLR2004
