"""A checked request made ready to be sent: routed, shaped by the settings, translated, counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from .aside import LARGE
from .backend_tables import DEFAULT_NAME
from .backends.exact import ASKED
from .backends.gauges import Gauge
from .backends.model_lists import ModelFacts, informed
from .dialects import recognise
from .documents_io import gather_resources
from .endpoint import Backend, public_url
from .prompt.summarize import Ask
from .prompt.summary_reminder import is_compaction
from .routing import Route, resolve
from .services import Services
from .translate.dialect import Dialect
from .translate.documents import wanted
from .translate.failure import Asked
from .translate.notes import Notes
from .translate.repairs import apply
from .translate.request import Target, Translated, translate_request
from .wire.shapes import count as count_of
from .wire.shapes import items

_NAMES = {"key_name": "the key of backend {}", "url_name": "the base URL of backend {}"}  # of those without a setting
_MOST_OF_A_BYTE = 8  # tokens: more than any text's byte is counted as, corrected by what a backend reported
_WORDS = frozenset({"text", "thinking", "tool_use"})
_OUR_WORDS = 8192  # tokens of what translation adds, at most


EXACT = frozenset({"llamacpp", "vllm", "sglang"})
"""Servers whose list or own places tell the window they run with, by identity."""


class Prepared(msgspec.Struct, frozen=True):
    """A request ready to be sent, and what it was made of.

    request: as the settings shaped it; identity, learned, facts: what made the dialect, beside the backend's address;
    gauge: counted the prompt.
    """

    route: Route
    dialect: Dialect
    translated: Translated
    request: Mapping[str, Any]
    target: Target
    identity: str
    learned: Mapping[str, Any]
    facts: ModelFacts
    gauge: Gauge

    @property
    def max_tokens(self) -> int:
        """The output limit as it is sent, 0 for none."""
        return count_of(self.translated.body.get(self.dialect.max_tokens_field))


async def prepare(  # noqa: PLR0917 - in the order of what is always there
    services: Services,
    request: Mapping[str, Any],
    notes: Notes,
    ask: Ask | None = None,
    taught: Mapping[str, Any] = {},
    route: Route | None = None,
    *,
    size: int = 0,
) -> Prepared:
    """Prepare a request. Raises ClientError for one that can't be sent.

    ask: a way to put a request of the proxy's own to the model; None for a request that is only to be counted: nobody
    is asked then but a server nearby that counts prompts (`backends/exact.py`). taught: facts the backend has just made
    known by a refusal. route: where it goes, None for where its model's name says. size: of the client's body, in
    bytes; a large one is worked on aside.
    """
    config = services.config
    compacts = is_compaction(request)
    route = route or resolve(str(request["model"]), config)
    learned = {**services.learned.facts(route.backend, route.model), **taught}
    if services.health[route.backend.name].is_slow(route.model):
        learned["stream_only"] = True
    identity = services.catalogue.identity(route.backend)
    facts = services.catalogue.facts(route.backend, route.model)
    window = config.model_window or known_window(facts, learned, identity)
    given = request
    request = await services.shaper.shape(request, notes, ask, window, compacts=compacts)
    dialect = recognise(route.backend, route.model, identity)
    dialect = apply(informed(dialect, facts.reasoning), learned)
    dialect = switched(dialect, route.backend, compacts=compacts)
    aside = services.aside
    needs = await aside.run(size, wanted, request, dialect, facts.vision)
    wants = [want for want in needs if ask is not None or not want.url]
    target = Target(
        backend=route.backend.name,
        model=route.model,
        dialect=dialect,
        seal=config.signature_key,
        window=window,
        max_output=_most_output(facts, learned, config.max_tokens_limit),
        vision=facts.vision,
        min_tokens=config.min_tokens_limit,
        min_tokens_explicit=config.min_tokens_explicit,
        max_tokens_limit=config.max_tokens_limit,
        resources=await gather_resources(wants, session=services.fetcher) if wants else {},
    )
    gauge = services.gauges.of(route.backend, route.model, aside=size >= LARGE)
    waits = ask is not None and request is given and identity not in ASKED and _fits_anyway(request, target, size)
    count = gauge.later if waits else gauge
    translated = await aside.run(size, translate_request, request, target, notes, count=count, counting=ask is None)
    if not (waits or gauge.is_sure):
        exact = await services.exact.count(route.backend, identity, translated.body)
        gauge.settle(exact) if exact else None
    summary = compacts and config.compaction_reminder
    if summary or not waits:
        estimate = 0 if waits else gauge.counted.tokens
        plan = msgspec.structs.replace(translated.plan, summary=summary, input_estimate=estimate)
        translated = msgspec.structs.replace(translated, plan=plan)
    return Prepared(route, dialect, translated, request, target, identity, learned, facts, gauge)


def _fits_anyway(request: Mapping[str, Any], target: Target, size: int) -> bool:
    """Whether a request is so small that nothing hangs on its count before it is sent: it is counted behind that.

    size: of the client's body, in bytes, 0 unknown.
    """
    if not 0 < size < LARGE or target.resources or "context_management" in request or not _is_words(request):
        return False
    most = _MOST_OF_A_BYTE * size + _OUR_WORDS + count_of(request.get("max_tokens")) + target.min_tokens
    return not target.window or most <= target.window


def _is_words(request: Mapping[str, Any]) -> bool:
    """Whether there are no pictures or documents in a request: a few bytes of one may be many tokens."""
    contents = [message.get("content") for message in request["messages"]]
    return all(_is_said(block) for content in contents if not isinstance(content, str) for block in items(content))


def _is_said(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    return kind in _WORDS or (kind == "tool_result" and isinstance(block.get("content"), str))


def asked_of(prepared: Prepared) -> Asked:
    """Return what a request was, for the words of a failure."""
    plan, backend = prepared.translated.plan, prepared.route.backend
    named = {} if backend.name == DEFAULT_NAME else _NAMES
    return Asked(
        model=prepared.route.model,
        counted=prepared.gauge.counted.tokens,
        most=prepared.gauge.counted.most,
        window=plan.window,
        max_tokens=prepared.max_tokens,
        lowered=prepared.max_tokens < plan.max_tokens,
        now=time.time(),
        url=public_url(backend.base_url),
        secrets=backend.secrets,
        **{field: name.format(backend.name) for field, name in named.items()},
    )


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
    if "max_output" in learned and (told := count_of(learned["max_output"])):
        return told
    return min(facts.max_output, ceiling) if facts.shipped_output else facts.max_output


def known_window(facts: ModelFacts, learned: Mapping[str, Any], identity: str) -> int:
    """Return the window of a model: as an overflow named it, but for servers that say what they run it with."""
    named = count_of(learned["window"]) if "window" in learned else 0
    exact = facts.loaded or identity in EXACT
    return facts.window or named if exact else named or facts.window


def window_of(services: Services, model: str) -> int:
    """Return the tokens that requests under a name have room for, 0 where nobody knows. Nobody is asked."""
    route = resolve(model, services.config)
    facts, identity = services.catalogue.facts(route.backend, route.model), services.catalogue.identity(route.backend)
    learned = services.learned.facts(route.backend, route.model)
    return services.config.model_window or known_window(facts, learned, identity)
