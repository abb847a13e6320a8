"""Looks on while a backend answers: takes the id it gives the answer, so that its logs can be joined with ours.

Where the exchange is recorded, it hands on everything it sees.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from .record import Record
from .wire.sse import Decoder, is_stream

if TYPE_CHECKING:
    from .backends.answer import Answer
    from .errors import UpstreamError
    from .prepare import Prepared
    from .recording.recorder import Attempt, Recording

_LONGEST = 200  # characters of an id
_FIRST = re.compile(rb'(?:data: ?)?\{"id": ?"([!#-\[\]-~]+)"')  # how nearly all answers begin: no need to decode them
_HEADERS = (b"x-request-id", b"request-id", b"apim-request-id", b"x-generation-id")
_IDS = frozenset(_HEADERS)


class Witness:
    """Follows the calls of one exchange. recording: takes everything, where the exchange may have to be replayed."""

    def __init__(self, record: Record, recording: Recording | None = None) -> None:
        self._record = record
        self._attempt: Attempt | None = None
        self._recording = recording
        self._seen = False

    def ready(self, prepared: Prepared) -> None:
        """Take note of what a backend would be asked."""
        if self._recording is not None:
            self._recording.prepared = prepared

    def asked(self, prepared: Prepared) -> None:
        """Take note that a backend is asked."""
        self._seen = False
        if self._recording is not None:
            self._attempt = self._recording.asked(prepared)

    def answered(self, response: Answer) -> None:
        """Take note of the headers of an answer."""
        named = response.has_any(_IDS)
        self._record.upstream_id = next(filter(None, map(response.header, _HEADERS)), "")[:_LONGEST] if named else ""

    def refused(self, error: UpstreamError) -> None:
        """Take note of an answer that is an error."""
        if self._attempt is not None and error.upstream_status is not None and error.raw:
            self._attempt.status = error.upstream_status
            self._attempt.heard(error.raw)

    def heard(self, data: bytes) -> None:
        """Take note of bytes of the answer; only the first tell an id, and a header's counts more."""
        if self._attempt is not None:
            self._attempt.heard(data)
        if self._seen:
            return
        self._seen = True
        if not self._record.upstream_id:
            self._record.upstream_id = id_in(data)

    def concluded(self) -> None:
        """Take note that the answer is over, well or not."""
        if self._attempt is not None:
            self._attempt.complete = True


class _Named(msgspec.Struct):
    id: str = ""


def id_in(data: bytes) -> str:
    """Return the id in the first chunk of a streamed answer or in a whole one, "" where there is none."""
    plain = _FIRST.match(data)
    if plain is not None:
        return plain[1].decode()[:_LONGEST]
    payloads = Decoder().feed(data) if is_stream(data) else [data]
    for payload in payloads[:2]:  # some servers open with a chunk that only says who they are
        try:
            found = msgspec.json.decode(payload, type=_Named).id
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if found:
            return found[:_LONGEST]
    return ""
