"""Which backend and model serve the name a client asked for. Pure; for people: docs/settings.md, "Model names".

A name is matched in this order, and the first rule that fits decides:

1. a name in a backend's `models` list goes to that backend;
2. an id of the `/model` picker (`alias_for`) goes where the model it stands for goes by 1, 4 and 7;
3. a trailing `[1m]`, Claude Code's mark for a window of a million tokens, is taken off and kept as a hint;
4. `backend/model`, when the part before the first slash names a configured backend, goes there;
5. a name other providers are known for (a slash in it, `gpt-`, ...) goes to the default backend unchanged;
6. a name containing opus, sonnet or haiku goes to its tier, any other Claude name to the big one;
7. whatever is left goes to the default backend unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .endpoint import Backend

if TYPE_CHECKING:
    from .config import Config

KNOWN_PREFIXES = (
    "gpt-",
    "o1-",
    "o3-",
    "o4-",
    "grok-",
    "xai-",
    "deepseek-",
    "gemini-",
    "mistral-",
    "llama-",
    "qwen-",
    "ep-",
    "doubao-",
)
"""How names of other providers begin, in any case."""

FAMILIES = ("opus", "sonnet", "haiku")
"""The families of Claude's models, from the big tier to the small one."""

_TIER_OF_WORD = {"opus": "big", "sonnet": "middle", "haiku": "small", "claude": "big", "fable": "big", "mythos": "big"}
"""The first word found in a name decides, so that any word wins over `claude`."""

_WIDE = "[1m]"
_WIDE_WINDOW = 1_000_000
_ALIAS = "claude-proxy/"


class Route(msgspec.Struct, frozen=True):
    """Where a request goes.

    tier: big, middle or small, "" for a name that was passed on; hint_window: tokens the window has by the name's
    `[1m]`, 0 without one; tier_of_model: the tier, also of a name that was passed on, where only one has that model.
    """

    backend: Backend
    model: str
    tier: str = ""
    hint_window: int = 0
    tier_of_model: str = ""


def resolve(name: str, config: Config) -> Route:
    """Return the route of a model name; every text has one."""
    if _lister(name, config):
        return Route(*_place(name, config))
    bare, hint = _unmarked(name)
    model = model_of(bare)
    tier = "" if model else _tier(bare, config)
    if tier:
        model, hint_of_tier = _unmarked(str(getattr(config, f"{tier}_model")))
        return Route(*_place(model, config), tier, hint or hint_of_tier)
    return Route(*_place(model or bare, config), "", hint)


def chain(name: str, config: Config) -> tuple[Route, ...]:
    """Return the route of a model name and, behind it, those of the models that stand in for it, in order."""
    first = resolve(name, config)
    first = msgspec.structs.replace(first, tier_of_model=first.tier or _only_tier(first, config))
    others = [_unmarked(model) for model in config.stand_ins.get(first.tier, ())]
    tier = first.tier
    return first, *(Route(*_place(model, config), tier, first.hint_window or hint, tier) for model, hint in others)


def _only_tier(route: Route, config: Config) -> str:
    """The tier whose model this is: Claude Code, told the models' names by `run`, asks for them and not for a tier."""
    tiers = [
        other.tier
        for other in tier_routes(config).values()
        if (other.backend, other.model) == (route.backend, route.model)
    ]
    return tiers[0] if len(tiers) == 1 else ""


def alias_for(model: str, backend: str = "") -> str:
    """Return the id under which the `/model` picker offers a model; `resolve` takes it back to exactly that model.

    Claude Code shows only ids that begin with claude or anthropic, so a prefix is put on: `claude-proxy/gpt-5.4`.
    backend: names the backend where several are configured (`claude-proxy/ollama/qwen3:8b`).
    """
    return f"{_ALIAS}{backend}/{model}" if backend else f"{_ALIAS}{model}"


def model_of(alias: str) -> str:
    """Return what an id from `alias_for` stands for: `model` or `backend/model`; "" for any other name."""
    return alias[len(_ALIAS) :] if alias[: len(_ALIAS)].lower() == _ALIAS else ""


def tier_routes(config: Config) -> dict[str, Route]:
    """Return where each family of Claude's models goes."""
    return {family: resolve(f"claude-{family}", config) for family in FAMILIES}


def tier_names(config: Config) -> dict[str, str]:
    """Return what a client asks for to get each family's model: the model's own name, which has no stand-ins.

    Where there are some it is a name of the tier that says which model is meant, such as `opus:gpt-5.4`.
    """
    names = {}
    for family, route in tier_routes(config).items():
        named = f"{family}:{route.model.rpartition('/')[2]}"
        if not config.stand_ins.get(route.tier):
            named = name_for(route, config)
        elif resolve(named, config).tier != route.tier:
            named = f"claude-{family}"
        names[family] = named
    return names


def name_for(route: Route, config: Config) -> str:
    """Return the name a client asks for to get exactly this model: its own where that is enough, else the picker's."""
    own = f"{route.backend.name}/{route.model}" if len(config.backends) > 1 else route.model
    found = resolve(own, config)
    return own if (found.backend.name, found.model) == (route.backend.name, route.model) else alias_for(own)


def _place(model: str, config: Config) -> tuple[Backend, str]:
    """The backend of a model that is named as backends name it, and the name without the backend's."""
    lister = _lister(model, config)
    prefix, _, rest = model.partition("/")
    if not lister and rest and prefix in config.backends:
        return config.backends[prefix], rest
    return lister or config.default_backend, model


def _lister(model: str, config: Config) -> Backend | None:
    return next((backend for backend in config.backends.values() if model in backend.models), None)


def _tier(name: str, config: Config) -> str:
    """The tier of a name, "" for one to pass on.

    A name that is neither Claude's nor known (`my-local-model`) is passed on: whoever typed it wants that model, and
    the backend's "no such model" is a better answer than another model's work under its name.
    """
    lowered = name.lower()
    if "/" in name or lowered.startswith(KNOWN_PREFIXES) or _lister(name, config):
        return ""
    found = next((tier for word, tier in _TIER_OF_WORD.items() if word in lowered), "")
    return found or ("" if name.strip() else "big")


def is_known_elsewhere(name: str) -> bool:
    """Tell whether a name is one that providers have, by its maker before a slash or by how it begins."""
    return ("/" in name and not model_of(name)) or name.lower().startswith(KNOWN_PREFIXES)


def _unmarked(name: str) -> tuple[str, int]:
    if name[-len(_WIDE) :].lower() == _WIDE:
        return name[: -len(_WIDE)].rstrip(), _WIDE_WINDOW
    return name, 0
