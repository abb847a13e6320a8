"""What a backend says of its models and of itself; read in the background, in no request's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import aiohttp
import msgspec

from ..config import Backend
from ..dialects import identity_of, recognise
from .address import headers, models_url
from .local_windows import WINDOWS
from .model_lists import UNKNOWN, ModelFacts, read_models

__all__ = ["UNKNOWN", "Catalogue", "ModelFacts"]

_TIMEOUT = 15  # seconds
_MAX_LIST = 32 * 1024 * 1024  # bytes; OpenRouter's list is about 1 MB
_LOOK_AGAIN = 30.0  # seconds: a local server says its window only once it has loaded the model
_SOON = 15.0  # seconds: a server whose list can't be read may be starting; doubles each time
_FAULTS = (aiohttp.ClientError, OSError, ValueError, RecursionError)


Way = Callable[[Backend], Mapping[str, Any]]


class Catalogue:
    """The models of every backend, as last read. way: the options of a request to a backend (`Client.way`)."""

    def __init__(self, session: aiohttp.ClientSession, way: Way = lambda _: {}) -> None:
        self._session = session
        self._way = way
        self._models: dict[str, dict[str, ModelFacts]] = {}
        self._identities: dict[str, str] = {}
        self._looked: dict[str, float] = {}
        self._looking: set[asyncio.Task[bool]] = set()
        self.first_read = asyncio.Event()

    def facts(self, backend: Backend, model: str) -> ModelFacts:
        """Return what is known of a model; `UNKNOWN` is an answer too."""
        known = self._models.get(backend.name, {})
        bare = model.removeprefix("models/").split(":", maxsplit=1)[0]  # OpenRouter's variants have the same limits
        return known.get(model) or known.get(f"{model}:latest") or known.get(bare) or UNKNOWN  # Ollama's tag for none

    def identity(self, backend: Backend) -> str:
        """Return which server program a backend is, "" while nobody knows."""
        return self._identities.get(backend.name, "")

    def all(self) -> Iterator[tuple[str, ModelFacts]]:
        """Return every known model with its backend's name."""
        for backend, models in self._models.items():
            for model in models.values():
                yield backend, model

    async def keep_fresh(self, backends: Mapping[str, Backend], every: float) -> None:
        """Read all lists now and every `every` seconds, for ever; sooner while one of them can't be read."""
        soon = _SOON
        while True:
            read = await asyncio.gather(*(self.refresh(backend) for backend in backends.values()))
            self.first_read.set()
            pause = every if all(read) else min(soon, every)
            soon = _SOON if all(read) else soon * 2
            await asyncio.sleep(pause)

    def look_again(self, backend: Backend, model: str) -> None:
        """After an answer: a local server that has loaded the model now knows the window it did not know before."""
        if self.facts(backend, model).window or self.identity(backend) not in WINDOWS:
            return
        now = asyncio.get_running_loop().time()
        if now - self._looked.get(backend.name, -_LOOK_AGAIN) >= _LOOK_AGAIN:
            self._looked[backend.name] = now
            task = asyncio.create_task(self.refresh(backend))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def refresh(self, backend: Backend) -> bool:
        """Read one backend's list; False when it has none or can't be reached: what was known stays known."""
        with contextlib.suppress(*_FAULTS):
            answer, server = await self._get(backend, models_url(backend))
            found = {model.id: model for model in read_models(answer)}
            self._identities[backend.name] = identity_of(answer, server, None, None)
            if found:
                self._models[backend.name] = await self._with_windows(backend, found)
                return True
        return False

    async def _with_windows(self, backend: Backend, models: dict[str, ModelFacts]) -> dict[str, ModelFacts]:
        """Add the windows that a local server tells in its own places."""
        read = WINDOWS.get(self.identity(backend))
        if read is None:
            return models
        with contextlib.suppress(*_FAULTS):
            root = backend.base_url.removesuffix("/v1")
            answer, _ = await self._get(backend, root + read.path)
            return read.windows(answer, models)
        return models

    async def _get(self, backend: Backend, url: str) -> tuple[Any, str]:
        # a connection of its own: one that idles for an hour is dead when the next chat takes it from the pool
        sent = headers(backend, recognise(backend, ""), stream=False) | {"Connection": "close"}
        async with (
            asyncio.timeout(_TIMEOUT),
            self._session.get(url, headers=sent, allow_redirects=False, **self._way(backend)) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                raise ValueError(response.status)
            body = await response.content.read(_MAX_LIST)
            while not response.content.at_eof() and len(body) < _MAX_LIST:
                body += await response.content.read(_MAX_LIST)
            return msgspec.json.decode(body), response.headers.get("server", "")
