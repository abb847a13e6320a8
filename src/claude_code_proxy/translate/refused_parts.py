"""What a backend refuses of a message's parts: files, images where it takes none, and addresses it does not open.

Such a part stays in the history, so that every later turn would be refused too. Sentences: OpenAI's `Invalid value:
'file'. Supported values are: ...`, OpenRouter's `No endpoints found that support file input`, OpenAI's `Image URLs are
only allowed for messages with role 'user'`, and those of servers that take images as data only (2026). What is wrong
with one address or one image (a 404, a timeout, an unknown format) holds for the request it came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..wire.shapes import items, mapping, text
from .dialect import Dialect
from .refusal import Passing, Refusal

Facts = Mapping[str, Any]

_FILE = (
    r"[`'\"]file[`'\"]|\btype:? file\b|\bfiles? (?:is|are)\b|\b(?:pdf|document)s?\b"
    r"|\bfile[ _-]?(?:input|content|part|upload|attachment|type|data|block|message|url|support)s?\b"
)
_NO_SUCH_PART = (
    r"supported (?:values|types) are|does not match any|no endpoints found|must be one of|expected one of"
    r"|valid (?:types|values)|invalid (?:content |part |message )?(?:type|value|part)"
    r"|only (?:supports? )?(?:text|images?)|cannot (?:read|process|handle)"
)
_ONLY_TEXT = r"text.only|only text|expected `?text|must be (?:text|a string)|should be (?:'text'|a valid string)"
_ADDRESS = r"(?<![a-z])ur[li]s?\b|\bhttps?\b(?!://)|\bremote\b|external|\bGET request|download|fetch|base64"
_NOT_OPENED = (
    r"(?:download|fetch|retriev|load|reach|access|open|resolv|connect)\w*|GET request|not found|tim(?:ed?|ing)[ -]?out"
    r"|\b[45]\d\d\b|allowed domains|robots\.txt|(?:invalid|malformed) (?:\w+ )?ur[li]"
)
"""What befalls one address."""
_DATA_ONLY = (
    r"\b(?:only|must|expect\w*|requires?|should|please|use|send)\b[^.]{0,60}(?:base64|\bdata:|\bdata ur[li]s?\b)"
    r"|(?<![a-z/])(?:ur[li]s?|remote (?:\w+ )?(?:images?|files?|contents?|media)|https?)\b(?! ?://)[^.:]{0,30}"
    r"\b(?:(?:is|are) )?(?:not (?:supported|allowed|permitted|accepted|enabled)|unsupported|disabled)"
    r"|(?:(?:does|do)(?: not|n't) (?:support|allow|open|fetch|take|accept)|can(?:not|'t) (?:take|accept))\b[^.]{0,30}"
    r"(?:\bur[li]s?\b|\bremote\b|external)"
)
"""What is said of all addresses."""
_TOOL_MESSAGE = (
    r"role:? ?[`'\"]?tool\b|[`'\"]tool[`'\"] (?:role|messages?)|\btool (?:messages?|results?|role|content)\b"
)
_ONLY_ELSEWHERE = (
    r"only (?:allowed|supported|valid|permitted|accepted)|must be|should be|expected|can(?:not|'t)|may not"
)
_ONE_IMAGE = (
    r"unsupported image(?!s| (?:input|content|part|url|_url))|image (?:format|data|size|dimension|file)s?\b|\bformats\b"
    r"|too (?:large|big|small|many pixels)|corrupt|decod|truncated|dimensions|resolution|\bmime|pixels"
)
_PLACE = re.compile(r"\bmessages\W{0,3}(\d+)")


def refused_file(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A PDF as a file part, or as an address in one: it is read here, and sent as the text of its pages."""
    sent = list(_sent(refusal.body, "file"))
    if dialect.documents == "text" or not sent:
        return None
    remote = any(_is_remote(mapping(part.get("file")).get("file_data")) for part in sent)
    if dialect.documents == "url" and remote and _about_an_address(refusal):
        return _fetched(refusal, {"documents": "file"})
    named = refusal.says(_FILE) and (refusal.says_unknown or refusal.says(_NO_SUCH_PART))
    plain = refusal.says(_ONLY_TEXT) and not any(_sent(refusal.body, "image_url"))
    return {"documents": "text"} if named or plain else None


def image_in_a_result(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """An image in a tool message, of a model that may well see: images go behind the results."""
    if dialect.tool_content == "text" or not any(_sent(refusal.body, "image_url", "file", role="tool")):
        return None
    about_it = refusal.says(_TOOL_MESSAGE) or _is_of_a_tool(refusal)
    refused = refusal.says_unknown or refusal.says(_ONLY_ELSEWHERE)
    return {"tool_content": "text"} if about_it and refused and refusal.says(r"image|content|part|file|modal") else None


def image_address(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """An image by its address, which the backend does not open, or could not: the proxy fetches it."""
    urls = (mapping(part.get("image_url")).get("url") for part in _sent(refusal.body, "image_url"))
    if dialect.images != "yes" or not any(map(_is_remote, urls)) or not _about_an_address(refusal):
        return None
    return _fetched(refusal, {"images": "data"})


def _about_an_address(refusal: Refusal) -> bool:
    return refusal.says(_ADDRESS) and refusal.says(f"{_NOT_OPENED}|{_DATA_ONLY}")


def _fetched(refusal: Refusal, facts: Facts) -> Facts:
    return facts if refusal.says(_DATA_ONLY) else Passing(facts)


def broken_image(refusal: Refusal) -> bool:
    """Whether it is about one image, and not about images."""
    return refusal.says(_ONE_IMAGE)


def _sent(body: Mapping[str, Any], *kinds: str, role: str = "") -> Iterator[Mapping[str, Any]]:
    """Yield the parts of these kinds in the messages, of those of one role if it is given."""
    for message in map(mapping, items(body.get("messages"))):
        if not role or message.get("role") == role:
            yield from (part for part in map(mapping, items(message.get("content"))) if part.get("type") in kinds)


def _is_remote(url: object) -> bool:
    return text(url).lower().startswith(("http://", "https://"))


def _is_of_a_tool(refusal: Refusal) -> bool:
    """Whether it names the place of a tool message."""
    messages = items(refusal.body.get("messages"))
    found = _PLACE.search(f"{refusal.text} {refusal.param}")
    place = int(found[1][:9]) if found else len(messages)
    return place < len(messages) and mapping(messages[place]).get("role") == "tool"
