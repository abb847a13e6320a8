"""Cases SE-*: models and their names, keys, paths, proxies, certificates, settings, and who may come in."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, answer, error, say
from tests.backend.script import Call
from tests.cases.conftest import WINDOWS, asked_through, environment
from tests.cases.talk import BASH, Client, both, user
from tests.proxy_process import ProxyProcess, clean_environment, free_port, run_command, start_proxy

SECRET = "sk-haus-4711-geheim-0815"


def command(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program until it ends by itself."""
    return run_command(tmp_path, {**clean_environment(tmp_path), **settings}, *arguments)


# -- SE-01 to SE-03: models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/models?limit=1000", "/v1/models/?limit=1000", "/v1/v1/models?limit=1000"])
def test_se_01_the_picker_finds_real_models_under_ids_it_shows(backend: Backend, client: Client, path: str) -> None:
    begun = time.monotonic()
    reply = client.http.get(path, headers={"anthropic-version": "2023-06-01"})
    assert time.monotonic() - begun < 3, "Claude Code waits for no more than three seconds"
    listed = reply.json()
    assert {"data", "has_more", "first_id", "last_id"} <= set(listed)
    assert all(entry["id"].startswith(("claude", "anthropic")) for entry in listed["data"])
    assert {entry["display_name"] for entry in listed["data"]} >= set(WINDOWS)
    assert all(entry["type"] == "model" and entry["created_at"] for entry in listed["data"])
    assert backend.requests == [], "asked at start, not now"


@pytest.mark.parametrize("wanted", list(WINDOWS))
@both
def test_se_01_a_picked_model_is_the_one_that_is_asked(
    backend: Backend, client: Client, wanted: str, *, stream: bool
) -> None:
    listed = client.http.get("/v1/models?limit=1000").json()["data"]
    picked = next(entry["id"] for entry in listed if entry["display_name"] == wanted)
    backend.play([say("ja")])
    heard = client.ask(model=picked, stream=stream)
    assert backend.chats[0].model == wanted
    assert heard.message["model"] == picked
    assert client.http.get(f"/v1/models/{picked}").json()["display_name"] == wanted


NAMES: dict[str, str] = {
    "claude-opus-4-8[1m]": "gpt-5.4",
    "claude-sonnet-5[1m]": "deepseek-v4-flash",
    "gpt-5.4[1m]": "gpt-5.4",
    "deepseek-chat[1M]": "deepseek-chat",
    "moonshotai/kimi-k2.5[1m]": "moonshotai/kimi-k2.5",
    "my-local-model[1m]": "my-local-model",
    "claude-3-5-haiku-latest": "kimi-k2.6",
    "claude-3-5-sonnet-20241022": "deepseek-v4-flash",
    "claude-haiku-4-5-20251001": "kimi-k2.6",
    "claude-fable-5": "gpt-5.4",
    "claude-mythos-preview": "gpt-5.4",
    "claude-opus-4-1@20250805": "gpt-5.4",
    "anthropic.claude-3-haiku-20240307-v1:0": "kimi-k2.6",
    "claude-instant-1.2": "gpt-5.4",
    "Claude-Opus-4": "gpt-5.4",
    "haiku": "kimi-k2.6",
    "gpt-4o-2024-08-06": "gpt-4o-2024-08-06",
    "o3-mini": "o3-mini",
    "grok-4.3": "grok-4.3",
    "gemini-2.5-pro": "gemini-2.5-pro",
    "mistral-large-latest": "mistral-large-latest",
    "llama-3.3-70b": "llama-3.3-70b",
    "qwen-max": "qwen-max",
    "ep-20260101-abc": "ep-20260101-abc",
    "doubao-pro": "doubao-pro",
    "xai-x": "xai-x",
    "anthropic/claude-sonnet-5": "anthropic/claude-sonnet-5",
    "qwen3-coder:30b": "qwen3-coder:30b",
}


def goes_where_it_belongs(backend: Backend, client: Client, asked: str, *, stream: bool) -> None:
    backend.play([say("ja")])
    heard = client.ask(model=asked, stream=stream)
    assert backend.chats[0].model == NAMES[asked]
    assert heard.message["model"] == asked


@pytest.mark.parametrize("asked", [name for name in NAMES if "[" in name or not name.lower().startswith("claude")])
@both
def test_se_02_a_name_is_asked_for_without_its_window_and_comes_back_as_asked(
    backend: Backend, client: Client, asked: str, *, stream: bool
) -> None:
    goes_where_it_belongs(backend, client, asked, stream=stream)


@pytest.mark.parametrize("asked", [name for name in NAMES if "claude" in name.lower() or name == "haiku"])
@both
def test_se_03_every_name_of_a_claude_has_its_tier(
    backend: Backend, client: Client, asked: str, *, stream: bool
) -> None:
    goes_where_it_belongs(backend, client, asked, stream=stream)


# -- SE-04: keys ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locked(module_backend: Backend) -> Iterator[Client]:
    """A proxy with a client key."""
    with asked_through(module_backend, ANTHROPIC_API_KEY=SECRET, HOST="127.0.0.1") as client:
        yield client


COME_IN: dict[str, dict[str, str]] = {
    "x-api-key": {"x-api-key": SECRET},
    "Bearer": {"authorization": f"Bearer {SECRET}"},
    "both": {"x-api-key": SECRET, "authorization": f"Bearer {SECRET}"},
    "x-api-key beside a login token": {"x-api-key": SECRET, "authorization": "Bearer sk-ant-oat01-x"},
}
STAY_OUT: dict[str, dict[str, str]] = {
    "nothing": {},
    "a wrong key": {"x-api-key": "sk-ant-api03-x"},
    "a wrong token": {"authorization": "Bearer x"},
    "Basic": {"authorization": f"Basic {SECRET}"},
    "a longer key": {"x-api-key": SECRET + "x"},
}


@pytest.mark.parametrize("way", COME_IN)
@both
def test_se_04_both_headers_open_the_door(backend: Backend, locked: Client, way: str, *, stream: bool) -> None:
    backend.play([say("ja")])
    assert locked.ask(headers=COME_IN[way], stream=stream).text == "ja"
    assert SECRET not in json.dumps(backend.chats[0].headers)
    assert backend.chats[0].headers["authorization"] == f"Bearer {backend.key}"


@pytest.mark.parametrize("way", STAY_OUT)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_se_04_other_keys_do_not(backend: Backend, locked: Client, way: str, path: str) -> None:
    heard = locked.ask(headers=STAY_OUT[way], path=path)
    assert (heard.status, heard.error and heard.error[0]) == (401, "authentication_error")
    assert backend.chats == []


@pytest.mark.parametrize("way", [*COME_IN, *STAY_OUT])
def test_se_04_without_a_client_key_any_will_do(backend: Backend, client: Client, way: str) -> None:
    backend.play([say("ja")])
    assert client.ask(headers={**COME_IN, **STAY_OUT}[way]).text == "ja"


# -- SE-05, SE-06: networks -----------------------------------------------------------------------------------------


def test_se_05_a_proxy_of_the_environment_is_not_used_for_this_machine(backend: Backend) -> None:
    backend.play([say("direkt")])
    nowhere = f"http://127.0.0.1:{free_port()}"
    with asked_through(
        backend, HTTP_PROXY=nowhere, http_proxy=nowhere, HTTPS_PROXY=nowhere, ALL_PROXY=nowhere
    ) as client:
        assert client.ask(stream=True).text == "direkt"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate of 127.0.0.1."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=haus"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True, timeout=30)
    return key, cert


class _Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"data": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "verschlüsselt"}
        usage = {"prompt_tokens": 3, "completion_tokens": 1}
        self._send({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})

    def _send(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def tls_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A backend behind a certificate nobody knows, and that certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, cert = certificate(tmp_path_factory.mktemp("tls"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - a refused handshake is the point
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/v1", cert
    server.shutdown()
    server.server_close()


def test_se_06_a_certificate_that_is_named_is_believed(tls_backend: tuple[str, Path]) -> None:
    url, cert = tls_backend
    settings = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": url, "SSL_CERT_FILE": str(cert)}
    with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        assert Client(http).ask().text == "verschlüsselt"


def test_se_06_an_unknown_certificate_is_told_with_the_remedy(tls_backend: tuple[str, Path]) -> None:
    settings = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": tls_backend[0], "MAX_RETRIES": "0"}
    with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        heard = Client(http).ask(stream=True)
        assert heard.status >= 500
        assert heard.error is not None
        assert "certificate" in heard.error[1].lower()
        assert "SSL_CERT_FILE" in heard.error[1]


# -- SE-07: paths ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/health", "/?x=1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_se_07_probes_are_answered(client: Client, path: str, method: str) -> None:
    reply = client.http.request(method, path)
    assert reply.status_code == 200
    assert bool(reply.content) is (method == "GET")


PATHS = ["/v1/messages", "/v1/messages/", "/v1/v1/messages", "/v1/messages?beta=true"]


@pytest.mark.parametrize("path", PATHS)
@both
def test_se_07_odd_paths_of_clients_are_understood(
    backend: Backend, client: Client, path: str, *, stream: bool
) -> None:
    backend.play([say("ja")])
    assert client.ask(path=path, stream=stream).text == "ja"
    counting = path.replace("messages", "messages/count_tokens")
    assert client.http.post(counting, json={"model": "x", "messages": [user("a")]}).json()["input_tokens"] > 0


def test_se_07_the_connection_test_says_what_it_found(backend: Backend, client: Client) -> None:
    backend.play([say("Hallo")])
    told = client.http.get("/test-connection").json()
    assert (told["status"], told["model"]) == ("success", "kimi-k2.6")
    assert backend.chats[0].model == "kimi-k2.6"


def test_se_07_the_connection_test_names_the_cause(client: Client, module_backend: Backend) -> None:
    with asked_through(module_backend, OPENAI_API_KEY="sk-falsch") as other:
        told = other.http.get("/test-connection").json()
    assert told["status"] != "success"
    assert "OPENAI_API_KEY" in json.dumps(told)
    assert "sk-falsch" not in json.dumps(told)
    module_backend.requests.clear()


# -- SE-08: settings ------------------------------------------------------------------------------------------------

# name -> a wrong value, and a word of what it takes
WRONG: dict[str, tuple[str, str]] = {
    "PORT": ("99999", "65535"),
    "OPENAI_BASE_URL": ("localhost:11434", "http"),
    "LOG_LEVEL": ("VERBOSE", "DEBUG"),
    "PROMPT_COMPRESSION": ("compakt", "did you mean compact"),
    "MAX_TOKENS_LIMIT": ("-1", "whole number"),
    "REQUEST_TIMEOUT": ("lange", "seconds"),
}


def test_se_08_wrong_settings_are_all_named_and_nothing_starts(tmp_path: Path) -> None:
    done = command(tmp_path, "serve", OPENAI_API_KEY=SECRET, **{name: value for name, (value, _) in WRONG.items()})
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    for name, (value, accepted) in WRONG.items():
        told = next(line for line in lines if line.startswith(name))
        assert value in told
        assert accepted in told
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr


def test_se_08_without_a_key_nothing_starts_and_the_remedy_is_told(tmp_path: Path) -> None:
    done = command(tmp_path, "serve", PORT="0")
    assert done.returncode == 2
    assert "OPENAI_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_se_08_misspelt_settings_are_told(backend: Backend) -> None:
    meant = {
        "MAX_TOKEN_LIMIT": "MAX_TOKENS_LIMIT",
        "MEDIUM_MODEL": "MIDDLE_MODEL",
        "REQUEST_TIME_OUT": "REQUEST_TIMEOUT",
        "PROMPT_COMPRESION": "PROMPT_COMPRESSION",
    }
    with asked_through(backend, MIDDLE_MODEL="", **dict.fromkeys(meant, "7")) as client:
        lines = client.log().splitlines()
    assert {name: right for name, right in meant.items() for line in lines if name in line and right in line} == meant


def test_se_08_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        done = command(tmp_path, "serve", OPENAI_API_KEY=SECRET, OPENAI_BASE_URL="http://127.0.0.1:9/v1", PORT=port)
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_se_08_a_file_of_settings_is_read_and_the_environment_wins(tmp_path: Path, backend: Backend) -> None:
    lines = [f"OPENAI_API_KEY={backend.key}", f'OPENAI_BASE_URL="{backend.url}"', "BIG_MODEL=aus-der-datei", "PORT=1"]
    (tmp_path / ".env").write_text("\n".join(["# Haus", *lines, "SMALL_MODEL = klein  # so"]), encoding="utf-8")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "claude_code_proxy"],
        env={**clean_environment(tmp_path), "PORT": str(port), "BIG_MODEL": "aus-der-umgebung"},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        root = _when_up(f"http://127.0.0.1:{port}/")
    finally:
        process.terminate()
        process.wait(15)
    assert root["config"]["big_model"] == "aus-der-umgebung"
    assert root["config"]["small_model"] == "klein"


def _when_up(url: str) -> Any:
    deadline = time.monotonic() + 20
    while True:
        try:
            return httpx2.get(url, trust_env=False).json()
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "the proxy did not start"
            time.sleep(0.05)


# -- SE-09: who may come in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1.evil.example", "null"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
def test_se_09_a_web_page_is_not_served(backend: Backend, client: Client, origin: str, method: str) -> None:
    asked = {"model": "x", "max_tokens": 5, "messages": [user("a")]}
    body = {"json": asked} if method == "POST" else {}
    path = "/v1/models" if method == "GET" else "/v1/messages"
    reply = client.http.request(method, path, headers={"origin": origin}, **body)
    assert reply.status_code == 403
    assert not [name for name in reply.headers if name.startswith("access-control-")]
    assert backend.chats == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8082", "169.254.169.254"])
def test_se_09_a_foreign_name_of_this_machine_is_not_served(backend: Backend, client: Client, host: str) -> None:
    assert client.ask(headers={"host": host}).status == 403
    assert backend.chats == []


@pytest.mark.parametrize("host", ["localhost", "localhost:8082", "127.0.0.1", "[::1]:8082"])
def test_se_09_this_machines_names_are(backend: Backend, client: Client, host: str) -> None:
    backend.play([say("ja")])
    assert client.ask(headers={"host": host}).text == "ja"


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of sockets")
def test_se_09_without_a_key_only_this_machine_can_connect(proxy: ProxyProcess) -> None:
    port = int(proxy.url.rpartition(":")[2])
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    bound = [row[1].partition(":")[0] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"]
    assert bound == ["0100007F"]
    assert "127.0.0.1" in proxy.log()


def test_se_09_no_page_may_read_an_answer(backend: Backend, client: Client) -> None:
    backend.play([say("ja")])
    heard = client.ask()
    assert not [name for name in heard.headers if name.startswith("access-control-")]


# -- SE-10, SE-11 ---------------------------------------------------------------------------------------------------

PRIVATE = "Mein Geheimnis ist Zitronenkuchen"


@pytest.mark.parametrize("form", ["text", "json"])
def test_se_10_the_loudest_log_has_no_key_and_no_words(backend: Backend, form: str) -> None:
    settings = {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": form, "ANTHROPIC_API_KEY": SECRET, "HOST": "127.0.0.1"}
    settings["CUSTOM_HEADER_X_TEAM"] = "team-geheim-99"
    call = answer(Call("Bash", {"command": "backe Apfelstrudel"}))
    backend.play(lambda received: call if received.body.get("stream") else say("Streuselkuchen"))
    with asked_through(backend, **settings) as client:
        key = {"x-api-key": SECRET}
        for stream in (True, False):
            client.ask(headers=key, stream=stream, system=PRIVATE, messages=[user(PRIVATE)], tools=[BASH])
        client.ask(headers={"authorization": "Bearer sk-ant-oat01-fremd"})
        told = [client.http.get(path, headers=key).text for path in ("/", "/health", "/v1/models", "/test-connection")]
        log = client.log()
    for secret in (SECRET, backend.key, "team-geheim-99", "sk-ant-oat01-fremd"):
        assert secret not in log
        assert secret not in "".join(told)
    for words in ("Zitronenkuchen", "Apfelstrudel", "Streuselkuchen"):
        assert words not in log
    assert backend.chats[0].headers["x-team"] == "team-geheim-99"


def test_se_10_a_secret_in_a_backends_error_is_masked(backend: Backend, client: Client) -> None:
    backend.play([error(400, f"Bad request with Authorization: Bearer {backend.key} and more")])
    heard = client.ask()
    assert backend.key not in heard.raw.decode()
    assert backend.key not in client.log()


ODD_MODELS = [
    "модель",
    "模型-7b",
    "modèle é",
    "m\u2028x",
    "🧑‍🚀",
    "a" * 3000,
    'quo"te',
    "../../etc/passwd",
    "x\r\nX-Evil: 1",
    "ż/ó",
]


@pytest.mark.parametrize("model", ODD_MODELS)
@both
def test_se_11_no_model_name_breaks_a_request(backend: Backend, client: Client, model: str, *, stream: bool) -> None:
    backend.play([say("ja")])
    heard = client.ask(model=model, stream=stream)
    assert heard.status == 200
    assert heard.message["model"] == model
    assert backend.chats[0].model == model
    assert "x-evil" not in heard.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "ключ".encode()},
        {"user-agent": "größe/1".encode("latin-1")},
        {"x-claude-code-session-id": "sitzung-é".encode()},
        {"anthropic-beta": "ä,ö".encode()},
        {"anthropic-version": b"\xff\xfe"},
    ],
    ids=["key", "agent", "session", "beta", "version"],
)
def test_se_11_no_header_breaks_a_request(backend: Backend, client: Client, headers: dict[str, Any]) -> None:
    backend.play([say("ja")])
    assert client.ask(headers=headers).text == "ja"


def test_se_11_models_of_any_alphabet_can_be_tiers_and_listed(backend: Backend) -> None:
    backend.play([say("ja")])
    with asked_through(backend, BIG_MODEL="модель-большая") as client:
        heard = client.ask(model="claude-opus-4-8", stream=True)
        assert backend.chats[0].model == "модель-большая"
        assert heard.message["model"] == "claude-opus-4-8"
        listed = client.http.get("/v1/models").json()["data"]
        assert "модель-большая" in [entry["display_name"] for entry in listed]


def test_se_07_settings_of_a_user_of_the_predecessor_work(backend: Backend) -> None:
    """The names and forms a .env of the predecessor has."""
    backend.play([say("ja")])
    settings = environment(backend) | {
        "HOST": "0.0.0.0",
        "LOG_LEVEL": "info",
        "MAX_TOKENS_LIMIT": "128000",
        "MIN_TOKENS_LIMIT": "1024",
        "REQUEST_TIMEOUT": "90",
        "MAX_RETRIES": "2",
        "CUSTOM_HEADER_X_TEAM": "a",
        "PROMPT_COMPRESSION": "none",
        "PROMPT_MAX_SYSTEM_TOKENS": "4096",
        "AZURE_API_VERSION": "",
        "ANTHROPIC_API_KEY": "",
    }
    with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        assert Client(http).ask(max_tokens=10).text == "ja"
    assert backend.chats[0].headers["x-team"] == "a"
    assert {*backend.chats[0].body} & {"max_tokens", "max_completion_tokens"}
