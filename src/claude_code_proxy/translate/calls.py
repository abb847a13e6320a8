"""Which tool call a fragment belongs to, and when a call is complete.

Backends number fragments in every way there is: by index, all with index 0, without index, with the id on each
fragment or on none, name first, late or in pieces. Rules and sources: translation reference 5.4, cases ST-04..ST-09.
"""

from __future__ import annotations

from collections.abc import Container

from ..wire.json_scan import JsonScan
from .deltas import ToolFragment


class Call:
    """One tool call as far as it is known.

    proven: what of the arguments may be passed on and was not yet taken; whole: they came all at once; echo: it began
    as a bare repetition of the call before it, and is none of its own unless arguments follow; repeated: they came once
    more; client_id: as the client was told, "" before; carried: its signature is on its way to the client.
    """

    def __init__(self, key: int | None) -> None:
        self.key = key
        self.id: str | None = None
        self.name = ""
        self.state: str | None = None
        self.scan = JsonScan()
        self.proven: list[str] = []
        self.whole = False
        self.echo = False
        self.repeated = False
        self.closed = False
        self.client_id = ""
        self.carried = False
        self._pieces: list[str] = []
        self._length = 0

    @property
    def arguments(self) -> str:
        """All argument text so far."""
        return "".join(self._pieces)

    def add(self, fragment: ToolFragment) -> None:
        """Take a fragment in."""
        self.id = self.id or fragment.id
        self.state = self.state or fragment.state
        self.whole = self.whole or fragment.whole
        self._name(fragment.name)
        piece = fragment.arguments
        if piece and self.scan.complete and self.is_all(piece):  # all of it again, in a last chunk
            self.repeated = True
        elif piece:
            self._pieces.append(piece)
            self._length += len(piece)
            self.proven.append(self.scan.feed(piece))

    def is_all(self, text: str) -> bool:
        """Whether `text` is all the arguments there are."""
        return len(text) == self._length and text == self.arguments

    def take(self) -> str:
        """Return what may be passed on, once."""
        proven, self.proven = "".join(self.proven), []
        return proven

    def _name(self, name: str) -> None:
        if not self.name:
            self.name = name
        elif name and name != self.name and not self._pieces:  # the name itself in pieces
            self.name += name


class Calls:
    """The calls of one answer, in the order they first appeared. known: the names of the declared tools."""

    def __init__(self, known: Container[str] = ()) -> None:
        self.all: list[Call] = []
        self._known = known
        self._by_id: dict[str, Call] = {}
        self._by_index: dict[int, Call] = {}

    def add(self, fragment: ToolFragment) -> Call:
        """Find or open the call of a fragment, and give it to it."""
        call = self._find(fragment) or self._open(fragment)
        call.add(fragment)
        if fragment.id is not None:
            self._by_id[fragment.id] = call
        return call

    def _find(self, fragment: ToolFragment) -> Call | None:
        there = None if fragment.index is None else self._by_index.get(fragment.index)
        if fragment.id is not None:
            same = there if there and there.id == fragment.id else self._by_id.get(fragment.id)
            if same is not None:
                return None if self._reuses_id(same, fragment) else same
        if there is None:
            there = self.all[-1] if self.all else None
            if there is None or not self._without_index(there, fragment):
                return None
        return None if self._starts_anew(there, fragment) else there

    def _without_index(self, last: Call, fragment: ToolFragment) -> bool:
        """Whether only the order of arrival tells where a fragment belongs."""
        bare = fragment.id is None and not fragment.name
        return fragment.index is None or (bare and last.key is None)

    def _reuses_id(self, call: Call, fragment: ToolFragment) -> bool:
        """The id is that of `call`, but the fragment opens another one: some backends give all calls one id."""
        if not fragment.name:
            return False
        if fragment.index is not None and call.key is not None and fragment.index != call.key:
            return fragment.index not in self._by_index
        whole = call.scan.complete and call.scan.begun  # an empty object may be a mere beginning
        return whole and bool(fragment.arguments) and not call.is_all(fragment.arguments)

    def _starts_anew(self, call: Call, fragment: ToolFragment) -> bool:
        """The place is that of `call`, but the fragment opens another one: index 0 for all (Gemini, Ollama)."""
        if fragment.id is not None and call.id is not None:
            return True  # a known id was looked for before
        if not fragment.name:
            return False
        if fragment.name != call.name and fragment.name in self._known and call.name in self._known:
            return True
        if not call.scan.complete:
            return False
        if not call.name or (fragment.name == call.name and (call.id is not None or fragment.id is not None)):
            return bool(fragment.arguments) and not call.is_all(fragment.arguments)
        return True

    def _open(self, fragment: ToolFragment) -> Call:
        call = Call(fragment.index)
        last = self.all[-1] if self.all else None
        call.echo = bool(last and last.name == fragment.name and not (fragment.arguments or fragment.id or last.id))
        self.all.append(call)
        if fragment.index is not None:
            self._by_index[fragment.index] = call
        return call
