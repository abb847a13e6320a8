"""The live page at /ui: who may see it, its files, and the feed that keeps it up to date.

Without a client key only this machine may look; with one, whoever has it: as a header, or as a cookie that only these
paths see and that is no key itself. The page has everything with it: no other host is asked, and none may be.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from . import __version__
from .answering import UnlessGone
from .call import Call
from .endpoint import public_url
from .errors import ClientError
from .gate import Gate, is_asked_here
from .pages import totals_of
from .record import Record, facts
from .remedies import remedy
from .services import Services

_FILES = Path(__file__).parent / "ui"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_COOKIE = "claude-code-proxy-ui"
_EVERY = 0.5  # seconds between two looks for news
_STILL = 15.0  # seconds of silence before the page is told that the proxy is there
_MOST_FEEDS = 50  # pages open at once
_SAFE: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_DAY = 86_400

_json = msgspec.json.Encoder().encode
_feeds: set[object] = set()


async def page(call: Call) -> None:
    """GET /ui: the page, or one that asks for the key."""
    _check_on(call)
    if _may_look(call):
        await _file(call, "index.html")
    elif not call.config.client_key:
        raise _only_here()
    else:
        await _file(call, "login.html", status=401)


async def asset(call: Call) -> None:
    """GET /ui/<file>: the page's script and style, which say nothing of anybody."""
    _check_on(call)
    await _file(call, call.request.path.rstrip("/").rpartition("/")[2])


async def login(call: Call) -> None:
    """GET /ui/login with the key as a header: a cookie for these paths, so that a browser need not send the key."""
    _check_on(call)
    if not (call.config.client_key and Gate(call.config).has_key(call.headers)):
        raise ClientError("That is not the proxy's ANTHROPIC_API_KEY.", status=401)
    cookie = f"{_COOKIE}={_token(call)}; Path=/ui; HttpOnly; SameSite=Strict; Max-Age={30 * _DAY}"
    await call.channel.whole(200, b"{}", "application/json", {"set-cookie": cookie, **_SAFE})


async def usage(call: Call) -> None:
    """GET /ui/usage?days=N: tokens and cost by the quarter of an hour, from what is kept; empty where nothing is."""
    _admit(call)
    asked = parse_qs(call.request.query.decode("latin-1")).get("days", ["1"])[0]
    days = min(366, max(1, int(asked[:4]))) if asked.isdecimal() else 1
    rows = await asyncio.to_thread(_sums, call.services.journal.usage, days)
    await call.channel.whole(200, _json(rows), "application/json", _SAFE)


async def feed(call: Call) -> None:
    """GET /ui/feed: all that is known, then what changes, as server-sent events."""
    _admit(call)
    if len(_feeds) >= _MOST_FEEDS:
        raise ClientError(f"{_MOST_FEEDS} live pages are open already.", status=429)
    mine = object()
    _feeds.add(mine)
    try:
        with UnlessGone(call):
            await _tell(call)
    finally:
        _feeds.discard(mine)


async def _tell(call: Call) -> None:
    call.channel.headers.update(_SAFE)
    told: set[str] = set()
    last, quiet = b"", 0.0
    while True:
        running, ended = await call.services.journal.latest()
        news = [record for record in ended if record.id not in told]
        told = {record.id for record in ended}
        now = _json(await _state(call.services, running))
        if news or now != last or quiet >= _STILL:
            body = {"ended": [_shown(record) for record in news], **msgspec.json.decode(now)}
            await call.channel.stream(b"data: " + _json(body) + b"\n\n")
            last, quiet = now, 0.0
        await asyncio.sleep(_EVERY)
        quiet += _EVERY


async def _state(services: Services, running: list[Record]) -> dict[str, Any]:
    """What is the case now; times are ages, since a browser's clock is its own."""
    config, now = services.config, time.time()
    totals = await totals_of(services)
    return {
        "version": __version__,
        "tiers": {"opus": config.big_model, "sonnet": config.middle_model, "haiku": config.small_model},
        "running": [{**_shown(record), "age": round(max(0.0, now - record.started), 1)} for record in running],
        "backends": [_backend(services, name, totals.counts) for name in config.backends],
        "usage_kept": services.journal.usage is not None,
    }


def _backend(services: Services, name: str, counts: Mapping[tuple[str, ...], float]) -> dict[str, Any]:
    requests = [(key, value) for key, value in counts.items() if key[0] == "requests" and key[1] == name]
    return {
        "name": name,
        "url": public_url(services.config.backends[name].base_url),
        "up": bool(counts.get(("up", name), 1)),
        "waiting": int(counts.get(("queue", name), 0)),
        "requests": int(sum(value for _, value in requests)),
        "failed": int(sum(value for key, value in requests if key[4] in ("failed", "broke"))),
        "retries": int(counts.get(("retries", name), 0)),
        "last_success": counts.get(("last_success", name), 0),
    }


def _shown(record: Record) -> dict[str, Any]:
    shown = facts(record)
    if record.error_type:
        shown["remedy"] = remedy(record.error_type, record.status)
    return shown


def _sums(path: Path | None, days: int) -> list[dict[str, Any]]:
    if path is None:
        return []
    from .journal.usage import known_usage  # noqa: PLC0415 - SQLite is not loaded where it is not used

    since = time.time() - (days + 1) * _DAY  # one more: a day begins by the browser's clock
    sums = known_usage(path, "quarter", since=since)
    return [msgspec.structs.asdict(one) for one in sums]


def _admit(call: Call) -> None:
    _check_on(call)
    if not _may_look(call):
        raise ClientError("Send the proxy's ANTHROPIC_API_KEY.", status=401) if call.config.client_key else _only_here()


def _may_look(call: Call) -> bool:
    if not call.config.client_key:
        return _is_here(call)
    sent = _cookie(call.headers.get("cookie", ""))
    return Gate(call.config).has_key(call.headers) or hmac.compare_digest(sent.encode(), _token(call).encode())


def _is_here(call: Call) -> bool:
    """Whether the client is on this machine, and asks for it by its name: a page that is not may be behind another.

    A socket without addresses is of this machine.
    """
    client = call.request.client
    if not is_asked_here(call.headers):
        return False
    try:
        return client is None or ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _token(call: Call) -> str:
    """What the cookie carries: it opens these pages, and nothing that costs money."""
    return hmac.new(call.config.client_key.encode(), b"claude-code-proxy ui", hashlib.sha256).hexdigest()


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _check_on(call: Call) -> None:
    if not call.config.ui:
        raise ClientError("The live page is switched off (UI).", status=404)


def _only_here() -> ClientError:
    return ClientError(
        "The live page is for this machine only; set ANTHROPIC_API_KEY to open it to others.", status=403
    )


async def _file(call: Call, name: str, status: int = 200) -> None:
    data = await asyncio.to_thread((_FILES / name).read_bytes)
    await call.channel.whole(status, data, _KINDS[Path(name).suffix], _SAFE)
