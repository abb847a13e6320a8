"""Server-sent events as bytes: what the backend streams is cut into payloads, on bytes and in any chunking.

Lines end with LF, CRLF or CR and with nothing else (U+2028 inside a JSON string is text); comments are skipped; several
`data:` lines of one event are joined; `data:` needs no space. Source: the WHATWG specification of event streams.
"""

from __future__ import annotations

from ..errors import UpstreamError

MAX_EVENT = 32 * 1024 * 1024  # bytes of one event; more is a broken or hostile backend


class Decoder:
    """Cuts a byte stream into the data of its events: `feed` for each read, `finish` at the end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._first = True

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads completed by `data`."""
        if b"\n" not in data and b"\r" not in data:
            self._hold(data)
            return []
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts.clear()
            self._held = 0
        if self._first:
            data = data.removeprefix(b"\xef\xbb\xbf")
            self._first = False
        pending_cr = b""
        if b"\r" in data:
            if data.endswith(b"\r"):  # the LF that may belong to it is still on its way
                data, pending_cr = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        blocks = data.split(b"\n\n")
        self._hold(blocks.pop() + pending_cr)
        return _payloads(blocks)

    def finish(self) -> list[bytes]:
        """Return what an end without a blank line leaves: a last event, or nothing."""
        rest = b"".join(self._parts).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._parts.clear()
        self._held = 0
        return _payloads(rest.split(b"\n\n"))

    def _hold(self, rest: bytes) -> None:
        if not rest:
            return
        self._held += len(rest)
        if self._held > MAX_EVENT:
            raise UpstreamError(f"The backend sent one event of more than {MAX_EVENT} bytes.")
        self._parts.append(rest)


def _payloads(blocks: list[bytes]) -> list[bytes]:
    found = []
    for block in blocks:
        if block.startswith(b"data: ") and b"\n" not in block:
            found.append(block[6:])
        elif block:
            payload = _payload(block)
            if payload:
                found.append(payload)
    return found


def _payload(block: bytes) -> bytes:
    data: list[bytes] = []
    failed = False
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith((b"{", b"[")):
            data.append(line)  # a server that forgot `data:`; no field name starts like this
        elif line.startswith(b"event:"):
            failed = line[6:].strip() == b"error"
    payload = b"\n".join(data)
    if failed and payload.startswith(b"{") and b'"error"' not in payload:
        return b'{"error":' + payload + b"}"  # the event's name says what its data leaves out
    return payload
