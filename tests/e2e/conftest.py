"""End-to-end: real clients, a real proxy process, a scripted or a real model behind it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e import installs
from tests.e2e.claude import Claude

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(HERE)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(params=["old", "new"])
def claude(request: pytest.FixtureRequest, tmp_path: Path) -> Claude:
    """Claude Code, the pinned npm release and the one bundled in the agent SDK."""
    binary = {"old": installs.old_claude, "new": installs.new_claude}[request.param]()
    return Claude(binary, tmp_path / "home", tmp_path / "work")
