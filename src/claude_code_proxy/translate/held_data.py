"""What base64 in a request holds, by its bytes: clients mislabel files, and write base64 in more than one way."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

from ..wire.shapes import text

Kind = Literal["pdf", "image", "text", ""]

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = str.maketrans("-_", "+/")
_QUARTET = 4
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
HEAD = 1368
"""Characters that tell what data is: 1026 bytes of it, for a PDF's header is in the first 1024 (PDF 1.7, annex H.3)."""

_IMAGES = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def cleaned(value: object) -> str:
    """Return base64 as every decoder takes it: one line, the standard alphabet, padded. "" when it is no base64."""
    data = "".join(text(value).split()).translate(_URL_SAFE)
    bare = data.rstrip("=")
    if not bare.isascii() or bare.encode().translate(None, _ALPHABET):
        return ""
    return bare + "=" * (-len(bare) % _QUARTET) if len(bare) % _QUARTET != 1 else bare


def image_type(data: str) -> str:
    """Return the media type of an image in base64, "" when its first bytes are none known."""
    return next((media for start, media in _IMAGES.items() if data.startswith(start)), "")


def kind_of(media_type: str, data: str) -> Kind:
    """Return what cleaned base64 holds, whatever it is said to be. Text with a PDF's mark further in stays text."""
    head = _bytes(data[:HEAD])
    if head.lstrip().startswith(b"%PDF-") or (b"%PDF-" in head and not media_type.startswith("text/")):
        return "pdf"
    if image_type(data):
        return "image"
    return "text" if text_of(media_type, data) else ""


def text_of(media_type: str, data: str) -> str:
    """Return the text in base64: what is said to be text in any encoding, everything else only if it surely is."""
    held = _bytes(data)
    encoding = next((name for mark, name in _MARKS.items() if held.startswith(mark)), "utf-8")
    try:
        said = held.decode(encoding)
    except UnicodeDecodeError:
        return held.decode("cp1252", "replace") if media_type.startswith("text/") else ""
    return said.replace("\0", "") if media_type.startswith("text/") else "" if _BINARY.search(said) else said


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return b""
