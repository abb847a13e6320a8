"""Whole requests: the body a backend gets, the plan for its answer, and what holds for every request."""

import copy
import json
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strict_openai import problems

from claude_code_proxy.dialects.generic import GENERIC
from claude_code_proxy.dialects.openai import OPENAI
from claude_code_proxy.dialects.openrouter import OPENROUTER
from claude_code_proxy.errors import ClientError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.validate import check_request

KEY = b"k"
READ = {
    "name": "read",
    "description": "Read a file",
    "input_schema": {"type": "object", "properties": {"p": {"type": "string"}}, "required": ["p"]},
}


def translated(request, dialect=OPENAI, *, notes=None, count=None, **target):
    place = Target(**{"backend": "b", "model": "gpt-x", "dialect": dialect, "seal": KEY, **target})
    body = {"model": "claude-x", "max_tokens": 8000, "messages": [{"role": "user", "content": "hi"}], **request}
    return translate_request(check_request(body), place, Notes() if notes is None else notes, count=count)


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def text(words):
    return {"type": "text", "text": words}


# -- worked examples (translation reference, 4.10) ------------------------------------------------------------------


def test_a_whole_request_of_claude_code():
    notes = Notes()
    request = {
        "stream": True,
        "system": [
            text("x-anthropic-billing-header: v=1; h=9f3c"),
            {**text("You are a coder."), "cache_control": {"type": "ephemeral"}},
        ],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "xhigh"},
        "tools": [READ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "user_ab_session_cd"},
        "messages": [
            {"role": "user", "content": "Fix the bug"},
            {"role": "system", "content": "Budget is tight."},
            user(
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                text("screenshot"),
            ),
        ],
    }
    answer = translated(request, notes=notes)
    body = dict(answer.body)
    assert problems(body) == []
    assert len(body.pop("safety_identifier")) == 32
    assert len(body.pop("prompt_cache_key")) == 32
    assert body == {
        "model": "gpt-x",
        "messages": [
            {"role": "developer", "content": "You are a coder."},
            {"role": "user", "content": "Fix the bug"},
            {"role": "developer", "content": "Budget is tight."},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                    text("screenshot"),
                ],
            },
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "read", "description": "Read a file", "parameters": READ["input_schema"]},
            }
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "max_completion_tokens": 8000,
        "reasoning_effort": "xhigh",
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "store": False,
    }
    assert notes.codes() == ["attribution-dropped", "cache-marker"]


def test_the_plan_knows_how_to_answer():
    request = {
        "tools": [READ, {"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}},
    }
    plan = translated(request, window=200_000).plan
    assert (plan.model, plan.backend, plan.upstream_model, plan.seal) == ("claude-x", "b", "gpt-x", KEY)
    assert plan.tools["read"].schema == READ["input_schema"]
    assert plan.stops == ("END",)
    assert plan.one_tool
    assert plan.json_shape is not None
    assert plan.server_tools == ("web_search",)
    assert not plan.show_thinking
    assert (plan.max_tokens, plan.window) == (8000, 200_000)


def test_the_plan_knows_the_ids_that_were_used():
    used = [assistant({"type": "tool_use", "id": name, "name": "Bash", "input": {}}) for name in ("call_0", "call_0_2")]
    results = [user({"type": "tool_result", "tool_use_id": name, "content": "ok"}) for name in ("call_0", "call_0_2")]
    history = [user(text("go")), used[0], results[0], used[1], results[1]]
    tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
    request = {"model": "claude", "max_tokens": 9, "messages": history, "tools": tools}
    assert translated(request).plan.used_ids == {"call_0", "call_0_2"}


def test_thinking_switched_off_hides_thinking():
    plan = translated({"thinking": {"type": "disabled"}}).plan
    assert plan.hide_thinking


def test_no_output_wanted():
    plan = translated({"max_tokens": 0}).plan
    assert plan.discard


def test_the_client_alone_decides_on_streaming():
    assert "stream" not in translated({}).body
    assert "stream" not in translated({"stream": False}).body
    body = translated({"stream": True}, Dialect(name="d", stream_options=False)).body
    assert body["stream"] is True
    assert "stream_options" not in body


def test_a_backend_gets_its_own_fields_and_never_those_it_refuses():
    dialect = Dialect(name="d", extra_body={"store": False, "metadata": {"a": "b"}}, drop=frozenset({"temperature"}))
    body = translated({"temperature": 0.5}, dialect).body
    assert (body["store"], body["metadata"]) == (False, {"a": "b"})
    assert "temperature" not in body


def test_the_prompt_is_measured_for_the_window_and_the_estimate():
    seen = []

    def count(body):
        seen.append(set(body))
        return 24_000

    answer = translated({"max_tokens": 64_000, "tools": [READ]}, count=count, window=64_000)
    assert seen == [{"model", "messages", "tools"}]
    assert answer.plan.input_estimate == 24_000
    assert answer.body["max_completion_tokens"] <= 40_000


def test_a_choice_the_backend_can_not_be_told_stands_at_the_end():
    dialect = Dialect(name="d", tool_choices=frozenset({"auto"}))
    body = translated({"tools": [READ], "tool_choice": {"type": "any"}}, dialect).body
    assert body["messages"][0] == {"role": "user", "content": "hi"}
    assert body["messages"][-1]["role"] == "system"
    assert "tool" in body["messages"][-1]["content"]


def test_an_instruction_stands_before_a_prefill_that_must_stay_last():
    dialect = Dialect(name="d", json_schema="none", prefill="plain")
    request = {
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}},
        "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "{"}],
    }
    body = translated(request, dialect).body
    assert [message["role"] for message in body["messages"]] == ["user", "system", "assistant"]
    assert "JSON" in body["messages"][1]["content"]


def test_lost_reasoning_switches_thinking_off_but_shows_what_comes():
    dialect = Dialect(
        name="d",
        replay="reasoning_content",
        replay_required="with_tools",
        replay_fallback="disable",
        thinking_off={"thinking": {"type": "disabled"}},
    )
    request = {
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "messages": [
            assistant({"type": "tool_use", "id": "t", "name": "read", "input": {}}),
            user({"type": "tool_result", "tool_use_id": "t", "content": "x"}),
        ],
    }
    answer = translated(request, dialect)
    assert answer.body["thinking"] == {"type": "disabled"}
    assert not answer.plan.hide_thinking


@pytest.mark.parametrize("messages", [[user()], [user(text("")), assistant()], [{"role": "user", "content": ""}]])
def test_a_request_without_any_content_is_the_clients_fault(messages):
    with pytest.raises(ClientError) as caught:
        translated({"messages": messages})
    assert str(caught.value) == "messages: at least one message must have content"


# -- tools in the history -------------------------------------------------------------------------------------------

LONG = "mcp__a-very-long-server-name__" + "a_tool_with_a_name_that_does_not_end_" * 2


def deferred(name):
    return {"name": name, "input_schema": {"type": "object", "properties": {}}, "defer_loading": True}


def test_to_04_a_long_name_has_one_alias_everywhere():
    request = {
        "tools": [{"name": LONG, "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "tool", "name": LONG},
        "messages": [
            user(text("go")),
            assistant({"type": "tool_use", "id": "t", "name": LONG, "input": {}}),
            user(
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "tool_reference", "tool_name": LONG}],
                }
            ),
        ],
    }
    answer = translated(request)
    body = answer.body
    assert problems(body) == []
    alias = body["tools"][0]["function"]["name"]
    assert body["tool_choice"]["function"]["name"] == alias
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == alias
    assert body["messages"][2]["content"] == f"Loaded tool: {alias}"
    assert answer.plan.tools[alias].name == LONG


def test_to_08_a_deferred_tool_is_sent_once_a_result_names_it():
    tools = [READ, *(deferred(f"tool_{number}") for number in range(100)), deferred("DeferredToolPlaceholder")]
    search = [
        user(text("find")),
        assistant({"type": "tool_use", "id": "t", "name": "read", "input": {}}),
        user(
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "tool_reference", "tool_name": "tool_42"}],
            },
            text("Tool loaded."),
        ),
    ]
    names = [tool["function"]["name"] for tool in translated({"tools": tools, "messages": search[:1]}).body["tools"]]
    assert names == ["read"]
    names = [tool["function"]["name"] for tool in translated({"tools": tools, "messages": search}).body["tools"]]
    assert names == ["read", "tool_42"]


def test_to_08_tools_come_and_go_with_system_messages():
    definition = {"name": "extra", "input_schema": {"type": "object", "properties": {}}}
    system = {
        "role": "system",
        "content": [
            {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "later"}},
            {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}},
            {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "read"}},
        ],
    }
    body = translated({"tools": [READ, deferred("later")], "messages": [user(text("go")), system]}).body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["later", "extra"]
    assert body["messages"] == [{"role": "user", "content": "go"}]
    assert problems(body) == []


def test_to_09_a_server_tool_nothing_serves_is_left_out_and_told():
    notes = Notes()
    request = {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]}
    answer = translated(request, notes=notes)
    assert "tools" not in answer.body
    assert answer.plan.server_tools == ("web_search",)
    assert notes.codes() == ["tool-server"]


def test_calls_of_a_toolset_keep_their_set():
    request = {
        "tools": [{"type": "computer_toolset_20260801"}],
        "messages": [
            assistant(
                {
                    "type": "tool_use",
                    "id": "t",
                    "name": "left_click",
                    "toolset_name": "computer",
                    "input": {"coordinate": [1, 2]},
                }
            ),
            user({"type": "tool_result", "tool_use_id": "t", "toolset_name": "computer", "content": "ok"}),
        ],
    }
    answer = translated(request)
    name = answer.body["messages"][0]["tool_calls"][0]["function"]["name"]
    assert (answer.plan.tools[name].name, answer.plan.tools[name].toolset) == ("left_click", "computer")


# -- reasoning, there and back ------------------------------------------------------------------------------------


def test_reasoning_details_come_back_as_they_were():
    details = [{"type": "reasoning.encrypted", "data": "abc", "index": 0, "format": "x"}]
    envelope = Envelope(backend="b", model="gpt-x", digest=digest("why"), details=details)
    thought = {"type": "thinking", "thinking": "why", "signature": seal(envelope, KEY)}
    messages = [user(text("q")), assistant(thought, text("a")), user(text("and"))]
    body = translated({"messages": messages}, OPENROUTER).body
    assert body["messages"][1] == {"role": "assistant", "content": [text("a")], "reasoning_details": details}
    notes = Notes()
    other = translated({"messages": messages}, OPENROUTER, notes=notes, model="another").body
    assert other["messages"][1] == {"role": "assistant", "content": [text("a")]}
    assert notes.codes() == ["thinking-other-model"]


# -- any request ----------------------------------------------------------------------------------------------------

STRICT = Dialect(
    name="strict",
    system_in_place=False,
    merges_user_turns=True,
    assistant_after_tool=True,
    images="data",
    id_style="mistral9",
    replay="reasoning_content",
    replay_required="always",
    replay_fallback="space",
)
DIALECTS = {
    "openai": (OPENAI, {}),
    "openrouter": (
        OPENROUTER,
        {
            "top_level": {"reasoning", "plugins", "session_id", "top_k"},
            "message": {"reasoning", "reasoning_details"},
            "part": {"cache_control"},
            "tool_parts": True,
            "file_addresses": True,
        },
    ),
    "generic": (GENERIC, {"message": {"reasoning_content", "reasoning"}}),
    "strict": (STRICT, {"message": {"reasoning_content"}}),
}

WORD = st.text(alphabet='abcdefghij éß日\n😀"\\<>', min_size=1, max_size=12)
NAMES = st.sampled_from(["read", "write", LONG, "mcp__x.y/z", "läs"])
IDS = st.sampled_from(["toolu_1", "toolu_2", "call_0", "tu64_YTox", "x" * 50])
MARKS = st.fixed_dictionaries({}, optional={"cache_control": st.just({"type": "ephemeral"})})
IMAGE = st.sampled_from(
    [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
        {"type": "url", "url": "https://x.test/a.png"},
        {"type": "file", "file_id": "file_1"},
    ]
).map(lambda source: {"type": "image", "source": source})
DOCUMENT = st.one_of(
    WORD.map(lambda words: {"type": "text", "media_type": "text/plain", "data": words}),
    st.sampled_from(
        [
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="},
            {"type": "url", "url": "https://x.test/a.pdf"},
        ]
    ),
).map(lambda source: {"type": "document", "source": source})
TEXT = st.builds(lambda words, marks: {**text(words), **marks}, WORD, MARKS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=6,
)
CALL = st.builds(
    lambda name, tool, value: {"type": "tool_use", "id": name, "name": tool, "input": value},
    IDS,
    NAMES,
    st.dictionaries(WORD, JSON, max_size=3),
)
RESULT = st.builds(
    lambda name, content, failed, marks: {
        "type": "tool_result",
        "tool_use_id": name,
        "content": content,
        "is_error": failed,
        **marks,
    },
    IDS,
    WORD | st.lists(st.one_of(TEXT, IMAGE, DOCUMENT), max_size=3),
    st.booleans(),
    MARKS,
)
THOUGHT = st.sampled_from(
    [
        {"type": "thinking", "thinking": "hmm", "signature": ""},
        {
            "type": "thinking",
            "thinking": "hmm",
            "signature": seal(Envelope(backend="b", model="gpt-x", digest=digest("hmm")), KEY),
        },
        {"type": "redacted_thinking", "data": "xx"},
    ]
)
SERVED = st.builds(
    lambda name, words: [
        {"type": "server_tool_use", "id": name, "name": "web_search", "input": {"query": words}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": name,
            "content": [{"type": "web_search_result", "title": words, "url": "https://x.test"}],
        },
    ],
    st.sampled_from(["srvtoolu_1", "srvtoolu_2"]),
    WORD,
)
OTHERS = st.one_of(
    st.builds(lambda words: {"type": "search_result", "source": "s", "title": "t", "content": [text(words)]}, WORD),
    st.builds(lambda words: {"type": "hologram", "said": words}, WORD),
    st.sampled_from([{"type": "container_upload", "file_id": "f"}, {"type": "tool_reference", "tool_name": "läs"}]),
)
MESSAGE = st.one_of(
    st.builds(lambda content: {"role": "user", "content": content}, WORD),
    st.builds(lambda blocks: user(*blocks), st.lists(st.one_of(TEXT, IMAGE, DOCUMENT, RESULT, OTHERS), max_size=4)),
    st.builds(lambda blocks: assistant(*blocks), st.lists(st.one_of(TEXT, CALL, THOUGHT, OTHERS), max_size=4)),
    st.builds(
        lambda before, served, after: assistant(*before, *served, *after),
        st.lists(TEXT, max_size=1),
        SERVED,
        st.lists(TEXT | CALL, max_size=2),
    ),
    st.builds(lambda role, content: {"role": role, "content": content}, st.sampled_from(["ctx", "assistant"]), WORD),
    st.builds(lambda content: {"role": "system", "content": content}, WORD),
)
REQUEST = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=7).map(lambda messages: [{"role": "user", "content": "first"}, *messages])},
    optional={
        "system": WORD | st.lists(TEXT, max_size=3),
        "tools": st.lists(NAMES, unique=True, max_size=3).map(
            lambda names: [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in names]
        ),
        "stream": st.booleans(),
        "temperature": st.sampled_from([0, 0.5, 1]),
        "stop_sequences": st.lists(WORD, max_size=6),
        "thinking": st.sampled_from(
            [{"type": "adaptive"}, {"type": "disabled"}, {"type": "enabled", "budget_tokens": 2048}]
        ),
        "cache_control": st.just({"type": "ephemeral"}),
    },
)


def texts_of(request):
    """Yield every text a client said; of results only those given once: of several for one call the last counts."""
    blocks = [block for message in request["messages"] for block in as_blocks(message["content"])]
    answers = [block["tool_use_id"] for block in blocks if "tool_use_id" in block]
    for block in [*blocks, *as_blocks(request.get("system", ""))]:
        if answers.count(block.get("tool_use_id")) <= 1:
            yield from said(block)


def said(block):
    kind = block["type"]
    if kind == "text":
        yield block["text"]
    elif kind == "document" and block["source"]["type"] == "text":
        yield block["source"]["data"]
    elif kind in {"tool_result", "search_result", "web_search_tool_result"}:
        for inner in as_blocks(block["content"]):
            yield from said(inner)
    elif kind == "web_search_result":
        yield block["title"]
    elif kind == "hologram":
        yield json.dumps(block["said"], ensure_ascii=False)


def as_blocks(content):
    return [text(content)] if isinstance(content, str) else content


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_of(item)


@pytest.mark.parametrize(("dialect", "allowed"), DIALECTS.values(), ids=DIALECTS)
@settings(max_examples=150, deadline=None)
@given(request=REQUEST)
def test_any_request_is_a_valid_body_without_loss_and_always_the_same(dialect, allowed, request):
    before = copy.deepcopy(request)
    body = translated(request, dialect).body
    longest = dialect.id_length or sys.maxsize  # where there is no limit the id goes back as it came
    assert problems(body, **allowed, max_id=longest) == []
    said = "\0".join(strings_of(body))
    assert [words for words in texts_of(request) if words.strip() and words not in said] == []
    assert json.loads(msgspec.json.encode(body)) == body
    again = translated(json.loads(json.dumps(request)), dialect).body
    assert msgspec.json.encode(again) == msgspec.json.encode(body)
    assert request == before


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=6), inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    *("type", "text", "source", "data", "url", "id", "tool_use_id", "name", "input", "content", "role"),
                    *(
                        "thinking",
                        "signature",
                        "is_error",
                        "cache_control",
                        "tool",
                        "tool_name",
                        "tools",
                        "model",
                        "system",
                    ),
                    *(
                        "messages",
                        "max_tokens",
                        "tool_choice",
                        "output_config",
                        "metadata",
                        "stop_sequences",
                        "clear_at",
                    ),
                ]
            ),
            inner
            | st.sampled_from(
                [
                    *(
                        "text",
                        "image",
                        "document",
                        "tool_use",
                        "tool_result",
                        "thinking",
                        "base64",
                        "user",
                        "assistant",
                    ),
                    *("system", "web_search_tool_result", "tool_addition", "compaction", "custom", "next_user_message"),
                ]
            ),
            max_size=6,
        ),
    ),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None)
@given(
    WILD
    | st.builds(lambda body: {"model": "m", "max_tokens": 1, "messages": body}, WILD)
    | st.builds(lambda blocks: {"model": "m", "max_tokens": 1, "messages": [user(*blocks)]}, st.lists(WILD, max_size=3))
    | st.builds(
        lambda parts: {"model": "m", "max_tokens": 1, "messages": [user(text("x"))], **parts},
        st.dictionaries(st.sampled_from(["system", "tools", "tool_choice", "thinking", "metadata"]), WILD),
    )
)
def test_any_json_is_translated_or_refused(body):
    target = Target(backend="b", model="m", dialect=OPENAI, seal=KEY)
    try:
        outcome = translate_request(check_request(body), target, Notes()).body
    except ClientError as error:
        outcome = error
    assert isinstance(outcome, ClientError) or msgspec.json.encode(outcome)
