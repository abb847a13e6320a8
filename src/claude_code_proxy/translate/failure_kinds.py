"""What kind of failure a backend's words and status mean.

Words beat the status, because backends use 400, 429 and 500 for anything: first a table of words, then one of
statuses. Sources: translation reference, sections 3 and 6.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from .complaint import Complaint

Kind = Literal[
    "quota", "allowance", "oversized", "unloaded", "loading", "tools", "model", "key", "access", "rate", "overloaded",
    "timeout", "conflict", "large", "output", "request", "address", "broken", "empty",
]  # fmt: skip
"""quota: no credit; allowance: what a day or a month has is used up; oversized: one request is more than a minute has;
unloaded, loading: a local server's model; tools: the model has none; access: the key may not do this; output: the model
wrote an illegal tool call; request: the request is at fault; address: something else than a chat-completions API
answered; broken: the backend itself; empty: an answer without content."""


class Rule(msgspec.Struct, frozen=True):
    """Words that tell a kind of failure. codes count anywhere; the text only at `statuses`, None: no status known."""

    kind: Kind
    codes: frozenset[str]
    words: re.Pattern[str]
    statuses: frozenset[int | None]


def _rule(kind: Kind, codes: str, words: Iterable[str], statuses: Iterable[int | None]) -> Rule:
    return Rule(kind, frozenset(codes.split()), re.compile("|".join(words), re.IGNORECASE), frozenset(statuses))


_CREDENTIAL = r"(?:api.?key|access.?key|token|credentials?|authentication)"

# The first rule that fits wins.
_RULES = (
    _rule(
        "quota",
        "insufficient_quota insufficient_balance payment_required billing_hard_limit_reached billing_not_active "
        "billing_error exceeded_current_quota_error insufficient_credits arrearage 1113 base_resp:1008",
        (
            r"insufficient (?:account )?(?:balance|quota|credits?|funds)",
            r"credit balance is too low",
            r"exceeded your current quota",
            r"(?:out of|no more|requires more|used all (?:your )?available|no remaining) credits?",
            r"(?:not|n't)(?: have)? (?:enough|any) credits?",
            r"credits? (?:have |has |is |are )?(?:been )?(?:exhausted|depleted|used up|run out)|payment required",
            r"(?:spend(?:ing)?|budget|hard) limit (?:has been |was |is )?(?:exceeded|reached)|budget has been exceeded",
            r"reach(?:ed|ing) (?:\w+ ){0,3}spend(?:ing)? limit",
        ),
        (None, 400, 402, 403, 412, 429),
    ),
    _rule(
        "allowance",
        "",
        (
            r"(?:daily|weekly|monthly) (?:\w+ ){0,3}(?:limit|quota|allowance|budget)",
            (
                r"(?:tokens?|requests?|calls|usage|quota)(?: limit)? \(?[^.]{0,30}?"
                r"(?:per|for (?:this|the)|this|in a) (?:day|week|month)"
            ),
            r"\b[TR]PD\b|(?:usage|free.tier|plan) (?:limit|quota)s? (?:has been |was |is )?(?:exceeded|reached)",
            r"exceed(?:ed|s)? (?:your|the) (?:free.tier|plan|usage|account|subscription)\S* (?:\w+ )?(?:limit|quota)",
        ),
        (None, 400, 402, 403, 413, 422, 429, 500, 503),
    ),
    _rule(
        "allowance",
        "",
        (
            (
                r"(?:account|organi[sz]ation|project|team|workspace|trial|key)\S* (?:\w+ ){0,2}limit\b"
                r"[^.]{0,40}(?:exceeded|reached)"
            ),
            r"(?:token|usage|request)s? quota|quota (?:has been |was |is )?exceeded",
        ),
        (400, 402, 422),
    ),
    _rule(
        "unloaded",
        "",
        (
            r"no models? (?:is |are )?loaded",
            r"model (?:has |is |was )?(?:not loaded|unloaded)",
            r"load a model (?:first|in)",
        ),
        (None, 400, 404, 500, 503),
    ),
    _rule(
        "loading",
        "",
        (r"loading (?:the )?model", r"model is (?:currently |still )?(?:being )?load"),
        (None, 500, 502, 503),
    ),
    _rule(
        "tools",
        "",
        (
            r"(?:not|n't) support (?:any )?(?:tools?\b|tool[ _-]?(?:use|call)|function[ _-]?call|functions\b)",
            (
                r"(?<!parallel )\b(?:tools?|tool[ _-](?:use|calling|calls?)|function[ _-]call(?:ing|s)?)[`'\"]? "
                r"(?:is|are) (?:not supported|unsupported)"
            ),
            r"support tool use|tools param requires|requires --enable-auto-tool-choice|--jinja",
        ),
        (None, 400, 404, 422, 500, 501),
    ),
    _rule("access", "", (r"data policy|no allowed providers",), (404,)),
    _rule("request", "", (r"no endpoints found that",), (404,)),
    _rule(
        "model",
        "model_not_found invalid_model model_decommissioned model_not_supported deploymentnotfound unknown_model 1211",
        (
            r"model[ :'\"`(]{1,3}[^ ]{1,120} (?:does not exist|doesn't exist|(?:was |is )?not found|is not available)",
            r"model (?:does )?not (?:exist|found)",
            r"models/\S{1,120} is not found",
            r"model.{1,120}has been (?:deprecated|decommissioned|retired)",
            r"is not a valid model|invalid model\b|unknown model|no such model|requested model is not supported",
            r"supported (?:api )?model names are|no endpoints found for ",
            r"api deployment for this resource does not exist",
        ),
        (None, 400, 403, 404, 410, 422),
    ),
    _rule(
        "key",
        "invalid_api_key authentication_error authentication unauthorized unauthenticated api_key_invalid "
        "authenticationerror invalid_authentication_error base_resp:1004",
        (
            r"(?:invalid|incorrect|missing|expired|wrong) (?:proxy )?(?:api.?key|authentication|credentials)",
            r"api.?key (?:is )?(?:not valid|invalid|missing)",
        ),
        (None, 400),
    ),
    _rule(  # a 403 for the key itself; any other is about what the key may do
        "key",
        "",
        (
            rf"(?:bad|invalid|incorrect|missing|expired|wrong|revoked|disabled|unknown) (?:\w+ )?{_CREDENTIAL}",
            (
                rf"{_CREDENTIAL}\b[^.]{{0,40}}?\b(?:not valid|invalid|incorrect|missing|expired|revoked|disabled"
                r"|deactivated|deleted|suspended|leaked|blocked|not found|rejected|required)\b"
            ),
            r"^\W*un(?:authori[sz]ed|authenticated)\W*$|^\W*user not found\b|authentication (?:failed|fails|required)",
            r"not authenticated|unregistered callers",
        ),
        (403,),
    ),
    _rule(
        "rate",
        "rate_limit_exceeded rate_limit_error rate_limit_reached ratelimitreached rate_limited too_many_requests "
        "resource_exhausted throttling 1302 1303 1305 base_resp:1002",
        (r"rate.?limit", r"too many requests", r"throttl", r"(?:tokens|requests) per (?:min|day)|\b[TR]PM\b"),
        (None, 400, 413, 429, 500, 503),
    ),
    _rule(
        "overloaded",
        "overloaded_error overloaded provider_overloaded provider_unavailable engine_overloaded_error unavailable "
        "unavailable_error service_unavailable capacity_exceeded insufficient_system_resource",
        (
            r"overloaded|(?:at|over) capacity|capacity (?:is )?(?:exceeded|reached|constraint)",
            r"no available provider|no (?:available|healthy) (?:upstream|channel|deployment)",
            r"temporarily unavailable|service (?:is )?unavailable|server (?:is )?(?:too )?busy",
        ),
        (None, 500, 502, 503, 529),
    ),
    _rule(
        "timeout",
        "timeout timeout_error request_timeout deadline_exceeded gateway_timeout",
        (r"timed? ?out\b", r"deadline exceeded"),
        (None, 500, 502),
    ),
    _rule("output", "tool_use_failed", (r"tool call validation failed",), (None, 400)),
    _rule(
        "request",
        "unsupported_parameter unsupported_value",
        (
            r"not supported",
            r"unsupported",
            r"requires --",
            r"cannot use both",
            r"unexpected (?:role|reasoning effort)|supported (?:types|values|levels) are|roles must alternate",
            r"must be at the beginning|raise_exception|jinja|failed to parse grammar|json schema",
            r"failed to (?:load|parse) (?:the )?image",
        ),
        (500, 501),
    ),
)

_STATUS_KINDS: Mapping[int, Kind] = {
    401: "key", 402: "quota", 403: "access", 404: "address", 408: "timeout", 409: "conflict", 413: "large",
    429: "rate", 498: "overloaded", 503: "overloaded", 504: "timeout", 524: "timeout", 529: "overloaded",
}  # fmt: skip

# Codes that come without a status, inside a stream.
_CODE_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("access", re.compile(r"permission\w*|forbidden|access_denied")),
    ("large", re.compile(r"payload_too_large|request_too_large")),
    ("conflict", re.compile(r"conflict(?:_error)?")),
    (
        "request",
        re.compile(
            r"invalid_\w+|\w*badrequest\w*|bad_request|invalidrequest\w*|unprocessable\w*|unsupported_\w+|validation\w*"
            r"|not_?found\w*|precondition_failed|string_\w+|image_\w+|max_tokens_exceeded"
        ),
    ),
)

_FILTER_CODE_WORDS = (
    "content_filter content_filtered content_policy_violation responsibleaipolicyviolation invalid_prompt bio_policy "
    "misalignment_policy_violation refusal data_inspection_failed datainspectionfailed prohibited_content sensitive "
    "1301 base_resp:1026 base_resp:1027"
)
_FILTER_CODES = frozenset(_FILTER_CODE_WORDS.split())
_FILTER_WORDS = re.compile(
    r"content management polic|flagged as (?:potentially )?violating|input (?:was|has been) flagged"
    r"|violat\w{1,5} (?:our |the |openai'?s? )?(?:usage|content) polic"
    r"|content exists risk|considered high risk|requires moderation"
    r"|(?:may contain|due to) inappropriate content|prohibited content"
    r"|blocked by .{0,40}(?:safety|moderation|guardrail|content filter)",
    re.IGNORECASE,
)
_FILTER_STATUSES = frozenset({None, 200, 400, 403, 422, 451, 500})


# OpenAI and Groq, of tokens per minute
_REQUESTED = re.compile(r"limit:? ([\d,]{1,12}\d),? (?:used:? [\d,]+,? )?requested:? ([\d,]{1,12}\d)", re.IGNORECASE)


def is_filtered(said: Complaint, status: int | None) -> bool:
    """Tell whether a content filter stopped the request. status: None inside a stream."""
    if status not in _FILTER_STATUSES:
        return False
    moderated = "flagged_input" in str(said.data.get("metadata", ""))[:4000]  # OpenRouter
    return moderated or not _FILTER_CODES.isdisjoint(said.codes) or bool(_FILTER_WORDS.search(said.text))


def kind_of(said: Complaint, status: int | None, *, comes_back: bool = False) -> Kind:
    """Return the kind of a failure. status: None when none is known; comes_back: the body says when to ask again."""
    rule = next((rule for rule in _RULES if _has_code(rule, said) or _has_words(rule, said, status)), None)
    if rule is None:
        return _by_page(said, status) or _by_status(said, status)
    if rule.kind in {"quota", "allowance"} and comes_back and not _has_code(rule, said):
        return "rate"  # a quota that refills by itself (Gemini's free tier)
    return "oversized" if rule.kind in {"rate", "allowance"} and room_of(said.text) < 0 else rule.kind


def room_of(text: str) -> int:
    """Return how far one request was below the limit it met; below 0: it never fits; 0: nobody says."""
    found = _REQUESTED.search(text)
    return int(found[1].replace(",", "")) - int(found[2].replace(",", "")) if found else 0


def _has_code(rule: Rule, said: Complaint) -> bool:
    return not rule.codes.isdisjoint(said.codes)


def _has_words(rule: Rule, said: Complaint, status: int | None) -> bool:
    return status in rule.statuses and bool(rule.words.search(said.text))


def _by_page(said: Complaint, status: int | None) -> Kind | None:
    """Tell a web page that is no error page of a gateway: it stands where an API was expected."""
    gateway = status is not None and (status in _STATUS_KINDS or status >= 500)  # noqa: PLR2004
    return "address" if said.page and not gateway else None


def _by_status(said: Complaint, status: int | None) -> Kind:
    if status is None:
        by_code = (kind for kind, names in _CODE_KINDS for code in said.codes if names.fullmatch(code))
        return next(by_code, "broken")
    of_class: Kind = "broken" if status >= 500 else "request" if status >= 400 else "address"  # noqa: PLR2004
    return _STATUS_KINDS.get(status, of_class)
