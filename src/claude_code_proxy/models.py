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
from .prepare import known_window
from .routing import alias_for, is_known_elsewhere, resolve, tier_routes
from .services import Services
from .translate.repairs import apply
from .wire.shapes import count

_LIMIT = 20  # of one page, as the API's
_MOST = 1000
_NEAR = 3
_ALIKE = 0.55  # of two names, from 0 to 1
_LONGEST_NAME = 200  # characters compared
_DIGITS = 10  # of a limit; Python refuses to read thousands
_NAME = re.compile(r"(?!.*\.\.)[\w][\w.:@/+~\[\] -]*")
_FAR = 4_102_444_800  # seconds: the year 2100; a backend's nonsense must not break the list


def list_models(services: Services, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return one page. query: limit, after_id, before_id as the API has them; headers: who asks.

    Raises ClientError for a limit that is none, and for both ids at once.
    """
    if query.get("after_id") and query.get("before_id"):
        raise ClientError("Only one of `before_id` and `after_id` can be given: leave one out.", path="before_id")
    entries = _entries(services, headers)
    ids = [entry["id"] for entry in entries]
    size = _size(query.get("limit", ""))
    if query.get("after_id") in ids:
        entries = entries[ids.index(query["after_id"]) + 1 :]
    elif query.get("before_id") in ids:
        entries = entries[: ids.index(query["before_id"])]
    page = entries[-size:] if query.get("before_id") in ids else entries[:size]  # the page before ends right before
    return {
        "data": page,
        "has_more": len(page) < len(entries),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def find_model(services: Services, wanted: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Return one model by any name a request may have; None for a name that is none, or one its backend doesn't list.

    A name that other providers are known for is passed on by requests too, whatever the list says.
    """
    config, catalogue = services.config, services.catalogue
    listed = next((entry for entry in _entries(services, headers) if entry["id"] == wanted), None)
    if listed is not None or not _NAME.fullmatch(wanted):
        return listed
    route = resolve(wanted, config)
    facts = catalogue.facts(route.backend, route.model)
    has_list = any(backend == route.backend.name for backend, _ in catalogue.all())
    if has_list and not (facts.id or route.tier or is_known_elsewhere(wanted)):
        return None
    return _entry(services, route.backend, replace(facts, id=route.model), wanted, headers, _shared(services))


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


def _entries(services: Services, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The three tiers first, then every model a backend lists, by id; ids name the backend where there are several."""
    config = services.config
    several = len(config.backends) > 1
    routes = dict.fromkeys((route.backend.name, route.model) for route in tier_routes(config).values())
    known = {(backend, facts.id): facts for backend, facts in services.catalogue.all()}
    shared = _shared(services)
    order = [*routes, *(key for key in sorted(known) if key not in routes)]
    return [
        _entry(
            services,
            config.backends[backend],
            known.get((backend, model)) or _named(services, backend, model),
            alias_for(model, backend if several else ""),
            headers,
            shared,
        )
        for backend, model in order
    ]


def _named(services: Services, backend: str, model: str) -> ModelFacts:
    """What is known of a tier's model that is listed otherwise: without its tag, or a server's only one."""
    return replace(services.catalogue.facts(services.config.backends[backend], model), id=model)


def _shared(services: Services) -> frozenset[str]:
    """Return the models that several backends have: their names alone would not tell them apart."""
    routes = {(route.backend.name, route.model) for route in tier_routes(services.config).values()}
    there = routes | {(backend, facts.id) for backend, facts in services.catalogue.all()}
    return frozenset(model for model, times in Counter(model for _, model in there).items() if times > 1)


def _entry(  # noqa: PLR0917 - in the order of what is always there
    services: Services,
    backend: Backend,
    facts: ModelFacts,
    name: str,
    headers: Mapping[str, str],
    shared: frozenset[str],
) -> dict[str, Any]:
    learned = services.learned.facts(backend, facts.id)
    identity = services.catalogue.identity(backend)
    dialect = apply(informed(recognise(backend, facts.id, identity), facts.reasoning), learned)
    window = services.config.model_window or known_window(facts, learned, identity)
    scale = factor(services.config.context_scale, window, believed_window(name, headers))
    entry: dict[str, Any] = {
        "type": "model",
        "id": name,
        "display_name": (facts.name or facts.id) + (f" ({backend.name})" if facts.id in shared else ""),
        "created_at": datetime.fromtimestamp(min(facts.created, _FAR), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "capabilities": capabilities(facts, dialect),
    }
    if window:
        entry["max_input_tokens"] = round(window * scale)
    output = count(learned.get("max_output")) or facts.max_output
    if output:
        entry["max_tokens"] = output
    return entry
