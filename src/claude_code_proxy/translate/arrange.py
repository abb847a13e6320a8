"""Order and end of a conversation as one backend wants them: prefill, instructions, alternation, cache markers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from .dialect import Dialect
from .notes import Notes
from .parts import Part, is_marked, is_text, text_part, words_of

Message = dict[str, Any]

CONTINUE = "Continue your last message exactly where it ends. Repeat none of it, and do not comment on this."
"""Asks for the rest of a prefilled answer on backends without the feature."""

_RESUMED = "(The conversation goes on.)"  # before an assistant's opening, where a user must speak first
_SEEN = "I have the results."  # between results and the user, where an assistant must speak first
_MOST_MARKERS = 4  # OpenAI and Anthropic alike


def instruction(words: str | list[Part], dialect: Dialect) -> Message:
    """Return what the system says in mid-conversation, as a message of its own: it keeps its place.

    Hoisted to the top it would change its meaning and end the backend's prefix cache (llama.cpp#21954).
    """
    if dialect.system_in_place and dialect.system_role != "user":
        return {"role": dialect.system_role, "content": words}
    said = words if isinstance(words, str) else words_of(words, "\n\n")
    reminder = f"<system-reminder>\n{said}\n</system-reminder>"
    if isinstance(words, str):
        return {"role": "user", "content": reminder}
    return {"role": "user", "content": [{**marker_in(words[-1]), **text_part(reminder)}]}


def prefilled(
    messages: list[Message], sentences: Sequence[str], dialect: Dialect, notes: Notes
) -> tuple[list[Message], str, dict[str, Any]]:
    """Return the messages with their end put right, the prefill, and the body fields that go with it.

    sentences: instructions of ours; they stand at the end, but before a prefill that must stay last.
    """
    last = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
    said = [instruction("\n".join(sentences), dialect)] if sentences else []
    if last is None:
        return [*messages, *said], "", {}
    prefill = _spoken(last["content"])
    if dialect.prefill == "none":
        notes.add("history-prefill", "messages", "as an instruction")
        return [*messages, *said, {"role": "user", "content": CONTINUE}], prefill, {}
    marked = {**last, "prefix": True} if dialect.prefill == "prefix" else last
    goes_on = {"continue_final_message": True, "add_generation_prompt": False}
    return [*messages[:-1], *said, marked], prefill, goes_on if dialect.prefill == "continue" else {}


def settled(messages: Iterable[Message], dialect: Dialect) -> list[Message]:
    """Return the messages in the order of roles the dialect's chat template demands."""
    if dialect.system_role == "user":
        messages = _without_system(list(messages))
    if dialect.merges_user_turns:
        messages = _alternating(messages)
    if dialect.assistant_after_tool:
        messages = _answered(list(messages))
    return list(messages)


def mark_last(messages: list[Message], marker: Mapping[str, Any]) -> None:
    """Put the request's own cache marker on the last message that can carry it."""
    for message in reversed(messages) if marker else ():
        if message["role"] in {"user", "system", "developer"}:
            *before, last = as_parts(message["content"])
            message["content"] = [*before, {**marker, **last}]
            return


def limit_markers(messages: Iterable[Message]) -> None:
    """Take the middle ones of too many cache markers away: the oldest hold the longest prefix, the newest the turn."""
    contents = [message["content"] for message in messages if type(message["content"]) is list]
    marked = [part for content in contents for part in content if is_marked(part)] if contents else []
    for part in marked[_MOST_MARKERS // 2 : -(_MOST_MARKERS // 2)] if len(marked) > _MOST_MARKERS else []:
        for key in marker_in(part):
            del part[key]


def marker_in(part: Part) -> dict[str, Any]:
    """Return the cache marker of a part."""
    return {key: part[key] for key in ("cache_control", "prompt_cache_breakpoint") if key in part}


def as_parts(content: str | list[Part] | None) -> list[Part]:
    """Return a message's content as parts."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return content or []


def _spoken(content: str | list[Part] | None) -> str:
    return content if isinstance(content, str) else words_of(content or [], "")


def _without_system(messages: list[Message]) -> list[Message]:
    """Let the system prompt open the first message of the user's."""
    if not messages or messages[0]["role"] != "system":
        return messages
    prompt, *rest = messages
    opening: Message = {**prompt, "role": "user"}
    if rest and rest[0]["role"] == "user":
        opening["content"] = _together(prompt["content"], rest.pop(0)["content"])
    return [opening, *rest]


def _alternating(messages: Iterable[Message]) -> list[Message]:
    """Join neighbours of one role; let a user speak first."""
    joined: list[Message] = []
    for message in messages:
        if message["role"] == "assistant" and not any(other["role"] in {"user", "assistant"} for other in joined):
            joined.append({"role": "user", "content": _RESUMED})
        if joined and _joinable(joined[-1], message):
            joined[-1] = {**joined[-1], **message, "content": _together(joined[-1]["content"], message["content"])}
        else:
            joined.append(message)
    return joined


def _joinable(before: Message, message: Message) -> bool:
    return before["role"] == message["role"] and message["role"] in {"user", "assistant"} and "tool_calls" not in before


def _together(before: str | list[Part] | None, after: str | list[Part] | None) -> str | list[Part] | None:
    parts = [*as_parts(before), *as_parts(after)]
    if all(is_text(part) and not is_marked(part) for part in parts):
        return words_of(parts, "\n\n") or after
    return parts


def _answered(messages: list[Message]) -> list[Message]:
    answered = messages[:1]
    for before, message in pairwise(messages):
        if before["role"] == "tool" and message["role"] not in {"tool", "assistant"}:
            answered.append({"role": "assistant", "content": _SEEN})
        answered.append(message)
    return answered
