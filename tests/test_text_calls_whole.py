"""A call in text is made with all of its arguments or not at all, and a mere mention of one holds up no text."""

from __future__ import annotations

import pytest
from tests.test_text_calls import _stream
from tests.test_text_calls_code import cuts, read_pieces

from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.plan import Plan, ToolFacts
from claude_code_proxy.translate.stream import StreamTranslator

STRING = {"type": "string"}


def tool(name: str, *required: str, **optional: object) -> ToolFacts:
    properties = {**dict.fromkeys(required, STRING), **optional}
    return ToolFacts(name=name, schema={"type": "object", "properties": properties, "required": list(required)})


TOOLS = [
    tool("Bash", "command", timeout={"type": "integer"}),
    tool("Edit", "file_path", "old_string", "new_string"),
    tool("Log", n={"type": "integer"}),
    tool("TaskList"),
]
PLAN = Plan(model="m", tools={one.name: one for one in TOOLS})
EDIT = {"file_path": "/a.py", "old_string": "x = 1", "new_string": "x = 2"}

GLM = "".join(f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in EDIT.items())
INVOKED = "".join(f'<parameter name="{key}">{value}</parameter>' for key, value in EDIT.items())
FUNCTION = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in EDIT.items())

NO_CALL = {
    "a value that was cut": f"<tool_call>Edit\n{GLM.removesuffix('</arg_value>' + chr(10))}",
    "a key that was cut": "<tool_call>Bash\n<arg_key>comm",
    "cut between two keys": "<tool_call>Edit\n<arg_key>file_path</arg_key>\n<arg_value>/a.py</arg_value>\n",
    "cut behind a name": "<tool_call>TaskList",
    "words between keys": "<tool_call>Bash\n<arg_key>command</arg_key>\n<arg_value>ls</arg_value>\nwords\n</tool_call>",
    "a value without its end": "<tool_call>Bash\n<arg_key>command</arg_key>\n<arg_value>ls\n</tool_call>",
    "a name without what the tool needs": "<tool_call>Bash</tool_call>",
    "JSON without what the tool needs": '<tool_call>{"name":"Bash"}</tool_call>',
    "JSON without what the tool may take": '<tool_call>{"name":"Log"}</tool_call>',
    "JSON that says something else": '<tool_call>{"name":"TaskList","version":"1"}</tool_call>',
    "words in an invoke": '<invoke name="Bash">ls -la</invoke>',
    "an empty invoke": '<invoke name="Bash"></invoke>',
    "a parameter without its end": f'<invoke name="Edit">{INVOKED.removesuffix("</parameter>")}</invoke>',
    "a parameter without its end, and more": f'<invoke name="Edit">{INVOKED.replace("</parameter>", "", 1)}</invoke>',
    "words between invokes": f'<function_calls><invoke name="TaskList"></invoke>words<invoke name="Edit">{INVOKED}</invoke></function_calls>',
    "the second invoke was cut": f'<function_calls><invoke name="TaskList"></invoke><invoke name="Edit">{INVOKED[:-20]}',
    "the second mark was cut": "<|tool_calls_section_begin|><|tool_call_begin|>functions.Log:0<|tool_call_argument_begin|>{}"
    '<|tool_call_end|><|tool_call_begin|>functions.Bash:1<|tool_call_argument_begin|>{"comm',
    "words behind a parameter": "<function=Bash>\n<parameter=command>ls</parameter>\ngarbage\n</function>",
    "words in a function": "<function=Bash>\nls\n</function>",
    "a function's parameter without its end": "<function=Edit><parameter=file_path>/a.py</parameter><parameter=old_string>x"
    "<parameter=new_string>y</parameter></function>",
    "an empty function": "<function=Bash>\n</function>",
}

CALLS = {
    "keys and values": (f"<tool_call>Edit\n{GLM}</tool_call>", ("Edit", EDIT)),
    "a value that holds the closing": (
        "<tool_call>Bash\n<arg_key>command</arg_key>\n<arg_value>echo </tool_call></arg_value>\n</tool_call>",
        ("Bash", {"command": "echo </tool_call>"}),
    ),
    "a name of a tool that takes none": ("<tool_call>TaskList\n</tool_call>", ("TaskList", {})),
    "a name of a tool that needs none": ("<tool_call>Log</tool_call>", ("Log", {})),
    "JSON of a tool that takes none": ('<tool_call>{"name":"TaskList"}</tool_call>', ("TaskList", {})),
    "JSON whose arguments are null": ('<tool_call>{"name":"TaskList","arguments":null}</tool_call>', ("TaskList", {})),
    "an invoke of a tool that takes none": ('<invoke name="TaskList">\n</invoke>', ("TaskList", {})),
    "JSON in an invoke": ('<invoke name="Bash">{"command":"ls"}</invoke>', ("Bash", {"command": "ls"})),
    "an invoke": (f'<invoke name="Edit">{INVOKED}</invoke>', ("Edit", EDIT)),
    "a function": (f"<function=Edit>\n{FUNCTION}</function>", ("Edit", EDIT)),
    "a function of a tool that takes none": ("<function=TaskList>\n</function>", ("TaskList", {})),
    "a value that holds a parameter's end": (
        "<function=Bash>\n<parameter=command>\ncat <<E\n</parameter>\nE\n</parameter>\n</function>",
        ("Bash", {"command": "cat <<E\n</parameter>\nE"}),
    ),
    "a value that holds a parameter": (
        "<function=Bash>\n<parameter=command>\necho <parameter=x>v</parameter> it\n</parameter>\n</function>",
        ("Bash", {"command": "echo <parameter=x>v</parameter> it"}),
    ),
    "DSML with other bars": (
        '<|DSML|function_calls>\n<|DSML|invoke name="Bash">\n<|DSML|parameter name="command" string="true">ls'
        "</|DSML|parameter>\n</|DSML|invoke>\n</|DSML|function_calls>",
        ("Bash", {"command": "ls"}),
    ),
    "DSML with other bars, without a section": (
        '<|DSML|invoke name="Bash"><|DSML|parameter name="command">ls</|DSML|parameter></|DSML|invoke>',
        ("Bash", {"command": "ls"}),
    ),
    "DeepSeek with other bars": (
        "<|tool▁calls▁begin|><|tool▁call▁begin|>function<|tool▁sep|>Bash\n```json\n"
        '{"command":"ls"}\n```<|tool▁call▁end|><|tool▁calls▁end|>',
        ("Bash", {"command": "ls"}),
    ),
    "DeepSeek with plain characters": (
        '<|tool_calls_begin|><|tool_call_begin|>Bash<|tool_sep|>{"command":"ls"}<|tool_call_end|><|tool_calls_end|>',
        ("Bash", {"command": "ls"}),
    ),
}

MENTIONS = {
    "Hermes": "The tag <tool_call> is a marker",
    "Hermes before a stop": "Models open with <tool_call>.",
    "Qwen-Coder": "Use <function=NAME> and",
    "Llama": "The mark <|python_tag|> is Llama's",
    "Llama's code": "<|python_tag|>print('hello')",
    "Mistral": "[TOOL_CALLS] is Mistral's",
    "Kimi": "<|tool_calls_section_begin|> opens the section",
    "DeepSeek": "<｜tool▁calls▁begin｜> opens the section",
    "DSML": "<｜DSML｜function_calls> opens the section",
    "Granite": "<|tool_call|> is Granite's",
    "Command": "<|START_ACTION|> is Command's",
    "MiniMax": "<minimax:tool_call> is of MiniMax",
    "an invoke": 'To call it the model writes <invoke name="Bash"> with',
    "brackets": "[tool call: the log says",
    "brackets that end": "[Tool call: Bash] was",
    "JSON with a name": '{"name": "foo",',
    "JSON with a type": '{"type": "object",',
    "JSON with a number for a name": '{"name": 5,',
    "a call in JSON with words behind it": '{"name": "Bash", "arguments": {"command": "ls {"}}\n\nThat is it:',
    "what is no call, with words behind it": '{"name": "Bash", "input": 1}. So',
}


@pytest.mark.parametrize("text", NO_CALL.values(), ids=NO_CALL)
def test_what_can_not_be_read_whole_is_text(text: str) -> None:
    for pieces in cuts(text):
        assert read_pieces(pieces, PLAN) == (text, [], "end_turn"), pieces


@pytest.mark.parametrize(("text", "call"), CALLS.values(), ids=CALLS)
def test_what_is_read_whole_is_a_call(text: str, call: tuple[str, object]) -> None:
    for pieces in cuts(text):
        assert read_pieces(pieces, PLAN) == ("", [call], "tool_use"), pieces


@pytest.mark.parametrize("text", [f"<tool_call>Edit\n{GLM}</tool_call>", f'<invoke name="Edit">{INVOKED}</invoke>'])
def test_a_call_cut_anywhere_is_none(text: str) -> None:
    for end in range(1, len(text)):
        assert read_pieces([text[:end]], PLAN)[1] == [], text[:end]


@pytest.mark.parametrize("mention", MENTIONS.values(), ids=MENTIONS)
def test_a_mention_holds_up_no_text(mention: str) -> None:
    for size in (1, 5, 10_000):
        translator = StreamTranslator(Dialect(name="local", text_tools=True), PLAN, message_id="msg_1")
        for frame in _stream(mention, size)[:-2]:
            translator.feed(frame)
        assert b"more words" in translator.feed(_stream(" more words", 100)[0])


@pytest.mark.parametrize("mention", MENTIONS.values(), ids=MENTIONS)
def test_a_mention_is_text_wherever_it_is_cut(mention: str) -> None:
    text = f"{mention} more words\nand a line."
    for pieces in cuts(text):
        assert read_pieces(pieces, PLAN) == (text, [], "end_turn"), pieces


def test_behind_json_with_words_a_call_is_one_wherever_it_is_cut() -> None:
    said = '{"name": "Bash", "arguments": {"command": "a"}} is how it looks.\n\n'
    text = f'{said}<tool_call>{{"name": "Bash", "arguments": {{"command": "b"}}}}</tool_call>'
    for pieces in cuts(text):
        assert read_pieces(pieces, PLAN) == (said, [("Bash", {"command": "b"})], "tool_use"), pieces
