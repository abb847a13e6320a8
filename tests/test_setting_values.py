"""Checked values out of the layers: reading goes on after a problem."""

from __future__ import annotations

import pytest

from claude_code_proxy.setting_layers import gather
from claude_code_proxy.setting_values import Reading
from claude_code_proxy.settings import BY_NAME


@pytest.fixture
def reading(tmp_path):
    return Reading(gather({"PORT": "x", "MAX_RETRIES": "5", "CUSTOM_HEADER_X_A": "b"}, tmp_path, {}))


def test_a_wrong_value_is_noted_and_replaced_by_the_default(reading):
    assert reading.value("PORT") == 8082
    assert len(reading.problems) == 1
    assert (reading.shown["PORT"], reading.sources["PORT"]) == ("8082", "environment")


def test_a_right_value_has_its_source(reading):
    assert reading.value("MAX_RETRIES") == 5
    assert (reading.shown["MAX_RETRIES"], reading.sources["MAX_RETRIES"]) == ("5", "environment")
    assert reading.problems == []


@pytest.mark.parametrize(("name", "said"), [("PORT", True), ("MAX_RETRIES", True), ("HOST", False)])
def test_it_knows_what_was_said(reading, name, said):
    assert reading.is_set(name) is said


def test_an_override_is_shown_as_such(reading):
    reading.override("OPENAI_API_KEY", "secret", "elsewhere")
    assert (reading.shown["OPENAI_API_KEY"], reading.sources["OPENAI_API_KEY"]) == ("a hidden text", "elsewhere")


def test_a_checked_value_is_none_when_it_is_wrong(reading):
    assert reading.checked(BY_NAME["PORT"], "70000", "here") is None
    assert reading.problems == ['here: got "70000", takes a whole number from 0 to 65535, 0 for any free port']


def test_headers_and_base_urls_are_checked_under_their_title(reading):
    assert reading.custom_headers() == {"X-A": "b"}
    assert reading.header("Host", "x", "there") == {}
    assert reading.base_url("http://x/v1/", "there") == "http://x/v1"
    assert reading.base_url("x y", "there") == "x y"
    assert reading.problems == [
        "there: belongs to the connection and can't be set",
        'there: got "x y", takes an http or https URL, without blanks',
    ]
