"""Where the proxy keeps what outlives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_dir(environ: Mapping[str, str]) -> Path | None:
    """Return the directory for what the proxy keeps between runs (XDG base directory specification); None: no home."""
    base, home = Path(environ.get("XDG_STATE_HOME", "")), environ.get("HOME", "")
    if not base.is_absolute():
        try:
            base = (Path(home) if home else Path.home()) / ".local" / "state"
        except RuntimeError:
            return None
    return base / "claude-code-proxy"
