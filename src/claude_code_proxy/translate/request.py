"""An Anthropic Messages request as a chat-completions body: the table of contents of the way there.

    wishes (tools, parameters, format) -> edits of the context -> history -> thinking -> messages -> body,
    and a plan for the way back

Nothing here reads a clock, a file or the network, and the same request gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ..errors import ClientError
from ..wire.shapes import items, text
from .arrange import as_parts
from .context_edits import Edited, apply_edits
from .dialect import Dialect
from .effort import Intent
from .glance import Glance, glance
from .history import heal_history
from .messages import Chat, Written, arranged, write_turns, write_words
from .notes import Notes
from .parameters import leaves_room
from .parts import Context, Resource, is_marked
from .plan import Plan, ToolFacts
from .thinking import Reader
from .toolset import ToolSet
from .unread import Unread, read_unread
from .wishes import Draft, Wished, Wishes, drafted, read_wishes

_MOST_NAMES = 12  # in the log

Count = Callable[[Mapping[str, Any]], int]
"""Tokens of a chat body."""


class Target(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Where a request goes, and what is known of it. What follows from it is kept with the object (`wishes`).

    seal: key of the signature envelope; window, max_output: tokens, 0 unknown; vision: whether the model takes images,
    None unknown; min_tokens, min_tokens_explicit, max_tokens_limit: the settings; resources: what was fetched or read
    for the request's documents, by key.
    """

    backend: str
    model: str
    dialect: Dialect
    seal: bytes
    window: int = 0
    max_output: int = 0
    vision: bool | None = None
    min_tokens: int = 1024
    min_tokens_explicit: bool = False
    max_tokens_limit: int = 128000
    resources: Mapping[str, Resource] = {}


class Translated(msgspec.Struct, frozen=True):
    """The backend's body, and how to write its answer."""

    body: dict[str, Any]
    plan: Plan


def translate_request(
    request: Mapping[str, Any],
    target: Target,
    notes: Notes,
    *,
    count: Count | None = None,
    counting: bool = False,
    seen: Glance | None = None,
) -> Translated:
    """Translate a request that `check_request` passed. count: measures the prompt, so that the answer fits the window.

    counting: it is only counted, so it may say nothing. seen: its messages, None for a look at them.
    Raises ClientError where nothing is left to be sent or tool_choice names a tool that is not there.
    """
    seen = seen or glance(request)
    wished = read_wishes(request, target, seen, notes)
    wishes = wished.wishes
    edited = Edited(request=request)
    if "context_management" in request:
        edited = apply_edits(request, partial(_edited_size, wishes=wishes, count=count, counting=counting))
        if edited.applied:
            notes.add("context-edited", "context_management")
    chat = _chat(edited.request, wishes, seen, notes, counting=counting)
    calls = () if seen.words else _calls(request)
    _note_unread(request, wishes.unread, seen, chat, notes)
    estimate = _size(chat, wishes, count) if count else 0
    draft = _draft(request, wished, chat, estimate)
    for note in draft.notes:
        notes.add(*note)
    plan = draft.plan
    if calls or chat.prefill or estimate or edited.applied is not None:
        plan = msgspec.structs.replace(
            plan,
            invented=_invented(calls, wishes.tools, notes) if calls else {},
            prefill=chat.prefill,
            input_estimate=estimate,
            original_estimate=edited.original or estimate,
            applied_edits=edited.applied,
            used_ids=frozenset(filter(None, [text(call.get("id")) for call in calls])),
        )
    return Translated({**draft.body, "messages": chat.messages}, plan)


def _chat(request: Mapping[str, Any], wishes: Wishes, seen: Glance, notes: Notes, *, counting: bool) -> Chat:
    """Return the conversation as the backend gets it. Raises ClientError where nothing of it is left."""
    target, dialect = wishes.target, wishes.target.dialect
    history = () if seen.words else heal_history(items(request.get("messages")), notes)
    if seen.words and "system" not in request:
        written = Written([], [])
    else:
        sees = dialect.images != "no" and target.vision is not False
        written = write_turns(
            request,
            history,
            Context(dialect=dialect, notes=notes, sees=sees, resources=target.resources, alias=wishes.tools.alias_of),
            Reader(backend=target.backend, model=target.model, seal=target.seal, dialect=dialect, notes=notes),
        )
    if seen.words:
        write_words(request["messages"], written, dialect)
    elif not (history or counting):
        raise ClientError("at least one message must have content", path="messages")
    return arranged(
        request, written, dialect, notes, thinking=wishes.intent.on is not False, sentences=wishes.sentences
    )


def _size(chat: Chat, wishes: Wishes, count: Count) -> int:
    return count({**wishes.prompt, "messages": chat.messages, **wishes.form.fields})


def _edited_size(request: Mapping[str, Any], *, wishes: Wishes, count: Count | None, counting: bool) -> int:
    chat = _chat(request, wishes, glance(request), Notes(), counting=counting)
    return _size(chat, wishes, count) if count else 0


def _draft(request: Mapping[str, Any], wished: Wished, chat: Chat, estimate: int) -> Draft:
    """Return body and plan as they are with this conversation: it may forbid to think, or leave less room."""
    wishes, usual = wished
    fits = not estimate or leaves_room(wishes.target, usual.plan.max_tokens, estimate)
    if fits and not (chat.thinking_off or chat.fields):
        return usual
    intent = Intent(on=False, visible=wishes.intent.visible) if chat.thinking_off else wishes.intent
    return drafted(request, wishes, intent, estimate, chat.fields)


def _markers(chat: Chat) -> int:
    return sum(is_marked(part) for message in chat.messages for part in as_parts(message["content"]))


def _note_unread(request: Mapping[str, Any], known: Unread, seen: Glance, chat: Chat, notes: Notes) -> None:
    """Note what nobody reads, and the cache breakpoints that did not get through. known: of all but what is said."""
    said_in_words = seen.words and type(request.get("system")) is not list
    unread = known if said_in_words else read_unread(request, known)
    if unread.fields:
        notes.add("parameter-ignored", "fields", ", ".join(unread.fields[:_MOST_NAMES]))
    if unread.sealed:
        notes.add("content-sealed", "messages", str(unread.sealed))
    lost = unread.markers and unread.markers - _markers(chat)
    if lost > 0:
        notes.add("cache-marker", "messages", f"{lost} of {unread.markers}")


def _calls(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    contents = (message.get("content") for message in items(request.get("messages")) if isinstance(message, dict))
    blocks = (block for content in contents if isinstance(content, list) for block in content)
    return [block for block in blocks if isinstance(block, dict) and block.get("type") == "tool_use"]


def _invented(calls: Sequence[Mapping[str, Any]], tools: ToolSet, notes: Notes) -> dict[str, ToolFacts]:
    """Return the tools nobody declared whose names the backend got an alias for: it may call them by that again."""
    found: dict[str, ToolFacts] = {}
    for name, toolset in dict.fromkeys((text(call.get("name")), text(call.get("toolset_name"))) for call in calls):
        alias = tools.alias_of(name, toolset)
        if name and alias not in tools.facts and (alias != name or toolset):
            found[alias] = ToolFacts(name=name, schema={}, toolset=toolset)
            notes.add("tool-renamed", "messages", alias)
    return found
