"""GET /v1/models in Anthropic's shape: the backends' real models, under ids that Claude Code's picker accepts.

A single model is answered for under every name a request may have: `claude-opus-4-8` is described as the model that
serves it.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from .backends.catalogue import Catalogue, ModelFacts
from .backends.model_lists import informed
from .capabilities import capabilities
from .config import Backend
from .context_scale import believed_window, factor
from .dialects import recognise
from .errors import ClientError
from .routing import alias_for, is_known_elsewhere, resolve, tier_routes
from .services import Services
from .targets import known_window
from .translate.repairs import apply
from .wire.shapes import count

_LIFECYCLE = "active"  # of all that a backend lists
_LIMIT = 20  # of one page, as the API's
_MOST = 1000
_NEAR = 3
_ALIKE = 0.55  # of two names, from 0 to 1
_LONGEST_NAME = 200  # characters compared
_DIGITS = 10  # of a limit; Python refuses to read thousands
_NAME = re.compile(r"(?!.*\.\.)[\w][\w.:@/+~\[\] -]*")
_FAR = 4_102_444_800  # seconds: the year 2100; a backend's nonsense must not break the list


def list_models(services: Services, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return one page. query: limit, after_id, before_id, lifecycle[] as the API has them; headers: who asks.

    Raises ClientError for a limit that is none, for an id that is not in the list, and for both ids at once.
    """
    if query.get("after_id") and query.get("before_id"):
        raise ClientError("Only one of `before_id` and `after_id` can be given: leave one out.", path="before_id")
    listing = _Listing(services, headers)
    ids = list(listing.places) if _LIFECYCLE in query.get("lifecycle[]", _LIFECYCLE).split(",") else []
    size = _size(query.get("limit", ""))
    for name in ("after_id", "before_id"):
        if query.get(name) and query[name] not in listing.places:
            raise ClientError("No model of the list has this id: begin with the first page again.", path=name)
    if query.get("after_id") in ids:
        ids = ids[ids.index(query["after_id"]) + 1 :]
        page = ids[:size]
    elif query.get("before_id") in ids:
        ids = ids[: ids.index(query["before_id"])]
        page = ids[-size:]  # the page before ends right before
    else:
        page = ids[:size]
    return {
        "data": [listing.entry(name) for name in page],
        "has_more": len(page) < len(ids),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def find_model(services: Services, wanted: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Return one model by any name a request may have; None for a name that is none, or one its backend doesn't list.

    A name that other providers are known for is passed on by requests too, whatever the list says.
    """
    config, catalogue = services.config, services.catalogue
    listing = _Listing(services, headers)
    if wanted in listing.places:
        return listing.entry(wanted)
    if not _NAME.fullmatch(wanted):
        return None
    route = resolve(wanted, config)
    facts = catalogue.facts(route.backend, route.model)
    has_list = any(backend == route.backend.name for backend, _ in catalogue.all())
    if has_list and not (facts.id or route.tier or is_known_elsewhere(wanted)):
        return None
    return listing.described(route.backend, replace(facts, id=route.model), wanted)


def near_names(wanted: str, known: Iterable[str]) -> list[str]:
    """Return the known names that `wanted` may be meant to be, the nearest first, with or without their makers'."""
    wanted, names = wanted[:_LONGEST_NAME], sorted(known)
    close = difflib.get_close_matches(wanted, names, n=_NEAR, cutoff=_ALIKE)
    bare = {name.rpartition("/")[2]: name for name in names}
    close += [bare[name] for name in difflib.get_close_matches(wanted.rpartition("/")[2], bare, n=_NEAR, cutoff=_ALIKE)]
    return list(dict.fromkeys(close))[:_NEAR]


def neighbours(wanted: str, backend: str, catalogue: Catalogue) -> list[str]:
    """Return the names of a backend's models that `wanted` may be meant to be, the nearest first."""
    names = {facts.id for where, facts in catalogue.all() if where == backend and facts.id != wanted}
    return near_names(wanted, names)


def _size(limit: str) -> int:
    if not limit:
        return _LIMIT
    size = int(limit) if limit.isdecimal() and len(limit) <= _DIGITS else 0
    if not 1 <= size <= _MOST:
        raise ClientError(f"Input should be an integer from 1 to {_MOST}", path="limit")
    return size


class _Listing:
    """The three tiers first, then every model a backend lists, by id; ids name the backend where there are several.

    places: backend and model of each id. What a model is takes longer to say, and is said of those that are shown.
    """

    def __init__(self, services: Services, headers: Mapping[str, str]) -> None:
        self._services = services
        self._headers = headers
        several = len(services.config.backends) > 1
        routes = dict.fromkeys((route.backend.name, route.model) for route in tier_routes(services.config).values())
        known = {(backend, facts.id): None for backend, facts in services.catalogue.all()}
        order = [*routes, *sorted(known.keys() - routes.keys())]
        self.places = {alias_for(model, name if several else ""): (name, model) for name, model in order}
        times = Counter(model for _, model in order)
        self._shared = {model for model, backends in times.items() if backends > 1}  # by their names alone the same

    def entry(self, name: str) -> dict[str, Any]:
        """Return one model of the list. A tier's may be listed otherwise: without its tag, or a server's only one."""
        where, model = self.places[name]
        backend = self._services.config.backends[where]
        return self.described(backend, replace(self._services.catalogue.facts(backend, model), id=model), name)

    def described(self, backend: Backend, facts: ModelFacts, name: str) -> dict[str, Any]:
        """Return what a model is, under a name."""
        shown = facts.name or facts.id
        title = f"{shown} ({backend.name})" if facts.id in self._shared else shown
        return _entry(self._services, backend, facts, name, title, self._headers)


def _entry(  # noqa: PLR0917 - in the order of what is always there
    services: Services, backend: Backend, facts: ModelFacts, name: str, title: str, headers: Mapping[str, str]
) -> dict[str, Any]:
    learned = services.learned.facts(backend, facts.id)
    identity = services.catalogue.identity(backend)
    dialect = apply(informed(recognise(backend, facts.id, identity), facts.reasoning), learned)
    window = services.config.model_window or known_window(facts, learned, identity)
    scale = factor(services.config.context_scale, window, believed_window(name, headers))
    entry: dict[str, Any] = {
        "type": "model",
        "id": name,
        "display_name": title,
        "created_at": datetime.fromtimestamp(min(facts.created, _FAR), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": _LIFECYCLE,
        "capabilities": capabilities(facts, dialect),
    }
    if window:
        entry["max_input_tokens"] = round(window * scale)
    output = count(learned.get("max_output")) or facts.max_output
    if output:
        entry["max_tokens"] = output
    return entry
