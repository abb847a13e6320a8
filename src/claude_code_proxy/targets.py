"""What is known of whom a request goes to: worked out once for each model, and again when any of it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from .backends.catalogue import Catalogue
from .backends.health import Health
from .backends.learned import Learned
from .backends.model_lists import ModelFacts, informed
from .config import Config
from .dialects import recognise
from .endpoint import Backend
from .routing import Route
from .translate.dialect import Dialect
from .translate.repairs import apply
from .translate.request import Target
from .wire.shapes import count

EXACT = frozenset({"llamacpp", "vllm", "sglang"})
"""Servers whose list or own places tell the window they run with, by identity."""

_MOST = 1000  # of names, a client makes up any number


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model of a backend, and the target that follows from it.

    identity, learned, facts: what made the target's dialect, beside the backend's address.
    """

    identity: str
    learned: Mapping[str, Any]
    facts: ModelFacts
    target: Target


class _Kept(msgspec.Struct, frozen=True):
    """learned, lists: what it was made of; it holds while both are the same."""

    learned: Mapping[str, Any]
    lists: int
    known: Known


class Targets:
    """The targets of all routes. They are shared: of one whose facts have not changed there is one object."""

    def __init__(self, config: Config, catalogue: Catalogue, learned: Learned, health: Mapping[str, Health]) -> None:
        self._config = config
        self._catalogue = catalogue
        self._learned = learned
        self._health = health
        self._kept: dict[tuple[str, str, bool, bool], _Kept] = {}

    def of(self, route: Route, taught: Mapping[str, Any] = {}, *, compacts: bool = False) -> Known:
        """Return what is known of where a request goes.

        taught: facts the backend has just made known by a refusal. compacts: it asks for a summary of its conversation.
        """
        backend, model = route.backend, route.model
        learned = self._learned.facts(backend, model)
        slow = self._health[backend.name].is_slow(model)
        if taught:
            return self._known(route, {**learned, **taught}, slow=slow, compacts=compacts)
        key = backend.name, model, slow, compacts
        kept = self._kept.get(key)
        if kept is None or kept.learned is not learned or kept.lists != self._catalogue.readings:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            known = self._known(route, learned, slow=slow, compacts=compacts)
            kept = self._kept[key] = _Kept(learned, self._catalogue.readings, known)
        return kept.known

    def _known(self, route: Route, learned: Mapping[str, Any], *, slow: bool, compacts: bool) -> Known:
        backend, model, config = route.backend, route.model, self._config
        learned = {**learned, "stream_only": True} if slow else learned
        identity, facts = self._catalogue.identity(backend), self._catalogue.facts(backend, model)
        dialect = apply(informed(recognise(backend, model, identity), facts.reasoning), learned)
        target = Target(
            backend=backend.name,
            model=model,
            dialect=switched(dialect, backend, compacts=compacts),
            seal=config.signature_key,
            window=config.model_window or known_window(facts, learned, identity),
            max_output=_most_output(facts, learned, config.max_tokens_limit),
            vision=facts.vision,
            min_tokens=config.min_tokens_limit,
            min_tokens_explicit=config.min_tokens_explicit,
            max_tokens_limit=config.max_tokens_limit,
        )
        return Known(identity=identity, learned=learned, facts=facts, target=target)


def switched(dialect: Dialect, backend: Backend, *, compacts: bool = False) -> Dialect:
    """Return a dialect that looks in an answer's text for what the settings say.

    compacts: it is a summary of the conversation; a call that one quotes is part of it.
    """
    calls = not compacts and _is_on(backend.text_tool_calls, dialect.text_tools)
    thoughts = _is_on(backend.think_tags, dialect.think_tags)
    if (calls, thoughts) == (dialect.text_tools, dialect.think_tags):
        return dialect
    return replace(dialect, text_tools=calls, think_tags=thoughts)


def _is_on(switch: str, usual: bool) -> bool:
    return usual if switch == "auto" else switch == "on"


def _most_output(facts: ModelFacts, learned: Mapping[str, Any], ceiling: int) -> int:
    """Return the output limit of a model. ceiling: MAX_TOKENS_LIMIT, which holds where no backend tells one."""
    if "max_output" in learned and (told := count(learned["max_output"])):
        return told
    return min(facts.max_output, ceiling) if facts.shipped_output else facts.max_output


def known_window(facts: ModelFacts, learned: Mapping[str, Any], identity: str) -> int:
    """Return the window of a model: as an overflow named it, but for servers that say what they run it with."""
    named = count(learned["window"]) if "window" in learned else 0
    exact = facts.loaded or identity in EXACT
    return facts.window or named if exact else named or facts.window
