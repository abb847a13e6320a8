"""An Anthropic Messages request as a chat-completions body: the table of contents of the way there.

    tools -> edits of the context -> history -> thinking -> messages -> parameters -> body, and a plan for the way back

Nothing here reads a clock, a file or the network, and the same request gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..errors import ClientError
from ..wire.shapes import items, text
from .arrange import as_parts
from .context_edits import Edited, apply_edits
from .dialect import Dialect
from .effort import Intent, effort_fields, merge, note_intent, read_intent, thinking_said
from .history import heal_history
from .hosted_search import HostedSearch, hosted_search
from .messages import Chat, write_chat
from .notes import Notes
from .parameters import Parameters, translate_parameters
from .parts import Context, Resource, is_marked
from .plan import Plan, ToolFacts
from .response_format import translate_format
from .server_tools import unserved
from .thinking import Reader
from .tool_choice import answer_choice, is_forced, one_tool_only, translate_tool_choice
from .tools import translate_tools
from .toolset import ToolSet
from .unread import read_unread

_MOST_NAMES = 12  # in the log

Count = Callable[[Mapping[str, Any]], int]
"""Tokens of a chat body."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes, and what is known of it.

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
    request: Mapping[str, Any], target: Target, notes: Notes, *, count: Count | None = None, counting: bool = False
) -> Translated:
    """Translate a request that `check_request` passed. count: measures the prompt, so that the answer fits the window.

    counting: it is only counted, so it may say nothing.
    Raises ClientError where nothing is left to be sent or tool_choice names a tool that is not there.
    """
    intent = read_intent(request)
    if "thinking" in request:
        note_intent(request, notes)
    target = _suited(target, request, intent, notes)
    dialect = target.dialect
    tools = translate_tools(request, dialect, notes)
    choice, sentence = translate_tool_choice(request, tools, dialect, notes)
    form = translate_format(request, dialect, notes)
    lead_blocks, told = unserved(request, tools)
    search = hosted_search(request, tools, dialect, notes)
    sentences = [sentence, form.sentence, told, search.sentence]

    def prompted(asked: Mapping[str, Any], notes: Notes) -> tuple[Chat, dict[str, Any]]:
        chat = _chat(asked, target, tools, notes, thinking=intent.on is not False, sentences=sentences)
        if not (chat.asks or counting):
            raise ClientError("at least one message must have content", path="messages")
        prompt = {"model": target.model, "messages": chat.messages}
        declared = [*tools.functions, *search.tools] if search.tools else tools.functions
        return chat, {**prompt, "tools": declared} if declared else prompt

    def size(prompt: Mapping[str, Any]) -> int:
        return count({**prompt, **form.fields}) if count else 0

    edited = apply_edits(request, lambda asked: size(prompted(asked, Notes())[1]))
    if edited.applied:
        notes.add("context-edited", "context_management")
    chat, prompt = prompted(edited.request, notes)
    calls = _calls(request)
    if chat.thinking_off:
        intent = Intent(on=False, visible=intent.visible)
    _note_unread(request, chat, notes)
    estimate = size(prompt)
    parameters = translate_parameters(request, target, intent, notes, estimate)
    fields = {**prompt, **choice, **parameters.fields, **chat.fields, **search.fields}
    thought = effort_fields(intent, dialect, notes, parameters.max_tokens)
    body = _finished(merge(fields, thought) if thought else fields, request, dialect)
    plan = _plan(
        request,
        target,
        tools=tools,
        calls=calls,
        invented=_invented(calls, tools, notes) if calls else {},
        intent=intent,
        parameters=parameters,
        chat=chat,
        lead=lead_blocks,
        estimate=estimate,
        edited=edited,
        search=search,
    )
    return Translated(body, plan)


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


def _markers(chat: Chat) -> int:
    return sum(is_marked(part) for message in chat.messages for part in as_parts(message["content"]))


def _note_unread(request: Mapping[str, Any], chat: Chat, notes: Notes) -> None:
    """Note what nobody reads, and the cache breakpoints that did not get through."""
    unread = read_unread(request)
    if unread.fields:
        notes.add("parameter-ignored", "fields", ", ".join(unread.fields[:_MOST_NAMES]))
    if unread.sealed:
        notes.add("content-sealed", "messages", str(unread.sealed))
    lost = unread.markers and unread.markers - _markers(chat)
    if lost > 0:
        notes.add("cache-marker", "messages", f"{lost} of {unread.markers}")


def _chat(
    request: Mapping[str, Any],
    target: Target,
    tools: ToolSet,
    notes: Notes,
    *,
    thinking: bool,
    sentences: Sequence[str],
) -> Chat:
    history = heal_history(items(request.get("messages")), notes)
    sees = target.dialect.images != "no" and target.vision is not False
    return write_chat(
        request,
        history,
        Context(dialect=target.dialect, notes=notes, sees=sees, resources=target.resources, alias=tools.alias_of),
        Reader(backend=target.backend, model=target.model, seal=target.seal, dialect=target.dialect, notes=notes),
        thinking=thinking,
        sentences=[words for words in sentences if words],
    )


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


def _plan(
    request: Mapping[str, Any],
    target: Target,
    *,
    tools: ToolSet,
    calls: Sequence[Mapping[str, Any]],
    invented: Mapping[str, ToolFacts],
    intent: Intent,
    parameters: Parameters,
    chat: Chat,
    lead: tuple[dict[str, Any], ...],
    estimate: int,
    edited: Edited,
    search: HostedSearch,
) -> Plan:
    choice, chosen = answer_choice(request, tools)
    return Plan(
        model=str(request.get("model", "")),
        backend=target.backend,
        upstream_model=target.model,
        tools=tools.facts,
        invented=invented,
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
        prefill=chat.prefill,
        input_estimate=estimate,
        original_estimate=edited.original or estimate,
        applied_edits=edited.applied,
        seal=target.seal,
        server_tools=tools.server_tools,
        lead_blocks=lead,
        json_shape=parameters.json_shape,
        used_ids=frozenset(filter(None, [text(call.get("id")) for call in calls])),
        search_query=search.query,
        search_demanded=search.demanded,
    )


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
