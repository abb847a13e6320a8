"""One HTTP request on its way through the proxy."""

from __future__ import annotations

from collections.abc import Awaitable

from .body import read_body
from .channel import Channel
from .config import Config
from .services import Services
from .way import Request


class Call:
    """What a handler is given: the request, the way back, and what all requests share."""

    def __init__(self, services: Services, request: Request, channel: Channel) -> None:
        self.services = services
        self.request = request
        self.headers = request.headers
        self.channel = channel

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.services.config

    def body(self) -> Awaitable[bytes]:
        """Return the request's body."""
        services = self.services
        return read_body(self.request.receive, self.headers, services.config.max_body, services.aside)
