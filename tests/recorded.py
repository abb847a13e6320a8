"""Real exchanges recorded by public projects, read where they lie: none of them is part of this repository.

`CCP_RECORDED` names a folder or a `.tar.xz` with them; else `../shared/recorded/recorded.tar.xz` beside the
repository is tried. Without either, the tests that need them skip and say so.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WHERE = "recorded exchanges are not here: set CCP_RECORDED to their folder or recorded.tar.xz"
_BESIDE = Path(__file__).parents[2] / "shared" / "recorded" / "recorded.tar.xz"
_UNPACKED = Path(__file__).parents[1] / "build"

# Chunk files of the vercel fixtures that are no chat completions, by the folder they lie in.
NOT_CHAT = {
    "packages/anthropic/src/__fixtures__": "Anthropic's own protocol",
    "packages/azure/src/__fixtures__": "OpenAI's Responses protocol",
    "packages/cohere/src/__fixtures__": "Cohere's own protocol",
    "packages/openai/src/completion/__fixtures__": "the text completions of old",
    "packages/openai/src/speech-translation/__fixtures__": "the realtime speech protocol",
}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. name: readable and unique; streamed: the body is SSE, else one JSON text."""

    name: str
    provider: str
    request: dict[str, Any]
    status: int
    body: bytes
    streamed: bool


@functools.cache
def corpus_root() -> Path | None:
    """Return the folder of the recorded exchanges; None when they are not here."""
    place = Path(os.environ.get("CCP_RECORDED") or _BESIDE)
    if place.is_dir():
        return place / "recorded" if (place / "recorded").is_dir() else place
    return _unpack(place) if place.is_file() else None


def _unpack(archive: Path) -> Path:
    """Return the folder with an archive's files: of the processes that test at once, and of later runs, one unpacks it."""
    facts = archive.stat()
    folder = _UNPACKED / f"recorded-{facts.st_size}-{facts.st_mtime_ns}"
    _UNPACKED.mkdir(exist_ok=True)
    with (_UNPACKED / "recorded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = Path(tempfile.mkdtemp(dir=_UNPACKED))
            with tarfile.open(archive) as packed:
                packed.extractall(half, filter="data")
            half.rename(folder)
    return folder / "recorded" if (folder / "recorded").is_dir() else folder


@functools.cache
def chat_exchanges() -> tuple[Exchange, ...]:
    """Return every chat-completions exchange: rig's cassettes, then vercel's fixtures."""
    root = corpus_root()
    if root is None:
        return ()
    vercel = root / "vercel-ai"
    return (*_cassettes(root / "rig" / "chat"), *_vercel_chunks(vercel), *_vercel_answers(vercel))


def streams() -> list[Exchange]:
    """Return the streamed answers."""
    return [exchange for exchange in chat_exchanges() if exchange.streamed]


def whole_answers() -> list[Exchange]:
    """Return the whole JSON answers that were a success."""
    return [exchange for exchange in chat_exchanges() if not exchange.streamed and exchange.status == 200]


def refused_answers() -> list[Exchange]:
    """Return the exchanges the backend answered with an error status."""
    return [exchange for exchange in chat_exchanges() if exchange.status >= 400]


def error_bodies() -> list[tuple[str, int | None, str]]:
    """Return backend, status (200: inside a stream, None: not recorded) and error object of real errors, some cut off."""
    place = Path(os.environ.get("CCP_RECORDED") or _BESIDE)
    beside = (place if place.is_dir() else place.parent) / "errors.json"
    found = json.loads(beside.read_bytes()) if beside.is_file() else {}
    return [(backend, status, body) for backend, errors in found.items() for status, body in errors]


def message_requests() -> Iterator[Exchange]:
    """Yield every exchange recorded at Anthropic's own `/v1/messages`."""
    root = corpus_root()
    if root is not None:
        yield from _cassettes(root / "rig" / "messages")


def transcripts() -> list[tuple[str, bytes]]:
    """Return name and bytes of each Anthropic SSE transcript that Anthropic's own SDK is tested with."""
    root = corpus_root()
    if root is None:
        return []
    files = [*root.glob("anthropic-sdk-python/**/*.txt"), *root.glob("anthropic-sdk-python/**/*.sse")]
    return [(path.stem, path.read_bytes()) for path in sorted(files)]


def each(exchanges: list[Exchange]) -> pytest.MarkDecorator:
    """Parametrize a test by exchange, or skip it with the reason."""
    params = [pytest.param(exchange, id=exchange.name) for exchange in exchanges]
    missing = pytest.param(None, id="no recordings", marks=pytest.mark.skip(reason=WHERE))
    return pytest.mark.parametrize("exchange", params or [missing])


def skipped_fixtures() -> dict[str, str]:
    """Return the vercel chunk files that are no chat completions, with the reason."""
    root = corpus_root()
    files = sorted((root / "vercel-ai").rglob("*.chunks.txt")) if root else []
    return {path.name: NOT_CHAT[folder] for path in files if (folder := _folder(path)) in NOT_CHAT}


def _cassettes(folder: Path) -> Iterator[Exchange]:
    for meta_path in sorted(folder.glob("*/*.meta.json")):
        stem = str(meta_path).removesuffix(".meta.json")
        streamed = Path(f"{stem}.response.sse").exists()
        body = Path(f"{stem}.response.{'sse' if streamed else 'json'}")
        request = Path(f"{stem}.request.json")
        if not body.exists():
            continue
        provider = meta_path.parent.name
        yield Exchange(
            name=f"{provider}-{Path(stem).name.removeprefix(f'tests__cassettes__{provider}__').replace('__', '-')}",
            provider=provider,
            request=json.loads(request.read_bytes()) if request.exists() else {},
            status=json.loads(meta_path.read_bytes())["status"],
            body=body.read_bytes(),
            streamed=streamed,
        )


def _vercel_chunks(folder: Path) -> Iterator[Exchange]:
    for path in sorted([*folder.rglob("*.chunks.txt"), *folder.rglob("*.sse")]):
        if _folder(path) not in NOT_CHAT:
            body = path.read_bytes() if path.suffix == ".sse" else _as_sse(path.read_bytes())
            yield _fixture(path, body, streamed=True)


def _vercel_answers(folder: Path) -> Iterator[Exchange]:
    for path in sorted(folder.rglob("*.json")):
        body = path.read_bytes()
        answer = json.loads(body) if "fixtures" in path.parent.name else None
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if choices and "message" in choices[0]:
            yield _fixture(path, body, streamed=False)


def _fixture(path: Path, body: bytes, *, streamed: bool) -> Exchange:
    provider = _folder(path).split("/")[1]
    name = f"vercel-{provider}-{path.name.removesuffix('.txt')}"
    return Exchange(name=name, provider=provider, request={}, status=200, body=body, streamed=streamed)


def _folder(path: Path) -> str:
    parts = path.parent.parts
    return "/".join(parts[parts.index("packages") :])


def _as_sse(lines: bytes) -> bytes:
    """Put back what the fixture left out: the field name, the blank line, the end mark."""
    chunks = [line for line in lines.splitlines() if line.strip()]
    return b"".join(b"data: " + chunk + b"\n\n" for chunk in [*chunks, b"[DONE]"])
