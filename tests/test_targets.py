"""What is known of whom a request goes to is kept, and is always what it would be if it were worked out anew."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.backends.catalogue import Catalogue
from claude_code_proxy.backends.health import Health
from claude_code_proxy.backends.learned import Learned
from claude_code_proxy.config import Config
from claude_code_proxy.endpoint import Backend
from claude_code_proxy.routing import Route
from claude_code_proxy.targets import Known, Targets

NEAR = Backend(name="near", base_url="http://127.0.0.1:11434/v1")
FAR = Backend(name="far", base_url="https://openrouter.ai/api/v1", text_tool_calls="on")
CONFIG = Config(backends={"near": NEAR, "far": FAR})
ROUTES = [Route(backend, model) for backend in (NEAR, FAR) for model in ("m", "openai/gpt-5.4")]

windows = st.sampled_from([8192, 32_768, 200_000])
lists = st.lists(
    st.builds(lambda model, size: {"id": model, "context_length": size}, st.just("m"), windows), max_size=1
)
facts = st.one_of(
    windows.map(lambda size: {"window": size}),
    st.just({"drop": ["temperature"]}),
    st.just({"max_tokens_field": "max_tokens"}),
    st.just({"stream_only": True}),
)
events = st.one_of(
    st.tuples(st.just("list"), st.sampled_from([NEAR, FAR]), lists),
    st.tuples(st.just("learned"), st.sampled_from(ROUTES), facts),
    st.tuples(st.just("slow"), st.sampled_from(ROUTES), st.none()),
    st.tuples(st.just("refused"), st.none(), facts),
)


class Lists(Catalogue):
    """A catalogue whose backends answer what they are given to say."""

    said: Mapping[str, Any]

    async def _get(
        self, backend: Backend, url: str, body: Mapping[str, Any] | None = None, *, within: float = 0
    ) -> tuple[Any, str]:
        if not url.endswith("/models"):
            raise aiohttp.ClientError
        return {"data": self.said[backend.name]}, ""


async def played(said: list[tuple[str, Any, Any]]) -> list[tuple[Known, Known]]:
    """Return what is known at every step: as it is kept, and worked out anew."""
    catalogue, learned = Lists(None), Learned(None)  # type: ignore[arg-type]
    health = {name: Health() for name in CONFIG.backends}
    targets = Targets(CONFIG, catalogue, learned, health)
    seen = []
    for kind, where, what in said:
        if kind == "list":
            catalogue.said = {where.name: what}
            await catalogue.refresh(where)
        elif kind == "learned":
            learned.add(where.backend, where.model, what)
        elif kind == "slow":
            health[where.backend.name].found_slow(where.model)
        taught = what if kind == "refused" else {}
        for route, compacts in itertools.product(ROUTES, (False, True)):
            anew = Targets(CONFIG, catalogue, learned, health)
            seen.append((targets.of(route, taught, compacts=compacts), anew.of(route, taught, compacts=compacts)))
    return seen


def flat(known: Known) -> dict[str, Any]:
    """Return all that is known, to be compared: a target is equal to itself alone."""
    return msgspec.structs.asdict(known) | {"target": msgspec.structs.asdict(known.target)}


@given(st.lists(events, min_size=1, max_size=8))
def test_what_is_kept_is_what_it_would_be_anew(said: list[tuple[str, Any, Any]]) -> None:
    for kept, anew in asyncio.run(played(said)):
        assert flat(kept) == flat(anew)


def test_a_target_is_the_same_object_until_something_new_is_known_of_its_model() -> None:
    learned = Learned(None)
    targets = Targets(CONFIG, Catalogue(None), learned, {name: Health() for name in CONFIG.backends})  # type: ignore[arg-type]
    first, other = targets.of(ROUTES[0]), targets.of(ROUTES[1])
    learned.add(NEAR, "m", {"drop": ["temperature"]})
    assert targets.of(ROUTES[0]) is not first
    assert targets.of(ROUTES[0]).target.dialect.drop == {"temperature"}
    assert targets.of(ROUTES[1]) is other


def test_what_a_refusal_has_just_taught_holds_for_that_request_alone() -> None:
    targets = Targets(CONFIG, Catalogue(None), Learned(None), {name: Health() for name in CONFIG.backends})  # type: ignore[arg-type]
    before = targets.of(ROUTES[0])
    assert targets.of(ROUTES[0], {"window": 8192}).target.window == 8192
    assert targets.of(ROUTES[0]) is before
