"""Which tool call a fragment belongs to, and when a call is complete.

Backends number fragments in every way there is: by index, all with index 0, without index, with the id on each
fragment or on none, name first, late or in pieces. Rules and sources: translation reference 5.4, cases ST-04..ST-09.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from ..wire.json_scan import JsonScan
from .deltas import ToolFragment


class Call:
    """One tool call as far as it is known. certain: what is proven to be JSON and was not taken yet."""

    def __init__(self, key: object) -> None:
        self.key = key
        self.id: str | None = None
        self.name = ""
        self.state: str | None = None
        self.pieces: list[str] = []
        self.certain: list[str] = []
        self.scan = JsonScan()
        self.closed = False
        self._size = 0

    @property
    def arguments(self) -> str:
        """All argument text so far."""
        return "".join(self.pieces)

    def add(self, fragment: ToolFragment) -> None:
        """Take a fragment in."""
        self.id = self.id or fragment.id
        self.state = self.state or fragment.state
        self._name(fragment.name)
        piece = fragment.arguments
        if not piece or (self.scan.complete and len(piece) == self._size and piece == self.arguments):
            return  # a last chunk may say all of it again
        passed = self.scan.passed
        self.scan.feed(piece)
        self.pieces.append(piece)
        self.certain.append(piece[: self.scan.passed - passed])
        self._size += len(piece)

    def _name(self, name: str) -> None:
        if not self.name:
            self.name = name
        elif name and name != self.name and not self.pieces:  # the name itself in pieces
            self.name += name


class Calls:
    """The calls of one answer, in the order they first appeared. known: the names of the declared tools."""

    def __init__(self, known: Container[str] = ()) -> None:
        self.all: list[Call] = []
        self._known = known

    def add(self, fragment: ToolFragment) -> Call:
        """Find or open the call of a fragment, and give it to it."""
        call = self._find(fragment) or self._open(fragment)
        call.add(fragment)
        return call

    def _find(self, fragment: ToolFragment) -> Call | None:
        if fragment.id is not None:
            known = self._last(lambda call: call.id == fragment.id)
            if known:
                return known
        if fragment.index is None:
            return self._without_index(fragment)
        call = self._last(lambda call: call.key == fragment.index)
        if call is None or self._starts_anew(call, fragment):
            return None
        return call

    def _without_index(self, fragment: ToolFragment) -> Call | None:
        last = self.all[-1] if self.all else None
        if last is None or (fragment.id is not None and last.id is not None):
            return None
        return None if fragment.name and (last.pieces or last.name) and self._starts_anew(last, fragment) else last

    def _starts_anew(self, call: Call, fragment: ToolFragment) -> bool:
        """The index is that of `call`, but the fragment opens another one: index 0 for all (Gemini, Ollama)."""
        if fragment.id is not None and call.id is not None:
            return True  # a known id was looked for before
        if not fragment.name:
            return False
        if fragment.name != call.name and fragment.name in self._known and call.name in self._known:
            return True
        repeats = fragment.name == call.name and fragment.arguments in ("", call.arguments) and call.id is not None
        return call.scan.complete and not repeats

    def _open(self, fragment: ToolFragment) -> Call:
        call = Call(fragment.index)
        self.all.append(call)
        return call

    def _last(self, fits: Callable[[Call], bool]) -> Call | None:
        return next((call for call in reversed(self.all) if fits(call)), None)
