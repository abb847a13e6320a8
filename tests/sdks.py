"""The official SDKs, loaded when a test first looks into one: every test process collects all tests and runs some."""

from __future__ import annotations

import importlib
from typing import Any


class _Later:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, wanted: str) -> Any:
        if wanted.startswith("_"):  # pytest asks whatever a module holds whether it is a fixture
            raise AttributeError(wanted)
        return getattr(importlib.import_module(self._name), wanted)


anthropic, anthropic_types, openai = _Later("anthropic"), _Later("anthropic.types"), _Later("openai")
