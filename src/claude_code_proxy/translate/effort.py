"""How much the model should think, as one intent, and the intent in the backend's own fields.

Translation reference, section 4.5:

    effort  >  budget_tokens  >  nothing          what the client says most exactly wins
    thinking disabled         =>  no effort       backends answer 400 to the two together
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..wire.shapes import count, items, mapping, text
from .dialect import EFFORTS, Dialect
from .notes import Notes

_BUDGETS = ((2048, "low"), (8192, "medium"), (24576, "high"))  # budget below -> effort; above all: xhigh
_BUDGET_OF = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768}
_OFF = frozenset({"disabled", "between_tools"})
_BRIEF = 1024  # max_tokens below which a thought leaves nothing for the answer: titles, classifiers, probes


class Intent(msgspec.Struct, frozen=True):
    """What the client wants of the model's thinking.

    on: True and False when it said so, None when it left it to the model; effort: the word it gave, or None;
    budget: tokens, or None; visible: the thinking's text is shown, not only signed; hidden: no thinking block at all;
    brief: a side question, nothing said of thinking, and no room for it.
    """

    on: bool | None = None
    effort: str | None = None
    budget: int | None = None
    visible: bool = True
    hidden: bool = False
    brief: bool = False

    @property
    def explicit(self) -> bool:
        """Whether the client asked for something a backend can fail to give: `adaptive` leaves the choice to it."""
        return self.on is False or self.effort is not None or self.budget is not None


def read_intent(request: Mapping[str, Any]) -> Intent:
    """Read `thinking`, `output_config.effort` and the efforts on system messages, of which the latest counts."""
    thinking = mapping(request.get("thinking"))
    kind = text(thinking.get("type"))
    visible = text(thinking.get("display")) != "omitted"
    effort = _effort(request)
    if kind in _OFF or effort == "none":
        return Intent(on=False, visible=visible, hidden=kind == "disabled")
    on = True if kind in {"enabled", "adaptive"} else None
    budget = count(thinking.get("budget_tokens")) or None if kind == "enabled" else None
    brief = on is None and effort is None and _is_brief(request)
    return Intent(on=on, effort=effort, budget=budget, visible=visible, brief=brief)


def effort_fields(intent: Intent, dialect: Dialect, notes: Notes, limit: int = 0) -> dict[str, Any]:
    """Return the body fields that say `intent` in the backend's words; nothing where the client said nothing.

    Only a backend that thinks unless it is told not to (`thinking_off`) is told so for a brief answer. limit: the
    max_tokens that are sent, 0 unknown; a budget stays below them.
    """
    if intent.on is False:
        return _off_fields(intent, dialect, notes)
    if intent.brief:
        return merge({}, dialect.thinking_off)
    fields: dict[str, Any] = merge({}, dialect.thinking_on) if intent.on else {}
    budget = _budget(intent, dialect, limit)
    word = None if budget else _word(intent, dialect, notes)
    if budget:
        fields = merge(fields, _at(dialect.budget_path, budget))
    if word:
        fields = merge(fields, _at(dialect.effort_path, word))
    if not fields and intent.explicit:
        notes.add("thinking-unsupported", "output_config.effort" if intent.effort else "thinking")
    return fields


def thinks(intent: Intent, dialect: Dialect) -> bool:
    """Whether the backend will be told to think, so that thoughts share the output limit with the answer."""
    if intent.on is False or intent.brief:
        return False
    return bool(effort_fields(intent, dialect, Notes()))


def merge(into: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `into` with `fields` laid over it, objects key by key. Neither is changed."""
    merged = dict(into)
    for key, value in fields.items():
        old = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[key] = merge(mapping(old) if both else {}, value) if isinstance(value, Mapping) else value
    return merged


def _effort(request: Mapping[str, Any]) -> str | None:
    effort = text(mapping(request.get("output_config")).get("effort"))
    for message in items(request.get("messages")):
        if mapping(message).get("role") == "system":
            effort = text(mapping(message.get("output_config")).get("effort")) or effort
    return effort or None


def _is_brief(request: Mapping[str, Any]) -> bool:
    """Whether this is a question of its own, without tools, whose answer has less room than a thought takes."""
    answered = any(mapping(message).get("role") == "assistant" for message in items(request.get("messages")))
    return 0 < count(request.get("max_tokens")) < _BRIEF and not request.get("tools") and not answered


def _off_fields(intent: Intent, dialect: Dialect, notes: Notes) -> dict[str, Any]:
    fields = merge({}, dialect.thinking_off)
    if "none" in dialect.efforts:
        fields = merge(fields, _at(dialect.effort_path, "none"))
    if not fields and intent.explicit:
        notes.add("thinking-unsupported", "thinking")
    return fields


def _budget(intent: Intent, dialect: Dialect, limit: int) -> int | None:
    """Return the tokens for `budget_path`: the client's, or what its effort stands for where no word is understood."""
    if not dialect.budget_path:
        return None
    budget = intent.budget
    if intent.effort is not None:
        budget = None if dialect.efforts else budget or _BUDGET_OF.get(intent.effort)
    return min(budget, limit * 4 // 5) if budget and limit else budget


def _word(intent: Intent, dialect: Dialect, notes: Notes) -> str | None:
    wanted = intent.effort or _bucket(intent.budget)
    if not wanted or not dialect.efforts:
        return None
    if intent.effort is None:
        notes.add("budget-as-effort", "thinking.budget_tokens", wanted)
    word = _nearest(wanted, dialect.efforts)
    if word != wanted:
        path = "output_config.effort" if intent.effort else "thinking.budget_tokens"
        notes.add("effort-clamped", path, f"{wanted[:32]} -> {word or 'the default'}")
    return word


def _bucket(budget: int | None) -> str | None:
    if budget is None:
        return None
    return next((word for below, word in _BUDGETS if budget < below), "xhigh")


def _nearest(wanted: str, offered: tuple[str, ...]) -> str | None:
    """Return the offered word nearest below, else nearest above; None for a word nobody knows."""
    if wanted in offered:
        return wanted
    known = [word for word in EFFORTS if word in offered and word != "none"]
    if wanted not in EFFORTS or not known:
        return None
    rank = EFFORTS.index(wanted)
    below = [word for word in known if EFFORTS.index(word) <= rank]
    return below[-1] if below else known[0]


def _at(path: tuple[str, ...], value: object) -> dict[str, Any]:
    nested: Any = value
    for key in reversed(path):
        nested = {key: nested}
    return nested if isinstance(nested, dict) else {}
