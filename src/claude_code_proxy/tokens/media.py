"""Tokens of images and documents, from their size alone: a header is read, the data is not decoded.

Image: by the rule of the model's family, where it is known (OpenAI's guide to vision and what its forum measured of
gpt-4o-mini, gpt-4.1 and o3; Anthropic's, Google's and Qwen's pages; all read 2026-11-23); else one token for each
32 x 32 pixels, 1,536 at most. Documents: by page where the pages can be seen, else by their bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

Size = tuple[int, int]

_PATCH = 32  # pixels
_LEAST = 64
_MOST = 1536
_LOW = 85
_UNKNOWN_IMAGE = 1200
_PER_PAGE = 1500
_BYTES_PER_TOKEN = 50
_MOST_DOCUMENT = 300_000
_HEADER = 4096  # base64 characters that hold every header but some JPEGs'
_LONG_HEADER = 400_000  # ... whose size stands behind a preview image
_PAGES = 4_000_000  # base64 characters in which pages are looked for


def image_tokens(url: str, detail: str = "", model: str = "") -> int:
    """Return about how many tokens an image costs.

    url: a data URL, or any other whose size nobody knows; model: as its backend calls it.
    """
    if detail == "low":
        return _LOW
    size = image_size(url)
    if size is None:
        return _UNKNOWN_IMAGE
    rule = next((rule for names, rule in _RULES if names.search(model)), _patches(1))
    return max(_LEAST, rule(size))


def _patches(factor: float, side: int = _PATCH, most: int = _MOST) -> Callable[[Size], int]:
    """Squares of `side` pixels; an image of more than `most` is made smaller."""
    return lambda size: round(factor * min(most, -(-size[0] // side) * -(-size[1] // side)))


def _tiles(base: int, each: int) -> Callable[[Size], int]:
    """Squares of 512 pixels, once the image is within 2,048 x 2,048 and its shorter side within 768."""

    def rule(size: Size) -> int:
        scale = min(1.0, 2048 / max(size), 768 / min(size))
        width, height = (max(1, round(side * scale)) for side in size)
        return base + each * -(-width // 512) * -(-height // 512)

    return rule


def _claude(size: Size) -> int:
    """A token for each 750 pixels, once the longer side is within 1,568."""
    scale = min(1.0, 1568 / max(size))
    return min(1600, round(size[0] * scale * size[1] * scale / 750))


def _gemini(size: Size) -> int:
    """258 for a small image and for each square of a larger one, whose side is two thirds of the shorter one's."""
    if max(size) <= 384:  # noqa: PLR2004
        return 258
    side = max(256, min(768, round(min(size) / 1.5)))
    return min(3096, 258 * -(-size[0] // side) * -(-size[1] // side))


_RULES: tuple[tuple[re.Pattern[str], Callable[[Size], int]], ...] = tuple(
    (re.compile(names, re.IGNORECASE), rule)
    for names, rule in (
        (r"gpt-4o-mini", _tiles(2833, 5667)),
        (r"gpt-[45][\w.]*-mini", _patches(1.62)),
        (r"gpt-[45][\w.]*-nano", _patches(2.46)),
        (r"o4-mini", _patches(1.72)),
        (r"gpt-4o|gpt-4-turbo|gpt-4\.[15]", _tiles(85, 170)),
        (r"(?:^|/)gpt-5(?:\.1)?(?:$|-)", _tiles(70, 140)),
        (r"gpt-5\.2", _patches(1.2)),
        (r"(?:^|/)o[13](?:$|-)", _tiles(75, 150)),
        (r"claude", _claude),
        (r"gemini-[3-9]", lambda _: 1120),
        (r"gemini", _gemini),
        (r"gemma", lambda _: 256),
        (r"qwen2(?:\.5)?-?vl", _patches(1, 28, 16384)),
        (r"qwen", _patches(1, 32, 16384)),
    )
)


def image_size(url: str) -> Size | None:
    """Return width and height of a PNG, GIF, WebP or JPEG in a data URL, None when they can't be read."""
    head, comma, _ = url[:128].partition(";base64,")
    if not (comma and head.startswith("data:")):
        return None
    start = len(head) + len(comma)
    for longest in (_HEADER, _LONG_HEADER):
        size = _read_size(_decode(url, start, longest))
        if size is not None:
            return size
        if len(url) <= start + longest:
            break
    return None


def file_tokens(data_url: str) -> int:
    """Return about how many tokens a document costs."""
    start = data_url.find(",", 0, 128) + 1
    size = (len(data_url) - start) * 3 // 4
    if size <= 0:
        return _UNKNOWN_IMAGE
    data = _decode(data_url, start, _PAGES)
    pages = (
        data.count(b"/Type /Page")
        + data.count(b"/Type/Page")
        - data.count(b"/Type /Pages")
        - data.count(b"/Type/Pages")
    )
    return min(_MOST_DOCUMENT, pages * _PER_PAGE if pages > 0 else max(_PER_PAGE, size // _BYTES_PER_TOKEN))


def _decode(url: str, start: int, longest: int) -> bytes:
    piece = url[start : start + longest]
    piece = piece[: len(piece) // 4 * 4]
    try:
        return base64.b64decode(piece.encode("ascii"))
    except (binascii.Error, ValueError):
        return b""


def _read_size(data: bytes) -> Size | None:
    for magic, read in _READERS:
        if data.startswith(magic):
            size = read(data)
            return size if size and all(size) else None
    return None


def _png(data: bytes) -> Size | None:
    return (_big(data, 16, 4), _big(data, 20, 4)) if data[12:16] == b"IHDR" and len(data) >= 24 else None  # noqa: PLR2004


def _gif(data: bytes) -> Size | None:
    return (_little(data, 6, 2), _little(data, 8, 2)) if len(data) >= 10 else None  # noqa: PLR2004


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if data[8:12] != b"WEBP" or len(data) < 30:  # noqa: PLR2004
        return None
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


def _jpeg(data: bytes) -> Size | None:
    """Walk the segments to the frame header (SOF0 to SOF15, without the tables that share the numbers)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # noqa: PLR2004
            return _big(data, at + 7, 2), _big(data, at + 5, 2)
        at += 1 if marker == 0xFF else 2 + max(2, _big(data, at + 2, 2))  # noqa: PLR2004
    return None


def _big(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "big")


def _little(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")


_READERS: tuple[tuple[bytes, Callable[[bytes], Size | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF8", _gif),
    (b"RIFF", _webp),
    (b"\xff\xd8", _jpeg),
)
