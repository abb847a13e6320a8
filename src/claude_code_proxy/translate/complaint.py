"""What a backend's error says, in whatever shape it comes, made fit to be shown.

Backends agree on nothing: an object, a list of them, a string, JSON inside a string, a web page (translation
reference, section 6.2). Everything shown is short, has no keys, no stack traces and no paths of the backend's disk.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ..wire.shapes import items, mapping, text

LONGEST = 2048
"""Bytes of a message that are shown."""

_CUT = " ..."
_SHORTEST = 4  # characters of a secret: a shorter one would mask words, and protects nothing
_READ = 256 * 1024  # bytes of a body that are looked at
_DEEP = 6  # errors wrap errors; nobody wraps them deeper

_CODE_FIELDS = ("code", "type", "status", "error_type", "error_code", "provider_code", "reason")
_STATUS_FIELDS = ("status_code", "raw_status_code", "statusCode", "http_status", "code", "status", "error_code")
_INNER = ("error", "metadata", "raw", "innererror", "message", "details", "errors", "detail")
_TEXT_FIELDS = ("error", "message", "detail", "errors", "msg", "status_msg", "error_description", "error_message")
_FIRST = ("raw", "metadata")

_FIELD = re.compile(r'"(message|raw|code|type|error_type)": ?"((?:[^"\\]|\\.){1,2000})')
_TITLE = re.compile(r"<(title|h1|message)[^>]{0,200}>(.{1,300}?)</\1>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^<>]{0,500}>")
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml|error)", re.IGNORECASE)
_TRACE = re.compile(r"Traceback \(most recent call last\)|\n[ \t]+at \S.*:\d+|File \"[^\"]+\", line \d+")
_PATH = re.compile(
    r"(?<![\w/.:-])(?:/(?:home|usr|opt|var|root|app|srv|tmp|mnt|Users|workspace|private|data)/|[A-Z]:\\)[^\s'\"),]+"
)
_WITHIN = re.compile(r"(?:\[\s*)?\{\s*\"")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\s]+")
_KEYS = re.compile(
    r"\b(?:(?:sk|pk|rk|gsk|xai|hf|r8|nvapi|pplx|csk|fw|tgp|ghp|gho|sess)[-_]|AIza|AKIA|eyJ)[A-Za-z0-9_.*-]{8,}"
    r"|(?:(?<=bearer )|(?<=api[-_ ]key[=:])|(?<=api[-_ ]key[=:] )|(?<=api key provided: )|(?<=[?&]key=))[^\s'\",}]{6,}",
    re.IGNORECASE,
)


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """What was said.

    codes: every code, type and reason, in lower case; status: an HTTP status named in the body; page: it is a web
    page, so something else than an API answered; data: the object that holds the message; sizes: the one that
    holds llama.cpp's counts.
    """

    text: str = ""
    codes: tuple[str, ...] = ()
    status: int | None = None
    page: bool = False
    data: Mapping[str, Any] = {}
    sizes: Mapping[str, Any] = {}


def read_complaint(body: bytes, secrets: Iterable[str] = ()) -> Complaint:
    """Read the body of an answer that is no success."""
    plain = body[:_READ].decode("utf-8", "replace").strip()
    if _PAGE.match(plain):
        return Complaint(text=presentable(_headline(plain), secrets), page=True)
    return complaint_of(plain, secrets)


def complaint_of(value: object, secrets: Iterable[str] = ()) -> Complaint:
    """Read an error that was found inside an answer: an object, a string, a list."""
    value = _opened(value)
    value = _pieces(value) if isinstance(value, str) else value
    objects = list(_objects(value))
    return Complaint(
        text=presentable(_text(value), secrets),
        codes=tuple(dict.fromkeys(code for data in objects for code in _codes(data))),
        status=next((status for data in objects for status in _statuses(data)), None),
        data=next((data for data in objects if text(data.get("message"))), objects[0] if objects else {}),
        sizes=next((data for data in objects if "n_ctx" in data), {}),
    )


def presentable(message: str, secrets: Iterable[str] = ()) -> str:
    """Return a message fit for a person who must not see the backend's inside. secrets: masked wherever they stand."""
    message = without_secrets(message[: 10 * LONGEST], secrets)
    message = _KEYS.sub("***", _PATH.sub("[path]", _without_trace(message)))
    shown = _CONTROL.sub(" ", message).strip().encode("utf-8", "replace")
    return shown.decode() if len(shown) <= LONGEST else shown[: LONGEST - len(_CUT)].decode("utf-8", "ignore") + _CUT


def without_secrets(message: str, secrets: Iterable[str]) -> str:
    """Return a message with the secrets masked, also one that was cut off in the middle of a secret."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            message = _without_beginning(message.replace(secret, "***"), secret)
    return message


def _without_beginning(message: str, secret: str) -> str:
    kept, cut, rest = message.rpartition(_CUT)
    said = kept if cut and not rest else message
    for length in range(min(len(secret), len(said)), _SHORTEST - 1, -1):
        if said.endswith(secret[:length]):
            return f"{said[:-length]}***{message[len(said) :]}"
    return message


def _without_trace(message: str) -> str:
    """Of a stack trace, only what stands before it and its last line, the exception itself, tell a person something."""
    trace = _TRACE.search(message)
    if trace is None:
        return message
    last = message.rstrip().rpartition("\n")[2].strip()
    return message[: trace.start()].rstrip() + (f" {last}" if last and not _TRACE.search(f"\n {last}") else "")


def _pieces(plain: str) -> object:
    """Of JSON that was cut off, take what its fields still say; any other text is itself."""
    found = _FIELD.findall(plain) if plain[:1] in ("{", "[") else []
    said = dict(reversed(found))
    return said if "message" in said or "raw" in said else plain


def _opened(value: object) -> object:
    """JSON inside a string is what it says; any other string is itself."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return value


def _within(words: str) -> tuple[int, object, int]:
    """Find the JSON that a gateway put into its own sentence (LiteLLM, one-api): where it begins, itself, its end."""
    found = _WITHIN.search(words)
    if found is None:
        return 0, None, 0
    try:
        value, end = _DECODER.raw_decode(words, found.start())
    except (ValueError, RecursionError):
        return 0, None, 0
    return found.start(), value, end


_DECODER = json.JSONDecoder()


def _objects(value: object, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the objects an error is wrapped in, from the outside in."""
    value = _opened(value)
    value = _within(value)[1] if isinstance(value, str) else value
    if isinstance(value, list):
        for item in value[:10]:
            yield from _objects(item, depth + 1)
    data = mapping(value)
    if not data or depth > _DEEP:
        return
    yield data
    for field in _INNER:
        yield from _objects(data.get(field), depth + 1)


def _codes(data: Mapping[str, Any]) -> Iterator[str]:
    for field in _CODE_FIELDS:
        value = data.get(field)
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value).lower()
    base = mapping(data.get("base_resp"))  # MiniMax; its numbers mean other things elsewhere
    if base:
        yield f"base_resp:{base.get('status_code')}"


def _statuses(data: Mapping[str, Any]) -> Iterator[int]:
    for field in _STATUS_FIELDS:
        value = data.get(field)
        number = int(value) if isinstance(value, str) and re.fullmatch(r"[45]\d\d", value) else value
        if isinstance(number, int) and 400 <= number <= 599:  # noqa: PLR2004 - HTTP's error statuses
            yield number


def _text(value: object, depth: int = 0) -> str:
    """Find the sentence for people. The provider's own words (`metadata.raw`) win over a gateway's around them."""
    value = _opened(value)
    if isinstance(value, str) or depth > _DEEP:
        return _unwrapped(text(value), depth).strip()
    if isinstance(value, list):
        return "; ".join(filter(None, (_text(item, depth + 1) for item in value[:5])))
    data = mapping(value)
    candidates = (*_FIRST, *_TEXT_FIELDS) if depth else (*_FIRST, "base_resp", *_TEXT_FIELDS)
    found = next(filter(None, (_text(data[field], depth + 1) for field in candidates if field in data)), "")
    place = ".".join(str(step) for step in items(data.get("loc")))  # FastAPI's validation errors
    return f"{place}: {found}" if place and found else found


def _unwrapped(words: str, depth: int) -> str:
    """Return a sentence with what the error in it says, instead of its JSON; JSON that is no error stays."""
    begin, value, end = _within(words) if depth <= _DEEP else (0, None, 0)
    said = _text(value, depth + 1) if value is not None else ""
    return f"{words[:begin]}{said}{words[end:]}" if said else words


def _headline(page: str) -> str:
    found = _TITLE.search(page[:_READ])
    return html.unescape(found.group(2) if found else _TAGS.sub(" ", page[:4000]))
