"""What is refused, with which path, and what is let through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_proxy.errors import ClientError
from claude_code_proxy.translate.depth import MAX_DEPTH
from claude_code_proxy.translate.validate import check_request


def request(**changes):
    return {"model": "claude-x", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], **changes}


def without(name):
    return {key: value for key, value in request().items() if key != name}


def saying(*blocks, role="user"):
    return request(messages=[{"role": role, "content": list(blocks)}])


def refusal(body, **options):
    with pytest.raises(ClientError) as caught:
        check_request(body, **options)
    assert caught.value.status == 400
    assert caught.value.type == "invalid_request_error"
    return str(caught.value)


REFUSED = {
    "a list as body": ([], "body: Input should be an object"),
    "a string as body": ("hi", "body: Input should be an object"),
    "no model": (without("model"), "model: Field required"),
    "a null model": (request(model=None), "model: Field required"),
    "a number as model": (request(model=3), "model: Input should be a string that is not empty"),
    "an empty model": (request(model=""), "model: Input should be a string that is not empty"),
    "no max_tokens": (without("max_tokens"), "max_tokens: Field required"),
    "max_tokens as text": (request(max_tokens="10"), "max_tokens: Input should be an integer of at least 0"),
    "a boolean as max_tokens": (request(max_tokens=True), "max_tokens: Input should be an integer of at least 0"),
    "a negative max_tokens": (request(max_tokens=-1), "max_tokens: Input should be an integer of at least 0"),
    "a broken max_tokens": (request(max_tokens=1.5), "max_tokens: Input should be an integer of at least 0"),
    "an infinite max_tokens": (
        request(max_tokens=float("inf")),
        "max_tokens: Input should be an integer of at least 0",
    ),
    "no messages": (without("messages"), "messages: Field required"),
    "empty messages": (request(messages=[]), "messages: at least one message is required"),
    "messages as an object": (request(messages={}), "messages: Input should be a valid list"),
    "a string as message": (request(messages=["hi"]), "messages.0: Input should be an object"),
    "a message without role": (request(messages=[{"content": "hi"}]), "messages.0.role: Field required"),
    "a number as role": (
        request(messages=[{"role": 1, "content": "hi"}]),
        "messages.0.role: Input should be a valid string",
    ),
    "a message without content": (request(messages=[{"role": "user"}]), "messages.0.content: Field required"),
    "null content": (
        request(messages=[{"role": "user", "content": None}]),
        "messages.0.content: Input should be a string or a list of blocks",
    ),
    "a number as content": (
        request(messages=[{"role": "user", "content": 7}]),
        "messages.0.content: Input should be a string or a list of blocks",
    ),
    "content of the second message": (
        request(messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": {}}]),
        "messages.1.content: Input should be a string or a list of blocks",
    ),
    "a string among the blocks": (saying("hi"), "messages.0.content.0: Input should be an object"),
    "a block without type": (saying({"text": "hi"}), "messages.0.content.0.type: Field required"),
    "a number as block type": (saying({"type": 5}), "messages.0.content.0.type: Input should be a valid string"),
    "a text block without text": (saying({"type": "text"}), "messages.0.content.0.text: Field required"),
    "a text block with an object": (
        saying({"type": "text", "text": {}}),
        "messages.0.content.0.text: Input should be a valid string",
    ),
    "an image without source": (saying({"type": "image"}), "messages.0.content.0.source: Field required"),
    "an image source without type": (
        saying({"type": "image", "source": {}}),
        "messages.0.content.0.source.type: Field required",
    ),
    "an image without data": (
        saying({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}),
        "messages.0.content.0.source.data: Field required",
    ),
    "a document without url": (
        saying({"type": "document", "source": {"type": "url"}}),
        "messages.0.content.0.source.url: Field required",
    ),
    "a document with broken inner blocks": (
        saying({"type": "document", "source": {"type": "content", "content": [{"type": "text"}]}}),
        "messages.0.content.0.source.content.0.text: Field required",
    ),
    "a call without id": (
        saying({"type": "tool_use", "name": "a", "input": {}}, role="assistant"),
        "messages.0.content.0.id: Field required",
    ),
    "a call without name": (
        saying({"type": "tool_use", "id": "t", "input": {}}, role="assistant"),
        "messages.0.content.0.name: Field required",
    ),
    "a result without id": (saying({"type": "tool_result"}), "messages.0.content.0.tool_use_id: Field required"),
    "a number as result content": (
        saying({"type": "tool_result", "tool_use_id": "t", "content": 5}),
        "messages.0.content.0.content: Input should be a string or a list of blocks",
    ),
    "a broken block in a result": (
        saying({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": 1}]}),
        "messages.0.content.0.content.0.text: Input should be a valid string",
    ),
    "a number as system": (request(system=1), "system: Input should be a string or a list of blocks"),
    "a string among the system blocks": (request(system=["x"]), "system.0: Input should be an object"),
    "a system text block without text": (request(system=[{"type": "text"}]), "system.0.text: Field required"),
    "tools as an object": (request(tools={}), "tools: Input should be a valid list"),
    "a string as tool": (request(tools=["x"]), "tools.0: Input should be an object"),
    "a tool without name": (request(tools=[{"input_schema": {}}]), "tools.0.name: Field required"),
    "a custom tool without name": (request(tools=[{"type": "custom"}]), "tools.0.name: Field required"),
    "an empty tool name": (request(tools=[{"name": ""}]), "tools.0.name: Input should be a string that is not empty"),
    "a schema that is no object": (
        request(tools=[{"name": "a", "input_schema": True}]),
        "tools.0.input_schema: Input should be an object",
    ),
    "a word as tool_choice": (request(tool_choice="auto"), "tool_choice: Input should be an object"),
    "a tool_choice without type": (request(tool_choice={}), "tool_choice.type: Field required"),
    "a tool_choice without name": (request(tool_choice={"type": "tool"}), "tool_choice.name: Field required"),
    "a text as temperature": (request(temperature="hot"), "temperature: Input should be a number from 0 to 2"),
    "a boolean as temperature": (request(temperature=True), "temperature: Input should be a number from 0 to 2"),
    "a negative temperature": (request(temperature=-1), "temperature: Input should be a number from 0 to 2"),
    "a temperature no API takes": (request(temperature=2.1), "temperature: Input should be a number from 0 to 2"),
    "nan as top_p": (request(top_p=float("nan")), "top_p: Input should be a number from 0 to 1"),
    "a share of more than all": (request(top_p=7), "top_p: Input should be a number from 0 to 1"),
    "a negative share": (request(top_p=-0.1), "top_p: Input should be a number from 0 to 1"),
    "a fraction as top_k": (request(top_k=1.5), "top_k: Input should be an integer of at least 0"),
    "a negative top_k": (request(top_k=-1), "top_k: Input should be an integer of at least 0"),
    "a word as stream": (request(stream="yes"), "stream: Input should be a valid boolean"),
    "a string as stop_sequences": (request(stop_sequences="END"), "stop_sequences: Input should be a valid list"),
    "a number among stop_sequences": (
        request(stop_sequences=["a", 1]),
        "stop_sequences.1: Input should be a string that is not empty",
    ),
    "an empty stop sequence": (
        request(stop_sequences=["a", ""]),
        "stop_sequences.1: Input should be a string that is not empty",
    ),
    "a format without its schema": (
        request(output_config={"format": {"type": "json_schema"}}),
        "output_config.format.schema: Field required",
    ),
    "a format with a text as schema": (
        request(output_config={"format": {"type": "json_schema", "schema": "{}"}}),
        "output_config.format.schema: Input should be an object",
    ),
    "a format without a type": (
        request(output_config={"format": {"schema": {}}}),
        "output_config.format.type: Field required",
    ),
    "the older format without its schema": (
        request(output_format={"type": "json_schema", "schema": None}),
        "output_format.schema: Field required",
    ),
    "a list as metadata": (request(metadata=[]), "metadata: Input should be an object"),
    "a number as user_id": (request(metadata={"user_id": 1}), "metadata.user_id: Input should be a valid string"),
    "a word as thinking": (request(thinking="on"), "thinking: Input should be an object"),
    "a text as budget": (
        request(thinking={"type": "enabled", "budget_tokens": "many"}),
        "thinking.budget_tokens: Input should be a valid integer",
    ),
    "a number as effort": (
        request(output_config={"effort": 3}),
        "output_config.effort: Input should be a valid string",
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_malformed_is_refused_with_the_path(body, message):
    assert refusal(body) == message


ACCEPTED = {
    "an unknown field": {"new_field_of_2027": {"a": [1]}},
    "null for optional fields": {
        "tools": None,
        "temperature": None,
        "system": None,
        "stream": None,
        "tool_choice": None,
    },
    "max_tokens 0": {"max_tokens": 0},
    "a temperature of OpenAI's range": {"temperature": 1.7},
    "the ends of all ranges": {"temperature": 0, "top_p": 1.0, "top_k": 0},
    "a stop sequence of white space, which the proxy can look for": {"stop_sequences": ["\n\n"]},
    "a format of a later version": {"output_config": {"format": {"type": "grammar"}}},
    "a prefill that ends in white space": {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "So "}]
    },
    "a whole float as max_tokens": {"max_tokens": 100.0},
    "an unknown role": {"messages": [{"role": "ctx", "content": "x"}, {"role": "user", "content": "y"}]},
    "an unknown block type": {"messages": [{"role": "user", "content": [{"type": "hologram", "data": 1}]}]},
    "an unknown source type": {
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "beam"}}]}]
    },
    "empty content": {"messages": [{"role": "user", "content": []}]},
    "a thinking block without signature": {
        "messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}]
    },
    "a redacted block without data": {"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking"}]}]},
    "a system message with only output_config": {
        "messages": [{"role": "system", "content": [], "output_config": {"effort": "low"}}]
    },
    "a system message without content": {"messages": [{"role": "system", "output_config": {"effort": "low"}}]},
    "a result without content": {
        "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": None}]}]
    },
    "a call with text as input": {
        "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "a", "input": "x"}]}]
    },
    "an unknown tool type without name": {"tools": [{"type": "computer_toolset_20260801"}]},
    "a tool without schema": {"tools": [{"name": "a"}]},
    "an unknown tool_choice": {"tool_choice": {"type": "maybe"}},
    "an unknown thinking type": {"thinking": {"type": "deeply"}},
    "an unknown effort": {"output_config": {"effort": "ultra"}},
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_odd_but_understandable_is_accepted(changes):
    assert check_request(request(**changes))["model"] == "claude-x"


def test_null_fields_are_left_out():
    assert "temperature" not in check_request(request(temperature=None))


def test_the_request_is_not_changed():
    body = request(system="s", tools=None)
    assert check_request(body) is not body
    assert body["tools"] is None


def test_counting_needs_no_max_tokens():
    assert check_request(without("max_tokens"), counting=True)["messages"]
    assert refusal(without("messages"), counting=True) == "messages: Field required"


def test_an_error_names_the_field_for_programs_too():
    with pytest.raises(ClientError) as caught:
        check_request(request(temperature="hot"))
    assert caught.value.path == "temperature"


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("depth", [MAX_DEPTH, 400, 100_000])
def test_deep_nesting_is_refused_by_name(depth):
    body = request(tools=[{"name": "a", "input_schema": nested(depth)}])
    assert refusal(body) == f"body: Input is nested deeper than {MAX_DEPTH} levels"
    while isinstance(body, dict | list):  # taken apart by hand: its own destructor would recurse
        body = next(iter(body.values())) if isinstance(body, dict) else body[0]


def test_real_nesting_passes():
    assert check_request(request(tools=[{"name": "a", "input_schema": nested(40)}]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [
        "model",
        "max_tokens",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "stop_sequences",
        "stream",
        "temperature",
        "metadata",
        "thinking",
        "type",
        "role",
        "content",
        "text",
        "source",
        "data",
        "url",
        "name",
        "id",
        "tool_use_id",
        "input",
        "user",
        "assistant",
        "tool_result",
        "tool_use",
        "image",
        "document",
    ]
)
SHAPED = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(SHAPED | st.dictionaries(WORDS, SHAPED, max_size=8) | SHAPED.map(lambda value: request(messages=value)))
def test_any_json_is_a_request_or_a_client_error(body):
    try:
        outcome = check_request(body)
    except ClientError as error:
        outcome = error
    assert isinstance(outcome, dict) or outcome.path
