"""The HTTP client behind the proxy: one connection pool for all backends, and every fault named.

It opens answers and hands their bytes on; what the bytes mean is not its business. Time limits on an answer that has
begun are the pulse's (`pulse.py`), so that a living stream is never cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Self, TypeVar

import aiohttp
import structlog
import truststore
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from ..config import Backend
from ..errors import RetryableError, UpstreamError
from ..translate.dialect import Dialect
from ..translate.failure import Asked, read_failure
from .address import chat_url, headers
from .answer import READ_BUFFER, Answer
from .connection import Form, Pool

V = TypeVar("V")

_MAX_ERROR_BODY = 64 * 1024  # bytes
_ERROR_TIMEOUT = 10  # seconds for the rest of an error, whose status is known already
_FORMS = 256
_REDIRECTED = 300
_EXPIRED = 10
_OTHER_HOST = (62, 64)  # names, addresses
_PROXY_WANTS_A_PASSWORD = 407


def _nothing() -> None:
    """Nothing has to be done while the backend works."""


def _bounded(known: dict[Any, V]) -> dict[Any, V]:
    """Empty what has grown too large: model names come from clients."""
    if len(known) >= _FORMS:
        known.clear()
    return known


class Client:
    """Talks to backends. Use as an async context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._forms: dict[Any, Form] = {}
        self._kinds: dict[Any, tuple[Backend, Form]] = {}  # those of backends as they are now, found by identity
        self._pool: Pool
        self._trusted: dict[str, ssl.SSLContext] = {}

    async def __aenter__(self) -> Self:
        self._pool = Pool(limit=0, ttl_dns_cache=60, ssl=_trusted())
        self._session = aiohttp.ClientSession(
            connector=self._pool,
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_BUFFER,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool, for the catalogue and for resources."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        return self._session

    def way(self, backend: Backend) -> Mapping[str, Any]:
        """Return the options of every request to a backend: its HTTP proxy, and whose certificates it may show."""
        options: dict[str, Any] = {"proxy": backend.proxy} if backend.proxy else {}
        if backend.ca_file:
            if backend.ca_file not in self._trusted:
                self._trusted[backend.ca_file] = _trusted(backend.ca_file)
            options["ssl"] = self._trusted[backend.ca_file]
        return options

    def get(self, backend: Backend, url: str, sent: Mapping[str, str]) -> aiohttp.client._RequestContextManager:
        """Ask a backend for something that is no chat."""
        return self.session.get(url, headers=sent, allow_redirects=False, **self.way(backend))

    async def post(
        self,
        backend: Backend,
        dialect: Dialect,
        body: bytes,
        model: str,
        asked: Callable[[], Asked],
        *,
        stream: bool,
        meanwhile: Callable[[], object] = _nothing,
    ) -> Answer:
        """Send a chat request and return the 200 answer: a block that closes it, finished or not, when it is left.

        asked: tells what the request was, for the words of a failure; meanwhile: called when the request is sent, for
        what can be done while the backend works.

        Raises UpstreamError when it can't be reached or answers anything but success.
        """
        kind = (id(backend), model, dialect.auth_header, stream)
        known = self._kinds.get(kind)
        form = known[1] if known is not None else self._form(backend, dialect, model, asked, stream=stream)
        if known is None:
            _bounded(self._kinds)[kind] = backend, form
        try:
            answer = await self._pool.post(form, body, meanwhile)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise _unreachable(error, backend, asked) from error
        if answer.status >= _REDIRECTED or answer.content_type == "text/html":
            await _refuse(answer, backend, asked)
        return answer

    def _form(
        self, backend: Backend, dialect: Dialect, model: str, asked: Callable[[], Asked], *, stream: bool
    ) -> Form:
        """Return what requests of this kind have in common; a pool's keys, and settings read again, make new ones."""
        url, connect = chat_url(backend, model), backend.timeouts.connect
        key = (
            url,
            backend.key,
            *backend.headers.items(),
            dialect.auth_header,
            connect,
            stream,
            backend.proxy,
            backend.ca_file,
        )
        form = self._forms.get(key)
        if form is None:
            try:
                sent = headers(backend, dialect, stream=stream)
                form = _bounded(self._forms)[key] = Form(url, sent, connect, self.way(backend))
            except ValueError:
                raise UpstreamError(
                    f"The address of backend {backend.name} is no URL. Check {asked().url_name}."
                ) from None
        return form


def _unreachable(error: Exception, backend: Backend, asked: Callable[[], Asked]) -> UpstreamError:
    """Return what a request is told that brought no answer; aiohttp's own time-outs are TimeoutErrors too."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return RetryableError("The backend closed the connection without an answer.")
    if isinstance(error, TimeoutError):
        connect = backend.timeouts.connect
        return RetryableError(f"Backend {backend.name} took no connection within {connect:g} s.", status=504)
    if isinstance(error, ContentEncodingError):
        return UpstreamError(
            f"Backend {backend.name} packs its answers in a way that was not asked for and can't be read "
            "(content-encoding); gzip and deflate can. Switch it off there, or in what stands before it."
        )
    check = f"Check {asked().url_name}, and that the server runs."
    return RetryableError(f"Backend {backend.name} can't be reached: {_reason(error)}. {check}")


async def _refuse(answer: Answer, backend: Backend, asked: Callable[[], Asked]) -> NoReturn:
    """Raise what an answer says that is none of the model's.

    Redirects lose the body of a POST, and a web page is no answer of an API: both are failures too.
    """
    with answer:
        if answer.status == _PROXY_WANTS_A_PASSWORD and backend.proxy:
            raise UpstreamError(
                f"Backend {backend.name} can't be reached: the HTTP proxy on the way (HTTP_PROXY) answers 407. "
                "Give its user and password: http://user:password@host:port."
            )
        raw = await _error_body(answer)
    failure = read_failure(answer.status, raw, answer.headers, asked())
    failure.raw = raw
    raise failure


async def _error_body(answer: Answer) -> bytes:
    body = b""
    with contextlib.suppress(TimeoutError, RetryableError):
        async with asyncio.timeout(_ERROR_TIMEOUT):
            while len(body) < _MAX_ERROR_BODY and (part := await answer.readany()):
                body += part
    return body[:_MAX_ERROR_BODY]


def _reason(error: BaseException) -> str:
    """A few words on a connection fault, without addresses or paths."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _distrust(error.certificate_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error)
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        return "no TLS connection came about (is it https there?)"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the HTTP proxy on the way (HTTPS_PROXY) answers {error.status}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return "the HTTP proxy on the way (HTTPS_PROXY) takes no connection"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name is unknown"
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, ConnectionResetError | BrokenPipeError):
        return "connection reset"
    return type(error).__name__


def _distrust(error: BaseException) -> str:
    """Why a certificate is not taken. The codes are OpenSSL's (X509_V_ERR_...); other stores have words only."""
    code = getattr(error, "verify_code", 0)
    if code == _EXPIRED:
        return "its TLS certificate has expired"
    if code in _OTHER_HOST:
        return "its TLS certificate is another host's"
    return "its TLS certificate is not trusted (set SSL_CERT_FILE, or ca_file in its table, to your CA file)"


def _trusted(more: str = "") -> ssl.SSLContext:
    """The operating system's store, or what SSL_CERT_FILE names; beside it other programs' files, and `more`."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        context = ssl.create_default_context()
    else:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"):
        if file := os.environ.get(name):
            try:
                context.load_verify_locations(file)
            except OSError:
                structlog.get_logger().warning(f"{name} names no readable file of certificates; it is not used")
    if more:
        context.load_verify_locations(more)
    return context
