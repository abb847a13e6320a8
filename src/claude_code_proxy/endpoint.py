"""What is needed to call a backend, checked before it is used: its base URL and its headers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec

CHAT = "/chat/completions"

FRAMING_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to one connection (RFC 9110, section 7.6.1) or frame the message: never a person's to set."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - as a target it is this machine


Switch = Literal["auto", "on", "off"]


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds a backend may take: to connect, to begin its answer, and between two reads of it."""

    connect: float = 10
    first_byte: float = 600
    idle: float = 90


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """One OpenAI-compatible server.

    base_url: without a slash at its end; key: its API key; spare_keys: the others of its pool; dialect: a dialect's
    name, "" to recognise it; models: names that always go here; headers: sent with every request, attribution headers
    included; azure_api_version: not empty means Azure mode; proxy: the URL of the HTTP proxy on the way to it, "" for
    none; ca_file: certificates trusted beside the usual ones; text_tool_calls, think_tags: what is found in
    the text of an answer, auto as the dialect has it.
    """

    name: str
    base_url: str
    key: str = ""
    spare_keys: tuple[str, ...] = ()
    dialect: str = ""
    models: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    timeouts: Timeouts = Timeouts()
    azure_api_version: str = ""
    proxy: str = ""
    ca_file: str = ""
    text_tool_calls: Switch = "auto"
    think_tags: Switch = "auto"

    @property
    def pool(self) -> tuple[str, ...]:
        """Every key, at least one."""
        return (self.key, *self.spare_keys)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message and no log may contain."""
        password = (urlsplit(self.proxy).password or "") if self.proxy else ""
        return tuple(filter(None, (*self.pool, *self.headers.values(), password, unquote(password))))

    def __repr__(self) -> str:
        hidden = "hidden" if self.key else ""
        return f"Backend(name={self.name!r}, base_url={self.base_url!r}, key={hidden!r}, headers={list(self.headers)})"


def read_base_url(text: str) -> tuple[str, bool]:
    """Return a base URL without a slash at its end, and whether a pasted `/chat/completions` was cut off.

    ValueError says what is taken instead.
    """
    parts = _split(text)
    path = parts.path.rstrip("/")
    pasted = path.lower().endswith(CHAT)
    if pasted:
        path = path[: -len(CHAT)].rstrip("/")
    elif parts.query or parts.fragment:
        raise ValueError("a URL without ? and #")
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), pasted


def public_url(url: str) -> str:
    """Return a URL without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host name or address."""
    name = host.lower()
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_openrouter(base_url: str) -> bool:
    """Tell whether a base URL is OpenRouter's."""
    host = urlsplit(base_url).hostname or ""
    return host == "openrouter.ai" or host.endswith(".openrouter.ai")


def is_this_server(base_url: str, port: int) -> bool:
    """Tell whether a base URL points at a port of this machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    return (is_loopback(host) or host in _ANY) and (parts.port or 80) == port


def header_problem(name: str, value: str) -> str:
    """Return why a header can't be sent, as the end of "it ...", or ""; never shows the value."""
    if not _TOKEN.fullmatch(name):
        return "is not a legal header name"
    if name.lower() in FRAMING_HEADERS:
        return "belongs to the connection and can't be set"
    if not value.isprintable():
        return "has control characters in its value"
    if any(ord(character) > 0xFF for character in value):  # noqa: PLR2004 - the end of Latin-1
        return "has characters outside Latin-1 in its value, which no header can carry"
    return ""


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of all layers; the later layer wins, whatever the case of the name."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        merged.update({name.lower(): (name, value) for name, value in layer.items()})
    return dict(merged.values())


def _split(text: str) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise ValueError("an http or https URL, without blanks")
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is not a port
    except ValueError:
        raise ValueError("an http or https URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an http or https URL" + _with_scheme(text))
    if "@" in parts.netloc:
        raise ValueError("a URL without user name and password: a backend's credential is its key")
    return parts


def _with_scheme(text: str) -> str:
    host = re.match(r"(localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:/|$)", text)
    return f" (did you mean {'http' if is_loopback(host[1]) else 'https'}://{text}?)" if host else ""
