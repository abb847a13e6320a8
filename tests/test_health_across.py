"""What one worker finds out of a backend, its neighbours know: keys that rest, open circuits, slow models, recovery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.asgi import running
from tests.backend import Backend, error, say
from tests.messages_api import HELLO

from claude_code_proxy.backends.health import Health
from claude_code_proxy.endpoint import Backend as Described
from claude_code_proxy.errors import RetryableError, UpstreamError
from claude_code_proxy.health_across import HealthAcross
from claude_code_proxy.neighbours import neighbours_in

SECONDS = 10
SONNET = {**HELLO, "model": "claude-sonnet-4-6"}


class Pair:
    """What two workers know of one backend with two keys."""

    def __init__(self, one: HealthAcross, other: HealthAcross) -> None:
        self._both = (one, other)
        self.one, self.other = one.of["b"], other.of["b"]

    async def until(self, known: Callable[[], bool]) -> None:
        """Let them talk until something is known."""
        async with asyncio.timeout(SECONDS):
            while not known():
                for across in self._both:
                    across.tick(0)
                await asyncio.sleep(0.005)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    backends = {"b": Described(name="b", base_url="http://127.0.0.1:9/v1", key="k1", spare_keys=("k2",))}
    async with neighbours_in(tmp_path / "w") as first, neighbours_in(tmp_path / "w") as second:
        assert first is not None
        assert second is not None
        yield Pair(HealthAcross(first, backends), HealthAcross(second, backends))


def failure(kind: str, *, retryable: bool = True) -> UpstreamError:
    failed = RetryableError("no") if retryable else UpstreamError("no")
    failed.kind = kind
    return failed


def rests(health: Health, key: str, model: str = "m") -> bool:
    return health.ready_at(model, key) > time.monotonic()


async def test_a_key_that_rests_rests_in_every_worker_until_one_is_answered_with_it(pair: Pair) -> None:
    pair.one.failed("m", "k2", failure("rate"))
    await pair.until(lambda: rests(pair.other, "k2"))
    assert not rests(pair.other, "k1")
    assert not rests(pair.other, "k2", "another model")
    pair.other.answered("m", "k2")
    await pair.until(lambda: not rests(pair.one, "k2"))


async def test_a_refused_key_rests_for_all_models(pair: Pair) -> None:
    pair.one.failed("m", "k1", failure("key", retryable=False))
    await pair.until(lambda: rests(pair.other, "k1", "another model"))


async def test_failures_of_all_workers_open_a_circuit_and_one_answer_closes_it(pair: Pair) -> None:
    pair.one.failed("m", "k1", failure("server"))
    pair.one.failed("m", "k1", failure("server"))
    await pair.until(lambda: pair.other.state("m", "k1").failures == 2)
    pair.other.failed("m", "k1", failure("server"))
    assert pair.other.is_broken
    await pair.until(lambda: pair.one.is_broken)
    pair.one.answered("m", "k1")
    await pair.until(lambda: not pair.other.is_broken)


async def test_models_whose_whole_answers_take_long_are_known_to_all(pair: Pair) -> None:
    pair.one.found_slow("m")
    await pair.until(lambda: pair.other.is_slow("m"))


async def test_requests_of_another_worker_go_where_the_circuit_is_closed(tmp_path: Path) -> None:
    with Backend(lambda _: error(500, "oops")) as broken, Backend(lambda _: say("hello")) as well:
        urls = {"broken": broken.url, "well": well.url}
        tables = "\n".join(f'[backends.{name}]\nbase_url = "{url}"\nkey = "sk-backend"' for name, url in urls.items())
        file = tmp_path / "two.toml"
        file.write_text(f'middle_model = ["broken/m1", "well/m2"]\n{tables}')
        options = {"WORKERS": "2", "REQUEST_LOG": "off", "USAGE_DB": "off", "CONFIG_FILE": str(file)}
        options |= {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""}
        async with (
            running(broken, state=tmp_path, **options) as one,
            running(broken, state=tmp_path, **options) as other,
        ):
            for _ in range(3):
                assert (await one.post(SONNET)).status_code == 200
            async with asyncio.timeout(SECONDS):
                while 'up{backend="broken"} 0' not in (await other.get("/metrics")).text:  # noqa: ASYNC110 - asked over HTTP
                    await asyncio.sleep(0.02)
            assert (await other.post(SONNET)).headers["x-proxy-backend"] == "well/m2"
        assert len(broken.chats) == 3, "the other worker did not have to find out"
