"""The HTTP proxy on the way to a backend: who is asked through it, who never, and that it really is."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.asgi import running
from tests.messages_api import HELLO, envelope
from tests.raw_backend import Asked, closed_port, completion, head, raw_backend, whole

from claude_code_proxy.backends.client import Client
from claude_code_proxy.config import Backend, load
from claude_code_proxy.errors import ConfigError
from claude_code_proxy.outgoing import proxy_of

BOTH = {"http_proxy": "http://plain:1", "HTTPS_PROXY": "http://secure:2"}


@pytest.mark.parametrize(
    ("url", "variables", "proxy"),
    [
        ("http://api.test/v1", BOTH, "http://plain:1"),
        ("https://api.test/v1", BOTH, "http://secure:2"),
        ("https://api.test/v1", {"ALL_PROXY": "corp:3128"}, "http://corp:3128"),
        ("https://api.test/v1", {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "http://low:1"),
        ("https://api.test/v1", {}, ""),
        ("https://api.test/v1", {**BOTH, "NO_PROXY": "other, .test"}, ""),
        ("https://api.test/v1", {**BOTH, "NO_PROXY": "api.test"}, ""),
        ("https://api.test/v1", {**BOTH, "no_proxy": "*"}, ""),
        ("https://api.test:8443/v1", {**BOTH, "NO_PROXY": "api.test:8443"}, ""),
        ("https://api.test:8443/v1", {**BOTH, "NO_PROXY": "api.test:1"}, "http://secure:2"),
        ("https://fakeapi.test/v1", {**BOTH, "NO_PROXY": "api.test"}, "http://secure:2"),
        ("http://10.1.2.3/v1", {**BOTH, "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://api.test/v1", {**BOTH, "NO_PROXY": "api.test:443"}, ""),
        *(
            (f"http://{here}:1/v1", BOTH, "")
            for here in ("2130706433", "127.1", "0x7f000001", "0", "[::ffff:127.0.0.1]", "[::]")
        ),
        ("http://11.1.2.3/v1", {**BOTH, "NO_PROXY": "10.0.0.0/8"}, "http://plain:1"),
        *(
            (f"http://{host}:1234/v1", BOTH, "")
            for host in ("localhost", "127.0.0.1", "127.8.8.8", "[::1]", "0.0.0.0", "llm.localhost")
        ),
    ],
)
def test_who_is_asked_through_which_proxy(url: str, variables: dict[str, str], proxy: str) -> None:
    warnings: list[str] = []
    assert proxy_of(url, variables, warnings) == proxy
    assert warnings == []


def test_a_proxy_of_another_kind_is_told_and_not_used() -> None:
    warnings: list[str] = []
    assert proxy_of("https://api.test", {"ALL_PROXY": "socks5://corp:1080"}, warnings) == ""
    assert "ALL_PROXY" in warnings[0]


async def _answer(asked: Asked) -> None:
    asked.send(whole(completion("through the proxy")))


async def test_requests_go_through_the_proxy_and_its_password_stays_here() -> None:
    async with raw_backend(_answer) as way:
        address = way.url.removesuffix("/v1").replace("http://", "http://user:geheim@")
        async with _behind(address) as app:
            reply = await app.post({**HELLO, "model": "m"})
    assert reply.json()["content"][0]["text"] == "through the proxy"
    [asked] = way.asked
    assert asked.head.startswith(b"POST http://backend.invalid/v1/chat/completions HTTP/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpnzwhlaw0=" in asked.head.lower()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fault", ["refused", "no credentials"])
async def test_a_proxy_that_fails_is_named(fault: str, scheme: str) -> None:
    async def refuse(asked: Asked) -> None:
        asked.send(head(407, content_length="0"))

    async with raw_backend(refuse) as way:
        port = closed_port() if fault == "refused" else way.url.split(":")[2].split("/")[0]
        async with _behind(f"http://u:geheim@127.0.0.1:{port}", scheme) as app:
            reply = await app.post({**HELLO, "model": "m"})
    assert envelope(reply)[0] == 502
    assert "HTTP proxy" in reply.text
    assert "geheim" not in reply.text + str(app.logs)


def _behind(proxy: str, scheme: str = "http") -> Any:
    class Far:
        url, key = f"{scheme}://backend.invalid/v1", "sk-far"

    return running(Far(), **{f"{scheme.upper()}_PROXY": proxy})


def _loaded(folder: Path, table: str, **env: str) -> Backend:
    (folder / "claude-code-proxy.toml").write_text(f'[backends.far]\nbase_url="https://a.test"\nkey="k"\n{table}')
    return load(env, cwd=folder).default_backend


def test_a_backend_may_have_its_own_proxy_or_none(tmp_path: Path) -> None:
    assert _loaded(tmp_path, 'proxy="http://own:1"', HTTPS_PROXY="http://all:1").proxy == "http://own:1"
    assert _loaded(tmp_path, 'proxy=""', HTTPS_PROXY="http://all:1").proxy == ""
    assert _loaded(tmp_path, "", HTTPS_PROXY="http://all:1").proxy == "http://all:1"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('proxy="socks5://a:1"', "HTTP proxy"),
        ("proxy=1", "HTTP proxy"),
        ('ca_file="no.pem"', "PEM"),
        ("ca_file=1", "path"),
    ],
)
def test_a_wrong_proxy_or_ca_file_is_told(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _loaded(tmp_path, table)


@pytest.mark.parametrize("junk", [None, b"no certificate"], ids=["missing", "junk"])
def test_an_ssl_cert_file_without_certificates_is_told_where_tls_is_used(tmp_path: Path, junk: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if junk is not None:
        file.write_bytes(junk)
    env = {"OPENAI_API_KEY": "sk-1", "SSL_CERT_FILE": str(file)}
    with pytest.raises(ConfigError, match="SSL_CERT_FILE names no readable file of certificates"):
        load({**env, "OPENAI_BASE_URL": "https://a.example/v1"}, cwd=tmp_path)
    assert load({**env, "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, cwd=tmp_path)


def test_a_ca_file_is_trusted_for_its_backend_only(tmp_path: Path) -> None:
    file = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    if not Path(file).is_file():
        pytest.skip("this machine has no file of certificates")
    client = Client()
    own = client.way(_loaded(tmp_path, f'ca_file="{file}"'))["ssl"]
    assert own.verify_mode == ssl.CERT_REQUIRED
    assert own.check_hostname
    assert client.way(_loaded(tmp_path, f'ca_file="{file}"'))["ssl"] is own
    assert client.way(_loaded(tmp_path, "")) == {}


class _Answers(BaseHTTPRequestHandler):
    """A backend that knows one answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(whole(completion("over TLS")))

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate leaves: that is the test."""


@contextmanager
def _secured(folder: Path) -> Iterator[tuple[int, Path]]:
    """Serve HTTPS with a certificate made for it; gives the port and the certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=own"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _Quiet(("127.0.0.1", 0), _Answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1], certificate
        server.shutdown()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
async def test_a_backend_with_a_certificate_of_its_own_is_asked_where_that_is_trusted(tmp_path: Path) -> None:
    with _secured(tmp_path) as (port, certificate):
        described = f'base_url = "https://127.0.0.1:{port}/v1"\nkey = "k"\nmodels = ["m"]\n'
        file = tmp_path / "two.toml"
        file.write_text(f'[backends.own]\n{described}ca_file = "{certificate}"\n[backends.usual]\n{described}')
        async with running(_Far(), OPENAI_BASE_URL="", OPENAI_API_KEY="", CONFIG_FILE=str(file)) as app:
            assert (await app.post({**HELLO, "model": "own/m"})).json()["content"][0]["text"] == "over TLS"
            status, _, told = envelope(await app.post({**HELLO, "model": "usual/m"}))
    assert status == 502
    assert "its TLS certificate is not trusted (set SSL_CERT_FILE, or ca_file in its table, to your CA file)" in told


class _Far:
    url = key = ""


@asynccontextmanager
async def _tunnel(asked: list[bytes]) -> AsyncIterator[int]:
    """Run an HTTP proxy that makes tunnels, and give its port. asked: what it is asked."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        host, port = asked[-1].split()[1].split(b":")
        far_reader, far_writer = await asyncio.open_connection(host.decode(), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
async def test_a_backend_with_tls_is_asked_through_a_tunnel(tmp_path: Path) -> None:
    asked: list[bytes] = []
    with _secured(tmp_path) as (port, certificate):
        async with _tunnel(asked) as way:
            table = f'base_url = "https://127.0.0.1:{port}/v1"\nkey = "sk-far"\nca_file = "{certificate}"\n'
            file = tmp_path / "tunnel.toml"
            file.write_text(f'[backends.far]\n{table}proxy = "http://user:geheim@127.0.0.1:{way}"\n')
            async with running(_Far(), OPENAI_BASE_URL="", OPENAI_API_KEY="", CONFIG_FILE=str(file)) as app:
                for _ in range(2):
                    reply = await app.post({**HELLO, "model": "far/m"})
                    assert reply.json()["content"][0]["text"] == "over TLS"
    assert all(head.startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1" % port) for head in asked)
    assert all(b"proxy-authorization: basic" in head.lower() for head in asked)
    assert b"sk-far" not in b"".join(asked)
