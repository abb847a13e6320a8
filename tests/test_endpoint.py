"""Base URLs and headers, checked before they are used."""

from __future__ import annotations

import pytest

from claude_code_proxy.endpoint import (
    FRAMING_HEADERS,
    Backend,
    header_problem,
    is_loopback,
    is_openrouter,
    is_this_server,
    merge_headers,
    read_base_url,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://api.deepseek.com", "https://api.deepseek.com"),
        ("https://api.deepseek.com/", "https://api.deepseek.com"),
        ("http://localhost:11434/v1///", "http://localhost:11434/v1"),
        ("HTTP://LOCALHOST:1/v1", "http://LOCALHOST:1/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_a_base_url_loses_its_last_slash(text, url):
    assert read_base_url(text) == (url, False)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://x.example/v1/chat/completions", "https://x.example/v1"),
        ("https://x.example/v1/chat/completions/", "https://x.example/v1"),
        ("https://x.example/v1/Chat/Completions", "https://x.example/v1"),
        ("https://x.example/chat/completions", "https://x.example"),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "https://x.openai.azure.com/openai/deployments/d",
        ),
    ],
)
def test_a_pasted_endpoint_is_cut_to_its_base(text, url):
    assert read_base_url(text) == (url, True)


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("ftp://x.example", "an http or https URL"),
        ("http://", "an http or https URL"),
        ("https:///v1", "an http or https URL"),
        ("http://x.example:99999", "an http or https URL"),
        ("http://x.example:port", "an http or https URL"),
        ("http://[::1", "an http or https URL"),
        ("nonsense", "an http or https URL"),
        ("localhost:11434/v1", "did you mean http://localhost:11434/v1?"),
        ("127.0.0.1:8080", "did you mean http://127.0.0.1:8080?"),
        ("api.openai.com/v1", "did you mean https://api.openai.com/v1?"),
        ("http://x.example/v1?key=1", "a URL without ? and #"),
        ("http://x.example/v1#top", "a URL without ? and #"),
        ("http://user:secret@x.example/v1", "a URL without user name and password"),
        ("http://x.example/a b", "without blanks"),
        ("http://x.example/a\nb", "without blanks"),
    ],
)
def test_what_is_no_base_url_is_refused(text, takes):
    with pytest.raises(ValueError, match="URL") as caught:
        read_base_url(text)
    assert takes in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.example", ""])
def test_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("https://openrouter.ai/api/v1", True),
        ("https://eu.openrouter.ai/api/v1", True),
        ("https://OpenRouter.ai/api/v1", True),
        ("https://notopenrouter.ai/api/v1", False),
        ("https://x.example/openrouter.ai", False),
        ("", False),
    ],
)
def test_openrouter_is_known_by_its_host(url, yes):
    assert is_openrouter(url) is yes


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("http://localhost:8082/v1", True),
        ("http://127.0.0.1:8082", True),
        ("http://0.0.0.0:8082", True),
        ("http://[::1]:8082", True),
        ("http://localhost:8083/v1", False),
        ("http://x.example:8082", False),
        ("", False),
    ],
)
def test_a_url_that_leads_back_here_is_known(url, yes):
    assert is_this_server(url, 8082) is yes


def test_the_default_port_of_http_counts():
    assert is_this_server("http://localhost", 80)


@pytest.mark.parametrize(
    ("name", "value"), [("X-Team", "a"), ("Authorization", "Basic a b"), ("x", ""), ("X-Name", "café"), ("a!#$%", "b")]
)
def test_a_header_that_can_be_sent(name, value):
    assert header_problem(name, value) == ""


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\nb", "ä", "a\x00", "(a)"], ids=ascii)
def test_a_header_name_has_rules(name):
    assert header_problem(name, "v") == "is not a legal header name"


@pytest.mark.parametrize("name", sorted(FRAMING_HEADERS))
def test_headers_of_the_connection_are_not_ours_to_set(name):
    assert header_problem(name.title(), "v") == "belongs to the connection and can't be set"


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX: y", "a\x00", "a\x7f", "a\tb", "a\x85b", "a\udcff"], ids=ascii)
def test_a_header_value_has_no_control_characters(value):
    problem = header_problem("X-Team", value)
    assert problem == "has control characters in its value"


@pytest.mark.parametrize("value", ["модель", "日本", "€"])
def test_a_header_value_is_latin_1(value):
    assert header_problem("X-Team", value) == "has characters outside Latin-1 in its value, which no header can carry"


def test_later_headers_win_whatever_their_case():
    assert merge_headers({"X-Title": "a", "X-B": "b"}, {}, {"x-title": "c"}) == {"x-title": "c", "X-B": "b"}


def test_a_backend_shows_no_secret():
    shown = repr(Backend(name="b", base_url="http://x", key="top-secret", headers={"X-A": "also-secret"}))
    assert "secret" not in shown
    assert "X-A" in shown
    assert "hidden" in shown


def test_a_backend_without_a_key_shows_none():
    assert "hidden" not in repr(Backend(name="b", base_url="http://x"))
