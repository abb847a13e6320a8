"""When what follows the opening of a call can't be a call any more: a mere mention holds up no text.

A pattern matches the first characters behind an opening as soon as they rule a call out. What it says of a text it says
of every longer one, so the answer does not depend on how the text is cut.
"""

from __future__ import annotations

import re
from collections.abc import Container

from ..wire.json_scan import JsonScan

LOOKED_AT = 512
"""Characters behind an opening that are looked at."""

_NAMED = r"\s*+(?:[^\s\w.:-]|[\w.:-]++\s*+[^\s<])"
_SECTION = r"\s*+(?:[^\s<]|<[^|\uff5c])"
_LIST = r"\s*+[^\s\[{;,<]"
_INVOKES = r"\s*+(?:[^\s<]|<[^\w|\uff5c])"
_INVOKE = r"[^\"]|\"[^\"]*+\"[^>]*+>\s*+(?:[^\s<{]|<[^\w|\uff5c/])"

_NEVER: tuple[tuple[str, str], ...] = (  # the first one that an opening begins like; "": ends with "invoke name="
    ("<tool_call>", r"\s*+(?:[^\s\w\[{<.:-]|[\w.:-]++\s*+(?:[^\s<]|<[^a/])|<[^f])"),
    ("<function=", r"[>\s{]|[^>\s{]++>?+\s*+(?:[^\s{<]|<[^p/])"),
    ("[TOOL_CALLS]", r"\s*+(?:[^\s\w\[{.:-]|[\w.:-]++\s*+[^\s\[{])"),
    ("[", r"\s*+(?:[^\s\w.:-]|[\w.:-]++\s*+(?:[^\s(\]]|\]\s*+[^\s{aA]))"),
    ("<|start|>", r"[^\w.-]|[\w.-]++\s*+[^\s<j{]"),
    ("<|channel|>", r"[^\w.-]|[\w.-]++\s*+[^\s<j{]"),
    ("<|tool_call_begin|>", _NAMED),
    ("<|tool_call|>", _LIST),
    ("<|tool_calls_", _SECTION),
    ("<|START", _LIST),
    ("<|python", _LIST),
    ("<function_call>", _LIST),
    ("<tool", _LIST),
)
_BARE = re.compile(
    r'\s*+"(?:type"\s*+:\s*+(?:[^\s"]|"[^f])|(?:name|function)"\s*+:\s*+(?:[^\s"{]|"((?:[^"\\]|\\.)*+)"))', re.DOTALL
)


def never(opening: str) -> re.Pattern[str]:
    """Return the pattern for an opening."""
    if opening.endswith("invoke name="):
        return re.compile(_INVOKE)
    for begin, pattern in _NEVER:
        if opening.startswith(begin):
            return re.compile(pattern)
    if "calls▁begin" in opening:
        return re.compile(_SECTION)
    return re.compile(_NAMED if "call▁begin" in opening else _INVOKES)


def is_other_json(written: str, names: Container[str]) -> bool:
    """Whether an answer that begins with a brace, and goes on like this, is no call. names: those of the tools."""
    found = _BARE.match(written)
    return found is not None and (found[1] is None or found[1] not in names)


class BareJson:
    """The JSON that an answer begins with: a call only where nothing but more of them follows."""

    def __init__(self) -> None:
        self._scan = JsonScan()
        self._fed = 0
        self._judged = False

    def feed(self, piece: str) -> int:
        """Return how many characters of all that was fed are the JSON, once words stand behind it; 0 before."""
        behind = piece
        if not self._scan.complete:
            self._scan.feed(piece)
            behind = piece[self._scan.passed - self._fed :]
        self._fed += len(piece)
        words = behind.lstrip(_BETWEEN) if self._scan.complete and not self._judged else ""
        self._judged = self._judged or bool(words)
        return self._scan.passed if words and words[0] not in _GOES_ON else 0


_BETWEEN = " \t\r\n;,"  # calls that stand one behind the other
_GOES_ON = "{[}]<"  # another call, a bracket too many, the mark of an end
