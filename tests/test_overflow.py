"""Context overflow: every way a backend says it, and the sentences clients act on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.errors import ContextOverflowError, Overflow
from claude_code_proxy.translate.overflow import overflow_error, read_overflow

TOKENS = st.integers(0, 10**7)
PROMPT_TOO_LONG = re.compile(r"prompt is too long: (\d+) tokens > (\d+) maximum")

# Each sentence with kind, prompt, output, window, limit.
SENTENCES = {
    "Anthropic": ("prompt is too long: 213000 tokens > 200000 maximum", "prompt", 213000, 0, 200000, 0),
    "Anthropic, prompt and output": (
        "input length and `max_tokens` exceed context limit: 190000 + 21333 > 204698, decrease input length",
        "total", 190000, 21333, 204698, 0,
    ),
    "Anthropic, output": (
        "max_tokens: 128001 > 64000, which is the maximum allowed number of output tokens for claude-x",
        "output", 0, 128001, 0, 64000,
    ),
    "OpenAI, messages": (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130123 tokens.",
        "prompt", 130123, 0, 128000, 0,
    ),
    "OpenAI, messages and completion": (
        ("This model's maximum context length is 8192 tokens. However, you requested 9100 tokens (5100 in the messages,"
        " 4000 in the completion). Please reduce the length of the messages or completion."),
        "total", 5100, 4000, 8192, 0,
    ),
    "OpenAI, old completions": (
        ("This model's maximum context length is 8191 tokens, however you requested 10346 tokens (10341 in your prompt;"
        " 5 for the completion). Please reduce your prompt; or completion length."),
        "prompt", 10341, 5, 8191, 0,
    ),
    "OpenAI, configured limit": (
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 351000 tokens.",
        "prompt", 351000, 0, 272000, 0,
    ),
    "OpenAI, output": (
        "max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you provided 64000.",
        "output", 0, 64000, 0, 16384,
    ),
    "OpenAI, no numbers": ("Your input exceeds the context window of this model.", "prompt", 0, 0, 0, 0),
    "OpenAI, too many characters": (
        "Invalid 'messages[1].content': string too long. Expected a string with maximum length 10485760.",
        "prompt", 0, 0, 0, 0,
    ),
    "DeepSeek": (
        ("This model's maximum context length is 1048565 tokens. However, you requested 1250025 tokens (1250025 in the"
        " messages, 0 in the completion)."),
        "prompt", 1250025, 0, 1048565, 0,
    ),
    "DeepSeek, output": ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", "output", 0, 0, 0, 8192),
    "OpenRouter": (
        ("This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens (120000 of"
        " text input, 4000 of tool input, 16000 in the output). Please reduce the length of either one"),
        "total", 124000, 16000, 131072, 0,
    ),
    "OpenRouter, text alone": (
        ("This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens (42832 of"
        " text input). Please reduce the length of either one"),
        "prompt", 42832, 0, 32768, 0,
    ),
    "OpenRouter, Poolside": ("The prompt exceeds the maximum allowed input length", "prompt", 0, 0, 0, 0),
    "vLLM": (
        ("This model's maximum context length is 32768 tokens. However, you requested 8000 output tokens and your prompt"
        " contains 30000 input tokens, for a total of 38000 tokens."),
        "total", 30000, 8000, 32768, 0,
    ),
    "vLLM, prompt fills the window": (
        ("This model's maximum context length is 32768 tokens. However, you requested 10 output tokens and your prompt"
        " contains at least 32768 input tokens, for a total of at least 32778 tokens."),
        "prompt", 32768, 10, 32768, 0,
    ),
    "vLLM 0.11, output": (
        ("'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 32768 tokens"
        " and your request has 5000 input tokens (32000 > 32768 - 5000)."),
        "total", 5000, 32000, 32768, 0,
    ),
    "vLLM 0.11": (
        "This model's maximum context length is 32768 tokens. However, your request has 40001 input tokens.",
        "prompt", 40001, 0, 32768, 0,
    ),
    "vLLM, old": (
        "This model's maximum context length is 4096 tokens. However, you requested 5005 tokens in the messages, Please",
        "prompt", 5005, 0, 4096, 0,
    ),
    "vLLM, engine": (
        "The decoder prompt (length 40000) is longer than the maximum model length of 32768. Make sure",
        "prompt", 40000, 0, 32768, 0,
    ),
    "vLLM, cap": ("max_tokens=99999 cannot be greater than max_model_len=32768", "output", 0, 99999, 32768, 0),
    "SGLang, sum": (
        ("Requested token count exceeds the model's maximum context length of 262144 tokens. You requested a total of"
        " 337844 tokens: 206772 tokens from the input messages and 131072 tokens for the completion."),
        "total", 206772, 131072, 262144, 0,
    ),
    "SGLang": (
        "The input (210000 tokens) is longer than the model's context length (200000 tokens).",
        "prompt", 210000, 0, 200000, 0,
    ),
    "SGLang, scheduler": (
        "Input length (9000 tokens) exceeds the maximum allowed length (8185 tokens). Use a shorter input",
        "prompt", 9000, 0, 8185, 0,
    ),
    "llama.cpp": (
        "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
        "prompt", 9412, 0, 8192, 0,
    ),
    "llama.cpp, large": (
        "input (9413 tokens) is larger than the max context size (8192 tokens). skipping", "prompt", 9413, 0, 8192, 0,
    ),
    "vLLM, newer": (
        "You passed 7000 input tokens and requested 4000 output tokens. However, the model's context length is only "
        "8192 tokens, resulting in a maximum input length of 4192 tokens.",
        "total",
        7000,
        4000,
        8192,
        0,
    ),
    "TensorRT-LLM": (
        "The sum of prompt length (7000.0), max_tokens (4000) should not exceed max_num_tokens (8192)",
        "total",
        7000,
        4000,
        8192,
        0,
    ),
    "llama.cpp, with the size alone": (
        "the request exceeds the available context size (4096 tokens), try increasing it",
        "prompt",
        0,
        0,
        4096,
        0,
    ),
    "llama.cpp, old": ("the request exceeds the available context size. try increasing it", "prompt", 0, 0, 0, 0),
    "llama-cpp-python": ("Requested tokens (2051) exceed context window of 2048", "prompt", 2051, 0, 2048, 0),
    "ds4": ("Prompt tokens (70000) exceeds context size (65536)", "prompt", 70000, 0, 65536, 0),
    "configured context": (
        "Prompt has 32,769 tokens, but the configured context size is 32,768 tokens", "prompt", 32769, 0, 32768, 0,
    ),
    "LM Studio": (
        ("Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context"
        " length of only 4096 tokens, which is not enough."),
        "prompt", 9000, 0, 4096, 0,
    ),
    "LM Studio, old": (
        "The number of tokens to keep from the initial prompt is greater than the context length.", "prompt", 0, 0, 0, 0,
    ),
    "Ollama": ("prompt too long; exceeded context length", "prompt", 0, 0, 0, 0),
    "Ollama, runner": ("the input length exceeds the context length", "prompt", 0, 0, 0, 0),
    "TGI, sum": (
        ("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and"
        " 2048 `max_new_tokens`"),
        "total", 3000, 2048, 4096, 0,
    ),
    "TGI": ("`inputs` must have less than 4095 tokens. Given: 5001", "prompt", 5001, 0, 4095, 0),
    "Gemini": (
        "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
        "prompt", 1196265, 0, 1048575, 0,
    ),
    "Gemini, old": (
        "The input token count is 40000 but model only supports up to 32768.", "prompt", 40000, 0, 32768, 0,
    ),
    "xAI": (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "prompt", 537812, 0, 131072, 0,
    ),
    "Cerebras": (
        "Please reduce the length of the messages or completion. Current length is 140000 while limit is 131072",
        "prompt", 140000, 0, 131072, 0,
    ),
    "Groq": ("Please reduce the length of the messages or completion.", "prompt", 0, 0, 0, 0),
    "Groq, output": (
        ("`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the"
        " `context_window` for this model"),
        "output", 0, 0, 0, 8192,
    ),
    "Mistral": (
        "Prompt contains 140001 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
        "prompt", 140001, 0, 131072, 0,
    ),
    "Kimi": ("Your request exceeded model token limit: 262144 (requested: 300000)", "prompt", 300000, 0, 262144, 0),
    "Kimi, no count": ("Your request exceeded model token limit: 262144", "prompt", 0, 0, 262144, 0),
    "MiniMax": ("invalid params, context window exceeds limit (2013)", "prompt", 0, 0, 0, 0),
    "DashScope": (
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
        "prompt", 0, 0, 129024, 0,
    ),
    "DashScope, output": ("Range of max_tokens should be [1, 8192]", "output", 0, 0, 0, 8192),
    "GLM": ("Prompt exceeds max length", "prompt", 0, 0, 0, 0),
    "Bedrock": ("prompt tokens (250000) exceed model maximum (200000)", "prompt", 250000, 0, 200000, 0),
    "Bedrock, old": ("Input is too long for requested model.", "prompt", 0, 0, 0, 0),
    "Copilot": ("prompt token count of 130000 exceeds the limit of 128000", "prompt", 130000, 0, 128000, 0),
    "DeepInfra": ("input too long: 131073 input tokens, limit is 131072", "prompt", 131073, 0, 131072, 0),
    "Perplexity": ("The total length of all messages is too long.", "prompt", 0, 0, 0, 0),
    "a code in the text": ("Error code: context_length_exceeded", "prompt", 0, 0, 0, 0),
    "an unheard sentence": (
        "Sorry, 40,960 input tokens are too many: the limit is 32,768.", "prompt", 40960, 0, 32768, 0,
    ),
    "an unheard sentence without numbers": ("conversation too long for this model", "prompt", 0, 0, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"), [(text, Overflow(*numbers)) for text, *numbers in SENTENCES.values()], ids=list(SENTENCES)
)
def test_a_backends_own_words_are_read_into_numbers(text: str, wanted: Overflow) -> None:
    assert read_overflow(text, status=400) == wanted


@pytest.mark.parametrize("name", [name for name in SENTENCES if not name.startswith("an unheard")])
def test_known_words_count_at_any_status_and_in_any_case(name: str) -> None:
    text = SENTENCES[name][0]
    for status in (None, 200, 400, 413, 422, 500, 503):
        assert read_overflow(f"Error from provider: {text.upper()}", status=status) is not None
    assert read_overflow(text, status=500) == read_overflow(text)


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit reached for gpt-x on tokens per min (TPM): Limit 30000, Requested 40000. Please try again in 3s.",
        (
            "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your"
            " message size and try again."
        ),
        "Too many requests: the maximum context length is fine",
        "ThrottlingException: too many tokens, please wait before trying again",
        "Stream options can only be defined when `stream=True`; context length exceeded is not it",
        "Invalid 'metadata.user_id': string too long. Expected a string with maximum length 512, got 600 instead.",
        "Invalid 'user': string too long. Expected a string with maximum length 64.",
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40.",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens must be at least 16",
        "image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
        "The model `long-context` does not exist",
        "",
    ],
)
def test_what_is_no_overflow_is_not_taken_for_one(text: str) -> None:
    assert read_overflow(text, status=400) is None


def test_an_unheard_sentence_counts_only_where_the_request_can_be_at_fault() -> None:
    text = "too many tokens in the prompt, reduce the context length"
    assert read_overflow(text, status=413) is not None
    assert read_overflow(text, status=503) is None


@pytest.mark.parametrize(
    "code",
    ["context_length_exceeded", "exceed_context_size_error", "too_many_prompt_tokens", "1261", "Token_Limit_Exceeded"],
)
def test_a_code_is_enough(code: str) -> None:
    assert read_overflow("Bad request", status=400, codes=["invalid_request_error", code]) == Overflow("prompt")


def test_the_excess_is_read_where_it_is_all_that_is_said() -> None:
    found = read_overflow("prompt too long; exceeded max context length by 12 tokens (ref: 96164522-08b2-4cbf)")
    assert found == Overflow("prompt", excess=12)


class TestTheSentence:
    def test_names_what_the_backend_counted(self) -> None:
        error = overflow_error(Overflow("prompt", prompt=9412, window=8192), counted=9000, window=4096, status=500)
        assert error.message == "prompt is too long: 9412 tokens > 8192 maximum"
        assert (error.status, error.type, error.should_retry) == (400, "invalid_request_error", False)
        assert error.upstream_status == 500

    def test_takes_missing_numbers_from_what_is_known(self) -> None:
        error = overflow_error(Overflow("prompt"), counted=140_000, window=131_072)
        assert error.message == "prompt is too long: 140000 tokens > 131072 maximum"
        assert error.overflow == Overflow("prompt", prompt=140_000, window=131_072)

    def test_guesses_a_window_below_the_count_when_none_is_known(self) -> None:
        assert (
            overflow_error(Overflow("prompt"), counted=1000).message == "prompt is too long: 1000 tokens > 950 maximum"
        )

    def test_lifts_a_count_that_is_not_above_the_window(self) -> None:
        error = overflow_error(Overflow("prompt", window=129_024), counted=100_000)
        assert error.message == "prompt is too long: 129025 tokens > 129024 maximum"

    def test_adds_the_excess_to_the_window(self) -> None:
        found = Overflow("prompt", excess=12)
        assert overflow_error(found, window=4096).message == "prompt is too long: 4108 tokens > 4096 maximum"
        assert overflow_error(found, counted=500).message == "prompt is too long: 500 tokens > 488 maximum"
        assert overflow_error(found).message == "prompt is too long: 200012 tokens > 200000 maximum"

    def test_tells_a_client_how_much_output_would_be_too_much(self) -> None:
        error = overflow_error(Overflow("total", prompt=5000, output=4000, window=8192))
        assert error.message.startswith(
            "input length and `max_tokens` exceed context limit: 5000 + 4000 > 8192, decrease"
        )
        assert error.overflow.room == 8192 - 5000 - 16

    def test_tells_a_client_the_largest_output(self) -> None:
        error = overflow_error(Overflow("output", limit=8192), asked=32_000)
        assert error.message == (
            "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for this model"
        )
        assert error.overflow.room == 8192

    def test_finds_room_for_output_below_a_cap_that_is_the_window_itself(self) -> None:
        error = overflow_error(Overflow("output", output=99_999, window=32_768), counted=30_000)
        assert error.overflow.room == 2752
        assert error.message.startswith("max_tokens: 99999 > 2752,")

    @given(st.builds(Overflow, st.sampled_from(["prompt", "total", "output"]), *[TOKENS] * 5), TOKENS, TOKENS, TOKENS)
    def test_always_holds_numbers_a_client_believes(
        self, found: Overflow, counted: int, window: int, asked: int
    ) -> None:
        error = overflow_error(found, counted=counted, window=window, asked=asked)
        assert isinstance(error, ContextOverflowError)
        numbers = [int(number) for number in re.findall(r"\d+", error.message)]
        if found.kind == "prompt":
            assert PROMPT_TOO_LONG.fullmatch(error.message)
            assert numbers[0] > numbers[1] > 0
        elif found.kind == "total":
            assert numbers[0] + numbers[1] > numbers[2]
        else:
            assert numbers[0] > numbers[1]
        assert error.overflow.room >= 0


@given(st.text(max_size=200) | st.from_regex(r"(maximum context length is|tokens|[0-9]{1,30}|[(,.:]| ){1,30}"))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = read_overflow(text)
    assert found is None or PROMPT_TOO_LONG.fullmatch(overflow_error(found._replace(kind="prompt")).message)
