"""What local servers say of their models in places of their own: above all the window they really use.

It is not the one the model was trained with. Pure but for what it is given to ask with.

Sources: llama.cpp's README (GET /props, `role: router` since 2025-12), Ollama's API (GET /api/ps, POST /api/show), LM
Studio's REST API (GET /api/v0/models), SGLang (GET /get_server_info), as read for the translation reference, 3.8 to
3.10 and 3.16, 2026-11-22; KoboldCpp (GET /api/extra/true_max_context_length) and TabbyAPI (GET /v1/model), their
documents, 2026 [K].
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from msgspec.structs import replace

from ..wire.shapes import count, items, mapping, text
from .model_lists import ModelFacts, Reasoning

Models = dict[str, ModelFacts]

_SHOWN = 60  # models whose records are read; a library is seldom larger
_AT_ONCE = 4
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)


class Ask(Protocol):
    """Asks for a path below the server's root; None for whatever is no JSON. body: of a POST."""

    async def __call__(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the answer."""
        ...


async def _llamacpp(ask: Ask, models: Models, _known: Models) -> Models:
    """One loaded model; the window is that of one slot. A router has several, each with a server of its own."""
    props = await ask("/props")
    if mapping(props).get("role") != "router":
        return {name: _with_props(model, props) for name, model in models.items()}
    loaded = [name for name, model in models.items() if model.loaded]
    told = await _each(loaded, lambda name: ask(f"/props?model={quote(name, safe='')}&autoload=false"))
    return models | {name: _with_props(models[name], answer) for name, answer in told.items()}


def _with_props(model: ModelFacts, props: Any) -> ModelFacts:
    window = count(mapping(mapping(props).get("default_generation_settings")).get("n_ctx"))
    vision = mapping(mapping(props).get("modalities")).get("vision")
    seen = vision if isinstance(vision, bool) else model.vision
    return replace(_running(model, window), vision=seen)


async def _ollama(ask: Ask, models: Models, known: Models) -> Models:
    """A loaded model's window is what it runs with; else its own `num_ctx`; else no more than it was trained with."""
    new = [name for name, model in models.items() if not _is_shown(known.get(name), model)][:_SHOWN]
    shown = await _each(new, lambda name: ask("/api/show", {"model": name}))
    own = {name: known[name] for name in models if name not in new and name in known}
    described = models | own | {name: _with_record(models[name], answer) for name, answer in shown.items()}
    loaded = {
        text(mapping(entry).get("name")): count(mapping(entry).get("context_length"))
        for entry in items(mapping(await ask("/api/ps")).get("models"))
    }
    return {name: _running(model, loaded.get(name, 0)) for name, model in described.items()}


def _is_shown(known: ModelFacts | None, model: ModelFacts) -> bool:
    """Whether a model's record was read since it was last changed."""
    return known is not None and known.created == model.created and bool(known.own_window)


def _with_record(model: ModelFacts, answer: Any) -> ModelFacts:
    record = mapping(answer)
    set_to = _NUM_CTX.search(text(record.get("parameters")))
    largest = next(
        (count(value) for key, value in mapping(record.get("model_info")).items() if key.endswith(".context_length")), 0
    )
    window = min(filter(None, (int(set_to[1]) if set_to else 0, largest)), default=0)
    able = {text(name) for name in items(record.get("capabilities"))}
    if able:
        model = replace(
            model, vision="vision" in able, tools="tools" in able, reasoning=Reasoning(known="thinking" in able)
        )
    return replace(model, own_window=window, own_window_set=bool(set_to))


async def _lmstudio(ask: Ask, models: Models, _known: Models) -> Models:
    answer = mapping(await ask("/api/v0/models"))
    listed = {text(mapping(entry).get("id")): mapping(entry) for entry in items(answer.get("data"))}
    return {name: _with_entry(model, listed.get(name, {})) for name, model in models.items()}


def _with_entry(model: ModelFacts, entry: Mapping[str, Any]) -> ModelFacts:
    able, kind = entry.get("capabilities"), text(entry.get("type"))
    return replace(
        _running(replace(model, own_window=count(entry.get("max_context_length"))), _lm_loaded(entry)),
        tools="tool_use" in able if isinstance(able, list) else model.tools,
        vision=kind == "vlm" if kind in {"vlm", "llm"} else model.vision,
    )


def _lm_loaded(entry: Mapping[str, Any]) -> int:
    return count(entry.get("loaded_context_length"))


async def _sglang(ask: Ask, models: Models, _known: Models) -> Models:
    """The list has the model's window; what one request may fill is no more than the pool of the whole server."""
    info = mapping(await ask("/get_server_info"))
    pool = count(info.get("max_total_num_tokens"))
    told = {name: model.window or count(info.get("context_length")) for name, model in models.items()}
    return {name: _running(model, min(filter(None, (told[name], pool)), default=0)) for name, model in models.items()}


async def _koboldcpp(ask: Ask, models: Models, _known: Models) -> Models:
    window = count(mapping(await ask("/api/extra/true_max_context_length")).get("value"))
    return {name: _running(model, window) for name, model in models.items()}


async def _tabbyapi(ask: Ask, models: Models, _known: Models) -> Models:
    loaded = mapping(await ask("/v1/model"))
    name, window = text(loaded.get("id")), count(mapping(loaded.get("parameters")).get("max_seq_len"))
    return models | {name: _running(models[name], window)} if name in models else models


def _running(model: ModelFacts, window: int) -> ModelFacts:
    """Return a model with the window that its server runs it with, 0 where it does not run."""
    return replace(model, window=window or model.own_window or model.window, loaded=bool(window))


async def _each(names: list[str], ask: Callable[[str], Awaitable[Any]]) -> dict[str, Any]:
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> Any:
        async with few:
            return await ask(name)

    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


Read = Callable[[Ask, Models, Models], Awaitable[Models]]

WINDOWS: Mapping[str, Read] = {
    "llamacpp": _llamacpp,
    "ollama": _ollama,
    "lmstudio": _lmstudio,
    "sglang": _sglang,
    "koboldcpp": _koboldcpp,
    "tabbyapi": _tabbyapi,
}
"""Adds what a server says of its models to what its list said, given a way to ask and what was known before."""

ONE_MODEL = frozenset({"llamacpp", "koboldcpp"})
"""Servers that answer with the one model they have, whatever name it is asked for."""
