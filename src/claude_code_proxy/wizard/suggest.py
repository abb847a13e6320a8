"""Which models to suggest for the three tiers, and how a model is shown and found. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..backends.catalogue import ModelFacts
from .providers import Provider

_NO_CHAT = re.compile(
    r"embed|whisper|tts|dall-?e|moderation|rerank|transcri|realtime|audio|image|imagen|veo|sora|guard|ocr|speech|video"
    r"|lyria|aqa|babbage|davinci|bge-|clip|flux|stable-diffusion",
    re.IGNORECASE,
)
_GOOD_LOCALLY = re.compile(r"coder|devstral|gpt-oss|glm-|qwen3|kimi", re.IGNORECASE)
_VERSION = re.compile(r"\d+")
_LONG_NUMBER = 4  # digits: a date or a size, no version
_MILLION = 1_000_000
_THOUSAND = 1000


class Choice(NamedTuple):
    """A model for each tier."""

    big: str
    middle: str
    small: str


def chat_models(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    """Return the models that can hold a conversation, as far as their names tell; those that call tools first."""
    usable = [model for model in models if not _NO_CHAT.search(model.id)] or list(models)
    return sorted(usable, key=lambda model: (model.tools is False, model.id))


def suggest(models: Sequence[ModelFacts], provider: Provider | None) -> Choice | None:
    """Return a sensible model for each tier, None when there is none at all."""
    usable = [model for model in chat_models(models) if model.tools is not False] or chat_models(models)
    if not usable:
        return None
    ids = [model.id for model in usable]
    any_model = _one(usable)
    if provider is None:
        return Choice(any_model, any_model, any_model)
    big = _newest(provider.big, ids) or any_model
    middle = _newest(provider.middle, ids) or big
    return Choice(big, middle, _newest(provider.small, ids) or middle)


def matching(models: Sequence[ModelFacts], letters: str) -> list[ModelFacts]:
    """Return the models whose names have every typed word in them; a name that is typed whole comes first.

    Hyphens and the like count only where they are typed: `gptoss` is in `gpt-oss:20b`.
    """
    words = letters.lower().split()
    found = [model for model in models if all(_has(f"{model.id} {model.name}".lower(), word) for word in words)]
    return sorted(found, key=lambda model: model.id.lower() != letters.strip().lower())


def _has(name: str, word: str) -> bool:
    return word in name or (word.isalnum() and word in "".join(filter(str.isalnum, name)))


def described(model: ModelFacts) -> str:
    """Return what a list says of a model: window, tools, vision, dollars for a million tokens in and out."""
    price = model.price
    facts = [
        tokens(model.window) if model.window else "?",
        {True: "tools", False: "no tools", None: ""}[model.tools],
        "vision" if model.vision else "",
        f"${price.prompt * _MILLION:.4g} in ${price.output * _MILLION:.4g} out" if price else "",
    ]
    widths = (6, 8, 6, 0)
    return "  ".join(f"{fact:{width}}" for fact, width in zip(facts, widths, strict=True)).rstrip()


def tokens(count: int) -> str:
    """Return a number of tokens in few characters: 128k, 1M."""
    if count >= _MILLION:
        return f"{count / _MILLION:.3g}M"
    return f"{count // _THOUSAND}k" if count >= _THOUSAND else str(count)


def _newest(pattern: str, ids: Sequence[str]) -> str:
    found = [name for name in ids if pattern and re.fullmatch(pattern, name)]
    return max(found, key=lambda name: (_version(name), -len(name)), default="")


def _version(name: str) -> list[int]:
    return [int(digits) for digits in _VERSION.findall(name) if len(digits) < _LONG_NUMBER]


def _one(usable: Sequence[ModelFacts]) -> str:
    """One model for everything: a server that must load another for each request is slow."""
    return max(
        usable,
        key=lambda model: (model.tools is True, bool(_GOOD_LOCALLY.search(model.id)), bool(model.window), model.window),
    ).id
