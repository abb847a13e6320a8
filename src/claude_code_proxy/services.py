"""What all exchanges of one process share, and the ids it gives out."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from .aside import Aside
from .backends.catalogue import Catalogue
from .backends.client import Client
from .backends.cuts import Cuts
from .backends.exact import ExactCounts
from .backends.gauges import Gauges
from .backends.health import Health
from .backends.kept import at_once
from .backends.learned import Learned
from .backends.slots import Slots
from .background import Background
from .config import Config
from .documents_io import guarded_session
from .health_across import health_of
from .journal.journal import Journal
from .neighbours import neighbours_in
from .pulse import Pulse
from .routing import Route, chain, tier_routes
from .shaping import Shaper
from .sharing import Running
from .sharing_across import running_in
from .targets import Targets
from .tokens.count import Counter
from .tokens.estimate import estimate
from .tokens.vocabulary import load_vocabulary

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = bytes(_ALPHABET[byte % 62] for byte in range(256))
_DRAWN = 64  # ids for which chance is asked of the system at once
_drawn: list[str] = []
os.register_at_fork(after_in_child=_drawn.clear)  # workers must not give out the same ones
_CHAINS = 1000


class Services(msgspec.Struct, frozen=True):
    """The shared parts. fetcher: reaches public hosts only, for what a request points to; chains: by model name."""

    config: Config
    aside: Aside
    client: Client
    catalogue: Catalogue
    counter: Counter
    gauges: Gauges
    cuts: Cuts
    exact: ExactCounts
    pulse: Pulse
    shaper: Shaper
    fetcher: aiohttp.ClientSession
    learned: Learned
    slots: Mapping[str, Slots]
    running: Running
    journal: Journal
    health: Mapping[str, Health]
    targets: Targets
    chains: dict[str, tuple[Route, ...]] = {}

    def chain(self, model: str) -> tuple[Route, ...]:
        """Return where requests under a name go; of names, a client makes up any number."""
        found = self.chains.get(model)
        if found is None:
            if len(self.chains) >= _CHAINS:
                self.chains.clear()
            found = self.chains[model] = chain(model, self.config)
        return found


@asynccontextmanager
async def open_services(config: Config, learned: Learned, journal: Journal) -> AsyncIterator[Services]:
    """Give the shared parts, with the clock of `pulse` running; at the end all connections are closed."""
    pulse = Pulse()
    async with (
        Client() as client,
        guarded_session() as fetcher,
        neighbours_in(journal.folder) as neighbours,
        running_in(neighbours, pulse) as running,
        health_of(config.backends, neighbours, pulse) as health,
    ):
        counter = Counter(load_vocabulary() or estimate)
        keeping: Background[Callable[[], object]] = Background("what was learned", _each)
        learned.later = keeping.add
        catalogue = Catalogue(client.session, client.way, _wanted(config))
        services = Services(
            config=config,
            aside=Aside(),
            client=client,
            catalogue=catalogue,
            counter=counter,
            exact=ExactCounts(client.session, client.way),
            gauges=Gauges(counter, learned.folder and learned.folder / "tokens.json", keeping.add),
            cuts=Cuts(),
            pulse=pulse,
            shaper=Shaper(config, counter),
            fetcher=fetcher,
            learned=learned,
            slots={name: Slots(config.max_concurrent, config.queue_limit) for name in config.backends},
            running=running,
            journal=journal,
            health=health,
            targets=Targets(config, catalogue, learned, health),
        )
        ticking = asyncio.create_task(services.pulse.run())
        try:
            yield services
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            services.aside.close()
            learned.later = at_once
            await asyncio.to_thread(keeping.close)


def _wanted(config: Config) -> dict[str, set[str]]:
    """Return the models that the tiers ask for, by backend."""
    wanted: dict[str, set[str]] = {}
    for route in tier_routes(config).values():
        wanted.setdefault(route.backend.name, set()).add(route.model)
    return wanted


def _each(works: Sequence[Callable[[], object]]) -> None:
    for work in works:
        work()


def new_id(prefix: str) -> str:
    """Return an id in Anthropic's form: the prefix and 24 letters and digits."""
    if not _drawn:
        letters = secrets.token_bytes(24 * _DRAWN).translate(_DIGITS).decode()
        _drawn.extend(letters[at : at + 24] for at in range(0, len(letters), 24))
    return prefix + _drawn.pop()
