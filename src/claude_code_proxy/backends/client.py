"""The HTTP client behind the proxy: one connection pool for all backends, and every fault named.

It opens answers and hands their bytes on; what the bytes mean is not its business. Time limits on an answer that has
begun are the pulse's (`pulse.py`), so that a living stream is never cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Self

import aiohttp
import structlog
import truststore
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from ..config import Backend
from ..errors import RetryableError, UpstreamError
from ..translate.dialect import Dialect
from ..translate.failure import Asked, read_failure
from .address import chat_url, headers
from .connection import READ_BUFFER, Answer, Form, Pool

_MAX_ERROR_BODY = 64 * 1024  # bytes
_ERROR_TIMEOUT = 10  # seconds for the rest of an error, whose status is known already
_FORMS = 256
_EXPIRED = 10
_OTHER_HOST = (62, 64)  # names, addresses
_PROXY_WANTS_A_PASSWORD = 407


def _nothing() -> None:
    """Nothing has to be done while the backend works."""


class Client:
    """Talks to backends. Use as an async context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._forms: dict[Any, Form] = {}
        self._pool: Pool
        self._trusted: dict[str, ssl.SSLContext] = {}

    async def __aenter__(self) -> Self:
        self._pool = Pool(limit=0, ttl_dns_cache=60, keepalive_timeout=15, ssl=_trusted())
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

    def open(
        self,
        backend: Backend,
        dialect: Dialect,
        body: bytes,
        model: str,
        asked: Callable[[], Asked],
        *,
        stream: bool,
        meanwhile: Callable[[], object] = _nothing,
    ) -> _Opened:
        """Return a block that sends a chat request and gives the 200 answer; leaving closes it, finished or not.

        asked: tells what the request was, for the words of a failure; meanwhile: called when the request is sent, for
        what can be done while the backend works.

        Raises UpstreamError when it can't be reached or answers anything but success.
        """
        form = self._form(backend, dialect, model, asked, stream=stream)
        return _Opened(self._post(backend, form, body, asked, meanwhile), backend, asked)

    async def _post(
        self, backend: Backend, form: Form, body: bytes, asked: Callable[[], Asked], meanwhile: Callable[[], object]
    ) -> Answer:
        connect = backend.timeouts.connect
        try:
            return await self._pool.post(form, body, meanwhile)
        except aiohttp.ServerDisconnectedError as error:
            raise RetryableError("The backend closed the connection without an answer.") from error
        except TimeoutError as error:  # aiohttp's own time-outs are TimeoutErrors too
            raise RetryableError(
                f"Backend {backend.name} took no connection within {connect:g} s.", status=504
            ) from error
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            if isinstance(error.__cause__, ContentEncodingError) or isinstance(error, ContentEncodingError):
                raise UpstreamError(
                    f"Backend {backend.name} packs its answers in a way that was not asked for and can't be read "
                    "(content-encoding); gzip and deflate can. Switch it off there, or in what stands before it."
                ) from error
            raise RetryableError(
                f"Backend {backend.name} can't be reached: {_reason(error)}. "
                f"Check {asked().url_name}, and that the server runs."
            ) from error

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
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            try:
                sent = headers(backend, dialect, stream=stream)
                form = self._forms[key] = Form(url, sent, connect, self.way(backend))
            except ValueError:
                raise UpstreamError(
                    f"The address of backend {backend.name} is no URL. Check {asked().url_name}."
                ) from None
        return form


class _Opened:
    """A block with an answer in it. posted: gives the answer's head."""

    __slots__ = ("_asked", "_backend", "_posted", "_response")

    def __init__(self, posted: Coroutine[Any, Any, Answer], backend: Backend, asked: Callable[[], Asked]) -> None:
        self._posted = posted
        self._backend = backend
        self._asked = asked
        self._response: Answer

    async def __aenter__(self) -> Answer:
        response = self._response = await self._posted
        if response.status == _PROXY_WANTS_A_PASSWORD and self._backend.proxy:
            response.close()
            raise UpstreamError(
                f"Backend {self._backend.name} can't be reached: the HTTP proxy on the way (HTTP_PROXY) answers 407. "
                "Give its user and password: http://user:password@host:port."
            )
        if _failed(response):
            try:
                raw = await _error_body(response)
            finally:
                response.close()
            failure = read_failure(response.status, raw, response.headers, self._asked())
            failure.raw = raw
            raise failure
        return response

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._response.close()
        if isinstance(error, aiohttp.ClientPayloadError):
            raise RetryableError("The backend closed the connection in the middle of its answer.") from error
        if isinstance(error, (aiohttp.ClientError, OSError)):
            raise RetryableError(f"The connection to backend {self._backend.name} broke: {_reason(error)}.") from error


def _failed(response: Answer) -> bool:
    """Redirects lose the body of a POST, and a web page is no answer of an API: both are failures too."""
    return response.status >= 300 or response.content_type == "text/html"  # noqa: PLR2004 - the HTTP classes


async def _error_body(response: Answer) -> bytes:
    body = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_ERROR_TIMEOUT):
            while len(body) < _MAX_ERROR_BODY and (part := await response.content.readany()):
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
