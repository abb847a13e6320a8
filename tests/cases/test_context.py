"""Cases CX-*: overflow, counting, cached tokens, prefixes, compaction, compression."""

from __future__ import annotations

import concurrent.futures
import json
import re
import time
from typing import Any

import httpx2
import pytest
from tests.backend import Backend, Failure, Received, Reply, Step, Text, answer, say
from tests.cases.conftest import WINDOWS, asked_through
from tests.cases.picky import fresh, openai
from tests.cases.talk import BASH, TOOLS, Client, assistant, both, result, text, use, user
from tests.cases.test_history import document, image
from tests.cases.wire import at_once, chunk, completion, counts, each_way, said, sse
from tests.proxy_process import ProxyProcess, start_proxy

TOO_LONG = re.compile(r"prompt is too long: (\d+) tokens > (\d+) maximum")


# -- CX-01: overflow is an interface --------------------------------------------------------------------------------


def coded(message: str, code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": "messages", "code": code, **more}}


# words, prompt, window; None where the backend says no number
OVERFLOWS: dict[str, tuple[int, Any, int | None, int | None]] = {
    "OpenAI": (
        400,
        coded(
            "This model's maximum context length is 131072 tokens. However, your messages resulted in 140001 tokens. "
            "Please reduce the length of the messages.",
            "context_length_exceeded",
        ),
        140_001,
        131_072,
    ),
    "OpenAI's newer words": (
        400,
        coded(
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 351234 tokens.",
            "context_length_exceeded",
        ),
        351_234,
        272_000,
    ),
    "OpenAI without numbers": (
        400,
        coded("Your input exceeds the context window of this model.", "context_length_exceeded"),
        None,
        None,
    ),
    "a code alone": (400, coded("", "context_length_exceeded"), None, None),
    "vLLM": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 32768 tokens. However, your request has 40404 input tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
        40_404,
        32_768,
    ),
    "vLLM, later": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 32768 tokens. However, you requested 10 output tokens "
                "and your prompt contains at least 32769 input tokens, for a total of at least 32779 tokens.",
                "type": "BadRequestError",
                "code": 400,
            }
        },
        32_769,
        32_768,
    ),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9420,
                "n_ctx": 8192,
            }
        },
        9420,
        8192,
    ),
    "llama.cpp as a 500": (
        500,
        {"error": {"code": 500, "message": "the request exceeds the available context size", "type": "server_error"}},
        None,
        None,
    ),
    "Gemini": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1200345) exceeds the maximum number of tokens allowed (1048576).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        1_200_345,
        1_048_576,
    ),
    "SGLang": (
        400,
        {"object": "error", "message": "The input (210001 tokens) is longer than the model's context length (200000 tokens)."},
        210_001,
        200_000,
    ),
    "OpenRouter": (
        400,
        {
            "error": {
                "message": "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 "
                "tokens (42832 of text input). Please reduce the length of either one",
                "code": 400,
                "metadata": {"provider_name": "X"},
            }
        },
        42_832,
        32_768,
    ),
    "DeepSeek": (
        400,
        coded(
            "This model's maximum context length is 131072 tokens. However, you requested 150025 tokens (150025 in the "
            "messages, 0 in the completion). Please reduce the length of the messages or completion.",
            "invalid_request_error",
        ),
        150_025,
        131_072,
    ),
    "xAI": (
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 137001 tokens.",
        },
        137_001,
        131_072,
    ),
    "Groq": (
        400,
        coded("Please reduce the length of the messages or completion.", "context_length_exceeded"),
        None,
        None,
    ),
    "Cerebras": (400, coded("Current length is 9001 while limit is 8192", "context_length_exceeded"), 9001, 8192),
    "Mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 33001 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_prompt",
        },
        33_001,
        32_768,
    ),
    "Kimi": (
        400,
        {"error": {"message": "Invalid request: Your request exceeded model token limit: 262144 (requested: 262999)"}},
        262_999,
        262_144,
    ),
    "MiniMax": (400, {"error": {"message": "invalid params, context window exceeds limit (2013)"}}, None, None),
    "GLM": (400, {"error": {"code": "1261", "message": "Prompt exceeds max length"}}, None, None),
    "DashScope": (
        400,
        {"error": {"message": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]"}},
        None,
        129_024,
    ),
    "LM Studio": (
        400,
        {
            "error": "Trying to keep the first 15000 tokens when context the overflows. However, the model is loaded with "
            "context length of only 4096 tokens, which is not enough."
        },
        15_000,
        4096,
    ),
    "Ollama": (400, {"error": {"message": "prompt too long; exceeded max context length by 812 tokens"}}, None, None),
    "Anthropic behind a gateway": (
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 213462 tokens > 200000 maximum"}},
        213_462,
        200_000,
    ),
    "a 413": (413, {"error": {"message": "Request too large: prompt of 50000 tokens exceeds context window of 32000"}}, 50_000, 32_000),
}  # fmt: skip


def assert_too_long(heard: Any, prompt: int | None, window: int | None) -> None:
    assert heard.status == 400
    kind, message = heard.error
    assert kind == "invalid_request_error"
    found = TOO_LONG.fullmatch(message)
    assert found, message
    assert int(found[1]) > int(found[2])
    assert prompt in (None, int(found[1]))
    assert window in (None, int(found[2]))


@pytest.mark.parametrize("words", OVERFLOWS)
@both
def test_cx_01_every_backends_words_become_the_one_sentence_clients_act_on(
    backend: Backend, client: Client, words: str, *, stream: bool
) -> None:
    status, body, prompt, window = OVERFLOWS[words]
    backend.play(lambda _: Reply(status, body))
    heard = client.ask(model=fresh("over"), stream=stream)
    assert_too_long(heard, prompt, window)
    assert heard.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("words", ["OpenAI", "vLLM", "llama.cpp", "OpenRouter"])
@each_way
def test_cx_01_an_overflow_told_inside_a_200_is_the_same_400(
    backend: Backend, client: Client, words: str, way: Any
) -> None:
    _, body, prompt, window = OVERFLOWS[words]
    backend.play(lambda _: way(sse(body if "error" in body else {"error": body})))
    assert_too_long(client.ask(model=fresh("over"), stream=True), prompt, window)


@pytest.mark.parametrize(
    "words",
    [
        "Rate limit reached: tokens per min (TPM): Limit 30000, Requested 41000.",
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message",
    ],
)
def test_cx_01_a_rate_limit_that_speaks_of_tokens_is_no_overflow(backend: Backend, client: Client, words: str) -> None:
    backend.play(
        lambda _: Reply(429, {"error": {"message": words, "code": "rate_limit_exceeded"}}, {"retry-after": "30"})
    )
    heard = client.ask(model=fresh("rate"))
    assert (heard.status, heard.error and heard.error[0]) == (429, "rate_limit_error")


@both
def test_cx_01_a_window_told_in_an_answer_ends_it_as_the_api_does(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play(lambda _: say("halb", finish="model_context_window_exceeded"))
    assert client.ask(stream=stream).stop == "max_tokens", "a client that names no version may not know the other"
    for known in (
        {"anthropic-version": "2026-10-21"},
        {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1,model-context-window-exceeded-2025-08-26"},
    ):
        assert client.ask(stream=stream, headers=known).stop == "model_context_window_exceeded"
    assert client.ask(stream=stream, headers={"anthropic-version": "2023-06-01"}).stop == "max_tokens"


# -- CX-02: a client that believes in another window ----------------------------------------------------------------


def test_cx_02_a_declared_window_refuses_what_is_surely_too_long(backend: Backend) -> None:
    backend.play(lambda _: say("zu spät"))
    with asked_through(backend, MODEL_WINDOW="8192") as client:
        heard = client.ask(messages=[user("Wort für Wort " * 4000)])
        assert_too_long(heard, None, 8192)
        assert backend.chats == []
        assert client.ask().text == "zu spät"


@pytest.mark.parametrize("model", ["house-16k", "house-64k", "gemini-3-flash"])
def test_cx_02_the_real_window_is_in_the_list_of_models(client: Client, model: str) -> None:
    listed = {entry["display_name"]: entry for entry in client.http.get("/v1/models?limit=1000").json()["data"]}
    assert listed[model]["max_input_tokens"] == WINDOWS[model]


def test_cx_02_usage_can_be_scaled_to_the_window_a_client_believes_in(backend: Backend) -> None:
    usage = {"prompt_tokens": 28_000, "completion_tokens": 10, "total_tokens": 28_010}
    backend.play([completion({"content": "ja"}, usage=usage)])
    with asked_through(backend, MODEL_WINDOW="32000", CONTEXT_SCALE="auto") as client:
        assert client.ask().usage["input_tokens"] > 160_000


# -- CX-03 to CX-05: counting ---------------------------------------------------------------------------------------

LONG_TEXT = "The quick brown fox jumps over the lazy dog. " * 60  # 600 words, 10 tokens a sentence


def grown(client: Client, **more: Any) -> int:
    """Return by how much `more` makes a request longer."""
    return client.count(messages=[user("hi")], **more) - client.count(messages=[user("hi")])


@pytest.mark.parametrize("model", ["gpt-5.4", "claude-opus-4-8", "qwen3:8b", "gemini-3-flash"])
def test_cx_03_everything_in_a_request_counts(client: Client, model: str) -> None:
    base = client.count(model=model, messages=[user("hi")])
    conversation = [user("hi"), assistant(use("t", "Bash", command=LONG_TEXT)), user(result("t", LONG_TEXT))]
    extra: dict[str, dict[str, Any]] = {
        "system": {"messages": [user("hi")], "system": LONG_TEXT},
        "system blocks": {"messages": [user("hi")], "system": [text(LONG_TEXT)]},
        "a tool": {"messages": [user("hi")], "tools": [{**BASH, "description": LONG_TEXT}]},
        "a document": {"messages": [user("hi", {"type": "document", "source": {"type": "text", "data": LONG_TEXT}})]},
    }
    for name, request in extra.items():
        more = client.count(model=model, **request) - base
        assert 540 <= more <= 700, name
    calls = client.count(model=model, messages=conversation, tools=[BASH]) - client.count(model=model, tools=[BASH])
    assert 1100 <= calls <= 1400
    assert client.count(model=model, messages=[user("hi", image())]) > base + 50
    assert client.count(model=model, messages=[user("hi", document("page one", "page two"))]) > base + 3


def test_cx_03_a_small_message_with_system_and_tools_is_within_a_tenth(client: Client) -> None:
    """Counted with o200k and the usual overheads: 12 of system, 15 of the message, 47 of the tool, 11 around."""
    weather = {
        "name": "get_weather",
        "description": "Get the current weather in a given location",
        "input_schema": {
            "type": "object",
            "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
            "required": ["location"],
        },
    }
    counted = client.count(
        system="You are a helpful assistant that answers questions about the weather.",
        messages=[{"role": "user", "content": "What is the weather like in San Francisco at the moment, please?"}],
        tools=[weather],
    )
    assert 75 <= counted <= 102


@pytest.mark.parametrize(
    "odd",
    [
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
        {"tool_choice": {"type": "any"}, "tools": TOOLS},
        {"messages": [user({"type": "hologram", "x": 1}, "hi")]},
        {"messages": [user(result("gone", "x"))]},
        {"context_management": {"edits": []}, "mcp_servers": []},
        {"max_tokens": None},
        {"stream": True},
    ],
)
def test_cx_03_counting_never_fails(client: Client, odd: dict[str, Any]) -> None:
    assert client.count(**odd) > 0


@pytest.mark.parametrize(
    "content", ["   ", "", None, [], [{"type": "text", "text": " "}], [{"type": "image"}], [{"type": "text"}]]
)
def test_cx_03_counting_counts_what_is_there(client: Client, content: Any) -> None:
    """A request that could not be sent is counted all the same."""
    asked = [{"role": "user", "content": content}]
    assert client.count(messages=asked) >= 0
    many = client.count(messages=asked, system="word " * 500)
    assert many > 300
    assert client.count(messages=[], system="word " * 500) > 300
    wide = [{"role": "user", "content": [{"type": "document", "title": "word " * 500}]}]
    assert client.count(messages=wide) > 300
    assert client.ask(messages=asked).status == 400 or content == []


def test_cx_03_counting_learns_from_what_a_model_reports(backend: Backend, client: Client) -> None:
    model = fresh("wordy")
    story = [user(LONG_TEXT), assistant(LONG_TEXT), user("weiter")]
    real = round(client.count(model=model, messages=story) * 1.3)
    usage = {"prompt_tokens": real, "completion_tokens": 9, "total_tokens": real + 9}
    backend.play(lambda _: completion({"content": "ja"}, usage=usage))
    for _ in range(5):
        client.ask(model=model, messages=story)
    assert abs(client.count(model=model, messages=story) - real) < real * 0.03


def test_cx_04_counting_asks_nobody_and_is_quick(backend: Backend, client: Client) -> None:
    story = [user(LONG_TEXT), assistant(LONG_TEXT)] * 20
    client.count(messages=story)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _: client.count(messages=story), range(50)))
    assert len(set(counted)) == 1
    assert time.monotonic() - begun < 10
    assert backend.requests == []


def test_cx_04_counting_works_while_the_backend_is_down() -> None:
    settings = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
        client = Client(http)
        assert client.count() > 0
        assert client.ask(model="gpt-5.4", messages=[user("x")], headers={}).status in (500, 502, 503, 529)
        assert client.count() > 0


@pytest.mark.parametrize("model", ["gpt-5.4", "claude-sonnet-5", "gemini-3-flash", "qwen3:8b"])
def test_cx_05_the_count_is_the_estimate_a_stream_begins_with(backend: Backend, client: Client, model: str) -> None:
    request: dict[str, Any] = {
        "model": model,
        "system": [text("x-anthropic-billing-header: cc_version=2; cch=ab12"), text(LONG_TEXT)],
        "tools": TOOLS,
        "messages": [user("a"), assistant(use("t", "Bash", command="x")), user(result("t", [image()]), "b")],
    }
    backend.play([say("ja")])
    started = client.ask(stream=True, **request).events()[0]["message"]["usage"]
    assert started["input_tokens"] == client.count(**request)


# -- CX-06: cached tokens -------------------------------------------------------------------------------------------

# usage as backends write it -> input, cache read, cache creation, output
USAGES: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    "OpenAI": (
        {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 75}},
        (25, 75, 0, 9),
    ),
    "all cached": (
        {"prompt_tokens": 64, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64}},
        (0, 64, 0, 9),
    ),
    "nothing cached": (
        {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 0}},
        (100, 0, 0, 9),
    ),
    "null details": ({"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": None}, (100, 0, 0, 9)),
    "DeepSeek": (
        {"prompt_tokens": 100, "completion_tokens": 9, "prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40},
        (40, 60, 0, 9),
    ),
    "Kimi": ({"prompt_tokens": 100, "completion_tokens": 9, "cached_tokens": 30}, (70, 30, 0, 9)),
    "written to the cache": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 50},
        },
        (30, 20, 50, 9),
    ),
    "apart from the prompt": (
        {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 400}},
        (100, 400, 0, 9),
    ),
    "read and written again": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 75, "cache_write_tokens": 100},
        },
        (0, 75, 25, 9),
    ),
    "reasoning apart from the answer": (
        {"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 159},
        (100, 0, 0, 59),
    ),
}


@pytest.mark.parametrize("usage", USAGES)
@both
def test_cx_06_cached_tokens_count_once(backend: Backend, client: Client, usage: str, *, stream: bool) -> None:
    told, expected = USAGES[usage]
    told = {"total_tokens": told["prompt_tokens"] + told["completion_tokens"], **told}
    whole = completion({"content": "ja"}, usage=told)
    backend.play([at_once(sse(said("ja"), chunk({}, "stop"), counts(**told))) if stream else whole])
    heard = client.ask(stream=stream)
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    assert tuple(heard.usage[name] for name in names) == expected


# -- CX-07: prefixes ------------------------------------------------------------------------------------------------

BILLING = "x-anthropic-billing-header: cc_version=2.1.197.ab1; cc_entrypoint=cli; cch={0};"


@pytest.mark.parametrize("model", ["gpt-5.4", "claude-sonnet-5", "qwen3:8b", "gemini-3-flash", "kimi-k2.6"])
@pytest.mark.parametrize("form", ["a block", "a line"])
def test_cx_07_a_later_turn_begins_with_the_bytes_of_the_earlier_one(
    backend: Backend, client: Client, model: str, form: str
) -> None:
    backend.play(lambda _: say("ja"))
    turns: list[Any] = [user("eins"), assistant("erst", use("t1", "Bash", command="ä")), user(result("t1", "ok"))]
    later = [assistant("dann"), user("zwei"), {"role": "system", "content": "Merke: x"}]
    for number, messages in enumerate((turns[:1], turns, [*turns, *later])):
        line = BILLING.format(f"{number:05x}")
        system = [text(line), text("Du hilfst.")] if form == "a block" else [text(f"{line}\nDu hilfst.")]
        client.ask(model=model, system=system, messages=messages, tools=TOOLS)
    bodies = [received.body for received in backend.chats]
    assert all("billing-header" not in received.text() for received in backend.chats)
    for earlier, after in ((bodies[0], bodies[1]), (bodies[1], bodies[2])):
        assert json.dumps(after["tools"]) == json.dumps(earlier["tools"])
        assert json.dumps(after["messages"][: len(earlier["messages"])]) == json.dumps(earlier["messages"])


def test_cx_07_only_the_attribution_line_goes(backend: Backend, client: Client) -> None:
    backend.play([say("ja")])
    talk = "Der Header x-anthropic-billing-header steht in den Logs."
    client.ask(system=[text(BILLING.format("00")), text(talk), text("Ende.")])
    assert talk in backend.chats[0].text()
    assert backend.chats[0].text().count("billing-header") == 1


def test_cx_07_the_same_request_gives_the_same_bytes(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("ja"))
    for _ in range(3):
        client.ask(tools=TOOLS, system="S", messages=[user("a"), assistant(use("t", "x" * 90, b=1)), user(result("t"))])
    assert len({json.dumps(received.body) for received in backend.chats}) == 1


# -- CX-08: silent truncation ---------------------------------------------------------------------------------------


def test_cx_08_a_server_that_cuts_prompts_in_silence_is_not_asked_to(backend: Backend) -> None:
    backend.play(lambda _: say("gekürzt"))
    with asked_through(backend, DIALECT="ollama") as client:
        for stream in (True, False):
            heard = client.ask(model="house-16k", messages=[user("Wort für Wort " * 8000)], stream=stream)
            assert_too_long(heard, None, 16_384)
        assert backend.chats == []
        assert client.ask(model="house-16k").text == "gekürzt"


@both
def test_cx_08_counts_that_show_a_cut_prompt_are_a_warning_with_the_remedy(
    backend: Backend, proxy: ProxyProcess, client: Client, *, stream: bool
) -> None:
    usage = {"prompt_tokens": 4090, "completion_tokens": 6, "total_tokens": 4096}
    model = fresh("cutting")
    whole = completion({"content": "Was meinst du?"}, usage=usage)
    streamed = at_once(sse(said("Was meinst du?"), chunk({}, "stop"), counts(**usage)))
    backend.play([streamed if stream else whole])
    heard = client.ask(model=model, messages=[user("Wort für Wort " * 7000)], stream=stream)
    assert heard.text == "Was meinst du?"
    warned = [line for line in proxy.log().splitlines() if "warning" in line and model in line]
    assert warned
    assert "4096" in warned[0]
    assert "OLLAMA_CONTEXT_LENGTH" in warned[0]


def test_cx_08_counts_that_fit_are_no_warning(backend: Backend, proxy: ProxyProcess, client: Client) -> None:
    model = fresh("honest")
    prompt = [user("Wort für Wort " * 3000)]
    tokens = client.count(model=model, messages=prompt)
    usage = {"prompt_tokens": tokens, "completion_tokens": 6, "total_tokens": tokens + 6}
    backend.play([completion({"content": "ja"}, usage=usage)])
    client.ask(model=model, messages=prompt)
    assert not [line for line in proxy.log().splitlines() if "warning" in line and model in line]


# -- CX-09: the form of a compaction --------------------------------------------------------------------------------

REMINDER = "Reminder of the required form"
COMPACT = (
    "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nYour task is to create a detailed summary of the "
    "conversation so far, paying close attention to the user's explicit requests.\n\nBefore providing your final summary, "
    "wrap your analysis in <analysis> tags to organize your thoughts.\n\n<example>\n<analysis>\n[thoughts]\n</analysis>\n\n"
    "<summary>\n1. Primary Request:\n</summary>\n</example>"
)


def test_cx_09_a_request_to_compact_is_reminded_of_its_form(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("<analysis>x</analysis><summary>y</summary>"))
    heard = client.ask(messages=[user("bau das"), assistant("gebaut"), user(COMPACT)])
    assert heard.text == "<analysis>x</analysis><summary>y</summary>"
    sent = backend.chats[0]
    assert REMINDER in json.dumps(sent.messages[-1])
    assert sent.text().count("create a detailed summary") == 1


def test_cx_09_other_requests_are_not_reminded(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("ja"))
    client.ask(messages=[user("Was ist ein <summary>, was <analysis>?")])
    client.ask(messages=[user(COMPACT), assistant("<summary>s</summary>"), user("weiter")])
    assert not [received for received in backend.chats if REMINDER in received.text()]


def test_cx_09_the_reminder_can_be_switched_off(backend: Backend) -> None:
    backend.play([say("y")])
    with asked_through(backend, COMPACTION_REMINDER="off") as client:
        client.ask(messages=[user("bau das"), assistant("gebaut"), user(COMPACT)])
    assert REMINDER not in backend.chats[0].text()


# -- CX-10: compression never loses what matters --------------------------------------------------------------------

RULES = "# Hausregeln\n\nTests laufen mit `nox -s größe`. Nie auf main pushen.\n"
ENV = "# Environment\n\n - Working directory: /srv/projekt\n - Platform: linux\n - Shell: fish\n"
PROMPT = (
    "You are Claude Code, Anthropic's official CLI for Claude.\n\nYou are an interactive agent.\n\n"
    "# Tone and style\n\n - Only use emojis if the user explicitly requests it. Be brief and do not use emojis.\n"
    + "Say little. "
    * 300
    + "\n\n"
    "# Doing tasks\n\nThe user will primarily request you to perform software work.\n"
    + "Plan first. " * 300
    + "\n\n"
    + ENV
    + "\n"
    "Contents of /srv/projekt/CLAUDE.md (project instructions, checked into the codebase):\n\n" + RULES
)


def test_cx_10_without_compression_the_prompt_is_what_the_client_said(backend: Backend, client: Client) -> None:
    backend.play([say("ja")])
    client.ask(system=PROMPT, messages=[user("los")])
    assert backend.chats[0].messages[0]["content"] == PROMPT


@pytest.mark.parametrize("mode", ["compact", "summarize"])
def test_cx_10_project_rules_and_environment_survive_every_compression(backend: Backend, mode: str) -> None:
    def step(received: Received) -> Step:
        return say("ja") if received.tools else say("kurz")

    backend.play(step)
    asked: dict[str, Any] = {"system": PROMPT, "messages": [user("los, größe!")], "tools": TOOLS}
    with asked_through(backend, PROMPT_COMPRESSION=mode, PROMPT_MAX_SYSTEM_TOKENS="300") as client:
        started = client.ask(**asked, stream=True).events()[0]["message"]["usage"]["input_tokens"]
        counted = client.count(**asked)
        assert "system prompt: " in client.log()
    main = next(received for received in backend.chats if received.tools)
    system = main.messages[0]["content"]
    assert "Tests laufen mit `nox -s größe`. Nie auf main pushen." in system
    assert "Working directory: /srv/projekt" in system
    assert "Shell: fish" in system
    assert "Say little. Say little." not in system
    assert main.messages[-1]["content"] == "los, größe!"
    assert set(main.tools) == {"Bash", "Read", "Grep"}
    assert counted == started < 600, "count_tokens counts what is sent (CX-05)"


def test_cx_01_an_overflow_after_output_is_an_error_event(backend: Backend, client: Client) -> None:
    words = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    backend.play(
        [answer(Text("halb"), Failure(words, "invalid_request_error", "context_length_exceeded"), complete=False)]
    )
    heard = client.ask(stream=True)
    assert heard.error == ("invalid_request_error", "prompt is too long: 9000 tokens > 8192 maximum")


def test_cx_01_an_overflow_is_not_asked_again(backend: Backend, client: Client) -> None:
    backend.play(lambda _: openai("maximum context length is 10 tokens. However, your messages resulted in 20 tokens."))
    client.ask(model=fresh("once"))
    assert len(backend.chats) == 1
