"""Cases ST-*: streams, blocks and tool calls, as clients have seen them go wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.backend import Backend, Bytes, Cut, Delta, Failure, Reply, Text, Thought, answer, error
from tests.cases.talk import BASH, READ, TOOLS, Client, both, result, tool, use, user
from tests.cases.wire import (
    SSE,
    at_once,
    called,
    chunk,
    completion,
    counts,
    each_way,
    ended,
    entry,
    in_pieces,
    pieces_of,
    said,
    sse,
    tool_calls,
)

MODELS = ["claude-opus-4-8", "claude-sonnet-5", "claude-haiku-4-5-20251001", "qwen3-coder:30b", "gemini-3-flash"]


# -- ST-01 ----------------------------------------------------------------------------------------------------------

BARE_CALL = called(entry("{}", "Bash", index=0, id="c1", type="function"))
NO_TEXT = {
    "nothing before": [],
    "a role with empty content": [chunk({"role": "assistant", "content": ""})],
    "null content": [chunk({"role": "assistant", "content": None})],
    "several empty pieces": [said(""), said(""), chunk({"content": "", "reasoning_content": ""})],
}


@pytest.mark.parametrize("before", NO_TEXT)
@pytest.mark.parametrize("model", MODELS[:3])
@each_way
def test_st_01_a_turn_of_nothing_but_a_call_has_no_text_block(
    backend: Backend, client: Client, before: str, model: str, way: Any
) -> None:
    backend.play([way(ended(*NO_TEXT[before], BARE_CALL, finish="tool_calls"))])
    heard = client.ask(stream=True, model=model, tools=[BASH])
    assert heard.kinds == ["tool_use"]
    assert heard.stop == "tool_use"


@pytest.mark.parametrize("content", ["", None])
def test_st_01_a_whole_turn_of_nothing_but_a_call_has_no_text_block(
    backend: Backend, client: Client, content: str | None
) -> None:
    calls = tool_calls(("c1", "Bash", {"command": "true"}))
    backend.play([completion({"content": content, "tool_calls": calls}, "tool_calls")])
    heard = client.ask(tools=[BASH])
    assert heard.kinds == ["tool_use"]


@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\t\n "])
def test_st_01_a_poisoned_session_with_blank_text_blocks_goes_on(backend: Backend, client: Client, blank: str) -> None:
    backend.play([completion({"content": "ja"})])
    poisoned = {"type": "text", "text": blank}
    messages = [
        user(poisoned, "Liste die Dateien"),
        {"role": "assistant", "content": [poisoned, use("toolu_1", "Bash", command="ls")]},
        user(result("toolu_1", [poisoned, {"type": "text", "text": "a.txt"}]), poisoned),
        {"role": "assistant", "content": [poisoned]},
        user("weiter"),
    ]
    system = [{"type": "text", "text": blank}, {"type": "text", "text": "Sei knapp."}]
    assert client.ask(messages=messages, system=system, tools=[BASH]).text == "ja"
    sent = backend.chats[0].messages
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "user"]
    assert [message["content"] for message in sent] == ["Sei knapp.", "Liste die Dateien", None, "a.txt", "weiter"]


# -- ST-02 ----------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_st_02_text_a_call_and_text_again_are_three_blocks_in_a_row(
    backend: Backend, client: Client, way: Any, size: int
) -> None:
    written = json.dumps({"pattern": "TODO: größer", "path": "src"}, ensure_ascii=False)
    chunks = [
        *(said(piece) for piece in pieces_of("Ich suche erst. ", size)),
        called(entry("", "Grep", index=0, id="call_7", type="function")),
        *(called(entry(piece, index=0)) for piece in pieces_of(written, size)),
        *(said(piece) for piece in pieces_of("Danach lese ich.", size)),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.kinds == ["text", "tool_use", "text"]
    assert heard.text == "Ich suche erst. Danach lese ich."
    assert heard.calls == [("Grep", {"pattern": "TODO: größer", "path": "src"})]
    opened = [event["index"] for event in heard.events() if event["type"] == "content_block_start"]
    closed = [event["index"] for event in heard.events() if event["type"] == "content_block_stop"]
    assert opened == closed == [0, 1, 2]


@each_way
def test_st_02_calls_that_are_written_in_turns_come_out_one_after_the_other(
    backend: Backend, client: Client, way: Any
) -> None:
    chunks = [
        said("Zwei auf einmal."),
        called(entry("", "Read", index=0, id="a1"), entry("", "Bash", index=1, id="b1")),
        called(entry('{"file_path"', index=0)),
        called(entry('{"command":', index=1)),
        called(entry(': "é.md"}', index=0), entry(' "pwd"}', index=1)),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.kinds == ["text", "tool_use", "tool_use"]
    assert heard.calls == [("Read", {"file_path": "é.md"}), ("Bash", {"command": "pwd"})]


# -- ST-03 ----------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1500}, None])
def test_st_03_reasoning_is_a_thinking_block_with_one_signature_before_the_text(
    backend: Backend, client: Client, way: Any, field: str, thinking: Any
) -> None:
    chunks = [chunk({field: "Zuerst "}), chunk({field: "zählen."}), said("Es sind "), said("sieben.")]
    backend.play([way(ended(*chunks))])
    heard = client.ask(stream=True, model="gpt-5.4", thinking=thinking)
    assert heard.kinds == ["thinking", "text"]
    assert (heard.thinking, heard.text) == ("Zuerst zählen.", "Es sind sieben.")
    names = [event["type"] for event in heard.events()]
    assert names.count("message_start") == 1
    assert names[0] == "message_start"
    deltas = [event["delta"]["type"] for event in heard.events() if event["type"] == "content_block_delta"]
    assert deltas.count("signature_delta") == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_st_03_whole_reasoning_is_a_thinking_block_too(backend: Backend, client: Client, field: str) -> None:
    backend.play([completion({field: "Denk.", "content": "Fertig."})])
    heard = client.ask(thinking={"type": "adaptive"})
    assert heard.kinds == ["thinking", "text"]
    assert (heard.thinking, heard.text) == ("Denk.", "Fertig.")


@each_way
def test_st_03_reasoning_text_and_reasoning_again_keep_their_order(backend: Backend, client: Client, way: Any) -> None:
    chunks = [
        chunk({"reasoning_content": "eins"}),
        said("Text"),
        chunk({"reasoning_content": "zwei"}),
        called(entry('{"command":"date"}', "Bash", index=0, id="z")),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=[BASH], thinking={"type": "adaptive"})
    assert heard.kinds == ["thinking", "text", "thinking", "tool_use"]


@each_way
@pytest.mark.parametrize("model", ["qwen3:8b", "deepseek-r1:14b", "some-local-model"])
def test_st_03_a_think_tag_is_a_thinking_block(backend: Backend, client: Client, way: Any, model: str) -> None:
    pieces = ["<th", "ink>", "Hm, ", "7*6", "</thi", "nk>", "\n\n", "42"]
    backend.play([way(ended(*(said(piece) for piece in pieces)))])
    heard = client.ask(stream=True, model=model)
    assert heard.kinds == ["thinking", "text"]
    assert (heard.thinking.strip(), heard.text) == ("Hm, 7*6", "42")


# -- ST-04 to ST-09: which call a fragment belongs to ---------------------------------------------------------------

A, B = {"file_path": "docs/á.md"}, {"file_path": "docs/b.md", "limit": 5}
JSON_A, JSON_B = json.dumps(A, ensure_ascii=False), json.dumps(B)
TWO = [("Read", A), ("Read", B)]


@each_way
@pytest.mark.parametrize("cut", [False, True], ids=["whole arguments", "arguments in fragments"])
@pytest.mark.parametrize("together", [False, True], ids=["one chunk each", "in one chunk"])
def test_st_04_parallel_calls_that_all_carry_index_0(
    backend: Backend, client: Client, way: Any, *, cut: bool, together: bool
) -> None:
    if cut:
        one = [entry("", "Read", index=0, id="k1"), *(entry(piece, index=0) for piece in pieces_of(JSON_A, 9))]
        two = [entry("", "Read", index=0, id="k2"), *(entry(piece, index=0) for piece in pieces_of(JSON_B, 9))]
    else:
        one, two = [entry(JSON_A, "Read", index=0, id="k1")], [entry(JSON_B, "Read", index=0, id="k2")]
    chunks = [called(*one, *two)] if together else [called(each) for each in (*one, *two)]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS, model="gemini-3-flash")
    assert heard.calls == TWO
    assert len(set(heard.ids)) == 2


def test_st_04_three_different_tools_at_index_0(backend: Backend, client: Client) -> None:
    chunks = [
        called(entry('{"command":"ls"}', "Bash", index=0, id="1")),
        called(entry('{"file_path":"x"}', "Read", index=0, id="2")),
        called(entry('{"pattern":"y"}', "Grep", index=0, id="3")),
    ]
    backend.play([at_once(ended(*chunks, finish="stop"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.calls == [("Bash", {"command": "ls"}), ("Read", {"file_path": "x"}), ("Grep", {"pattern": "y"})]
    assert heard.stop == "tool_use"


@each_way
@pytest.mark.parametrize("together", [False, True], ids=["one chunk each", "in one chunk"])
def test_st_05_calls_without_any_index(backend: Backend, client: Client, way: Any, *, together: bool) -> None:
    entries = [entry(JSON_A, "Read", id="call_x"), entry(JSON_B, "Read", id="call_y")]
    chunks = [called(*entries)] if together else [called(one) for one in entries]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.calls == TWO


@each_way
def test_st_05_calls_without_index_in_fragments(backend: Backend, client: Client, way: Any) -> None:
    first = [entry("", "Read", id="call_x"), *(entry(piece) for piece in pieces_of(JSON_A, 5))]
    second = [entry("", "Read", id="call_y"), *(entry(piece) for piece in pieces_of(JSON_B, 5))]
    backend.play([way(ended(*(called(one) for one in (*first, *second)), finish="tool_calls"))])
    assert client.ask(stream=True, tools=TOOLS).calls == TWO


@each_way
def test_st_06_a_late_fragment_goes_to_the_call_of_its_index(backend: Backend, client: Client, way: Any) -> None:
    chunks = [
        called(entry("", "Bash", index=0, id="a")),
        called(entry('{"command": "make', index=0)),
        called(entry("", "Read", index=1, id="b")),
        called(entry(' all"}', index=0)),
        called(entry('{"file_path": "Makefile"}', index=1)),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.calls == [("Bash", {"command": "make all"}), ("Read", {"file_path": "Makefile"})]


@each_way
def test_st_06_a_last_brace_after_the_second_start_closes_the_first_call(
    backend: Backend, client: Client, way: Any
) -> None:
    chunks = [
        called(entry('{"pattern": "x"', "Grep", index=0, id="a")),
        called(entry('{"command": "id"', "Bash", index=1, id="b")),
        called(entry("}", index=0)),
        called(entry("}", index=1)),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    assert client.ask(stream=True, tools=TOOLS).calls == [("Grep", {"pattern": "x"}), ("Bash", {"command": "id"})]


@each_way
@pytest.mark.parametrize("named", [False, True], ids=["name once", "name on each fragment"])
def test_st_07_an_id_on_every_fragment_is_still_one_call(
    backend: Backend, client: Client, way: Any, *, named: bool
) -> None:
    pieces = list(pieces_of(JSON_B, 6))
    names = ["Read" if named or place == 0 else None for place in range(len(pieces))]
    chunks = [
        called(entry(piece, name, index=0, id="chatcmpl-tool-9f")) for piece, name in zip(pieces, names, strict=True)
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.calls == [("Read", B)]


@pytest.mark.parametrize("missing", [None, ""], ids=["no id", "empty id"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_st_08_a_call_without_an_id_gets_one_that_finds_its_way_back(
    backend: Backend, client: Client, missing: str | None, *, stream: bool
) -> None:
    more = {} if missing is None else {"id": missing}
    entries = [
        {**entry('{"command":"df"}', "Bash", index=0), **more},
        {**entry('{"command":"du"}', "Bash", index=1), **more},
    ]
    whole = [{"type": "function", **{k: v for k, v in one.items() if k != "index"}} for one in entries]
    first = at_once(ended(called(*entries), finish="tool_calls")) if stream else completion({"tool_calls": whole})
    backend.play([first, completion({"content": "voll"})])
    heard = client.ask(stream=stream, tools=[BASH])
    assert heard.calls == [("Bash", {"command": "df"}), ("Bash", {"command": "du"})]
    assert len(set(heard.ids)) == 2
    answers = user(*(result(call_id, f"{number}%") for number, call_id in enumerate(heard.ids)))
    assert client.ask(tools=[BASH], messages=[user("frei?"), heard.turn(), answers]).text == "voll"
    sent = backend.chats[1]
    assert sent.results == {call["id"]: f"{number}%" for number, call in enumerate(sent.calls())}


@each_way
@pytest.mark.parametrize("late", [1, 2, 3])
def test_st_09_a_name_that_comes_after_arguments_loses_none_of_them(
    backend: Backend, client: Client, way: Any, late: int
) -> None:
    pieces = list(pieces_of(JSON_A, 8))
    entries = [entry(piece, index=0) for piece in pieces]
    entries.insert(late, entry(None, "Read", index=0, id="call_late"))
    backend.play([way(ended(*(called(one) for one in entries), finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert heard.calls == [("Read", A)]


@each_way
def test_st_09_an_empty_name_first_is_no_name(backend: Backend, client: Client, way: Any) -> None:
    chunks = [
        called(entry("", "", index=0, id="c")),
        called(entry('{"command"', "Bash", index=0)),
        called(entry(':"w"}', "", index=0)),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    assert client.ask(stream=True, tools=TOOLS).calls == [("Bash", {"command": "w"})]


# -- ST-10, ST-11: other upstreams' shapes, as far as chat completions have them -------------------------------------


@each_way
def test_st_10_arguments_repeated_whole_in_the_last_chunk_count_once(
    backend: Backend, client: Client, way: Any
) -> None:
    chunks = [
        called(entry("", "Read", index=0, id="r")),
        *(called(entry(piece, index=0)) for piece in pieces_of(JSON_B, 7)),
        called(entry(JSON_B, "Read", index=0, id="r")),
    ]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    assert client.ask(stream=True, tools=TOOLS).calls == [("Read", B)]


@each_way
def test_st_10_arguments_only_in_the_chunk_that_finishes(backend: Backend, client: Client, way: Any) -> None:
    last = chunk({"tool_calls": [entry(JSON_A, index=0)]}, "tool_calls")
    backend.play([way(sse(called(entry("", "Read", index=0, id="r")), last, counts()))])
    assert client.ask(stream=True, tools=TOOLS).calls == [("Read", A)]


@each_way
def test_st_10_a_message_in_place_of_a_delta_is_read(backend: Backend, client: Client, way: Any) -> None:
    message = {"role": "assistant", "content": "Am Ende alles.", "tool_calls": tool_calls(("m", "Read", A))}
    last = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    backend.play([way(sse(last, counts()))])
    heard = client.ask(stream=True, tools=TOOLS)
    assert (heard.text, heard.calls) == ("Am Ende alles.", [("Read", A)])


@each_way
def test_st_11_an_empty_object_before_the_arguments_is_no_part_of_them(
    backend: Backend, client: Client, way: Any
) -> None:
    chunks = [called(entry("{}", "Bash", index=0, id="c")), called(entry('{"command": "uname"}', index=0))]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    assert client.ask(stream=True, tools=TOOLS).calls == [("Bash", {"command": "uname"})]


def test_st_11_blocks_begin_with_empty_input(backend: Backend, client: Client) -> None:
    backend.play([at_once(ended(called(entry(JSON_A, "Read", index=0, id="c")), finish="tool_calls"))])
    heard = client.ask(stream=True, tools=TOOLS)
    started = next(event for event in heard.events() if event["type"] == "content_block_start")
    assert started["content_block"]["input"] == {}
    assert heard.calls == [("Read", A)]


# -- ST-12 to ST-18: how answers end, and how they don't -------------------------------------------------------------

CUT_CALL = [said("Moment. "), called(entry('{"command": "rm -r', "Bash", index=0, id="c"))]


@each_way
@pytest.mark.parametrize("before", [True, False], ids=["after text", "at once"])
def test_st_12_a_call_cut_off_by_the_end_of_the_stream_is_an_error(
    backend: Backend, client: Client, way: Any, *, before: bool
) -> None:
    backend.play(lambda _: way(sse(*CUT_CALL[0 if before else 1 :], done=False)))
    heard = client.ask(stream=True, tools=[BASH])
    assert heard.error is not None
    assert heard.error[0] == "api_error"
    assert b"message_stop" not in heard.raw


@each_way
def test_st_12_a_call_cut_off_by_the_limit_ends_with_max_tokens(backend: Backend, client: Client, way: Any) -> None:
    backend.play([way(ended(*CUT_CALL, finish="length"))])
    heard = client.ask(stream=True, tools=[BASH])
    assert heard.stop == "max_tokens"
    assert heard.error is None


def test_st_12_a_whole_call_cut_off_by_the_limit_ends_with_max_tokens(backend: Backend, client: Client) -> None:
    backend.play([completion({"content": "so", "tool_calls": tool_calls(("c", "Bash", '{"comm'))}, "length")])
    heard = client.ask(tools=[BASH])
    assert heard.stop == "max_tokens"
    assert heard.calls == [], "half a call is none"


def test_st_12_a_call_cut_off_in_a_stream_is_none_where_the_client_wants_the_whole(
    backend: Backend, client: Client
) -> None:
    """Some gateways stream whatever they are asked."""
    backend.play([at_once(ended(*CUT_CALL, finish="length"))])
    heard = client.ask(tools=[BASH])
    assert (heard.stop, heard.calls, heard.text) == ("max_tokens", [], "Moment. ")


@pytest.mark.parametrize("kept", [{}, {"command": "rm -r"}, '{"command": "rm -r'], ids=["nothing", "a part", "text"])
@pytest.mark.parametrize("answered", [True, False], ids=["refused by the tool", "not answered"])
def test_st_12_the_turn_behind_a_call_cut_off_goes_through(
    backend: Backend, client: Client, kept: Any, *, answered: bool
) -> None:
    backend.play([completion({"content": "on"})])
    call = {"type": "tool_use", "id": "c", "name": "Bash", "input": kept}
    failed = {"type": "tool_result", "tool_use_id": "c", "content": "no command", "is_error": True}
    said = [{"type": "text", "text": "Go on."}]
    history = [
        {"role": "user", "content": "Clean up."},
        {"role": "assistant", "content": [{"type": "text", "text": "Moment. "}, call]},
        {"role": "user", "content": [*([failed] if answered else []), *said]},
    ]
    assert client.ask(messages=history, tools=[BASH]).text == "on"
    asked = backend.chats[-1].messages
    assert [message["role"] for message in asked] == ["user", "assistant", "tool", "user"]
    assert isinstance(json.loads(asked[1]["tool_calls"][0]["function"]["arguments"]), dict)


@both
@pytest.mark.parametrize("finish", ["stop", "end_turn", "function_call", "eos", "tool_use"])
def test_st_13_a_called_tool_makes_the_stop_reason_whatever_the_backend_says(
    backend: Backend, client: Client, finish: str, *, stream: bool
) -> None:
    streamed = at_once(ended(said("los"), called(entry('{"command":"x"}', "Bash", index=0, id="c")), finish=finish))
    whole = completion({"content": "los", "tool_calls": tool_calls(("c", "Bash", {"command": "x"}))}, finish)
    backend.play([streamed if stream else whole])
    heard = client.ask(stream=stream, tools=[BASH])
    assert heard.stop == "tool_use"


@each_way
@pytest.mark.parametrize("tools", [True, False], ids=["with a call", "with text"])
def test_st_14_an_answer_without_a_finish_reason_but_done_ends_well(
    backend: Backend, client: Client, way: Any, *, tools: bool
) -> None:
    told = called(entry('{"command":"x"}', "Bash", index=0, id="c")) if tools else said("fertig")
    backend.play([way(sse(told))])
    heard = client.ask(stream=True, tools=[BASH])
    assert heard.stop == ("tool_use" if tools else "end_turn")
    assert heard.error is None


def test_st_14_the_end_of_the_connection_is_no_done(backend: Backend, client: Client) -> None:
    backend.play(lambda _: at_once(sse(said("halb"), done=False)))
    heard = client.ask(stream=True)
    assert heard.error is not None
    assert b"message_stop" not in heard.raw


INSIDE: dict[str, tuple[dict[str, Any], str]] = {
    "a code 502": ({"error": {"code": 502, "message": "Provider disconnected"}, "choices": []}, "api_error"),
    "overloaded": (
        {"error": {"message": "The engine is currently overloaded", "type": "overloaded_error"}},
        "overloaded_error",
    ),
    "a rate limit": ({"error": {"code": 429, "message": "Too many requests"}, "choices": []}, "rate_limit_error"),
    "a server error": ({"error": {"message": "internal", "type": "server_error", "code": None}}, "api_error"),
    "an error with a choice": (
        {
            "error": {"code": 502, "message": "Upstream idle"},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        },
        "api_error",
    ),
}


@pytest.mark.parametrize("fault", INSIDE)
@each_way
def test_st_15_an_error_before_any_output_of_a_200_is_an_http_error(
    backend: Backend, client: Client, fault: str, way: Any
) -> None:
    body, kind = INSIDE[fault]
    backend.play(lambda _: way(sse(body)))
    heard = client.ask(stream=True)
    assert heard.status >= 429
    assert heard.error is not None
    assert heard.error[0] == kind


@pytest.mark.parametrize("fault", INSIDE)
@each_way
def test_st_15_an_error_after_output_is_an_error_event(backend: Backend, client: Client, fault: str, way: Any) -> None:
    body, kind = INSIDE[fault]
    backend.play([way(sse(said("Es war ein"), body))])
    heard = client.ask(stream=True)
    assert heard.status == 200
    assert heard.error is not None
    assert heard.error[0] == kind
    assert heard.text == "Es war ein"
    assert b"message_stop" not in heard.raw


def test_st_15_an_error_in_a_whole_200_is_an_http_error(backend: Backend, client: Client) -> None:
    backend.play(lambda _: Reply(200, {"error": {"code": 502, "message": "Provider gone"}, "choices": []}))
    heard = client.ask()
    assert heard.status >= 500
    assert heard.error is not None
    assert "Provider gone" in heard.error[1]


def test_st_15_an_error_that_passes_before_output_is_asked_again(backend: Backend, patient: Client) -> None:
    broken = at_once(sse({"error": {"code": 502, "message": "Provider gone"}, "choices": []}))
    backend.play([broken, at_once(ended(said("doch noch")))])
    assert patient.ask(stream=True).text == "doch noch"


EMPTY: dict[str, bytes] = {
    "nothing": b"",
    "only [DONE]": b"data: [DONE]\n\n",
    "only a role": sse(chunk({"role": "assistant", "content": ""})),
    "a stop without content or counts": sse(chunk({"role": "assistant"}), chunk({}, "stop")),
    "only comments": b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
}


@pytest.mark.parametrize("empty", EMPTY)
def test_st_16_an_empty_stream_is_asked_once_more_and_then_an_error(
    backend: Backend, patient: Client, empty: str
) -> None:
    backend.play(lambda _: Reply(200, EMPTY[empty], SSE))
    heard = patient.ask(stream=True)
    assert heard.error is not None
    assert heard.error[0] == "api_error"
    assert b"message_stop" not in heard.raw
    assert len(backend.chats) == 2


@pytest.mark.parametrize("empty", EMPTY)
def test_st_16_an_empty_stream_may_be_followed_by_a_good_one(backend: Backend, patient: Client, empty: str) -> None:
    backend.play([Reply(200, EMPTY[empty], SSE), at_once(ended(said("nun")))])
    assert patient.ask(stream=True).text == "nun"


@pytest.mark.parametrize("message", [{"content": ""}, {"content": None}, {"content": "", "tool_calls": []}])
def test_st_16_an_empty_whole_answer_is_an_error(backend: Backend, client: Client, message: dict[str, Any]) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}
    backend.play(lambda _: completion(message, usage=usage))
    heard = client.ask()
    assert heard.error is not None
    assert heard.error[0] == "api_error"
    assert "empty" in heard.error[1]


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("part", [Text("Der halbe Satz"), Thought("ein halber Gedanke")], ids=["text", "thinking"])
def test_st_17_a_connection_that_breaks_in_an_answer_is_no_success(
    backend: Backend, client: Client, part: Any, *, reset: bool
) -> None:
    backend.play([answer(part, Cut(reset=reset), complete=False)])
    heard = client.ask(stream=True)
    assert heard.error is not None
    assert heard.error[0] == "api_error"
    assert b"message_stop" not in heard.raw


@pytest.mark.parametrize("message", ["Server overloaded, try again", "capacity exceeded"])
def test_st_18_a_failing_stream_ends_with_a_legal_error_and_nothing_after_it(
    backend: Backend, client: Client, message: str
) -> None:
    backend.play([answer(Text("Anfang"), Failure(message, "overloaded_error"), Text("zu spät"))])
    heard = client.ask(stream=True)
    last = heard.events()[-1]
    assert last["type"] == "error"
    assert last["error"]["type"] == "overloaded_error"
    assert message in last["error"]["message"]
    assert "zu spät" not in heard.raw.decode()


# -- ST-19 to ST-21: bytes ------------------------------------------------------------------------------------------


@each_way
def test_st_19_every_frame_has_its_event_line(backend: Backend, client: Client, way: Any) -> None:
    chunks = [chunk({"reasoning_content": "h"}), said("x"), called(entry("{}", "Bash", index=0, id="c"))]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, tools=[BASH])
    frames = [frame for frame in heard.raw.decode().split("\n\n") if frame]
    assert all(frame.startswith("event: ") and "\ndata: {" in frame for frame in frames)
    assert "[DONE]" not in heard.raw.decode()


HARD = '北京 łódź 🧑‍🚀 é \u2028 \u0085 \u00a0 \\ " / \u0000 end'


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "raw"])
@each_way
def test_st_20_text_and_arguments_survive_any_cut(
    backend: Backend, client: Client, way: Any, *, ascii_only: bool
) -> None:
    given = {"file_path": HARD, "limit": 3}
    written = json.dumps(given, ensure_ascii=ascii_only)
    chunks = [said(HARD[:9]), said(HARD[9:]), called(entry(written, "Read", index=0, id="c"))]
    data = sse(*chunks, chunk({}, "tool_calls"), counts(), ascii_only=ascii_only)
    backend.play([way(data)])
    heard = client.ask(stream=True, tools=[READ])
    assert heard.text == HARD
    assert heard.calls == [("Read", given)]


def test_st_20_a_surrogate_pair_cut_into_two_chunks_is_one_character(backend: Backend, client: Client) -> None:
    halves = [b'data: {"choices":[{"index":0,"delta":{"content":"ok \\ud83e"}}]}\n\n']
    halves += [b'data: {"choices":[{"index":0,"delta":{"content":"\\uddd1!"}}]}\n\n']
    backend.play([at_once(b"".join(halves) + sse(chunk({}, "stop"), counts()))])
    heard = client.ask(stream=True)
    assert heard.error is None
    assert heard.text.startswith("ok ")
    assert heard.text.endswith("!")


BODY = [said("eins, "), said(f"zwei {HARD}"), chunk({}, "stop"), counts()]
FORMS: dict[str, bytes] = {
    "CRLF": sse(*BODY).replace(b"\n", b"\r\n"),
    "CR": sse(*BODY).replace(b"\n", b"\r"),
    "no space after data:": sse(*BODY).replace(b"data: ", b"data:"),
    "comments between": b": keepalive\n\n" + sse(*BODY).replace(b"\n\n", b"\n\n: still here\n\n"),
    "event and id lines": sse(*BODY).replace(b"data: ", b"event: message\nid: 7\nretry: 10\ndata: "),
    "several data lines": sse(*BODY).replace(b', "choices"', b',\ndata: "choices"'),
    "a byte order mark": b"\xef\xbb\xbf" + sse(*BODY),
    "blank lines": b"\n\n\n" + sse(*BODY).replace(b"\n\n", b"\n\n\n\n"),
    "no blank line at the end": sse(*BODY).rstrip(b"\n"),
}


FORMS_AND_WAYS = [
    pytest.param(form, way, id=f"{form}, {name}")
    for form in FORMS
    for name, way in {"at once": at_once, "in pieces": in_pieces}.items()
    if not (form == "a byte order mark" and way is in_pieces)  # it stands at the beginning of a stream only
]


@pytest.mark.parametrize(("form", "way"), FORMS_AND_WAYS)
def test_st_21_every_form_of_the_format_is_read(backend: Backend, client: Client, form: str, way: Any) -> None:
    backend.play([way(FORMS[form])])
    heard = client.ask(stream=True)
    assert heard.error is None
    assert heard.text == f"eins, zwei {HARD}"
    assert heard.stop == "end_turn"


# -- ST-22, ST-23: counts -------------------------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("model", MODELS)
def test_st_22_counts_behind_the_finish_reason_reach_the_client(
    backend: Backend, client: Client, way: Any, model: str
) -> None:
    usage = {"prompt_tokens": 4321, "completion_tokens": 77, "total_tokens": 4398}
    backend.play([way(sse(said("hm"), chunk({}, "stop"), counts(**usage)))])
    heard = client.ask(stream=True, model=model)
    assert (heard.usage["input_tokens"], heard.usage["output_tokens"]) == (4321, 77)


PLACES: dict[str, list[dict[str, Any]]] = {
    "with the finish reason": [said("hm"), chunk({}, "stop", usage={"prompt_tokens": 40, "completion_tokens": 7})],
    "on every chunk": [
        chunk({"content": "hm"}, usage={"prompt_tokens": 40, "completion_tokens": 1}),
        chunk({}, "stop", usage={"prompt_tokens": 40, "completion_tokens": 7}),
    ],
    "in x_groq": [said("hm"), chunk({}, "stop", x_groq={"usage": {"prompt_tokens": 40, "completion_tokens": 7}})],
    "with null before": [
        chunk({"content": "hm"}, usage=None),
        chunk({}, "stop", usage=None),
        counts(prompt_tokens=40, completion_tokens=7),
    ],
}


@pytest.mark.parametrize("place", PLACES)
@each_way
def test_st_22_counts_are_read_wherever_they_stand(backend: Backend, client: Client, place: str, way: Any) -> None:
    backend.play([way(sse(*PLACES[place]))])
    heard = client.ask(stream=True)
    assert (heard.usage["input_tokens"], heard.usage["output_tokens"]) == (40, 7)


@each_way
def test_st_22_without_counts_they_are_estimated(backend: Backend, client: Client, way: Any) -> None:
    backend.play([way(sse(said("Ein Satz mit einigen Wörtern."), chunk({}, "stop")))])
    heard = client.ask(stream=True, system="Du bist hilfreich. " * 50)
    assert heard.usage["input_tokens"] > 100
    assert heard.usage["output_tokens"] > 3


@both
def test_st_22_the_backend_is_asked_for_counts(backend: Backend, client: Client, *, stream: bool) -> None:
    backend.play([answer(Text("x"))])
    client.ask(stream=stream)
    body = backend.chats[0].body
    assert body.get("stream_options") == ({"include_usage": True} if stream else None)
    assert body.get("stream", False) is stream


@pytest.mark.parametrize("words", [20, 3000])
def test_st_23_the_first_event_has_an_estimate_and_the_last_the_truth(
    backend: Backend, client: Client, words: int
) -> None:
    prompt = "Wort " * words
    usage = {"prompt_tokens": words + 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 12}}
    backend.play([at_once(sse(said("ok"), chunk({}, "stop"), counts(**usage)))])
    heard = client.ask(stream=True, messages=[{"role": "user", "content": prompt}])
    first = heard.events()[0]["message"]["usage"]
    assert first["input_tokens"] > words / 2
    assert {"cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"} <= set(first)
    last = next(event for event in heard.events() if event["type"] == "message_delta")["usage"]
    assert (last["input_tokens"], last["cache_read_input_tokens"], last["output_tokens"]) == (words - 3, 12, 3)


# -- ST-24 to ST-26: calls as text ----------------------------------------------------------------------------------

HERMES = '<tool_call>\n{"name": "Bash", "arguments": {"command": "ls -la"}}\n</tool_call>'
LS = ("Bash", {"command": "ls -la"})


@each_way
@pytest.mark.parametrize("first", ["text", "call"])
def test_st_24_a_text_copy_of_a_real_call_is_left_out(backend: Backend, client: Client, way: Any, first: str) -> None:
    real = called(entry('{"command": "ls -la"}', "Bash", index=0, id="c"))
    written = [said(piece) for piece in pieces_of(HERMES, 5)]
    chunks = [*written, real] if first == "text" else [real, *written]
    backend.play([way(ended(*chunks, finish="tool_calls"))])
    heard = client.ask(stream=True, model="qwen3-coder:30b", tools=TOOLS)
    assert heard.calls == [LS]
    assert "<tool_call>" not in heard.text


AS_TEXT: dict[str, str] = {
    "Hermes": HERMES,
    "Hermes on one line": '<tool_call>{"name":"Bash","arguments":{"command":"ls -la"}}</tool_call>',
    "Qwen-Coder": "<tool_call>\n<function=Bash>\n<parameter=command>\nls -la\n</parameter>\n</function>\n</tool_call>",
    "GLM": "<tool_call>Bash\n<arg_key>command</arg_key>\n<arg_value>ls -la</arg_value>\n</tool_call>",
    "invoke": (
        '<function_calls>\n<invoke name="Bash">\n<parameter name="command">ls -la</parameter>\n</invoke>\n'
        "</function_calls>"
    ),
    "DSML": (
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="Bash">\n<｜DSML｜parameter name="command" string="true">ls -la'
        "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>"
    ),
    "DeepSeek": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>Bash<｜tool▁sep｜>"
        '{"command": "ls -la"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
    ),
    "Mistral": '[TOOL_CALLS][{"name": "Bash", "arguments": {"command": "ls -la"}}]',
    "Llama": '<|python_tag|>{"name": "Bash", "parameters": {"command": "ls -la"}}',
    "bare JSON": '{"name": "Bash", "arguments": {"command": "ls -la"}}',
    "[Tool call: ...]": '[Tool call: Bash({"command": "ls -la"})]',
}


@pytest.mark.parametrize("form", AS_TEXT)
@both
def test_st_25_a_call_written_as_text_becomes_a_call(
    backend: Backend, client: Client, form: str, *, stream: bool
) -> None:
    written = AS_TEXT[form]
    backend.play([in_pieces(ended(*map(said, pieces_of(written, 4)))) if stream else completion({"content": written})])
    heard = client.ask(stream=stream, model="qwen3-coder:30b", tools=TOOLS)
    assert heard.calls == [LS]
    assert heard.stop == "tool_use"
    assert heard.text.strip() == ""


@both
def test_st_25_text_before_a_written_call_stays_text(backend: Backend, client: Client, *, stream: bool) -> None:
    written = f"Ich sehe nach.\n\n{HERMES}"
    backend.play([in_pieces(ended(*map(said, pieces_of(written, 3)))) if stream else completion({"content": written})])
    heard = client.ask(stream=stream, model="llama3.3:70b", tools=TOOLS)
    assert heard.kinds == ["text", "tool_use"]
    assert heard.text.strip() == "Ich sehe nach."
    assert heard.calls == [LS]


@both
def test_st_25_two_written_calls_are_two_calls(backend: Backend, client: Client, *, stream: bool) -> None:
    other = '<tool_call>{"name":"Read","arguments":{"file_path":"ä.txt"}}</tool_call>'
    written = f"{HERMES}\n{other}"
    backend.play([in_pieces(ended(*map(said, pieces_of(written, 6)))) if stream else completion({"content": written})])
    heard = client.ask(stream=stream, model="qwen2.5-coder", tools=TOOLS)
    assert heard.calls == [LS, ("Read", {"file_path": "ä.txt"})]


NO_CALLS: dict[str, tuple[str, list[dict[str, Any]] | None]] = {
    "no tools declared": (HERMES, None),
    "an empty list of tools": (HERMES, []),
    "a tool of another name": (HERMES, [tool("Write", "file_path")]),
    "a code fence": (f"So sieht ein Aufruf aus:\n\n```xml\n{HERMES}\n```\n", TOOLS),
    "inline code": (f"Schreibe `{AS_TEXT['Hermes on one line']}` hin.", TOOLS),
    "no JSON": ("<tool_call>das ist kein Aufruf</tool_call>", TOOLS),
    "no closing tag and no JSON": ("Ein Tag wie <tool_call> öffnet einen Aufruf.", TOOLS),
    "words about braces": ("Use {name} in templates, or a < b.", TOOLS),
}


@pytest.mark.parametrize("look", NO_CALLS)
@both
def test_st_26_what_only_looks_like_a_call_stays_text(
    backend: Backend, client: Client, look: str, *, stream: bool
) -> None:
    written, tools = NO_CALLS[look]
    backend.play([in_pieces(ended(*map(said, pieces_of(written, 4)))) if stream else completion({"content": written})])
    heard = client.ask(stream=stream, model="qwen3-coder:30b", tools=tools)
    assert heard.calls == []
    assert heard.text == written
    assert heard.stop == "end_turn"


@pytest.mark.parametrize(
    "model", ["deepseek-ai/DeepSeek-R1", "qwq:32b", "Qwen/Qwen3-30B-A3B-Thinking-2507", "MiniMaxAI/MiniMax-M2"]
)
@both
def test_st_03_a_thought_that_the_prompt_opened_is_no_text(
    backend: Backend, client: Client, model: str, *, stream: bool
) -> None:
    written = "Erst überlegen.\n</think>\n\nDann sagen."
    backend.play([in_pieces(ended(*map(said, pieces_of(written, 4)))) if stream else completion({"content": written})])
    heard = client.ask(stream=stream, model=model, tools=TOOLS)
    assert (heard.kinds, heard.thinking, heard.text) == (["thinking", "text"], "Erst überlegen.\n", "Dann sagen.")


def test_st_18_a_refusal_at_connect_is_no_stream_at_all(backend: Backend, client: Client) -> None:
    backend.play(lambda _: error(503, "overloaded"))
    heard = client.ask(stream=True)
    assert heard.status == 529
    assert heard.error is not None
    assert heard.error[0] == "overloaded_error"


def test_st_21_a_role_in_every_delta_changes_nothing(backend: Backend, client: Client) -> None:
    deltas = [Delta({"role": "assistant", "content": piece}) for piece in ("a", "b", "c")]
    backend.play([answer(*deltas, Bytes(b": done\n\n"))])
    assert client.ask(stream=True).text == "abc"
