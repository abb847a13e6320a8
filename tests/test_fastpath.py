"""The law of the short way: with it and without it, a client reads the same events, whatever arrives and however it is cut."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests import recorded
from tests.answers import MESSAGE_ID, OPENAI, THINKS_ALOUD, chunk, every_way, fragment, plan_of, stream

from claude_code_proxy.translate import stream as translation
from claude_code_proxy.translate.deltas import ToolFragment
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.fastpath import TokenPath
from claude_code_proxy.translate.plan import JsonShape, Plan

PLAN = plan_of()
CALLS_AS_TEXT = Dialect(name="calls as text", text_tools=True, think_tags=True)


class LongWay(TokenPath):
    """No short way at all."""

    def frame(self, payload: bytes) -> bytes | None:
        return None

    def fragment(self, payload: bytes) -> ToolFragment | None:
        return None


class Counted(TokenPath):
    """Counts the frames that took the short way, or half of it."""

    taken = 0

    def fragment(self, payload: bytes) -> ToolFragment | None:
        found = super().fragment(payload)
        self.taken += found is not None
        return found

    def frame(self, payload: bytes) -> bytes | None:
        found = super().frame(payload)
        self.taken += found is not None
        return found


def said(reads: list[bytes], way: type[TokenPath], dialect: Dialect, plan: Plan) -> tuple[dict[str, Any], TokenPath]:
    """Return everything a client and the log get to know of an answer, and the path its frames took."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation, "TokenPath", way)
        translator = translation.StreamTranslator(dialect, plan, message_id=MESSAGE_ID)
        out = b"".join([translator.feed(read) for read in reads]) + translator.finish()
    known = {
        "events": [json.loads(line[6:]) for line in out.decode().split("\n") if line.startswith("data: ")],
        "failure": translator.failure and (type(translator.failure), translator.failure.message),
        "notes": translator.notes.codes(),
        "stop": translator.stop_reason,
        "characters": translator.writer.characters,
    }
    return known, translator._tokens


def same(reads: list[bytes], dialect: Dialect = OPENAI, plan: Plan = PLAN) -> int:
    """Assert the law; return how many frames took the short way."""
    short, path = said(reads, Counted, dialect, plan)
    assert short == said(reads, LongWay, dialect, plan)[0]
    assert isinstance(path, Counted)
    return path.taken


def texts(*pieces: str, field: str = "content") -> list[dict[str, Any]]:
    return [chunk({field: piece}) for piece in pieces]


def body(*chunks: dict[str, Any], done: bool = True) -> bytes:
    return stream(*chunks, done=done)


def call(*pieces: str, name: str = "Bash", **more: Any) -> list[dict[str, Any]]:
    """Return the chunks of a tool call, its arguments in pieces."""
    return [fragment(name=name, index=0, id="call_1"), *(fragment(piece, **{"index": 0, **more}) for piece in pieces)]


def raw(*payloads: str | bytes) -> bytes:
    """Return a stream of payloads as they stand."""
    frames = [one.encode() if isinstance(one, str) else one for one in payloads]
    return b"".join(b"data: " + frame + b"\n\n" for frame in frames)


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
STOP = chunk({}, "stop")
WORDS = [f" word{n}" for n in range(12)]


# -- it is taken ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["content", "reasoning_content", "reasoning"])
def test_frames_that_are_alike_take_the_short_way(field: str) -> None:
    """The first opens the block, and is learned from."""
    assert same([body(*texts(*WORDS, field=field), STOP)]) == len(WORDS) - 1


def test_arguments_of_a_call_go_half_the_way() -> None:
    pieces = ['{"command"', ': "ec', "ho 'ä'", " \\n \\u00e4", ' \\"x\\"', '", "more"', ": [1, 2", "3]}"]
    assert same([body(*call(*pieces), chunk({}, "tool_calls"))]) == len(pieces) - 1


@pytest.mark.parametrize(
    "word",
    [
        "naïve – “quoted” 北京 🙂",
        'a "quote"',
        "a\\backslash",
        "tab\tline\n",
        "a/b",
        "</div>",
        "{}[]:,",
        "\x7f\u2028\ufeff",
    ],
)
def test_any_character_takes_the_short_way(word: str) -> None:
    assert same([body(*texts("a", "b", word, "c"), STOP)]) == 3


def test_a_string_that_is_not_plain_does_not_break_the_way() -> None:
    frames = [json.dumps(one) for one in (*texts("a", "b", "ä", "c", "é", "d"), STOP)]  # \u00e4
    assert same([raw(*frames, "[DONE]")]) == 3


def test_frames_that_are_never_alike_are_soon_left_alone() -> None:
    many = [{**one, "id": f"chunk-{n}"} for n, one in enumerate(texts(*WORDS * 8))]
    assert same([body(*many, STOP)]) == 0


# -- it is not taken where it would be wrong -----------------------------------------------------------------------------

TEXT = '{"choices":[{"index":0,"delta":{"content":"%s"}}]}'
OTHERS: dict[str, list[str | bytes]] = {
    "a finish reason": ['{"choices":[{"index":0,"delta":{"content":"c"},"finish_reason":"stop"}]}'],
    "usage": ['{"choices":[{"index":0,"delta":{"content":"c"}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}'],
    "an error": ['{"choices":[{"index":0,"delta":{"content":"c"}}],"error":{"message":"broken","code":500}}'],
    "another choice": ['{"choices":[{"index":1,"delta":{"content":"c"}}]}', TEXT % "d"],
    "reasoning behind text": [
        '{"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}',
        TEXT % "d",
        TEXT % "e",
        TEXT % "f",
    ],
    "a tool call between": [
        '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"Bash","arguments":"{}"}}]}}]}',
        TEXT % "d",
        TEXT % "e",
        TEXT % "f",
    ],
    "an empty string": [TEXT % "", TEXT % "c"],
    "a null": ['{"choices":[{"index":0,"delta":{"content":null}}]}', TEXT % "c"],
    "escaped letters": [TEXT % "\\u0063\\u00e9", TEXT % "d"],
    "half a surrogate pair": [TEXT % "\\ud83d", TEXT % "d"],
    "a pair": [TEXT % "\\ud83d\\ude00", TEXT % "d"],
    "a wrong escape": [TEXT % "\\x41", TEXT % "d"],
    "a control character": [TEXT % "a\x01b", TEXT % "d"],
    "a quote inside": [TEXT % 'a"b', TEXT % "d"],
    "the end of a frame inside": [TEXT % 'a"}}]},{"choices":[{"index":0,"delta":{"content":"b'],
    "the same field again": [TEXT % 'a","content":"b', TEXT % "d"],
    "half a character": [(TEXT % "@").encode().replace(b"@", b"\xe4"), TEXT % "d"],
    "an overlong character": [(TEXT % "@").encode().replace(b"@", b"\xc0\xaf"), TEXT % "d"],
    "a surrogate as bytes": [(TEXT % "@").encode().replace(b"@", b"\xed\xa0\x80"), TEXT % "d"],
    "nothing but the beginning": ['{"choices":[{"index":0,"delta":{"content":"'],
    "a beginning and an end that overlap": ['{"choices":[{"index":0,"delta":{"content":"}}]}'],
    "white space around": [f" {TEXT % 'c'} ", TEXT % "d"],
    "two lines": [(TEXT % "c").replace("{", "{\ndata: ", 1), TEXT % "d"],
}


@every_way
@pytest.mark.parametrize("other", OTHERS)
def test_what_differs_takes_the_long_way(other: str, way: Callable[[bytes], list[bytes]]) -> None:
    sent = raw(TEXT % "a", TEXT % "b", TEXT % "x", *OTHERS[other], json.dumps(STOP), "[DONE]")
    same(way(sent))


DOUBLES = {
    "arguments twice": '{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"%s","arguments" : "same"}}]}}]}',
    "arguments of two calls": '{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"%s"}},'
    '{"index":1,"function":{"arguments" : "same"}}]}}]}',
    "the field twice": '{"choices":[{"index":0,"delta":{"content":"%s","content":"same"}}]}',
    "the field twice, oddly spaced": '{"choices":[{"index":0,"delta":{"content":"%s","content"  :  "same"}}]}',
    "the field twice, escaped": '{"choices":[{"index":0,"delta":{"content":"%s","cont\\u0065nt":"same"}}]}',
    "a legacy text beside it": '{"content":"%s","choices":[{"index":0,"text":"same"}]}',
    "a message beside it": '{"choices":[{"index":0,"message":{"content":"%s"},"delta":{"content" :"same"}}]}',
    "outside of the choice": '{"content":"%s","choices":[{"index":0,"delta":{"content":["same"]}}]}',
    "in log probabilities": '{"choices":[{"logprobs":{"content":"%s"},"index":0,"delta":{"content":["same"]}}]}',
}


@pytest.mark.parametrize("double", DOUBLES)
def test_the_string_that_is_found_is_the_one_that_is_read(double: str) -> None:
    """The two are equal in the frame that is learned from, and differ later."""
    payload = DOUBLES[double]
    same([raw(payload % "same", payload % "same", payload % "other", payload % "third", json.dumps(STOP), "[DONE]")])


ASKED: dict[str, tuple[Dialect, dict[str, Any]]] = {
    "nothing special": (OPENAI, {}),
    "stop sequences": (OPENAI, {"scan_stops": ("STOP", "word7 word8")}),
    "a stop sequence of one letter": (OPENAI, {"scan_stops": ("é",)}),
    "think tags": (THINKS_ALOUD, {}),
    "calls as text": (CALLS_AS_TEXT, {}),
    "a prefill": (OPENAI, {"prefill": " word0 word1 wo"}),
    "hidden reasoning": (OPENAI, {"hide_thinking": True}),
    "reasoning that is only signed": (OPENAI, {"show_thinking": False}),
    "no output": (OPENAI, {"discard": True}),
    "json": (OPENAI, {"json_shape": JsonShape()}),
}
ANSWERS = {
    "text": texts(*WORDS),
    "a stop sequence in pieces": texts(*WORDS[:4], " S", "TO", "P", "!", *WORDS[4:]),
    "half a stop sequence": texts(*WORDS[:4], " S", "TO", "x", *WORDS[4:], " word7 wor"),
    "thoughts in tags": texts("<thi", "nk>", *WORDS[:6], "</th", "ink>", "\n\n", *WORDS, "<think>no</think>"),
    "a call in tags": texts(
        *WORDS[:6], "<tool", "_call>", '{"name":"Bash","arguments":{"x":1}}', "</tool_call>", *WORDS[:3]
    ),
    "reasoning, then text": [*texts(*WORDS, field="reasoning_content"), *texts(*WORDS)],
    "both by turns": [one for word in WORDS for one in (*texts(word, field="reasoning"), *texts(word))],
    "both fields at once": [chunk({"reasoning": word, "reasoning_content": word}) for word in WORDS],
    "a call": call('{"x"', ": ", '"wor', "d0 STOP", ' wor"', "}"),
    "a call behind text": [*texts(*WORDS[:3]), *call('{"x"', ": ", "1", ", ", '"y":2', "}"), *texts(*WORDS[3:])],
    "a call in the middle of text": [
        *texts("a", "b"),
        *call('{"x"', ": ", "1"),
        *texts("c", "d", "e"),
        *call("2", "3}"),
    ],
    "a call that breaks": call('{"x"', ": ", "nul", "?", "}", "more", "and more"),
    "a call that says too much": call('{"x"', ": ", "1", "}", "}", "}", " ", "x"),
    "two calls at one place": [*call('{"x":', "1", "}"), *call('{"x":', "1", "}", name="Read", id="call_2")],
    "calls by turns": [
        fragment(piece, index=number, id=f"call_{number}", name="Read")
        for piece in ('{"a"', ":", "1", "}")
        for number in (0, 1)
    ],
    "a call that repeats its name": [
        fragment(piece, index=0, id="c", name="Edit") for piece in ('{"a"', ":", "1", "}")
    ],
    "all arguments again": call('{"a"', ":", "1", "}", '{"a":1}'),
    "json in a fence": texts("```", "json\n", '{"a"', ":1}", "\n``", "`"),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("usage", [USAGE, None], ids=["counted", "not counted"])
def test_whatever_was_asked_for(asked: str, kind: str, usage: dict[str, int] | None) -> None:
    dialect, fields = ASKED[asked]
    counts = [] if usage is None else [chunk(usage=usage, choices=[])]
    sent = body(*ANSWERS[kind], STOP, *counts)
    plan = plan_of(**fields)
    same([sent], dialect, plan)
    same([sent[at : at + 7] for at in range(0, len(sent), 7)], dialect, plan)


def test_all_cut_sizes() -> None:
    sent = body(*texts("a", 'b"\\', "ä–🙂", *WORDS, field="reasoning"), *texts("a", "北京", "\n", *WORDS), STOP)
    for size in range(1, 400):
        same([sent[at : at + size] for at in range(0, len(sent), size)])


@pytest.mark.parametrize("cut", range(0, 700, 3))
def test_a_stream_that_breaks_off(cut: int) -> None:
    same([body(*texts(*WORDS), STOP)[:cut]])


# -- anything ------------------------------------------------------------------------------------------------------------

STRINGS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["<think>", "</think>", "STOP", '"', "\\"]
)
TOOL = {"index": 0, "id": "c", "function": {"name": "Bash"}}
FIELDS = st.sampled_from(["content", "reasoning_content", "reasoning", "thinking", "refusal", "text"])
SHAPES = st.sampled_from(
    [
        lambda field, text: chunk({field: text}),
        lambda field, text: chunk({"role": "assistant", field: text}),
        lambda field, text: chunk({field: text, "reasoning": text}),
        lambda field, text: chunk({field: text}, logprobs={"content": text}),
        lambda field, text: chunk({field: text}, usage=USAGE),
        lambda field, text: {"choices": [{"delta": {field: text}}, {"index": 1, "delta": {field: "other"}}]},
        lambda field, text: {field: text, "choices": [{"delta": {"content": text}}]},
        lambda field, text: {"choices": [{"text": text}]},
        lambda field, text: fragment(text, index=0),
        lambda field, text: fragment(text),
        lambda field, text: fragment(text, index=0, id="c", name="Bash"),
        lambda field, text: chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}], field: text}),
        lambda field, text: chunk({"tool_calls": [TOOL, {"index": 1, "function": {"arguments": text}}]}),
        lambda field, text: chunk({"function_call": {"name": "Bash", "arguments": text}}),
        lambda field, text: {"choices": [{"message": {field: text}, "delta": {}}]},
    ]
)
DUMPS = st.sampled_from(
    [
        lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        lambda value: json.dumps(value, ensure_ascii=False),
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False).replace("/", "\\/"),
        lambda value: json.dumps(value, sort_keys=True, separators=(" , ", " : ")),
    ]
)
# Runs of frames of one shape, since only those are learned.
RUNS = st.lists(st.tuples(FIELDS, SHAPES, DUMPS, st.lists(STRINGS, min_size=1, max_size=6)), max_size=5)


def written(runs: list[Any]) -> bytes:
    frames = [dump(shape(field, text)) for field, shape, dump, strings in runs for text in strings]
    return raw(*frames, json.dumps(STOP), "[DONE]")


def pieces_of(sent: bytes, size: int) -> list[bytes]:
    return [sent[at : at + size] for at in range(0, len(sent), size)] if size else [sent]


@given(RUNS, st.sampled_from(list(ASKED)), st.integers(0, 80))
def test_any_stream(runs: list[Any], asked: str, size: int) -> None:
    dialect, fields = ASKED[asked]
    same(pieces_of(written(runs), size), dialect, plan_of(**fields))


@given(RUNS, st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3)), max_size=4))
@example([], [(0, b"\xff", 1)])
def test_any_damage(runs: list[Any], damages: list[tuple[int, bytes, int]]) -> None:
    sent = written(runs)
    for at, piece, lost in damages:
        place = at % len(sent)
        sent = sent[:place] + piece + sent[place + lost :]
    same([sent])


def test_any_one_byte_changed() -> None:
    """Every byte of the third frame, after the short way was learned, becomes each of a few others."""
    first = raw(TEXT % "a", TEXT % "b")
    frame, last = raw(TEXT % 'c"'.replace('"', "")), raw(TEXT % "d", json.dumps(STOP), "[DONE]")
    for at in range(6, len(frame)):
        for byte in (b'"', b"\\", b"{", b"}", b"0", b"\n", b"\xff", b""):
            same([first + frame[:at] + byte + frame[at + 1 :] + last])


# -- real streams --------------------------------------------------------------------------------------------------------


@recorded.each(recorded.streams())
def test_recorded_streams(exchange: recorded.Exchange) -> None:
    dice = random.Random(exchange.name)
    same([exchange.body], THINKS_ALOUD)
    same(pieces_of(exchange.body, dice.randrange(1, 200)), THINKS_ALOUD)


def test_most_recorded_streams_of_some_length_take_the_short_way() -> None:
    """Of those whose frames are alike at all: most backends' are."""
    long = [exchange for exchange in recorded.streams() if exchange.body.count(b'"content":"') > 40]
    if not long:
        pytest.skip(recorded.WHERE)
    taken = [same([exchange.body]) for exchange in long]
    assert sum(count > 20 for count in taken) > len(taken) / 2
