"""A healed history as chat messages: system prompt, turns, tool results, prefill."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from ..wire.shapes import items, mapping, text
from .arrange import instruction, limit_markers, mark_last, marker_in, prefilled, settled
from .content import marker_of, render, render_all
from .dialect import Dialect
from .history import WORDLESS, is_result
from .notes import Notes
from .parts import Block, Context, Part, content_of, is_text, text_part, words_of
from .thinking import NOTHING, THOUGHTS, Reader, Recalled, filled, renamed, signed, with_reasoning
from .tool_ids import PREFIX, another, for_backend, original, to_backend, to_client

Message = dict[str, Any]

ATTRIBUTION = "x-anthropic-billing-header"
"""Begins the line Claude Code puts before its system prompt. It differs between conversations, so that with it no
prefix cache outlives one (anthropics/claude-code#24168)."""


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a body.

    prefill: text the answer goes on from; fields: what else the body then needs;
    thinking_off: the history lacks reasoning the backend insists on, so it must not think in this request.
    """

    messages: list[Message]
    prefill: str = ""
    fields: Mapping[str, Any] = {}
    thinking_off: bool = False


class Written(NamedTuple):
    """Messages of a chat. replies: those of the assistant, with what is known of their reasoning, and their paths."""

    messages: list[Message]
    replies: list[tuple[Message, Recalled, str]]


def write_words(messages: Sequence[Mapping[str, Any]], written: Written, dialect: Dialect) -> None:
    """Add messages that are nothing but words (`glance`): they are sent as they are."""
    parts = dialect.cache_markers != "none"
    for number, said in enumerate(messages):
        role, words = said["role"], said["content"]
        message = {"role": role, "content": [text_part(words)] if parts else words}
        written.messages.append(message)
        if role == "assistant":
            written.replies.append((message, NOTHING, f"messages.{number}"))


def write_turns(
    request: Mapping[str, Any], history: Sequence[Mapping[str, Any]], context: Context, reader: Reader
) -> Written:
    """Return system prompt and history as chat messages. history: as `heal_history` returns it."""
    leading = 0 if context.dialect.system_in_place else _leading_system(history)
    writer = _Writer(context, reader)
    if leading or "system" in request:
        writer.prompt(
            [*_as_blocks(request.get("system")), *(block for turn in history[:leading] for block in turn["content"])]
        )
    for number, turn in enumerate(history[leading:], leading):
        writer.turn(turn, f"messages.{number}")
    if history and not writer.spoken:  # a model is asked something, or many templates fail
        context.notes.add("history-empty", "messages")
        writer.say(WORDLESS)
    return Written(writer.messages, writer.replies)


def arranged(  # noqa: PLR0917 - in the order of what is always there
    request: Mapping[str, Any],
    written: Written,
    dialect: Dialect,
    notes: Notes,
    thinking: bool,
    sentences: Sequence[str],
) -> Chat:
    """Return the messages in the order and with the end that the backend wants.

    thinking: the backend may think, so it may want its reasoning back; sentences: instructions of ours that stand in
    for parameters the backend does not know.
    """
    off = thinking and bool(written.replies) and filled(written.replies, dialect, notes)
    messages, prefill, fields = prefilled(written.messages, sentences, dialect, notes)
    if "cache_control" in request:
        mark_last(messages, marker_of(request, dialect))
    messages = settled(messages, dialect)
    if dialect.cache_markers != "none":
        limit_markers(messages)
    return Chat(messages=messages, prefill=prefill, fields=fields, thinking_off=off)


class _Writer:
    """Writes one turn after the other. replies: the assistant messages with what is known of their reasoning."""

    def __init__(self, context: Context, reader: Reader) -> None:
        self.messages: list[Message] = []
        self.replies: list[tuple[Message, Recalled, str]] = []
        self._context = context
        self._reader = reader
        self._dialect = context.dialect
        self._ids = _Ids(context.dialect)
        self._marker: dict[str, Any] = {}  # of a block that can't carry it: the next part does

    @property
    def spoken(self) -> bool:
        """Whether anybody but the system has said something."""
        return any(message["role"] in {"user", "assistant", "tool"} for message in self.messages)

    def say(self, words: str) -> None:
        """Let the user say something."""
        self._add("user", self._content([text_part(words)]))

    @property
    def _parts_only(self) -> bool:
        """Whether content is never a plain string: a cache marker needs a part, and moves from turn to turn.

        A message that was parts with the marker and became a string without it would end the backend's prefix cache.
        """
        return self._dialect.cache_markers != "none"

    def _content(self, parts: Sequence[Part]) -> str | list[Part]:
        return list(parts) if self._parts_only else content_of(parts)

    def prompt(self, blocks: Sequence[Block]) -> None:
        parts = []
        for number, block in enumerate(blocks):
            path = f"system.{number}"
            kept = _without_attribution(block)
            if kept is not block:
                self._context.notes.add("attribution-dropped", path)
            parts += self._words(render(kept, self._context, path), path)
        parts = [part for part in parts if part["text"].strip()]
        if parts:
            role = self._dialect.system_role
            if role == "user":
                self._context.notes.add("system-moved", "system")
            self._add("system" if role == "user" else role, self._content(parts))

    def turn(self, turn: Mapping[str, Any], path: str) -> None:
        write = {"system": self._system, "assistant": self._assistant}.get(turn["role"], self._user)
        write(turn["content"], path)

    def _add(self, role: str, content: str | list[Part]) -> None:
        self.messages.append({"role": role, "content": content})

    def _system(self, blocks: Sequence[Block], path: str) -> None:
        parts = self._words(render_all(blocks, self._context, f"{path}.content"), path)
        if not parts:
            return
        message = instruction(self._content(parts), self._dialect)
        if message["role"] == "user":
            self._context.notes.add("system-inlined", path)
        self.messages.append(message)

    def _words(self, parts: list[Part], path: str) -> list[Part]:
        """Return the text parts: system and assistant messages take no others."""
        words = [part for part in parts if is_text(part)]
        if len(words) < len(parts):
            self._context.notes.add("image-omitted", path)
        return words

    # -- user -----------------------------------------------------------------------------------------------------

    def _user(self, blocks: Sequence[Block], path: str) -> None:
        attached: list[Part] = []
        parts: list[Part] = []
        for number, block in enumerate(blocks):
            place = f"{path}.content.{number}"
            if is_result(block):
                self._result(block, attached, place)
            else:
                parts += render(block, self._context, place)
        parts = [part for part in (*attached, *parts) if part.get("text") != ""]
        if not parts and any(map(is_result, blocks)):
            return
        parts = parts or [text_part(WORDLESS)]
        if self._marker:
            parts[-1] = {**self._marker, **parts[-1]}
            self._marker = {}
        self._add("user", self._content(parts))

    def _result(self, block: Block, attached: list[Part], path: str) -> None:
        parts = render_all(block.get("content"), self._context, f"{path}.content")
        marker = marker_of(block, self._dialect) or next(filter(None, map(marker_in, reversed(parts))), {})
        failed = block.get("is_error") is True
        content: str | list[Part]
        if (
            self._dialect.tool_content == "parts"
            and _fits_a_result(parts)
            and (self._parts_only or not all(map(is_text, parts)))
        ):
            content = (
                _as_error_parts(parts) if failed else parts or [text_part(self._dialect.empty_tool_content or " ")]
            )
            content = [*content[:-1], {**content[-1], **marker}]
        else:
            self._marker = marker or self._marker
            content = self._result_text(parts, attached, path)
            content = _as_error(content) if failed else content or self._dialect.empty_tool_content
        call_id = self._ids.of(text(block.get("tool_use_id")))
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _result_text(self, parts: list[Part], attached: list[Part], path: str) -> str:
        """Return a result as text; its pictures and files go into `attached`, each under its number."""
        lines = []
        for part in parts:
            if is_text(part):
                lines.append(part["text"])
                continue
            number = len(attached) // 2 + 1  # each has its heading
            kind = "image" if part["type"] == "image_url" else "document"
            lines.append(f"[{kind} {number} is attached in the next user message]")
            attached += [text_part(f"[{kind} {number}, from the tool result above]"), _unmarked(part)]
            self._context.notes.add("image-moved", path)
        return "\n".join(lines)

    # -- assistant ------------------------------------------------------------------------------------------------

    def _assistant(self, blocks: Sequence[Block], path: str) -> None:
        recalled = self._reader.recall(blocks, path)
        said = [block for block in blocks if block.get("type") not in {*THOUGHTS, "tool_use"}]
        calls = {text(block.get("id")): self._call(block, path) for block in blocks if block.get("type") == "tool_use"}
        signed(calls, recalled, self._dialect, self._context.notes, path)
        sent = {name: call["id"] for name, call in calls.items()}
        recalled = msgspec.structs.replace(recalled, details=renamed(recalled.details, sent))
        content = self._reply(said, path)
        if not content and not calls:
            if recalled.text or recalled.details:
                self._context.notes.add("thinking-only", path)
            return
        message = with_reasoning({"role": "assistant", "content": content or ""}, recalled, self._dialect)
        if calls:
            message = {**message, "content": message["content"] or self._nothing, "tool_calls": list(calls.values())}
        self.messages.append(message)
        self.replies.append((message, recalled, path))

    @property
    def _nothing(self) -> str | None:
        return None if self._dialect.null_content else ""

    def _call(self, block: Block, path: str) -> dict[str, Any]:
        self._marker = marker_of(block, self._dialect) or self._marker
        if not text(block.get("name")):
            self._context.notes.add("call-named", path)
        name = self._context.alias(text(block.get("name")) or "unknown", text(block.get("toolset_name")))
        function = {"name": name, "arguments": arguments_of(block.get("input"))}
        return {"id": self._ids.of(text(block.get("id"))), "type": "function", "function": function}

    def _reply(self, blocks: Sequence[Block], path: str) -> str | list[Part]:
        """Return what the assistant said: one text, as a part where a cache marker may need one."""
        path = f"{path}.content"
        spoken = ((block, self._words(render(block, self._context, path), path)) for block in blocks)
        rendered = [(block, parts) for block, parts in spoken if parts]
        gaps = ["", *(_gap(before, after) for (before, _), (after, _) in pairwise(rendered))]
        said = "".join(gap + words_of(parts, "\n") for gap, (_, parts) in zip(gaps, rendered, strict=False))
        if not said or not self._parts_only:
            return said
        markers = (marker_in(part) for _, parts in reversed(rendered) for part in reversed(parts))
        return [{**next(filter(None, markers), {}), **text_part(said)}]


class _Ids:
    """Ids of calls as the backend gets them: its own back, within its length, none used twice."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._of: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, client_id: str) -> str:
        if client_id not in self._of:
            given, copy = self._given(client_id), 1
            name = self._fitting(given)
            while name in self._taken:
                copy += 1
                name = self._fitting(another(given, copy))
            self._taken.add(name)
            self._of[client_id] = name
        return self._of[client_id]

    def _given(self, client_id: str) -> str:
        """The backend's own id; of a copy too, where the client could not be shown it as it is."""
        given = to_backend(client_id)
        return original(client_id) if given == client_id and client_id.startswith(PREFIX) else given

    def _fitting(self, given: str) -> str:
        name = for_backend(to_client(given), self._dialect.id_style) or "call"
        if 0 < self._dialect.id_length < len(name):
            return f"call_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
        return name


# -- small steps ------------------------------------------------------------------------------------------------


def arguments_of(value: object) -> str:
    """Return a call's input as JSON text: the same bytes for the same input, unicode as it is, keys in their order."""
    return msgspec.json.encode(_arguments(value)).decode()


def _arguments(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        if len(value) > 1:
            return value
        raw = mapping(value.get("__unparsedToolInput")).get("raw")  # Claude Code's, for arguments that were no JSON
        return _parsed(raw) or value
    return _parsed(value) or ({} if value is None or value == "" else {"value": value})


def _parsed(value: object) -> Mapping[str, Any]:
    try:
        return mapping(msgspec.json.decode(text(value)))
    except (msgspec.DecodeError, RecursionError):
        return {}


def _leading_system(history: Sequence[Mapping[str, Any]]) -> int:
    """Count the system messages before all others: they are as good as the system prompt."""
    return next((number for number, turn in enumerate(history) if turn["role"] != "system"), len(history))


def _as_blocks(system: object) -> Sequence[Block]:
    if not system:
        return []
    return [{"type": "text", "text": system}] if isinstance(system, str) else [mapping(item) for item in items(system)]


def _without_attribution(block: Block) -> Block:
    said = text(block.get("text"))
    return {**block, "text": without_attribution(said)} if said.startswith(ATTRIBUTION) else block


def without_attribution(said: str) -> str:
    """Return a text of the system prompt without the line."""
    return said.partition("\n")[2].lstrip("\n") if said.startswith(ATTRIBUTION) else said


def _gap(before: Block, after: Block) -> str:
    """Return what joins two texts: nothing between the pieces of one that citations cut, else a paragraph."""
    return "" if before.get("citations") or after.get("citations") else "\n\n"


def _as_error(words: str) -> str:
    if not words:
        return "Error: the tool failed without a message"
    return words if words.lstrip().lower().startswith(("error", "<tool_use_error>")) else f"Error: {words}"


def _as_error_parts(parts: list[Part]) -> list[Part]:
    if parts and is_text(parts[0]):
        return [{**parts[0], "text": _as_error(parts[0]["text"])}, *parts[1:]]
    return [text_part(_as_error("")), *parts]


def _fits_a_result(parts: list[Part]) -> bool:
    """Whether a tool message can hold the parts where it can hold more than text: pictures, but no files."""
    return all(part["type"] in {"text", "image_url"} for part in parts)


def _unmarked(part: Part) -> Part:
    return {key: value for key, value in part.items() if key not in marker_in(part)}
