"""What servers say of their models, read: one record a model, whatever the list looks like. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.shapes import count, items, mapping, text
from .prices import Price, read_price


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model. window, max_output: tokens, 0 unknown; vision, tools: None unknown; efforts: empty unknown.

    price: what its tokens cost.
    """

    id: str
    name: str = ""
    window: int = 0
    max_output: int = 0
    vision: bool | None = None
    tools: bool | None = None
    efforts: tuple[str, ...] = ()
    created: int = 0
    price: Price | None = None


UNKNOWN = ModelFacts(id="")


def read_models(answer: object) -> list[ModelFacts]:
    """Return the models in a list: OpenAI's shape, with what OpenRouter, Groq, Mistral, vLLM and llama.cpp add."""
    listed = items(mapping(answer).get("data")) or items(mapping(answer).get("models")) or items(answer)
    return [_model(mapping(entry)) for entry in listed if _id(mapping(entry))]


def _id(entry: Mapping[str, Any]) -> str:
    """The name to ask for: OpenAI's field, else the one of Ollama's and Gemini's own lists; Gemini's need no prefix."""
    return (text(entry.get("id")) or text(entry.get("model")) or text(entry.get("name"))).removeprefix("models/")


def _model(entry: Mapping[str, Any]) -> ModelFacts:
    provider = mapping(entry.get("top_provider"))
    meta = mapping(entry.get("meta"))
    modalities = items(mapping(entry.get("architecture")).get("input_modalities"))
    capable = mapping(entry.get("capabilities"))
    supported = items(entry.get("supported_parameters"))
    return ModelFacts(
        id=_id(entry),
        name=text(entry.get("name")) or text(entry.get("display_name")),
        window=_first(
            provider.get("context_length"),
            entry.get("context_length"),  # OpenRouter, Together
            entry.get("context_window"),  # Groq
            entry.get("max_context_length"),  # Mistral, LM Studio
            entry.get("max_model_len"),  # vLLM
            meta.get("n_ctx"),  # llama.cpp
            entry.get("inputTokenLimit"),
        ),
        max_output=_first(
            provider.get("max_completion_tokens"),
            entry.get("max_completion_tokens"),
            entry.get("max_output_tokens"),
            entry.get("outputTokenLimit"),
        ),
        vision=("image" in modalities) if modalities else _flag(capable.get("vision")),
        tools=("tools" in supported) if supported else _flag(capable.get("function_calling")),
        efforts=tuple(
            text(effort) for effort in items(mapping(entry.get("reasoning")).get("supported_efforts")) if text(effort)
        ),
        created=count(entry.get("created")),
        price=read_price(mapping(entry.get("pricing"))),
    )


def _first(*values: object) -> int:
    return next((count(value) for value in values if count(value)), 0)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
