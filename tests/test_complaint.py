"""What a backend's error says, whatever its shape, and what of it is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.translate.complaint import LONGEST, complaint_of, presentable, read_complaint

SHAPES: dict[str, tuple[Any, str]] = {
    "OpenAI": ({"error": {"message": "No.", "type": "invalid_request_error", "code": None}}, "No."),
    "an error that is a string": ({"error": "No."}, "No."),
    "vLLM of old": ({"object": "error", "message": "No.", "type": "BadRequestError", "code": 400}, "No."),
    "a message alone": ({"message": "No.", "request_id": "x"}, "No."),
    "FastAPI": ({"detail": "No."}, "No."),
    "FastAPI's validation": (
        {"detail": [{"loc": ["body", "model"], "msg": "field required"}, {"loc": ["body", "n"], "msg": "too big"}]},
        "body.model: field required; body.n: too big",
    ),
    "Mistral's validation": (
        {"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "extra field"}]}},
        "body: extra field",
    ),
    "a list of errors": ({"errors": [{"message": "No."}]}, "No."),
    "Gemini's array": ([{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}], "No."),
    "OpenRouter with the provider's JSON in a string": (
        {"error": {"message": "Provider returned error", "metadata": {"raw": '{"error":{"message":"No."}}'}}},
        "No.",
    ),
    "OpenRouter with the provider's words": (
        {
            "error": {
                "message": "Provider returned error",
                "code": 429,
                "metadata": {"raw": "No.", "provider_name": "X"},
            }
        },
        "No.",
    ),
    "OpenRouter without the provider's words": (
        {"error": {"message": "No.", "code": 403, "metadata": {"reasons": ["x"], "flagged_input": "secret"}}},
        "No.",
    ),
    "MiniMax": ({"base_resp": {"status_code": 1008, "status_msg": "No."}, "choices": None}, "No."),
    "msg": ({"code": 17, "msg": "No."}, "No."),
    "xAI": ({"code": "Some resource has been exhausted", "error": "No."}, "No."),
    "JSON inside JSON": ({"error": json.dumps({"error": {"message": "No."}})}, "No."),
    "a JSON string": ("No.", "No."),
    "an object without words": ({"status": 500}, ""),
    "nothing": ({}, ""),
}


@pytest.mark.parametrize(("value", "text"), SHAPES.values(), ids=list(SHAPES))
def test_the_message_is_found_in_every_shape(value: Any, text: str) -> None:
    assert read_complaint(json.dumps(value).encode()).text == text
    assert read_complaint(b"\n \n" + json.dumps(value).encode()).text == text
    assert complaint_of(value).text == text


@pytest.mark.parametrize(
    ("body", "text", "page"),
    [
        (b"upstream connect error", "upstream connect error", False),
        (b"", "", False),
        (b"<html><head><title>404 Not Found</title></head><body><h1>Gone</h1></body></html>", "404 Not Found", True),
        (b"<!DOCTYPE html>\n<html lang=en>\n<h1>Bad &amp; gateway</h1>", "Bad & gateway", True),
        (b"<html><body><p>Sorry,</p><p>no.</p></body></html>", "Sorry, no.", True),
        (b"<?xml version='1.0'?><Error><Code>X</Code><Message>Denied</Message></Error>", "Denied", True),
        (b'{"error": {"message": "cut off in the mid', "cut off in the mid", False),
        (b'{"error": {"message": "A \\"quoted\\" word", "code": "c", "par', 'A \\"quoted\\" word', False),
        (b"\xff\xfe no utf-8", "\ufffd\ufffd no utf-8", False),
    ],
)
def test_the_message_is_found_in_what_is_no_json(body: bytes, text: str, page: bool) -> None:
    said = read_complaint(body)
    assert (said.text, said.page) == (text, page)


def test_codes_are_gathered_from_every_level() -> None:
    raw = json.dumps({"error": {"type": "Inner", "code": "inner_code"}})
    said = complaint_of({"error": {"code": 400, "metadata": {"raw": raw, "error_type": "timeout"}}, "type": "outer"})
    assert set(said.codes) == {"outer", "400", "timeout", "inner", "inner_code"}
    assert said.status == 400


def test_azures_inner_error_counts() -> None:
    said = complaint_of({"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}})
    assert "responsibleaipolicyviolation" in said.codes


@pytest.mark.parametrize(
    "value",
    [{"error": {"code": 503}}, {"error": {"code": "503"}}, {"raw_status_code": 503}, {"error": {"status_code": 503}}],
)
def test_a_status_in_the_body_is_read(value: dict) -> None:
    assert complaint_of(value).status == 503


@pytest.mark.parametrize("value", [{"code": 1305}, {"code": True}, {"code": "3051"}, {"code": 200}, {"code": None}])
def test_a_number_that_is_no_http_error_is_no_status(value: dict) -> None:
    assert complaint_of(value).status is None


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Incorrect API key provided: sk-proj-abcDEF123456. See docs.", "Incorrect API key provided: *** See docs."),
        ("Authorization: Bearer abcdef123456 refused", "Authorization: Bearer *** refused"),
        ("key gsk_AbCdEf123456 is not known", "key *** is not known"),
        ("GET /v1/models?key=AIzaSyA1234567890 failed", "GET /v1/models?key=*** failed"),
        ('{"api_key": "x"} and api_key=verysecret1', '{"api_key": "x"} and api_key=***'),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.xyz is expired", "*** is expired"),
        ("the task skipped a risk-free step", "the task skipped a risk-free step"),
        ("Invalid URL (POST /v1/chat/completions)", "Invalid URL (POST /v1/chat/completions)"),
        ("vendor/model-1:free is temporarily rate-limited", "vendor/model-1:free is temporarily rate-limited"),
        ("no such file: /home/me/models/x.gguf, sorry", "no such file: [path], sorry"),
        (r"open C:\Users\me\x.bin failed", "open [path] failed"),
        ("a\x00b\n\n   c\x1b[0m", "a b c [0m"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
    ],
)
def test_keys_paths_and_control_characters_are_not_shown(message: str, shown: str) -> None:
    assert presentable(message) == shown


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    assert presentable("bad token my-own-key!", ["my-own-key", ""]) == "bad token ***!"
    assert read_complaint(b'{"error":"my-own-key is wrong"}', ["my-own-key"]).text == "*** is wrong"


@pytest.mark.parametrize(
    "message",
    [
        'Failed.\nTraceback (most recent call last):\n  File "/usr/lib/x.py", line 3, in f\n    g()\nValueError: too hot',
        "Failed.\n    at Foo.bar (/srv/app/x.js:12:3)\n    at next (node:internal:4:2)\nValueError: too hot",
    ],
)
def test_of_a_stack_trace_only_the_exception_is_shown(message: str) -> None:
    assert presentable(message) == "Failed. ValueError: too hot"


def test_a_long_message_is_cut_at_two_kilobytes() -> None:
    for message in ("x" * 9000, "é" * 9000, "\U0001f600" * 9000):
        shown = presentable(message)
        assert len(shown.encode()) <= LONGEST
        assert shown.endswith(message[0] + " ...")


def test_errors_wrapped_forever_are_read_to_a_depth() -> None:
    value: Any = "deep"
    for _ in range(200):
        value = {"error": value}
    assert complaint_of(value).text == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "metadata", "raw", "code", "base_resp", "loc", "status"]),
            children,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read(value: Any) -> None:
    said = complaint_of(value)
    assert len(said.text.encode()) <= LONGEST
    assert all(isinstance(code, str) for code in said.codes)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(body: bytes) -> None:
    assert len(read_complaint(body).text.encode()) <= LONGEST
    assert len(read_complaint(b"<html>" + body).text.encode()) <= LONGEST


@pytest.mark.parametrize(
    "piece", [b"\n", b"<title", b"<", b"{", b"[", b'"a', b'{"message":"', b" at x", b"sk-", b"/usr/", b"("]
)
def test_a_hostile_body_takes_no_time(piece: bytes) -> None:
    said = read_complaint(piece * (300_000 // len(piece)))
    assert len(said.text.encode()) <= LONGEST
