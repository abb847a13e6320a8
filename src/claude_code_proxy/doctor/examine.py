"""The whole examination, line by line as it is found."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from ..backends.learned import Learned
from ..config import Config
from ..state import state_dir
from .backends import Model, Visit, chain_models, learned_lines
from .environment import environment_lines
from .inside import Inside, inside
from .probes import score_card
from .report import Group, Line, harmless
from .settings import Settings, settings_lines

Findings = AsyncGenerator[Line, None]

_NO_SECRETS = ("HTTP-Referer", "X-Title")  # they name this program to OpenRouter
_RETRIES = 1  # at most: a doctor who waits long is no help


async def examine(environ: Mapping[str, str], cwd: Path, settings: Settings, *, deep: bool) -> Findings:
    """Yield every finding, fit to be shown. settings: as read from the same environment and folder."""
    config = settings.config
    secrets = _secrets(config)
    for line in (*environment_lines(environ, cwd, config), *settings_lines(settings)):
        yield harmless(line, secrets)
    if config is not None:
        state = state_dir(environ)
        path = state and state / "learned.json"
        async for line in _asked(config, Learned(path), path, deep=deep):
            yield harmless(line, secrets)


async def _asked(config: Config, learned: Learned, path: Path | None, *, deep: bool) -> Findings:
    """Everything that needs a backend."""
    models = chain_models(config)
    async with inside(replace(config, max_retries=min(config.max_retries, _RETRIES)), learned) as proxy:
        there: list[Model] = []
        for backend in config.backends.values():
            visit = Visit(proxy, backend, models)
            async for line in visit.lines():
                yield line
            there += visit.there
        for model in there if deep else ():
            async for line in _deep(proxy, model):
                yield line
    yield _memory(learned, path)


async def _deep(proxy: Inside, model: Model) -> Findings:
    known = proxy.services.learned.facts(model.backend, model.name)
    async for line in score_card(proxy, model):
        yield line
    if proxy.services.learned.facts(model.backend, model.name) != known:
        for line in learned_lines(Group(f"Learned of {model.title}"), proxy, model):
            yield line


def _memory(learned: Learned, path: Path | None) -> Line:
    """What was learned is worth nothing when it is lost with the process."""
    group, name = Group("Memory"), "memory.file"
    if path is None:
        return group.warning(name, "what is learned is lost at the end: there is no home folder", "Set XDG_STATE_HOME")
    file = Learned(path)
    kept = file.all()
    if file.is_newer:
        words = f"{path} was written by a newer version: it is read, and nothing is added to it"
        return group.warning(name, words, "Update this version, or delete the file")
    if not _is_writable(path) or any(kept.get(key) != facts for key, facts in learned.all().items()):
        return group.warning(name, f"what was learned can't be kept in {path}", "Make it writable")
    return group.ok(
        name, f"what is learned is kept in {path} ({len(kept)} model{'s' * (len(kept) != 1)}); delete it to forget"
    )


def _is_writable(path: Path) -> bool:
    """Tell whether a file can be made, or written again, where it belongs."""
    folder = next(folder for folder in path.parents if folder.exists())
    return folder.is_dir() and os.access(folder, os.W_OK)


def _secrets(config: Config | None) -> Iterable[str]:
    if config is None:
        return ()
    backends = config.backends.values()
    public = {backend.headers.get(name, "") for backend in backends for name in _NO_SECRETS}
    return [config.client_key, *(text for backend in backends for text in backend.secrets if text not in public)]
