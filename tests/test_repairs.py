"""What a refusal teaches: exactly one changed fact, the one that was refused, and nothing from any other text."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.dialects import DIALECTS
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.repairs import Refusal, apply, read_repair

PLAIN = Dialect(name="test", max_tokens_field="max_tokens")
FULL: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 64_000,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.16,
    "top_p": 0.9,
    "stop": ["END"],
    "tools": [{"type": "function", "function": {"name": "Look", "parameters": {"type": "object"}}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "reasoning_effort": "high",
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    "user": "abc",
    "store": False,
}


def learned(text: str, param: str = "", *, body: dict[str, Any] = FULL, **facts: Any) -> dict[str, Any]:
    """Return what a refusal of a request with everything in it teaches. facts: of the dialect that was spoken."""
    dialect = dataclasses.replace(PLAIN, **facts)
    return dict(read_repair(Refusal(text=text, param=param, body=body), dialect))


TAUGHT: dict[str, tuple[str, str, dict[str, Any]]] = {
    # PA-01
    "OpenAI: max_tokens by its other name": (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        {"max_tokens_field": "max_completion_tokens"},
    ),
    "a gateway that names no parameter": (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "",
        {"max_tokens_field": "max_completion_tokens"},
    ),
    # PA-02
    "OpenAI: a value of temperature": (
        "Unsupported value: 'temperature' does not support 0.16 with this model. Only the default (1) is supported.",
        "temperature",
        {"drop": ["temperature"]},
    ),
    "OpenAI: temperature at all": (
        "Unsupported parameter: 'temperature' is not supported with this model.",
        "temperature",
        {"drop": ["temperature"]},
    ),
    "Anthropic behind a gateway: top_p beside temperature": (
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one. `top_p` is deprecated",
        "top_p",
        {"drop": ["top_p"]},
    ),
    # PA-03
    "Groq: a limit": (
        "`max_tokens` must be less than or equal to `40960`, the maximum value for `max_tokens` is less than the context",
        "max_tokens",
        {"max_output": 40960},
    ),
    "DeepSeek: a range": (
        "Invalid max_tokens value, the valid range of max_tokens is at most 8192",
        "",
        {"max_output": 8192},
    ),
    "a limit with a comma": ("max_tokens: maximum value is 32,768", "", {"max_output": 32768}),
    # PA-06
    "xAI: stop": ("Argument not supported on this model: stop", "", {"max_stops": 0}),
    "OpenAI: stop": ("Unsupported parameter: 'stop' is not supported with this model.", "stop", {"max_stops": 0}),
    # PA-07
    "Mistral: stream_options": (
        "Extra inputs are not permitted: body.stream_options",
        "",
        {"stream_options": False},
    ),
    "a server that knows no parallel calls": (
        "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.",
        "parallel_tool_calls",
        {"parallel_flag": False},
    ),
    "a field only OpenAI knows": ("Unrecognized request argument supplied: store", "", {"drop": ["store"]}),
    "the hash of a user": ("property 'user' is unsupported", "", {"drop": ["user"]}),
    # PA-11
    "a forced tool": (
        "tool_choice 'required' is not supported by this model",
        "tool_choice",
        {"tool_choices": ["auto", "named", "none"]},
    ),
    # effort
    "an effort word": (
        "Unsupported value: 'reasoning_effort' does not support 'high' with this model. Supported values are: 'low' and 'medium'.",
        "reasoning_effort",
        {"efforts": ["low", "medium"]},
    ),
    "effort at all": ("Unknown parameter: 'reasoning_effort'.", "reasoning_effort", {"efforts": []}),
    # format
    "a schema for the answer": (
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "response_format",
        {"json_schema": "json_object"},
    ),
    # TO-01, TO-02
    "LM Studio: a grammar": ("failed to parse grammar", "", {"drop_schema_keywords": ["format", "pattern"]}),
    "llama.cpp: a pattern": (
        "JSON schema conversion failed:\nPattern must start with '^' and end with '$', invalid pattern",
        "",
        {"drop_schema_keywords": ["format", "pattern"]},
    ),
    "Gemini: a keyword nobody put on the wire": (
        "Invalid JSON payload received. Unknown name \"exclusiveMinimum\" at 'tools[0].function_declarations[0].parameters'",
        "",
        {"drop_schema_keywords": ["exclusiveMinimum"]},
    ),
    "OpenAI: two keywords": (
        "Invalid schema for function 'Look': In context=(), 'minLength' and 'uniqueItems' are not permitted.",
        "tools[0].function.parameters",
        {"drop_schema_keywords": ["minLength", "uniqueItems"]},
    ),
    "a keyword that is a common word": (
        "Invalid schema for function 'Look': 'default' is not permitted.",
        "tools[0].function.parameters",
        {"drop_schema_keywords": ["default"]},
    ),
    "references": ("Tool schema uses $ref, which is unsupported", "", {"inline_refs": True}),
    "strict functions": ("tools.0.function.strict: extra fields not permitted", "", {"strict_flag": False}),
    # HI-12, HI-15
    "DeepSeek: reasoning of the history": (
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        "",
        {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"},
    ),
    "Kimi: reasoning of the history": (
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
        "",
        {"replay": "reasoning_content", "replay_required": "with_tools", "replay_fallback": "space"},
    ),
    "Gemini: a signature": (
        "Function call is missing a thought_signature in functionCall parts.",
        "",
        {"call_signatures": True, "replay_required": "with_tools"},
    ),
    # roles
    "Mistral: a user after a tool": (
        "Expected last role User or Tool... Unexpected role 'user' after role 'tool'",
        "",
        {"assistant_after_tool": True},
    ),
    "templates: roles alternate": (
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "",
        {"merges_user_turns": True},
    ),
    "templates: the system message first": (
        "System message must be at the beginning.",
        "",
        {"system_in_place": False},
    ),
}


@pytest.mark.parametrize("case", TAUGHT)
def test_a_refusal_teaches_what_it_names(case: str) -> None:
    text, param, facts = TAUGHT[case]
    assert learned(text, param) == facts


@pytest.mark.parametrize("case", TAUGHT)
def test_what_was_learned_is_not_learned_again(case: str) -> None:
    """A backend that refuses the repaired request with the same words gets no endless loop of the same repair."""
    text, param, facts = TAUGHT[case]
    dialect = apply(PLAIN, facts)
    again = dict(read_repair(Refusal(text=text, param=param, body=FULL), dialect))
    assert apply(dialect, again) != dialect or not again or again == facts


@pytest.mark.parametrize("case", TAUGHT)
def test_what_was_learned_changes_the_dialect(case: str) -> None:
    facts = TAUGHT[case][2]
    fields = set(facts) - {"max_output", "window"}
    changed = apply(PLAIN, facts)
    assert {name for name in fields if getattr(changed, name) != getattr(PLAIN, name)} == fields - _same(facts)


def _same(facts: dict[str, Any]) -> set[str]:
    return {name for name, value in facts.items() if getattr(PLAIN, name, None) == value}


def test_facts_add_up() -> None:
    first = apply(PLAIN, learned("Unsupported parameter: 'temperature'", "temperature"))
    second = dict(read_repair(Refusal(text="Unsupported parameter: 'top_p'", param="top_p", body=FULL), first))
    assert second == {"drop": ["temperature", "top_p"]}


def test_the_smallest_output_is_learned() -> None:
    """PA-05: a probe of one token."""
    told = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead. max_tokens"
    assert learned(told, "max_tokens", body={**FULL, "max_tokens": 1}) == {"min_output": 16}


def test_reasoning_a_strict_server_does_not_know_is_left_out_of_its_history() -> None:
    told = "body.messages.1.assistant.reasoning_content: Extra inputs are not permitted"
    assert learned(told, replay="reasoning_content") == {"replay": "none", "replay_required": "never"}


def test_a_developer_becomes_a_system_where_nobody_knows_developers() -> None:
    told = "Unexpected role: developer. Supported roles are system, user, assistant, tool"
    assert learned(told, system_role="developer") == {"system_role": "system"}


NOTHING_TAUGHT = (
    ("", ""),
    ("computer says no", ""),
    ("The model `m` does not exist or you do not have access to it.", "model"),
    ("Invalid 'messages[0].content': string too long", "messages[0].content"),
    ("This model does not support tools.", "tools"),
    ("tools is not supported with this model", "tools"),
    ("messages: at least one message is required", "messages"),
    ("Unsupported parameter: 'messages'", "messages"),
    ("Unsupported parameter: 'model'", "model"),
    ("Unsupported parameter: 'stream'", "stream"),
    ("This model does not support image input", ""),
    ("If the problem persists, do not retry; then contact us.", ""),
    ("Your account is not active", ""),
)


@pytest.mark.parametrize(("text", "param"), NOTHING_TAUGHT)
def test_other_refusals_teach_nothing(text: str, param: str) -> None:
    assert learned(text, param) == {}


@pytest.mark.parametrize("case", TAUGHT)
def test_what_was_not_sent_is_not_learned(case: str) -> None:
    """A text that names a field the request did not have speaks of something else."""
    text, param, facts = TAUGHT[case]
    bare = {"model": "m", "messages": FULL["messages"]}
    found = learned(text, param, body=bare)
    assert found in ({}, facts)
    assert not ({"drop", "drop_schema_keywords", "max_stops", "tool_choices", "efforts"} & set(found))


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.integers()),
)
FIELDS = sorted(field.name for field in dataclasses.fields(Dialect))


@given(facts=st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text()), ANYTHING))
def test_any_facts_of_a_file_give_a_legal_dialect(facts: dict[str, Any]) -> None:
    for dialect in (PLAIN, DIALECTS["openai"]):
        applied = apply(dialect, facts)
        for field in dataclasses.fields(Dialect):
            before, after = getattr(dialect, field.name), getattr(applied, field.name)
            assert isinstance(after, (type(before), dict)), field.name
        assert applied.name == dialect.name
        assert not applied.drop & {"messages", "tools", "model", "stream"}


@given(text=st.text(max_size=300), param=st.text(max_size=30))
def test_any_words_teach_something_harmless_or_nothing(text: str, param: str) -> None:
    found = learned(text, param)
    assert not {"messages", "tools", "model"} & set(found.get("drop", ()))
    apply(PLAIN, found)


SHOWN = {**FULL, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]}
BLIND = {
    "OpenAI": "Invalid content type. image_url is only supported by certain models.",
    "DeepSeek": "Failed to deserialize the JSON body: messages[0]: unknown variant `image_url`, expected `text`",
    "vLLM": "The model is not a multimodal model, image input is not supported.",
    "OpenRouter": "No endpoints found that support image input. This model does not support images.",
}


@pytest.mark.parametrize("text", BLIND.values(), ids=BLIND)
def test_a_model_without_vision_gets_no_more_images(text: str) -> None:
    assert learned(text, body=SHOWN) == {"images": "no"}
    assert learned(text, body=SHOWN, images="no") == {}


def test_an_image_that_is_broken_teaches_nothing() -> None:
    assert learned("Error while downloading the image.", body=SHOWN) == {}
    assert learned("You uploaded an invalid image: it is too large.", body=SHOWN) == {}


def test_without_an_image_nobody_is_called_blind() -> None:
    assert learned("image input is not supported") == {}


LETTERS = {
    "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z_][a-zA-Z0-9_]*$'": "word",
    "tools.0.function.name: String should match pattern '^[a-z_][a-z0-9_]*$'": "lower",
    "Invalid function name 'mcp__a-b__c': must match [a-zA-Z0-9_]+": "word",
    "Function name 'a-b' is invalid: only letters, digits and underscores are allowed": "word",
    "Tool names may only contain lowercase letters, numbers and underscores": "lower",
    "Tool names must not contain hyphens": "word",
    "hyphens are not allowed in function names": "word",
    "Invalid tools[0].function.name: expected a string that matches '^[a-zA-Z0-9_-]+$'": None,
    "Tool names may only contain letters, digits, underscores and hyphens": None,
    "temperature may only be 1": None,
}


@pytest.mark.parametrize("text", LETTERS)
def test_characters_a_backend_forbids_in_names_are_learned(text: str) -> None:
    tools = [{"type": "function", "function": {"name": "mcp__My-Server__go", "parameters": {}}}]
    taught = {"name_letters": LETTERS[text]} if LETTERS[text] else {}
    assert {
        name: value for name, value in learned(text, body={**FULL, "tools": tools}).items() if "name" in name
    } == taught
    legal = [{"type": "function", "function": {"name": "go", "parameters": {}}}]
    assert "name_letters" not in learned(text, body={**FULL, "tools": legal}), "no name that was sent is at fault"


def test_length_and_characters_of_names_are_learned_at_once() -> None:
    tools = [{"type": "function", "function": {"name": "my-tool", "parameters": {}}}]
    text = "Invalid function name: must match ^[a-z_][a-z0-9_]{0,31}$"
    assert learned(text, body={**FULL, "tools": tools}) == {"name_length": 32, "name_letters": "lower"}
