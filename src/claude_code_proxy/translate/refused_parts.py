"""What a backend refuses of a message's parts: files, images where it takes none, and addresses it does not open.

Such a part stays in the history, so that every later turn would be refused too. Sentences: OpenAI's `Invalid value:
'file'. Supported values are: ...`, OpenRouter's `No endpoints found that support file input`, OpenAI's `Image URLs are
only allowed for messages with role 'user'`, and those of servers that take images as data only (2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..wire.shapes import items, mapping, text
from .dialect import Dialect
from .refusal import Refusal

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
_ADDRESS = r"(?<![a-z])ur[li]s?\b|\bhttps?\b|\bremote\b|external|\bGET request"
_NO_ADDRESS = (
    r"base64|\bdata:|data (?:url|uri)|(?:download|fetch|retriev|load|reach|access|open|resolv)\w*|GET request"
    r"|must (?:be|start)|only (?:support|allow|accept)"
)
_TOOL_MESSAGE = (
    r"role:? ?[`'\"]?tool\b|[`'\"]tool[`'\"] (?:role|messages?)|\btool (?:messages?|results?|role|content)\b"
)
_ONLY_ELSEWHERE = (
    r"only (?:allowed|supported|valid|permitted|accepted)|must be|should be|expected|can(?:not|'t)|may not"
)
_PLACE = re.compile(r"\bmessages\W{0,3}(\d+)")


def refused_file(refusal: Refusal, dialect: Dialect) -> Facts | None:
    """A PDF as a file part, or as an address in one: it is read here, and sent as the text of its pages."""
    sent = list(_sent(refusal.body, "file"))
    if dialect.documents == "text" or not sent:
        return None
    remote = any(_is_remote(mapping(part.get("file")).get("file_data")) for part in sent)
    if dialect.documents == "url" and remote and refusal.says(_ADDRESS) and refusal.says(_NO_ADDRESS):
        return {"documents": "file"}
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
    """An image by its address, which the backend does not open or could not: from now on the proxy fetches it."""
    urls = (mapping(part.get("image_url")).get("url") for part in _sent(refusal.body, "image_url"))
    if dialect.images != "yes" or not any(map(_is_remote, urls)):
        return None
    refused = refusal.says_unknown or refusal.says(_NO_ADDRESS)
    return {"images": "data"} if refused and refusal.says(f"{_ADDRESS}|base64") else None


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
