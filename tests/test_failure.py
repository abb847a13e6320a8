"""A backend's failure in Anthropic's words: every row of the error table, every recorded error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import recorded

from claude_code_proxy.errors import (
    ContextOverflowError,
    FilteredError,
    Overflow,
    RetryableError,
    UpstreamError,
    type_of_status,
)
from claude_code_proxy.translate.failure import Asked, failure_of, masked, read_failure

PLAIN, AGAIN, OVER, FILTERED = UpstreamError, RetryableError, ContextOverflowError, FilteredError

# status, error object (or raw body), class, status shown, words the client must see.
ROWS: dict[str, tuple[int, Any, type[UpstreamError], int, str]] = {
    # the request
    "400": (400, {"message": "Bad thing"}, PLAIN, 400, "Bad thing"),
    "405": (405, {"message": "Method not allowed"}, PLAIN, 400, "Method not allowed"),
    "415": (415, {"message": "Unsupported media"}, PLAIN, 400, "Unsupported media"),
    "422": (422, b'{"detail":[{"loc":["body","n"],"msg":"too big"}]}', PLAIN, 400, "body.n: too big"),
    "400 without a word": (400, b"", PLAIN, 400, "status 400"),
    "413": (413, {"message": "Payload too big"}, PLAIN, 413, "Payload too big"),
    "413 without a word": (413, b"", PLAIN, 413, "too large"),
    "500 that is the request's fault": (500, {"message": "tools param requires --jinja flag"}, PLAIN, 400, "--jinja"),
    "500 for an image nobody can see": (500, {"message": "image input is not supported"}, PLAIN, 400, "not supported"),
    # the model
    "OpenAI, model": (404, {"message": "The model `x` does not exist", "code": "model_not_found"}, PLAIN, 404, "`x`"),
    "OpenAI, model, forbidden": (403, {"message": "No access to `x`", "code": "model_not_found"}, PLAIN, 404, "`x`"),
    "Ollama, model": (404, {"message": 'model "x" not found, try pulling it first'}, PLAIN, 404, '"x"'),
    "vLLM, model": (
        404, b'{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}',
        PLAIN, 404, "`x`",
    ),
    "OpenRouter, model": (400, {"message": "a/b is not a valid model ID", "code": 400}, PLAIN, 404, "a/b"),
    "OpenRouter, endpoints": (404, {"message": "No endpoints found for a/b.", "code": 404}, PLAIN, 404, "a/b"),
    "DeepSeek, model": (400, {"message": "Model Not Exist", "type": "invalid_request_error"}, PLAIN, 404, "Not Exist"),
    "Gemini, model": (
        404, b'[{"error":{"code":404,"message":"models/x is not found for API version v1","status":"NOT_FOUND"}}]',
        PLAIN, 404, "models/x",
    ),
    "Mistral, model": (400, b'{"object":"error","message":"Invalid model: x","type":"invalid_model"}', PLAIN, 404, "x"),
    "Azure, deployment": (
        404, {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."},
        PLAIN, 404, "deployment",
    ),
    "Venice, model": (404, b'{"error":"Specified model not found: x."}', PLAIN, 404, "x"),
    # the address
    "404 page": (404, b"<html><title>404 Not Found</title></html>", PLAIN, 502, "OPENAI_BASE_URL"),
    "404 of a server": (404, b"404 page not found", PLAIN, 502, "OPENAI_BASE_URL"),
    "404 of FastAPI": (404, b'{"detail":"Not Found"}', PLAIN, 502, "OPENAI_BASE_URL"),
    "404 without a word": (404, b"", PLAIN, 502, "OPENAI_BASE_URL"),
    "404 of OpenAI": (404, {"message": "Invalid URL (POST /v1/v1/chat/completions)"}, PLAIN, 502, "OPENAI_BASE_URL"),
    "405 page": (405, b"<html><title>405 Not Allowed</title></html>", PLAIN, 502, "OPENAI_BASE_URL"),
    "200 page": (200, b"<!DOCTYPE html><title>Welcome</title>", PLAIN, 502, "OPENAI_BASE_URL"),
    "redirect": (302, b"", PLAIN, 502, "OPENAI_BASE_URL"),
    # the key, never as the client's own
    "401": (401, {"message": "Incorrect API key provided: sk-abcdefgh123"}, PLAIN, 502, "OPENAI_API_KEY"),
    "401 without a word": (401, b"", PLAIN, 502, "OPENAI_API_KEY"),
    "401 page": (401, b"<html><title>Authorization Required</title></html>", PLAIN, 502, "OPENAI_API_KEY"),
    "Gemini, key": (400, b'[{"error":{"message":"API key not valid. Please pass a valid API key."}}]', PLAIN, 502, "KEY"),
    "403 for the key": (403, {"message": "Incorrect API key provided: sk-abcdefgh123"}, PLAIN, 502, "OPENAI_API_KEY"),
    "403, Gemini, a leaked key": (403, {"message": "Your API key was reported as leaked."}, PLAIN, 502, "was rejected"),
    "403, AWS, a token": (403, {"message": "The security token included in the request is invalid"}, PLAIN, 502, "token"),
    "403, OpenRouter, a key": (403, {"message": "User not found.", "code": 401}, PLAIN, 502, "was rejected"),
    # what the key may not do
    "403": (403, {"message": "Forbidden"}, PLAIN, 403, "OPENAI_API_KEY"),
    "403 without a word": (403, b"", PLAIN, 403, "OPENAI_API_KEY"),
    "403, OpenAI, country": (
        403, {"message": "Country, region, or territory not supported", "code": "unsupported_country_region_territory"},
        PLAIN, 403, "Country, region, or territory not supported",
    ),
    "403, model": (403, {"message": "You are not allowed to sample from this model"}, PLAIN, 403, "not allowed to sample"),
    "403, project": (
        403, {"message": "Project `p` does not have access to model `gpt-x`"}, PLAIN, 403, "does not have access",
    ),
    "403, scopes": (
        403, {"message": "You have insufficient permissions. Missing scopes: model.request. Check that your API key has "
        "the necessary scopes."}, PLAIN, 403, "Missing scopes",
    ),
    "403 page": (403, b"<html><title>Just a moment...</title></html>", PLAIN, 502, "Just a moment"),
    # money
    "402": (402, {"message": "Payment needed"}, PLAIN, 402, "Payment needed"),
    "OpenAI, quota": (
        429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, PLAIN, 402, "quota",
    ),
    "DeepSeek, balance": (402, {"message": "Insufficient Balance"}, PLAIN, 402, "Insufficient Balance"),
    "Anthropic, credit": (400, {"message": "Your credit balance is too low"}, PLAIN, 402, "credit"),
    "OpenRouter, credit": (402, {"message": "This request requires more credits", "code": 402}, PLAIN, 402, "credits"),
    "xAI, credit": (429, b'{"code":"exhausted","error":"Your team has used all available credits."}', PLAIN, 402, "team"),
    "GLM, balance": (429, {"code": "1113", "message": "balance"}, PLAIN, 402, "balance"),
    "MiniMax, balance": (
        200, b'{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}', PLAIN, 402, "balance",
    ),
    # later
    "429": (429, {"message": "Slow down"}, AGAIN, 429, "Slow down"),
    "429 without a word": (429, b"", AGAIN, 429, "rate limit"),
    "413 that is a rate": (
        413, {"message": "Too much on tokens per minute (TPM): Limit 6000, Used 5000, Requested 2000"}, AGAIN, 429, "TPM",
    ),
    "413 that no waiting helps": (
        413, {"message": "Request too large: tokens per minute (TPM): Limit 6000, Requested 9000"}, PLAIN, 429, "larger",
    ),
    "Gemini, quota that comes back": (
        429, b'[{"error":{"message":"You exceeded your current quota. Please retry in 23.5s."}}]', AGAIN, 429, "quota",
    ),
    "408": (408, {"message": "Slow"}, AGAIN, 504, "Slow"),
    "504": (504, b"<html><title>504 Gateway Time-out</title></html>", AGAIN, 504, "504"),
    "524": (524, b"", AGAIN, 504, "too long"),
    "500 that is a timeout": (500, {"message": "Request timed out."}, AGAIN, 504, "timed out"),
    "409": (409, {"message": "Conflict"}, AGAIN, 409, "Conflict"),
    "500": (500, {"message": "Oops"}, AGAIN, 500, "Oops"),
    "500 without a word": (500, b"", AGAIN, 500, "500"),
    "502": (502, b"<html><title>502 Bad Gateway</title></html>", AGAIN, 500, "502 Bad Gateway"),
    "503": (503, b"upstream down", AGAIN, 529, "upstream down"),
    "529": (529, {"message": "Busy"}, AGAIN, 529, "Busy"),
    "500 that is overload": (500, {"message": "The server is overloaded"}, AGAIN, 529, "overloaded"),
    "llama.cpp, loading": (
        503, {"code": 503, "message": "Loading model", "type": "unavailable_error"}, AGAIN, 529, "Loading",
    ),
    "OpenRouter, no provider": (502, {"message": "No available provider", "code": 502}, AGAIN, 529, "provider"),
    "Groq, capacity": (498, {"message": "Flex tier", "code": "capacity_exceeded"}, AGAIN, 529, "Flex"),
    "Groq, illegal tool call": (
        400, {"message": "Tool call validation failed", "code": "tool_use_failed", "failed_generation": "{"},
        AGAIN, 400, "validation",
    ),
    # too much
    "overflow at 400": (
        400, {"message": "maximum context length is 100 tokens. However, your messages resulted in 120 tokens"},
        OVER, 400, "prompt is too long: 120 tokens > 100 maximum",
    ),
    "overflow at 413": (
        413, {"message": "prompt tokens (120) exceed model maximum (100)"},
        OVER, 400, "prompt is too long: 120 tokens > 100 maximum",
    ),
    "overflow at 500": (
        500, {"message": "The input (120 tokens) is longer than the model's context length (100 tokens)."},
        OVER, 400, "prompt is too long: 120 tokens > 100 maximum",
    ),
    "overflow with fields": (
        400, {"message": "too long", "type": "exceed_context_size_error", "n_prompt_tokens": 120, "n_ctx": 100},
        OVER, 400, "prompt is too long: 120 tokens > 100 maximum",
    ),
    "overflow behind a gateway": (
        400,
        {
            "message": "Provider returned error",
            "metadata": {
                "raw": '{"error":{"message":"maximum context length is 100 tokens. However, your messages resulted in'
                ' 120 tokens."}}'
            },
        },
        OVER, 400, "prompt is too long: 120 tokens > 100 maximum",
    ),
    "overflow by code alone": (400, {"code": "context_length_exceeded"}, OVER, 400, "prompt is too long:"),
    "output over the cap": (
        400, {"message": "max_tokens is too large: 64000. This model supports at most 100 completion tokens"},
        OVER, 400, "max_tokens: 64000 > 100,",
    ),
    # filters
    "Azure, filter": (
        400,
        {
            "code": "content_filter",
            "message": "The response was filtered",
            "innererror": {"code": "ResponsibleAIPolicyViolation"},
        },
        FILTERED, 400, "filtered",
    ),
    "OpenAI, prompt": (
        400, {"code": "invalid_prompt", "message": "Invalid prompt: flagged"}, FILTERED, 400, "flagged",
    ),
    "OpenRouter, moderation": (
        403, {"code": 403, "message": "a/b requires moderation", "metadata": {"reasons": ["x"], "flagged_input": "y"}},
        FILTERED, 400, "moderation",
    ),
    "DeepSeek, risk": (400, {"message": "Content Exists Risk"}, FILTERED, 400, "Risk"),
    "DashScope, inspection": (
        400, {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."},
        FILTERED, 400, "inappropriate",
    ),
    "filter without a word": (400, {"code": "content_policy_violation"}, FILTERED, 400, "content filter"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "shown", "words"), ROWS.values(), ids=list(ROWS))
def test_an_answer_with_an_error_becomes(
    status: int, body: Any, kind: type[UpstreamError], shown: int, words: str
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps({"error": body}).encode()
    error = read_failure(status, raw, {})
    assert type(error) is kind
    assert (error.status, error.type) == (shown, type_of_status(shown))
    assert words in error.message
    assert shown != 401


@pytest.mark.parametrize(
    ("error", "kind", "shown"),
    [
        (
            {"code": 502, "message": "Provider disconnected", "metadata": {"error_type": "provider_unavailable"}},
            AGAIN,
            529,
        ),
        ({"code": 502, "message": "Network connection lost."}, AGAIN, 500),
        ({"code": "server_error", "message": "Oops"}, AGAIN, 500),
        ({"type": "overloaded_error", "message": "Overloaded"}, AGAIN, 529),
        ({"code": "rate_limit_exceeded", "message": "Slow down"}, AGAIN, 429),
        ({"code": 429, "message": "Slow down"}, AGAIN, 429),
        ({"metadata": {"error_type": "timeout"}, "message": "late"}, AGAIN, 504),
        ({"type": "invalid_request_error", "message": "Bad thing", "code": None}, PLAIN, 400),
        ({"object": "error", "message": "Bad thing", "type": "BadRequestError", "code": 400}, PLAIN, 400),
        ({"metadata": {"error_type": "payload_too_large"}, "message": "big"}, PLAIN, 413),
        ({"metadata": {"error_type": "payment_required"}, "message": "pay"}, PLAIN, 402),
        ({"metadata": {"error_type": "authentication"}, "message": "who?"}, PLAIN, 502),
        ({"metadata": {"error_type": "permission_denied"}, "message": "no"}, PLAIN, 403),
        ({"metadata": {"error_type": "context_length_exceeded"}, "message": "big"}, OVER, 400),
        ({"metadata": {"error_type": "content_policy_violation"}, "message": "no"}, FILTERED, 400),
        ({"base_resp": {"status_code": 1002, "status_msg": "slow down"}}, AGAIN, 429),
        ({"base_resp": {"status_code": 1027, "status_msg": "output sensitive"}}, FILTERED, 400),
        ({"base_resp": {"status_code": 2013, "status_msg": "invalid params, context window exceeds limit"}}, OVER, 400),
        ({"code": 400, "message": "Token limit reached"}, OVER, 400),
        ("The backend sent a chunk that is not JSON.", AGAIN, 500),
        ({}, AGAIN, 500),
        (None, AGAIN, 500),
        (True, AGAIN, 500),
        (["Oops"], AGAIN, 500),
    ],
)
def test_an_error_inside_an_answer_becomes(error: Any, kind: type[UpstreamError], shown: int) -> None:
    failure = failure_of(error)
    assert type(failure) is kind
    assert failure.status == shown
    assert failure.message


def test_a_caller_who_knows_the_status_is_believed() -> None:
    assert failure_of("The backend stopped with 'insufficient_system_resource'.", status=529).status == 529
    assert failure_of({"message": "x"}, status=502).status == 500


class TestTheMessage:
    def test_names_the_model_that_is_not_there(self) -> None:
        body = b'{"error":{"message":"Not here.","code":"model_not_found"}}'
        assert read_failure(404, body, {}, Asked(model="gpt-9")).message == "model: gpt-9. Not here."

    def test_names_the_settings_of_the_backend_that_was_asked(self) -> None:
        asked = Asked(key_name="ACME_KEY", url_name="backends.acme.base_url")
        assert "Check ACME_KEY" in read_failure(401, b"", {}, asked).message
        assert "Check backends.acme.base_url" in read_failure(404, b"", {}, asked).message

    @pytest.mark.parametrize(
        "body",
        [
            b"<html><head><title>413 Request Entity Too Large</title></head><body><hr>nginx/1.25.3</body></html>",
            b"",
            b'{"error": {"message": "Payload Too Large"}}',
        ],
        ids=["nginx", "nothing", "json"],
    )
    def test_a_body_that_is_too_large_comes_with_a_remedy(self, body: bytes) -> None:
        told = read_failure(413, body, {})
        assert (told.status, told.type) == (413, "request_too_large")
        assert "Too Large" in told.message or "too large" in told.message
        assert "compact the conversation" in told.message
        assert "client_max_body_size" in told.message

    @pytest.mark.parametrize("before", range(2020, 2060, 3))
    def test_masks_what_was_read_where_the_secrets_were_not_known(self, before: int) -> None:
        for said in ("my-long-key", {"message": "x" * before + "my-long-key and more" * 9, "param": "my-long-key"}):
            error = masked(failure_of(said), ["my-long-key"])
            assert "my-lo" not in f"{error.message} {error.words} {error.param} {error}"

    def test_never_shows_a_key(self) -> None:
        body = b'{"error":{"message":"Incorrect API key provided: sk-live-12345678. Also my-key."}}'
        message = read_failure(401, body, {}, Asked(secrets=("my-key",))).message
        assert "12345678" not in message
        assert "my-key" not in message

    def test_never_shows_what_a_moderator_flagged(self) -> None:
        body = json.dumps({"error": {"message": "flagged", "metadata": {"flagged_input": "my secret text"}}})
        assert "my secret" not in read_failure(403, body.encode(), {}).message

    def test_names_the_address_without_the_key(self) -> None:
        asked = Asked(url="https://gate.example/my-key/v1", secrets=("my-key",))
        message = read_failure(404, b"<html><title>Nothing here</title></html>", {}, asked).message
        assert "https://gate.example/" in message
        assert "my-key" not in message

    def test_is_short(self) -> None:
        assert len(read_failure(400, b'{"error":"' + b"x" * 100_000 + b'"}', {}).message.encode()) < 2200


class TestAskingAgain:
    @pytest.mark.parametrize("status", [401, 402, 403, 404])
    def test_is_forbidden_where_only_a_person_can_help(self, status: int) -> None:
        assert read_failure(status, b"", {}).should_retry is False

    @pytest.mark.parametrize("status", [400, 413, 429, 500, 503])
    def test_is_left_to_the_client_elsewhere(self, status: int) -> None:
        assert read_failure(status, b"", {}).should_retry is None

    def test_is_forbidden_after_overflow_and_filter(self) -> None:
        assert failure_of({"code": "context_length_exceeded"}).should_retry is False
        assert failure_of({"code": "content_filter"}).should_retry is False

    def test_waits_as_long_as_the_backend_says(self) -> None:
        assert read_failure(429, b"{}", {"Retry-After": "20"}).retry_after == 20
        assert read_failure(429, b'{"error":{"message":"Please try again in 3.2s."}}', {}).retry_after == 3.2
        assert read_failure(503, b"{}", {"retry-after": "7"}).retry_after == 7
        dated = {"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}
        assert read_failure(429, b"{}", dated, Asked(now=1_795_348_800.0)).retry_after == 30
        assert read_failure(429, b"{}", {}).retry_after is None

    def test_a_spent_quota_stays_one_whatever_the_headers_say(self) -> None:
        body = b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'
        assert read_failure(429, body, {"x-ratelimit-reset-tokens": "1s"}).status == 402


class TestOverflow:
    def test_carries_the_numbers(self) -> None:
        body = b'{"error":{"message":"request (9412 tokens) exceeds the available context size (8192 tokens)"}}'
        error = read_failure(400, body, {})
        assert isinstance(error, ContextOverflowError)
        assert error.overflow == Overflow("prompt", prompt=9412, window=8192)
        assert error.upstream_status == 400

    def test_fills_in_what_the_proxy_knows(self) -> None:
        error = read_failure(400, b'{"error":{"code":"context_length_exceeded"}}', {}, Asked(counted=900, window=800))
        assert error.message == "prompt is too long: 900 tokens > 800 maximum"

    def test_of_prompt_and_output_leaves_room_for_less_output(self) -> None:
        message = (
            "This model's maximum context length is 32768 tokens. However, you requested 8000 output tokens and your "
            "prompt contains 30000 input tokens, for a total of 38000 tokens."
        )
        error = failure_of({"message": message})
        assert isinstance(error, ContextOverflowError)
        assert error.overflow.kind == "total"
        assert error.overflow.room == 2752

    @pytest.mark.parametrize("status", [400, 413])
    def test_is_guessed_from_silence_when_the_window_is_nearly_full(self, status: int) -> None:
        error = read_failure(status, b"", {}, Asked(counted=130_000, window=131_072))
        assert error.message == "prompt is too long: 131073 tokens > 131072 maximum"
        assert not isinstance(read_failure(status, b"", {}, Asked(counted=100, window=131_072)), ContextOverflowError)


REAL = recorded.error_bodies()
CLASSES_OF_STATUS = {
    400: {(PLAIN, 400), (PLAIN, 404), (OVER, 400), (AGAIN, 400)},
    401: {(PLAIN, 502)},
    403: {(PLAIN, 403), (PLAIN, 502)},
    404: {(PLAIN, 404)},
    429: {(AGAIN, 429)},
    500: {(PLAIN, 400), (AGAIN, 500)},
}


@pytest.mark.skipif(not REAL, reason=recorded.WHERE)
def test_every_recorded_error_object_gets_a_class_that_fits_its_status() -> None:
    for backend, status, body in REAL:
        if status in CLASSES_OF_STATUS:
            error = read_failure(status, body.encode(), {})
            assert (type(error), error.status) in CLASSES_OF_STATUS[status], (backend, body)
        else:
            error = failure_of(body)
            assert (type(error), error.status) in {(FILTERED, 400), (AGAIN, 400), (OVER, 400), (PLAIN, 400)}, body
        assert not error.message.startswith("{"), error.message


@recorded.each(recorded.refused_answers())
def test_every_recorded_refusal_gets_a_class_that_fits_its_status(exchange: recorded.Exchange) -> None:
    error = read_failure(exchange.status, exchange.body, {})
    assert (type(error), error.status) in CLASSES_OF_STATUS[exchange.status]
    assert error.upstream_status == exchange.status


@given(st.integers(100, 599), st.binary(max_size=200) | st.text().map(str.encode), st.text(max_size=30))
def test_no_answer_breaks_the_reader(status: int, body: bytes, header: str) -> None:
    error = read_failure(status, body, {"retry-after": header})
    assert error.message
    assert error.status != 401
    assert error.status != 403 or error.upstream_status in (None, 403)
    assert isinstance(failure_of(body.decode("utf-8", "replace")), UpstreamError)
