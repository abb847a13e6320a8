"""What a backend says of its models and of itself; read in the background, in no request's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import aiohttp
import msgspec

from ..config import Backend
from ..dialects import SIGNS, identity_of, is_told, is_worth_asking, recognise
from .address import headers, models_url, root_of
from .local_windows import ONE_MODEL, WINDOWS
from .model_lists import UNKNOWN, ModelFacts, read_models
from .own_lists import OWN_LISTS
from .shipped import filled

__all__ = ["UNKNOWN", "Catalogue", "ModelFacts"]

_TIMEOUT = 15  # seconds
_MAX_LIST = 32 * 1024 * 1024  # bytes; OpenRouter's list is about 1 MB
_OWN_PATH = 3.0  # seconds for an answer from a path that only some programs have
_HANGS = "no answer in time"
_LOOK_AGAIN = 30.0  # seconds: a local server says its window only once it has loaded the model
_STAYS = 60.0  # seconds: it may be started anew with another one
_DOUBTED = 10.0  # seconds: requests are refused by what was read
_SOON = 15.0  # seconds: a server whose list can't be read may be starting; doubles each time
_FAULTS = (aiohttp.ClientError, OSError, ValueError, RecursionError)


class _RefusedError(ValueError):
    """A status other than 200.

    is_passing: the server, or what is before it, is only just starting; server: its name, as its header has it.
    """

    def __init__(self, status: int, server: str = "") -> None:
        super().__init__(status)
        self.is_passing = status >= 500  # noqa: PLR2004
        self.server = server


Way = Callable[[Backend], Mapping[str, Any]]


class Catalogue:
    """The models of every backend, as last read.

    way: the options of a request to a backend (`Client.way`); wanted: names that requests ask for, by backend;
    readings: how often anything new was read.
    """

    def __init__(
        self, session: aiohttp.ClientSession, way: Way = lambda _: {}, wanted: Mapping[str, Iterable[str]] = {}
    ) -> None:
        self._session = session
        self._way = way
        self._wanted = wanted
        self._models: dict[str, dict[str, ModelFacts]] = {}
        self._identities: dict[str, str] = {}
        self._looked: dict[str, float] = {}
        self._away: set[str] = set()
        self._looking: set[asyncio.Task[bool]] = set()
        self.readings = 0
        self.first_read = asyncio.Event()

    def facts(self, backend: Backend, model: str) -> ModelFacts:
        """Return what is known of a model; it has no id where the backend does not list it."""
        known = self._models.get(backend.name, {})
        bare = model.removeprefix("models/").split(":", maxsplit=1)[0]  # OpenRouter's variants have the same limits
        found = known.get(model) or known.get(f"{model}:latest") or known.get(bare)  # Ollama's tag for none
        said = found or self._only(backend, known) or UNKNOWN
        return filled(said, recognise(backend, "", self.identity(backend)).name, model)

    def _only(self, backend: Backend, known: Mapping[str, ModelFacts]) -> ModelFacts | None:
        """Return the one model of a server that does not look at the name it is asked for."""
        return next(iter(known.values())) if len(known) == 1 and self.identity(backend) in ONE_MODEL else None

    def identity(self, backend: Backend) -> str:
        """Return which server program a backend is, as it says or as a person does, "" while nobody knows."""
        return self._identities.get(backend.name, "") or (backend.dialect if backend.dialect in WINDOWS else "")

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

    def look_again(self, backend: Backend, model: str, *, doubted: bool = False) -> None:
        """After an answer or a failure: a local server may have loaded the model, or run with another window now.

        One that could not be reached before is there now. doubted: a request was refused for what is known.
        """
        if doubted:
            pause = _DOUBTED
        elif backend.name in self._away:
            pause = _LOOK_AGAIN
        elif self.identity(backend) in WINDOWS:
            pause = _STAYS if self.facts(backend, model).loaded else _LOOK_AGAIN
        else:
            return
        now = asyncio.get_running_loop().time()
        if now - self._looked.get(backend.name, -pause) >= pause:
            self._looked[backend.name] = now
            task = asyncio.create_task(self.refresh(backend))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def refresh(self, backend: Backend) -> bool:
        """Read one backend's list; False when it has none or can't be reached: what was known stays known."""
        server = ""
        try:
            answer, server = await self._get(backend, models_url(backend))
            found = {model.id: model for model in read_models(answer)}
        except _RefusedError as error:
            self._reached(backend, error.is_passing)
            return await self._refresh_unlisted(backend, error.server)
        except _FAULTS as error:
            self._reached(backend, True)
            return isinstance(error, ValueError) and await self._refresh_unlisted(backend, "")
        self._reached(backend, False)
        if not found:
            return await self._refresh_unlisted(backend, server)
        known = self._models.get(backend.name, found)
        self._know(backend, models=known)  # limits first: a server may hang on other paths
        self._know(backend, identity=await self._identity(backend, answer, server))
        self._know(backend, models=await self._described(backend, found, known))
        return True

    def _know(
        self, backend: Backend, *, models: dict[str, ModelFacts] | None = None, identity: str | None = None
    ) -> None:
        """Take over what was read."""
        self.readings += 1
        if models is not None:
            self._models[backend.name] = models
        if identity is not None:
            self._identities[backend.name] = identity

    async def _refresh_unlisted(self, backend: Backend, server: str) -> bool:
        """Read what a local server says in places of its own; False when it says nothing there. server: its name.

        Which program it is says the header, a person or a usual port: nobody is asked for signs who has no list.
        """
        program = identity_of(None, server) or self.identity(backend) or recognise(backend, "").name
        if program not in OWN_LISTS:
            return False
        found = await OWN_LISTS[program](partial(self._ask, backend), self._wanted.get(backend.name, ()))
        if found:
            self._know(backend, identity=program)
            described = await self._described(backend, found, self._models.get(backend.name, found))
            self._know(backend, models=described)
        return bool(found)

    def _reached(self, backend: Backend, away: bool) -> None:
        (self._away.add if away else self._away.discard)(backend.name)

    async def _identity(self, backend: Backend, models: object, server: str) -> str:
        """Return the server's program; one whose list does not name it is asked for signs, unless it is well known."""
        told = identity_of(models, server)
        if told or is_told(backend) or not is_worth_asking(models):
            return told
        answers = await asyncio.gather(*(self._ask(backend, path) for path in SIGNS))
        found = identity_of(models, server, dict(zip(SIGNS, answers, strict=True)))
        return found or (self.identity(backend) if _HANGS in answers else "")

    async def _described(
        self, backend: Backend, models: dict[str, ModelFacts], known: dict[str, ModelFacts]
    ) -> dict[str, ModelFacts]:
        """Add what a local server says of its models in its own places."""
        read = WINDOWS.get(self.identity(backend))
        return models if read is None else await read(partial(self._ask, backend), models, known)

    async def _ask(self, backend: Backend, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask a server for a path of its own; None for no answer that can be read, `_HANGS` for none in time."""
        try:
            answer, _ = await self._get(backend, root_of(backend.base_url) + path, body, within=_OWN_PATH)
        except TimeoutError:
            return _HANGS
        except _FAULTS:
            return None
        return answer

    async def _get(
        self, backend: Backend, url: str, body: Mapping[str, Any] | None = None, *, within: float = _TIMEOUT
    ) -> tuple[Any, str]:
        # a connection of its own: one that idles for an hour is dead when the next chat takes it from the pool
        sent = headers(backend, recognise(backend, ""), stream=False) | {"Connection": "close"}
        async with (
            asyncio.timeout(within),
            self._session.request(
                "GET" if body is None else "POST",
                url,
                headers=sent,
                data=None if body is None else msgspec.json.encode(body),
                allow_redirects=False,
                **self._way(backend),
            ) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                raise _RefusedError(response.status, response.headers.get("server", ""))
            answer = await response.content.read(_MAX_LIST)
            while not response.content.at_eof() and len(answer) < _MAX_LIST:
                answer += await response.content.read(_MAX_LIST)
            return msgspec.json.decode(answer), response.headers.get("server", "")
