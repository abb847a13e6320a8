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
from .glance import Glance, glance
from .notes import Notes

_BUDGETS = ((2048, "low"), (8192, "medium"), (24576, "high"))  # budget below -> effort; above all: xhigh
_BUDGET_OF = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576}
_LARGEST_BUDGET = 32768  # for every effort above: what Gemini 2.5 and Qwen 3 take
_DEFAULT_EFFORT = "high"  # what Anthropic's API takes for none given
_OFF = frozenset({"disabled", "between_tools"})
_KINDS = frozenset({"", "enabled", "adaptive", *_OFF})
_SHOWN = frozenset({"", "summarized", "omitted", "updates"})  # `display`; all but one are shown whole
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


def read_intent(request: Mapping[str, Any], seen: Glance | None = None) -> Intent:
    """Read `thinking`, `output_config.effort` and the efforts on system messages, of which the latest counts.

    seen: the messages, None for a look at them.
    """
    seen = seen or glance(request)
    thinking = mapping(request["thinking"]) if "thinking" in request else {}
    kind = text(thinking["type"]) if "type" in thinking else ""
    visible = thinking.get("display") != "omitted"
    effort = latest_effort(request)
    if kind in _OFF or effort == "none":
        lost = None if effort == "none" else effort
        return Intent(on=False, effort=lost, visible=visible, hidden=kind == "disabled")
    on = True if kind in {"enabled", "adaptive"} else None
    budget = count(thinking.get("budget_tokens")) or None if kind == "enabled" else None
    brief = on is None and effort is None and not seen.replied and _is_brief(request)
    return Intent(on=on, effort=effort, budget=budget, visible=visible, brief=brief)


def note_intent(request: Mapping[str, Any], notes: Notes) -> None:
    """Note what `read_intent` could not take as it was said."""
    if "thinking" not in request:
        return
    thinking = mapping(request["thinking"])
    kind = text(thinking.get("type"))
    if kind == "between_tools":
        notes.add("thinking-off", "thinking.type", kind)
    elif kind not in _KINDS:
        notes.add("thinking-open", "thinking.type", kind[:32])
    elif kind == "enabled" and not count(thinking.get("budget_tokens")):
        notes.add("thinking-open", "thinking.budget_tokens")
    if kind == "adaptive" and thinking.get("budget_tokens") is not None:
        notes.add("parameter-ignored", "thinking.budget_tokens", "adaptive thinking has none")
    if text(thinking.get("display")) not in _SHOWN:
        notes.add("parameter-ignored", "thinking.display")


def effort_fields(intent: Intent, dialect: Dialect, notes: Notes, limit: int = 0) -> dict[str, Any]:
    """Return the body fields that say `intent` in the backend's words; nothing where the client said nothing.

    Only a model that thinks unless it is told not to is told so for a brief answer. limit: the max_tokens that are
    sent, 0 unknown; a budget stays below them.
    """
    if intent.on is False:
        if intent.effort is not None:
            notes.add("effort-clamped", "output_config.effort", f"{intent.effort[:32]}: thinking is off")
        return _off_fields(dialect, notes)
    if intent.brief:
        return _off_fields(dialect, Notes()) if thinks_by_itself(dialect) else merge({}, dialect.thinking_off)
    if intent.on is None and intent.effort is None and intent.budget is None:
        return {}
    fields: dict[str, Any] = merge({}, dialect.thinking_on) if intent.on else {}
    budget = _budget(intent, dialect, notes, limit)
    word = None if budget else _word(intent, dialect, notes)
    if budget:
        fields = merge(fields, _at(dialect.budget_path, budget))
    if word:
        fields = merge(fields, _at(dialect.effort_path, word))
    _note_lost(intent, dialect, notes, sent=bool(fields))
    return fields


def thinking_said(intent: Intent, dialect: Dialect, free: Dialect) -> dict[str, Any]:
    """Return what a body says of thinking, in the fields `free` has for it: the same backend beside no tools."""
    said = merge(effort_fields(intent, dialect, Notes()), dialect.extra_body)
    known = {*free.effort_path[:1], *free.budget_path[:1], *free.thinking_on, *free.thinking_off}
    return {name: value for name, value in said.items() if name in known}


def thinks_by_itself(dialect: Dialect) -> bool:
    """Whether the model thinks although nobody asked it to."""
    return dialect.thinks in {"default", "always"}


def will_think(intent: Intent, dialect: Dialect) -> bool:
    """Whether the model will think about this request, so that thoughts share the output limit with the answer."""
    if dialect.thinks in {"never", "always"}:
        return dialect.thinks == "always"
    if intent.on is False or intent.brief:
        return dialect.thinks == "default" and not dialect.thinking_off and "none" not in dialect.efforts
    if intent.on is None and intent.effort is None and intent.budget is None:
        return dialect.thinks == "default"
    return dialect.thinks == "default" or bool(effort_fields(intent, dialect, Notes()))


def merge(into: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `into` with `fields` laid over it, objects key by key. Neither is changed."""
    merged = dict(into)
    for key, value in fields.items():
        old = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[key] = merge(mapping(old) if both else {}, value) if isinstance(value, Mapping) else value
    return merged


def latest_effort(request: Mapping[str, Any]) -> str | None:
    """Return the effort that holds at the end: a system message's until another names one, or until it is cleared."""
    lasting, passing = _effort_in(request) if "output_config" in request else "", ""
    for message in items(request.get("messages")):
        role = message.get("role") if isinstance(message, dict) else ""
        if role == "user":
            passing = ""
        word = _effort_in(message) if role == "system" else ""
        if word and message.get("clear_at") == "next_user_message":
            passing = word
        elif word:
            lasting, passing = word, ""
    return (passing or lasting).strip().lower() or None


def _effort_in(holder: Mapping[str, Any]) -> str:
    return text(mapping(holder["output_config"]).get("effort")) if "output_config" in holder else ""


def _is_brief(request: Mapping[str, Any]) -> bool:
    """Whether a question of its own has no tools, and less room for its answer than a thought takes."""
    return 0 < count(request.get("max_tokens")) < _BRIEF and not request.get("tools")


def _off_fields(dialect: Dialect, notes: Notes) -> dict[str, Any]:
    """Return the backend's own switch, else `none`, else the lowest word for a model that thinks anyway.

    Of a model that may or may not think, only `minimal` says what is meant: any other effort asks for a thought, and
    some backends answer 400 to one beside a request not to think (case HI-13).
    """
    fields = {} if dialect.thinks == "always" else merge({}, dialect.thinking_off)
    words = [word for word in dialect.efforts if word != "none" and dialect.efforts_known]
    if "none" in dialect.efforts and dialect.thinks != "always":
        return merge(fields, _at(dialect.effort_path, "none"))
    if dialect.thinks == "always" or (dialect.thinks == "default" and words[:1] == ["minimal"] and not fields):
        notes.add("thinking-kept", "thinking", words[0] if words else "")
        return merge(fields, _at(dialect.effort_path, words[0])) if words else fields
    if not fields and dialect.thinks not in {"never", "asked"}:
        notes.add("thinking-unsupported", "thinking")
    return fields


def _budget(intent: Intent, dialect: Dialect, notes: Notes, limit: int) -> int | None:
    """Return the tokens for `budget_path`: the client's, or what its effort stands for where no word is understood."""
    if not dialect.budget_path:
        return None
    budget = intent.budget
    if intent.effort is not None:
        budget = None if dialect.efforts else budget or _BUDGET_OF.get(intent.effort, _LARGEST_BUDGET)
        if not dialect.efforts:
            notes.add(
                "effort-as-budget", "output_config.effort", f"{intent.effort[:32]} -> {budget or 'as the backend does'}"
            )
    room = limit * 4 // 5
    if budget and limit and room < budget:
        notes.add("budget-lowered", "thinking.budget_tokens", f"{budget} -> {room}")
        return room
    return budget


def _word(intent: Intent, dialect: Dialect, notes: Notes) -> str | None:
    """Return the effort word. A model that must be asked is asked for the API's default where the client names none."""
    wanted = intent.effort or _bucket(intent.budget)
    if not wanted and intent.on and dialect.thinks == "asked" and not dialect.thinking_on:
        return _nearest(_DEFAULT_EFFORT, dialect.efforts)
    if not wanted or not _takes_words(dialect):
        return None
    word = _nearest(wanted, dialect.efforts)
    if intent.budget is not None:
        notes.add("budget-as-effort", "thinking.budget_tokens", str(word)[:32])
    if intent.effort is not None and word != wanted:
        notes.add("effort-clamped", "output_config.effort", f"{wanted[:32]} -> {word or 'the default'}")
    return word


def _note_lost(intent: Intent, dialect: Dialect, notes: Notes, *, sent: bool) -> None:
    """Note each wish that no field of the body says: the word or the number where neither is understood."""
    takes_words, takes_budget = _takes_words(dialect), bool(dialect.budget_path)
    if intent.effort is not None and not takes_words and not takes_budget:
        notes.add("thinking-unsupported", "output_config.effort")
    elif intent.budget is not None and not takes_words and not takes_budget:
        notes.add("thinking-unsupported", "thinking.budget_tokens")
    elif intent.on and not sent and dialect.thinks in {"never", "asked"} and not takes_words:
        notes.add("thinking-unsupported", "thinking")


def _takes_words(dialect: Dialect) -> bool:
    """Whether the backend can be told how much to think, and not only not to."""
    return any(word != "none" for word in dialect.efforts)


def _bucket(budget: int | None) -> str | None:
    if budget is None:
        return None
    return next((word for below, word in _BUDGETS if budget < below), "xhigh")


def _nearest(wanted: str, offered: tuple[str, ...]) -> str | None:
    """Return the offered word nearest below, else nearest above.

    A word nobody knows is one of a later version, and new efforts are higher ones: the highest (case PA-08).
    """
    known = [word for word in EFFORTS if word in offered and word != "none"]
    if wanted in offered or not known:
        return wanted if wanted in offered else None
    rank = EFFORTS.index(wanted) if wanted in EFFORTS else len(EFFORTS)
    below = [word for word in known if EFFORTS.index(word) <= rank]
    return below[-1] if below else known[0]


def _at(path: tuple[str, ...], value: object) -> dict[str, Any]:
    nested: Any = value
    for key in reversed(path):
        nested = {key: nested}
    return nested if isinstance(nested, dict) else {}
