"""Every recorded answer, through the whole translation, against two oracles that share no code with it."""

from __future__ import annotations

import json
import random
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import grammar_oracle, oracle, recorded

from claude_code_proxy.errors import UpstreamError
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.plan import Plan, ToolFacts
from claude_code_proxy.translate.stream import StreamTranslator, read_whole

GENERIC = Dialect(name="generic")
THINKS_ALOUD = Dialect(name="generic", think_tags=True)
MESSAGE_ID = "msg_recorded"

EXCHANGES = recorded.chat_exchanges()
STREAMS = recorded.streams()
# Mutations are tried on a few answers of each kind; whole streams of 100 kB would only cost time.
SEEDS = sorted(
    {
        (exchange.provider, len(exchange.body) // 4000): exchange for exchange in STREAMS if len(exchange.body) < 12_000
    }.values(),
    key=lambda exchange: exchange.name,
)

needs_recordings = pytest.mark.skipif(not EXCHANGES, reason=recorded.WHERE)


def plan_of(exchange: recorded.Exchange) -> Plan:
    functions = [tool["function"] for tool in exchange.request.get("tools") or [] if "function" in tool]
    tools = {function["name"]: ToolFacts(function["name"], function.get("parameters") or {}) for function in functions}
    return Plan(model="claude-asked-for", tools=tools, seal=b"key", input_estimate=7)


def feed(body: bytes, plan: Plan, cuts: list[int], dialect: Dialect = GENERIC) -> tuple[bytes, UpstreamError | None]:
    """Translate `body` arriving in pieces; a failure becomes the error event a client would get."""
    translator = StreamTranslator(dialect, plan, message_id=MESSAGE_ID)
    out = bytearray()
    start = 0
    for end in [*cuts, len(body)]:
        out += translator.feed(body[start:end])
        start = end
    out += translator.finish()
    if translator.failure is not None:
        error = {"type": "error", "error": {"type": translator.failure.type, "message": translator.failure.message}}
        out += b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"
    return bytes(out), translator.failure


def events(sse: bytes) -> list[dict]:
    """Decode the events of a stream."""
    return [json.loads(line[6:]) for line in sse.decode().split("\n") if line.startswith("data: ")]


def assert_says(message: grammar_oracle.Message, expected: oracle.Expected, plan: Plan) -> None:
    assert message.text() == expected.text
    assert message.text("thinking") == expected.reasoning
    assert_calls(message, expected)
    assert message.stop_reason in expected.stops
    if expected.usage is not None:
        usage = message.usage
        prompt = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
        assert prompt == expected.prompt
        assert usage["cache_read_input_tokens"] == expected.cached
        assert usage["output_tokens"] == expected.output


def assert_calls(message: grammar_oracle.Message, expected: oracle.Expected) -> None:
    """Each whole call is there with its arguments; one that was cut off may be there too, as a client sees it."""
    calls = message.calls()
    wanted = expected.tools if len(calls) == len(expected.tools) else expected.whole_tools
    assert [call["name"] for call in calls] == [tool.name for tool in wanted]
    for call, tool in zip(calls, wanted, strict=True):
        if not tool.broken:
            assert call["input"] == tool.input
        if oracle.LEGAL_ID.fullmatch(tool.id) and [other.id for other in wanted].count(tool.id) == 1:
            assert call["id"] == tool.id


@recorded.each(STREAMS)
def test_a_recorded_stream_says_what_its_chunks_say(exchange: recorded.Exchange) -> None:
    plan = plan_of(exchange)
    expected = oracle.read_stream(exchange.body)
    sse, failure = feed(exchange.body, plan, [])
    message = grammar_oracle.check(sse)
    assert (failure is not None) == expected.failed
    if not expected.failed:
        assert message.start["model"] == plan.model
        assert_says(message, expected, plan)


@recorded.each(STREAMS)
def test_a_recorded_stream_says_the_same_at_any_cuts(exchange: recorded.Exchange) -> None:
    plan, body = plan_of(exchange), exchange.body
    whole = events(feed(body, plan, [])[0])
    dice = random.Random(exchange.name)
    assert events(feed(body, plan, list(range(1, len(body))))[0]) == whole
    assert events(feed(body, plan, sorted(dice.sample(range(len(body)), min(40, len(body)))))[0]) == whole


@recorded.each(recorded.whole_answers())
def test_a_recorded_whole_answer_says_what_its_body_says(exchange: recorded.Exchange) -> None:
    plan = plan_of(exchange)
    expected = oracle.read_answer(exchange.body)
    if expected.failed:
        with pytest.raises(UpstreamError):
            read_whole(exchange.body, GENERIC, plan, message_id=MESSAGE_ID)
        return
    answer = read_whole(exchange.body, GENERIC, plan, message_id=MESSAGE_ID)
    assert answer["type"] == "message"
    assert answer["model"] == plan.model
    stop = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    message = grammar_oracle.Message(content=answer["content"], stop=stop, usage=answer["usage"])
    assert all(block["signature"] for block in answer["content"] if block["type"] == "thinking")
    assert all(block["text"] for block in answer["content"] if block["type"] == "text")
    assert_says(message, expected, plan)


@recorded.each([exchange for exchange in EXCHANGES if b"<think>" in exchange.body])
def test_think_tags_become_thinking_where_the_dialect_says_so(exchange: recorded.Exchange) -> None:
    plan = plan_of(exchange)
    if exchange.streamed:
        sse, _ = feed(exchange.body, plan, [], THINKS_ALOUD)
        message, expected = grammar_oracle.check(sse), oracle.read_stream(exchange.body, think_tags=True)
        assert (message.text(), message.text("thinking")) == (expected.text, expected.reasoning)
        return
    answer = read_whole(exchange.body, THINKS_ALOUD, plan, message_id=MESSAGE_ID)
    expected = oracle.read_answer(exchange.body, think_tags=True)
    assert "".join(block["text"] for block in answer["content"] if block["type"] == "text") == expected.text
    assert (
        "".join(block["thinking"] for block in answer["content"] if block["type"] == "thinking") == expected.reasoning
    )


@needs_recordings
def test_every_fixture_that_is_left_out_is_of_another_protocol() -> None:
    skipped = recorded.skipped_fixtures()
    assert len(skipped) > 30
    assert len(STREAMS) > 450
    assert all(reason in recorded.NOT_CHAT.values() for reason in skipped.values())


@needs_recordings
def test_the_grammar_oracle_accepts_what_anthropic_sends() -> None:
    for name, sse in recorded.transcripts():
        message = grammar_oracle.check(sse, foreign=True)
        assert message.content, name


def survives(body: bytes, plan: Plan, cuts: list[int]) -> None:
    """Whatever the bytes are, a client gets legal events, and the caller an UpstreamError if anything."""
    sse, _ = feed(body, plan, [])
    grammar_oracle.check(sse)
    assert events(feed(body, plan, cuts)[0]) == events(sse)
    try:
        answer = read_whole(body, GENERIC, plan, message_id=MESSAGE_ID)
    except UpstreamError:
        return
    msgspec.json.encode(answer)


def damage(body: bytes, dice: random.Random) -> bytes:
    """Change a body the way broken networks, gateways and models do."""
    at = dice.randrange(len(body) + 1)
    upto = min(len(body), at + dice.randrange(1, 60))
    lines = body.split(b"\n\n")
    piece = dice.choice(
        [b"null", b"[]", b"{}", b'"x"', b"-1", b"1e999", b"\xff", b"\n\n", b"data: ", b"\x00", b'{"a":']
    )
    return dice.choice(
        [
            lambda: body[:at],
            lambda: body[:at] + body[upto:],
            lambda: body[:at] + piece + body[upto:],
            lambda: body[:at] + body[at:upto] * 2 + body[upto:],
            lambda: b"\n\n".join(dice.sample(lines, len(lines))),
            lambda: b"\n\n".join(line for line in lines if dice.random() > 0.2),
            lambda: body.replace(
                dice.choice([b'"content"', b'"delta"', b'"index":0', b'"arguments"', b'"id"', b"[DONE]"]), piece
            ),
        ]
    )()


def mixed(one: bytes, other: bytes, dice: random.Random) -> bytes:
    """Shuffle two answers into each other, each in its own order: deltas follow deltas they never follow alone."""
    queues = [[chunk for chunk in body.split(b"\n\n") if chunk and b"[DONE]" not in chunk] for body in (one, other)]
    chunks = []
    while any(queues):
        chunks.append(dice.choice([queue for queue in queues if queue]).pop(0))
    return b"\n\n".join(chunks) + b"\n\n" + dice.choice([b"", b"data: [DONE]\n\n"])


@recorded.each(SEEDS)
def test_two_answers_in_one_stream_are_legal_events_or_an_error(exchange: recorded.Exchange) -> None:
    dice = random.Random(exchange.name)
    for _ in range(12):
        survives(mixed(exchange.body, dice.choice(SEEDS).body, dice), plan_of(exchange), [dice.randrange(2000)])


@recorded.each(SEEDS)
def test_a_damaged_stream_is_legal_events_or_an_error(exchange: recorded.Exchange) -> None:
    dice = random.Random(exchange.name)
    for _ in range(25):
        body = damage(exchange.body, dice)
        survives(body, plan_of(exchange), sorted(dice.randrange(len(body) + 1) for _ in range(3)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    sorted(
        set(
            re.findall(
                r"[a-z_]+",
                """
        id choices index delta message role content refusal reasoning reasoning_content reasoning_details thinking
        tool_calls function function_call name arguments type text finish_reason usage prompt_tokens completion_tokens
        total_tokens prompt_tokens_details cached_tokens error code object base_resp status_code x_groq annotations
        url_citation url extra_content google thought_signature timings signature data format summary stop_reason
    """,
            )
        )
    )
)
VALUES = st.sampled_from(
    ["stop", "tool_calls", "length", "error", "{}", '{"a":1}', '{"a":', "", "text", "thinking", "id1"]
)
ANSWERS_OF_SORTS = st.recursive(
    JSON | VALUES,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=5),
    max_leaves=25,
)
CHUNKS = st.builds(
    lambda delta, finish, rest: {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **rest},
    st.dictionaries(NAMES, ANSWERS_OF_SORTS, max_size=4),
    st.none() | VALUES,
    st.dictionaries(NAMES, ANSWERS_OF_SORTS, max_size=2),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(CHUNKS | ANSWERS_OF_SORTS, max_size=6), st.booleans(), st.randoms(use_true_random=False))
def test_any_json_from_a_backend_is_legal_events_or_an_error(chunks: list, done: bool, dice: random.Random) -> None:
    payloads = [json.dumps(chunk).encode() for chunk in chunks] + ([b"[DONE]"] if done else [])
    body = b"".join(b"data: " + payload + b"\n\n" for payload in payloads)
    survives(body, Plan(model="claude-asked-for"), sorted(dice.randrange(len(body) + 1) for _ in range(3)))
    for payload in payloads:
        survives(payload, Plan(model="claude-asked-for"), [])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_from_a_backend_are_legal_events_or_an_error(body: bytes) -> None:
    survives(body, Plan(model="claude-asked-for"), [])
    survives(b"data: " + body + b"\n\n", Plan(model="claude-asked-for"), [])
