"""Server-sent events as bytes: what the backend streams is cut into payloads, on bytes and in any chunking.

Lines end with LF, CRLF or CR and with nothing else (U+2028 inside a JSON string is text); comments are skipped; several
`data:` lines of one event are joined; `data:` needs no space. Source: the WHATWG specification of event streams.
"""

from __future__ import annotations

import re

import msgspec

from ..errors import UpstreamError

MAX_EVENT = 32 * 1024 * 1024  # bytes of one event; more is a broken or hostile backend
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CR, _LF = b"\r\n"  # numbers: to look for one byte as bytes costs an exception inside of Python
_FIRST_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry|error)?:")


class Decoder:
    """Cuts a byte stream into the data of its events: `feed` for each read, `finish` at the end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._first = True
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads completed by `data`."""
        if self._after_cr or _CR in data:
            data = self._with_line_feeds(data)
        blocks = data.split(b"\n\n")
        parts = self._parts
        # Only a blank line is worth joining for: each byte is joined once, however small the reads.
        if len(blocks) == 1 and not (data.startswith(b"\n") and parts and parts[-1].endswith(b"\n")):
            self._hold(data)
            return []
        if parts:
            blocks = self._release(data).split(b"\n\n")
        if self._first:
            blocks[0] = blocks[0].removeprefix(_BYTE_ORDER_MARK)
            self._first = False
        rest = blocks.pop()
        if rest:
            self._hold(rest)
        return _payloads(blocks)

    def finish(self) -> list[bytes]:
        """Return what an end without a blank line leaves: a last event, or nothing."""
        rest = self._release(b"")
        return _payloads([rest.removeprefix(_BYTE_ORDER_MARK) if self._first else rest])

    def _with_line_feeds(self, data: bytes) -> bytes:
        """A CR ends a line at once; the LF that may still follow it is then no line of its own."""
        if not data:
            return data
        rest = data.removeprefix(b"\n") if self._after_cr else data
        self._after_cr = data.endswith(b"\r")
        return rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _release(self, data: bytes) -> bytes:
        joined = b"".join([*self._parts, data])
        self._parts.clear()
        self._held = 0
        return joined

    def _hold(self, rest: bytes) -> None:
        if not rest:
            return
        self._held += len(rest)
        if self._held > MAX_EVENT:
            raise UpstreamError(f"The backend sent one event of more than {MAX_EVENT} bytes.")
        self._parts.append(rest)


def is_stream(body: bytes) -> bool:
    """Whether a body begins like an event stream, whatever its content type says."""
    return not body.startswith(b"{") and _FIRST_LINE.match(body) is not None


def _payloads(blocks: list[bytes]) -> list[bytes]:
    found = []
    for block in blocks:
        if block.startswith(b"data: {") and _LF not in block:  # as nearly all of them
            found.append(block[6:])
        elif (payload := _payload(block)) and not payload.isspace():
            found.append(payload)
    return found


def _payload(block: bytes) -> bytes:
    data: list[bytes] = []
    failed = bare = False
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif bare or line.startswith((b"{", b"[")):
            bare = True  # a server that forgot `data:`; no field name starts like this
            data.append(line)
        elif line.startswith(b"error:"):  # llama.cpp until 2026
            data.append(line[6:])
            failed = True
        elif line.startswith(b"event:"):
            failed = line[6:].strip() == b"error"
    payload = b"\n".join(data)
    return _as_error(payload) if failed and payload else payload


def _as_error(payload: bytes) -> bytes:
    """The event's name says what its data may leave out."""
    if not payload.lstrip().startswith(b"{"):
        payload = msgspec.json.encode(payload.decode("utf-8", "replace"))
    return b'{"error":' + payload + b"}"
