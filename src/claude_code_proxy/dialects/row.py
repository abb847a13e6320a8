"""What a file of facts says of a backend: how it is recognised, and which of its models differ from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..translate.dialect import Dialect


@dataclass(frozen=True)
class Models:
    """Models that differ from the record they stand under.

    pattern: a regular expression, found at the beginning of a word of the model's name in lower case, so that
    `deepseek` is found in `deepseek-ai/DeepSeek-V4-Flash` and in `accounts/x/models/deepseek-v4`; fields: of `Dialect`,
    as `Dialect.but` takes them; source: where that was read, and when.
    """

    pattern: str
    fields: Mapping[str, Any]
    source: str = ""

    @cached_property
    def _found(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![a-z0-9])(?:{self.pattern})")

    def fit(self, model: str) -> bool:
        """Tell whether a model is one of these."""
        return self._found.search(model.lower()) is not None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One backend. The first of `models` that fits decides.

    hosts: the base URL's host, or what it ends with behind a dot; ports: usual ones on this machine, a weak hint.
    """

    dialect: Dialect
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    models: tuple[Models, ...] = ()

    def at(self, host: str) -> bool:
        """Tell whether the backend is at a host."""
        bare = host.rstrip(".")  # a full name ends with a dot (RFC 1034, 3.1)
        return any(bare == known or bare.endswith("." + known) for known in self.hosts)

    def for_model(self, model: str, habits: tuple[Models, ...] = ()) -> Dialect:
        """Return what the backend speaks for a model. habits: of models, where the row says nothing else."""
        found = [models.fields for models in (_first(habits, model), _first(self.models, model)) if models]
        return self.dialect.but({name: value for fields in found for name, value in fields.items()})


def _first(rows: tuple[Models, ...], model: str) -> Models | None:
    return next((models for models in rows if models.fit(model)), None)
