"""The live page: who may see it, what it may load, and what its feed tells."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.asgi import App, running
from tests.backend import Backend, Gate, Text, answer, error, say
from tests.messages_api import HELLO
from tests.proxy_process import proxy_for

from claude_code_proxy.errors import TYPE_OF_STATUS
from claude_code_proxy.journal.live import KEPT, Live, merged
from claude_code_proxy.record import Record
from claude_code_proxy.remedies import REMEDIES

UI = Path(__file__).parents[1] / "src" / "claude_code_proxy" / "ui"
KEY = "client-key-of-the-proxy"
FILES = sorted(path.name for path in UI.iterdir())
DATA = ["/ui", "/ui/feed", "/ui/usage"]
every_page = pytest.mark.parametrize("path", DATA)


async def told(app: App) -> dict[str, Any]:
    """Return what the feed tells first, and leave."""
    talk = app.start(b"", "/ui/feed", "GET")
    await talk.until(b"\n\n")
    talk.leave()
    await talk.reply()
    first: dict[str, Any] = json.loads(talk.content.decode().split("\n\n")[0][6:])
    return first


# -- who may see it -----------------------------------------------------------------------------------------------------


async def test_without_a_key_it_is_for_this_machine_only() -> None:
    with Backend() as backend:
        async with running(backend, HOST="0.0.0.0") as app:
            assert (await app.get("/ui", client="127.0.0.1")).status_code == 200
            assert (await app.get("/ui", client="::1")).status_code == 200
            for path in DATA:
                refused = await app.get(path, client="192.0.2.7", headers={"host": "proxy.example"})
                assert refused.status_code == 403
                assert "ANTHROPIC_API_KEY" in refused.text


async def test_without_a_key_no_other_name_of_this_machine_shows_it() -> None:
    """A page of a foreign name that was made to resolve to this machine asks from this machine, too."""
    with Backend() as backend:
        async with running(backend, HOST="0.0.0.0") as app:
            for path in DATA:
                assert (await app.get(path, client="127.0.0.1", headers={"host": "evil.example"})).status_code == 403


@pytest.mark.parametrize("path", ["/ui/app.js/", "/ui/usage?days=%C2%B2", f"/ui/usage?days={'9' * 5000}"])
async def test_odd_paths_and_numbers_are_no_bug(path: str) -> None:
    with Backend() as backend:
        async with running(backend) as app:
            assert (await app.get(path, client="127.0.0.1")).status_code in {200, 404}


@every_page
async def test_with_a_key_it_takes_the_key_wherever_one_is(path: str) -> None:
    with Backend() as backend:
        async with running(backend, ANTHROPIC_API_KEY=KEY) as app:
            for headers in (
                {},
                {"x-api-key": "wrong"},
                {"cookie": "claude-code-proxy-ui=wrong"},
                {"cookie": "\x01;;="},
            ):
                assert (await app.get(path, headers=headers)).status_code == 401
            if path != "/ui/feed":
                assert (await app.get(path, headers={"x-api-key": KEY}, client="192.0.2.7")).status_code == 200


async def test_a_browser_gets_a_cookie_for_the_key_that_opens_the_page_and_nothing_else() -> None:
    with Backend([say("x")]) as backend:
        async with running(backend, ANTHROPIC_API_KEY=KEY) as app:
            asked = await app.get("/ui")
            assert "/ui/login.js" in asked.text
            assert (await app.get("/ui/login", headers={"x-api-key": "wrong"})).status_code == 401
            given = (await app.get("/ui/login", headers={"x-api-key": KEY})).headers["set-cookie"]
            assert {"HttpOnly", "SameSite=Strict", "Path=/ui"} <= set(given.split("; "))
            assert KEY not in given
            cookie = {"cookie": given.split(";")[0]}
            assert "/ui/app.js" in (await app.get("/ui", headers=cookie)).text
            assert (await app.get("/ui/usage", headers=cookie)).status_code == 200
            assert (await app.post(HELLO, headers=cookie)).status_code == 401
            assert (await app.get("/metrics", headers=cookie)).status_code == 401


async def test_no_other_web_page_reads_it() -> None:
    with Backend() as backend:
        async with running(backend) as app:
            assert (await app.get("/ui/usage", headers={"origin": "https://evil.example"})).status_code == 403
            assert (await app.get("/ui/usage", headers={"host": "evil.example"})).status_code == 403


async def test_it_can_be_switched_off() -> None:
    with Backend() as backend:
        async with running(backend, UI="off") as app:
            for path in (*DATA, "/ui/app.js", "/ui/login"):
                assert (await app.get(path)).status_code == 404


# -- what it may load ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ui", "/ui/app.js", "/ui/plots.js", "/ui/login.js", "/ui/style.css", "/ui/usage"])
async def test_everything_comes_from_the_proxy_alone(path: str) -> None:
    with Backend() as backend:
        async with running(backend) as app:
            reply = await app.get(path)
    assert reply.status_code == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", reply.text)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_nothing_of_others_becomes_markup(name: str) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", (UI / name).read_text()
    )


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".html")])
def test_a_page_has_no_script_or_style_inside_and_asks_for_files_there_are(name: str) -> None:
    text = (UI / name).read_text()
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", text)
    for asked in re.findall(r"(?:src|href)=\"/ui/([\w.]+)\"", text):
        assert asked in FILES


# -- what its feed tells ------------------------------------------------------------------------------------------------


async def test_the_feed_tells_what_is_under_way_and_what_ended() -> None:
    gate = Gate()
    session = {"x-claude-code-session-id": "s-1"}
    with Backend([say("x"), error(429, "too fast"), answer(Text("half of it"), gate, Text("rest"))]) as backend:
        async with running(backend) as app:
            await app.post(HELLO, headers=session)
            await app.post(HELLO)
            talk = app.start({**HELLO, "stream": True}, headers=session)
            await talk.until(b"half of it")
            first = await told(app)
            gate.open()
            await talk.reply()
            then = await told(app)
    assert [one["outcome"] for one in first["ended"]] == ["ok", "failed"]
    assert first["ended"][1]["remedy"]
    (under_way,) = first["running"]
    assert under_way["session"] == "s-1"
    assert under_way["characters"] == len("half of it")
    assert under_way["age"] >= 0
    assert [one["outcome"] for one in then["ended"]] == ["ok", "failed", "ok"]
    assert then["running"] == []
    (known,) = then["backends"]
    assert (known["name"], known["requests"], known["failed"], known["up"]) == ("default", 3, 1, True)
    assert then["tiers"]["opus"]


async def test_the_feed_tells_an_end_as_soon_as_it_is_there() -> None:
    with Backend([say("x")]) as backend:
        async with running(backend) as app:
            talk = app.start(b"", "/ui/feed", "GET")
            await talk.until(b'"running":[]')
            await app.post(HELLO)
            await talk.until(b'"outcome":"ok"')
            talk.leave()
            await talk.reply()
    assert talk.headers["content-type"].startswith("text/event-stream")
    assert "content-security-policy" in talk.headers


async def test_the_feed_has_what_was_before_this_process(tmp_path: Path) -> None:
    with Backend([say("x"), say("y")]) as backend:
        async with running(backend, state=tmp_path) as app:
            await app.post(HELLO)
        async with running(backend, state=tmp_path) as app:
            await app.post(HELLO)
            all_of_it = await told(app)
    assert len(all_of_it["ended"]) == 2


async def test_the_page_gets_sums_over_time(tmp_path: Path) -> None:
    with Backend([say("x")]) as backend:
        async with running(backend, state=tmp_path) as app:
            await app.post(HELLO)
        async with running(backend, state=tmp_path) as app:
            (day,) = (await app.get("/ui/usage?days=1")).json()
            (month,) = (await app.get("/ui/usage?days=30")).json()
            assert len((await app.get("/ui/usage?days=nonsense")).json()) == 1
    assert day["requests"] == month["requests"] == 1
    assert 0 <= time.time() - int(day["key"]) < 2000
    assert int(day["key"]) % 900 == 0


async def test_where_no_usage_is_kept_there_is_none() -> None:
    with Backend() as backend:
        async with running(backend) as app:
            assert (await app.get("/ui/usage")).json() == []


async def test_so_many_pages_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claude_code_proxy.live_page._MOST_FEEDS", 1)
    with Backend() as backend:
        async with running(backend) as app:
            talk = app.start(b"", "/ui/feed", "GET")
            await talk.until(b"running")
            assert (await app.get("/ui/feed")).status_code == 429
            talk.leave()
            await talk.reply()
            assert await told(app)


def test_every_type_of_error_has_a_remedy() -> None:
    assert set(TYPE_OF_STATUS.values()) <= set(REMEDIES)


def test_only_the_latest_are_remembered_each_once() -> None:
    live = Live()
    for n in range(2 * KEPT):
        live.add(Record(id=str(n), started=n))
    assert len(live.recent) == KEPT
    assert [
        record.id
        for record in merged([Record(id="b", started=2), Record(id="a", started=1)], [Record(id="b", started=2)])
    ] == ["a", "b"]


# -- a whole process ----------------------------------------------------------------------------------------------------


def test_an_open_page_holds_up_no_end() -> None:
    with (
        Backend() as backend,
        proxy_for(backend) as proxy,
        httpx2.stream("GET", f"{proxy.url}/ui/feed", trust_env=False) as feed,
    ):
        next(feed.iter_raw())
        proxy.process.terminate()
        assert proxy.process.wait(15) == 0


def test_workers_tell_of_each_others_requests() -> None:
    with Backend(lambda _: say("x")) as backend, proxy_for(backend, WORKERS="2", REQUEST_LOG="off") as proxy:
        for _ in range(8):
            httpx2.post(f"{proxy.url}/v1/messages", json=HELLO, trust_env=False)
        for _ in range(50):
            with httpx2.stream("GET", f"{proxy.url}/ui/feed", trust_env=False) as feed:
                first = json.loads(next(feed.iter_lines())[6:])
            if len(first["ended"]) == 8:
                break
        assert len(first["ended"]) == 8
