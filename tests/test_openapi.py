"""docs/openapi.json describes what is served; `make fuzz` tries it."""

from __future__ import annotations

import json
from pathlib import Path

from claude_code_proxy.errors import TYPE_OF_STATUS
from claude_code_proxy.server import ROUTES

DESCRIPTION = json.loads((Path(__file__).parents[1] / "docs/openapi.json").read_text())


def test_every_endpoint_is_described_with_its_methods() -> None:
    described = {path: {method.upper() for method in methods} for path, methods in DESCRIPTION["paths"].items()}
    assert described.pop("/v1/models/{id}") == {"GET"}
    assert described == {path: set(methods) for path, methods in ROUTES.items() if path in described}
    assert {path for path in ROUTES if path.startswith("/v1")} <= set(described)


def test_every_type_of_error_is_described() -> None:
    types = DESCRIPTION["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["enum"]
    assert set(TYPE_OF_STATUS.values()) == set(types)


def test_every_way_to_ask_for_a_part_of_the_models_is_described() -> None:
    described = {parameter["name"] for parameter in DESCRIPTION["paths"]["/v1/models"]["get"]["parameters"]}
    assert described == {"limit", "after_id", "before_id", "lifecycle[]"}
