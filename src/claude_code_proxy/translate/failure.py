"""A backend's failure, told in Anthropic's words: the right status, a sentence that helps, and whether to ask again.

`read_failure` is for an answer with an error status, `failure_of` for an error inside an answer that began well.
The class of the result says what may help: RetryableError the same request again, ContextOverflowError less output or
a compacted conversation, FilteredError nothing (it may be shown as a refusal), a plain UpstreamError a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ..errors import FilteredError, RetryableError, UpstreamError
from ..wire.shapes import count, text
from .complaint import Complaint, complaint_of, read_complaint, without_secrets
from .failure_kinds import Kind, is_filtered, kind_of
from .overflow import overflow_error, read_overflow
from .overflow_sums import Own
from .retry_after import read_retry_after


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the request that failed. All of it is optional and makes the error exact.

    counted: the prompt in tokens by the proxy's count, most: what it may have at most; window: the model's, as known;
    max_tokens: as sent, lowered: it is less than the client may have; now: seconds since 1970;
    key_name, url_name: the settings a person would change; url: the base URL, as it may be
    shown; secrets: masked in every message.
    """

    model: str = ""
    counted: int = 0
    most: int = 0
    window: int = 0
    max_tokens: int = 0
    lowered: bool = False
    now: float = 0.0
    key_name: str = "OPENAI_API_KEY"
    url_name: str = "OPENAI_BASE_URL"
    url: str = "the backend's address"
    secrets: tuple[str, ...] = ()


NOTHING_KNOWN = Asked()

_BROKEN_WAY = 502  # a gateway's page, or a setting of the account: the client's own rights are not meant
_NOT_FOUND = 404


class Outcome(msgspec.Struct, frozen=True):
    """How a kind of failure is told. silent: the text where the backend said nothing; again: asking again may help."""

    status: int
    sentence: str
    silent: str
    again: bool = False
    should_retry: bool | None = None


_OUTCOMES: Mapping[Kind, Outcome] = {
    "quota": Outcome(
        402,
        "The backend's account has no credit left: {text} Add credit there, or change {key_name}.",
        "payment required.",
        should_retry=False,
    ),
    "unloaded": Outcome(
        502,
        "The model is not loaded in the backend: {text} Load it there, then try again.",
        "it answered {status}.",
        should_retry=False,
    ),
    "loading": Outcome(
        529, "The backend is still loading the model: {text} Try again in a moment.", "wait.", again=True
    ),
    "model": Outcome(404, "model: {model} {text}", "The backend does not have this model.", should_retry=False),
    "key": Outcome(
        502,
        "The backend key was rejected: {text} Check {key_name}: the backend's key, not the client's.",
        "it answered {status}.",
        should_retry=False,
    ),
    "access": Outcome(
        403,
        "The backend refused access: {text} Check what {key_name} is allowed to do.",
        "it answered {status}.",
        should_retry=False,
    ),
    "address": Outcome(
        502,
        "No chat completions at {url}: {text} Check {url_name}: requests go to it with "
        "/chat/completions added, so that it usually ends in /v1.",
        "it answered {status}.",
        should_retry=False,
    ),
    "allowance": Outcome(
        429,
        "The backend's allowance for this account is used up: {text} Wait until it is renewed, or change {key_name}.",
        "it answered {status}.",
        should_retry=False,
    ),
    "oversized": Outcome(
        429,
        "{text} This one request is larger than the whole limit, so that waiting does not help: send less, or raise "
        "the limit there.",
        "it answered {status}.",
        should_retry=False,
    ),
    "tools": Outcome(
        400,
        "The model can't call tools as it is served there: {text} Choose a model that can, or switch tool calls on in "
        "the server.",
        "it answered {status}.",
    ),
    "rate": Outcome(429, "{text}", "The backend's rate limit is reached.", again=True),
    "overloaded": Outcome(529, "{text}", "The backend is overloaded.", again=True),
    "timeout": Outcome(504, "{text}", "The backend took too long.", again=True),
    "conflict": Outcome(409, "{text}", "The backend reports a conflict.", again=True),
    "large": Outcome(
        413,
        "{text} Send less (compact the conversation, take out large images and files), or raise the limit of what "
        "stands before the model (nginx: client_max_body_size).",
        "The request is too large for the backend.",
    ),
    "output": Outcome(400, "{text}", "The model wrote a tool call the backend refused.", again=True),
    "request": Outcome(400, "{text}", "The backend refused the request with status {status} and no reason."),
    "broken": Outcome(500, "{text}", "The backend failed with status {status} and no reason.", again=True),
}


def read_failure(status: int, body: bytes, headers: Mapping[str, str], asked: Asked = NOTHING_KNOWN) -> UpstreamError:
    """Return the error for a backend's answer that is no success, or a success nobody can read."""
    return _failure(read_complaint(body, asked.secrets), status, headers, asked)


def failure_of(error: object, *, status: int | None = None, asked: Asked = NOTHING_KNOWN) -> UpstreamError:
    """Return the error for an error object, or a sentence, inside an answer. status: when the caller knows better."""
    return _failure(complaint_of(error, asked.secrets), status, {}, asked)


def masked(error: UpstreamError, secrets: Iterable[str]) -> UpstreamError:
    """Return an error that was read where the secrets were not known, without them."""
    error.message, error.words = without_secrets(error.message, secrets), without_secrets(error.words, secrets)
    error.param = without_secrets(error.param, secrets)
    error.args = (error.message,)
    return error


def _failure(said: Complaint, status: int | None, headers: Mapping[str, str], asked: Asked) -> UpstreamError:
    error = _error(said, status, headers, asked)
    error.words, error.param = said.text, text(said.data.get("param"))
    return error


def _error(said: Complaint, status: int | None, headers: Mapping[str, str], asked: Asked) -> UpstreamError:
    told = status if status is not None and status >= 300 else said.status  # noqa: PLR2004 - 200 says nothing here
    overflow = _overflow(said, told, asked)
    if overflow is not None:
        return overflow
    if is_filtered(said, told):
        return FilteredError(said.text or "The backend's content filter stopped the request.", upstream_status=told)
    comes_back = read_retry_after({}, said.text, said.data, now=asked.now) is not None
    wait = read_retry_after(headers, said.text, said.data, now=asked.now)
    error = _told(kind_of(said, told, comes_back=comes_back), said, told or status, wait, asked)
    return _advised(error, headers)


def _advised(error: UpstreamError, headers: Mapping[str, str]) -> UpstreamError:
    """Return the error with the backend's own advice on asking again, which goes before what is known of its kind."""
    advice = next((value for name, value in headers.items() if name.lower() == "x-should-retry"), "").strip().lower()
    if advice not in ("true", "false"):
        return error
    error.should_retry = advice == "true"
    return error.retryable() if error.should_retry else error


def _overflow(said: Complaint, status: int | None, asked: Asked) -> UpstreamError | None:
    own = Own(asked.counted, asked.most, asked.lowered)
    found = read_overflow(said.text, status=status, codes=said.codes, asked=asked.max_tokens, own=own)
    nearly_full = asked.window and asked.counted >= asked.window * 0.9
    if found is None and nearly_full and not said.text and status in (400, 413):  # Cerebras says nothing at all
        found = read_overflow("context_length_exceeded")
    if found is None:
        return None
    prompt, window = count(said.sizes.get("n_prompt_tokens")), count(said.sizes.get("n_ctx"))  # llama.cpp
    found = found._replace(prompt=found.prompt or prompt, window=found.window or window)
    return overflow_error(found, counted=asked.counted, window=asked.window, asked=asked.max_tokens, status=status)


def _told(kind: Kind, said: Complaint, status: int | None, wait: float | None, asked: Asked) -> UpstreamError:
    outcome = _OUTCOMES[kind]
    words = said.text or outcome.silent.format(status=status or "unknown")
    if outcome.sentence != "{text}" and words[-1] not in ".!?":
        words += "."
    model = "" if asked.model in words else f"{asked.model}."
    names = {"key_name": asked.key_name, "url_name": asked.url_name, "url": without_secrets(asked.url, asked.secrets)}
    message = outcome.sentence.format(text=words, model=model, **names)
    made = RetryableError if outcome.again else UpstreamError
    error = made(
        " ".join(message.split()),
        status=_BROKEN_WAY if kind == "access" and (said.page or status == _NOT_FOUND) else outcome.status,
        upstream_status=status,
        retry_after=wait,
        should_retry=outcome.should_retry,
    )
    error.kind = kind
    return error
