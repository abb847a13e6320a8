"""One HTTP request on its way through the proxy."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

import msgspec

from .body import read_body
from .channel import Channel
from .config import Config
from .services import Services
from .way import Request


class Call(msgspec.Struct):
    """What a handler is given: the request, the way back, and what all requests share. headers: the request's."""

    services: Services
    request: Request
    headers: Mapping[str, str]
    channel: Channel

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.services.config

    def body(self) -> Awaitable[bytes]:
        """Return the request's body."""
        services = self.services
        return read_body(self.request.receive, self.headers, services.config.max_body, services.aside)
