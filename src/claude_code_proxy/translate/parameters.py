"""Everything in a request that is neither conversation nor tools: limits, sampling, stop sequences, format, identity.

What has no counterpart is accepted and noted, never sent: a backend would refuse it and a client may always send more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ..wire.shapes import count, items, mapping, text
from .context_edits import EDITS
from .dialect import Dialect
from .effort import Intent, merge, will_think
from .notes import Notes
from .plan import JsonShape
from .response_format import translate_format

if TYPE_CHECKING:
    from .request import Target

_ROOM = 1024  # tokens an answer gets even when the estimate says the window is full: the backend knows better
_CONTEXT_SLACK = 256  # tokens of a chat template nobody counts


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What `translate_parameters` found out.

    fields: of the backend's body. stops: all stop sequences the client asked for; scan_stops: those the proxy looks for
    itself. max_tokens: as sent, 0 when the client gave none (count_tokens); text_limit: what was lifted to that, where
    the text is to keep to it, 0 where not. discard: the client wants no output.
    json_shape: it wants JSON text. sentence: an instruction for the model where the backend can't be told, or "".
    """

    fields: dict[str, Any] = {}
    stops: tuple[str, ...] = ()
    scan_stops: tuple[str, ...] = ()
    max_tokens: int = 0
    text_limit: int = 0
    discard: bool = False
    json_shape: JsonShape | None = None
    sentence: str = ""


def translate_parameters(
    request: Mapping[str, Any], target: Target, intent: Intent, notes: Notes, prompt_tokens: int = 0
) -> Parameters:
    """Translate all parameters. prompt_tokens: the size of the prompt, 0 when nobody counted it."""
    dialect = target.dialect
    limit = _max_tokens(request, target, intent, notes, prompt_tokens)
    wished = _wished(request, target)
    stops, sent, scanned = _stops(request, dialect, notes)
    response_format = translate_format(request, dialect, notes)
    fields: dict[str, Any] = {
        **_limit_field(request, dialect, limit),
        **_sampling(request, dialect, intent, notes),
        **({"stop": list(sent)} if sent else {}),
        **response_format.fields,
        **_identity(request, dialect, notes),
        **_service(request, dialect, notes),
    }
    _note_ignored(request, notes)
    return Parameters(
        fields=fields,
        stops=stops,
        scan_stops=scanned,
        max_tokens=limit,
        text_limit=wished if wished < limit else 0,
        discard=request.get("max_tokens") == 0,
        json_shape=response_format.shape,
        sentence=response_format.sentence,
    )


# -- limits ---------------------------------------------------------------------------------------------------------


def _max_tokens(request: Mapping[str, Any], target: Target, intent: Intent, notes: Notes, prompt_tokens: int) -> int:
    if request.get("max_tokens") is None:
        return 0
    asked = count(request["max_tokens"])
    wanted = max(_lifted(asked, target, intent), target.dialect.min_output)
    ceiling = target.max_output or target.max_tokens_limit
    limit = min(wanted, ceiling) if ceiling else wanted
    limit = min(limit, _room(target, limit, prompt_tokens))
    if limit > asked and not (asked == 0 and target.dialect.no_output):
        notes.add("max-tokens-lifted", "max_tokens", f"{asked} -> {limit}")
    if limit < asked:
        notes.add("max-tokens-clamped", "max_tokens", f"{asked} -> {limit}")
    return limit


def _limit_field(request: Mapping[str, Any], dialect: Dialect, limit: int) -> dict[str, Any]:
    if request.get("max_tokens") == 0 and dialect.no_output:
        return merge({}, dialect.no_output)
    return {dialect.max_tokens_field: limit} if limit else {}


def _lifted(asked: int, target: Target, intent: Intent) -> int:
    """Apply MIN_TOKENS_LIMIT: set, it lifts every smaller value; by default only where a thought would eat the answer.

    `max_tokens: 0` is no limit but a wish (warm the cache), and 1 is a probe: both stay as small as can be.
    """
    if asked == 0:
        return 1
    if target.min_tokens_explicit or (asked > 1 and will_think(intent, target.dialect)):
        return max(asked, target.min_tokens)
    return asked


def _wished(request: Mapping[str, Any], target: Target) -> int:
    """Return how many tokens of text are wanted, 0 for no text or any: MIN_TOKENS_LIMIT, where it is set, is a wish."""
    asked = count(request.get("max_tokens"))
    return max(asked, target.min_tokens) if asked and target.min_tokens_explicit else asked


def _room(target: Target, limit: int, prompt_tokens: int) -> int:
    """Return what the window leaves for the answer. Some backends refuse prompt + max_tokens > window (vLLM, SGLang).

    The prompt is an estimate: a twentieth is held back, and an answer keeps `_ROOM`, so that a prompt that is really
    too long gets the backend's own error, which the client knows how to act on.
    """
    if not target.window or not prompt_tokens:
        return limit
    left = target.window - prompt_tokens - prompt_tokens // 20 - _CONTEXT_SLACK
    return max(left, min(limit, _ROOM))


def leaves_room(target: Target, limit: int, prompt_tokens: int) -> bool:
    """Whether a prompt of that size lowers no output limit."""
    return _room(target, limit, prompt_tokens) >= limit


# -- sampling -------------------------------------------------------------------------------------------------------


def _sampling(request: Mapping[str, Any], dialect: Dialect, intent: Intent, notes: Notes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k"):
        value = request.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        understood = dialect.top_k if name == "top_k" else dialect.sampling
        # While it thinks Claude takes no temperature but 1, and reasoning models take none at all.
        if understood and name not in dialect.drop and not intent.on and not _is_one_too_many(name, fields, dialect):
            fields[name] = _within(value, name, dialect, notes)
        elif not (name == "temperature" and value == 1):
            notes.add("sampling-dropped", name)
    return fields


def _is_one_too_many(name: str, fields: Mapping[str, Any], dialect: Dialect) -> bool:
    return name == "top_p" and "temperature" in fields and not dialect.both_sampling


def _within(value: float, name: str, dialect: Dialect, notes: Notes) -> float:
    """Return the nearest value the backend takes."""
    least, most = dialect.ranges.get(name, (value, value))
    nearest = min(max(value, least), most)
    if nearest == value:
        return value
    notes.add("sampling-clamped", name, f"{value} -> {nearest:g}")
    return int(nearest) if nearest == int(nearest) else nearest


# -- stop sequences -------------------------------------------------------------------------------------------------


def _stops(
    request: Mapping[str, Any], dialect: Dialect, notes: Notes
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return all stop sequences, those the backend gets, and those the proxy looks for.

    Law: a stop sequence that ends an answer is reported. A backend that cuts the text without saying which one matched
    can't keep it, so such a backend is not told: the proxy looks for them all and ends the answer itself, a stream
    together with the backend's connection.
    """
    if "stop_sequences" not in request:
        return (), (), ()
    stops = tuple(dict.fromkeys(stop for stop in items(request["stop_sequences"]) if isinstance(stop, str) and stop))
    sent = stops[: dialect.max_stops] if dialect.stop_reported and "stop" not in dialect.drop else ()
    scanned = stops[len(sent) :]
    if scanned:
        notes.add("stops-local", "stop_sequences", str(len(scanned)))
    return stops, sent, scanned


# -- identity and service -------------------------------------------------------------------------------------------


def _identity(request: Mapping[str, Any], dialect: Dialect, notes: Notes) -> dict[str, Any]:
    """Return hashes of who asks and in which session: the backend can tell sessions apart, not people."""
    user = text(mapping(request["metadata"]).get("user_id")) if "metadata" in request else ""
    if not user:
        return {}
    fields: dict[str, Any] = {dialect.user_field: _hash(_person(user)), dialect.cache_key_field: _hash(_session(user))}
    fields.pop("", None)
    if not fields:
        notes.add("user-id", "metadata.user_id")
    return fields


def _session(user: str) -> str:
    """Return the session of Claude Code's user id, a JSON text or `user_..._session_ID`; else all of it."""
    told = _told(user)
    return (user.rpartition("_session_")[2] if told is None else text(told.get("session_id"))) or user


def _person(user: str) -> str:
    """Return Claude Code's user id without its session, so that it stays the same from session to session."""
    told = _told(user)
    if told is None:
        return user.rpartition("_session_")[0] or user
    lasting = {name: value for name, value in told.items() if name != "session_id" and value}
    return msgspec.json.encode(lasting, order="sorted").decode() if lasting and "session_id" in told else user


def _told(user: str) -> Mapping[str, Any] | None:
    """Return the object that a user id is the text of, None where it is none."""
    try:
        return mapping(msgspec.json.decode(user))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _service(request: Mapping[str, Any], dialect: Dialect, notes: Notes) -> dict[str, Any]:
    if "speed" not in request and "service_tier" not in request:
        return {}
    speed, tier = text(request.get("speed")), text(request.get("service_tier"))
    words = {"fast": "priority", "standard_only": "default"} if dialect.service_tier else {}
    if speed not in {"", "standard", *words}:
        notes.add("parameter-ignored", "speed", speed[:32])
    if tier not in {"", "auto", *words}:
        notes.add("parameter-ignored", "service_tier", tier[:32])
    if speed in words and tier in words:
        notes.add("parameter-ignored", "service_tier", "speed counts")
    word = words.get(speed) or words.get(tier)
    return {"service_tier": word} if word else {}


# -- what has no counterpart ----------------------------------------------------------------------------------------

_TRANSLATED = frozenset({"model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream", "metadata"}) | {
    *("stop_sequences", "temperature", "top_p", "top_k", "thinking", "output_config", "output_format", "service_tier"),
    *("speed", "cache_control", "context_management"),
}
_SILENT = frozenset({"safeguards"})  # Claude Code's own check: a verdict is not ours to give, and its absence says so
KNOWN = _TRANSLATED | _SILENT
_MOST = 12  # names in the log


def _note_ignored(request: Mapping[str, Any], notes: Notes) -> None:
    names = [] if request.keys() <= KNOWN else [name for name in request if name not in KNOWN]
    names = [name for name in names if request[name] is not None]
    if "context_management" in request:
        names += [f"context_management {kind}" for kind in _unknown_edits(request)]
    if "output_config" in request and mapping(request["output_config"]).get("task_budget") is not None:
        names.append("output_config.task_budget")
    if names:
        notes.add("parameter-ignored", "body", ", ".join(name[:40] for name in names[:_MOST]))


def _unknown_edits(request: Mapping[str, Any]) -> list[str]:
    """Return the types of edits that `context_edits` does not execute: compaction asks for a call of its own."""
    edits = items(mapping(request.get("context_management")).get("edits"))
    return [kind for kind in (text(mapping(edit).get("type")) for edit in edits) if kind not in EDITS]
