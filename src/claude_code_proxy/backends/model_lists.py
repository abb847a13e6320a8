"""What servers say of their models, read: one record a model, whatever the list looks like. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..translate.dialect import EFFORTS, Dialect
from ..wire.shapes import count, items, mapping, text
from .prices import Price, read_price


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """What a list says of a model's thinking. All but efforts (empty) are None where it says nothing.

    known: it thinks at all; mandatory: always; default: unless told not to; budgets: it takes a number of tokens.
    """

    known: bool | None = None
    mandatory: bool | None = None
    default: bool | None = None
    budgets: bool | None = None
    efforts: tuple[str, ...] = ()


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model. window, max_output: tokens, 0 unknown; vision, tools: None unknown; price: what its tokens cost.

    loaded: the window is the one its server runs it with now. own_window: what a local server would run it with at
    most, as `own_window_set` by a person for it, else as it was trained. shipped: the month of the table that the
    window is from, "" where a backend told it; shipped_output: the output limit is from there.
    """

    id: str
    name: str = ""
    window: int = 0
    max_output: int = 0
    vision: bool | None = None
    tools: bool | None = None
    reasoning: Reasoning = Reasoning()
    created: int = 0
    price: Price | None = None
    loaded: bool = False
    own_window: int = 0
    own_window_set: bool = False
    shipped: str = ""
    shipped_output: bool = False


UNKNOWN = ModelFacts(id="")

_PARAMETERS = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})


def informed(dialect: Dialect, reasoning: Reasoning) -> Dialect:
    """Return what the backend speaks, given what its own list says of the model's thinking."""
    if reasoning.known is False:
        return dialect.but({"thinks": "never", "efforts": (), "thinking_on": {}, "thinking_off": {}, "budget_path": ()})
    fields: dict[str, Any] = {}
    if reasoning.default is not None:
        fields["thinks"] = "default" if reasoning.default else "asked"
    if reasoning.mandatory:
        fields["thinks"] = "always"
    if reasoning.efforts:
        fields["efforts"] = _ascending(reasoning, dialect)
    if reasoning.budgets is False:
        fields["budget_path"] = ()
    return dialect.but(fields)


def _ascending(reasoning: Reasoning, dialect: Dialect) -> tuple[str, ...]:
    """Return a list's words, ascending: it says how much a model can think, not whether it can be told not to."""
    words = set(reasoning.efforts) | ({"none"} & set(dialect.efforts))
    if reasoning.mandatory:
        words -= {"none"}
    known = [word for word in EFFORTS if word in words]
    return (*known, *(word for word in reasoning.efforts if word not in EFFORTS))


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
            mapping(entry.get("parameters")).get("max_seq_len"),  # TabbyAPI
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
        reasoning=_reasoning(entry),
        created=count(entry.get("created")),
        price=read_price(mapping(entry.get("pricing"))),
        loaded=mapping(entry.get("status")).get("value") == "loaded",  # llama.cpp's router
    )


def _reasoning(entry: Mapping[str, Any]) -> Reasoning:
    """OpenRouter tells all of it; Mistral and others only whether a model thinks."""
    told = mapping(entry.get("reasoning"))
    supported = {text(name) for name in items(entry.get("supported_parameters"))}
    said = Reasoning(
        mandatory=_flag(told.get("mandatory")),
        default=_flag(told.get("default_enabled")),
        budgets=_flag(told.get("supports_max_tokens")),
        efforts=tuple(filter(None, map(text, items(told.get("supported_efforts"))))),
    )
    if said != Reasoning():
        return msgspec.structs.replace(said, known=True)
    listed = not supported.isdisjoint(_PARAMETERS) if supported else None
    return Reasoning(known=_flag(mapping(entry.get("capabilities")).get("reasoning")) if listed is None else listed)


def _first(*values: object) -> int:
    return next((count(value) for value in values if count(value)), 0)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
