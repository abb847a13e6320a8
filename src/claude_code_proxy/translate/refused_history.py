"""What a backend refuses of a history: reasoning that is missing, foreign or unknown to it, roles and their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..wire.shapes import items, mapping
from .dialect import Dialect
from .refusal import Passing, Refusal

Facts = Mapping[str, Any]

_STATEFUL = ("reasoning_details", "thinking_parts")  # where reasoning goes back with its signatures


def missing_reasoning(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """History without the reasoning the backend wants back (DeepSeek, Kimi, Gemini, Claude behind a gateway)."""
    if refusal.says("thought_?signature") and refusal.says("missing") and not dialect.call_signatures:
        return {"call_signatures": True, "replay_required": "with_tools"}  # a placeholder for those that are lost
    if refusal.says(_NO_THOUGHT_FIRST):
        return _thoughtless(refusal, dialect)
    if not refusal.says("reasoning_content") or not refusal.says(
        "must be passed back|missing|required|must be (?:present|provided)"
    ):
        return None
    if dialect.replay_required == "never":
        return {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"}
    return {"replay_fallback": "disable"} if dialect.replay_fallback != "disable" else None


_NO_THOUGHT_FIRST = r"expected \W?thinking\W[^.]*found|must start with a thinking block"


def _thoughtless(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Only its own signed thoughts are good enough for Claude: where they are lost, it does not think."""
    if dialect.replay_fallback == "signed":
        return None
    called = any("tool_calls" in mapping(message) for message in items(refusal.body.get("messages")))
    facts = {"replay_required": "with_tools" if called else "always", "replay_fallback": "signed"}
    return facts if dialect.replay in _STATEFUL else {"replay": "none", **facts}


def foreign_signature(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Signatures of another route, model or key: the request is made again without them (translation reference 3.5)."""
    return Passing(trusts_signatures=False) if dialect.trusts_signatures and refusal.says(_FOREIGN) else None


_FOREIGN = (
    r"(?:invalid|corrupt\w*|malformed|bad|expired) \W?(?:thought[_ ]?|thinking )?signature"
    r"|(?:thought[_ ]?signature|\bsignature\b[^.]{0,40}\bthinking)\W{1,3}[^.]{0,40}"
    r"(?:not valid|invalid|corrupt|malformed|mismatch|could not be (?:verified|validated|decoded))"
    r"|\b(?:decod|verif|validat)\w*[^.]{0,30}\bthought[_ ]?signature|\bthinking signature (?:is )?(?:not valid|invalid)"
    r"|\bencrypted[_ ]content\b.{0,80}\b(?:could not|cannot|can't) be (?:verified|decrypted|parsed)"
)


def refused_reasoning(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A strict server that knows no reasoning in messages."""
    if dialect.replay == "none" or not refusal.says_unknown or "reasoning" not in refusal.text:
        return None
    mentioned = refusal.mentions("reasoning_content", "reasoning_details")
    in_message = "messages" in (refusal.text + refusal.param)
    return {"replay": "none", "replay_required": "never"} if mentioned or in_message else None


_SYSTEM_FIRST = (
    r"system (?:message|role|prompt)\S* (?:must|should|can only|is only|may only)[^.]*(?:begin|first|start)"
    r"|(?:unexpected|invalid) role[: ]*[`'\"]?system"
    r"|^(?=.*\brole).*(?:should be|expected one of)\W*user\W+(?:or\W+)?assistant"
)
_NO_SYSTEM = (
    r"system (?:role|messages?|prompts?|instructions?)\W+(?:(?:is|are) )?"
    r"(?:not (?:supported|allowed|available|enabled)|unsupported)"
    r"|not support (?:the |a |any )?\W?system\W{0,2} ?(?:role|messages?|prompts?|instructions?)"
    r"|\brole\W{1,3}system\W+(?:is )?(?:not (?:supported|allowed|available|enabled)|unsupported)|no system role"
    r"|\bsystem\W? role (?:is )?(?:not (?:supported|allowed|available|enabled)|unsupported)"
    r"|role\W{1,3}user\W+(?:but )?got\W+system|messages\W{1,2}0\W{1,2}role\W+input should be \W?user"
    r"|developer instructions? (?:is|are) not enabled"
    r"|only user(?:,| and) (?:assistant|model)\b.{0,20}roles are supported"
    r"|(?:unexpected|invalid|unknown|unsupported) role[: ]*[`'\"]?system"
)
_PREFILL = (
    r"prefill|last role user or tool|last message\b[^.]{0,40}\b(?:is from|must|cannot|should)\b[^.]*(?:assistant|user)"
    r"|assistant messages? at the end|conversation must end with a user"
)
_ROLES: tuple[tuple[str, str, object, object], ...] = (
    # what is said, the field, its value before, and after
    (r"developer", "system_role", "developer", "system"),
    (_SYSTEM_FIRST, "system_in_place", True, False),
    (r"role '?user'? after role '?tool'?|tool[^.]*followed by[^.]*assistant", "assistant_after_tool", False, True),
    (r"roles? must alternate|alternat", "merges_user_turns", False, True),
    (r"length of 9|9 characters", "id_style", "any", "mistral9"),
)  # fmt: skip


def roles(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """Roles, their order, and the ids between them."""
    if refusal.says(_PREFILL) and dialect.prefill != "none":
        return {"prefill": "none"}
    for words, field, before, after in _ROLES:
        if getattr(dialect, field) == before and refusal.says(words):
            return {field: after}
    if dialect.system_role == "system" and _has_system(refusal.body) and refusal.says(_NO_SYSTEM):
        return {"system_role": "user", "system_in_place": False}  # Gemma's template knows no system
    return None


def _has_system(body: Mapping[str, Any]) -> bool:
    return any(mapping(message).get("role") == "system" for message in items(body.get("messages")))
