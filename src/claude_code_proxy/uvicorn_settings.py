"""How uvicorn is to serve the application, whoever starts it."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

from .http_protocol import HttpProtocol

DRAIN = 30
"""Seconds running streams get to finish after SIGTERM."""


def uvicorn_config(app: ASGIApp, *, drain: int = DRAIN) -> uvicorn.Config:
    """Return uvicorn's configuration. drain: seconds running streams get to finish."""
    return uvicorn.Config(
        app,
        log_config=None,  # its few messages are lines of our log (`observe.hear_libraries`)
        http=HttpProtocol,
        ws="none",
        lifespan="on",  # a start that fails ends the process
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=drain,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 * 1024,
    )
