"""Where local servers tell the window they really use, which is not the one the model was trained with. Pure.

Sources: llama.cpp's README (GET /props), Ollama's API (GET /api/ps), LM Studio's REST API (GET /api/v0/models), as
read for the translation reference, 3.8 to 3.10 and 3.16, 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..wire.shapes import count, items, mapping, text
from .model_lists import ModelFacts

Models = dict[str, ModelFacts]


class Place(NamedTuple):
    """Where one server tells it. path: below the server's root; windows: puts what it says into the models."""

    path: str
    windows: Callable[[Any, Models], Models]


def _llamacpp(answer: Any, models: Models) -> Models:
    """One loaded model; the window is that of one slot."""
    window = count(mapping(mapping(answer).get("default_generation_settings")).get("n_ctx"))
    vision = mapping(mapping(answer).get("modalities")).get("vision")
    seen = vision if isinstance(vision, bool) else None
    return {name: replace(model, window=window or model.window, vision=seen) for name, model in models.items()}


def _ollama(answer: Any, models: Models) -> Models:
    """The loaded models only: what is not loaded gets its window when it is."""
    loaded = {
        text(mapping(entry).get("name")): count(mapping(entry).get("context_length"))
        for entry in items(mapping(answer).get("models"))
    }
    return _with(loaded, models)


def _lmstudio(answer: Any, models: Models) -> Models:
    loaded = {
        text(mapping(entry).get("id")): count(mapping(entry).get("loaded_context_length"))
        for entry in items(mapping(answer).get("data"))
    }
    return _with(loaded, models)


def _with(windows: Mapping[str, int], models: Models) -> Models:
    return {name: replace(model, window=windows.get(name) or model.window) for name, model in models.items()}


WINDOWS: Mapping[str, Place] = {
    "llamacpp": Place("/props", _llamacpp),
    "ollama": Place("/api/ps", _ollama),
    "lmstudio": Place("/api/v0/models", _lmstudio),
}
