"""Reasoning on its way back: thinking blocks of the history as the field the backend wants them in.

The state of a turn travels in its blocks' signatures (`envelope.py`). What is ours and of the same model goes back as
it was; what is foreign, edited or of another model is dropped with a note, its text kept only where the backend refuses
a history without reasoning. No signature, however odd, fails a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..wire.shapes import text
from . import tool_ids
from .arrange import as_parts
from .dialect import Dialect
from .envelope import Envelope, digest, unseal
from .notes import Notes
from .parts import Block, Part, text_part

THOUGHTS = frozenset({"thinking", "redacted_thinking"})

BYPASS = "skip_thought_signature_validator"
"""Gemini's own value for histories whose signatures are lost (https://ai.google.dev/gemini-api/docs/thought-signatures)."""

_TEXT_FIELDS = frozenset({"reasoning_content", "reasoning"})


class Recalled(msgspec.Struct, frozen=True):
    """What is known of one assistant turn's reasoning.

    details, calls: opaque state, and signatures by call id; field: where the backend sent its text; own: an envelope of
    this very backend and model vouches for it all.
    """

    text: str = ""
    details: list[dict[str, Any]] = []
    calls: dict[str, str] = {}
    field: str = ""
    own: bool = False


NOTHING = Recalled()


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the backend and model the request goes to, and the key of our envelopes."""

    backend: str
    model: str
    seal: bytes
    dialect: Dialect
    notes: Notes

    def recall(self, blocks: Sequence[Block], path: str) -> Recalled:
        """Return what the thinking blocks of one assistant turn say, to this backend."""
        read = [self._block(block, f"{path}.content") for block in blocks if block.get("type") in THOUGHTS]
        return Recalled(
            "\n".join(one.text for one in read if one.text),
            [detail for one in read for detail in one.details],
            {name: signature for one in read for name, signature in one.calls.items()},
            next((one.field for one in read if one.field), ""),
            any(one.own for one in read),
        )

    def _block(self, block: Block, path: str) -> Recalled:
        redacted = block.get("type") == "redacted_thinking"
        envelope = unseal(text(block.get("data" if redacted else "signature")), self.seal)
        if envelope is None:
            self.notes.add("thinking-redacted" if redacted else "thinking-foreign", path)
            return self._words(text(block.get("thinking")))
        return self._opened(envelope, text(block.get("thinking")), path)

    def _opened(self, envelope: Envelope, shown: str, path: str) -> Recalled:
        words = shown if envelope.text is None else envelope.text
        if (envelope.backend, envelope.model) != (self.backend, self.model):
            self.notes.add("thinking-other-model", path)
            return self._words(words)
        if envelope.text is None and digest(shown) != envelope.digest:
            self.notes.add("thinking-edited", path)
            return self._words(words)
        if not self.dialect.trusts_signatures:
            self.notes.add("thinking-refused", path)
            return self._words(words)
        return Recalled(words, envelope.details, envelope.calls, envelope.field, own=True)

    def _words(self, words: str) -> Recalled:
        """Keep reasoning without its state, where the backend insists on some."""
        wanted = self.dialect.replay_required != "never" and self.dialect.replay in {*_TEXT_FIELDS, "think_tag"}
        return Recalled(words if wanted else "")


# -- into the message -----------------------------------------------------------------------------------------------


def with_reasoning(message: dict[str, Any], recalled: Recalled, dialect: Dialect) -> dict[str, Any]:
    """Return the assistant message with its reasoning where the dialect has it."""
    words, details = recalled.text, recalled.details
    replay: str = dialect.replay
    if replay == "own":
        replay = recalled.field if recalled.own else "none"
    if replay == "reasoning_details" and details:
        return {**message, "reasoning_details": details}
    if replay == "none" or not words:
        return message
    if replay == "think_tag":
        return {**message, "content": _tagged(words, message["content"])}
    if replay == "thinking_parts":
        return {**message, "content": [_chunk(words, details), *as_parts(message["content"])]}
    return {**message, "reasoning" if replay == "reasoning_details" else replay: words}


def signed(calls: dict[str, dict[str, Any]], recalled: Recalled, dialect: Dialect, notes: Notes, path: str) -> None:
    """Give the tool calls, by the client's id, the signatures the backend gave them."""
    if not dialect.call_signatures:
        return
    found = {name: signature for name in calls if (signature := _signature(name, recalled))}
    if calls and not found and dialect.replay_required != "never":
        notes.add("thinking-lost", path)
        found[next(iter(calls))] = BYPASS  # only the first call of a step carries one
    for name, signature in found.items():
        calls[name]["extra_content"] = {"google": {"thought_signature": signature}}


def renamed(details: list[dict[str, Any]], ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the details with the ids their calls are sent with: Gemini behind OpenRouter finds its signatures by them.

    ids: as they are sent, by the client's. Of several calls that were given one id, each detail names the next.
    """
    sent: dict[str, list[str]] = {}
    for client_id, backend_id in ids.items():
        for given in dict.fromkeys((tool_ids.to_backend(client_id), tool_ids.original(client_id))):
            sent.setdefault(given, []).append(backend_id)
    return [_with_id(detail, sent.get(text(detail.get("id")), [])) for detail in details]


def _with_id(detail: dict[str, Any], sent: list[str]) -> dict[str, Any]:
    if not sent:
        return detail
    return {**detail, "id": sent.pop(0) if len(sent) > 1 else sent[0]}


def filled(messages: list[tuple[dict[str, Any], Recalled, str]], dialect: Dialect, notes: Notes) -> bool:
    """Put in what stands for lost reasoning; return whether thinking must be off for this request.

    messages: the assistant messages of the request with their path. A backend that answers 400 to a turn without
    reasoning gets its dialect's own fallback. Where other turns have kept theirs, the model did not think in this one
    (an empty thought leaves no block), so thinking stays on and a space stands for it.
    """
    field, fallback = dialect.replay, dialect.replay_fallback
    if fallback == "signed":
        return _unsigned(messages, dialect, notes)
    if field not in {*_TEXT_FIELDS, "think_tag"}:
        return False
    lost = [entry for entry in messages if _required(entry[0], dialect) and not entry[1].text]
    kept = any(recalled.own for _, recalled, _ in messages)
    for message, _, path in lost:
        if not kept and fallback != "omit":
            notes.add("thinking-lost", path, fallback)
        if field in _TEXT_FIELDS and (fallback == "space" or (kept and fallback == "disable")):
            message[field] = " "
    return bool(lost) and not kept and fallback == "disable"


def _unsigned(messages: list[tuple[dict[str, Any], Recalled, str]], dialect: Dialect, notes: Notes) -> bool:
    """Whether a turn lacks the signed thought that a model insists on while it thinks (Claude behind a gateway)."""
    sent = dialect.replay != "none"
    lost = [
        path for message, recalled, path in messages if _required(message, dialect) and not (sent and recalled.details)
    ]
    for path in lost:
        notes.add("thinking-lost", path, dialect.replay_fallback)
    return bool(lost)


def _required(message: dict[str, Any], dialect: Dialect) -> bool:
    called = "tool_calls" in message
    return dialect.replay_required == "always" or (dialect.replay_required == "with_tools" and called)


def _tagged(words: str, content: Any) -> Any:
    tag = f"<think>\n{words.strip()}\n</think>\n"
    return [text_part(tag), *content] if isinstance(content, list) else f"{tag}{content or ''}"


def _chunk(words: str, details: list[dict[str, Any]]) -> Part:
    signature = next((detail["signature"] for detail in details if text(detail.get("signature"))), None)
    said = {"type": "thinking", "thinking": [text_part(words)]}
    return {**said, "signature": signature} if signature else said


def _signature(call_id: str, recalled: Recalled) -> str:
    """Return a call's signature; an id the history renamed (`id_2`) was sealed under its first name."""
    return recalled.calls.get(call_id) or recalled.calls.get(call_id.rpartition("_")[0], "")
