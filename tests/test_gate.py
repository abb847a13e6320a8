"""Who may come in: no browser page, no foreign name for this machine, and with a key set, only who has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.asgi import running, settings
from tests.backend import Backend, say
from tests.messages_api import HELLO, envelope

from claude_code_proxy.errors import ClientError
from claude_code_proxy.gate import Gate

KEY = "sk-clients-only"
OPEN_HOST = {"HOST": "0.0.0.0"}
LOCKED = {"ANTHROPIC_API_KEY": KEY, **OPEN_HOST}


class Somewhere:
    """A backend nobody asks."""

    url, key = "http://127.0.0.1:9/v1", "sk-backend"


def refused(headers: Mapping[str, str], *, is_open: bool = False, is_page: bool = False, **env: str) -> int:
    """Return the status a request with these headers is refused with, 0 when it comes in."""
    try:
        Gate(settings(Somewhere, **env)).check(headers, is_open=is_open, is_page=is_page)
    except ClientError as error:
        return error.status
    return 0


# -- browser pages ------------------------------------------------------------------------------------------------------

PAGES = (
    "https://evil.example",
    "http://evil.example:8082",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://localhost@evil.example",
    "http://192.168.1.10:3000",
    "chrome-extension://abcdef",
    "null",
    "file://",
    "http://[",
    "http://[::1",
    "nonsense",
    "//",
    "\x00",
)


@pytest.mark.parametrize("env", [{}, OPEN_HOST, LOCKED], ids=["local", "open", "with a key"])
@pytest.mark.parametrize("origin", PAGES)
def test_a_page_of_somebody_else_is_refused(origin: str, env: dict[str, str]) -> None:
    """A sandboxed frame or a local file says `null`: it is a page like any other."""
    headers = {"origin": origin, "host": "localhost:8082", "x-api-key": KEY}
    assert refused(headers, **env) == 403
    assert refused(headers, is_open=True, **env) == 403


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8082", "http://app.localhost", "https://localhost"],
)
def test_a_page_of_this_machine_comes_in(origin: str) -> None:
    assert refused({"origin": origin, "host": "localhost:8082"}) == 0


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_page_asks_for_without_an_origin_is_refused(site: str) -> None:
    """The address of an image: browsers send no Origin with it."""
    image = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "host": "localhost:8082", "x-api-key": KEY}
    link = {**image, "sec-fetch-mode": "navigate"}
    for env in ({}, LOCKED):
        assert refused(image, **env) == 403
        assert refused(image, is_open=True, is_page=True, **env) == 403
        assert refused(link, **env) == 403
        assert refused(link, is_page=True, **env) == 0


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_an_address_typed_and_a_page_of_the_proxys_own_come_in(site: str) -> None:
    assert refused({"sec-fetch-site": site, "sec-fetch-mode": "cors", "host": "localhost:8082"}) == 0


async def test_no_page_spends_the_key_through_the_test_of_the_connection(backend: Backend) -> None:
    async with running(backend) as app:
        for mode in ("no-cors", "navigate"):
            headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode}
            reply = await app.get("/test-connection", headers=headers)
            assert envelope(reply)[:2] == (403, "permission_error")
            assert (await app.get("/", headers=headers)).status_code == (200 if mode == "navigate" else 403)
    assert not backend.chats


# -- names for this machine ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8082",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8082",
        "localhost@evil.example",
        "evil.example@127.0.0.1",
        "evil.example\\\\@localhost",
        "[::1].evil.example",
        "127.0.0.1:8082.evil.example",
        "evil.example, localhost",
        "localhost/evil.example",
        "192.168.1.10:8082",
        "[2001:db8::1]:8082",
        "[",
        "[::1",
        "a b",
    ],
)
def test_a_foreign_name_for_this_machine_is_refused(host: str) -> None:
    """DNS rebinding: a page makes its own name resolve to 127.0.0.1, and its requests are same-origin."""
    assert refused({"host": host}) == 403


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8082", "LOCALHOST:8082", "127.0.0.1:8082", "127.9.9.9", "[::1]:8082", "my.localhost", ""],
)
def test_this_machines_own_names_come_in(host: str) -> None:
    assert refused({"host": host}) == 0


@pytest.mark.parametrize("env", [OPEN_HOST, LOCKED], ids=["open", "with a key"])
def test_a_proxy_for_others_has_any_name(env: dict[str, str]) -> None:
    assert refused({"host": "proxy.team.example:8082", "x-api-key": KEY}, **env) == 0


# -- the key ------------------------------------------------------------------------------------------------------------

RIGHT: tuple[dict[str, str], ...] = (
    {"x-api-key": KEY},
    {"x-api-key": f" {KEY} "},
    {"authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer {KEY}"},
    {"authorization": f"BEARER {KEY}"},
    {"authorization": f"Bearer  {KEY}"},
    {"x-api-key": KEY, "authorization": "Bearer something-else"},
    {"x-api-key": "a key of the client's own", "authorization": f"Bearer {KEY}"},
)
WRONG: tuple[dict[str, str], ...] = (
    {},
    {"x-api-key": ""},
    {"x-api-key": "wrong"},
    {"x-api-key": KEY[:-1]},
    {"x-api-key": KEY + "x"},
    {"x-api-key": KEY.upper()},
    {"x-api-key": "ключ"},
    {"authorization": "Bearer"},
    {"authorization": "Bearer wrong"},
    {"authorization": f"Basic {KEY}"},
    {"authorization": f"Bearer {KEY} {KEY}"},
)


@pytest.mark.parametrize("headers", RIGHT, ids=str)
def test_the_right_key_comes_in(headers: dict[str, str]) -> None:
    assert refused(headers, **LOCKED) == 0


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_anything_else_stays_outside(headers: dict[str, str]) -> None:
    assert refused(headers, **LOCKED) == 401
    assert refused(headers, is_open=True, **LOCKED) == 0


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_without_a_key_set_nobody_needs_one(headers: dict[str, str]) -> None:
    """Claude Code sends a key in any case: its user's own, or any word."""
    assert refused({"host": "localhost", **headers}) == 0


# -- over HTTP ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"origin": "null"}, {"origin": "http://["}, {"host": "["}, {"host": "evil.example"}]
)
async def test_who_stays_outside_is_told_in_the_envelope(backend: Backend, headers: dict[str, Any]) -> None:
    backend.play([say("never")])
    async with running(backend) as app:
        for path, method in (("/v1/messages", "POST"), ("/health", "GET"), ("/", "GET"), ("/nothing", "GET")):
            reply = await app.start(HELLO, path, method, headers).reply()
            assert envelope(reply)[:2] == (403, "permission_error")
            assert not any(name.startswith("access-control") for name in reply.headers)
        assert "bug" not in app.lines()
    assert backend.chats == []


async def test_no_page_is_invited(backend: Backend) -> None:
    async with running(backend) as app:
        asked = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
        reply = await app.start(b"", "/v1/messages", "OPTIONS", asked).reply()
    assert reply.status_code == 405
    assert not any(name.startswith("access-control") for name in reply.headers)
