"""What all exchanges of one process share, and the ids it gives out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from .backends.catalogue import Catalogue
from .backends.client import Client
from .backends.gauges import Gauges
from .backends.health import Health
from .backends.learned import Learned
from .backends.slots import Slots
from .config import Config
from .documents_io import guarded_session
from .journal.journal import Journal
from .pulse import Pulse
from .shaping import Shaper
from .sharing import Running
from .tokens.count import Counter
from .tokens.estimate import estimate
from .tokens.vocabulary import load_vocabulary

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = bytes(_ALPHABET[byte % 62] for byte in range(256))


class Services(msgspec.Struct, frozen=True):
    """The shared parts. fetcher: reaches public hosts only, for what a request points to."""

    config: Config
    client: Client
    catalogue: Catalogue
    counter: Counter
    gauges: Gauges
    pulse: Pulse
    shaper: Shaper
    fetcher: aiohttp.ClientSession
    learned: Learned
    slots: Mapping[str, Slots]
    running: Running
    journal: Journal
    health: Mapping[str, Health]


@asynccontextmanager
async def open_services(config: Config, learned: Learned, journal: Journal) -> AsyncIterator[Services]:
    """Give the shared parts, with the clock of `pulse` running; at the end all connections are closed."""
    async with Client() as client, guarded_session() as fetcher:
        counter = Counter(load_vocabulary() or estimate)
        services = Services(
            config=config,
            client=client,
            catalogue=Catalogue(client.session, client.way),
            counter=counter,
            gauges=Gauges(counter, learned.folder and learned.folder / "tokens.json"),
            pulse=Pulse(),
            shaper=Shaper(config, counter),
            fetcher=fetcher,
            learned=learned,
            slots={name: Slots(config.max_concurrent, config.queue_limit) for name in config.backends},
            running=Running(),
            journal=journal,
            health={name: Health() for name in config.backends},
        )
        ticking = asyncio.create_task(services.pulse.run())
        try:
            yield services
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)


def new_id(prefix: str) -> str:
    """Return an id in Anthropic's form: the prefix and 24 letters and digits."""
    return prefix + secrets.token_bytes(24).translate(_DIGITS).decode()
