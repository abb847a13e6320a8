"""What an end-to-end case needs around its client: a scripted backend, a proxy before it, files to work on."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.backend import Backend
from tests.backend.server import Rules, Script
from tests.proxy_process import proxy_for
from tests.strict_openai import problems

from .claude import Claude


@contextlib.contextmanager
def playing(script: Script, claude: Claude, *, rules: Rules = problems, **env: str) -> Iterator[Backend]:
    """Put Claude Code on a proxy on a scripted model; at the end nothing illegal may have reached the model."""
    with Backend(script, rules=rules) as backend, proxy_for(backend, **env) as proxy:
        claude.url = proxy.url
        yield backend
        assert backend.illegal == []


def png(path: Path, *, width: int = 24, height: int = 16) -> Path:
    """Write a small picture with different pixels everywhere."""
    rows = b"".join(
        b"\0" + bytes((7 * x + 31 * y + c) % 256 for x in range(width) for c in range(3)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks))
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pdf(path: Path, text: str) -> Path:
    """Write a one-page PDF with a line of text."""
    content = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    tail = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    path.write_bytes(out + b"xref\n0 6\n0000000000 65535 f \n" + table + tail)
    return path
