"""One HTTP request on its way through the proxy."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from starlette.types import Receive, Scope

from .body import read_body
from .channel import Channel
from .config import Config
from .services import Services


class Call:
    """What a handler is given: the request, the way back, and what all requests share.

    headers: the request's, names in lower case.
    """

    def __init__(self, services: Services, scope: Scope, receive: Receive, channel: Channel) -> None:
        self.services = services
        self.scope = scope
        self.receive = receive
        self.channel = channel
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.services.config

    def body(self) -> Awaitable[bytes]:
        """Return the request's body."""
        services = self.services
        return read_body(self.receive, self.headers, services.config.max_body, services.aside)
