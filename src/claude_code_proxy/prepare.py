"""A checked request made ready to be sent: routed, shaped by the settings, translated, counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from .aside import LARGE
from .backend_tables import DEFAULT_NAME
from .backends.exact import ASKED
from .backends.gauges import Gauge
from .backends.model_lists import ModelFacts
from .documents_io import gather_resources
from .endpoint import public_url
from .prompt.summarize import Ask
from .prompt.summary_reminder import is_compaction
from .routing import Route, resolve
from .services import Services
from .translate.dialect import Dialect
from .translate.documents import Want, wanted
from .translate.failure import Asked
from .translate.glance import Glance, glance
from .translate.notes import Notes
from .translate.request import Target, Translated, translate_request
from .wire.shapes import count as count_of
from .wire.shapes import items

_NAMES = {"key_name": "the key of backend {}", "url_name": "the base URL of backend {}"}  # of those without a setting
_MOST_OF_A_BYTE = 8  # tokens: more than any text's byte is counted as, corrected by what a backend reported
_WORDS = frozenset({"text", "thinking", "tool_use"})
_OUR_WORDS = 8192  # tokens of what translation adds, at most


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

    def asked(self) -> Asked:
        """Return what the request was, for the words of a failure."""
        plan, backend, counted = self.translated.plan, self.route.backend, self.gauge.counted
        named = {} if backend.name == DEFAULT_NAME else _NAMES
        return Asked(
            model=self.route.model,
            counted=counted.tokens,
            most=counted.most,
            window=plan.window,
            max_tokens=self.max_tokens,
            lowered=self.max_tokens < plan.max_tokens,
            now=time.time(),
            url=public_url(backend.base_url),
            secrets=backend.secrets,
            **{field: name.format(backend.name) for field, name in named.items()},
        )


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
    compacts = is_compaction(request)
    route = route or resolve(str(request["model"]), services.config)
    known = services.targets.of(route, taught, compacts=compacts)
    identity, facts, target = known.identity, known.facts, known.target
    given = request
    if services.shaper.has_work(compacts=compacts):
        request = await services.shaper.shape(request, notes, ask, target.window, compacts=compacts)
    aside = services.aside
    seen, needs = await aside.run(size, _looked_at, request, target.dialect, facts.vision)
    if needs and (wants := [want for want in needs if ask is not None or not want.url]):
        resources = await gather_resources(wants, session=services.fetcher)
        target = msgspec.structs.replace(target, resources=resources)
    gauge = services.gauges.of(route.backend, route.model, aside=size >= LARGE)
    waits = ask is not None and request is given and identity not in ASKED and _fits_anyway(request, seen, target, size)
    count = gauge.later if waits else gauge
    translated = await aside.run(
        size, translate_request, request, target, notes, count=count, counting=ask is None, seen=seen
    )
    if not (waits or gauge.is_sure):
        exact = await services.exact.count(route.backend, identity, translated.body)
        gauge.settle(exact) if exact else None
    summary = compacts and services.config.compaction_reminder
    if summary or not waits:
        estimate = 0 if waits else gauge.counted.tokens
        plan = msgspec.structs.replace(translated.plan, summary=summary, input_estimate=estimate)
        translated = msgspec.structs.replace(translated, plan=plan)
    return Prepared(route, target.dialect, translated, request, target, identity, known.learned, facts, gauge)


def _looked_at(request: Mapping[str, Any], dialect: Dialect, vision: bool | None) -> tuple[Glance, list[Want]]:
    """Return what is in the messages at all, and what of it must be fetched or read before they are translated."""
    seen = glance(request)
    return seen, [] if seen.words else wanted(request, dialect, vision)


def _fits_anyway(request: Mapping[str, Any], seen: Glance, target: Target, size: int) -> bool:
    """Whether a request is so small that nothing hangs on its count before it is sent: it is counted behind that.

    size: of the client's body, in bytes, 0 unknown.
    """
    if not 0 < size < LARGE or target.resources or "context_management" in request:
        return False
    if not (seen.words or _is_words(request)):
        return False
    if not target.window:
        return True
    most = _MOST_OF_A_BYTE * size + _OUR_WORDS + count_of(request.get("max_tokens")) + target.min_tokens
    return most <= target.window


def _is_words(request: Mapping[str, Any]) -> bool:
    """Whether there are no pictures or documents in a request: a few bytes of one may be many tokens."""
    for message in request["messages"]:
        content = message.get("content")
        if type(content) is not str and not all(map(_is_said, items(content))):
            return False
    return True


def _is_said(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    return kind in _WORDS or (kind == "tool_result" and isinstance(block.get("content"), str))


def window_of(services: Services, model: str) -> int:
    """Return the tokens that requests under a name have room for, 0 where nobody knows. Nobody is asked."""
    return services.targets.of(resolve(model, services.config)).target.window
