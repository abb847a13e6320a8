"""Cases PA-*: parameters that backends refuse, rename, limit or do not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.backend import Backend, Received, Reply, Text, Thought, answer, say
from tests.backend.script import Call
from tests.cases.conftest import environment, rules
from tests.cases.picky import forbidden, fresh, has, openai, picky
from tests.cases.talk import BASH, TOOLS, Client, assistant, both, result, text, tool, use, user
from tests.cases.wire import at_once, completion, ended, in_pieces, pieces_of, said, tool_calls
from tests.proxy_process import start_proxy

LIMITS = ("max_tokens", "max_completion_tokens")


def limit_of(received: Received) -> int:
    """Return the output limit that was sent, in whichever field."""
    found = [received.body[name] for name in LIMITS if name in received.body]
    assert len(found) == 1
    return int(found[0])


# -- PA-01 to PA-03: learned from a refusal -------------------------------------------------------------------------

RENAMES: dict[str, tuple[str, str, Reply]] = {
    "OpenAI": (
        "house-model",
        "max_tokens",
        openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
    ),
    "a gateway without param": (
        "house-model",
        "max_tokens",
        openai("Unrecognized request argument: max_tokens. Use max_completion_tokens."),
    ),
    "a server of the old field": ("gpt-5.4", "max_completion_tokens", forbidden("max_completion_tokens")),
    "a server that names it unknown": (
        "gpt-5.2",
        "max_completion_tokens",
        openai("Unknown parameter: 'max_completion_tokens'.", "max_completion_tokens", "unknown_parameter"),
    ),
}


@pytest.mark.parametrize("words", RENAMES)
@both
def test_pa_01_a_refused_name_of_the_limit_is_changed_once_and_remembered(
    backend: Backend, client: Client, words: str, *, stream: bool
) -> None:
    name, refused, reply = RENAMES[words]
    model = fresh(name)
    other = LIMITS[1 - LIMITS.index(refused)]
    backend.play(picky((has(refused), reply)))
    for _ in range(2):
        assert client.ask(model=model, max_tokens=32_000, stream=stream).text == "geht"
    assert [other in received.body for received in backend.chats] == [False, True, True]
    assert [limit_of(received) for received in backend.chats] == [32_000] * 3


@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-5.4-mini", "openai/gpt-5.2", "o3-mini", "o4-mini"])
def test_pa_01_reasoning_models_of_openai_get_the_new_name_at_once(
    backend: Backend, client: Client, model: str
) -> None:
    backend.play(picky((has("max_tokens"), openai("Unsupported parameter: 'max_tokens'", "max_tokens"))))
    assert client.ask(model=model, max_tokens=32_000).text == "geht"
    assert len(backend.chats) == 1


ONLY_DEFAULT = "Unsupported value: '{0}' does not support {1} with this model. Only the default (1) value is supported."


@both
def test_pa_02_three_different_refusals_are_repaired_in_one_request(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    model = fresh("thinker")
    backend.play(
        picky(
            (has("temperature"), openai(ONLY_DEFAULT.format("temperature", 0.16), "temperature", "unsupported_value")),
            (has("top_p"), openai("Unsupported parameter: 'top_p' is not supported with this model.", "top_p")),
            (
                has("max_tokens"),
                openai("'max_tokens' is not supported. Use 'max_completion_tokens' instead.", "max_tokens"),
            ),
        )
    )
    asked: dict[str, Any] = {"model": model, "temperature": 0.16, "top_p": 0.9, "max_tokens": 900, "stream": stream}
    assert client.ask(**asked).text == "geht"
    assert len(backend.chats) == 4
    assert client.ask(**asked).text == "geht"
    assert len(backend.chats) == 5
    assert limit_of(backend.chats[-1]) == 900


@pytest.mark.parametrize(
    "reply",
    [
        openai("`temperature` is deprecated for this model.", "temperature"),
        openai("temperature: only the default value is supported", None),
        forbidden("temperature", 400),
        Reply(400, {"message": "temperature is not supported by this model", "code": 400}),
    ],
    ids=["deprecated", "without param", "pydantic", "bare message"],
)
def test_pa_02_a_refused_temperature_is_left_out(backend: Backend, client: Client, reply: Reply) -> None:
    backend.play(picky((has("temperature"), reply)))
    assert client.ask(model=fresh("cool"), temperature=0.16).text == "geht"
    assert len(backend.chats) == 2


@pytest.mark.parametrize("model", ["gpt-5.4", "o3-mini", "kimi-k2.6", "openai/gpt-5.4"])
def test_pa_02_reasoning_models_get_no_sampling(backend: Backend, client: Client, model: str) -> None:
    backend.play([say("geht")])
    heard = client.ask(model=model, temperature=0.16, top_p=0.5, top_k=40)
    assert heard.text == "geht"
    assert not {"temperature", "top_p", "top_k"} & set(backend.chats[0].body)
    assert "sampling-dropped" in heard.notes


@pytest.mark.parametrize("model", ["gpt-4.1", "mistral-large-latest", "llama-3.3-70b", "qwen2.5-coder"])
def test_pa_02_other_models_get_the_clients_sampling(backend: Backend, client: Client, model: str) -> None:
    backend.play([say("geht")])
    client.ask(model=model, temperature=0.16, top_p=0.5)
    body = backend.chats[0].body
    assert (body["temperature"], body["top_p"]) == (0.16, 0.5)


def test_pa_02_a_refusal_that_teaches_nothing_is_told(backend: Backend, client: Client) -> None:
    backend.play(lambda _: openai("Your request is odd.", "messages"))
    heard = client.ask(model=fresh("odd"))
    assert heard.status == 400
    assert heard.error == ("invalid_request_error", "Your request is odd.")
    assert len(backend.chats) == 1


def over(most: int) -> Callable[[dict[str, Any]], bool]:
    return lambda body: max(body.get(name, 0) for name in LIMITS) > most


CAPS: dict[str, tuple[int, Reply]] = {
    "Groq": (
        40_960,
        openai(
            "`max_tokens` must be less than or equal to `40960`, the maximum value for `max_tokens` is less than the "
            "`context_window` for this model",
            "max_tokens",
        ),
    ),
    "OpenAI": (
        16_384,
        openai(
            "max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you provided "
            "64000.",
            "max_tokens",
            "invalid_value",
        ),
    ),
    "DeepSeek": (8192, openai("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]")),
    "DashScope": (
        32_768,
        openai("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 32768]"),
    ),
    "Anthropic behind a gateway": (
        32_000,
        openai("max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens for claude-x"),
    ),
}


@pytest.mark.parametrize("words", CAPS)
@both
def test_pa_03_a_limit_told_in_a_refusal_is_kept_from_then_on(
    backend: Backend, client: Client, words: str, *, stream: bool
) -> None:
    most, reply = CAPS[words]
    model = fresh("capped")
    backend.play(picky((over(most), reply)))
    for _ in range(2):
        assert client.ask(model=model, max_tokens=64_000, stream=stream).text == "geht"
    assert [limit_of(received) for received in backend.chats] == [64_000, most, most]


def test_pa_03_the_ceiling_holds_where_nobody_knows_a_limit(backend: Backend, client: Client) -> None:
    backend.play(lambda _: say("geht"))
    heard = client.ask(model="house-unlisted", max_tokens=500_000)
    assert limit_of(backend.chats[0]) == 128_000
    assert "max-tokens-clamped" in heard.notes


# -- PA-04: the window ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "asked"), [(24_000, 64_000), (40_000, 32_000), (50_000, 64_000)])
@both
def test_pa_04_prompt_and_answer_fit_the_window_at_the_first_try(
    backend: Backend, client: Client, words: int, asked: int, *, stream: bool
) -> None:
    backend.play([say("geht")])
    prompt = "Wort für Wort " * (words // 4)
    heard = client.ask(model="house-64k", max_tokens=asked, messages=[user(prompt)], stream=stream)
    assert heard.text == "geht"
    tokens = client.count(model="house-64k", messages=[user(prompt)])
    assert tokens + limit_of(backend.chats[0]) <= 64_001
    assert limit_of(backend.chats[0]) >= 1024


ROOM: dict[str, Reply] = {
    "vLLM": openai(
        "'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length is 64001 tokens "
        "and your request has 24235 input tokens (64000 > 64001 - 24235)."
    ),
    "OpenRouter": openai(
        "This endpoint's maximum context length is 64001 tokens. However, you requested about 88235 tokens (24235 of text "
        "input, 64000 in the output). Please reduce the length of either one."
    ),
    "OpenAI": openai(
        "This model's maximum context length is 64001 tokens. However, you requested 88235 tokens (24235 in the messages, "
        "64000 in the completion). Please reduce the length of the messages or completion.",
        "messages",
        "context_length_exceeded",
    ),
}


@pytest.mark.parametrize("words", ROOM)
@both
def test_pa_04_an_answer_that_does_not_fit_is_lowered_in_silence(
    backend: Backend, client: Client, words: str, *, stream: bool
) -> None:
    backend.play(picky((over(64_001 - 24_235), ROOM[words])))
    assert client.ask(model=fresh("narrow"), max_tokens=64_000, stream=stream).text == "geht"
    assert limit_of(backend.chats[-1]) >= 1024
    assert len(backend.chats) == 2


# -- PA-05: tiny limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["claude-haiku-4-5-20251001", "gpt-5.4", "house-model", "deepseek-chat"])
@both
def test_pa_05_a_probe_of_one_token_is_an_answer(backend: Backend, client: Client, model: str, *, stream: bool) -> None:
    backend.play([say("H", finish="length")])
    heard = client.ask(model=model, max_tokens=1, messages=[{"role": "user", "content": "quota"}], stream=stream)
    assert heard.status == 200
    assert heard.stop == "max_tokens"


@pytest.mark.parametrize(
    "reply",
    [
        openai("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead."),
        openai("max_tokens must be at least 16", "max_tokens"),
    ],
    ids=["OpenAI", "plain"],
)
def test_pa_05_a_minimum_of_the_backend_is_learned(backend: Backend, client: Client, reply: Reply) -> None:
    model = fresh("least")
    backend.play(picky((lambda body: max(body.get(name, 0) for name in LIMITS) < 16, reply)))
    for _ in range(2):
        assert client.ask(model=model, max_tokens=1).status == 200
    assert [limit_of(received) for received in backend.chats] == [1, 16, 16]


@both
def test_pa_05_a_limit_that_ends_before_the_first_word_is_no_error(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    empty = at_once(ended(finish="length")) if stream else completion({"content": ""}, "length")
    backend.play([empty])
    heard = client.ask(max_tokens=1, stream=stream)
    assert heard.status == 200
    assert (heard.content, heard.stop) == ([], "max_tokens")


@both
def test_pa_05_no_tokens_at_all_are_no_answer_at_all(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play([say("Hallo", finish="length")])
    heard = client.ask(max_tokens=0, stream=stream)
    assert (heard.content, heard.stop) == ([], "max_tokens")
    assert heard.usage["output_tokens"] == 0
    assert limit_of(backend.chats[0]) == 1
    assert "max-tokens-lifted" in heard.notes


@pytest.mark.parametrize("model", ["deepseek-v4-flash", "gpt-5.4", "kimi-k2.6"])
def test_pa_05_a_thought_does_not_eat_a_small_answer(backend: Backend, client: Client, model: str) -> None:
    backend.play([say("geht")])
    client.ask(model=model, max_tokens=200, output_config={"effort": "high"})
    assert limit_of(backend.chats[0]) >= 1024 or model == "kimi-k2.6"  # kimi takes no word about its thinking


# -- PA-06: stop sequences ------------------------------------------------------------------------------------------

SIX = ["###", "<<ENDE>>", "\n\nHuman:", "STOPP", "ζέλος", "<done/>"]


@pytest.mark.parametrize("stop", SIX)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_pa_06_any_of_six_stop_sequences_ends_the_answer_and_is_named(
    backend: Backend, client: Client, stop: str, size: int
) -> None:
    pieces = map(said, pieces_of(f"Vorher # < \n {stop} nachher", size))
    backend.play([in_pieces(ended(*pieces))])
    heard = client.ask(stop_sequences=SIX, stream=True)
    assert heard.text == "Vorher # < \n "
    assert (heard.stop, heard.message["stop_sequence"]) == ("stop_sequence", stop)
    assert len(backend.chats[0].body.get("stop", [])) <= 4


@pytest.mark.parametrize("stop", SIX)
def test_pa_06_in_a_whole_answer_too(backend: Backend, client: Client, stop: str) -> None:
    backend.play([completion({"content": f"Vorher{stop}nachher"})])
    heard = client.ask(stop_sequences=SIX)
    assert (heard.text, heard.stop, heard.message["stop_sequence"]) == ("Vorher", "stop_sequence", stop)


def test_pa_06_the_earliest_of_several_wins(backend: Backend, client: Client) -> None:
    backend.play([say("a STOPP b ### c", size=2)])
    heard = client.ask(stop_sequences=["###", "STOPP"], stream=True)
    assert (heard.text, heard.message["stop_sequence"]) == ("a ", "STOPP")


def test_pa_06_a_sequence_that_never_comes_changes_nothing(backend: Backend, client: Client) -> None:
    backend.play([say("## und <<END", size=1)])
    heard = client.ask(stop_sequences=SIX, stream=True)
    assert (heard.text, heard.stop) == ("## und <<END", "end_turn")


def test_pa_06_thinking_and_arguments_are_not_looked_through(backend: Backend, client: Client) -> None:
    backend.play([answer(Thought("### STOPP"), Text("ja"), Call("Bash", {"command": "echo '###'"}))])
    heard = client.ask(stop_sequences=SIX, tools=[BASH], stream=True)
    assert heard.stop == "tool_use"
    assert heard.calls == [("Bash", {"command": "echo '###'"})]
    assert heard.thinking == "### STOPP"


@pytest.mark.parametrize("model", ["gpt-5.4", "o4-mini", "house-model"])
def test_pa_06_a_backend_that_refuses_stop_is_asked_without(backend: Backend, client: Client, model: str) -> None:
    refusal = openai("Unsupported parameter: 'stop' is not supported with this model.", "stop", "unsupported_parameter")
    backend.play(picky((has("stop"), refusal), then=say("eins ENDE zwei")))
    heard = client.ask(model=fresh(model), stop_sequences=["ENDE"], stream=True)
    assert (heard.text, heard.message["stop_sequence"]) == ("eins ", "ENDE")


# -- PA-07: stream_options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        forbidden("stream_options"),
        openai("Unknown parameter: 'stream_options'.", "stream_options", "unknown_parameter"),
        openai("Unrecognized request argument supplied: stream_options"),
        Reply(422, {"message": "stream_options: extra fields not permitted"}),
    ],
    ids=["Mistral", "OpenAI", "a gateway", "plain"],
)
def test_pa_07_refused_stream_options_are_left_out_and_usage_is_estimated(
    backend: Backend, client: Client, reply: Reply
) -> None:
    model = fresh("plain")
    backend.play(picky((has("stream_options"), reply), then=say("geht schon", usage=None)))
    for _ in range(2):
        heard = client.ask(model=model, stream=True)
        assert heard.text == "geht schon"
        assert heard.usage["output_tokens"] > 0
        assert heard.usage["input_tokens"] > 0
    assert ["stream_options" in received.body for received in backend.chats] == [True, False, False]


# -- PA-08, PA-09: effort and thinking ------------------------------------------------------------------------------

EFFORTS = ["low", "medium", "high", "xhigh", "max", "ultra-2027"]
KNOWN = {
    "gpt-5.4": {"low", "medium", "high", "xhigh"},
    "gpt-5": {"minimal", "low", "medium", "high"},
    "o3-mini": {"low", "medium", "high"},
    "deepseek-v4-flash": {"low", "medium", "high", "xhigh", "max"},
    "house-model": {"low", "medium", "high"},
    "gpt-oss-120b": {"low", "medium", "high"},
}
SILENT = ["gpt-4.1", "kimi-k2.6", "minimax-m3"]


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("model", KNOWN)
def test_pa_08_every_effort_is_accepted_and_fits_the_model(
    backend: Backend, client: Client, model: str, effort: str
) -> None:
    backend.play([say("geht")])
    assert client.ask(model=model, output_config={"effort": effort}).text == "geht"
    sent = backend.chats[0].body.get("reasoning_effort")
    if effort in KNOWN[model]:
        assert sent == effort
    else:
        assert sent in KNOWN[model]


@pytest.mark.parametrize("model", SILENT)
@pytest.mark.parametrize("effort", EFFORTS)
def test_pa_08_models_without_efforts_get_none(backend: Backend, client: Client, model: str, effort: str) -> None:
    backend.play([say("geht")])
    assert client.ask(model=model, output_config={"effort": effort}).text == "geht"
    assert "reasoning_effort" not in backend.chats[0].body


def test_pa_08_effort_wins_over_a_budget(backend: Backend, client: Client) -> None:
    backend.play([say("geht")])
    client.ask(
        model="gpt-5.4",
        max_tokens=40_000,
        output_config={"effort": "low"},
        thinking={"type": "enabled", "budget_tokens": 30_000},
    )
    assert backend.chats[0].body["reasoning_effort"] == "low"


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (5000, "medium"), (16_000, "high"), (60_000, "xhigh")])
def test_pa_08_a_budget_becomes_an_effort(backend: Backend, client: Client, budget: int, effort: str) -> None:
    backend.play([say("geht")])
    client.ask(model="gpt-5.4", max_tokens=64_000, thinking={"type": "enabled", "budget_tokens": budget})
    assert backend.chats[0].body["reasoning_effort"] == effort


def test_pa_08_a_refused_effort_is_the_nearest_one_next(backend: Backend, client: Client) -> None:
    model = fresh("gpt-5.4")
    words = (
        "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. Supported values are: 'low', "
        "'medium', and 'high'."
    )
    refusal = openai(words, "reasoning_effort", "unsupported_value")
    backend.play(picky((lambda body: body.get("reasoning_effort") == "xhigh", refusal)))
    for _ in range(2):
        assert client.ask(model=model, output_config={"effort": "xhigh"}).text == "geht"
    assert [received.body.get("reasoning_effort") for received in backend.chats] == ["xhigh", "high", "high"]


@pytest.mark.parametrize(
    "reply",
    [
        forbidden("reasoning_effort"),
        openai("Unrecognized request argument supplied: reasoning_effort"),
        openai("Unsupported parameter: 'reasoning_effort' is not supported with this model.", "reasoning_effort"),
    ],
    ids=["pydantic", "unrecognized", "unsupported"],
)
def test_pa_08_an_effort_nobody_knows_is_left_out(backend: Backend, client: Client, reply: Reply) -> None:
    backend.play(picky((has("reasoning_effort"), reply)))
    assert client.ask(model=fresh("dull"), output_config={"effort": "high"}).text == "geht"
    assert len(backend.chats) == 2


def test_pa_08_an_effort_refused_beside_tools_is_left_out_beside_tools(backend: Backend, client: Client) -> None:
    words = "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions."

    def both_there(body: dict[str, Any]) -> bool:
        return "reasoning_effort" in body and "tools" in body

    backend.play(picky((both_there, openai(words, "reasoning_effort"))))
    model = fresh("gpt-5.4")
    assert client.ask(model=model, output_config={"effort": "high"}, tools=TOOLS).text == "geht"
    assert len(backend.chats) == 2
    assert client.ask(model=model, output_config={"effort": "high"}).text == "geht"
    assert backend.chats[-1].body["reasoning_effort"] == "high"


SHAPES: dict[str, Any] = {
    "enabled": {"type": "enabled", "budget_tokens": 1024},
    "enabled without budget": {"type": "enabled"},
    "adaptive": {"type": "adaptive"},
    "adaptive with display": {"type": "adaptive", "display": "summarized"},
    "adaptive omitted": {"type": "adaptive", "display": "omitted"},
    "disabled": {"type": "disabled"},
    "between tools": {"type": "between_tools"},
    "a future type": {"type": "telepathic", "depth": 9},
    "block binding": {"type": "adaptive", "block_binding": True},
    "null": None,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", ["gpt-5.4", "claude-sonnet-5", "kimi-k2.6", "gemini-3-flash", "qwen3:8b"])
@both
def test_pa_09_every_shape_of_thinking_is_accepted(
    backend: Backend, client: Client, shape: str, model: str, *, stream: bool
) -> None:
    backend.play([say("geht")])
    assert client.ask(model=model, thinking=SHAPES[shape], stream=stream).text == "geht"
    assert "budget_tokens" not in backend.chats[0].text()


# -- PA-10 to PA-13: tools as parameters ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "eins\nzwei",
        [text("eins"), text("zwei")],
        [text("eins\nzwei")],
        [text("eins", cache_control={"type": "ephemeral"}), text("zwei")],
    ],
    ids=["string", "two blocks", "one block", "marked blocks"],
)
@pytest.mark.parametrize("model", ["gpt-5.4", "deepseek-v4-flash", "qwen3:8b", "gemini-3-flash"])
def test_pa_10_results_are_strings(backend: Backend, client: Client, content: Any, model: str) -> None:
    backend.play([say("geht")])
    messages = [user("a"), assistant(use("t", "Bash", command="x")), user(result("t", content))]
    client.ask(messages=messages, tools=TOOLS, model=model)
    assert list(backend.chats[0].results.values()) == ["eins\nzwei"]
    assert all(isinstance(m["content"], str) for m in backend.chats[0].messages if m["role"] == "tool")


def test_pa_10_single_texts_are_strings_and_no_key_is_empty(backend: Backend, client: Client) -> None:
    backend.play([say("geht")])
    messages = [user("a"), assistant("b"), user("c"), assistant("", use("t", "Bash", command="x")), user(result("t"))]
    client.ask(messages=messages, tools=TOOLS, system=[text("s")])
    sent = backend.chats[0].messages
    assert [message["content"] for message in sent[:4]] == ["s", "a", "b", "c"]
    assert all(message.get("tool_calls", True) for message in sent)
    assert sent[4]["content"] in (None, "")


CHOICES: dict[str, tuple[dict[str, Any], Any]] = {
    "auto": ({"type": "auto"}, "auto"),
    "any": ({"type": "any"}, "required"),
    "tool": ({"type": "tool", "name": "Read"}, {"type": "function", "function": {"name": "Read"}}),
    "none": ({"type": "none"}, "none"),
}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("model", ["gpt-5.4", "house-model", "mistral-large"])
def test_pa_11_every_choice_has_its_word(backend: Backend, client: Client, choice: str, model: str) -> None:
    backend.play([say("geht")])
    client.ask(model=model, tools=TOOLS, tool_choice=CHOICES[choice][0])
    assert backend.chats[0].body.get("tool_choice") == CHOICES[choice][1]


@pytest.mark.parametrize(
    "reply",
    [
        openai("tool_choice: only 'auto' and 'none' are supported", "tool_choice"),
        openai("This model does not support tool_choice 'required'", "tool_choice"),
        openai("Thinking mode does not support this tool_choice", "tool_choice"),
    ],
    ids=["only auto", "not required", "thinking"],
)
@pytest.mark.parametrize("choice", ["any", "tool"])
def test_pa_11_a_refused_choice_becomes_auto_and_a_sentence(
    backend: Backend, client: Client, reply: Reply, choice: str
) -> None:
    model = fresh("weak")
    backend.play(picky((lambda body: body.get("tool_choice") not in (None, "auto"), reply)))
    for _ in range(2):
        heard = client.ask(model=model, tools=TOOLS, tool_choice=CHOICES[choice][0])
        assert heard.text == "geht"
    last = backend.chats[-1]
    assert last.body.get("tool_choice") in (None, "auto")
    assert "tool" in json.dumps(last.messages[-1]).lower()
    assert len(backend.chats) <= 4


@pytest.mark.parametrize("called", [True, False], ids=["with calls in the history", "without"])
def test_pa_11_none_is_obeyed(backend: Backend, client: Client, *, called: bool) -> None:
    backend.play([say("geht")])
    history = [assistant(use("t", "Bash", command="x")), user(result("t"))] if called else []
    client.ask(messages=[user("a"), *history], tools=TOOLS, tool_choice={"type": "none"})
    body = backend.chats[0].body
    assert body.get("tool_choice") == "none" or "tools" not in body


@both
def test_pa_11_a_call_that_none_forbids_is_left_out_and_the_text_stays(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play([answer(Text("Ich frage nach."), Call("Bash", {"command": "rm x"}))])
    heard = client.ask(tools=TOOLS, tool_choice={"type": "none"}, stream=stream)
    assert (heard.kinds, heard.text, heard.stop) == (["text"], "Ich frage nach.", "end_turn")
    assert stream or "call-forbidden" in heard.notes


@both
def test_pa_11_an_answer_of_nothing_but_a_forbidden_call_is_asked_for_again(
    backend: Backend, patient: Client, *, stream: bool
) -> None:
    backend.play([answer(Call("Bash", {"command": "rm x"})), say("Gut.")])
    heard = patient.ask(tools=TOOLS, tool_choice={"type": "none"}, stream=stream)
    assert (heard.text, heard.stop, len(backend.chats)) == ("Gut.", "end_turn", 2)


@both
def test_pa_11_a_model_that_only_calls_what_none_forbids_is_a_failure(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play(lambda _: answer(Call("Bash", {"command": "rm x"})))
    heard = client.ask(tools=TOOLS, tool_choice={"type": "none"}, stream=stream)
    assert heard.status >= 500
    assert heard.error is not None
    assert "tool_choice none" in heard.error[1]


def test_pa_11_a_call_written_as_text_stays_text_where_none_is_wanted(backend: Backend, client: Client) -> None:
    written = '<tool_call>{"name": "Bash", "arguments": {"command": "ls"}}</tool_call>'
    backend.play([say(written)])
    heard = client.ask(model="local-model", tools=TOOLS, tool_choice={"type": "none"}, stream=True)
    assert (heard.kinds, heard.text) == (["text"], written)


UNMET: dict[str, tuple[Any, list[tuple[str, dict[str, Any]]]]] = {
    "words": (say("Nein."), []),
    "another tool": (answer(Call("Read", {"file_path": "a"})), [("Read", {"file_path": "a"})]),
    "another tool too": (
        answer(Call("Bash", {"command": "ls"}), Call("Read", {"file_path": "a"})),
        [("Bash", {"command": "ls"}), ("Read", {"file_path": "a"})],
    ),
}


@pytest.mark.parametrize("said", UNMET)
def test_pa_11_an_answer_that_is_not_the_demanded_call_is_passed_on_and_noted(
    backend: Backend, client: Client, said: str
) -> None:
    reply, calls = UNMET[said]
    backend.play([reply])
    heard = client.ask(tools=TOOLS, tool_choice={"type": "tool", "name": "Bash"})
    assert heard.calls == calls
    assert heard.stop == ("tool_use" if calls else "end_turn")
    assert "choice-unmet" in heard.notes


def test_pa_11_a_demanded_call_that_came_leaves_no_note(backend: Backend, client: Client) -> None:
    backend.play(lambda _: answer(Call("Bash", {"command": "ls"})))
    for choice in ({"type": "tool", "name": "Bash"}, {"type": "any"}):
        assert "choice-unmet" not in client.ask(tools=TOOLS, tool_choice=choice).notes


ONE = {"type": "auto", "disable_parallel_tool_use": True}


@pytest.mark.parametrize("kind", ["auto", "any"])
@both
def test_pa_12_one_call_at_a_time_is_asked_for_and_kept(
    backend: Backend, client: Client, kind: str, *, stream: bool
) -> None:
    backend.play([answer(Call("Bash", {"command": "1"}), Call("Bash", {"command": "2"}), Call("Read", {}))])
    heard = client.ask(tools=TOOLS, tool_choice={**ONE, "type": kind}, model="gpt-5.4", stream=stream)
    assert backend.chats[0].body["parallel_tool_calls"] is False
    assert heard.calls == [("Bash", {"command": "1"})]


def test_pa_12_without_the_flag_all_calls_come(backend: Backend, client: Client) -> None:
    backend.play([answer(Call("Bash", {"command": "1"}), Call("Bash", {"command": "2"}))])
    heard = client.ask(tools=TOOLS, stream=True)
    assert len(heard.calls) == 2
    assert "parallel_tool_calls" not in backend.chats[0].body


def test_pa_12_a_client_that_wants_several_at_once_says_so(backend: Backend, client: Client) -> None:
    """llama.cpp allows one at a time unless it is told otherwise."""
    backend.play([answer(Call("Bash", {"command": "1"}), Call("Bash", {"command": "2"}))])
    heard = client.ask(tools=TOOLS, tool_choice={**ONE, "disable_parallel_tool_use": False})
    assert backend.chats[0].body["parallel_tool_calls"] is True
    assert len(heard.calls) == 2


def test_pa_12_a_backend_that_refuses_the_flag_is_asked_without(backend: Backend, client: Client) -> None:
    refusal = openai("Unsupported parameter: 'parallel_tool_calls' is not supported.", "parallel_tool_calls")
    calls = answer(Call("Bash", {"command": "1"}), Call("Bash", {"command": "2"}))
    backend.play(picky((has("parallel_tool_calls"), refusal), then=calls))
    heard = client.ask(model=fresh("single"), tools=TOOLS, tool_choice=ONE)
    assert heard.calls == [("Bash", {"command": "1"})]


@both
@pytest.mark.parametrize("choice", [None, {"type": "auto"}, {"type": "any"}, ONE])
def test_pa_13_an_empty_list_of_tools_is_no_list(
    backend: Backend, client: Client, choice: Any, *, stream: bool
) -> None:
    backend.play([say("geht")])
    assert client.ask(tools=[], tool_choice=choice, stream=stream).text == "geht"
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(backend.chats[0].body)


@pytest.mark.parametrize("number", [128, 130, 300])
@pytest.mark.parametrize("model", ["gpt-5.4", "house-model", "deepseek-v4-flash"])
def test_pa_13_more_tools_than_a_backend_takes_are_fewer(
    backend: Backend, client: Client, number: int, model: str
) -> None:
    backend.play([say("geht")])
    tools = [tool(f"mcp__server__tool_{n}", "x") for n in range(number)]
    used = f"mcp__server__tool_{number - 1}"
    messages = [user("a"), assistant(use("t", used, x="1")), user(result("t"))]
    heard = client.ask(tools=tools, messages=messages, model=model)
    assert heard.text == "geht"
    assert len(backend.chats[0].tools) == min(number, 128)
    assert used in backend.chats[0].tools
    assert ("tool-limit" in heard.notes) == (number > 128)


# -- PA-14, PA-15 ---------------------------------------------------------------------------------------------------

UNKNOWN: dict[str, Any] = {
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "betas": ["x-2027-01-01"],
    "speed": "fast",
    "diagnostics": {"previous_message_id": "msg_1"},
    "mcp_servers": [{"type": "url", "url": "https://x.test", "name": "x"}],
    "container": {"id": "c_1", "skills": []},
    "inference_geo": "eu",
    "service_tier": "standard_only",
    "metadata": {"user_id": "user_1_account__session_2"},
    "fallbacks": [{"model": "claude-x"}],
    "safeguards": {"kind": "auto"},
    "thread": {"type": "create"},
    "hologram": {"a": [1, None]},
}


@pytest.mark.parametrize("name", UNKNOWN)
@both
def test_pa_14_fields_no_backend_knows_are_accepted_and_not_sent(
    backend: Backend, client: Client, name: str, *, stream: bool
) -> None:
    backend.play([say("geht")])
    heard = client.ask(**{name: UNKNOWN[name]}, stream=stream, headers={"anthropic-beta": "some-2027-01-01,other"})
    assert heard.text == "geht"
    assert name not in backend.chats[0].body


def test_pa_14_all_of_them_at_once(backend: Backend, client: Client) -> None:
    backend.play([say("geht")])
    asked = {**UNKNOWN, "output_config": {"task_budget": {"total": 5}, "later": 1}, "tools": [{**BASH, "eager": True}]}
    assert client.ask(**asked, path="/v1/messages?beta=true").text == "geht"
    assert not set(UNKNOWN) & set(backend.chats[0].body)


TITLE = {
    "type": "object",
    "properties": {"title": {"type": "string", "minLength": 1}, "isNewTopic": {"type": "boolean"}},
    "required": ["title", "isNewTopic"],
    "additionalProperties": False,
}
WANTED = {"title": "Größe prüfen", "isNewTopic": True}
WRITTEN = json.dumps(WANTED, ensure_ascii=False)


@both
@pytest.mark.parametrize("place", ["output_config", "output_format"])
@pytest.mark.parametrize("model", ["gpt-5.4", "house-model", "claude-haiku-4-5"])
def test_pa_15_a_wanted_format_is_asked_for(
    backend: Backend, client: Client, place: str, model: str, *, stream: bool
) -> None:
    wanted = {"type": "json_schema", "schema": TITLE}
    backend.play([say(WRITTEN)])
    fields = {"output_config": {"format": wanted}} if place == "output_config" else {"output_format": wanted}
    heard = client.ask(model=model, stream=stream, **fields)
    assert json.loads(heard.text) == WANTED
    sent = backend.chats[0].body["response_format"]
    assert sent["type"] == "json_schema"
    assert set(sent["json_schema"]["schema"]["properties"]) == {"title", "isNewTopic"}


FENCED = [f"```json\n{WRITTEN}\n```", f"```\n{WRITTEN}\n```\n", f"\n```JSON\n{WRITTEN}```"]


@pytest.mark.parametrize("written", FENCED)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_pa_15_a_fence_around_the_json_is_taken_off(backend: Backend, client: Client, written: str, size: int) -> None:
    backend.play(lambda _: say(written, size=size))
    fields = {"output_config": {"format": {"type": "json_schema", "schema": TITLE}}}
    assert json.loads(client.ask(stream=True, **fields).text) == WANTED
    assert json.loads(client.ask(stream=False, **fields).text) == WANTED


def test_pa_15_a_backend_without_schemas_is_asked_in_weaker_forms(backend: Backend, client: Client) -> None:
    model = fresh("formless")

    def schemas(body: dict[str, Any]) -> bool:
        return body.get("response_format", {}).get("type") == "json_schema"

    objects = has("response_format")
    backend.play(
        picky(
            (schemas, openai("This response_format type is unavailable now", "response_format")),
            (objects, openai("'response_format' is not supported by this model", "response_format")),
            then=say(f"```json\n{WRITTEN}\n```"),
        )
    )
    heard = client.ask(model=model, output_config={"format": {"type": "json_schema", "schema": TITLE}})
    assert json.loads(heard.text) == WANTED
    assert "isNewTopic" in json.dumps(backend.chats[-1].messages)
    assert "format-weakened" in heard.notes


# -- settings that bound all of this --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def floored(module_backend: Backend) -> Iterator[Client]:
    """A proxy with an explicit floor and a lower ceiling."""
    import httpx2

    settings = environment(module_backend, MIN_TOKENS_LIMIT="4096", MAX_TOKENS_LIMIT="8192")
    with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, timeout=30, trust_env=False) as http:
        yield Client(http)


@pytest.mark.parametrize(("asked", "sent"), [(1, 4096), (4000, 4096), (5000, 5000), (64_000, 8192)])
@pytest.mark.parametrize("model", ["house-unlisted", "claude-opus-4-8"])
def test_pa_05_a_floor_and_a_ceiling_that_were_set_hold(
    backend: Backend, floored: Client, asked: int, sent: int, model: str
) -> None:
    backend.play([say("geht")])
    assert floored.ask(model=model, max_tokens=asked).text == "geht"
    assert limit_of(backend.chats[0]) == sent


def test_pa_03_the_limit_a_backend_lists_is_kept(tmp_path: Any) -> None:
    import httpx2

    listed = {"data": [{"id": "small-out", "context_length": 50_000, "top_provider": {"max_completion_tokens": 4000}}]}

    class Listing(Backend):
        async def _models(self, request: Any) -> Any:
            from aiohttp import web

            return web.json_response(listed)

    with (
        Listing(lambda _: say("geht"), rules=rules) as backend,
        start_proxy(environment(backend)) as proxy,
        httpx2.Client(base_url=proxy.url, trust_env=False) as http,
    ):
        assert Client(http).ask(model="small-out", max_tokens=32_000).text == "geht"
        assert limit_of(backend.chats[0]) == 4000


def test_pa_01_what_was_learned_survives_a_restart(tmp_path: Any) -> None:
    import httpx2

    refusal = openai("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens")
    with Backend(picky((has("max_tokens"), refusal)), rules=rules) as backend:
        for _ in range(2):
            settings = environment(backend, XDG_STATE_HOME=str(tmp_path))
            with start_proxy(settings) as proxy, httpx2.Client(base_url=proxy.url, trust_env=False) as http:
                assert Client(http).ask(model="house-model").text == "geht"
        assert len(backend.chats) == 3


def test_pa_12_a_choice_beside_a_single_whole_call(backend: Backend, client: Client) -> None:
    calls = tool_calls(("a", "Read", {"file_path": "1"}), ("b", "Read", {"file_path": "2"}))
    backend.play([completion({"tool_calls": calls}, "tool_calls")])
    heard = client.ask(tools=TOOLS, tool_choice={"type": "tool", "name": "Read", "disable_parallel_tool_use": True})
    assert heard.calls == [("Read", {"file_path": "1"})]


def test_pa_08_the_effort_of_a_system_message_counts_for_its_turn(backend: Backend, client: Client) -> None:
    backend.play([say("geht")])
    turn = {"role": "system", "content": "Denke kurz.", "output_config": {"effort": "low"}}
    client.ask(model="gpt-5.4", output_config={"effort": "high"}, messages=[user("a"), turn])
    assert backend.chats[0].body["reasoning_effort"] == "low"
