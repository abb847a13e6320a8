"""What must not leave a machine, hidden in texts: keys, tokens, home folders, addresses of people. Pure.

Each find is replaced by as many characters, so that whatever counted them still does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHORTEST = 6  # characters of a key worth hiding: `any` and `local` are words, not secrets
_HIDDEN = "*"

_SECRETS = re.compile(
    r"""
    (?<![A-Za-z0-9]) (?:sk|pk|rk|xai|gsk|hf|pplx|nvapi|csk|fw|glpat|xox[abprs]) [-_] [A-Za-z0-9_-]{8,}
    | (?<![A-Za-z0-9]) (?:ghp|gho|ghu|ghs|ghr|github_pat) _ [A-Za-z0-9_]{16,}
    | \b AIza [A-Za-z0-9_-]{20,}
    | \b A(?:KIA|SIA) [A-Z0-9]{12,}
    | \b eyJ [A-Za-z0-9_-]{8,} \. [A-Za-z0-9_-]{8,} (?: \. [A-Za-z0-9_-]+ )?
    | (?<= Bearer[ ] ) [A-Za-z0-9._~+/=-]{6,}
    | (?<= :// ) [^/\s:@"']+ : [^/\s@"']+ (?= @ )
    | (?<= [?&] ) [A-Za-z_.-]{0,60} (?i: key|token|secret|passw|sig ) [A-Za-z_.-]{0,60} = [^&\s"']+
    | -----BEGIN [A-Z ]* PRIVATE[ ]KEY----- [\s\S]*? (?: -----END [A-Z ]* PRIVATE[ ]KEY----- | \Z )
    """,
    re.VERBOSE,
)
_HOMES = re.compile(
    r"(?<=/home/)[^/\s\"'\\]+|(?<=/Users/)[^/\s\"'\\]+|(?<=\\Users\\)[^\\\s\"']+|(?<=\\Users\\\\)[^\\\s\"']+"
)
_MAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class Redaction:
    """Hides. secrets: the very texts of this configuration; home: the person's home folder, "" for none."""

    def __init__(self, secrets: Iterable[str] = (), home: str = "") -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._home = home.rstrip("/") if len(home) > 1 else ""

    def keys(self, text: str) -> str:
        """Return a text without keys and tokens."""
        if self._known is not None:
            text = self._known.sub(_stars, text)
        return _SECRETS.sub(_stars, text)

    def all(self, text: str) -> str:
        """Return a text without keys, tokens, home folders and mail addresses."""
        text = self.keys(text)
        if self._home:
            text = text.replace(self._home, "~".ljust(len(self._home), _HIDDEN))
        return _MAIL.sub(_stars, _HOMES.sub(_stars, text))


def _stars(found: re.Match[str]) -> str:
    return _HIDDEN * len(found[0])
