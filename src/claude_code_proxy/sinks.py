"""Where an answer goes: to the client as it comes, or into one message."""

from __future__ import annotations

from typing import Protocol

from .channel import Channel
from .errors import UpstreamError
from .pulse import Watch
from .translate.fold import Fold
from .translate.stream import StreamTranslator
from .wire.anthropic import Event, encode

_MAX_ANSWER = 64 * 1024 * 1024  # bytes


def check_size(size: int) -> None:
    """Raise UpstreamError for an answer of so many bytes that keeping it would fill the memory."""
    if size > _MAX_ANSWER:
        raise UpstreamError(f"The backend's answer is larger than {_MAX_ANSWER} bytes.")


class Sink(Protocol):
    """Takes an answer. `spoken`: the client has seen some of it, so nothing can be asked again."""

    spoken: bool

    async def feed(self, translator: StreamTranslator, data: bytes) -> None:
        """Take what the backend sent, translated. A failure among it is the translator's to tell."""

    async def put(self, events: list[Event]) -> None:
        """Take events."""

    async def end(self) -> None:
        """Take note that the answer ended well."""


class StreamSink:
    """Sends what there is as it comes, in one write for each read; the last one also ends the response."""

    def __init__(self, channel: Channel, watch: Watch) -> None:
        self.spoken = False
        self._channel = channel
        self._watch = watch
        self._last = b""

    async def feed(self, translator: StreamTranslator, data: bytes) -> None:
        """Send the frames for `data`; the last ones wait for the end of the response."""
        frames = translator.feed(data)
        if translator.done and translator.failure is None:
            self.spoken, self._last = True, frames
        elif frames:
            self.spoken = True
            self._watch.said()
            await self._channel.stream(frames)

    async def put(self, events: list[Event]) -> None:
        """Send events."""
        if events:
            self.spoken = True
            self._watch.said()
            await self._channel.stream(encode(events))

    async def end(self) -> None:
        """End the response."""
        await self._channel.stream(self._last, last=True)


class MessageSink:
    """Builds the message, and sends it when it is whole."""

    def __init__(self, channel: Channel) -> None:
        self.spoken = False
        self._channel = channel
        self._fold = Fold()
        self._size = 0

    async def feed(self, translator: StreamTranslator, data: bytes) -> None:
        """Keep the events for `data`."""
        self._size += len(data)
        check_size(self._size)
        self._fold.add(translator.events(data))

    async def put(self, events: list[Event]) -> None:
        """Keep events."""
        self._fold.add(events)

    async def end(self) -> None:
        """Send the message."""
        self.spoken = True
        await self._channel.json(200, self._fold.message)
