"""Who may come in: the client key, and no browser page (docs/settings.md, ANTHROPIC_API_KEY and HOST)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from .config import Config
from .errors import ClientError


class Gate:
    """Checks the headers of a request."""

    def __init__(self, config: Config) -> None:
        self._key = config.client_key.encode()
        self._local_only = not config.client_key and _is_loopback(config.host)

    def check(self, headers: Mapping[str, str], *, is_open: bool) -> None:
        """Raise ClientError for a request that may not come in. is_open: the endpoint needs no key."""
        origin = headers.get("origin", "")
        if origin and not _is_loopback(urlsplit(origin).hostname or ""):
            raise ClientError("Requests from web pages are not served.", status=403)
        if self._local_only and not _is_loopback(_host_of(headers.get("host", ""))):
            # a foreign name that resolves to this machine: DNS rebinding
            raise ClientError(
                "This proxy serves its own machine only: use localhost, or set ANTHROPIC_API_KEY and HOST.", status=403
            )
        if self._key and not is_open and not self._has_key(headers):
            raise ClientError(
                "Wrong or missing client key: send the proxy's ANTHROPIC_API_KEY as x-api-key or Bearer token.",
                status=401,
            )

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        """Compare in constant time; an explicit x-api-key counts before a Bearer token."""
        sent = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").removeprefix(
            "bearer "
        )
        return hmac.compare_digest(sent.strip().encode(), self._key)


def _host_of(header: str) -> str:
    return urlsplit("//" + header).hostname or ""


def _is_loopback(host: str) -> bool:
    if host in ("", "localhost") or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
