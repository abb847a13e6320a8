"""Tool calls as text (ST-24, ST-25, ST-26): promoted in six formats and their variants, look-alikes left alone."""

from __future__ import annotations

import json

import pytest

from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.plan import Plan, ToolFacts
from claude_code_proxy.translate.stream import StreamTranslator, read_whole

LOCAL = Dialect(name="local", text_tools=True)
TOOLS = {
    "Bash": ToolFacts(name="Bash", schema={"type": "object", "properties": {"command": {"type": "string"}}}),
    "Read": ToolFacts(
        name="Read",
        schema={"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}},
    ),
}
PLAN = Plan(model="m", tools=TOOLS)

LS = ("Bash", {"command": "ls -la"})
READ = ("Read", {"path": "a.py", "limit": 3})

PROMOTED = {
    "hermes": ('<tool_call>\n{"name": "Bash", "arguments": {"command": "ls -la"}}\n</tool_call>', [LS]),
    "hermes, two calls": (
        '<tool_call>{"name":"Bash","arguments":{"command":"ls -la"}}</tool_call>\n'
        '<tool_call>{"name":"Read","arguments":{"path":"a.py","limit":3}}</tool_call>',
        [LS, READ],
    ),
    "hermes, parameters": ('<tool_call>{"name":"Bash","parameters":{"command":"ls -la"}}</tool_call>', [LS]),
    "hermes, no closing tag": ('<tool_call>{"name":"Bash","arguments":{"command":"ls -la"}}', [LS]),
    "hermes, arguments as text": (
        '<tool_call>{"name":"Bash","arguments":"{\\"command\\":\\"ls -la\\"}"}</tool_call>',
        [LS],
    ),
    "qwen coder": (
        "<tool_call>\n<function=Read>\n<parameter=path>\na.py\n</parameter>\n<parameter=limit>\n3\n</parameter>\n"
        "</function>\n</tool_call>",
        [READ],
    ),
    "glm": (
        "<tool_call>Read\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>limit</arg_key>\n"
        "<arg_value>3</arg_value>\n</tool_call>",
        [READ],
    ),
    "function tag with JSON": ('<function=Bash>{"command": "ls -la"}</function>', [LS]),
    "function tag with parameters": ("<function=Bash><parameter=command>ls -la</parameter></function>", [LS]),
    "llama python tag": ('<|python_tag|>{"name": "Bash", "parameters": {"command": "ls -la"}}<|eom_id|>', [LS]),
    "llama bare JSON": ('{"name": "Bash", "parameters": {"command": "ls -la"}}', [LS]),
    "llama bare JSON, typed": ('{"type": "function", "name": "Bash", "parameters": {"command": "ls -la"}}', [LS]),
    "mistral list": ('[TOOL_CALLS] [{"name": "Bash", "arguments": {"command": "ls -la"}}]', [LS]),
    "mistral args": ('[TOOL_CALLS]Bash[ARGS]{"command": "ls -la"}', [LS]),
    "mistral args, two": (
        '[TOOL_CALLS]Bash[ARGS]{"command": "ls -la"}[TOOL_CALLS]Read[ARGS]{"path": "a.py", "limit": 3}',
        [LS, READ],
    ),
    "deepseek v3": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>Bash\n```json\n"
        '{"command": "ls -la"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        [LS],
    ),
    "deepseek v3.1": (
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>Bash<｜tool▁sep｜>{"command": "ls -la"}<｜tool▁call▁end｜>'
        "<｜tool▁calls▁end｜>",
        [LS],
    ),
    "deepseek dsml": (
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="Read">\n<｜DSML｜parameter name="path" string="true">a.py'
        '</｜DSML｜parameter>\n<｜DSML｜parameter name="limit" string="false">3</｜DSML｜parameter>\n'
        "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        [READ],
    ),
    "brackets around it": ('[Tool call: Bash({"command": "ls -la"})]', [LS]),
    "brackets around two": (
        '[Tool call: Bash({"command": "ls -la"})]\n[Tool call: Read({"path":"a.py","limit":3})]',
        [LS, READ],
    ),
    "brackets before it": ('[TOOL CALL: Bash]\n{"command": "ls -la"}', [LS]),
    "brackets with an id": ('[Tool Call: Bash (ID: call_1)]\nArguments: {"command": "ls -la"}', [LS]),
    "kimi": (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.Bash:0<|tool_call_argument_begin|>"
        '{"command": "ls -la"}<|tool_call_end|><|tool_calls_section_end|>',
        [LS],
    ),
    "invoke": ('<invoke name="Bash"><parameter name="command">ls -la</parameter></invoke>', [LS]),
    "function calls around invoke": (
        '<function_calls>\n<invoke name="Bash">\n<parameter name="command">ls -la</parameter>\n</invoke>\n'
        "</function_calls>",
        [LS],
    ),
}

LEFT_ALONE = {
    "an undeclared name": '<tool_call>{"name":"Rm","arguments":{"path":"/"}}</tool_call>',
    "a code fence": 'Write this:\n```xml\n<tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call>\n```\n',
    "inline code": 'Use `<tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call>` for that.',
    "a call within a sentence": 'Models write <tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call> to call.',
    "a call before a full stop": 'Say <tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call> .',
    "a call within a later line": 'So:\nSay <function=Bash>{"command":"ls"}</function> for that.\nThat is all.',
    "a tag that is talked about": "The <tool_call> tag opens a call.",
    "a tag that never closes and reads as nothing": "<tool_call> is what Hermes writes, and then",
    "broken JSON": '<tool_call>{"name":"Bash","arguments":{"command": ls}</tool_call>',
    "no arguments": '<tool_call>{"name":"Bash"}</tool_call>',
    "JSON that is no call": '{"name": "Ada", "age": 36}',
    "JSON of an undeclared tool": '{"name": "Rm", "parameters": {"path": "/"}}',
    "a list of JSON": '[{"name": "Bash", "arguments": {"command": "ls"}}]',
    "JSON behind text": 'The call is {"name": "Bash", "parameters": {"command": "ls"}}',
    "an HTML page": "<html><body><p>hi</p></body></html>",
    "a generic type": "Use Map<String, List<Integer>> and <function> in C++.",
    "an invoke of an undeclared tool": '<invoke name="Deploy"><parameter name="x">1</parameter></invoke>',
    "mistral's word in prose": "Mistral begins with [TOOL_CALLS] and then a list.",
    "llama's tag with text": "<|python_tag|>print('hello')",
    "kimi's tag alone": "<|tool_calls_section_begin|> opens the section.",
    "two fences": '```\na\n```\nand\n```\n<tool_call>{"name":"Bash","arguments":{"command":"x"}}</tool_call>\n```',
    "function tag of an undeclared name": "<function=main>{}</function>",
    "brackets with words behind them": '[Tool call: Bash({"command": "ls"})] is how transcripts look.',
    "brackets without arguments": "[Tool call: Bash]",
    "brackets of an undeclared tool": '[Tool call: Rm({"path": "/"})]',
    "brackets that never end": '[Tool call: Bash({"command": "ls"}',
    "a lonely bracket": "a < b and [x] and ` and `` done",
}


def _stream(text: str, size: int, *, tools: bool = True, extra: tuple[dict[str, object], ...] = ()) -> list[bytes]:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    deltas: list[dict[str, object]] = [{"content": piece} for piece in pieces] + list(extra)
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def _read(frames: list[bytes], plan: Plan = PLAN) -> tuple[str, list[tuple[str, object]], str]:
    translator = StreamTranslator(LOCAL, plan, message_id="msg_1")
    sent = b"".join(translator.feed(frame) for frame in frames) + translator.finish()
    assert translator.failure is None
    text, calls, arguments, stop = "", [], [], ""
    for line in sent.decode().splitlines():
        if not line.startswith("data: "):
            continue
        event = json.loads(line[6:])
        match event["type"], event.get("delta", {}).get("type"):
            case "content_block_start", _ if event["content_block"]["type"] == "tool_use":
                calls.append(event["content_block"]["name"])
                arguments.append("")
            case "content_block_delta", "text_delta":
                text += event["delta"]["text"]
            case "content_block_delta", "input_json_delta":
                arguments[-1] += event["delta"]["partial_json"]
            case "message_delta", _:
                stop = event["delta"]["stop_reason"]
    return text, [(name, json.loads(a or "{}")) for name, a in zip(calls, arguments, strict=True)], stop


@pytest.mark.parametrize(("text", "calls"), PROMOTED.values(), ids=PROMOTED)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_a_call_in_text_is_a_call(text: str, calls: list[tuple[str, object]], size: int) -> None:
    assert _read(_stream(text, size)) == ("", calls, "tool_use")


@pytest.mark.parametrize(("text", "calls"), PROMOTED.values(), ids=PROMOTED)
def test_text_before_a_call_stays_text(text: str, calls: list[tuple[str, object]]) -> None:
    if text.startswith("{"):
        pytest.skip("bare JSON is a call only when it is the whole answer")
    for size in (1, 5, 10_000):
        assert _read(_stream("I look. " + text, size)) == ("I look. ", calls, "tool_use")


@pytest.mark.parametrize("text", LEFT_ALONE.values(), ids=LEFT_ALONE)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_what_only_looks_like_a_call_stays_text(text: str, size: int) -> None:
    assert _read(_stream(text, size)) == (text, [], "end_turn")


@pytest.mark.parametrize(("text", "_calls"), PROMOTED.values(), ids=PROMOTED)
def test_without_declared_tools_everything_is_text(text: str, _calls: object) -> None:
    assert _read(_stream(text, 4), Plan(model="m")) == (text, [], "end_turn")


@pytest.mark.parametrize("size", [1, 999, 1001, 5_000, 100_000])
def test_a_long_call_that_is_all_of_the_answer_is_a_call(size: int) -> None:
    command = "echo " * 2_000
    text = json.dumps({"name": "Bash", "parameters": {"command": command}})
    assert _read(_stream(text, size)) == ("", [("Bash", {"command": command})], "tool_use")


def test_a_copy_of_a_parsed_call_is_dropped() -> None:
    parsed = {
        "tool_calls": [{"index": 0, "id": "c1", "function": {"name": "Bash", "arguments": '{"command": "ls -la"}'}}]
    }
    frames = _stream(PROMOTED["hermes"][0], 5, extra=(parsed,))
    assert _read(frames) == ("", [LS], "tool_use")


def test_a_parsed_call_beside_another_in_text_is_not_dropped() -> None:
    parsed = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "Bash", "arguments": '{"command": "pwd"}'}}]}
    text, calls, stop = _read(_stream(PROMOTED["hermes"][0], 5, extra=(parsed,)))
    assert (text, stop) == ("", "tool_use")
    assert sorted(calls, key=str) == sorted([("Bash", {"command": "pwd"}), LS], key=str)


def test_a_call_spoken_of_beside_a_parsed_call_is_text() -> None:
    parsed = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "Bash", "arguments": '{"command": "pwd"}'}}]}
    said = 'It says <tool_call>{"name":"Bash","arguments":{"command":"ls"}}</tool_call>'
    assert _read(_stream(said, 5, extra=(parsed,))) == (said, [("Bash", {"command": "pwd"})], "tool_use")


def test_a_whole_answer_says_the_same_as_a_stream() -> None:
    for text, calls in PROMOTED.values():
        body = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}
        message = read_whole(json.dumps(body).encode(), LOCAL, PLAN, message_id="msg_1")
        assert [(block["name"], block["input"]) for block in message["content"]] == calls
        assert message["stop_reason"] == "tool_use"


def test_text_flows_while_nothing_can_be_a_call() -> None:
    translator = StreamTranslator(LOCAL, PLAN, message_id="msg_1")
    for frame in _stream("Plain words, one by one.", 6)[:4]:
        assert b"text_delta" in translator.feed(frame)
