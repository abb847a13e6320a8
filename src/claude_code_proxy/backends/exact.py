"""Exact counts of prompts, from local servers that offer them at no cost; never from a backend that is paid.

llama.cpp counts a chat body with its template and tools (`/v1/chat/completions/input_tokens`), vLLM with `/tokenize`
(translation reference, 9.1). A server that is slow or knows no such path is left alone for a while.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ..config import Backend
from ..dialects import recognise
from ..endpoint import is_loopback
from ..wire.shapes import count, mapping
from .address import headers, root_of
from .catalogue import Way

_LONGEST = 0.3  # seconds
_PAUSE = 60.0  # seconds after a failure
_LARGEST = 32 * 1024 * 1024  # bytes of an answer: /tokenize lists every token
_LIKE_A_NAME = (".local", ".internal", ".lan", ".home.arpa")
_FIELDS = ("model", "messages", "tools", "chat_template_kwargs", "response_format")
_FAULTS = (aiohttp.ClientError, OSError, ValueError, TimeoutError, RecursionError)

_encode = msgspec.json.Encoder().encode


class ExactCounts:
    """Asks for counts. session, way: as the catalogue's."""

    def __init__(self, session: aiohttp.ClientSession, way: Way = lambda _: {}) -> None:
        self._session = session
        self._way = way
        self._silent_until: dict[str, float] = {}

    async def count(self, backend: Backend, identity: str, body: Mapping[str, Any]) -> int:
        """Return the tokens of a body's prompt, 0 where the backend can't or need not be asked."""
        path = _PATHS.get(identity)
        if path is None:
            return 0
        now = asyncio.get_running_loop().time()
        if not is_local(backend.base_url) or now < self._silent_until.get(backend.name, 0.0):
            return 0
        asked = {name: body[name] for name in _FIELDS if name in body} | {"add_generation_prompt": True}
        try:
            async with asyncio.timeout(_LONGEST):
                tokens = await self._ask(backend, root_of(backend.base_url) + path, asked)
        except _FAULTS:
            tokens = 0
        if not tokens:
            self._silent_until[backend.name] = now + _PAUSE
        return tokens

    async def _ask(self, backend: Backend, url: str, asked: Mapping[str, Any]) -> int:
        sent = headers(backend, recognise(backend, ""), stream=False)
        request = self._session.post(
            url, data=_encode(asked), headers=sent, allow_redirects=False, **self._way(backend)
        )
        async with request as response:
            if response.status != 200:  # noqa: PLR2004
                return 0
            answer = mapping(msgspec.json.decode(await _whole(response)))
            return count(answer.get("input_tokens")) or count(answer.get("count"))


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while part := await response.content.readany():
        body += part
        if len(body) > _LARGEST:
            raise ValueError("that is no count")
    return bytes(body)


def is_local(base_url: str) -> bool:
    """Tell whether a URL is this machine or one of its own network: nobody pays for a question there."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return is_loopback(host) or "." not in host or host.endswith(_LIKE_A_NAME)


_PATHS: Mapping[str, str] = {"llamacpp": "/v1/chat/completions/input_tokens", "vllm": "/tokenize"}
ASKED = frozenset(_PATHS)
"""The servers that are asked, by identity."""
