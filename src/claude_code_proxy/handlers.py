"""What each endpoint does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from . import __version__
from .answering import UnlessGone, checked, messages
from .body import ClientGoneError
from .call import Call
from .channel import Captive
from .context_scale import believed_window, factor
from .endpoint import public_url
from .errors import ClientError, ProxyError
from .exchange import Exchange
from .models import find_model, list_models
from .prepare import prepare, window_of
from .record import Record
from .remedies import key_setting, remedy, url_setting
from .routing import resolve, tier_names
from .translate.names import shown
from .translate.notes import Notes

__all__ = ["Call", "ClientGoneError", "messages"]


async def count_tokens(call: Call) -> None:
    """POST /v1/messages/count_tokens: the request as the backend would be asked, counted here."""
    body = await call.body()
    request, _ = await call.services.aside.run(len(body), checked, body, counting=True)
    prepared = await prepare(call.services, request, Notes(), size=len(body))
    plan = prepared.translated.plan
    scale = factor(call.config.context_scale, plan.window, believed_window(str(request["model"]), call.headers))
    counted: dict[str, Any] = {"input_tokens": round(plan.input_estimate * scale)}
    if plan.applied_edits is not None:
        counted["context_management"] = {"original_input_tokens": round(plan.original_estimate * scale)}
    await call.channel.json(200, counted)


async def models(call: Call) -> None:
    """GET /v1/models."""
    await call.channel.json(200, list_models(call.services, _query(call), call.headers))


async def model(call: Call) -> None:
    """GET /v1/models/{id}."""
    wanted = call.request.path.rstrip("/").rpartition("/v1/models/")[2]
    found = find_model(call.services, wanted, call.headers)
    if found is None:
        raise ClientError(f"model: {shown(wanted, 200)}", status=404)
    await call.channel.json(200, found)


async def probe(call: Call) -> None:
    """GET or HEAD /v1: the proxy is there."""
    await call.channel.json(200, {"status": "ok"})


async def root(call: Call) -> None:
    """GET or HEAD /: name, version and configuration, without secrets."""
    config = call.config
    await call.channel.json(
        200,
        {
            "name": "claude-code-proxy",
            "version": __version__,
            "status": "running",
            "config": {
                "backends": {name: public_url(backend.base_url) for name, backend in config.backends.items()},
                "big_model": config.big_model,
                "middle_model": config.middle_model,
                "small_model": config.small_model,
                "max_tokens_limit": config.max_tokens_limit,
                "min_tokens_limit": config.min_tokens_limit,
                "prompt_compression": config.prompt_compression,
                "client_key_required": bool(config.client_key),
            },
            "tiers": _tiers(call),
            "endpoints": {
                "messages": "/v1/messages",
                "count_tokens": "/v1/messages/count_tokens",
                "models": "/v1/models",
                "health": "/health",
                "test_connection": "/test-connection",
                "metrics": "/metrics",
                "ui": "/ui",
            },
        },
    )


def _tiers(call: Call) -> dict[str, dict[str, str | int]]:
    """What a client asks for to get each tier's model, and the window to tell it.

    0 where nobody knows the window, and where CONTEXT_SCALE stretches the numbers to the one the client believes in.
    """
    names = tier_names(call.config)
    true = call.config.context_scale.lower() == "off"
    return {
        family: {"model": name, "window": window_of(call.services, name) if true else 0}
        for family, name in names.items()
    }


async def health(call: Call) -> None:
    """GET /health: the process serves."""
    await call.channel.json(
        200,
        {
            "status": "healthy",
            "version": __version__,
            "timestamp": datetime.now(UTC).isoformat(),
            "openai_api_configured": True,
            "client_api_key_validation": bool(call.config.client_key),
        },
    )


async def test_connection(call: Call) -> None:
    """GET /test-connection: one tiny call with SMALL_MODEL, and what to do when it fails."""
    route = resolve(call.config.small_model, call.config)
    asked = {
        "model": call.config.small_model,
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "Say hello."}],
    }
    told = {"model": route.model, "backend": route.backend.name, "base_url": public_url(route.backend.base_url)}
    request_id = call.channel.request_id
    record = Record(id=request_id, model=call.config.small_model, own=True)
    exchange = Exchange(call.services, Captive(request_id), record)
    begun = time.monotonic()
    try:
        with call.services.journal.following_own(record), UnlessGone(call):
            await exchange.run(asked)
    except ProxyError as error:
        names = {"key": key_setting(route.backend), "url": url_setting(route.backend), "model": "SMALL_MODEL"}
        what = {"error_type": error.type, "message": error.message, "remedy": _what_to_do(error, names)}
        failed = {"status": "failed", **what, **told}
        await call.channel.json(503, failed)
        return
    took = round(time.monotonic() - begun, 3)
    succeeded = {"status": "success", "message": "The backend answered.", **told, "seconds": took}
    await call.channel.json(200, succeeded)


def _what_to_do(error: ProxyError, names: Mapping[str, str]) -> str:
    """The remedy the message ends with, else the one for its type."""
    _, said, what = error.message.rpartition(" Check ")
    return f"Check {what}" if said else remedy(error.type, error.status, **names)


def _query(call: Call) -> Mapping[str, str]:
    given = parse_qsl(call.request.query.decode("latin-1"))
    lists = {name: ",".join(value for other, value in given if other == name) for name, _ in given if name[-2:] == "[]"}
    return {**dict(given), **lists}
