"""The tables of docs/dialects.md: each record as what it says other than OpenAI's defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from ..translate.dialect import Dialect
from . import FAMILIES, HABITS, ROWS, Row

_DEFAULTS = Dialect(name="")
_WHEN = {
    "never": "never",
    "asked": "when asked to",
    "default": "unless told not to",
    "always": "whatever they are told",
}
_MANY = 8  # members of a set that are shown; more are counted


def docs_tables() -> str:
    """Return the tables as Markdown: backends, models that differ from their backend, and which models think."""
    return "\n".join([*_backends(), "", *_models(), "", *_habits()])


def _backends() -> Iterator[str]:
    yield "| dialect | recognised by | differs from OpenAI's defaults in | read in |"
    yield "| --- | --- | --- | --- |"
    for row in ROWS:
        said = {field.name: getattr(row.dialect, field.name) for field in fields(Dialect)}
        differs = {name: value for name, value in said.items() if value != getattr(_DEFAULTS, name)}
        source = differs.pop("source", "")
        del differs["name"]
        yield _line(f"`{row.dialect.name}`", _where(row), _said(differs), str(source))


def _models() -> Iterator[str]:
    yield "| models (a regular expression) | at | differ from their backend in | read in |"
    yield "| --- | --- | --- | --- |"
    places: dict[tuple[str, str, str], list[str]] = {}
    for row in ROWS:
        for models in row.models:
            key = (f"`{models.pattern}`", _said(models.fields), models.source)
            places.setdefault(key, []).append(_place(row))
    for (pattern, said, source), at in places.items():
        yield _line(pattern, ", ".join(at), said, source)


def _habits() -> Iterator[str]:
    yield "| models (a regular expression) | think | read in |"
    yield "| --- | --- | --- |"
    for models in HABITS:
        opened = "; the prompt opens the tag" if models.fields.get("think_opened") else ""
        yield _line(f"`{models.pattern}`", _WHEN[models.fields["thinks"]] + opened, models.source)


def _place(row: Row) -> str:
    return "gateways" if row.models is FAMILIES else f"`{row.dialect.name}`"


def _where(row: Row) -> str:
    places = [f"`{host}`" for host in row.hosts] + [f"port {port} of this machine" for port in row.ports]
    return ", ".join(places) or (
        "everything else" if row.dialect.name == "generic" else "what the server says of itself"
    )


def _said(differs: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_value(value)}" for name, value in differs.items()) or "nothing"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset) and len(value) > _MANY:
        return f"{len(value)} of them"
    if isinstance(value, Mapping):
        return f"`{json.dumps(value, default=_plain)}`" if value else "–"  # noqa: RUF001
    return f"`{', '.join(map(str, _plain(value)))}`" if _plain(value) else "–"  # noqa: RUF001


def _plain(value: Any) -> list[Any]:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else [value] if value != "" else []


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
