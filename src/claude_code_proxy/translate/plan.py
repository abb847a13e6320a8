"""What the request side tells the answer side: how to give the client its own names, limits and wishes back.

`translate.request` returns a `Plan` with the backend's body; `translate.stream` and `translate.fold` obey it. Both are
pure, so that a plan and a recording replay an exchange.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ToolFacts(msgspec.Struct, frozen=True):
    """A declared tool as the client knows it. schema: its input_schema, for the repair of arguments."""

    name: str
    schema: Mapping[str, Any]
    toolset: str = ""


class JsonShape(msgspec.Struct, frozen=True, kw_only=True):
    """How the JSON of an answer becomes what the client asked for.

    wrapped: it is the property `value` of an object; schema: in strict mode, what a null stands for (schema_closed).
    """

    wrapped: bool = False
    schema: Mapping[str, Any] | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to write the answer to one request.

    model: echoed to the client; backend, upstream_model: written into the signature envelope; tools: by the name
    the backend knows; invented: of the history alone, by the name the backend got; stops: all stop sequences the client
    asked for; scan_stops: the ones the proxy must look for itself;
    show_thinking: thinking text is visible (`display`), else only the signature goes out; hide_thinking:
    no thinking block at all (the client switched thinking off); one_tool: only the first call counts; choice: the
    type of tool_choice, chosen: the tool it names, as the backend knows it, or "";
    may_be_empty: a model that ended its turn without a word, and was paid for it, meant it;
    discard: the client asked for no output (`max_tokens: 0`); max_tokens: what the backend was given; text_limit:
    tokens of text the client gets of that, 0 for all; fast: the client asked for `speed: fast`;
    window: tokens, 0 unknown; prefill: text the answer must not repeat; input_estimate: tokens;
    seal: key of the signature envelope; server_tools: those that nothing serves, by name;
    json_shape: the client asked for JSON text (fences are stripped); lead_blocks: whole blocks that open the answer
    (the error blocks of server tools that nothing serves); used_ids: of the calls in the history, as the client knows
    them: a new call may not have one of these; applied_edits: what `context_management` did, None when it was not asked
    to do anything; original_estimate: tokens before that; window_stop: the client knows the stop reason
    `model_context_window_exceeded`; search_query: what the backend is asked to search the web for, None for no search;
    search_demanded: by tool_choice;
    scale: what the prompt's tokens are multiplied with for the client; summary: of the
    conversation is asked for, in tags.
    """

    model: str
    backend: str = "default"
    upstream_model: str = ""
    tools: Mapping[str, ToolFacts] = {}
    invented: Mapping[str, ToolFacts] = {}
    stops: tuple[str, ...] = ()
    scan_stops: tuple[str, ...] = ()
    show_thinking: bool = True
    hide_thinking: bool = False
    one_tool: bool = False
    choice: str = ""
    chosen: str = ""
    may_be_empty: bool = True
    discard: bool = False
    max_tokens: int = 0
    text_limit: int = 0
    fast: bool = False
    window: int = 0
    prefill: str = ""
    input_estimate: int = 0
    original_estimate: int = 0
    applied_edits: tuple[dict[str, Any], ...] | None = None
    seal: bytes = b""
    server_tools: tuple[str, ...] = ()
    json_shape: JsonShape | None = None
    lead_blocks: tuple[dict[str, Any], ...] = ()
    used_ids: frozenset[str] = frozenset()
    search_query: str | None = None
    search_demanded: bool = False
    window_stop: bool = True
    scale: float = 1.0
    summary: bool = False
