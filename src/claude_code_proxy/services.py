"""What all exchanges of one process share, and the ids it gives out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import aiohttp
import msgspec

from .backends.catalogue import Catalogue
from .backends.client import Client
from .backends.learned import Learned
from .backends.slots import Slots
from .config import Config
from .journal.journal import Journal
from .pulse import Pulse
from .shaping import Shaper
from .sharing import Running
from .tokens.count import Counter

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = bytes(_ALPHABET[byte % 62] for byte in range(256))


class Services(msgspec.Struct, frozen=True):
    """The shared parts. fetcher: reaches public hosts only, for what a request points to."""

    config: Config
    client: Client
    catalogue: Catalogue
    counter: Counter
    pulse: Pulse
    shaper: Shaper
    fetcher: aiohttp.ClientSession
    learned: Learned
    slots: Mapping[str, Slots]
    running: Running
    journal: Journal


def new_id(prefix: str) -> str:
    """Return an id in Anthropic's form: the prefix and 24 letters and digits."""
    return prefix + secrets.token_bytes(24).translate(_DIGITS).decode()
