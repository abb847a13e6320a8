"""The questions in their order, or, with --yes, the answers that suit most."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from ..backends.catalogue import ModelFacts
from ..doctor.windows import is_narrow, narrow_window
from ..endpoint import read_base_url
from ..local_servers import find_servers
from ..models import near_names
from ..settings import quoted
from .file import Plan
from .probing import Listing, Trial, list_models, try_models
from .prompts import ask, ask_secret, choose, say
from .providers import PROVIDERS, Source, found_sources, url_of
from .suggest import Choice, chat_models, described, matching, suggest

_TIERS = (
    ("big", "opus, for the hard work"),
    ("middle", "sonnet, for most of the work"),
    ("small", "haiku, for short errands"),
)


class StoppedError(Exception):
    """There is nothing to write; the text says why, and what to do."""


def decide(environ: Mapping[str, str]) -> Plan:
    """Decide without asking: the first backend found whose models answer. StoppedError when there is none."""
    sources = found_sources(environ, find_servers())
    if not sources:
        names = ", ".join(provider.variables[0] for provider in PROVIDERS[:7])
        raise StoppedError(
            f"No backend was found. Set a provider's key ({names}), or start a local server (Ollama, LM Studio, "
            "llama.cpp, vLLM), and try again."
        )
    troubles = []
    for source in sources:
        say(f"{source.title} ({source.note})")
        listing = asyncio.run(list_models(source))
        choice = suggest(listing.models, source.provider)
        if choice is None:
            troubles.append(f"{source.title}: {listing.trouble or 'it lists no models.'}")
            continue
        trials = _try(listing.source, choice)
        failed = [
            f"{source.title}: {trial.model}: {trial.trouble}" for trial in trials if trial.trouble and not trial.late
        ]
        if not failed:
            return _plan(listing, choice, sources)
        troubles += failed
    raise StoppedError("\n".join(troubles))


def interview(environ: Mapping[str, str]) -> Plan:
    """Ask a person. EOFError, KeyboardInterrupt: they want to stop."""
    sources = found_sources(environ, find_servers())
    while True:
        listing = _listing(_source(sources, environ), environ)
        if listing is None:
            continue
        choice = _models(listing)
        say("", "Trying them ...")
        trials = _try(listing.source, choice)
        if not [trial for trial in trials if trial.trouble] or _wants("Keep this choice all the same?"):
            return _plan(listing, choice, sources)


def _plan(listing: Listing, choice: Choice, sources: Sequence[Source]) -> Plan:
    facts = {model.id: model for model in listing.models if model.id in choice}
    windows = {name: model.window for name, model in facts.items() if is_narrow(model.window, compressed=False)}
    if windows:
        say(f"  ! {narrow_window(windows, compressed=False)}")
    others = [source for source in sources if source.name != listing.source.name]
    return Plan(source=listing.source, choice=choice, facts=facts, others=others)


def _source(sources: Sequence[Source], environ: Mapping[str, str]) -> Source:
    known = [*sources, *_without_key(sources, environ)]
    title = "Which backend? A number, some letters of the name, or the URL of another one"
    while True:
        chosen = choose(
            f"{title} (Enter: {known[0].title})",
            known,
            lambda source: f"{source.title:18}{source.note}",
            found=lambda typed: [source for source in known if typed.lower() in source.title.lower()],
            default=known[0],
        )
        if isinstance(chosen, Source):
            return chosen
        try:
            url, _ = read_base_url(chosen)
        except ValueError as error:
            say(f"{quoted(chosen)} is no backend in the list, and no URL: it takes {error}")
            continue
        return Source(_name_of(url), url, url)


def _without_key(sources: Sequence[Source], environ: Mapping[str, str]) -> list[Source]:
    there = {source.name for source in sources}
    return [
        Source(provider.name, provider.title, url_of(provider, environ), note="asks for a key", provider=provider)
        for provider in PROVIDERS
        if provider.name not in there
    ]


def _name_of(url: str) -> str:
    """A name for a backend known by its URL only: the part of its host that says most."""
    host = re.sub(r"^https?://|[:/].*$", "", url)
    words = [word for word in host.split(".") if word not in ("api", "www", "com", "ai", "net", "org", "io")]
    name = re.sub(r"[^a-z0-9-]", "", words[0].lower()) if words and not host[0].isdigit() else ""
    return name if name and name != "localhost" else "local"


def _listing(source: Source, environ: Mapping[str, str]) -> Listing | None:
    """The backend with its models; None when another one is to be chosen."""
    if not source.is_found:
        typed = ask_secret(f"Key for {source.title} (not shown; Enter for none): ")
        if typed in environ:
            say("That is the name of a variable; its value is used.")
            source = source._replace(variable=typed, key=environ[typed])
        else:
            source = source._replace(key=typed or "local")
    say("", f"Asking {source.base_url} ...")
    listing = asyncio.run(list_models(source))
    if listing.models:
        if listing.source.base_url != source.base_url:
            say(f"The base URL is {listing.source.base_url}.")
        return listing
    say(listing.trouble)
    return None if listing.refused or not _wants("Name the models yourself?") else listing


def _models(listing: Listing) -> Choice:
    models = chat_models(listing.models)
    suggested = suggest(listing.models, listing.source.provider)
    say("", f"{listing.source.title} has {len(models)} model{'s' * (len(models) != 1)}.")
    chosen: list[str] = []
    for tier, title in _TIERS:
        default = str(getattr(suggested, tier)) if suggested else chosen[-1] if chosen else ""
        if suggested and chosen and listing.source.provider is None:
            default = chosen[0]
        chosen.append(_model(models, title, default, {default, *chosen, *(suggested or ())}))
    return Choice(*chosen)


def _model(models: Sequence[ModelFacts], title: str, default: str, likely: set[str]) -> str:
    """Ask for one model; the default stands first, then what is likely, then the rest."""
    rows = sorted(models, key=lambda model: (model.id != default, model.id not in likely))
    while True:
        picked: ModelFacts | str = choose(
            f"Model for {title}: Enter for {default or 'none'}, a number, or letters to search",
            rows,
            lambda model: f"{model.id:44} {described(model)}",
            found=lambda typed: matching(models, typed),
            default=default,
        )
        name = picked if isinstance(picked, str) else picked.id
        if name and (not isinstance(picked, str) or name == default or not models):
            return name
        near = near_names(name, [model.id for model in models])
        hint = f"; {' and '.join(near)} {'is' if len(near) == 1 else 'are'} near" if near else ""
        if name and _wants(f"No model has {name!r} in its name{hint}. Use it as a name all the same?"):
            return name


def _try(source: Source, choice: Choice) -> list[Trial]:
    trials = asyncio.run(try_models(source, list(dict.fromkeys(choice))))
    for trial in trials:
        if trial.trouble:
            say(f"  {'!' if trial.late else '✗'} {trial.model}: {trial.trouble}")
        elif trial.calls_tools:
            say(f"  ✓ {trial.model} answers in {trial.seconds:.1f} s and calls tools")
        else:
            say(f"  ! {trial.model} answers in {trial.seconds:.1f} s, but called no tool: Claude Code needs them")
    return trials


def _wants(question: str) -> bool:
    return ask(f"{question} [y/N] ").lower() in {"y", "yes"}
