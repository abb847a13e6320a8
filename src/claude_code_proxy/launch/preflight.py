"""Before a client starts: do the backends answer, is the key taken, are the models there, how large are they."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..backends.learned import Learned
from ..config import Config
from ..doctor.backends import Model, models_status, tier_models
from ..doctor.faults import told
from ..doctor.inside import Inside, inside
from ..doctor.windows import is_narrow, narrow_window
from ..models import near_names
from ..prepare import window_of
from ..routing import tier_names, tier_routes
from .environment import Tier

_GOOD = 200
_PROBE = {"max_tokens": 16, "messages": [{"role": "user", "content": "Say hello."}]}
_RETRIES = 1


class Outlook(msgspec.Struct, frozen=True):
    """What was found. problems: reasons not to start, each with its remedy; warnings: what may go wrong."""

    tiers: tuple[Tier, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def look_ahead(config: Config, learned: Learned) -> Outlook:
    """Ask every backend that a tier uses. A model is only called where the list of models says too little."""
    problems: list[str] = []
    warnings: list[str] = []
    models = tier_models(config)
    async with inside(msgspec.structs.replace(config, max_retries=min(config.max_retries, _RETRIES)), learned) as proxy:
        for backend in {model.backend.name: model.backend for model in models}.values():
            status = await models_status(proxy, backend)
            own = [model for model in models if model.backend.name == backend.name]
            if status == _GOOD:
                warnings += _unlisted(proxy, own)
            else:
                await _call(proxy, own[-1], problems, warnings)
        tiers = () if problems else await _tiers(proxy, config)
    warnings += _narrow(tiers, config)
    return Outlook(tiers, tuple(problems), tuple(warnings))


def _narrow(tiers: Sequence[Tier], config: Config) -> list[str]:
    """A sentence where a model's window has no room for Claude Code to work."""
    compressed = config.prompt_compression != "none"
    small = {tier.shown: tier.window for tier in tiers if is_narrow(tier.window, compressed=compressed)}
    return [narrow_window(small, compressed=compressed)] if small else []


async def _call(proxy: Inside, model: Model, problems: list[str], warnings: list[str]) -> None:
    """Make one tiny call: its failure says more than that of a list which not every backend has."""
    reply = await proxy.ask({"model": model.asked, **_PROBE})
    if not reply.failed:
        return
    words, remedy = told(reply, model.backend, model.settings[0])
    if words[-1] not in ".!?":
        words += "."
    (warnings if reply.late else problems).append(f"{words} {remedy}.")


def _unlisted(proxy: Inside, models: Sequence[Model]) -> list[str]:
    catalogue = proxy.services.catalogue
    listed = [facts.id for owner, facts in catalogue.all() if owner == models[0].backend.name]
    return [
        f"Backend {model.backend.name} does not list {model.name} ({', '.join(model.settings)})"
        f"{_near(model.name, listed)}"
        for model in models
        if listed and not model.backend.azure_api_version and not catalogue.facts(model.backend, model.name).id
    ]


def _near(name: str, listed: list[str]) -> str:
    near = near_names(name, listed)
    return f"; near names it has: {', '.join(near)}" if near else f"; it lists {', '.join(sorted(listed)[:3])}"


async def _tiers(proxy: Inside, config: Config) -> tuple[Tier, ...]:
    tiers = []
    routes = tier_routes(config)
    for family, name in tier_names(config).items():
        route = routes[family]
        shown = ", then ".join((route.model, *config.stand_ins.get(route.tier, ())))
        tiers.append(Tier(family, name, shown, window_of(proxy.services, name)))
    return tuple(tiers)
