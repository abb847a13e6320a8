"""GET /v1/models in Anthropic's shape: the backends' real models, under ids that Claude Code's picker accepts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .backends.catalogue import Catalogue, ModelFacts
from .config import Config
from .routing import alias_for

_LIMIT = 20  # of one page, as the API's
_MOST = 1000


def list_models(config: Config, catalogue: Catalogue, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page. query: limit, after_id, before_id as the API has them."""
    entries = _entries(config, catalogue)
    ids = [entry["id"] for entry in entries]
    if query.get("after_id") in ids:
        entries = entries[ids.index(query["after_id"]) + 1 :]
    elif query.get("before_id") in ids:
        entries = entries[: ids.index(query["before_id"])]
    limit = query.get("limit", "")
    page = entries[: max(1, min(int(limit), 100 * _MOST)) if limit.isdecimal() else _LIMIT]
    return {
        "data": page,
        "has_more": len(page) < len(entries),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _entries(config: Config, catalogue: Catalogue) -> list[dict[str, Any]]:
    """The three tiers first, then every model a backend lists, by id."""
    known = {(backend, facts.id): facts for backend, facts in catalogue.all()}
    tiers = dict.fromkeys((config.big_model, config.middle_model, config.small_model))
    facts = [_of_name(name, known) for name in tiers]
    rest = [one for _, one in sorted(known.items()) if one.id not in tiers]
    return [_entry(one) for one in [*facts, *rest]]


def _of_name(name: str, known: Mapping[tuple[str, str], ModelFacts]) -> ModelFacts:
    return next((facts for (_, model), facts in known.items() if model == name), ModelFacts(id=name))


def _entry(facts: ModelFacts) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "model",
        "id": alias_for(facts.id),
        "display_name": facts.name or facts.id,
        "created_at": datetime.fromtimestamp(min(facts.created, 4_102_444_800), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }
    if facts.window:
        entry["max_input_tokens"] = facts.window
    if facts.max_output:
        entry["max_tokens"] = facts.max_output
    return entry
