"""The body of a request: read within its limit, unpacked, decoded."""

from __future__ import annotations

import gc
import json
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.types import Message, Receive

from .aside import LARGE, Aside
from .errors import ClientError

_DIGITS = 20  # of a length; more is far over any limit, and Python refuses to read thousands

_decode = msgspec.json.Decoder().decode


class ClientGoneError(Exception):
    """The client closed the connection: nobody is there to be answered."""


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int, aside: Aside) -> bytes:
    """Return the body, unpacked. Raises ClientError for one that is too large or not packed as it says."""
    if _declared(headers) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect" or message.get("more_body"):
        body = await _rest(message, receive, limit)
    else:
        body = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
    if "content-encoding" not in headers:
        return body
    encoding = headers["content-encoding"].strip().lower()
    if encoding in ("", "identity"):
        return body
    return await aside.run(LARGE, _unpack, body, encoding, limit)  # a few bytes may be many


def decoded(body: bytes) -> tuple[Any, bool]:
    """Return the JSON of a body, and whether halves of surrogate pairs in its texts became question marks.

    Raises ClientError when it is none.
    """
    try:
        return _decode(body) if len(body) < LARGE else _decoded_in_one_go(body), False
    except RecursionError:
        raise ClientError("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _lenient(body, error)


def _decoded_in_one_go(body: bytes) -> Any:
    """Decode what may be hundreds of thousands of objects, without looking for garbage among them meanwhile.

    JSON has no cycles, and nothing else runs while it is decoded. The looking is three quarters of the time.
    """
    gc.disable()
    try:
        return _decode(body)
    finally:
        gc.enable()


async def _rest(message: Message, receive: Receive, limit: int) -> bytes:
    """Return a body that comes in parts. message: the first one."""
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _declared(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length[:_DIGITS]) if length.isdecimal() else 0


def _too_large(limit: int, code: str | None = None) -> ClientError:
    return ClientError(f"The request is larger than {limit} bytes (MAX_BODY_MB).", status=413, code=code)


def _unpack(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding not in ("gzip", "deflate"):
        message = f"content-encoding {encoding[:20]} is not supported: use gzip, deflate or none"
        raise ClientError(message, code="request_body_encoding_unsupported")
    unpacker = zlib.decompressobj(47 if encoding == "gzip" else 15)
    invalid = ClientError("The body is not what its content-encoding says.", code="request_body_encoding_invalid")
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise invalid from None
    if len(unpacked) > limit:
        raise _too_large(limit, "request_body_too_large_after_decoding")
    if not unpacker.eof or unpacker.unused_data:
        raise invalid
    return unpacked


def _lenient(body: bytes, error: Exception) -> tuple[Any, bool]:
    """JavaScript clients send halves of surrogate pairs, cut from text; every other fault is the client's."""
    try:
        text = body.decode()
        if "\\ud" in text or "\\uD" in text:
            return _decode(json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace")), True
    except (ValueError, RecursionError):
        pass
    raise ClientError(f"The body is not valid JSON: {_place(error)}") from None


def _place(error: Exception) -> str:
    return (
        "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is malformed: ")
    )
