"""Which dialect a backend speaks: one row each, chosen by setting, by mode, by URL, else generic."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ..config import Backend
from ..translate.dialect import Dialect
from .generic import GENERIC
from .openai import AZURE, OPENAI
from .openrouter import OPENROUTER

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (GENERIC, OPENAI, AZURE, OPENROUTER)}

_HOSTS: Mapping[str, Dialect] = {
    "api.openai.com": OPENAI,
    "openrouter.ai": OPENROUTER,
}


def recognise(backend: Backend, model: str) -> Dialect:  # noqa: ARG001
    """Return the dialect of a backend for a model."""
    if backend.dialect:
        return DIALECTS[backend.dialect]
    host = urlsplit(backend.base_url).hostname or ""
    if backend.azure_api_version or host.endswith((".openai.azure.com", ".cognitiveservices.azure.com")):
        return AZURE
    return next(
        (dialect for suffix, dialect in _HOSTS.items() if host == suffix or host.endswith("." + suffix)), GENERIC
    )
