"""Reads a PDF from stdin and writes its pages as JSON (a `Resource`) to stdout; `documents_io` runs it as a process.

A page with text gives its text; a page without, or a scan with hardly any, gives a picture. Limits keep one document
from taking the machine: memory and processor time by the operating system, pages, characters and picture bytes here.
"""

from __future__ import annotations

import base64
import contextlib
import os
import struct
import sys
import zlib
from typing import Any

import msgspec
import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw  # type: ignore[import-untyped]

from .translate.parts import Page, Resource

MAX_PAGES = 600  # the real API's limit
MAX_CHARACTERS = 2_000_000
MAX_PICTURES = 20
MAX_PICTURE_BYTES = 16 * 1024 * 1024
_LONG_SIDE = 1400  # pixels of a page's longer side: small print stays readable
_FEW = 40  # characters: a scan with a stamped page number has that little text
_MEMORY = 1024**3
_SECONDS = 30
_NICE = 10  # streams come first, also on a machine whose cores all read PDFs


def read_pdf(data: bytes) -> Resource:
    """Return the pages of a PDF, or the error that says why there are none."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return Resource(error=_reason(error))
    try:
        return _read(document)
    finally:
        document.close()


def _read(document: Any) -> Resource:
    pages: list[Page] = []
    room = _Room()
    for number in range(min(len(document), MAX_PAGES)):
        page = _page(document, number, room)
        if page is None:
            break
        pages.append(page)
    return Resource(pages=tuple(pages), unread=len(document) - len(pages))


class _Room:
    """What is left of the limits."""

    def __init__(self) -> None:
        self.characters = MAX_CHARACTERS
        self.pictures = MAX_PICTURES
        self.bytes = MAX_PICTURE_BYTES


def _page(document: Any, number: int, room: _Room) -> Page | None:
    """Return a page, None when the limits are reached."""
    try:
        page = document[number]
        text = page.get_textpage().get_text_bounded().replace("\r\n", "\n").replace("\0", "").strip()
        room.characters -= len(text)
        if len(text) >= _FEW or (text and not _has_image(page)):
            return Page(number=number + 1, text=text) if room.characters >= 0 else None
        if room.pictures <= 0 or room.bytes <= 0:
            return None
        picture = _picture(page)
    except pypdfium2.PdfiumError:
        return Page(number=number + 1)
    room.pictures -= 1
    room.bytes -= len(picture)
    return Page(number=number + 1, text=text, image=f"data:image/png;base64,{base64.b64encode(picture).decode()}")


def _has_image(page: Any) -> bool:
    return any(True for _ in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]))


def _picture(page: Any) -> bytes:
    """Return a page as PNG, grey when it has no colour."""
    scale = min(_LONG_SIDE / max(*page.get_size(), 1.0), 4.0)
    bitmap = page.render(scale=scale, rev_byteorder=True)
    pixels, channels = bytes(bitmap.buffer), bitmap.n_channels
    starts = range(0, bitmap.height * bitmap.stride, bitmap.stride)
    rows = [pixels[start : start + bitmap.width * channels] for start in starts]
    if channels == 1:
        return _png(rows, bitmap.width, bitmap.height, colour=0)
    planes = [[row[plane::channels] for row in rows] for plane in range(3)]
    if planes[0] == planes[1] == planes[2]:
        return _png(planes[0], bitmap.width, bitmap.height, colour=0)
    if channels == 4:  # noqa: PLR2004 - RGBX: the fourth is of no use
        rows = [_interleaved(*(plane[row] for plane in planes)) for row in range(bitmap.height)]
    return _png(rows, bitmap.width, bitmap.height, colour=2)


def _interleaved(red: bytes, green: bytes, blue: bytes) -> bytes:
    row = bytearray(3 * len(red))
    row[0::3], row[1::3], row[2::3] = red, green, blue
    return bytes(row)


def _png(rows: list[bytes], width: int, height: int, *, colour: int) -> bytes:
    """Return 8-bit rows as a PNG file. colour: 0 grey, 2 RGB (PNG specification, section 11.2.1)."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body) for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _reason(error: Exception) -> str:
    return "it is protected by a password" if "password" in str(error).lower() else "it is damaged"


def _limit() -> None:
    """Let the operating system bound this process, where it can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # PDFium ends with an abort where memory does
        os.nice(_NICE)


def main() -> None:
    """Read stdin, write stdout."""
    _limit()
    try:
        answer = read_pdf(sys.stdin.buffer.read())
    except MemoryError:
        answer = Resource(error="it is too large")
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
