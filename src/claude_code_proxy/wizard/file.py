"""The configuration file: its text, and its place, where it is written whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ..backends.catalogue import ModelFacts
from ..setting_layers import TOML_OF_USER, config_folder
from .providers import Source
from .suggest import Choice, described


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided. facts: of the chosen models, by name; others: backends that were found as well."""

    source: Source
    choice: Choice
    facts: Mapping[str, ModelFacts] = {}
    others: Sequence[Source] = ()


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where the person's own configuration belongs; the reading of settings looks there."""
    return config_folder(environ) / TOML_OF_USER


def model_name(plan: Plan, model: str) -> str:
    """Return a model's name for the file: with the backend's before it, where it would be taken for one."""
    return f"{plan.source.name}/{model}" if model.partition("/")[0] == plan.source.name else model


def text(plan: Plan, today: str) -> str:
    """Return the file's text."""
    tiers = (
        ("big_model", "opus", plan.choice.big),
        ("middle_model", "sonnet", plan.choice.middle),
        ("small_model", "haiku", plan.choice.small),
    )
    lines = [
        f"# Written by `claude-code-proxy setup` on {today}. docs/settings.md has every setting;",
        "# `claude-code-proxy config show` says which are in force. The environment wins over this file.",
        "",
        f"default_backend = {_quoted(plan.source.name)}",
        "",
        "# What the families of Claude's models stand for.",
        *(
            f"{name} = {_quoted(model_name(plan, model))}{_remark(plan, family, model)}"
            for name, family, model in tiers
        ),
        *_window(plan),
        "",
        *_table(plan.source),
        *_others(plan),
    ]
    return "\n".join(lines) + "\n"


def write(path: Path, content: str) -> Path | None:
    """Write the file, readable by its owner only; returns where the one that was there went, None for none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".config-")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        kept = _beside(path) if path.exists() else None
        if kept:
            path.replace(kept)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return kept


def _beside(path: Path) -> Path:
    """Return a name that nothing has yet: what a person wrote is never lost to what was kept before."""
    names = (path.with_suffix(f".toml.bak{number or ''}") for number in itertools.count())
    return next(name for name in names if not name.exists())


def _quoted(value: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's, but for the one of DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _remark(plan: Plan, family: str, model: str) -> str:
    facts = plan.facts.get(model)
    said = " ".join(described(facts).split()) if facts else ""
    return f"  # {family}" + (f": {said}" if said not in ("", "?") else "")


def _window(plan: Plan) -> list[str]:
    if all(plan.facts.get(model) and plan.facts[model].window for model in plan.choice):
        return []
    return ["# model_window = 131072  # tokens: the backend does not say how many its models take"]


def _table(source: Source) -> list[str]:
    if source.variable:
        key = [f'key_env = {_quoted(source.variable)}  # the variable that holds the key; or key = "..." in its place']
    else:
        key = [f"key = {_quoted(source.key)}"]
    return [f"[backends.{source.name}]", f"base_url = {_quoted(source.base_url)}", *key]


def _others(plan: Plan) -> list[str]:
    if not plan.others:
        return []
    tables = [line for source in plan.others for line in ("", *_table(source))]
    return ["", "# Found as well; NAME/MODEL or default_backend uses them.", *(f"# {line}".rstrip() for line in tables)]
