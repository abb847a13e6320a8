"""Where few files may be open, fewer requests are taken: one too many is told to come back, no connection is reset."""

from __future__ import annotations

import sys

import pytest

from claude_code_proxy.cli.open_files import within_files
from claude_code_proxy.config import Config

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
CONFIG = Config(backends={}, max_open=10_000)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the system says: the limit, and what it may be raised to."""
    import resource

    limits = [1024, 65_536]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.__setitem__(0, wanted[0]))
    return limits


def test_the_limit_is_raised_and_nothing_is_said(limits: list[int]) -> None:
    assert within_files(CONFIG) == (CONFIG, "")
    assert limits[0] == 65_536


def test_few_files_are_few_requests_and_it_is_said(limits: list[int]) -> None:
    limits[:] = 64, 64
    config, told = within_files(CONFIG)
    assert config.max_open == 16
    assert told == "Only 64 files may be open (ulimit -n): at most 16 requests at once; more are told to come back."


def test_every_worker_has_its_own_files(limits: list[int]) -> None:
    limits[:] = 64, 64
    assert within_files(Config(backends={}, max_open=10_000, workers=3))[0].max_open == 48


def test_a_limit_few_would_ever_meet_is_not_spoken_of(limits: list[int]) -> None:
    limits[:] = 4096, 4096
    config, told = within_files(CONFIG)
    assert (config.max_open, told) == (2032, "")
