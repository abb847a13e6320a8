"""Who may come in: the client key, and no browser page (docs/settings.md, ANTHROPIC_API_KEY and HOST)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from .config import Config
from .endpoint import is_loopback
from .errors import ClientError

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?")  # RFC 9110, 7.2: never a user, never a path
_ANOTHER_PAGE = ("cross-site", "same-site")  # what browsers say of requests that no page of the proxy's own makes


class Gate:
    """Checks the headers of a request."""

    def __init__(self, config: Config) -> None:
        self._key = config.client_key.encode()
        self._local_only = not config.client_key and is_loopback(config.host)

    def check(self, headers: Mapping[str, str], *, is_open: bool, is_page: bool = False) -> None:
        """Raise ClientError for a request that may not come in.

        is_open: the endpoint needs no key; is_page: a person may follow a link to it.
        """
        if "origin" in headers or "sec-fetch-site" in headers:
            _check_page(headers, is_page=is_page)
        if self._local_only and not is_asked_here(headers):
            # a foreign name that resolves to this machine: DNS rebinding
            raise ClientError(
                "This proxy serves its own machine only: use localhost, or set ANTHROPIC_API_KEY and HOST.", status=403
            )
        if self._key and not is_open and not self.has_key(headers):
            raise ClientError(
                "Wrong or missing client key: send the proxy's ANTHROPIC_API_KEY as x-api-key or Bearer token.",
                status=401,
            )

    def has_key(self, headers: Mapping[str, str]) -> bool:
        """Compare in constant time. Either header will do: a client may have a key of its own for elsewhere, too."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        sent = (headers.get("x-api-key", ""), token if scheme.lower() == "bearer" else "")
        return any(hmac.compare_digest(one.strip().encode(), self._key) for one in sent)


def _check_page(headers: Mapping[str, str], *, is_page: bool) -> None:
    """Raise ClientError for what another web page than the proxy's own made a browser ask."""
    origin = headers.get("origin", "")
    if origin and not is_loopback(host_of(origin)):  # `null` is a page too: a sandboxed frame, a local file
        raise ClientError("Requests from web pages are not served.", status=403)
    is_link = is_page and headers.get("sec-fetch-mode") == "navigate"
    if not origin and not is_link and headers.get("sec-fetch-site", "") in _ANOTHER_PAGE:  # an image's address, say
        raise ClientError(
            "Another web page asked for this (Sec-Fetch-Site), and requests from web pages are not served. "
            "Type the address into the browser yourself, or ask with a program.",
            status=403,
        )


def is_asked_here(headers: Mapping[str, str]) -> bool:
    """Whether a request names this machine as its host, or none: no browser leaves that out."""
    return _is_here(headers.get("host", ""))


@lru_cache(64)
def _is_here(host: str) -> bool:
    named = _HOST.fullmatch(host)
    return not host or (named is not None and is_loopback(named[1].strip("[]").lower()))


@lru_cache(256)
def host_of(url: str) -> str:
    """Return a URL's host, an empty string for a text that has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
