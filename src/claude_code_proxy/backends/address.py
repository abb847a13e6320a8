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
    if backend.azure_api_version and "/deployments/" not in base and not _is_v1(base):
        base = f"{base.removesuffix('/openai')}/openai/deployments/{quote(model, safe='')}"
    version = _version(backend) if backend.azure_api_version else ""
    return f"{base}/chat/completions{version}"


def models_url(backend: Backend) -> str:
    """Return the URL of the model list."""
    base = backend.base_url
    if backend.azure_api_version and not _is_v1(base):
        base = f"{base.partition('/deployments/')[0].removesuffix('/openai')}/openai"
    return f"{base}/models{_version(backend)}"


def root_of(base_url: str) -> str:
    """Return the URL below which a server has its paths that are not OpenAI's."""
    return base_url.removesuffix("/v1").removesuffix("/api/v0")  # LM Studio has chat completions at both


def _is_v1(base: str) -> bool:
    return base.endswith("/openai/v1")


def _version(backend: Backend) -> str:
    """The query that names the API's version. Azure's v1 API needs none and takes no date (Microsoft, 2025-08)."""
    version = backend.azure_api_version
    if not version or (_is_v1(backend.base_url) and version[0].isdigit()):
        return ""
    return f"?api-version={quote(version, safe='')}"


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
