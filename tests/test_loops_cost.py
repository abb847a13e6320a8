"""A model that repeats itself costs no more than its text is long: one answer must not hold up all the others.

What is compared is processor time for a text and for four times as much of it: sixteen times as much is quadratic. The
least of some runs counts, and what is next to nothing is not compared, so that a busy machine changes no verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.test_text_calls import _read, _stream

from claude_code_proxy.translate.argument_rest import settle
from claude_code_proxy.translate.arguments import read_arguments
from claude_code_proxy.wire.json_scan import JsonScan

SMALL, TIMES = 4_000, 4
NOTHING = 0.04  # seconds of a processor
RUNS = 4

OPENINGS = (
    *("", "<function=Bash>", "<tool_call>", '<tool_call>{"name":"', '<invoke name="Bash">', "<function_calls>"),
    *(
        "<tool_call>x<arg_key>",
        "<｜tool▁calls▁begin｜>",
        "<|tool_calls_section_begin|>",
        "[TOOL_CALLS]",
        "<|tool_call|>",
    ),
    *('<|channel|>commentary to=Bash {"q":"', '<|python_tag|>{"name":"Bash","arguments":{"q":"', "[Tool call: Bash("),
)
CLOSINGS = {
    "<function=Bash>": "</function>",
    "<tool_call>": "</tool_call>",
    '<tool_call>{"name":"': "</tool_call>",
    '<invoke name="Bash">': "</invoke>",
    "<function_calls>": "</function_calls>",
    "<tool_call>x<arg_key>": "</tool_call>",
    "<｜tool▁calls▁begin｜>": "<｜tool▁calls▁end｜>",
    "<|tool_calls_section_begin|>": "<|tool_calls_section_end|>",
}
LOOPS = (
    *("<function=Bash><parameter=q>x", "<function=Bash>", "<parameter=q>x</parameter></function>", "<parameter=q"),
    *("<function=Bash><parameter=q>x</function>", '<function=Bash>{"q":"</function>', "</function>"),
    *('<invoke name="Bash">', '<invoke name="Bash"><parameter name="q">', '<invoke name="Bash"', '<parameter name="q'),
    *('<｜DSML｜invoke name="Bash">', '<｜DSML｜invoke name="Bash"><｜DSML｜parameter name="q">x', "<invoke name="),
    *("<tool_call>", "<tool_call></tool_call>", "`<tool_call>", '<tool_call>{"name":"</tool_call>', "</tool_call>"),
    *("<arg_key>a</arg_key><arg_value>", "<arg_key>a</arg_key>", "<arg_key>", "<minimax:tool_call>"),
    *("<｜tool▁call▁begin｜>", "<｜tool▁call▁begin｜>a<｜tool▁sep｜>", "```<｜tool▁sep｜>", "<|tool_call_begin|>"),
    *("<|tool_call_begin|>f:0<|tool_call_argument_begin|>", "f:0", "<|START_ACTION|>{", "<|tool_call|>["),
    *("<|channel|>commentary to=", '<|channel|>commentary to=Bash {"a":1}', "json", "[TOOL_CALLS]", '{"a":1}'),
    *('[TOOL_CALLS]Bash{"a":1}', "[Tool call:", '[Tool call: Bash({"a":1})]', '{"name":"Bash","arguments":{}}'),
    *("{'name':'Bash','arguments':{}}", '{"a":', "[", "{", "```\n", "`", "<", " ", "\n"),
)
ARGUMENT_OPENINGS = ("", '{"q":"', '{"q":', '{"q":"a"', '{"q":"a" b', "{'q':'", '```json\n{"q":"a"', '{"q":["')
ARGUMENT_CLOSINGS = ("", '"}', "}", "x", ' b"}', "\n```")
ARGUMENT_LOOPS = (
    *("\n", " ", "\\x", "\\\\", "\\u00e9", "\\ud800", '\\"', "{", "[", "}", '"', '",', '":', '","', "{'", '{"q":'),
    *('{"q":"1"}', '{"q":"', "```json\n", "```", ",", "1", "a", '"q":"a",', "'q':'a',", '"\n', '"}', "\xa0"),
)
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}, "required": ["q"]}


def answer_as_text(written: str, step: int) -> None:
    _read(_stream(written, step))


def whole_answer(written: str) -> None:
    answer_as_text(written, len(written))


def streamed_answer(written: str) -> None:
    answer_as_text(written, 50)


def arguments(written: str) -> None:
    read_arguments(written, SCHEMA)
    settle(written, SCHEMA)
    scan = JsonScan()
    for at in range(0, len(written), 50):
        scan.feed(written[at : at + 50])


def grows_with_its_square(work: Callable[[str], None], opening: str, loop: str, closing: str) -> bool:
    few = opening + loop * (SMALL // len(loop)) + closing
    many = opening + loop * (SMALL * TIMES // len(loop)) + closing
    for _ in range(RUNS):
        spent = cost(work, many)
        if spent < NOTHING or spent < 2 * TIMES * cost(work, few):
            return False
    return True


def cost(work: Callable[[str], None], written: str) -> float:
    begun = time.process_time()
    work(written)
    return time.process_time() - begun


@pytest.mark.parametrize("work", [whole_answer, streamed_answer])
@pytest.mark.parametrize("opening", OPENINGS)
def test_text_that_loops_on_a_form_of_calls_costs_what_it_is_long(work: Callable[[str], None], opening: str) -> None:
    closings = {"", CLOSINGS.get(opening, "") if work is whole_answer else ""}
    assert not [
        (loop, closing) for loop in LOOPS for closing in closings if grows_with_its_square(work, opening, loop, closing)
    ]


@pytest.mark.parametrize("opening", ARGUMENT_OPENINGS)
def test_arguments_that_loop_cost_what_they_are_long(opening: str) -> None:
    assert not [
        (loop, closing)
        for loop in ARGUMENT_LOOPS
        for closing in ARGUMENT_CLOSINGS
        if grows_with_its_square(arguments, opening, loop, closing)
    ]
