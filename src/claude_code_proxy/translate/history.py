"""The history, healed: one idempotent pass from messages as clients keep them to messages every backend takes.

Sessions get poisoned: a call was interrupted, a result lost, an id used twice, a turn left empty. The real API answers
400 to all later turns; here the conversation is put right instead. What comes out obeys these laws, whatever came in:

* roles are user, assistant and system; content is a list of blocks, none of them a blank text, no message empty;
* only assistant messages hold `tool_use` (server and MCP calls included), with ids never used before;
* behind every assistant message with calls stands one user message that begins with one `tool_result` per call, in
  the order of the calls; there are no other results;
* no two assistant messages stand side by side;
* where the user spoke last, a user message is last, even if nothing was in it: else it would be a prefill;
* healing it again changes nothing, and turns appended to a sound history leave what stood before them as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text
from .notes import Notes

Block = Mapping[str, Any]
Message = dict[str, Any]

INTERRUPTED = "[no result: interrupted]"
"""Stands for the result of a call that was never answered."""

WORDLESS = "(an empty message)"
"""Stands for the user's last message when nothing was in it: without one the answer before it would be a prefill."""

ORPHANED = "[result of an earlier tool call]"
"""Heads a result whose call is gone."""

_ROLES = frozenset({"user", "assistant", "system"})
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_ONLY_USERS_SAY = frozenset({"image", "document", "search_result", "container_upload", "compaction"})
_UNSPOKEN = frozenset({"fallback", "mcp_tool_listing"})


def heal_history(messages: Sequence[Any], notes: Notes) -> list[Message]:
    """Return the messages with the laws of this module true; `notes` says what had to be changed."""
    sound = _as_they_are(messages)
    if sound is not None:
        return sound
    turns = _joined(_turns(_shown(_after_compaction(messages, notes)), notes))
    pairs = _Pairs(notes)
    for turn in turns:
        turn.blocks = pairs.read(turn)
    healed = [turn.message() for turn in _joined(_placed(turns, notes))]
    if healed and _last_speaker(messages) == "user" and _last_speaker(healed) != "user":
        healed.append({"role": "user", "content": [{"type": "text", "text": WORDLESS}]})
    return healed


_PLAIN = {"user": ("image", "document"), "assistant": ("thinking", "redacted_thinking")}
"""Blocks of either side that need no healing, whatever stands beside them."""

_SIDES = tuple(_PLAIN)


def _as_they_are(messages: Sequence[Any]) -> list[Message] | None:
    """Return messages that obey the laws already, as nearly all do; None where one of them may not."""
    sound: list[Message] = []
    used: set[str] = set()
    calls: list[str] = []
    role: Any = ""
    for message in messages:
        before, role = role, message.get("role") if isinstance(message, dict) else ""
        content = message.get("content") if role in _SIDES else None
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(items(content))
        made = _calls_in(blocks, role, calls, used)
        if made is None or role == before == "assistant":
            return None
        sound.append({"role": role, "content": blocks})
        calls = made
    return None if calls else sound


def _calls_in(blocks: list[Any], role: str, asked: list[str], used: set[str]) -> list[str] | None:
    """Return the calls one sound message makes. asked: those it has to answer first; used: all ids so far."""
    if len(blocks) < max(1, len(asked)):
        return None
    made: list[str] = []
    for place, block in enumerate(blocks):
        kind = block.get("type") if isinstance(block, dict) else ""
        if place < len(asked):
            fits = kind == "tool_result" and block.get("tool_use_id") == asked[place]
        elif kind == "text":
            fits = isinstance(block.get("text"), str) and bool(block["text"].strip())
        elif kind == "tool_use":
            name = block.get("id")
            fits = role == "assistant" and isinstance(name, str) and name != "" and name not in used
            made.append(name)
            used |= {name} if fits else set()
        else:
            fits = kind in _PLAIN[role]
        if not fits:
            return None
    return made


def _last_speaker(messages: Sequence[Any]) -> str:
    roles = (_role(mapping(message)) for message in reversed(messages))
    return next((role for role in roles if role != "system"), "")


def is_result(block: Block) -> bool:
    """Whether a block answers a call: `tool_result`, `web_search_tool_result` and their like."""
    kind = block.get("type")
    return isinstance(kind, str) and (kind == "tool_result" or kind.endswith("_tool_result"))


def is_call(block: Block) -> bool:
    """Whether a block calls a tool, the client's or a server's."""
    return text(block.get("type")) in _CALLS


class _Call(msgspec.Struct, eq=False):
    """One call of an assistant turn. home: the turn that held its result; late: other content came before it there."""

    id: str
    path: str
    result: Block | None = None
    home: _Turn | None = None
    late: bool = False


class _Turn(msgspec.Struct, eq=False):
    """What one side says without interruption."""

    role: str
    blocks: list[Block]
    path: str
    rest: Mapping[str, Any] = {}
    calls: list[_Call] = []

    def message(self) -> Message:
        return {**self.rest, "role": self.role, "content": list(self.blocks)}


# -- who says what --------------------------------------------------------------------------------------------------


def _after_compaction(messages: Sequence[Any], notes: Notes) -> list[tuple[str, Mapping[str, Any]]]:
    """Number the messages; those before a compaction block go, as they do in the real API: the block sums them up."""
    numbered = [(f"messages.{number}", mapping(message)) for number, message in enumerate(messages)]
    for index in range(len(numbered) - 1, -1, -1):
        path, message = numbered[index]
        blocks = items(message.get("content"))
        found = [place for place, block in enumerate(blocks) if _sums_up(mapping(block))]
        if not found:
            continue
        last = found[-1]
        if index or last:
            notes.add("compaction-applied", path)
        return [(path, {**message, "content": blocks[last:]}), *numbered[index + 1 :]]
    return numbered


def _sums_up(block: Block) -> bool:
    return block.get("type") == "compaction" and bool(text(block.get("content")))


def _shown(numbered: list[tuple[str, Mapping[str, Any]]]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Leave out system messages cleared at the next user message where there is one; the others stay for good."""
    said = [number for number, (_, message) in enumerate(numbered) if _role(message) == "user"]
    last = said[-1] if said else -1
    for number, (path, message) in enumerate(numbered):
        if message.get("clear_at") == "next_user_message" and message.get("role") == "system":
            if number < last:
                continue
            yield path, {key: value for key, value in message.items() if key != "clear_at"}
        else:
            yield path, message


def _turns(numbered: Iterable[tuple[str, Mapping[str, Any]]], notes: Notes) -> Iterable[_Turn]:
    for path, message in numbered:
        role = _role(message)
        if role != message.get("role"):
            notes.add("history-role", path, text(message.get("role"))[:32])
        blocks = list(_blocks(message.get("content"), path, notes))
        if not blocks and role != "system":
            notes.add("history-empty", path)
        for speaker, run in groupby(blocks, partial(_speaker, role)):
            yield _Turn(speaker, list(run), path, _rest(message) if speaker == "system" else {})


def _rest(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in message.items() if key not in {"role", "content"}}


def _role(message: Mapping[str, Any]) -> str:
    role = text(message.get("role"))
    return role if role in _ROLES else "user"


def _blocks(content: object, path: str, notes: Notes) -> Iterable[Block]:
    parts = [content] if isinstance(content, str) else items(content)
    spaced = any(map(_is_cited, parts))  # citations cut one text, and white space ends paragraphs
    for number, item in enumerate(parts):
        block = {"type": "text", "text": item} if isinstance(item, str) else mapping(item)
        if _says_nothing(block, spaced=spaced):
            notes.add("history-empty", f"{path}.content.{number}")
        else:
            yield _plain(block)


def _is_cited(block: object) -> bool:
    return isinstance(block, dict) and bool(block.get("citations"))


def _says_nothing(block: Block, *, spaced: bool) -> bool:
    kind = text(block.get("type"))
    if kind == "text":
        words = text(block.get("text"))
        return not (words if spaced else words.strip())
    return not block or kind in _UNSPOKEN or (kind == "compaction" and not text(block.get("content")))


def _plain(block: Block) -> Block:
    """Write the calls and results of servers as ordinary ones: to a backend there is one kind of each."""
    kind = text(block.get("type"))
    if kind == "server_tool_use":
        return {**block, "type": "tool_use"}
    if kind == "mcp_tool_use":
        name = f"mcp__{text(block.get('server_name'))}__{text(block.get('name'))}"
        return {**block, "type": "tool_use", "name": name}
    if kind.endswith("_tool_result"):
        content = block.get("content")
        failed = text(mapping(content).get("type")).endswith("_error")
        parts = [content] if isinstance(content, dict) else content
        return {"is_error": failed, **block, "type": "tool_result", "content": parts}
    return block


def _speaker(role: str, block: Block) -> str:
    kind = text(block.get("type"))
    if kind in _CALLS or kind in _THOUGHTS:
        return "assistant"
    if kind in _ONLY_USERS_SAY or is_result(block):
        return "user"
    return role


def _joined(turns: Iterable[_Turn]) -> list[_Turn]:
    """Join assistant turns that stand side by side, as the real API does.

    User turns stay apart: a prefix of bytes that a later request extends must not change.
    """
    joined: list[_Turn] = []
    for turn in turns:
        if joined and turn.role == joined[-1].role == "assistant":
            joined[-1].blocks += turn.blocks
        else:
            joined.append(turn)
    return joined


# -- which result answers which call --------------------------------------------------------------------------------


class _Pairs:
    """Reads the turns in order and finds the call of every result.

    A result answers the oldest open call of its id in the latest turn that has one; with none open it replaces the
    result of the last call of that id (the client's last word counts); with no such call it is an orphan.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._used: set[str] = set()
        self._copies: dict[str, int] = {}
        self._open: dict[str, list[tuple[str, deque[_Call]]]] = {}
        self._last: dict[str, _Call] = {}

    def read(self, turn: _Turn) -> list[Block]:
        """Return the turn's blocks with unique ids and without results; `turn.calls` is filled."""
        kept: list[Block] = []
        turn.calls = []
        for block in turn.blocks:
            if is_call(block):
                kept.append(self._call(block, turn))
            elif is_result(block):
                kept += self._result(block, turn, late=bool(kept))
            else:
                kept.append(block)
        return kept

    def _call(self, block: Block, turn: _Turn) -> Block:
        original = text(block.get("id"))
        call = _Call(self._unique(original), turn.path)
        turn.calls.append(call)
        groups = self._open.setdefault(original, [])
        if not groups or groups[-1][0] != turn.path:
            groups.append((turn.path, deque()))
        groups[-1][1].append(call)
        self._last[original] = call
        if call.id == original:
            return block
        self._notes.add("history-renamed", turn.path)
        return {**block, "id": call.id}

    def _unique(self, original: str) -> str:
        base = original or "call"
        name, copy = base, self._copies.get(base, 1)
        while name in self._used:
            copy += 1
            name = f"{base}_{copy}"
        self._copies[base] = copy
        self._used.add(name)
        return name

    def _result(self, block: Block, turn: _Turn, *, late: bool) -> Sequence[Block]:
        original = text(block.get("tool_use_id"))
        call = self._next_open(original) or self._last.get(original)
        if call is None:
            self._notes.add("history-orphan", turn.path)
            return list(_as_text(block, turn.path, self._notes))
        if call.result is not None:
            self._notes.add("history-duplicate", turn.path)
        call.result = block if call.id == original else {**block, "tool_use_id": call.id}
        call.home, call.late = turn, late
        return []

    def _next_open(self, original: str) -> _Call | None:
        groups = self._open.get(original, [])
        while groups and not groups[-1][1]:
            groups.pop()
        return groups[-1][1].popleft() if groups else None


def _as_text(result: Block, path: str, notes: Notes) -> Iterable[Block]:
    """Yield an orphan as blocks of the user: its heading, then what it said."""
    heading = f"{ORPHANED[:-1]}, an error]" if result.get("is_error") is True else ORPHANED
    yield {"type": "text", "text": heading}
    for block in _blocks(result.get("content"), path, notes):
        kind = block.get("type")
        if _speaker("user", block) == "user" and not is_result(block) and kind != "compaction":
            yield block
        else:  # no block of a history belongs inside a result
            yield {"type": "text", "text": msgspec.json.encode(block).decode()}


# -- where the results stand ----------------------------------------------------------------------------------------


def _placed(turns: list[_Turn], notes: Notes) -> Iterable[_Turn]:
    """Yield the turns with every call's result directly behind it."""
    pending: list[Block] = []
    for place, turn in enumerate(turns):
        if not turn.blocks:
            continue
        yield _Turn(turn.role, [*pending, *turn.blocks], turn.path, turn.rest)
        pending = []
        if not turn.calls:
            continue
        _note_order(turn, turns[place + 1 : place + 2], notes)
        results = [_result_of(call, notes) for call in turn.calls]
        following = _next_spoken(turns, place + 1)
        if following is not None and any(call.home is following for call in turn.calls):
            pending = results
        else:
            yield _Turn("user", results, turn.path)


def _next_spoken(turns: list[_Turn], start: int) -> _Turn | None:
    return next((turns[place] for place in range(start, len(turns)) if turns[place].blocks), None)


def _note_order(turn: _Turn, behind: list[_Turn], notes: Notes) -> None:
    homes = [call.home for call in turn.calls if call.home is not None]
    if any(call.late for call in turn.calls) or any(home is not behind[0] for home in homes):
        notes.add("history-order", turn.path)


def _result_of(call: _Call, notes: Notes) -> Block:
    if call.result is not None:
        return call.result
    notes.add("history-unanswered", call.path)
    return {"type": "tool_result", "tool_use_id": call.id, "content": INTERRUPTED}
