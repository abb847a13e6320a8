"""Small PDF files made on the spot: pages of text, drawings without text, and scans."""

from __future__ import annotations

import base64
import zlib

GREY_SCAN = "grey scan"
COLOUR_DRAWING = "colour drawing"


def pdf(*pages: str) -> bytes:
    """Return a PDF: one page per argument, its text, or one of the constants above."""
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: _stream(
            zlib.compress(bytes(range(64)) * 4),
            b"/Type /XObject /Subtype /Image /Width 16 /Height 16 /ColorSpace /DeviceGray /BitsPerComponent 8 "
            b"/Filter /FlateDecode",
        ),
    }
    kids = []
    for number, page in enumerate(pages):
        place = 5 + 2 * number
        objects[place] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents %d 0 R /Resources "
            b"<< /Font << /F1 3 0 R >> /XObject << /Im1 4 0 R >> >> >>" % (place + 1)
        )
        objects[place + 1] = _stream(_drawing(page))
        kids.append(b"%d 0 R" % place)
    objects[2] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    return _file(objects)


def pdf_base64(*pages: str) -> str:
    """Return a PDF in base64."""
    return base64.b64encode(pdf(*pages)).decode()


def locked_pdf() -> bytes:
    """Return a PDF that can't be opened without a password nobody knows."""
    key = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>]" % (b"5a" * 32, b"a5" * 32)
    return pdf("secret").replace(b"/Root 1 0 R", b"/Root 1 0 R " + key)


def circular_pdfs() -> dict[str, bytes]:
    """Return PDFs whose parts lead back to themselves, by what does."""
    catalog, page = b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] "
    drawn = page + b"/Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>"
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 300 300] /Resources << /XObject << /F 5 0 R >> >>"
    pages = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    twice = b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R %d 0 R] /Count 600 >>"
    return {
        "a page tree": _file({1: catalog, 2: b"<< /Type /Pages /Kids [2 0 R] /Count 600 >>"}),
        "two page trees": _file({1: catalog, 2: twice % (3, 3, 3), 3: twice % (2, 2, 2)}),
        "a parent": _file({1: catalog, 2: pages, 3: b"<< /Type /Page /Parent 3 0 R >>"}),
        "a form": _file({1: catalog, 2: pages, 3: drawn, 4: _stream(b"/F Do " * 10), 5: _stream(b"/F Do " * 10, form)}),
        "a table": pdf("text").replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev 9"),
    }


def _drawing(page: str) -> bytes:
    if page == GREY_SCAN:
        return b"q 300 0 0 400 0 0 cm /Im1 Do Q"
    if page == COLOUR_DRAWING:
        return b"0.8 0 0 rg 50 50 100 100 re f"
    lines = [b"(%s) Tj 0 -20 Td" % line.encode() for line in page.split("\n")]
    return b"BT /F1 12 Tf 20 350 Td %s ET" % b" ".join(lines)


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def _file(objects: dict[int, bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n"), {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for number in sorted(objects):
        out += b"%010d 00000 n \n" % places[number]
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table)
    return bytes(out)
