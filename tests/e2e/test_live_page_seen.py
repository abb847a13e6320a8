"""The live page in a real headless Chromium: with nothing, one and five hundred requests, on a phone and on a desktop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
from msgspec import structs
from tests.backend import Backend, Gate, Text, answer, say
from tests.e2e.browser import Page, browsing, program
from tests.messages_api import HELLO
from tests.proxy_process import ProxyProcess, proxy_for

from claude_code_proxy.journal.log_file import LogFile, log_path, usage_path
from claude_code_proxy.journal.usage import Usage
from claude_code_proxy.record import Record
from claude_code_proxy.translate.notes import Note

pytestmark = pytest.mark.skipif(not program(), reason="no Chromium on this machine (Debian: apt-get install chromium)")

WIDTHS = {"phone": (390, 844), "desktop": (1280, 800)}
VIEWS = ("requests", "sessions", "usage", "backends", "errors")
EVIL = "<img src=x onerror=document.title='evil'>"
SESSION = {"x-claude-code-session-id": "5e551011-0000-4000-8000-000000000001"}


def record(number: int, count: int) -> Record:
    bad = number % 20 == 7
    return Record(
        id=f"req_{number:024}",
        started=time.time() - (count - number) * 60,
        model=EVIL if number == 3 else "claude-opus-5",
        tier="big",
        backend="default",
        upstream_model="openai/gpt-5.4",
        session=f"session-{number % 5}",
        agent=f"agent-{number % 3}" if number % 4 == 1 else "",
        stream=True,
        status=429 if bad else 200,
        outcome="failed" if bad else "ok",
        first_byte=-1 if bad else 0.7,
        duration=4.0,
        input_tokens=0 if bad else 2000,
        cache_read=0 if bad else 90_000,
        output_tokens=0 if bad else 400,
        window=0 if bad else 400_000,
        cost=None if bad else 0.02,
        stop="" if bad else "end_turn",
        error=f"Too many requests. {EVIL}" if bad else "",
        error_type="rate_limit_error" if bad else "",
        notes=[Note("attribution-dropped", "system", "")],
    )


def remembered(proxy: ProxyProcess, count: int) -> None:
    """Make a proxy remember so many requests of before."""
    state = Path(proxy.home.name) / ".local" / "state" / "claude-code-proxy"
    for keeper in (LogFile(log_path(state), 20_000_000), Usage(usage_path(state), 90)):
        for number in range(count):
            keeper.add(record(number, count))
        keeper.close()


@pytest.fixture(params=[0, 1, 500], ids=["nothing", "one", "many"])
def count(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def proxy(count: int) -> Iterator[ProxyProcess]:
    with Backend() as backend, proxy_for(backend) as proxy:
        remembered(proxy, count)
        yield proxy


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browsing() as page:
        yield page
        assert page.errors == []
        asked = {url.split("/")[2] for url in page.asked if url.startswith("http")}
        assert len(asked) <= 1, "the page asks other hosts"


async def ready(page: Page, count: int) -> None:
    await page.until("document.getElementById('link').dataset.state === 'live'")
    await page.until(f"document.querySelectorAll('.tile b')[1]?.textContent === '{count}'")


@pytest.mark.parametrize("width", WIDTHS)
async def test_every_view_fits_and_says_what_there_is(page: Page, proxy: ProxyProcess, count: int, width: str) -> None:
    for dark in (False, True):
        for view in VIEWS:
            wide, high = WIDTHS[width]
            await page.go(f"{proxy.url}/ui#{view}", width=wide, height=high, dark=dark)
            await ready(page, count)
            assert await page.js("document.documentElement.scrollWidth <= innerWidth"), (
                f"{view} is wider than the window"
            )
            said = await page.js(f"document.querySelector('[data-for={view}]').innerText")
            assert said.strip()
            assert (await page.js("getComputedStyle(document.body).backgroundColor")).startswith(
                "rgb(25" if dark else "rgb(250"
            )
    assert await page.js("document.title") == "claude-code-proxy"


async def test_lists_have_what_they_should(page: Page, proxy: ProxyProcess, count: int) -> None:
    await page.go(f"{proxy.url}/ui")
    await ready(page, count)
    assert await page.js("document.querySelectorAll('#list > li').length") == min(count, 100)
    if not count:
        assert "ANTHROPIC_BASE_URL" in await page.js("document.getElementById('none').innerText")
    if count > 100:
        await page.js("document.getElementById('more').click()")
        assert await page.js("document.querySelectorAll('#list > li').length") == 200
    await page.key("2")
    assert await page.js("document.querySelectorAll('#sessionlist > li').length") == min(count, 5)
    assert await page.js("document.querySelectorAll('#sessionlist meter').length") == min(count, 5)
    await page.key("3")
    if count:
        await page.until("document.querySelectorAll('#tokenplot rect.cached').length > 0")
        assert await page.js("document.querySelectorAll('#costplot rect.cost').length") > 0
    await page.key("5")
    assert await page.js("document.querySelectorAll('#errorlist .remedy').length") == (25 if count == 500 else 0)


PLANTED = {3: 2, 26: 1, 24 * 6: 4, 24 * 40: 9}  # requests by the hours since
COLUMNS = """[...document.querySelectorAll('#tokenplot svg > g')].map((group) => ({
    title: group.querySelector('title').textContent, bars: group.querySelectorAll('rect:not(.touch)').length,
    left: group.querySelector('.touch').getBoundingClientRect().left, tick: group.querySelector('text')?.textContent,
}))"""


def planted(proxy: ProxyProcess, now: float) -> None:
    keeper = Usage(usage_path(Path(proxy.home.name) / ".local" / "state" / "claude-code-proxy"), 90)
    for hours, requests in PLANTED.items():
        for number in range(requests):
            keeper.add(structs.replace(record(0, 0), id=f"r{hours}-{number}", started=now - hours * 3600))
    keeper.close()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
async def test_the_plots_have_every_hour_and_day_of_the_browsers_clock(page: Page, zone: str) -> None:
    now = time.time()
    with Backend() as backend, proxy_for(backend, TZ="Pacific/Auckland") as proxy:
        planted(proxy, now)
        await page.call("Emulation.setTimezoneOverride", timezoneId=zone)
        await page.go(f"{proxy.url}/ui#usage")

        def at(hours: float) -> datetime:
            return datetime.fromtimestamp(now - hours * 3600, ZoneInfo(zone))

        await page.until("document.querySelectorAll('#tokenplot .touch').length >= 24")
        columns = await page.js(COLUMNS)
        assert [one["title"][:16] for one in columns] == [f"{at(n):%Y-%m-%d %H}:00" for n in range(24, -1, -1)]
        assert {one["title"].split(",")[0]: one["bars"] for one in columns if one["bars"]} == {
            f"{at(3):%Y-%m-%d %H}:00: 2 requests": 3
        }
        assert [one["left"] for one in columns] == sorted(one["left"] for one in columns)
        assert columns[0]["tick"] == f"{at(24):%H}:00"
        for days in (7, 30):
            await page.js(f"document.querySelector('[data-days=\"{days}\"]').click()")
            await page.until(f"document.querySelectorAll('#tokenplot .touch').length === {days + 1}")
            columns = await page.js(COLUMNS)
            dates = [at(0).date() - timedelta(days=n) for n in range(days, -1, -1)]
            assert [one["title"].split(":")[0] for one in columns] == [str(date) for date in dates]
            requests = Counter[str]()
            for hours, count in PLANTED.items():
                if at(hours).date() >= dates[0]:
                    requests[str(at(hours).date())] += count
            counted = {one["title"].split(": ")[0]: one["title"].split(": ")[1].split()[0] for one in columns}
            assert {date: int(told) for date, told in counted.items() if told != "0"} == requests
        await page.leave()


@pytest.mark.parametrize("count", [500], indirect=True)
async def test_the_keyboard_is_enough(page: Page, proxy: ProxyProcess, count: int) -> None:
    await page.go(f"{proxy.url}/ui")
    await ready(page, count)
    await page.key("j", "j", "k", "j")
    at = await page.js("document.activeElement.parentElement.dataset.id")
    assert at == f"req_{498:024}"
    await page.key("Enter")
    assert at in await page.until("document.querySelector('#list dl')?.innerText")
    await page.key("Escape")
    await page.until("!document.querySelector('#list dl')")
    await page.key("/")
    await page.call("Input.insertText", text="session-2")
    await page.until("document.querySelectorAll('#list > li').length === 100")
    assert await page.js(
        "[...document.querySelectorAll('#list .who')].every((who) => who.innerText.startsWith('session-'))"
    )
    await page.key("Escape")
    await page.until("document.getElementById('find').value === ''")


async def test_a_request_is_seen_as_it_streams(page: Page) -> None:
    gate = Gate()
    script = [answer(Text("It begins"), gate, Text(" and ends")), say("x")]
    with Backend(script) as backend, proxy_for(backend) as proxy:
        await page.go(f"{proxy.url}/ui")
        await ready(page, 0)
        async with httpx2.AsyncClient(base_url=proxy.url, headers=SESSION, trust_env=False, timeout=30) as http:
            talk = asyncio.ensure_future(http.post("/v1/messages", json={**HELLO, "stream": True}))
            await page.until("!!document.querySelector('.badge.answering')")
            await page.until("document.querySelector('#list .facts').innerText.includes('9 chars')")
            gate.open()
            await talk
            await page.until("!!document.querySelector('#list .badge.ok')")
            assert await page.js("document.querySelectorAll('.badge.answering').length") == 0
        assert page.errors == []
        await page.leave()


async def test_a_key_is_asked_for_once(page: Page) -> None:
    with Backend() as backend, proxy_for(backend, ANTHROPIC_API_KEY="the-client-key", HOST="127.0.0.1") as proxy:
        await page.go(f"{proxy.url}/ui")
        await page.until("document.activeElement.id === 'key'")
        await page.call("Input.insertText", text="wrong")
        await page.key("Enter")
        assert "ANTHROPIC_API_KEY" in await page.until("document.getElementById('told').innerText")
        await page.js("document.getElementById('key').value = ''; document.getElementById('key').focus()")
        await page.call("Input.insertText", text="the-client-key")
        await page.key("Enter")
        await ready(page, 0)
        assert await page.js("document.cookie") == ""
        await page.leave()


async def test_a_page_finds_its_way_back_to_a_proxy_that_was_away(page: Page) -> None:
    with Backend() as backend, proxy_for(backend) as proxy:
        port = proxy.url.rpartition(":")[2]
        await page.go(f"{proxy.url}/ui")
        await ready(page, 0)
        proxy.process.terminate()
        await page.until("document.getElementById('link').dataset.state === 'lost'")
        with proxy_for(backend, PORT=port):
            await page.until("document.getElementById('link').dataset.state === 'live'")
            await page.leave()
