"""The models of a local server that answers nothing, or none, for its list: read from places that only its kind has.

Pure but for what it is given to ask with. Sources: Ollama's API (GET /api/tags, GET /api/ps), LM Studio's REST API
(GET /api/v0/models), llama.cpp's README (GET /props: model_alias, model_path), SGLang (GET /get_server_info:
served_model_name, model_path), KoboldCpp (GET /api/v1/model), TabbyAPI (GET /v1/model), as read for the translation
reference, 3.8 to 3.16, 2026-11-22; the last two [K].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ..wire.shapes import mapping, text
from .local_windows import Ask, Models
from .model_lists import ModelFacts, read_models

Wanted = Iterable[str]
"""Names that requests ask for."""


async def _ollama(ask: Ask, wanted: Wanted) -> Models:
    """Its own list, else what is loaded and what requests ask for: each of them has a record of its own."""
    listed = read_models(await ask("/api/tags"))
    return _by_id(listed) or _by_id(read_models(await ask("/api/ps"))) | {name: ModelFacts(id=name) for name in wanted}


async def _lmstudio(ask: Ask, _wanted: Wanted) -> Models:
    return _by_id(read_models(await ask("/api/v0/models")))


async def _llamacpp(ask: Ask, _wanted: Wanted) -> Models:
    props = mapping(await ask("/props"))
    is_one = props.get("role") != "router" and "default_generation_settings" in props
    return _one(props, "model_alias", "model_path", other="model") if is_one else {}


async def _sglang(ask: Ask, _wanted: Wanted) -> Models:
    return _one(mapping(await ask("/get_server_info")), "served_model_name", "model_path")


async def _koboldcpp(ask: Ask, _wanted: Wanted) -> Models:
    return _one(mapping(await ask("/api/v1/model")), "result")


async def _tabbyapi(ask: Ask, _wanted: Wanted) -> Models:
    return _one(mapping(await ask("/v1/model")), "id")


def _by_id(models: Iterable[ModelFacts]) -> Models:
    return {model.id: model for model in models}


def _one(answer: Mapping[str, Any], *fields: str, other: str = "") -> Models:
    """Return the one model a server has, under the first name it tells; a file's is without its folders."""
    told = next(filter(None, (text(answer.get(field)) for field in fields)), other)
    name = told.replace("\\", "/").rpartition("/")[2] if told.lower().endswith(".gguf") else told
    return {name: ModelFacts(id=name)} if name else {}


OWN_LISTS: Mapping[str, Callable[[Ask, Wanted], Awaitable[Models]]] = {
    "ollama": _ollama,
    "lmstudio": _lmstudio,
    "llamacpp": _llamacpp,
    "sglang": _sglang,
    "koboldcpp": _koboldcpp,
    "tabbyapi": _tabbyapi,
}
"""Ways to the models of a server, by its program's name."""
