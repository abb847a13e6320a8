"""The case folders in tests/recordings: read, run through the whole translation, written again.

    about.toml              backend and model, and what the case shows
    request.json            what a client sent; a thinking block may carry {"sealed": {...}} for a signature of ours
    upstream-request.json   golden: the body the backend got
    upstream.sse            what the backend answered, in its own shapes (written by hand)
    events.sse              golden: what the client got, signatures opened so that a person can read them

`python tests/case_folders.py --accept [NAME ...]` writes the goldens, and docs/dialects.md, as they are now.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from claude_code_proxy.dialects import recognise
from claude_code_proxy.dialects.table import docs_tables
from claude_code_proxy.endpoint import Backend
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal, unseal
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, Translated, translate_request
from claude_code_proxy.translate.stream import StreamTranslator
from claude_code_proxy.translate.validate import check_request

FOLDER = Path(__file__).parent / "recordings"
DOCS = Path(__file__).parent.parent / "docs" / "dialects.md"
BEGIN, END = "<!-- dialects:begin -->", "<!-- dialects:end -->"

KEY = b"recordings"
BACKEND = "recorded"
_SIGNATURE = re.compile(r'"signature":"(px1\.[^"]+)"')


class Case(NamedTuple):
    folder: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def model(self) -> str:
        return self.about["model"]

    @property
    def dialect(self) -> Dialect:
        backend = Backend(name=BACKEND, base_url=self.about["base_url"])
        return recognise(backend, self.model, self.about.get("identity", ""))

    @property
    def request(self) -> dict[str, Any]:
        request = json.loads(self.text("request.json"))
        for message in request["messages"]:
            for block in message["content"] if isinstance(message["content"], list) else []:
                if isinstance(block.get("signature"), dict):
                    block["signature"] = self._sealed(block)
        return request

    @property
    def answer(self) -> bytes:
        return (self.folder / "upstream.sse").read_bytes()

    def text(self, file: str) -> str:
        return (self.folder / file).read_text(encoding="utf-8")

    def _sealed(self, block: dict[str, Any]) -> str:
        state = block["signature"]["sealed"]
        model = {"backend": BACKEND, "model": self.model, "digest": digest(block["thinking"])}
        return seal(Envelope(**{**model, **state}), KEY)

    def translated(self) -> Translated:
        target = Target(backend=BACKEND, model=self.model, dialect=self.dialect, seal=KEY)
        return translate_request(check_request(self.request), target, Notes())

    def body(self) -> str:
        """The backend's body, for a person to read."""
        return json.dumps(self.translated().body, indent=2, ensure_ascii=False) + "\n"

    def events(self, pieces: list[bytes]) -> bytes:
        """What the client gets when the answer arrives in these pieces."""
        translator = StreamTranslator(self.dialect, self.translated().plan, message_id="msg_recorded")
        sent = b"".join([*(translator.feed(piece) for piece in pieces), translator.finish()])
        if translator.failure is not None:
            error = {"type": translator.failure.type, "message": translator.failure.message}
            payload = json.dumps({"type": "error", "error": error}, separators=(",", ":"), ensure_ascii=False)
            sent += f"event: error\ndata: {payload}\n\n".encode()
        return sent


def all_cases() -> list[Case]:
    """Every case folder, in order."""
    folders = sorted(path.parent for path in FOLDER.glob("*/*/about.toml"))
    return [Case(folder, tomllib.loads((folder / "about.toml").read_text(encoding="utf-8"))) for folder in folders]


def opened(events: bytes) -> str:
    """Events with what our signatures hold in place of the signatures: zlib may write the same in other bytes."""
    return _SIGNATURE.sub(lambda found: f'"signature":{_state(found[1])}', events.decode())


def _state(signature: str) -> str:
    envelope = unseal(signature, KEY)
    assert envelope is not None, "a signature of ours opens"
    return json.dumps(msgspec.to_builtins(envelope), ensure_ascii=False)


def page(text: str) -> str:
    """docs/dialects.md with its tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{docs_tables()}\n\n{END}{after}"


def main() -> None:
    """Write the goldens of the cases whose name begins with one of the arguments, or all."""
    wanted = tuple(name for name in sys.argv[1:] if name != "--accept")
    if "--accept" not in sys.argv:
        sys.exit("usage: python tests/case_folders.py --accept [NAME ...]")
    for case in all_cases():
        if not wanted or case.name.startswith(wanted):
            (case.folder / "upstream-request.json").write_text(case.body(), encoding="utf-8")
            (case.folder / "events.sse").write_text(opened(case.events([case.answer])), encoding="utf-8")
    DOCS.write_text(page(DOCS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
