"""Where a backend's endpoints are, and what identifies us there. Pure."""

from __future__ import annotations

from urllib.parse import quote

from .. import __version__
from ..config import Backend
from ..translate.dialect import Dialect


def chat_url(backend: Backend, model: str) -> str:
    """Return the URL of chat completions.

    Azure mode knows three forms: the bare resource (deployments by model name), a URL that already names its
    deployment, and the v1 API, where the model stands in the body.
    """
    base = backend.base_url
    if not backend.azure_api_version:
        return f"{base}/chat/completions"
    if "/deployments/" not in base and not base.endswith("/openai/v1"):
        base = f"{base.removesuffix('/openai')}/openai/deployments/{quote(model, safe='')}"
    return f"{base}/chat/completions?api-version={quote(backend.azure_api_version, safe='')}"


def models_url(backend: Backend) -> str:
    """Return the URL of the model list."""
    if not backend.azure_api_version:
        return f"{backend.base_url}/models"
    root = backend.base_url.split("/openai")[0]
    return f"{root}/openai/models?api-version={quote(backend.azure_api_version, safe='')}"


def headers(backend: Backend, dialect: Dialect, *, stream: bool) -> dict[str, str]:
    """Return the headers of a request; a backend's own headers (CUSTOM_HEADER_*) win."""
    sent = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if stream else "application/json",
        "Accept-Encoding": "identity" if stream else "gzip, deflate",
        "User-Agent": f"claude-code-proxy/{__version__}",
    }
    if backend.azure_api_version or dialect.auth_header == "api-key":
        sent["api-key"] = backend.key
    else:
        sent["Authorization"] = f"Bearer {backend.key}"
    own = {name.lower() for name in backend.headers}
    return {name: value for name, value in sent.items() if name.lower() not in own} | dict(backend.headers)
