"""What a failure is called: Anthropic's types by status, and whose fault it is."""

from __future__ import annotations

import pytest

from claude_code_proxy import errors
from claude_code_proxy.errors import (
    ClientError,
    ConfigError,
    ContextOverflowError,
    FilteredError,
    Overflow,
    ProxyError,
    RetryableError,
    UpstreamError,
    type_of_status,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
        (599, "api_error"),
        (200, "api_error"),
    ],
)
def test_every_status_has_a_type_of_anthropic(status: int, expected: str) -> None:
    assert type_of_status(status) == expected
    assert ProxyError("x", status=status).type == expected


def test_whose_fault() -> None:
    for kind in (RetryableError, ContextOverflowError, FilteredError):
        assert issubclass(kind, UpstreamError)
    assert not issubclass(ClientError, UpstreamError)
    assert not issubclass(UpstreamError, ClientError)
    assert not issubclass(ConfigError, ProxyError), "a client never sees a wrong setting as an answer"


def test_a_client_error_names_the_field() -> None:
    error = ClientError("Field required", path="messages.0.content.1.type")
    assert (error.status, error.type) == (400, "invalid_request_error")
    assert error.message == str(error) == "messages.0.content.1.type: Field required"
    assert ClientError("no").message == "no"


def test_an_upstream_error_keeps_what_helps_to_ask_again() -> None:
    error = RetryableError("slow down", status=429, upstream_status=429, retry_after=2.5, should_retry=True)
    assert (error.type, error.upstream_status, error.retry_after, error.should_retry) == (
        "rate_limit_error",
        429,
        2.5,
        True,
    )
    assert UpstreamError("no").status == 502


def test_what_asking_again_can_not_help_says_so() -> None:
    assert ContextOverflowError("prompt is too long: 2 tokens > 1 maximum", Overflow("prompt")).should_retry is False
    assert FilteredError("no").should_retry is False
    assert FilteredError("no").status == 400


@pytest.mark.parametrize(
    ("overflow", "room"),
    [
        pytest.param(Overflow("prompt", prompt=10, window=5), 0, id="a prompt that is too long leaves none"),
        pytest.param(
            Overflow("total", prompt=60, output=64, window=100), 100 - 60 - errors.OUTPUT_MARGIN, id="prompt and output"
        ),
        pytest.param(Overflow("total", prompt=99, output=64, window=100), 0, id="a prompt that fills the window"),
        pytest.param(Overflow("output", output=64, limit=32), 32, id="the model's own limit"),
        pytest.param(Overflow("output", prompt=90, output=64, limit=32, window=120), 14, id="the smaller of both"),
        pytest.param(Overflow("total"), 0, id="nobody said a number"),
    ],
)
def test_room_for_output(overflow: Overflow, room: int) -> None:
    assert overflow.room == room


def test_a_wrong_setting_is_a_list_of_lines() -> None:
    error = ConfigError(["PORT: got x, takes 1-65535", "HOST: empty"])
    assert error.problems == ["PORT: got x, takes 1-65535", "HOST: empty"]
    assert str(error) == "PORT: got x, takes 1-65535\nHOST: empty"
