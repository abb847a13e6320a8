"""Why a call failed, and what to do: the error's own words where they say it, else by its status. Pure."""

from __future__ import annotations

from ..endpoint import Backend
from ..errors import ContextOverflowError, ProxyError
from ..remedies import key_setting, url_setting
from ..remedies import remedy as remedy_of
from .inside import PATIENCE, Reply

_KEY_REFUSED = ("The backend key was rejected", "The backend refused access")


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
    general = remedy_of(error.type, error.status, key=key_setting(backend), url=url_setting(backend), model=setting)
    return error.message, general.rstrip(".")


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
