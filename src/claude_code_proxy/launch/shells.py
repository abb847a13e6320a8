"""Variables in the language of a shell, quoted so that no value can be anything but a value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple


class Shell(NamedTuple):
    """How a shell sets and removes a variable. use: the line that takes our output."""

    set: Callable[[str, str], str]
    unset: Callable[[str], str]
    use: str


def posix(value: str) -> str:
    """Return a value as one word of bash, zsh or sh."""
    return "'" + value.replace("'", "'\\''") + "'"


def _fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _pwsh(value: str) -> str:
    """PowerShell takes typographic apostrophes for quotes too."""
    return "'" + "".join(c * 2 if c in "'\u2018\u2019\u201a\u201b" else c for c in value) + "'"


_POSIX = Shell(
    lambda name, value: f"export {name}={posix(value)}",
    lambda name: f"unset {name}",
    'eval "$(claude-code-proxy env)"',
)
SHELLS: Mapping[str, Shell] = {
    "bash": _POSIX,
    "zsh": _POSIX,
    "fish": Shell(
        lambda name, value: f"set -gx {name} {_fish(value)}",
        lambda name: f"set -e {name}",
        "claude-code-proxy env --shell fish | source",
    ),
    "pwsh": Shell(
        lambda name, value: f"$env:{name} = {_pwsh(value)}",
        lambda name: f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
        "claude-code-proxy env --shell pwsh | Out-String | Invoke-Expression",
    ),
}


def script(shell: str, variables: Mapping[str, str], removed: Iterable[str]) -> list[str]:
    """Return the lines that set and remove variables."""
    words = SHELLS[shell]
    return [
        *(words.unset(name) for name in removed),
        *(words.set(name, value) for name, value in variables.items()),
    ]


def shell_of(path: str) -> str:
    """Return the shell that $SHELL names, bash where we don't speak it: its form is everybody's."""
    name = path.rpartition("/")[2]
    return name if name in SHELLS else "bash"
