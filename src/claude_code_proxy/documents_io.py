"""What documents and addresses hold: PDFs are read, addresses fetched, outside the event loop and under limits.

A PDF is read in a process of its own (`pdf_reader.py`): PDFium is native code, not safe in threads, and what it is
given comes from strangers, so it gets a time limit, a memory limit and nothing else. An address is fetched only from
public hosts: every address a name resolves to is checked, that of every redirect too, and the connection goes to the
checked one, so that no name can point elsewhere a moment later.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import urljoin
from weakref import WeakKeyDictionary

import aiohttp
import msgspec
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .translate.documents import PDF, Want, is_pdf
from .translate.parts import Resource

MAX_BYTES = 32 * 1024 * 1024
"""Of one fetched file or one PDF: what the real API takes."""

FETCH_SECONDS = 20.0
READ_SECONDS = 30.0
ALL_SECONDS = 60.0
"""For everything one request needs: what is not there by then is left out."""
READING_SECONDS = 10.0
"""After so long no further PDF of the same request is begun: two hundred broken ones must not hold up others'."""

_REDIRECTS = 5
_LATE = "the documents before it took too long to read; send fewer, or ask again"
_FAILURE_LIFE = 300.0  # seconds an error is believed: a dead address must not cost a wait in every turn
_AT_ONCE = 2  # PDFs read at the same time
_CACHE_BYTES = 64 * 1024 * 1024
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")  # a stranger's file meets no keys
_READER_MODULE = "claude_code_proxy.pdf_reader"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def gather_resources(
    wants: Sequence[Want], *, session: aiohttp.ClientSession | None = None
) -> dict[str, Resource]:
    """Fetch and read what `wants` lists, each thing once; a failure is a `Resource` with `error`, never an exception.

    session: one made by `guarded_session`; any other could reach private hosts and is not used.
    """
    found = {want.key: _CACHE.get(_place(want)) for want in wants}
    missing = {want.key: want for want in wants if found[want.key] is None}
    if missing:
        found.update(await _gathered(list(missing.values()), session))
    return {key: resource for key, resource in found.items() if resource is not None}


def guarded_session(is_allowed: Callable[[Address], bool] | None = None) -> aiohttp.ClientSession:
    """Return a session that connects to public hosts only. is_allowed: another rule for addresses, for tests."""
    return aiohttp.ClientSession(
        connector=GuardedConnector(is_allowed or is_public),
        timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
        trust_env=False,
    )


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet: not private, local, reserved or multicast, embedded or plain."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class RefusedError(Exception):
    """An address that must not be fetched, with the reason for the model."""


class GuardedConnector(aiohttp.TCPConnector):
    """Connects only where `is_allowed` says so: looked at in the URL, in what a name means, and at the socket."""

    def __init__(self, is_allowed: Callable[[Address], bool]) -> None:
        super().__init__(resolver=_Resolver(is_allowed), use_dns_cache=False, limit=8, socket_factory=self._socket)
        self._is_allowed = is_allowed

    def checked(self, url: str) -> URL:
        """Return what will be asked, or raise RefusedError: it is of the web, and a host given as a number is allowed.

        The host is the one that the client connects to: digits of other scripts (`①②⑦`) are plain ones by then.
        """
        address = URL(url)
        if address.scheme not in {"http", "https"} or not address.raw_host:
            raise RefusedError("only http and https addresses are fetched")
        number = _as_number(address.raw_host.partition("%")[0])
        if number is not None and not self._is_allowed(number):
            raise RefusedError("it is not a public address")
        return address

    def _socket(self, found: AddrInfoType) -> socket.socket:
        """Open a socket for an address just before it is connected: the last word, however the address came here."""
        if not self._is_allowed(ipaddress.ip_address(str(found[4][0]).partition("%")[0])):
            raise RefusedError("it is not a public address")
        return socket.socket(*found[:3])


class _Resolver(AbstractResolver):
    """Resolves a name and refuses it if any of its addresses is not allowed."""

    def __init__(self, is_allowed: Callable[[Address], bool]) -> None:
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = {str(entry[4][0]): entry[0] for entry in found}
        if not all(self._is_allowed(ipaddress.ip_address(address.partition("%")[0])) for address in addresses):
            raise RefusedError("it is not a public address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for address, family in addresses.items()
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _as_number(host: str) -> Address | None:
    """Return a host given as a number in any way a connection would take it (`2130706433`, `0x7f.1`), else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one that a gateway would take it to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


# -- fetching -----------------------------------------------------------------------------------------------------


async def _gathered(wants: Sequence[Want], session: aiohttp.ClientSession | None) -> dict[str, Resource]:
    guarded = session is not None and isinstance(session.connector, GuardedConnector)
    if not guarded and any(want.url for want in wants):
        async with guarded_session() as own:
            return await _gathered(wants, own)
    patience = _Patience()
    resources = await asyncio.gather(*(_resource(want, session, patience) for want in wants))
    for want, resource in zip(wants, resources, strict=True):
        if resource.error != _LATE:  # what was read is kept: asked again, the next ones get their turn
            _CACHE.put(_place(want), resource)
    return {want.key: resource for want, resource in zip(wants, resources, strict=True)}


def _place(want: Want) -> str:
    """Return the key in the cache: a file that was only fetched has no pages yet."""
    return f"{want.key}:{want.pages}"


class _Patience:
    """How long one request's PDFs are read, from when the first gets its turn."""

    def __init__(self) -> None:
        self._begun: float | None = None

    def check(self) -> None:
        """Raise RefusedError when it is over."""
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        if now - self._begun > READING_SECONDS:
            raise RefusedError(_LATE)


async def _resource(want: Want, session: aiohttp.ClientSession | None, patience: _Patience) -> Resource:
    try:
        async with asyncio.timeout(ALL_SECONDS):
            return await _obtained(want, session, patience)
    except RefusedError as error:
        return Resource(error=str(error))
    except TimeoutError:
        return Resource(error="it took too long")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Resource(error=_reason(error))


async def _obtained(want: Want, session: aiohttp.ClientSession | None, patience: _Patience) -> Resource:
    if not want.url or session is None:
        return await _read(want.data, patience)
    fetched = await _fetched(want.url, session)
    if not (want.pages and is_pdf(fetched.media_type, fetched.data)):
        return fetched
    return msgspec.structs.replace(await _read(fetched.data, patience), media_type=PDF, data=fetched.data)


async def _fetched(url: str, session: aiohttp.ClientSession) -> Resource:
    for _ in range(_REDIRECTS + 1):
        address = _connector(session).checked(url)
        async with session.get(address, allow_redirects=False, headers={"accept": "*/*"}) as answer:
            if answer.status in {301, 302, 303, 307, 308} and "location" in answer.headers:
                url = urljoin(url, answer.headers["location"])
                continue
            if answer.status != 200:  # noqa: PLR2004 - anything else is no file
                raise RefusedError(f"the server answered {answer.status}")
            return _as_resource(await _body(answer), answer.content_type, answer.charset or "utf-8")
    raise RefusedError("it redirects too often")


def _connector(session: aiohttp.ClientSession) -> GuardedConnector:
    connector = session.connector
    if not isinstance(connector, GuardedConnector):
        raise RefusedError("no guarded connection")
    return connector


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(65536):
        size += len(part)
        if size > MAX_BYTES:
            raise RefusedError(f"it is larger than {MAX_BYTES // 2**20} MB")
        parts.append(part)
    return b"".join(parts)


def _as_resource(body: bytes, media_type: str, charset: str) -> Resource:
    if media_type.startswith("text/") or media_type in {"application/json", "application/xml"}:
        try:
            return Resource(media_type=media_type, text=body.decode(charset, "replace"))
        except LookupError:
            return Resource(media_type=media_type, text=body.decode("utf-8", "replace"))
    return Resource(media_type=media_type, data=base64.b64encode(body).decode())


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, RefusedError):
        return str(error.os_error)
    return "it could not be fetched"


# -- reading PDFs -------------------------------------------------------------------------------------------------


async def _read(data: str, patience: _Patience) -> Resource:
    """Return the pages of a PDF given in base64."""
    if len(data) > MAX_BYTES * 4 // 3:
        return Resource(error=f"it is larger than {MAX_BYTES // 2**20} MB")
    async with _turns():
        patience.check()
        pdf = await asyncio.to_thread(base64.b64decode, data)
        answer = await _run_reader(pdf)
    try:
        return _decode(answer)
    except msgspec.DecodeError:
        return Resource(error="it could not be read")


async def _run_reader(pdf: bytes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _READER_MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    try:
        answer, _ = await asyncio.wait_for(process.communicate(pdf), READ_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer


def _turns() -> asyncio.Semaphore:
    """Return this event loop's turnstile: so many PDFs are read at once."""
    loop = asyncio.get_running_loop()
    return _TURNS.setdefault(loop, asyncio.Semaphore(_AT_ONCE))


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_decode = msgspec.json.Decoder(Resource).decode


# -- what was read already ----------------------------------------------------------------------------------------


class Cache:
    """The last resources, by key, within a number of bytes; errors only for a while.

    A conversation sends its documents again in every turn. Without the cache the answer is the same, only later.
    """

    def __init__(self, limit: int, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._size = 0
        self._kept: OrderedDict[str, tuple[Resource, int, float]] = OrderedDict()

    def get(self, key: str) -> Resource | None:
        """Return what is kept under `key`, None when there is nothing or only an error of long ago."""
        if key not in self._kept:
            return None
        resource, size, since = self._kept[key]
        if resource.error and self._now() - since > _FAILURE_LIFE:
            del self._kept[key]
            self._size -= size
            return None
        self._kept.move_to_end(key)
        return resource

    def put(self, key: str, resource: Resource) -> None:
        """Keep `resource`, and let the ones unused for longest go."""
        if key in self._kept:
            self._size -= self._kept.pop(key)[1]
        size = _size(resource)
        self._kept[key] = (resource, size, self._now())
        self._size += size
        while self._size > self._limit and self._kept:
            self._size -= self._kept.popitem(last=False)[1][1]


def _size(resource: Resource) -> int:
    pages = sum(len(page.text) + len(page.image) + 100 for page in resource.pages)
    return len(resource.data) + len(resource.text) + pages + 500


_CACHE = Cache(_CACHE_BYTES)
