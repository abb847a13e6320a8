"""Requests that the proxy refused before a backend was asked: what their folder has, and what becomes of them today.

about.toml has a table `refused`, whose `by` says what refused the request:

    unread    its size or its encoding (or it was too long to be kept): there is nothing that could be looked at again
    form      it is no legal request; request.txt is the body where that is no JSON, or nested too deeply
    window    the prompt is larger than the model's window
    moment    the proxy's state at that time: a full queue, a deadline
    fault     a fault of the proxy's own

There is no upstream.sse; upstream-request.json is what a backend would have been asked, where it came so far.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..body import decoded
from ..errors import FAILED_INSIDE, ClientError, ContextOverflowError, Overflow, ProxyError
from ..translate.depth import is_too_deep
from ..translate.notes import Notes
from ..translate.overflow import overflow_error
from ..translate.validate import check_request
from ..wire.anthropic import error_body
from ..wire.shapes import count, items, mapping, text
from .case import Case, error_frame, unsealed

if TYPE_CHECKING:
    from .recorder import Recording

HIDDEN = "hidden"
_LONGEST_OWNER = 256  # characters the API takes
BODY = "request.txt"
"""A body that is no JSON or nested too deeply to be gone through, as far as it may be kept."""

_OWNER = re.compile(r'("(?:user_id|authorization_token)"\s*:\s*")((?:[^"\\]|\\.)*)')
_STATE = "It was refused for the state of the proxy then, not for anything of the request."
_UNKEPT = "Nothing of the request was kept, so there is nothing to run again."


def why(recording: Recording) -> dict[str, Any]:
    """Return the table `refused` of about.toml."""
    error = recording.refusal
    if error is None:
        return {"by": "fault"}
    if isinstance(error, ContextOverflowError):
        found = error.overflow
        return {"by": "window", "prompt": found.prompt, "window": found.window, "told": error.told}
    if not isinstance(error, ClientError):
        return {"by": "moment"}
    return {"by": "form" if recording.body else "unread"}


def what_was_sent(recording: Recording, key: bytes) -> dict[str, str]:
    """Return the client's request as a file: JSON where it is that, nothing where it was not read.

    key: opens signatures of ours.
    """
    if not recording.body:
        return {}
    value = _read(recording.body)
    if value is None or is_too_deep(value):
        plain = recording.body.decode("utf-8", "surrogateescape")
        return {BODY: _OWNER.sub(lambda found: found[1] + "x" * len(found[2]), plain)}
    request = without_owner(unsealed(value, key)) if isinstance(value, dict) else value
    return {"request.json": json.dumps(request, indent=2, ensure_ascii=False) + "\n"}


def _read(body: bytes) -> Any:
    try:
        return decoded(body)[0]
    except ClientError:
        return None


def without_owner(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request without who sent it (Claude Code's user_id names device, account and session) and keys in it."""
    owner = mapping(request.get("metadata"))
    if owner.get("user_id"):
        request["metadata"] = {**owner, "user_id": _nobody(owner["user_id"])}
    for server in items(request.get("mcp_servers")):
        if isinstance(server, dict) and "authorization_token" in server:
            server["authorization_token"] = _nobody(server["authorization_token"])
    return request


def told(error: ProxyError | None, *, stream: bool) -> tuple[str, str]:
    """Return what the client got, as file name and content. error: None for a fault of the proxy's own."""
    error = error or ProxyError(FAILED_INSIDE)
    if stream:
        return "events.sse", error_frame(error.type, error.told or error.message).decode()
    answer = error_body(error, "")
    del answer["request_id"]
    return "answer.json", json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def is_lasting(case: Case) -> bool:
    """Whether the request itself is what was refused, so that it is at any time."""
    return text(mapping(case.about["refused"]).get("by")) in {"form", "window", "fault"}


class Verdict:
    """What becomes of a refused request now.

    sent: what the client gets; error: what refuses it, None where nothing does; said: what a person must know beside
    it; body: what a backend would be asked, "" where it does not come so far.
    """

    def __init__(self, case: Case, notes: Notes) -> None:
        self.sent = self.body = self.said = ""
        self.error: ProxyError | None = None
        self._case = case
        self._why = mapping(case.about["refused"])
        self._decide(notes)
        if self.error is not None:
            _, self.sent = told(self.error, stream=case.about.get("stream") is True)

    def _decide(self, notes: Notes) -> None:
        by = text(self._why.get("by"))
        if by == "unread":
            self.error, self.said = _recorded(self._case), _UNKEPT
            return
        try:
            self.body = _body(self._case, notes)
        except ProxyError as error:
            self.error = error
            return
        except Exception as fault:  # noqa: BLE001 - the very fault that was recorded
            self.error, self.said = ProxyError(FAILED_INSIDE), _place(fault)
            return
        if by == "window":
            self.error = self._overflow()
        elif by == "moment":
            self.error, self.said = _recorded(self._case), _STATE

    def _overflow(self) -> ProxyError:
        """The prompt and the window as they were counted then: nothing was sent that could be counted anew."""
        found = Overflow("prompt", prompt=count(self._why.get("prompt")), window=count(self._why.get("window")))
        error = overflow_error(found)
        error.told = text(self._why.get("told"))
        return error


def _body(case: Case, notes: Notes) -> str:
    """What a backend would be asked. Raises ProxyError for what is refused."""
    if (case.folder / BODY).exists():
        check_request(decoded((case.folder / BODY).read_bytes())[0])
        return ""
    return json.dumps(case.translated(notes).body, indent=2, ensure_ascii=False) + "\n"


def _recorded(case: Case) -> ProxyError:
    """The refusal as it was, where it can't be had again."""
    known: Mapping[str, Any] = mapping(case.about.get("recorded"))
    error = ProxyError(text(known.get("error")))
    error.type = text(known.get("error_type")) or error.type
    return error


def _place(fault: Exception) -> str:
    """A fault and where it is, in a line: the file's name only."""
    where = traceback.extract_tb(fault.__traceback__)[-1]
    return f"It fails inside: {type(fault).__name__}: {fault} ({Path(where.filename).name}:{where.lineno})"


def _nobody(held: object) -> object:
    """Nobody, of the same type: it may be what the request is refused for."""
    if isinstance(held, str):
        return HIDDEN if len(held) <= _LONGEST_OWNER else "x" * len(held)
    if isinstance(held, list):
        return [_nobody(inner) for inner in held]
    if isinstance(held, dict):
        return {name: _nobody(inner) for name, inner in held.items()}
    return held
