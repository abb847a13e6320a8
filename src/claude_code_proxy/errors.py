"""What can go wrong, by whose fault, and how Anthropic's API names it.

    ProxyError
    ├── ClientError        the client's request can't be served as it is
    ├── UpstreamError      the backend refused, broke, or could not be reached
    │   ├── RetryableError ... and asking again may help
    │   ├── ContextOverflowError ... prompt, output or both do not fit the model
    │   └── FilteredError ... a content filter stopped it: an answer may end as a refusal
    └── ConfigError        the person who started the proxy must change a setting

Everything a client can be shown is one of the first two. `TYPE_OF_STATUS` is the only place where an
HTTP status and an Anthropic error type meet (translation reference, section 6.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

TYPE_OF_STATUS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def type_of_status(status: int) -> str:
    """Return the Anthropic error type for an HTTP status: any unlisted 4xx is the request's fault, else ours."""
    fallback = "invalid_request_error" if 400 <= status < 500 else "api_error"  # noqa: PLR2004 - the HTTP classes
    return TYPE_OF_STATUS.get(status, fallback)


FAILED_INSIDE = "The proxy failed inside; its log says where."


def reason(error: Exception) -> str:
    """Return what happened, without a path of this machine."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__


class ProxyError(Exception):
    """An answer in Anthropic's error envelope.

    status: HTTP status; message: one sentence for a person, with the remedy; told: what the client reads instead, ""
    for the same; retry_after: seconds, when known;
    should_retry: value of `x-should-retry`, which the SDKs and Claude Code obey; code: machine-readable
    `error.details.error_code`, when the API has one.
    """

    default_status = 500

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.told = ""
        self.status = status if status is not None else self.default_status
        self.type = type_of_status(self.status)
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.code = code


class ClientError(ProxyError):
    """The request is the cause. `path` names the field in Anthropic's form, e.g. `messages.0.content.1.type`."""

    default_status = 400

    def __init__(self, message: str, *, path: str = "", status: int | None = None, code: str | None = None) -> None:
        super().__init__(f"{path}: {message}" if path else message, status=status, code=code, should_retry=False)
        self.path = path


class UpstreamError(ProxyError):
    """The backend is the cause. `upstream_status` is what it answered, None when it could not be asked.

    words, param: its own text, and the parameter it named, for the repair of what it refused; kind: of failure, in the
    words of `translate/failure_kinds.py`, "silent" where it said nothing in time, "" where nothing is known;
    raw: its bytes.
    """

    default_status = 502

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        upstream_status: int | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after, should_retry=should_retry)
        self.upstream_status = upstream_status
        self.words = self.kind = ""
        self.raw = b""
        self.param = ""

    def retryable(self) -> RetryableError:
        """Return the same error as one that may pass."""
        made = RetryableError(self.message)
        vars(made).update(vars(self))
        return made


class RetryableError(UpstreamError):
    """A fault of the backend that may pass: connection lost, 408, 409, 429, 5xx, an empty answer."""


class Overflow(NamedTuple):
    """What did not fit the model, in tokens; 0 where nobody said.

    kind: the prompt alone, prompt and requested output together (total), or the requested output alone;
    window: of the model; limit: the largest output it takes; excess: how far the prompt is over the window;
    most: what the prompt may have, where `prompt` is only the least.
    """

    kind: Literal["prompt", "total", "output"]
    prompt: int = 0
    output: int = 0
    window: int = 0
    limit: int = 0
    excess: int = 0
    most: int = 0

    @property
    def room(self) -> int:
        """The output limit that would fit, 0 when asking for less output can't help or the numbers are not known."""
        spare = max(0, self.window - max(self.prompt, self.most) - OUTPUT_MARGIN) if self.window and self.prompt else 0
        if self.kind == "prompt":
            return 0
        return min(self.limit, spare) if self.limit and spare else self.limit or spare


OUTPUT_MARGIN = 16  # tokens between a prompt and the end of the window that no output limit may count on


class ContextOverflowError(UpstreamError):
    """What was asked does not fit the model. Its text is Anthropic's own: clients act on the words and numbers."""

    default_status = 400

    def __init__(self, message: str, overflow: Overflow, *, upstream_status: int | None = None) -> None:
        super().__init__(message, upstream_status=upstream_status, should_retry=False)
        self.overflow = overflow


class FilteredError(UpstreamError):
    """A content filter stopped the request. The answer side may show it as stop reason `refusal` instead."""

    default_status = 400

    def __init__(self, message: str, *, upstream_status: int | None = None) -> None:
        super().__init__(message, upstream_status=upstream_status, should_retry=False)


class ConfigError(Exception):
    """A setting is missing or wrong. `problems`: one line each, naming variable, what it got and what it takes."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
