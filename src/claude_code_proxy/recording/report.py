"""A bundle for a bug report: what happened and on what, with nothing in it that must not leave a machine."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from ..errors import reason
from ..quoting import Quotes, said
from ..record import Record, facts
from ..redaction import Redaction
from ..translate.parts import key_of
from ..wire.shapes import items, mapping
from .case import Case, read_case, toml
from .filler import (
    PROTOCOL,
    Cover,
    Filler,
    cover_answer,
    cover_complaints,
    cover_stream,
    declared_in,
    filler,
    hidden,
    raw_filler,
    said_in,
)
from .refused import BODY
from .replay import Replayed, differences, replay
from .request_filler import cover_request

_PACKAGES = ("aiohttp", "msgspec", "pypdfium2", "starlette", "structlog", "uvicorn", "uvloop")
_README = """A report of claude-code-proxy {version}.

about.json        versions and system
settings.txt      the settings in force, secrets hidden
log.jsonl         facts of the latest requests
recordings/       recorded exchanges: claude-code-proxy replay FOLDER --trace

Keys, tokens, home folders and mail addresses are replaced by stars, everywhere.
{prompts}
Look through it before you give it to others.
"""
_FILLED = (
    "Prompts and answers are replaced by x and 1, character by character; names of tools and of their fields are there."
)
_KEPT = "Prompts and answers are in the recordings, as you asked for."


def write_report(
    to: Path,
    folders: Iterable[Path],
    *,
    records: Iterable[Record],
    settings: Iterable[str],
    redaction: Redaction,
    prompts: bool,
) -> list[str]:
    """Write a bundle (zip); returns the names of what is in it. prompts: leave prompts and answers readable.

    Raises OSError where it can't be written, ValueError for a folder that has no whole recording.
    """
    hide = redaction.all
    files: dict[str, bytes] = {
        "README.txt": _README.format(version=__version__, prompts=_KEPT if prompts else _FILLED).encode(),
        "about.json": hide(json.dumps(_about(), indent=1)).encode(),
        "settings.txt": hide("\n".join(settings) + "\n").encode(),
        "log.jsonl": hide("".join(json.dumps(_told(record, prompts=prompts)) + "\n" for record in records)).encode(),
    }
    for folder in folders:
        try:
            covered = _covered(folder, redaction, prompts=prompts)
        except (OSError, ValueError, LookupError) as error:
            raise ValueError(f"{folder} can't be read as a recorded exchange: {reason(error)}") from None
        files |= {f"recordings/{folder.name}/{name}": content for name, content in covered.items()}
    handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return list(files)


def _told(record: Record, *, prompts: bool) -> dict[str, Any]:
    """The facts of a request; a backend's complaint may quote what it was sent."""
    known = facts(record)
    if prompts:
        return known
    covered: dict[str, Any] = {"error": filler(known["error"])} if known.get("error") else {}
    notes = [
        {**note, **{part: _place(str(note[part])) for part in ("path", "detail") if part in note}}
        for note in known.get("notes", ())
    ]
    return {**known, **covered, **({"notes": notes} if notes else {})}


def _place(text: str) -> str:
    """A note's place or detail with the names in it covered that are not the protocol's."""
    return re.sub(
        r"\w+", lambda found: found[0] if found[0] in PROTOCOL or found[0].isdigit() else filler(found[0]), text
    )


def _covered(folder: Path, redaction: Redaction, *, prompts: bool) -> Mapping[str, bytes]:
    """The files of a recording with what must be covered covered, and the request's body as it then is."""
    hide = redaction.all
    case = read_case(folder)
    asked = json.loads(case.text("request.json")) if (folder / "request.json").exists() else None
    cover: Cover = hide if prompts else _filler_for(asked)
    quotes = Quotes([] if prompts else [*said(asked), *said_in(case.answer)])
    files = _request_files(case, cover)
    files["about.toml"] = _about_file(case.about, quotes.hidden_in, hide)
    for name in ("upstream.sse", "events.sse", "answer.json"):
        if (folder / name).exists():
            covered = cover_complaints(cover_stream((folder / name).read_bytes(), cover), quotes.hidden_in)
            files[name] = hide(covered.decode()).encode()
    again = _replayed(files)
    if again.body:
        files["upstream-request.json"] = again.body.encode()
    if again.sent and not differences(case, replay(case)):  # what follows from the covered answer is what was sent
        name = "events.sse" if "events.sse" in files else "answer.json"
        files[name] = again.sent.encode()
        if again.error:
            files["about.toml"] = _about_file(case.about, lambda _: again.error, hide)
    return files


def _filler_for(asked: Any) -> Filler:
    stops = (stop for stop in items(mapping(asked).get("stop_sequences")) if isinstance(stop, str))
    return Filler(declared_in(asked), stops)


def _request_files(case: Case, cover: Cover) -> dict[str, bytes]:
    """What the client sent, and what was read for it, covered."""
    files: dict[str, bytes] = {}
    asked = json.loads(case.text("request.json")) if (case.folder / "request.json").exists() else None
    covered = cover_request(asked, cover) if isinstance(cover, Filler) else hidden(asked, cover)
    if asked is not None:
        files["request.json"] = _json(covered)
    if (case.folder / "resources.json").exists():
        known = json.loads(case.text("resources.json"))
        keys = dict(_rekeyed(asked, covered, known))
        files["resources.json"] = _json({keys.get(key, key): cover_answer(held, cover) for key, held in known.items()})
    if (case.folder / BODY).exists():
        raw = (case.folder / BODY).read_bytes().decode("utf-8", "surrogateescape")
        files[BODY] = (raw_filler(raw) if isinstance(cover, Filler) else cover(raw)).encode("utf-8", "surrogateescape")
    return files


def _rekeyed(asked: Any, covered: Any, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys of what was read, digests of what the request says, with those of the covered request."""
    if isinstance(asked, list):
        for pair in zip(asked, covered, strict=True):
            yield from _rekeyed(*pair, known)
    elif isinstance(asked, dict):
        if "type" in asked and key_of(asked) in known:
            yield key_of(asked), key_of(covered)
        for pair in zip(asked.values(), covered.values(), strict=True):
            yield from _rekeyed(*pair, known)


def _about_file(about: Mapping[str, Any], unquoted: Cover, hide: Cover) -> bytes:
    """about.toml. unquoted: what becomes of an error's words, which may be the client's or the backend's."""
    recorded = {**about.get("recorded", {})}
    if "error" in recorded:
        recorded["error"] = unquoted(recorded["error"])
    covered = {**about, "shows": unquoted(str(about.get("shows", ""))), "recorded": recorded}
    return toml(json.loads(hide(json.dumps(covered, default=str)))).encode()  # a date is as good as a text


def _replayed(files: Mapping[str, bytes]) -> Replayed:
    """What comes of the covered request and answer: nothing of the real ones can be left in it."""
    with tempfile.TemporaryDirectory() as place:
        for name, content in files.items():
            (Path(place) / name).write_bytes(content)
        return replay(read_case(Path(place)))


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _about() -> dict[str, Any]:
    return {
        "claude_code_proxy": __version__,
        "python": sys.version.split()[0],
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "msgspec": msgspec.__version__,
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
