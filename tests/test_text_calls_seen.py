"""Tool calls as models were seen to write them (reports of 2024-2026), and what is written about them: cut at every byte."""

from __future__ import annotations

import json

import pytest
from tests.test_text_calls import LS, PLAN, READ, TOOLS, _read, _stream

from claude_code_proxy.translate.plan import Plan, ToolFacts

WRITE = ToolFacts(
    name="Write",
    schema={"type": "object", "properties": {"path": {"type": "string"}, "content": {"type": "string"}}},
)
SEEN = Plan(model="m", tools={**TOOLS, "Write": WRITE})

CODE = 'def f(a):\n    if a < 2 and a > 0:\n        return "&amp;"\n\n    return [x for x in (1, 2)]'
TAGS = "Close with </tool_call> and </function>, open with <tool_call>."


def written(content: str, path: str = "a.py") -> tuple[str, dict[str, object]]:
    return ("Write", {"path": path, "content": content})


def hermes(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


BASH = '{"command": "ls -la"}'

SAMPLES: dict[str, tuple[str, str, list[tuple[str, object]]]] = {
    # title: what is text, what is calls, the calls
    "Qwen3-Coder without its opening tag": (
        "I'll list them.\n\n",
        "<function=Bash>\n<parameter=command>\nls -la\n</parameter>\n</function>\n</tool_call>",
        [LS],
    ),
    "Qwen3-Coder, code of several lines": (
        "",
        f"<tool_call>\n<function=Write>\n<parameter=path>\na.py\n</parameter>\n<parameter=content>\n{CODE}\n</parameter>\n"
        "</function>\n</tool_call>",
        [written(CODE)],
    ),
    "Qwen3-Coder, a parameter that is not closed": (
        "",
        "<tool_call>\n<function=Read>\n<parameter=path>\na.py\n<parameter=limit>\n3\n</function>\n</tool_call>",
        [READ],
    ),
    "Qwen3-Coder without the function's end": (
        "",
        "<tool_call>\n<function=Bash>\n<parameter=command>\nls -la\n</parameter>\n</tool_call>",
        [LS],
    ),
    "Qwen3-Coder, writing of its own tags": (
        "",
        f"<function=Write>\n<parameter=path>\na.md\n</parameter>\n<parameter=content>\n{TAGS}\n</parameter>\n</function>",
        [written(TAGS, "a.md")],
    ),
    "Qwen2.5, two calls in one tag": (
        "",
        f"<tool_call>\n{hermes('Bash', command='ls -la')}\n{hermes('Read', path='a.py', limit=3)}\n</tool_call>",
        [LS, READ],
    ),
    "Qwen2.5, a list in the tag": ("", f"<tool_call>[{hermes('Bash', command='ls -la')}]</tool_call>", [LS]),
    "Qwen2.5, one brace too many": ("", f"<tool_call>\n{hermes('Bash', command='ls -la')}}}\n</tool_call>", [LS]),
    "Qwen2.5, one brace too few": ("", f"<tool_call>\n{hermes('Bash', command='ls -la')[:-1]}\n</tool_call>", [LS]),
    "Qwen2.5, raw line ends in a string": (
        "",
        '<tool_call>\n{"name": "Write", "arguments": {"path": "a.py", "content": "a\nb\n"}}\n</tool_call>',
        [written("a\nb\n")],
    ),
    "Qwen2.5, tags within a string": (
        "",
        f"<tool_call>\n{hermes('Write', path='a.py', content=TAGS)}\n</tool_call>",
        [written(TAGS)],
    ),
    "Qwen2.5, the first tag not closed": (
        "",
        f"<tool_call>\n{hermes('Bash', command='ls -la')}\n<tool_call>\n{hermes('Read', path='a.py', limit=3)}\n</tool_call>",
        [LS, READ],
    ),
    "Qwen2.5-Coder in the tag of its prompt": ("", f"<tools>\n{hermes('Bash', command='ls -la')}\n</tools>", [LS]),
    "Hermes 3 in Python's words": (
        "",
        "<tool_call>\n{'arguments': {'command': 'ls -la'}, 'name': 'Bash'}\n</tool_call><|im_end|>",
        [LS],
    ),
    "Hermes, arguments as a JSON string": (
        "",
        f"<tool_call>{json.dumps({'name': 'Bash', 'arguments': BASH})}</tool_call>",
        [LS],
    ),
    "an older tag": ("", f"<function_call>{hermes('Bash', command='ls -la')}</function_call>", [LS]),
    "GLM-4.5 on one line": (
        "",
        "<tool_call>Bash<arg_key>command</arg_key><arg_value>ls -la</arg_value></tool_call>",
        [LS],
    ),
    "GLM-5, closed twice": (
        "",
        "<tool_call>Read<arg_key>path</arg_key><arg_value>a.py</arg_value><arg_key>limit</arg_key><arg_value>3</arg_value>"
        "</tool_call></tool_call>",
        [READ],
    ),
    "Llama 3.1, the function's end missing": ("", f"<function=Bash>{BASH}", [LS]),
    "Llama 3.3, a mark missing": ("", f"<function=Bash{BASH}</function>", [LS]),
    "Llama 3.2, a function that is text": ("", f'{{"function": "Bash", "parameters": {BASH}}}', [LS]),
    "Llama 3.2, two calls": (
        "",
        f'{{"name": "Bash", "parameters": {BASH}}}; {{"name": "Read", "parameters": {{"path": "a.py", "limit": 3}}}}<|eom_id|>',
        [LS, READ],
    ),
    "Llama 3.1, a semicolon and a brace in a string": (
        "",
        '<|python_tag|>{"name": "Bash", "parameters": {"command": "a; {b; }"}}',
        [("Bash", {"command": "a; {b; }"})],
    ),
    "Mistral Small 3.2 without a mark": ("I look. ", f"[TOOL_CALLS]Bash{BASH}", [LS]),
    "Mistral with an id": ("", f"[TOOL_CALLS]Bash[CALL_ID]aB3dE6gH9[ARGS]{BASH}</s>", [LS]),
    "Devstral, its own mark within a string": (
        "",
        '[TOOL_CALLS]Write[ARGS]{"path": "a.py", "content": "x[ARGS] [TOOL_CALLS]"}',
        [written("x[ARGS] [TOOL_CALLS]")],
    ),
    "DeepSeek V3.1 without a section": (
        "",
        f"<｜tool▁call▁begin｜>Bash<｜tool▁sep｜>{BASH}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        [LS],
    ),
    "DeepSeek V4's DSML": (
        "",
        '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="Bash">\n<｜DSML｜parameter name="command" string="true">ls -la'
        "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
        [LS],
    ),
    "DSML without a section": (
        "",
        '<｜DSML｜invoke name="Bash"><｜DSML｜parameter name="command" string="true">ls -la</｜DSML｜parameter></｜DSML｜invoke>',
        [LS],
    ),
    "Kimi K2 without a section": (
        "",
        f"<|tool_call_begin|>functions.Bash:0<|tool_call_argument_begin|>{BASH}<|tool_call_end|>",
        [LS],
    ),
    "gpt-oss": ("", f"<|channel|>commentary to=functions.Bash <|constrain|>json<|message|>{BASH}<|call|>", [LS]),
    "gpt-oss, json glued to the name": (
        "",
        f"<|start|>assistant<|channel|>commentary to=functions.Bashjson<|message|>{BASH}",
        [LS],
    ),
    "gpt-oss, the receiver first": (
        "",
        f"<|start|>assistant to=functions.Bash<|channel|>commentary json<|message|>{BASH}",
        [LS],
    ),
    "gpt-oss, two calls": (
        "",
        f"<|channel|>commentary to=functions.Bash json<|message|>{BASH}<|call|><|start|>assistant<|channel|>commentary "
        'to=functions.Read <|constrain|>json<|message|>{"path": "a.py", "limit": 3}<|call|>',
        [LS, READ],
    ),
    "MiniMax M2": (
        "",
        '<minimax:tool_call>\n<invoke name="Bash">\n<parameter name="command">ls -la</parameter>\n</invoke>\n</minimax:tool_call>',
        [LS],
    ),
    "Granite": ("", f"<|tool_call|>[{hermes('Bash', command='ls -la')}]", [LS]),
    "Phi-4-mini": ("", f"<|tool_call|>[{hermes('Bash', command='ls -la')}]<|/tool_call|>", [LS]),
    "Command R": (
        "",
        f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "Bash", "parameters": {BASH}}}]<|END_ACTION|>',
        [LS],
    ),
    "a broken call, then a whole one": (
        '<tool_call>{"name": "Bash", "arguments": {"command": "a</tool_call>\n',
        f"<tool_call>{hermes('Bash', command='ls -la')}</tool_call>",
        [LS],
    ),
}

ONLY_SEEN_FROM_AFAR = {
    "Qwen2.5-Coder in a fence": f"```json\n{hermes('Bash', command='ls')}\n```",
    "a call in a fence of tildes' neighbour": f"Example:\n\n```\n<tool_call>\n{hermes('Bash', command='ls')}\n</tool_call>\n```\n\nThat's it.",
    "declared tools": '<tools>\n{"type": "function", "function": {"name": "Bash", "parameters": {"type": "object", "properties": {}}}}\n</tools>',
    "a declaration alone": '{"name": "Bash", "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}',
    "an answer in JSON that names a tool": '{"name": "Bash", "version": "5.2", "arguments": 3}',
    "a bare call and words": '{"name": "Bash", "arguments": {"command": "ls"}}\n\nThis lists the files.',
    "a function tag that was cut": "<function=Bash>\n<parameter=command>\nrm -rf /tmp/x",
    "a function tag cut behind a parameter": "<function=Write>\n<parameter=path>\na.py\n</parameter>\n",
    "JSON that was cut": '<tool_call>\n{"name": "Bash", "arguments": {"command": "rm -rf /tmp/x"',
    "a string that was cut": '<tool_call>\n{"name": "Bash", "arguments": {"command": "rm -rf /tm',
    "Mistral's mark with an undeclared name": '[TOOL_CALLS]Rm[ARGS]{"path": "/"}',
    "Mistral's mark and words": "[TOOL_CALLS]Bash is how a call begins.",
    "one declared, one not": f"<tool_call>\n{hermes('Bash', command='ls')}\n{hermes('Rm', path='/')}\n</tool_call>",
    "harmony to nobody known": '<|channel|>commentary to=functions.Rm json<|message|>{"path": "/"}<|call|>',
    "harmony's preamble": "<|channel|>commentary<|message|>I'll look around first.",
    "a shell's redirection": "cat <<EOF >> a.txt && ls -la <(echo x)",
    "a table of tags": "| tag | model |\n| --- | --- |\n| <tool_call> | Hermes |\n| <function=x> | Qwen3-Coder |\n",
    "a template": "{% for call in tool_calls %}<tool_call>{{ call | tojson }}</tool_call>{% endfor %}",
    "a grammar": 'root ::= "<tool_call>" object "</tool_call>"',
    "a stray end": "Done.</tool_call> And </s> too.",
    "XML of somebody's": '<invoke name="Bash"/><parameter name="command">ls</parameter>',
    "an array of names": '["Bash", "Read"]',
    "TypeScript": "type Call = { name: 'Bash'; arguments: { command: string } };",
    "inline code with a call": 'It printed `[TOOL_CALLS]Bash[ARGS]{"command": "ls"}` and stopped.',
}


@pytest.mark.parametrize(("before", "call", "calls"), SAMPLES.values(), ids=SAMPLES)
def test_a_call_is_a_call_wherever_the_stream_is_cut(before: str, call: str, calls: list[tuple[str, object]]) -> None:
    text = before + call
    for size in (1, 2, 3, 5, 7, 13, 10_000):
        assert _read(_stream(text, size), SEEN) == (before, calls, "tool_use"), size


@pytest.mark.parametrize(("before", "call", "calls"), SAMPLES.values(), ids=SAMPLES)
def test_each_cut_in_two_reads_alike(before: str, call: str, calls: list[tuple[str, object]]) -> None:
    text = before + call
    for at in range(1, len(text)):
        frames = _stream(text[:at], 10_000)[:-2] + _stream(text[at:], 10_000)
        assert _read(frames, SEEN) == (before, calls, "tool_use"), at


@pytest.mark.parametrize("text", ONLY_SEEN_FROM_AFAR.values(), ids=ONLY_SEEN_FROM_AFAR)
def test_what_is_said_of_calls_is_text_wherever_the_stream_is_cut(text: str) -> None:
    for size in (1, 2, 3, 5, 7, 13, 10_000):
        assert _read(_stream(text, size), SEEN) == (text, [], "end_turn"), size
    for at in range(1, len(text)):
        frames = _stream(text[:at], 10_000)[:-2] + _stream(text[at:], 10_000)
        assert _read(frames, SEEN) == (text, [], "end_turn"), at


@pytest.mark.parametrize(("before", "call", "_calls"), SAMPLES.values(), ids=SAMPLES)
def test_in_a_fence_every_sample_is_text(before: str, call: str, _calls: object) -> None:
    text = f"Models write:\n```\n{before}{call}\n```\nand such."
    assert _read(_stream(text, 3), SEEN) == (text, [], "end_turn")


@pytest.mark.parametrize(("before", "call", "_calls"), SAMPLES.values(), ids=SAMPLES)
def test_without_its_tool_every_sample_is_text(before: str, call: str, _calls: object) -> None:
    text, calls, stop = _read(_stream(before + call, 3), Plan(model="m", tools={"Other": PLAN.tools["Bash"]}))
    assert (text, calls, stop) == (before + call, [], "end_turn")


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"a": "' * 20_000 + "</tool_call>" * 2_000,
        '<tool_call>{"a" 1}</tool_call>' * 5_000,
        '<tool_call>{"a": "</tool_call>' * 5_000,
        "<function=Bash><parameter=command>x</function>\n" * 2_000 + "Done.",
    ],
    ids=["never closed", "broken", "in a string", "cut"],
)
def test_many_blocks_that_are_no_calls_come_back_as_they_were(text: str) -> None:
    assert _read(_stream(text, 10_000_000), Plan(model="m", tools={"Other": WRITE}))[0] == text
    assert _read(_stream(text, 5_000), Plan(model="m", tools={"Other": WRITE}))[0] == text
