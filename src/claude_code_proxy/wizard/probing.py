"""Asking the backend: which models it has, and whether the chosen ones answer and call tools."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ..backends.catalogue import ModelFacts
from ..backends.learned import Learned
from ..config import Config
from ..doctor.backends import models_status
from ..doctor.faults import told
from ..doctor.inside import Inside, inside
from ..endpoint import Backend
from ..outgoing import proxy_of
from .providers import Source

_GOOD, _NOT_FOUND = 200, 404
_REFUSED = (401, 403)
_HELLO = [{"role": "user", "content": "Say hello."}]
_TOOL = {
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_QUESTION = {
    "max_tokens": 1024,
    "tools": [_TOOL],
    "messages": [{"role": "user", "content": "What is the weather in Paris? Use the tool."}],
}


class Listing(NamedTuple):
    """What a backend has. source: as it turned out to be; trouble: why there is no list, with what to do."""

    source: Source
    models: tuple[ModelFacts, ...] = ()
    trouble: str = ""
    refused: bool = False


class Trial(NamedTuple):
    """How a model did. trouble: why there is no answer; late: it may only be loading."""

    model: str
    seconds: float
    calls_tools: bool
    trouble: str = ""
    late: bool = False


async def list_models(source: Source) -> Listing:
    """Read the backend's list; a base URL that lacks its `/v1` is mended."""
    tried = await _list(source)
    if tried.models or tried.refused or source.base_url.endswith("/v1"):
        return tried
    mended = await _list(source._replace(base_url=f"{source.base_url}/v1"))
    return mended if mended.models or mended.refused else tried


async def try_models(source: Source, models: Sequence[str]) -> list[Trial]:
    """Ask each model once, with a tool."""
    config = _config(source, models[0])
    trials = []
    async with inside(config, Learned(None)) as proxy:
        await proxy.services.catalogue.refresh(config.default_backend)
        for model in models:
            reply = await proxy.ask({**_QUESTION, "model": f"claude-proxy/{model}"})
            trouble = ""
            if reply.failed:
                words, remedy = told(reply, config.default_backend, "the model")
                trouble = f"{words.rstrip('.')}. {remedy}."
            trials.append(Trial(model, reply.seconds, bool(reply.calls), trouble, reply.late))
    return trials


async def _list(source: Source) -> Listing:
    config = _config(source, "")
    backend = config.default_backend
    async with inside(config, Learned(None)) as proxy:
        status = await models_status(proxy, backend)
        models = tuple(facts for _, facts in proxy.services.catalogue.all())
        why = "" if status else await _why_not(proxy, backend)
    if models:
        return Listing(source, models)
    if status in _REFUSED:
        return Listing(source, (), f"{backend.base_url} refuses the key (status {status}).", refused=True)
    if not status:
        trouble = f"{backend.base_url} can't be reached: {why}. Check the URL, and that the server runs."
        return Listing(source, (), trouble)
    if status == _NOT_FOUND:
        return Listing(source, (), f"{backend.base_url} has no list of models (status 404). Check the URL.")
    return Listing(source, (), f"{backend.base_url} lists no models (status {status}).")


async def _why_not(proxy: Inside, backend: Backend) -> str:
    """Why nothing answers, in the words of a call."""
    reply = await proxy.ask({"model": "claude-proxy/any", "max_tokens": 1, "messages": _HELLO})
    words, _ = told(reply, backend, "the model")
    return words.partition("can't be reached: ")[2].rstrip(".") or words.rstrip(".")


def _config(source: Source, model: str) -> Config:
    way = proxy_of(source.base_url, os.environ, [])
    backend = Backend(name=source.name, base_url=source.base_url, key=source.key, proxy=way)
    return Config(
        backends={source.name: backend},
        big_model=model,
        middle_model=model,
        small_model=model,
        max_retries=1,
        signature_key=b"setup",
    )
