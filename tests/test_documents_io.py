"""Reading PDFs and fetching addresses: what comes back, what is refused, and that nothing raises."""

import asyncio
import base64
import ipaddress
import socket
import struct
import subprocess
import sys
import zlib
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from tests.pdf_files import COLOUR_DRAWING, GREY_SCAN, circular_pdfs, pdf, pdf_base64

from claude_code_proxy import documents_io, pdf_reader
from claude_code_proxy.documents_io import Cache, gather_resources, guarded_session, is_public
from claude_code_proxy.translate.documents import Want
from claude_code_proxy.translate.parts import Page, Resource

LONG = "The quick brown fox jumps over the lazy dog, twice."
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    monkeypatch.setattr(documents_io, "_CACHE", Cache(10**8))


async def only(want, session=None):
    return (await gather_resources([want], session=session))[want.key]


# -- PDF ------------------------------------------------------------------------------------------------------------


async def test_a_pdf_is_read_page_by_page():
    read = await only(Want(key="k", data=pdf_base64(LONG, "second"), pages=True))
    assert read.pages == (Page(number=1, text=LONG), Page(number=2, text="second"))
    assert (read.error, read.unread) == ("", 0)


async def test_a_damaged_pdf_says_so():
    read = await only(Want(key="k", data=base64.b64encode(b"%PDF-1.7 nonsense").decode(), pages=True))
    assert (read.error, read.pages) == ("it is damaged", ())


async def test_data_that_is_no_base64_says_so():
    assert (await only(Want(key="k", data="!", pages=True))).error


async def test_pdfs_that_lead_back_to_themselves_end_with_their_readers():
    """Some take PDFium down."""
    wants = [Want(key=name, data=base64.b64encode(data).decode(), pages=True) for name, data in circular_pdfs().items()]
    read = await gather_resources(wants)
    assert set(read) == set(circular_pdfs())
    assert all(one.error or one.pages for one in read.values())


async def test_a_reader_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(documents_io, "READ_SECONDS", 0.0)
    assert (await only(Want(key="k", data=pdf_base64(LONG), pages=True))).error == "it took too long"


async def test_a_reader_that_dies_is_an_error(monkeypatch):
    monkeypatch.setattr(documents_io, "_READER_MODULE", "claude_code_proxy.no_such_module")
    assert (await only(Want(key="k", data=pdf_base64(LONG), pages=True))).error == "it could not be read"


async def test_a_pdf_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr(documents_io, "MAX_BYTES", 90)
    assert (await only(Want(key="k", data=pdf_base64(LONG), pages=True))).error.startswith("it is larger than")


def picture(page):
    """Return size, colour type and pixels of a page's PNG."""
    data = base64.b64decode(page.image.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        place += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    return width, height, colour, zlib.decompress(chunks[b"IDAT"])


def test_a_page_without_text_becomes_a_picture_in_colour():
    (page,) = pdf_reader.read_pdf(pdf(COLOUR_DRAWING)).pages
    width, height, colour, pixels = picture(page)
    assert (width, height, colour) == (1050, 1400, 2)
    assert len(pixels) == height * (1 + 3 * width)
    assert bytes([204, 0, 0]) in pixels
    assert page.text == ""


def test_a_scan_becomes_a_grey_picture():
    width, height, colour, pixels = picture(pdf_reader.read_pdf(pdf(GREY_SCAN)).pages[0])
    assert colour == 0
    assert len(pixels) == height * (1 + width)


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
def test_the_reader_has_limits_gives_way_to_streams_and_leaves_no_memory_on_the_disk():
    limited = (
        "import os, resource; from claude_code_proxy.pdf_reader import _limit; before = os.nice(0); _limit();"
        "print(os.nice(0) > before, [resource.getrlimit(one)[0] for one in"
        " (resource.RLIMIT_CORE, resource.RLIMIT_CPU, resource.RLIMIT_AS)])"
    )
    said = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True).stdout
    assert said == f"True [0, 30, {1024**3}]\n"


def test_pictures_are_limited_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(pdf_reader, "MAX_PICTURES", 1)
    read = pdf_reader.read_pdf(pdf(GREY_SCAN, GREY_SCAN, LONG))
    assert (len(read.pages), read.unread) == (1, 2)


def test_text_is_limited_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(pdf_reader, "MAX_CHARACTERS", len(LONG) + 5)
    read = pdf_reader.read_pdf(pdf(LONG, LONG, LONG))
    assert (len(read.pages), read.unread) == (1, 2)


def test_pages_are_limited_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(pdf_reader, "MAX_PAGES", 2)
    read = pdf_reader.read_pdf(pdf(LONG, LONG, LONG))
    assert (len(read.pages), read.unread) == (2, 1)


# -- addresses ------------------------------------------------------------------------------------------------------

PRIVATE = """127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 255.255.255.255 ::1 ::
    fe80::1 fc00::1 ff02::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 240.0.0.1 192.0.2.1"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1/a.pdf", "it is not a public address"),
        ("http://localhost/a.pdf", "it is not a public address"),
        ("http://[::1]/a.pdf", "it is not a public address"),
        ("http://[::ffff:169.254.169.254]/latest", "it is not a public address"),
        ("http://2130706433/", "it is not a public address"),
        ("http://0x7f.1/", "it is not a public address"),
        ("file:///etc/passwd", "only http and https addresses are fetched"),
        ("http://", "only http and https addresses are fetched"),
        ("http://[broken", "it could not be fetched"),
    ],
)
async def test_private_and_odd_addresses_are_not_fetched(url, error):
    read = await only(Want(key="k", url=url))
    assert read == Resource(error=error)


async def test_a_session_without_guard_is_not_used():
    async with aiohttp.ClientSession() as session:
        assert (await only(Want(key="k", url="http://127.0.0.1:9/"), session)).error == "it is not a public address"


@asynccontextmanager
async def site(**answers):
    """Serve the answers by name, and yield (session, address of a name)."""

    async def answer(request):
        made = answers[request.match_info["name"]]
        return await made(request) if callable(made) else made

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    port = listener.getsockname()[1]
    only_here = ipaddress.ip_address("127.0.0.1")
    async with guarded_session(lambda address: address == only_here) as session:
        yield session, lambda name: f"http://127.0.0.1:{port}/{name}"
    await runner.cleanup()


async def test_an_image_is_fetched():
    async with site(cat=web.Response(body=PNG, content_type="image/png")) as (session, at):
        read = await only(Want(key="k", url=at("cat")), session)
    assert (read.media_type, base64.b64decode(read.data), read.error) == ("image/png", PNG, "")


async def test_a_pdf_is_fetched_and_read():
    async def paper(request):
        return web.Response(body=pdf(LONG), content_type="application/pdf")

    async with site(paper=paper) as (session, at):
        as_file = await only(Want(key="k", url=at("paper")), session)
        read = await only(Want(key="k", url=at("paper"), pages=True), session)
    assert read.pages == (Page(number=1, text=LONG),)
    assert (as_file.media_type, base64.b64decode(as_file.data), as_file.pages) == ("application/pdf", pdf(LONG), ())


async def test_text_is_fetched_as_text():
    async with site(page=web.Response(text="grüße", charset="latin-1")) as (session, at):
        assert (await only(Want(key="k", url=at("page"), pages=True), session)).text == "grüße"


DISGUISES = [
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "[::ffff:7f00:1]",
    "127。0。0。1",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
]


@pytest.mark.parametrize("host", [*DISGUISES, "①27.0.0.1", "ⓛocalhost"])
async def test_a_host_in_disguise_is_never_asked(host):
    asked = []

    async def answer(request):
        asked.append(host)
        return web.Response(text="secret")

    async with site(page=answer) as (_, at):
        read = await only(Want(key="k", url=at("page").replace("127.0.0.1", host)))
    assert read == Resource(error="it is not a public address")
    assert asked == []


async def test_an_address_that_comes_by_any_other_way_meets_the_guard_at_the_socket(monkeypatch):
    monkeypatch.setattr(documents_io, "_as_number", lambda _: None)
    asked = []

    async def answer(request):
        asked.append(request)
        return web.Response(text="secret")

    async with site(page=answer) as (_, at):
        read = await only(Want(key="k", url=at("page")))
    assert read == Resource(error="it is not a public address")
    assert asked == []


async def test_a_redirect_is_followed():
    async def move(request):
        raise web.HTTPFound("/page")

    async with site(old=move, page=web.Response(text="here")) as (session, at):
        assert (await only(Want(key="k", url=at("old")), session)).text == "here"


@pytest.mark.parametrize("target", ["http://10.0.0.1/secret", "http://localhost:1/", "file:///etc/passwd"])
async def test_a_redirect_to_a_private_address_is_refused(target, monkeypatch):
    async def move(request):
        raise web.HTTPFound(target)

    async def lookup(*_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 1))]

    async with site(old=move) as (session, at):
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup, raising=False)
        read = await only(Want(key="k", url=at("old")), session)
    assert read.error in {"it is not a public address", "only http and https addresses are fetched"}


async def test_a_circle_of_redirects_ends():
    async def move(request):
        raise web.HTTPFound("/old")

    async with site(old=move) as (session, at):
        assert (await only(Want(key="k", url=at("old")), session)).error == "it redirects too often"


async def test_an_error_status_is_told():
    async with site(gone=web.Response(status=404)) as (session, at):
        assert (await only(Want(key="k", url=at("gone")), session)).error == "the server answered 404"


async def test_a_file_too_large_is_cut_off(monkeypatch):
    monkeypatch.setattr(documents_io, "MAX_BYTES", 1000)
    async with site(big=web.Response(body=b"x" * 5000)) as (session, at):
        assert (await only(Want(key="k", url=at("big")), session)).error.startswith("it is larger than")


async def test_a_server_that_does_not_answer_is_an_error():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    async with guarded_session(lambda _: True) as session:
        assert (await only(Want(key="k", url=f"http://127.0.0.1:{port}/"), session)).error == "it could not be fetched"


async def test_one_request_waits_only_so_long(monkeypatch):
    monkeypatch.setattr(documents_io, "ALL_SECONDS", 0.05)

    async def never(request):
        await asyncio.sleep(30)

    async with site(slow=never) as (session, at):
        wants = [Want(key=str(number), url=at("slow")) for number in range(3)]
        read = await gather_resources(wants, session=session)
    assert {resource.error for resource in read.values()} == {"it took too long"}


# -- cache ----------------------------------------------------------------------------------------------------------


async def test_what_was_read_is_not_read_again(monkeypatch):
    want = Want(key="k", data=pdf_base64(LONG), pages=True)
    first = await only(want)
    monkeypatch.setattr(documents_io, "_READER_MODULE", "claude_code_proxy.no_such_module")
    assert await only(want) is first


def test_the_cache_lets_the_oldest_go():
    cache = Cache(3000)
    for key in "abcd":
        cache.put(key, Resource(text="x" * 400))
        cache.get("a")
    assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]


def test_the_cache_does_not_keep_what_is_larger_than_itself():
    cache = Cache(1000)
    cache.put("small", Resource(text="x"))
    cache.put("large", Resource(text="x" * 5000))
    assert cache.get("large") is None


def test_an_error_is_believed_for_a_while_only():
    now = [0.0]
    cache = Cache(10_000, lambda: now[0])
    cache.put("k", Resource(error="it took too long"))
    cache.put("fine", Resource(text="x"))
    now[0] = 200
    assert cache.get("k")
    now[0] = 301
    assert cache.get("k") is None
    assert cache.get("fine")


async def test_the_pdfs_of_one_request_take_only_so_long_and_the_rest_is_read_when_asked_again(monkeypatch):
    monkeypatch.setattr(documents_io, "READING_SECONDS", -1.0)
    want = Want(key="k", data=pdf_base64(LONG), pages=True)
    late = await only(want)
    assert (late.pages, late.error) == ((), "the documents before it took too long to read; send fewer, or ask again")
    monkeypatch.setattr(documents_io, "READING_SECONDS", 60.0)
    assert (await only(want)).pages == (Page(number=1, text=LONG),)
