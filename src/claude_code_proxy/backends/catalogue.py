"""What a backend says of its models: window, output limit, modalities; read in the background, in no request's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import msgspec

from ..config import Backend
from ..dialects import recognise
from ..wire.shapes import count, items, mapping, text
from .address import headers, models_url

_TIMEOUT = 15  # seconds
_MAX_LIST = 32 * 1024 * 1024  # bytes; OpenRouter's list is about 1 MB


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model. window, max_output: tokens, 0 unknown; vision, tools: None unknown; efforts: empty unknown."""

    id: str
    name: str = ""
    window: int = 0
    max_output: int = 0
    vision: bool | None = None
    tools: bool | None = None
    efforts: tuple[str, ...] = ()
    created: int = 0


UNKNOWN = ModelFacts(id="")


class Catalogue:
    """The models of every backend, as last read."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._models: dict[str, dict[str, ModelFacts]] = {}
        self.first_read = asyncio.Event()

    def facts(self, backend: Backend, model: str) -> ModelFacts:
        """Return what is known of a model; `UNKNOWN` is an answer too."""
        known = self._models.get(backend.name, {})
        return known.get(model) or known.get(model.split(":", maxsplit=1)[0]) or UNKNOWN

    def all(self) -> Iterator[tuple[str, ModelFacts]]:
        """Return every known model with its backend's name."""
        for backend, models in self._models.items():
            for model in models.values():
                yield backend, model

    async def keep_fresh(self, backends: Mapping[str, Backend], every: float) -> None:
        """Read all lists now and every `every` seconds, for ever."""
        while True:
            await asyncio.gather(*(self.refresh(backend) for backend in backends.values()))
            self.first_read.set()
            await asyncio.sleep(every)

    async def refresh(self, backend: Backend) -> bool:
        """Read one backend's list; False when it has none or can't be reached: what was known stays known."""
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError, ValueError):
            found = await self._read(backend)
            if found:
                self._models[backend.name] = {model.id: model for model in found}
                return True
        return False

    async def _read(self, backend: Backend) -> list[ModelFacts]:
        sent = headers(backend, recognise(backend, ""), stream=False)
        async with (
            asyncio.timeout(_TIMEOUT),
            self._session.get(models_url(backend), headers=sent, allow_redirects=False) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                return []
            body = await response.content.read(_MAX_LIST)
            while not response.content.at_eof() and len(body) < _MAX_LIST:
                body += await response.content.read(_MAX_LIST)
            return read_models(msgspec.json.decode(body))


def read_models(answer: object) -> list[ModelFacts]:
    """Return the models in a list: OpenAI's shape, with what OpenRouter, Groq, Mistral, vLLM and llama.cpp add."""
    listed = items(mapping(answer).get("data")) or items(mapping(answer).get("models")) or items(answer)
    return [_model(mapping(entry)) for entry in listed if text(mapping(entry).get("id"))]


def _model(entry: Mapping[str, Any]) -> ModelFacts:
    provider = mapping(entry.get("top_provider"))
    meta = mapping(entry.get("meta"))
    modalities = items(mapping(entry.get("architecture")).get("input_modalities"))
    capable = mapping(entry.get("capabilities"))
    supported = items(entry.get("supported_parameters"))
    return ModelFacts(
        id=text(entry.get("id")),
        name=text(entry.get("name")) or text(entry.get("display_name")),
        window=_first(
            provider.get("context_length"),
            entry.get("context_length"),  # OpenRouter, Together
            entry.get("context_window"),  # Groq
            entry.get("max_context_length"),  # Mistral, LM Studio
            entry.get("max_model_len"),  # vLLM
            meta.get("n_ctx"),  # llama.cpp
            entry.get("inputTokenLimit"),
        ),
        max_output=_first(
            provider.get("max_completion_tokens"),
            entry.get("max_completion_tokens"),
            entry.get("max_output_tokens"),
            entry.get("outputTokenLimit"),
        ),
        vision=("image" in modalities) if modalities else _flag(capable.get("vision")),
        tools=("tools" in supported) if supported else _flag(capable.get("function_calling")),
        efforts=tuple(
            text(effort) for effort in items(mapping(entry.get("reasoning")).get("supported_efforts")) if text(effort)
        ),
        created=count(entry.get("created")),
    )


def _first(*values: object) -> int:
    return next((count(value) for value in values if count(value)), 0)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
