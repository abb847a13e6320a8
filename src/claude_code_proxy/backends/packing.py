"""Bodies that a backend packs although nobody asked for it: unpacked a piece at a time."""

from __future__ import annotations

import zlib
from typing import Any

READ = ("gzip", "x-gzip", "deflate")
"""Content codings that are read."""

UNREADABLE = ("br", "zstd")
"""Those that are refused."""

_GZIP_OR_ZLIB, _BARE = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS


class Packing:
    """Unpacks a body, at most `most` bytes at a time: a small piece may become any size.

    is_full: it may have more of what it was given.
    """

    is_full = False

    def __init__(self, most: int) -> None:
        self._most = most
        self._inflate: Any = None

    def unpacked(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what `data` says, and the rest of it for the next time. Raises ValueError for what can't be read.

        `deflate` means zlib's format, and some servers send it bare. What follows an end is packed by itself
        (RFC 1952, 2.2).
        """
        if self._inflate is None or self._inflate.eof:
            zlib_or_gzip = data[:1] == b"\x1f" or data[0] & 0x0F == zlib.DEFLATED
            self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB if zlib_or_gzip else _BARE)
        inflate = self._inflate
        try:
            plain: bytes = inflate.decompress(data, self._most)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.is_full = len(plain) == self._most and not inflate.eof
        return plain, inflate.unused_data if inflate.eof else inflate.unconsumed_tail
