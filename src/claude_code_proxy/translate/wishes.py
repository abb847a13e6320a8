"""What a request asks for beside its conversation, worked out once for all requests that ask for the same.

Sessions, scripts and side questions repeat every field but the messages and the system prompt. What follows from these
fields and from the target is kept by their content, together with what was noted. Where the conversation has a say in
it too (tools it loads, an effort it names, a limit that its length lowers) that is part of the key, or it is worked out
each time. What is kept is shared: read it only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ..wire.shapes import items
from .dialect import Dialect
from .effort import Intent, effort_fields, latest_effort, merge, note_intent, read_intent, thinking_said
from .glance import Glance
from .hosted_search import HostedSearch, hosted_search
from .likeness import likeness_of
from .notes import Note, Notes
from .parameters import translate_parameters
from .plan import Plan
from .response_format import ResponseFormat, translate_format
from .server_tools import unserved
from .tool_changes import NO_CHANGES, ToolChanges, read_tool_changes
from .tool_choice import answer_choice, is_forced, one_tool_only, translate_tool_choice
from .tools import tools_of
from .toolset import ToolSet
from .unread import Unread, read_fields

if TYPE_CHECKING:
    from .request import Target

_MOST = 256  # kept
_MOST_BYTES = 4 * 1024 * 1024  # of all their fields, as JSON


class Draft(NamedTuple):
    """A body but for its messages, a plan but for what hangs on them, and what was noted of the parameters."""

    body: dict[str, Any]
    plan: Plan
    notes: tuple[Note, ...]


class Wishes(NamedTuple):
    """What a request asks for.

    target: with the dialect as the backend speaks it beside these tools; prompt: the body's beginning, without
    messages; sentences: instructions of ours to the model; unread: what nobody reads of the fields; notes: on all of
    this.
    """

    target: Target
    intent: Intent
    tools: ToolSet
    choice: dict[str, Any]
    form: ResponseFormat
    search: HostedSearch
    lead: tuple[dict[str, Any], ...]
    prompt: dict[str, Any]
    sentences: tuple[str, ...]
    unread: Unread
    notes: tuple[Note, ...]


class Wished(NamedTuple):
    """What a request asks for, and what becomes of it where the conversation changes nothing."""

    wishes: Wishes
    draft: Draft


_Key = tuple["Target", bytes, bytes | None, ToolChanges, str | None, bool]


class Memory:
    """What is kept, up to a number and a size: then it begins anew, since what is asked for again is soon there."""

    def __init__(self) -> None:
        self.kept: dict[_Key, Wished] = {}
        self.size = 0

    def keep(self, key: _Key, wished: Wished, size: int) -> None:
        """Keep one. size: bytes of its fields."""
        if len(self.kept) >= _MOST or self.size + size > _MOST_BYTES:
            self.kept, self.size = {}, 0
        self.kept[key] = wished
        self.size += size


_memory = Memory()


def read_wishes(request: Mapping[str, Any], target: Target, seen: Glance, notes: Notes) -> Wished:
    """Return what a request asks for. seen: its messages.

    Raises ClientError where a tool has no name, or tool_choice names a tool that is not there.
    """
    changes = NO_CHANGES if seen.words else read_tool_changes(request)
    like = likeness_of(request)
    effort = None if seen.words else latest_effort(request)  # else the fields say it
    keeps = like.is_known and not (changes.added or target.resources)
    key = (target, like.fields, like.tools, changes, effort, seen.replied) if keeps else None
    kept = _memory.kept.get(key) if key else None
    if kept is not None:
        for note in kept.wishes.notes:
            notes.add(*note)
        return kept
    noted = Notes()
    try:
        wishes = _worked_out(request, target, seen, changes, like.tools, noted)
    finally:
        for note in noted:
            notes.add(*note)
    wished = Wished(wishes, drafted(request, wishes, wishes.intent))
    if key and not wishes.lead and wishes.search.query is None:  # the user's last words are in these
        _memory.keep(key, wished, like.size)
    return wished


def _worked_out(  # noqa: PLR0917 - in the order of what is always there
    request: Mapping[str, Any], target: Target, seen: Glance, changes: ToolChanges, declared: bytes | None, notes: Notes
) -> Wishes:
    intent = read_intent(request, seen)
    if "thinking" in request:
        note_intent(request, notes)
    target = _suited(target, request, intent, notes)
    dialect = target.dialect
    tools = tools_of(request, dialect, notes, changes, declared)
    choice, sentence = translate_tool_choice(request, tools, dialect, notes)
    form = translate_format(request, dialect, notes)
    lead, told = unserved(request, tools)
    search = hosted_search(request, tools, dialect, notes)
    sent = [*tools.functions, *search.tools] if search.tools else tools.functions
    prompt: dict[str, Any] = {"model": target.model, "messages": []}
    return Wishes(
        target=target,
        intent=intent,
        tools=tools,
        choice=choice,
        form=form,
        search=search,
        lead=lead,
        prompt={**prompt, "tools": sent} if sent else prompt,
        sentences=tuple(filter(None, (sentence, form.sentence, told, search.sentence))),
        unread=read_fields(request),
        notes=tuple(notes),
    )


def _suited(target: Target, request: Mapping[str, Any], intent: Intent, notes: Notes) -> Target:
    """Return the target with the dialect as the backend speaks it beside this request's tools."""
    visible = intent.on is True and intent.visible
    tools = "tools" in request and bool(items(request["tools"]))
    forced = is_forced(request, target.dialect.for_request(tools=tools, forced=True, visible=visible))
    dialect = target.dialect.for_request(tools=tools, forced=forced, visible=visible)
    if intent.on and tools:
        free = target.dialect.for_request(tools=False, forced=False, visible=visible)
        if thinking_said(intent, free, free) != thinking_said(intent, dialect, free):
            notes.add("thinking-off", "tool_choice" if forced else "tools")
    return target if dialect is target.dialect else msgspec.structs.replace(target, dialect=dialect)


def drafted(
    request: Mapping[str, Any], wishes: Wishes, intent: Intent, prompt_tokens: int = 0, fields: Mapping[str, Any] = {}
) -> Draft:
    """Return the body but for its messages, and the plan.

    intent: as the conversation allows it; prompt_tokens: its size, 0 for one that lowers no limit; fields: what else
    the body needs because of it.
    """
    notes, target = Notes(), wishes.target
    parameters = translate_parameters(request, target, intent, notes, prompt_tokens)
    body = {**wishes.prompt, **wishes.choice, **parameters.fields, **fields, **wishes.search.fields}
    thought = effort_fields(intent, target.dialect, notes, parameters.max_tokens)
    choice, chosen = answer_choice(request, wishes.tools)
    plan = Plan(
        model=str(request.get("model", "")),
        backend=target.backend,
        upstream_model=target.model,
        tools=wishes.tools.facts,
        stops=parameters.stops,
        scan_stops=parameters.scan_stops,
        show_thinking=intent.visible,
        hide_thinking=intent.hidden,
        one_tool=one_tool_only(request),
        choice=choice,
        chosen=chosen,
        discard=parameters.discard,
        max_tokens=parameters.max_tokens,
        text_limit=parameters.text_limit,
        fast=request.get("speed") == "fast",
        window=target.window,
        seal=target.seal,
        server_tools=wishes.tools.server_tools,
        lead_blocks=wishes.lead,
        json_shape=parameters.json_shape,
        search_query=wishes.search.query,
        search_demanded=wishes.search.demanded,
    )
    return Draft(_finished(merge(body, thought) if thought else body, request, target.dialect), plan, tuple(notes))


def _finished(body: dict[str, Any], request: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Return the body with what every request to this backend has, and without what it refuses."""
    whole = dialect.whole_only or (dialect.format_whole and "response_format" in body)
    if not dialect.whole_only and (dialect.stream_only or (request.get("stream") is True and not whole)):
        body["stream"] = True
        if dialect.stream_options:
            off = {"include_obfuscation": False} if dialect.obfuscation_off else {}
            body["stream_options"] = {"include_usage": True, **off}
    if dialect.extra_body:
        body = merge(body, dialect.extra_body)
    return {name: value for name, value in body.items() if name not in dialect.drop} if dialect.drop else body
