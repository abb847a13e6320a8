"""GET /v1/models in Anthropic's shape: the backends' real models, under ids that Claude Code's picker accepts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .backends.catalogue import Catalogue, ModelFacts
from .config import Config
from .routing import alias_for, tier_routes

_LIMIT = 20  # of one page, as the API's
_MOST = 1000
_NEAR = 3
_LONGEST_NAME = 200  # characters compared
_DIGITS = 10  # of a limit; Python refuses to read thousands
_FAR = 4_102_444_800  # seconds: the year 2100; a backend's nonsense must not break the list


def list_models(config: Config, catalogue: Catalogue, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page. query: limit, after_id, before_id as the API has them."""
    entries = _entries(config, catalogue)
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


def find_model(config: Config, catalogue: Catalogue, wanted: str) -> dict[str, Any] | None:
    """Return one model by its id, None when nobody has it."""
    return next((entry for entry in _entries(config, catalogue) if entry["id"] == wanted), None)


def neighbours(wanted: str, backend: str, catalogue: Catalogue) -> list[str]:
    """Return the names of a backend's models that `wanted` may be meant to be, the nearest first."""
    names = {facts.id for where, facts in catalogue.all() if where == backend and facts.id != wanted}
    bare = {name.rpartition("/")[2]: name for name in sorted(names)}  # without the maker
    near = difflib.get_close_matches(wanted[:_LONGEST_NAME].rpartition("/")[2], bare, n=_NEAR)
    return [bare[name] for name in near]


def _size(limit: str) -> int:
    return max(1, min(int(limit[:_DIGITS]), _MOST)) if limit.isdecimal() else _LIMIT


def _entries(config: Config, catalogue: Catalogue) -> list[dict[str, Any]]:
    """The three tiers first, then every model a backend lists, by id; ids name the backend where there are several."""
    several = len(config.backends) > 1
    routes = dict.fromkeys((route.backend.name, route.model) for route in tier_routes(config).values())
    known = {(backend, facts.id): facts for backend, facts in catalogue.all()}
    order = [*routes, *(key for key in sorted(known) if key not in routes)]
    return [_entry(known.get(key, ModelFacts(id=key[1])), key[0] if several else "") for key in order]


def _entry(facts: ModelFacts, backend: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "model",
        "id": alias_for(facts.id, backend),
        "display_name": facts.name or facts.id,
        "created_at": datetime.fromtimestamp(min(facts.created, _FAR), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }
    if facts.window:
        entry["max_input_tokens"] = facts.window
    if facts.max_output:
        entry["max_tokens"] = facts.max_output
    return entry
