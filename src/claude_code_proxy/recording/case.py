"""A case folder: one exchange as files that a person can read, and that run through the whole translation again.

    about.toml              backend and model, what is known of them, and what the case shows or how it ended
    request.json            what the client sent; a signature of ours in it is {"sealed": {...}}
    upstream-request.json   the body the backend got
    upstream.sse            what the backend answered, verbatim: an event stream, or a whole answer or error as JSON;
                            not there where no backend was asked (`refused.py`)
    events.sse              what the client got, signatures opened so that a person can read them

A recorded folder may also have resources.json (documents as they were read), times.json (when each piece of the answer
came), and answer.json in place of events.sse where the client asked for no stream.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import structs

from ..backends.model_lists import Reasoning, informed
from ..dialects import DIALECTS, recognise
from ..endpoint import Backend
from ..errors import UpstreamError
from ..translate.dialect import Dialect
from ..translate.envelope import Envelope, digest, seal, unseal
from ..translate.failure import Asked, read_failure
from ..translate.notes import Notes
from ..translate.parts import Resource
from ..translate.repairs import apply
from ..translate.request import Target, Translated, translate_request
from ..translate.stream import StreamTranslator
from ..translate.validate import check_request
from ..wire.anthropic import encode
from ..wire.shapes import count, items, mapping, text
from ..wire.sse import is_stream

KEY = b"recordings"
"""Seals the signatures of a replay, so that they are the same everywhere."""

BACKEND = "recorded"
MESSAGE_ID = "msg_recorded"
_SUCCESS = 200
_LONGEST = 60  # characters of a name in a message
_SIGNATURE = re.compile(r'"signature":"(px1\.[^"]+)"')


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    window: int = 0
    max_output: int = 0
    vision: bool | None = None
    min_tokens: int = 0
    min_tokens_explicit: bool = False
    max_tokens_limit: int = 0
    estimate: int = 0


class _Planned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    summary: bool = False
    window_stop: bool = True
    scale: float = 1.0


class _Switched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text_tools: bool = False
    think_tags: bool = False


class _Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: Literal["unread", "form", "window", "moment", "fault"]
    prompt: int = 0
    window: int = 0
    told: str = ""


class _About(msgspec.Struct):
    """What about.toml may say, so that one somebody changed is told, not met."""

    model: str
    backend: str = BACKEND
    base_url: str = ""
    dialect: str = ""
    identity: str = ""
    learned: str = "{}"
    reasoning: str = "{}"
    status: int = _SUCCESS
    stream: bool = True
    complete: bool = True
    target: _Known = _Known()
    plan: _Planned = _Planned()
    switched: _Switched = _Switched()
    refused: _Refused | None = None
    recorded: dict[str, str | int] = {}


class Case(NamedTuple):
    """One case folder."""

    folder: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """Its place: dialect and case, in the tests' folder."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def model(self) -> str:
        """The backend's model."""
        return str(self.about["model"])

    @property
    def backend(self) -> str:
        """The backend's name: part of the signatures."""
        return str(self.about.get("backend", BACKEND))

    @property
    def status(self) -> int:
        """The HTTP status of the backend's answer."""
        return int(self.about.get("status", _SUCCESS))

    @property
    def dialect(self) -> Dialect:
        """What the backend speaks, with what was learned of it by then, under the settings of that time.

        OpenAI's where it is not known who that is.
        """
        if "base_url" not in self.about:
            return DIALECTS["openai"]
        backend = Backend(name=self.backend, base_url=self.about["base_url"], dialect=text(self.about.get("dialect")))
        known = recognise(backend, self.model, self.about.get("identity", ""))
        reasoning = msgspec.json.decode(self.about.get("reasoning", "{}"), type=Reasoning)
        spoken = apply(informed(known, reasoning), mapping(json.loads(self.about.get("learned", "{}"))))
        return replace(spoken, **mapping(self.about.get("switched")))

    @property
    def request(self) -> dict[str, Any]:
        """The client's request, its signatures sealed."""
        request: dict[str, Any] = json.loads(self.text("request.json"))
        for block in _blocks(mapping(request)):
            if isinstance(block.get("signature"), dict):
                block["signature"] = self._sealed(block)
        return request

    @property
    def refused(self) -> bool:
        """Whether the proxy itself refused the request."""
        return "refused" in self.about

    @property
    def answer(self) -> bytes:
        """The backend's answer; nothing where none was asked."""
        return b"" if self.refused else (self.folder / "upstream.sse").read_bytes()

    @property
    def is_whole(self) -> bool:
        """Whether the backend answered in one piece."""
        return not is_stream(self.answer)

    @property
    def resources(self) -> dict[str, Resource]:
        """Documents as they were read."""
        try:
            return msgspec.json.decode((self.folder / "resources.json").read_bytes(), type=dict[str, Resource])
        except FileNotFoundError:
            return {}

    def text(self, file: str) -> str:
        """Return a file of the folder."""
        return (self.folder / file).read_text(encoding="utf-8")

    def translated(self, notes: Notes | None = None) -> Translated:
        """Return the translated request. Raises ClientError for one that can't be sent."""
        facts = dict(self.about.get("target", {}))
        estimate = count(facts.pop("estimate", 0))
        target = Target(
            backend=self.backend,
            model=self.model,
            dialect=self.dialect,
            seal=KEY,
            resources=self.resources,
            **facts,
        )
        measure = (lambda _: estimate) if estimate else None
        translated = translate_request(check_request(self.request), target, notes or Notes(), count=measure)
        plan = structs.replace(translated.plan, **mapping(self.about.get("plan")))
        return structs.replace(translated, plan=plan)

    def body(self) -> str:
        """Return the backend's body, for a person to read."""
        return json.dumps(self.translated().body, indent=2, ensure_ascii=False) + "\n"

    def translator(self, translated: Translated, notes: Notes | None = None) -> StreamTranslator:
        """Return what translates the answer."""
        return StreamTranslator(self.dialect, translated.plan, message_id=MESSAGE_ID, notes=notes)

    def failure(self, translated: Translated) -> UpstreamError | None:
        """Return what the backend's status says went wrong, None when it answered."""
        if self.status < 300:  # noqa: PLR2004 - the HTTP classes
            return None
        plan = translated.plan
        asked = Asked(model=self.model, counted=plan.input_estimate, window=plan.window, max_tokens=plan.max_tokens)
        return read_failure(self.status, self.answer, {}, asked)

    def events(self, pieces: list[bytes]) -> bytes:
        """Return what the client gets when the answer arrives in these pieces."""
        translated = self.translated()
        failure = self.failure(translated)
        if failure is not None:
            return error_frame(failure.type, failure.message)
        translator = self.translator(translated)
        if self.is_whole:
            sent = encode(translator.whole_events(b"".join(pieces)))
        else:
            sent = b"".join([*(translator.feed(piece) for piece in pieces), translator.finish()])
        if translator.failure is not None:
            sent += error_frame(translator.failure.type, translator.failure.message)
        return sent

    def _sealed(self, block: dict[str, Any]) -> str:
        state = block["signature"]["sealed"]
        model = {"backend": self.backend, "model": self.model, "digest": digest(block["thinking"])}
        return seal(Envelope(**{**model, **state}), KEY)


def read_case(folder: Path) -> Case:
    """Return the case in a folder. Raises OSError or ValueError for a folder that has none."""
    about = tomllib.loads((folder / "about.toml").read_text(encoding="utf-8"))
    msgspec.convert(about, _About)
    if about.get("dialect") and about["dialect"] not in DIALECTS:
        raise ValueError(f"about.toml names a dialect that is not known: {about['dialect'][:_LONGEST]}")
    return Case(folder, about)


def opened(events: bytes, key: bytes = KEY) -> str:
    """Return events with what our signatures hold in their place: zlib may write the same in other bytes."""
    return _SIGNATURE.sub(lambda found: f'"signature":{_state(found[1], key)}', events.decode("utf-8", "replace"))


def unsealed(request: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return a request with its signatures of ours opened, as request.json has them."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(request))
    for block in _blocks(copy):
        state = unseal(text(block.get("signature")), key)
        if state is not None:
            block["signature"] = {"sealed": {name: getattr(state, name) for name in _given(state)}}
    return copy


def error_frame(kind: str, message: str) -> bytes:
    """Return the event that ends a stream that failed, without the request's id."""
    error = {"type": "error", "error": {"type": kind, "message": message}}
    return f"event: error\ndata: {json.dumps(error, separators=(',', ':'), ensure_ascii=False)}\n\n".encode()


def toml(about: Mapping[str, Any]) -> str:
    """Return about.toml: texts, numbers, booleans, and tables of them."""
    plain = [f"{name} = {_value(value)}" for name, value in about.items() if not isinstance(value, dict)]
    tables = {name: value for name, value in about.items() if isinstance(value, dict)}
    for name, table in tables.items():
        plain += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in table.items() if value is not None)]
    return "\n".join(plain) + "\n"


def _value(value: object) -> str:
    return json.dumps(value.encode("utf-8", "replace").decode() if isinstance(value, str) else value)


def _blocks(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The content blocks of all messages."""
    found = [items(mapping(message).get("content")) for message in items(request.get("messages"))]
    return [block for content in found for block in content if isinstance(block, dict)]


def _given(state: Envelope) -> list[str]:
    default = Envelope()
    return [name for name in state.__struct_fields__ if getattr(state, name) != getattr(default, name)]


def _state(signature: str, key: bytes) -> str:
    envelope = unseal(signature, key)
    if envelope is None:
        return json.dumps(signature)
    return json.dumps(msgspec.to_builtins(envelope), ensure_ascii=False)
