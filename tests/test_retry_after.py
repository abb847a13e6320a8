"""When to ask again: every place a backend names a wait in."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.translate.retry_after import LONGEST, read_retry_after

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "20"}, 20.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"RETRY-AFTER": " 0 "}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "30s"}, 30.0),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "5000",
            },
            1.0,
        ),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"X-RateLimit-Reset": f"{NOW + 20:.0f}"}, 20.0),
        ({"X-RateLimit-Reset": f"{(NOW + 20) * 1000:.0f}"}, 20.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "99999999"}, None),
        ({"content-type": "application/json"}, None),
    ],
)
def test_headers_name_the_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 3.2s. Visit the account page.", 3.2),
        ("Please try again in 6m0s.", 360.0),
        ("Please try again in 7m12.5s.", 432.5),
        ("try again in 500ms", 0.5),
        ("Please retry after 20 seconds.", 20.0),
        ("Please retry in 23.53s.", 23.53),
        ("Try again in 1 minute", 60.0),
        ("wait for 2 hours", 7200.0),
        ("try again later", None),
        ("you tried 3 times", None),
        ("", None),
    ],
)
def test_a_sentence_names_the_wait(message: str, seconds: float | None) -> None:
    assert read_retry_after({}, message) == seconds


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "23s"}]}, 23.0),
        ({"details": [{"reason": "x"}, {"retryDelay": "23.5s"}]}, 23.5),
        ({"retry_after": 7}, 7.0),
        ({"metadata": {"retry_after_seconds": 4}}, 4.0),
        ({"metadata": {"headers": {"X-RateLimit-Reset": f"{(NOW + 20) * 1000:.0f}"}}}, 20.0),
        ({"metadata": {"headers": {"Retry-After": "5"}}}, 5.0),
        ({"details": "23s", "metadata": [1]}, None),
        ("a string", None),
        (None, None),
    ],
)
def test_the_body_names_the_wait(error: object, seconds: float | None) -> None:
    assert read_retry_after({}, "", error, now=NOW) == seconds


def test_the_header_made_for_it_wins() -> None:
    headers = {"x-ratelimit-reset-tokens": "50s", "retry-after": "2"}
    assert read_retry_after(headers, "try again in 9s", {"retry_after": 5}) == 2.0
    del headers["retry-after"]
    assert read_retry_after(headers, "try again in 9s", {"retry_after": 5}) == 5.0
    assert read_retry_after(headers, "try again in 9s") == 9.0


def test_a_date_without_a_clock_says_nothing() -> None:
    assert read_retry_after({"retry-after": formatdate(NOW, usegmt=True)}) is None


@given(st.integers(1, 4_102_444_799), st.integers(0, int(LONGEST)))
def test_http_dates_are_read_to_the_second(now: int, wait: int) -> None:
    headers = {"retry-after": formatdate(now + wait, usegmt=True)}
    assert read_retry_after(headers, now=now) == wait


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-x"]), st.text()), st.text())
def test_nothing_a_backend_says_breaks_it(headers: dict[str, str], message: str) -> None:
    wait = read_retry_after(headers, message, {"retry_after": message, "metadata": {"headers": headers}}, now=NOW)
    assert wait is None or 0 <= wait <= LONGEST
