"""Shared by the tests that talk to a real proxy process: one process and one scripted backend per module."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.backend", "tests.e2e", "tests.messages_api", "tests.proxy_process")

from tests.backend import Backend  # noqa: E402 - helpers that assert are to say what they saw
from tests.proxy_process import ProxyProcess, proxy_for  # noqa: E402

if settings.get_current_profile_name() == "default":  # this machine's speed proves nothing
    settings.register_profile("without deadline", deadline=None)
    settings.load_profile("without deadline")

LONGEST = (
    *("test_run", "test_parameters_by_backend", "test_serve", "test_hostile", "test_setup", "test_loops_cost"),
    *("test_time", "test_logs_command", "test_context", "test_doctor", "test_formats", "test_patterns"),
    *("test_commands_page", "test_parameters", "test_documents", "test_workers", "test_faults"),
)
"""The files that take longest, nearly in their order: a process that begins one of them last ends alone, long after the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


@pytest.fixture
def terminal_signals() -> Iterator[None]:
    """What is started hears the terminal's signals, also where the tests run in the background, or under nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # a handler is not inherited, to ignore would be
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def module_backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(module_backend: Backend) -> Iterator[ProxyProcess]:
    """A proxy in front of `backend`; ended, and its end judged, after the module's last test."""
    with proxy_for(module_backend) as running:
        yield running


@pytest.fixture
def backend(module_backend: Backend) -> Backend:
    """The scripted backend, with no memory of earlier tests and no script."""
    module_backend.requests.clear()
    module_backend.play([])
    return module_backend


@pytest.fixture
def http(proxy: ProxyProcess) -> Iterator[httpx2.Client]:
    """A plain HTTP client of the proxy."""
    with httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as client:
        yield client
