"""Looks on while a backend answers: takes the id it gives the answer, so that its logs can be joined with ours."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .record import Record
from .wire.sse import Decoder, is_stream

_LONGEST = 200  # characters of an id
_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-generation-id")


class Witness:
    """Follows one call to a backend."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._seen = False

    def answered(self, headers: Mapping[str, str]) -> None:
        """Take note of the headers of an answer."""
        self._record.upstream_id = next((headers[name] for name in _HEADERS if name in headers), "")[:_LONGEST]

    def heard(self, data: bytes) -> None:
        """Take note of bytes of the answer; only the first tell an id, and a header's counts more."""
        if self._seen:
            return
        self._seen = True
        if not self._record.upstream_id:
            self._record.upstream_id = id_in(data)


class _Named(msgspec.Struct):
    id: str = ""


def id_in(data: bytes) -> str:
    """Return the id in the first chunk of a streamed answer or in a whole one, "" where there is none."""
    payloads = Decoder().feed(data) if is_stream(data) else [data]
    for payload in payloads[:2]:  # some servers open with a chunk that only says who they are
        try:
            found = msgspec.json.decode(payload, type=_Named).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if found:
            return found[:_LONGEST]
    return ""
