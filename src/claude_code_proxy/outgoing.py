"""The HTTP proxy on the way to a backend: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as curl reads them. Pure.

This machine and names that end in `.localhost` are never asked through a proxy (case SE-05).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from .endpoint import is_loopback

_PORTS = {"http": 80, "https": 443}


def proxy_of(url: str, variables: Mapping[str, str], warnings: list[str]) -> str:
    """Return the proxy for a URL, "" for none. variables: the environment; the lower-case name wins, as with curl."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if _is_here(host) or _is_exempt(host, parts.port or _PORTS.get(parts.scheme), variables):
        return ""
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        proxy = _said(name, variables)
        if proxy and "://" not in proxy:
            proxy = f"http://{proxy}"
        if proxy and is_proxy(proxy):
            return proxy
        if proxy:
            warnings.append(f"{name.upper()} is not used: it takes the URL of an HTTP proxy, http://host:port")
    return ""


def is_proxy(url: str) -> bool:
    """Tell whether a URL can be an HTTP proxy's."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine, in any way a connection takes it (`127.1`, `::ffff:127.0.0.1`, `0`)."""
    try:
        address = ip_address(host)
    except ValueError:
        try:
            address = IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeEncodeError):
            return is_loopback(host)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_loopback or address.is_unspecified


def _said(name: str, variables: Mapping[str, str]) -> str:
    return variables.get(name, "").strip() or variables.get(name.upper(), "").strip()


def _is_exempt(host: str, port: int | None, variables: Mapping[str, str]) -> bool:
    names = [name.strip().lower() for name in _said("no_proxy", variables).split(",")]
    return any(_matches(host, port, name) for name in names if name)


def _matches(host: str, port: int | None, rule: str) -> bool:
    """A name and what is below it, an address, a network; `*` is everything."""
    if rule == "*":
        return True
    try:
        return ip_address(host) in ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        pass
    name, _, wanted = rule.partition(":")
    if wanted and wanted != str(port):
        return False
    name = name.removeprefix("*").strip(".")
    return host == name or host.endswith(f".{name}")
