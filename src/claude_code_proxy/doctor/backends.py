"""Each backend: reachable, its key accepted, and the tiers' models there, with their limits and dialect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ..backend_tables import DEFAULT_NAME
from ..backends.address import headers, models_url
from ..backends.catalogue import ModelFacts
from ..backends.local_windows import ONE_MODEL
from ..backends.model_lists import informed
from ..backends.shipped import READ_IN
from ..config import Config
from ..dialects import DIALECTS, ROWS, recognise
from ..endpoint import Backend, is_loopback
from ..models import near_names
from ..prepare import Prepared, prepare
from ..remedies import key_setting, url_setting
from ..routing import alias_for, chain, resolve
from ..targets import switched
from ..translate.notes import Notes
from ..wire.shapes import count
from .faults import is_key_refused, is_refused_model, is_unreached, is_wrong_address, told
from .inside import PATIENCE, Inside, Reply
from .report import Group, Line

_SMALL_WINDOW = 32_768  # tokens in which Claude Code has hardly room to work (case CX-08)
_GOOD = 200
_REFUSED = (401, 403)
_TIERS = {"BIG_MODEL": "claude-opus", "MIDDLE_MODEL": "claude-sonnet", "SMALL_MODEL": "claude-haiku"}
_TABLE = f"by the proxy's own table of {READ_IN}; the backend tells none"
_CREDENTIALS = ("authorization", "api-key")


class Model(msgspec.Struct, frozen=True):
    """A model that tiers use. asked: a name clients use for it; settings: of the tiers, such as `BIG_MODEL`."""

    backend: Backend
    name: str
    asked: str
    settings: tuple[str, ...]

    @property
    def title(self) -> str:
        """What lines call it."""
        return f"{self.backend.name}/{self.name}"


def tier_models(config: Config) -> list[Model]:
    """Return the distinct models of the three tiers, the big one first."""
    found: dict[tuple[str, str], Model] = {}
    for setting, asked in _TIERS.items():
        route = resolve(asked, config)
        key = route.backend.name, route.model
        known = found.get(key) or Model(route.backend, route.model, asked, ())
        found[key] = msgspec.structs.replace(known, settings=(*known.settings, setting))
    return list(found.values())


def chain_models(config: Config) -> list[Model]:
    """Return the models of the tiers and, behind them, those that stand in for them; each is asked for by itself."""
    found = {(model.backend.name, model.name): model for model in tier_models(config)}
    for setting, asked in _TIERS.items():
        first, *others = chain(asked, config)
        for route in (first, *others) if others else ():
            key = route.backend.name, route.model
            known = found.get(key) or Model(route.backend, route.model, "", (f"stands in for {setting}",))
            found[key] = msgspec.structs.replace(known, asked=alias_for(route.model, route.backend.name))
    return list(found.values())


class Visit:
    """One backend being looked at. `well`: it can be asked; `there`: the models it has."""

    def __init__(self, proxy: Inside, backend: Backend, models: list[Model]) -> None:
        self.well = True
        self.there: list[Model] = []
        self._proxy = proxy
        self._backend = backend
        self._models = [model for model in models if model.backend.name == backend.name]
        self._replies: dict[str, Reply] = {}

    async def lines(self) -> AsyncIterator[Line]:
        """Yield what there is to say of the backend, then of each model."""
        group = Group(f"Backend {self._backend.name}")
        listing = await models_status(self._proxy, self._backend)
        proven = (
            listing == _GOOD
            and bool(self._backend.key)
            and await models_status(self._proxy, self._backend, with_key=False) in _REFUSED
        )
        first = self._models[-1] if self._models else None  # the cheapest
        hello = None if proven or first is None else await self._hello(first)
        yield await self._reached(group, listing, hello)
        if self.well:
            yield self._key(group, listing, hello, proven=proven)
            async for line in self._spare_keys(group, proven=proven):
                yield line
        if not self._models:
            yield group.ok("backend.unused", "no tier uses it")
        for model in self._models:
            async for line in self._model(model):
                yield line

    async def _hello(self, model: Model) -> Reply:
        """One tiny call, made once for each model."""
        if model.name not in self._replies:
            asked = {"model": model.asked, "max_tokens": 16, "messages": [{"role": "user", "content": "Say hello."}]}
            self._replies[model.name] = await self._proxy.ask(asked)
        return self._replies[model.name]

    async def _reached(self, group: Group, listing: int, hello: Reply | None) -> Line:
        backend, name = self._backend, "backend.reachable"
        if hello is not None and is_wrong_address(hello.error):
            self.well = False
            words, remedy = told(hello, backend, "")
            longer = msgspec.structs.replace(backend, base_url=f"{backend.base_url}/v1")
            if await models_status(self._proxy, longer, reads=False) == _GOOD:
                remedy = f"Set {url_setting(backend)} to {longer.base_url}: there is a list of models"
            return group.failed(name, words, remedy)
        if not listing and (hello is None or hello.late or is_unreached(hello.error)):
            self.well = False
            unasked = f"{backend.base_url} can't be reached", f"Check {url_setting(backend)}, and that the server runs"
            words, remedy = told(hello, backend, "") if hello else unasked
            return group.failed(name, words, remedy)
        known = sum(owner == backend.name for owner, _ in self._proxy.services.catalogue.all())
        status = f" (status {listing})" if listing else ""
        models = f"models listed: {known}" if known else f"no model list{status}"
        return group.ok(name, f"{backend.base_url} answers, {models}")

    def _key(self, group: Group, listing: int, hello: Reply | None, *, proven: bool) -> Line:
        name, setting = "backend.key", key_setting(self._backend)
        if proven:
            return group.ok(name, "key accepted: the model list needs it")
        if is_key_refused(hello.error) if hello else listing in _REFUSED:
            self.well = False
            words = told(hello, self._backend, "")[0] if hello else f"key refused with status {listing}"
            return group.failed(name, words, f"Check {setting}: the backend's key, not the client's")
        if hello is None:
            return group.warning(name, "key not checked: the list of models needs none, and no tier uses this backend")
        if not hello.failed:
            return group.ok(name, "key accepted by a tiny call")
        if is_refused_model(hello.error):
            return group.ok(name, "key accepted: the backend looked for the model")
        return group.warning(name, f"key not checked: {told(hello, self._backend, '')[0]}", "See the models below")

    async def _spare_keys(self, group: Group, *, proven: bool) -> AsyncIterator[Line]:
        """Look at the other keys of a pool, where the list of models tells a good key from a bad one."""
        setting = key_setting(self._backend)
        for number, key in enumerate(self._backend.spare_keys, 2):
            name = f"backend.key.{number}"
            if not proven:
                yield group.warning(name, f"key {number} of {setting} not checked: the list of models needs none")
                continue
            status = await models_status(self._proxy, msgspec.structs.replace(self._backend, key=key))
            if status == _GOOD:
                yield group.ok(name, f"key {number} of the pool accepted")
            else:
                yield group.failed(
                    name, f"key {number} of the pool: status {status}", f"Check key {number} of {setting}"
                )

    async def _model(self, model: Model) -> AsyncIterator[Line]:
        group = Group(f"Model {model.title} ({', '.join(model.settings)})")
        if not self.well:
            yield group.warning("model.exists", "not asked: its backend fails", "See the backend's lines")
            return
        exists = await self._exists(group, model)
        yield exists
        if exists.status == "failed":
            return
        self.there.append(model)
        request = {"model": model.asked, "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello."}]}
        prepared = await prepare(self._proxy.services, request, Notes())
        yield self._window(group, prepared)
        yield self._output(group, model)
        yield group.ok("model.dialect", _dialect(self._proxy, model, prepared))
        for line in learned_lines(group, self._proxy, model):
            yield line

    async def _exists(self, group: Group, model: Model) -> Line:
        name, setting = "model.exists", model.settings[0]
        catalogue = self._proxy.services.catalogue
        facts = catalogue.facts(model.backend, model.name)
        if catalogue.identity(model.backend) in ONE_MODEL and facts.id not in {"", model.name}:
            return group.ok(name, f"the server answers with its one model, {facts.id}, under any name")
        if facts.id and not model.backend.azure_api_version:
            return group.ok(name, "the backend lists it")
        hello = await self._hello(model)
        if not hello.failed:
            return group.ok(name, "it answers, though the backend does not list it")
        words, remedy = told(hello, model.backend, setting)
        if not is_refused_model(hello.error):
            return group.failed(name, words, remedy)
        near = near_names(model.name, [facts.id for owner, facts in catalogue.all() if owner == model.backend.name])
        such = f"Set {setting} to a model it has, such as {', '.join(near)}"
        return group.failed(name, words, such if near else remedy)

    def _window(self, group: Group, prepared: Prepared) -> Line:
        window, services = prepared.translated.plan.window, self._proxy.services
        if not window:
            return group.warning(
                "model.window",
                "window unknown: a prompt that is too long is noticed when the backend refuses it",
                "Set MODEL_WINDOW to the tokens it takes",
            )
        if not services.config.model_window and is_guess(prepared.facts, window):
            said = f"window at most {window} tokens: the model is not loaded, and may be loaded with less"
            return group.warning("model.window", said, "Load it, then run the doctor again")
        said = f"window {window} tokens ({_source(services.config, prepared, window)})"
        if window < _SMALL_WINDOW:
            remedy = "Start the server with a larger context, or use a model that has one"
            return group.warning("model.window", f"{said}: Claude Code's own prompt takes some 20000 of them", remedy)
        return group.ok("model.window", said)

    def _output(self, group: Group, model: Model) -> Line:
        services = self._proxy.services
        learned = count(services.learned.facts(model.backend, model.name).get("max_output"))
        facts, limit = services.catalogue.facts(model.backend, model.name), services.config.max_tokens_limit
        if learned or (facts.max_output and not facts.shipped_output):
            source = "learned" if learned else "from the backend"
            return group.ok("model.output", f"output at most {learned or facts.max_output} tokens ({source})")
        if 0 < facts.max_output <= limit:
            return group.ok("model.output", f"output at most {facts.max_output} tokens ({_TABLE})")
        return group.ok("model.output", f"output limit not told: at most {limit} tokens (MAX_TOKENS_LIMIT)")


async def models_status(proxy: Inside, backend: Backend, *, with_key: bool = True, reads: bool = True) -> int:
    """Ask for the model list; returns the status, 0 when nothing answers, or a web page.

    reads: with the key, the catalogue reads it.
    """
    services = proxy.services
    sent = headers(backend, recognise(backend, ""), stream=False)
    if not with_key:
        sent = {name: value for name, value in sent.items() if name.lower() not in _CREDENTIALS}
    try:
        async with (
            asyncio.timeout(PATIENCE),
            services.client.get(backend, models_url(backend), sent) as response,
        ):
            status = 0 if response.content_type == "text/html" else response.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return 0
    if with_key and reads and status == _GOOD:
        await services.catalogue.refresh(backend)
    return status


def is_guess(facts: ModelFacts, window: int) -> bool:
    """Tell whether a window is only what a model was trained with, which its server seldom loads it with."""
    return not (facts.loaded or facts.own_window_set) and window == facts.own_window


def _source(config: Config, prepared: Prepared, window: int) -> str:
    if config.model_window:
        return "MODEL_WINDOW"
    if window != prepared.facts.window:
        return "learned"
    if prepared.facts.shipped:
        return _TABLE
    return "as it is loaded now" if prepared.facts.loaded else "from the backend"


def learned_lines(group: Group, proxy: Inside, model: Model) -> Iterator[Line]:
    """Yield what the backend taught of a model, one line a fact."""
    facts: Mapping[str, object] = proxy.services.learned.facts(model.backend, model.name)
    for name, value in facts.items():
        yield group.ok("model.learned", f"learned: {name} = {msgspec.json.encode(value).decode()}")
    if not facts:
        yield group.ok("model.learned", "nothing learned of it yet")


def _dialect(proxy: Inside, model: Model, prepared: Prepared) -> str:
    backend = model.backend
    identity = proxy.services.catalogue.identity(backend)
    spoken = recognise(backend, model.name, identity)
    family = "" if spoken == DIALECTS[spoken.name] else ", with the needs of this model's family"
    told = informed(spoken, prepared.facts.reasoning)
    said = "" if told == spoken else ", with what the server says of this model"
    taught = "" if prepared.dialect == switched(told, backend) else ", changed by what was learned"
    given = {"TEXT_TOOL_CALLS": backend.text_tool_calls, "THINK_TAGS": backend.think_tags}
    switches = "".join(f", {name} {value}" for name, value in given.items() if value != "auto")
    return f"dialect {spoken.name} ({_reason(backend, spoken.name, identity)}){family}{said}{taught}{switches}"


def _reason(backend: Backend, name: str, identity: str) -> str:
    parts = urlsplit(backend.base_url)
    host = parts.hostname or ""
    row = next(row for row in ROWS if row.dialect.name == name)
    if backend.dialect:
        return "set by DIALECT" if backend.name == DEFAULT_NAME else "set for this backend"
    if backend.azure_api_version:
        return "AZURE_API_VERSION is set"
    if row.at(host):
        return f"known by its host {host}"
    if name == identity:
        return "the server says so"
    if is_loopback(host) and parts.port in row.ports:
        return f"guessed by port {parts.port}"
    if identity and identity not in DIALECTS:
        return f"the server says it is {identity}, which needs nothing of its own"
    return "nothing tells which server this is; DIALECT can"
