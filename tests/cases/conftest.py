"""One proxy, set up by its environment as a user would, in front of one strict backend: for all cases that need no other."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

pytest.register_assert_rewrite("tests.cases.talk")

from tests.backend import Backend, say  # noqa: E402
from tests.cases.talk import Client, Heard  # noqa: E402
from tests.proxy_process import ProxyProcess, start_proxy  # noqa: E402
from tests.strict_openai import problems  # noqa: E402

REPLAYED = {"reasoning_content", "reasoning"}
WINDOWS = {
    "gpt-5.4": 400_000,
    "deepseek-v4-flash": 131_072,
    "kimi-k2.6": 262_144,
    "gemini-3-flash": 1_048_576,
    "house-64k": 64_001,
    "house-16k": 16_384,
}


def rules(body: dict[str, Any]) -> list[str]:
    """OpenAI's rules, and what the makers of other models want in addition."""
    allowed: dict[str, Any] = {"message": REPLAYED}
    if re.search("gemini", str(body.get("model"))):
        allowed["call"] = {"extra_content"}
    return problems(body, **allowed)


def environment(backend: Backend, **more: str) -> dict[str, str]:
    """Return the settings of a proxy in front of `backend`."""
    return {
        "OPENAI_API_KEY": backend.key,
        "OPENAI_BASE_URL": backend.url,
        "BIG_MODEL": "gpt-5.4",
        "MIDDLE_MODEL": "deepseek-v4-flash",
        "SMALL_MODEL": "kimi-k2.6",
        "MAX_RETRIES": "0",
        **more,
    }


@contextlib.contextmanager
def asked_through(backend: Backend, **settings: str) -> Iterator[Client]:
    """Send requests through a proxy of their own, with further settings."""
    with (
        start_proxy(environment(backend, **settings)) as proxy,
        httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as http,
    ):
        yield Client(http, proxy.log, proxy.wait_gauge)


@pytest.fixture(scope="session")
def module_backend() -> Iterator[Backend]:
    with Backend(rules=rules, models=WINDOWS) as running:
        yield running


@pytest.fixture(scope="session")
def proxy(module_backend: Backend) -> Iterator[ProxyProcess]:
    """A proxy in front of `backend`; ended, and its end judged, after the last case."""
    with start_proxy(environment(module_backend)) as running:
        yield running


@pytest.fixture
def backend(module_backend: Backend) -> Iterator[Backend]:
    """The backend with no memory and no script; what it was sent in a case must have been legal."""
    module_backend.requests.clear()
    module_backend.play([])
    yield module_backend
    assert module_backend.illegal == []


@pytest.fixture(scope="session")
def http(proxy: ProxyProcess) -> Iterator[httpx2.Client]:
    """A plain HTTP client of the proxy."""
    with httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def client(http: httpx2.Client, proxy: ProxyProcess) -> Client:
    return Client(http, proxy.log)


@pytest.fixture(scope="session")
def patient_client(module_backend: Backend) -> Iterator[Client]:
    """A client of a proxy that asks a backend once more."""
    with asked_through(module_backend, MAX_RETRIES="1") as asking:
        yield asking


@pytest.fixture
def patient(patient_client: Client, backend: Backend) -> Client:
    """That client, with the backend empty."""
    return patient_client


Speaking = Callable[[str], Client]


@pytest.fixture(scope="session")
def house() -> Iterator[Backend]:
    """A backend that takes anything, with any key."""
    with Backend(rules=lambda _: [], models={}, key="") as running:
        yield running


@pytest.fixture(scope="session")
def speaking(house: Backend) -> Iterator[Speaking]:
    """Return a client of a proxy that takes `house` for a backend of a dialect; each is started once."""
    clients: dict[str, Client] = {}
    with contextlib.ExitStack() as running:

        def speaks(dialect: str) -> Client:
            if dialect not in clients:
                clients[dialect] = running.enter_context(asked_through(house, OPENAI_API_KEY="any", DIALECT=dialect))
            house.requests.clear()
            house.play(lambda _: say("geht"))
            return clients[dialect]

        yield speaks


def asked(speaking: Speaking, house: Backend, dialect: str, **fields: Any) -> tuple[dict[str, Any], Heard]:
    """Ask once; return the body the backend got, and the answer."""
    heard = speaking(dialect).ask(**fields)
    assert heard.status == 200, heard.raw
    return house.chats[-1].body, heard
