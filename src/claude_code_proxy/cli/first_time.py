"""Whether a person has yet to say which backend to use; light, since every start asks it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..setting_layers import gather, settings_folder

_BACKEND = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DEFAULT_BACKEND", "CONFIG_PROFILE")


def on_terminal() -> bool:
    """Tell whether a person sits there."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_unconfigured() -> bool:
    """Tell whether no source names a backend or a key."""
    layers = gather(os.environ, settings_folder(os.environ, Path.cwd()), {})
    return not (layers.problems or layers.backends or any(layers.find(name) for name in _BACKEND))


def set_up_first(*, yes: bool = False) -> int | None:
    """Set up when nothing is configured and somebody is there to ask, or `yes` says not to.

    Returns None when there was no need, 0 when a configuration was written, else the exit code.
    """
    if not ((yes or on_terminal()) and is_unconfigured()):
        return None
    from .setup import setup  # noqa: PLC0415 - once in a program's life

    sys.stderr.write("Nothing is configured yet.\n")
    return setup(yes=yes, file="")
