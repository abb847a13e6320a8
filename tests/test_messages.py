"""Messages as a backend gets them. The HI cases are those of real bug reports against proxies of this kind."""

import pytest
from tests.strict_openai import problems

from claude_code_proxy.translate.arrange import CONTINUE
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal
from claude_code_proxy.translate.history import INTERRUPTED, ORPHANED
from claude_code_proxy.translate.messages import arguments_of
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.request import Target, translate_request
from claude_code_proxy.translate.tool_ids import to_client
from claude_code_proxy.translate.validate import check_request

KEY = b"k"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"


def words(text, **more):
    return {"type": "text", "text": text, **more}


def call(name="c1", tool="Read", value=None, **more):
    return {"type": "tool_use", "id": name, "name": tool, "input": value or {}, **more}


def result(name="c1", content="done", **more):
    return {"type": "tool_result", "tool_use_id": name, "content": content, **more}


def image(data=PNG):
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def picture(data=PNG):
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def user(*blocks):
    return {"role": "user", "content": [words(block) if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks):
    return {**user(*blocks), "role": "assistant"}


def system(*blocks, **more):
    return {**user(*blocks), "role": "system", **more}


def translated(*messages, notes=None, vision=None, resources=None, also=None, **dialect):
    request = check_request({"model": "claude-x", "max_tokens": 100, "messages": list(messages), **(also or {})})
    target = Target(
        backend="b",
        model="m",
        dialect=Dialect(name="d", **dialect),
        seal=KEY,
        vision=vision,
        resources=resources or {},
    )
    return translate_request(request, target, notes if notes is not None else Notes())


def sent(*messages, legal=True, **options):
    body = translated(*messages, **options).body
    assert not legal or problems(body) == []
    return body["messages"]


def said_by_user(content):
    return {"role": "user", "content": content}


def said(content):
    return {"role": "assistant", "content": content}


def called(*calls, content=None):
    made = [
        {"id": name, "type": "function", "function": {"name": tool, "arguments": arguments}}
        for name, tool, arguments in calls
    ]
    return {"role": "assistant", "content": content, "tool_calls": made}


def answered(name, content):
    return {"role": "tool", "tool_call_id": name, "content": content}


READ = ("c1", "Read", "{}")


# -- HI: history ----------------------------------------------------------------------------------------------------


def test_hi_01_a_call_without_result_is_answered_before_the_user_goes_on():
    assert sent(user("hi"), assistant(call()), user("stop")) == [
        said_by_user("hi"),
        called(READ),
        answered("c1", INTERRUPTED),
        said_by_user("stop"),
    ]


def test_hi_02_a_result_without_call_is_user_text():
    assert sent(user(result("t9", "42"), "go on")) == [
        said_by_user(f"{ORPHANED}\n\n42\n\ngo on"),
    ]


def test_hi_03_an_id_used_twice_is_renamed_with_its_result():
    chat = sent(
        user("a"),
        assistant(call("call_0")),
        user(result("call_0", "first")),
        assistant(call("call_0")),
        user(result("call_0", "second")),
    )
    assert chat[1:] == [
        called(("call_0", "Read", "{}")),
        answered("call_0", "first"),
        called(("call_0_2", "Read", "{}")),
        answered("call_0_2", "second"),
    ]


def test_hi_03_of_two_results_for_one_call_the_last_is_sent():
    assert sent(assistant(call()), user(result(content="old"), result(content="new")))[1:] == [answered("c1", "new")]


def test_hi_04_results_come_first_whatever_stood_before_and_between():
    chat = sent(
        assistant(call("a"), call("b")),
        user("look:", result("b", "B")),
        system("a reminder"),
        user(result("a", "A"), "go"),
    )
    assert chat == [
        called(("a", "Read", "{}"), ("b", "Read", "{}")),
        answered("a", "A"),
        answered("b", "B"),
        said_by_user("look:"),
        {"role": "system", "content": "a reminder"},
        said_by_user("go"),
    ]


def test_hi_05_an_image_beside_a_result_reaches_the_model():
    assert sent(assistant(call()), user(result(), image()))[1:] == [
        answered("c1", "done"),
        said_by_user([picture()]),
    ]


def test_hi_06_an_image_inside_a_result_is_pixels_not_text():
    notes = Notes()
    big = PNG + "A" * 200_000
    chat = sent(assistant(call()), user(result(content=[words("page 1"), image(big)])), notes=notes)
    assert chat[1:] == [
        answered("c1", "page 1\n[image 1 is attached in the next user message]"),
        said_by_user([words("[image 1, from the tool result above]"), picture(big)]),
    ]
    assert notes.codes() == ["image-moved"]


def test_hi_06_images_of_parallel_results_follow_all_of_them_in_one_message():
    chat = sent(
        assistant(call("a"), call("b")),
        user(result("a", [image("iVBORaaa")]), result("b", [words("x"), image("iVBORbbb")]), "go on"),
    )
    assert [message["role"] for message in chat] == ["assistant", "tool", "tool", "user"]
    assert chat[1]["content"] == "[image 1 is attached in the next user message]"
    assert chat[2]["content"] == "x\n[image 2 is attached in the next user message]"
    assert chat[3]["content"] == [
        words("[image 1, from the tool result above]"),
        picture("iVBORaaa"),
        words("[image 2, from the tool result above]"),
        picture("iVBORbbb"),
        words("go on"),
    ]


def test_hi_06_a_backend_with_images_in_results_gets_them_there():
    chat = sent(assistant(call()), user(result(content=[words("page"), image()])), tool_content="parts", legal=False)
    assert chat[1:] == [answered("c1", [words("page"), picture()])]


def test_hi_07_a_pdf_in_a_result_is_a_file_behind_it():
    document = {
        "type": "document",
        "title": "a.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="},
    }
    chat = sent(assistant(call()), user(result(content=[document])), documents="file")
    assert chat[1] == answered("c1", "[document 1 is attached in the next user message]")
    assert chat[2]["content"][1]["file"] == {
        "filename": "a.pdf",
        "file_data": "data:application/pdf;base64,JVBERi0xLjc=",
    }


def test_hi_07_a_pdf_in_a_result_is_no_part_of_it_even_where_pictures_are():
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    chat = sent(assistant(call()), user(result(content=[document, image()])), documents="file", tool_content="parts")
    assert isinstance(chat[1]["content"], str)
    assert [part["type"] for part in chat[2]["content"]] == ["text", "file", "text", "image_url"]


def test_hi_07_a_pdf_nobody_can_read_is_told_to_the_model():
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    notes = Notes()
    assert sent(user(document), notes=notes) == [said_by_user("[document could not be read: it was not read.]")]
    assert notes.codes() == ["document-unreadable"]


def test_hi_08_thinking_without_signature_is_accepted():
    assert sent(assistant({"type": "thinking", "thinking": "x"}, "a"), user("b"))[0] == said("a")


def test_hi_10_an_empty_thinking_block_is_nothing():
    assert sent(user("a"), assistant({"type": "thinking", "thinking": "", "signature": ""}), user("b")) == [
        said_by_user("a"),
        said_by_user("b"),
    ]


def test_hi_11_the_place_of_thinking_in_its_turn_does_not_matter():
    thought = {"type": "thinking", "thinking": "why", "signature": ""}
    dialect = {"replay": "reasoning_content", "replay_required": "with_tools"}
    chat = sent(assistant("a", thought, call()), user(result()), legal=False, **dialect)
    assert chat[0] == {**called(READ, content="a"), "reasoning_content": "why"}


DEEPSEEK = {
    "replay": "reasoning_content",
    "replay_required": "with_tools",
    "replay_fallback": "disable",
    "thinking_off": {"thinking": {"type": "disabled"}},
    "efforts": (),
}


def own(shown, **envelope):
    signature = seal(Envelope(backend="b", model="m", digest=digest(shown), **envelope), KEY)
    return {"type": "thinking", "thinking": shown, "signature": signature}


def test_hi_12_reasoning_goes_back_with_its_calls():
    body = translated(user("q"), assistant(own("because"), call()), user(result()), **DEEPSEEK).body
    assert body["messages"][1]["reasoning_content"] == "because"
    assert "thinking" not in body
    assert problems(body, message={"reasoning_content"}) == []


def test_hi_12_reasoning_the_client_lost_switches_thinking_off():
    notes = Notes()
    answer = translated(user("q"), assistant(call()), user(result()), notes=notes, **DEEPSEEK)
    assert answer.body["thinking"] == {"type": "disabled"}
    assert notes.codes() == ["thinking-lost"]


def test_hi_12_reasoning_the_client_lost_is_a_space_where_that_is_enough():
    kimi = {**DEEPSEEK, "replay_fallback": "space"}
    body = translated(user("q"), assistant(call()), user(result()), **kimi).body
    assert body["messages"][1]["reasoning_content"] == " "
    assert "thinking" not in body


def test_hi_12_without_thinking_nothing_is_missing():
    notes = Notes()
    off = {"thinking": {"type": "disabled"}}
    body = translated(user("q"), assistant(call()), user(result()), notes=notes, also=off, **DEEPSEEK).body
    assert "reasoning_content" not in body["messages"][1]
    assert notes.codes() == []


def test_hi_13_thinking_off_wins_over_effort():
    also = {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}
    body = translated(user("q"), also=also, efforts=("low", "high")).body
    assert "reasoning_effort" not in body


def test_hi_14_a_hallucinated_tool_name_is_sent_under_a_legal_one():
    chat = sent(assistant(call(tool="Read the file: " + "x" * 300)), user(result()))
    name = chat[0]["tool_calls"][0]["function"]["name"]
    assert len(name) <= 64


def test_hi_14_an_empty_tool_name_is_sent_under_a_legal_one():
    assert sent(assistant(call(tool="")), user(result()))[0]["tool_calls"][0]["function"]["name"] == "unknown"


def test_hi_15_a_system_message_keeps_its_place():
    assert sent(user("hi"), system("agents: a, b"), assistant("ok"), user("go"), system_role="developer") == [
        said_by_user("hi"),
        {"role": "developer", "content": "agents: a, b"},
        said("ok"),
        said_by_user("go"),
    ]


def test_hi_15_a_system_message_is_a_reminder_of_the_user_where_the_backend_wants_none():
    notes = Notes()
    chat = sent(user("hi"), system("agents: a, b"), system_in_place=False, notes=notes)
    assert chat == [
        said_by_user("hi"),
        said_by_user("<system-reminder>\nagents: a, b\n</system-reminder>"),
    ]
    assert notes.codes() == ["system-inlined"]


def test_hi_15_a_system_message_before_all_others_is_part_of_the_system_prompt():
    assert sent(system("b"), user("hi"), also={"system": "a"}, system_in_place=False) == [
        {"role": "system", "content": "a\n\nb"},
        said_by_user("hi"),
    ]


PREFILLED = [user("Name a colour as JSON"), assistant('{"colour": "')]


def test_hi_16_a_prefill_is_a_wish_to_go_on_where_there_is_no_such_feature():
    notes = Notes()
    answer = translated(*PREFILLED, notes=notes)
    assert answer.body["messages"][1:] == [said('{"colour": "'), said_by_user(CONTINUE)]
    assert answer.plan.prefill == '{"colour": "'
    assert notes.codes() == ["history-prefill"]


@pytest.mark.parametrize(
    ("prefill", "last", "fields"),
    [
        ("plain", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("continue", {}, {"continue_final_message": True, "add_generation_prompt": False}),
    ],
)
def test_hi_16_a_prefill_in_the_backends_own_way(prefill, last, fields):
    answer = translated(*PREFILLED, prefill=prefill)
    assert answer.body["messages"][-1] == {**said('{"colour": "'), **last}
    assert {name: answer.body[name] for name in fields} == fields
    assert answer.plan.prefill == '{"colour": "'


def test_hi_16_a_prefill_with_thinking_does_not_fail():
    thinking = {"thinking": {"type": "adaptive"}}
    chat = sent(user("a"), assistant({"type": "thinking", "thinking": "t", "signature": "x"}, "b"), also=thinking)
    assert chat[1:] == [said("b"), said_by_user(CONTINUE)]


def test_hi_17_empty_messages_are_not_sent():
    assert sent(user(), user(""), user("hi"), assistant(""), {"role": "user", "content": ""}) == [said_by_user("hi")]


def test_hi_18_cache_markers_stay_here():
    marker = {"cache_control": {"type": "ephemeral"}}
    chat = sent(
        user(words("a", **marker)),
        assistant(words("b", **marker), call(**marker)),
        user(result(content=[words("c", **marker)], **marker)),
        also={"system": [words("s", **marker)], **marker},
    )
    assert "cache_control" not in repr(chat)


# -- CX-07: the prefix of bytes -------------------------------------------------------------------------------------


def prompt(*blocks):
    return {"system": [words(block) if isinstance(block, str) else block for block in blocks]}


def test_cx_07_the_billing_line_is_left_out():
    notes = Notes()
    also = prompt(BILLING, "You are Claude Code.", "Rules.")
    assert sent(user("hi"), also=also, notes=notes)[0] == {
        "role": "system",
        "content": "You are Claude Code.\n\nRules.",
    }
    assert notes.codes() == ["attribution-dropped"]


@pytest.mark.parametrize(
    "also",
    [{"system": f"{BILLING}\n\nRules."}, prompt(f"{BILLING}\nRules.")],
    ids=["a string", "one block with the rules"],
)
def test_cx_07_only_the_line_is_left_out(also):
    assert sent(user("hi"), also=also)[0]["content"] == "Rules."


def test_cx_07_a_system_prompt_of_the_billing_line_alone_is_none():
    assert sent(user("hi"), also=prompt(BILLING)) == [said_by_user("hi")]


def test_cx_07_two_turns_share_their_prefix():
    story = [
        user("hi", "<system-reminder>x</system-reminder>"),
        system("agents"),
        assistant("a", call("x"), call("y")),
        user(result("y", [image()]), result("x")),
        assistant(call("x")),
        user(result("x")),
    ]
    first, second = (sent(*story[:length], also=prompt(f"{BILLING}{length}", "s")) for length in (4, 6))
    assert second[: len(first)] == first


# -- user -----------------------------------------------------------------------------------------------------------


def test_one_text_is_a_string():
    assert sent({"role": "user", "content": "hi"}) == [said_by_user("hi")]
    assert sent(user("hi")) == [said_by_user("hi")]


def test_several_texts_are_one_string():
    assert sent(user("a", "b")) == [said_by_user("a\n\nb")]


@pytest.mark.parametrize("blind", [{"images": "no"}, {"vision": False}], ids=["backend", "model"])
def test_a_model_for_text_gets_strings(blind):
    assert sent(user("a", image(), "b"), **blind) == [
        said_by_user("a\n\n[image omitted: the model has no vision]\n\nb")
    ]


def test_user_messages_side_by_side_stay_apart():
    assert sent(user("a"), user("b")) == [said_by_user("a"), said_by_user("b")]


def test_user_messages_side_by_side_are_joined_for_a_strict_template():
    chat = sent(
        user("a"), system("s"), user(image(), "b"), assistant("c"), merges_user_turns=True, system_in_place=False
    )
    assert chat == [
        said_by_user([words("a\n\n<system-reminder>\ns\n</system-reminder>"), picture(), words("b")]),
        said("c"),
        said_by_user(CONTINUE),
    ]
    assert sent(user("a"), user("b"), merges_user_turns=True) == [said_by_user("a\n\nb")]


def test_a_user_speaks_first_for_a_strict_template():
    chat = sent(assistant("a"), user("b"), also={"system": "s"}, merges_user_turns=True)
    assert [message["role"] for message in chat] == ["system", "user", "assistant", "user"]


def test_an_assistant_speaks_after_a_tool_where_the_template_wants_it():
    chat = sent(assistant(call("a"), call("b")), user(result("a"), result("b"), "go"), assistant_after_tool=True)
    assert [message["role"] for message in chat] == ["assistant", "tool", "tool", "assistant", "user"]
    chat = sent(assistant(call()), user(result()), assistant("ok"), user("go"), assistant_after_tool=True)
    assert [message["role"] for message in chat] == ["assistant", "tool", "assistant", "user"]


# -- results --------------------------------------------------------------------------------------------------------


def answer_of(**block):
    return sent(assistant(call()), user({"type": "tool_result", "tool_use_id": "c1", **block}))[1]["content"]


RESULTS = {
    "text": ({"content": "a"}, "a"),
    "several texts": ({"content": [words("a"), words("b")]}, "a\nb"),
    "nothing": ({}, ""),
    "null": ({"content": None}, ""),
    "an empty list": ({"content": []}, ""),
    "an error": ({"content": "no such file", "is_error": True}, "Error: no such file"),
    "an error in blocks": ({"content": [words("no"), words("file")], "is_error": True}, "Error: no\nfile"),
    "an error that says so": ({"content": "error: no such file", "is_error": True}, "error: no such file"),
    "an error in Claude Code's tag": (
        {"content": "<tool_use_error>x</tool_use_error>", "is_error": True},
        "<tool_use_error>x</tool_use_error>",
    ),
    "an error without words": ({"is_error": True}, "Error: the tool failed without a message"),
    "no error": ({"content": "fine", "is_error": False}, "fine"),
    "a reference to a tool": (
        {"content": [{"type": "tool_reference", "tool_name": "mcp__a__b"}]},
        "Loaded tool: mcp__a__b",
    ),
    "a search result": (
        {"content": [{"type": "search_result", "source": "u", "title": "t", "content": [words("x")]}]},
        '<search_result source="u" title="t">\nx\n</search_result>',
    ),
    "a plain document": (
        {"content": [{"type": "document", "title": "t", "source": {"type": "text", "data": "x"}}]},
        '<document title="t">\nx\n</document>',
    ),
    "the state of a browser": (
        {
            "content": [
                {
                    "type": "browser_state",
                    "tabs": [
                        {"tab_id": "1", "title": "A", "url": "http://a", "active": True},
                        {"tab_id": "2", "title": "", "url": "http://b"},
                    ],
                    "state_changes": [
                        {"type": "tab_opened", "tab_id": "2"},
                        {"type": "download_failed", "download_id": "d", "url": "http://c", "error": "full"},
                    ],
                }
            ]
        },
        "Open tabs:\n- 1 (active): A http://a\n- 2: http://b\ntab_opened: 2\ndownload_failed: d http://c full",
    ),
    "tabs with numbers, and what is new of them": (
        {
            "content": [
                {
                    "type": "browser_state",
                    "tabs": [{"tab_id": 7, "title": "A", "url": "http://a", "muted": True}],
                    "state_changes": [{"type": "zoomed", "tab_id": 7, "level": 1.5}],
                }
            ]
        },
        "Open tabs:\n- 7: A http://a muted=true\nzoomed: 7 level=1.5",
    ),
    "an unknown block": (
        {"content": [{"type": "hologram", "depth": 3, "text": "hé"}]},
        '{"type":"hologram","depth":3,"text":"hé"}',
    ),
    "an unknown block with bytes": (
        {"content": [{"type": "hologram", "note": "see", "data": "QUJD" * 100}]},
        '{"type":"hologram","note":"see","data":"[400 characters of encoded data]"}',
    ),
}


@pytest.mark.parametrize(("block", "content"), RESULTS.values(), ids=RESULTS)
def test_a_result_as_text(block, content):
    assert answer_of(**block) == content


def test_an_empty_result_has_the_backends_own_stand_in():
    assert sent(assistant(call()), user(result(content="")), empty_tool_content=" ")[1]["content"] == " "


def test_an_error_with_a_picture_where_results_take_parts():
    chat = sent(assistant(call()), user(result(content=[image()], is_error=True)), tool_content="parts", legal=False)
    assert chat[1]["content"] == [words("Error: the tool failed without a message"), picture()]
    chat = sent(
        assistant(call()), user(result(content=[words("a"), image()], is_error=True)), tool_content="parts", legal=False
    )
    assert chat[1]["content"] == [words("Error: a"), picture()]


def server_turn(kind, content, name="web_search"):
    return assistant(
        "Let me look.",
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {"q": 1}},
        {"type": kind, "tool_use_id": "srvtoolu_1", "content": content},
        "Found it.",
    )


SERVED = {
    "web search": (
        "web_search_tool_result",
        [
            {"type": "web_search_result", "title": "A", "url": "http://a", "encrypted_content": "QQ" * 500},
            {"type": "web_search_result", "title": "B", "url": "http://b", "page_age": "1 day"},
        ],
        "A http://a\nB http://b 1 day",
    ),
    "web search error": (
        "web_search_tool_result",
        {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
        "Error: max_uses_exceeded",
    ),
    "web fetch": (
        "web_fetch_tool_result",
        {
            "type": "web_fetch_result",
            "url": "http://a",
            "content": {"type": "document", "title": "T", "source": {"type": "text", "data": "page"}},
        },
        'http://a\n<document title="T">\npage\n</document>',
    ),
    "code execution": (
        "code_execution_tool_result",
        {
            "type": "code_execution_result",
            "stdout": "1\n",
            "stderr": "warn",
            "return_code": 2,
            "content": [{"type": "code_execution_output", "file_id": "f1"}],
        },
        "1\n\n[stderr]\nwarn\n[exit code 2]\n[files: f1]",
    ),
    "bash": (
        "bash_code_execution_tool_result",
        {"type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []},
        "(no output)",
    ),
    "encrypted output": (
        "code_execution_tool_result",
        {"type": "encrypted_code_execution_result", "encrypted_stdout": "xx", "stderr": "e", "return_code": 0},
        "[stderr]\ne",
    ),
    "a viewed file": (
        "text_editor_code_execution_tool_result",
        {"type": "text_editor_code_execution_view_result", "content": "text", "file_type": "text"},
        "text",
    ),
    "a part of a viewed file": (
        "text_editor_code_execution_tool_result",
        {
            "type": "text_editor_code_execution_view_result",
            "content": "text",
            "file_type": "text",
            "start_line": 11,
            "num_lines": 5,
            "total_lines": 90,
        },
        "[lines 11 to 15 of 90]\ntext",
    ),
    "a created file": (
        "text_editor_code_execution_tool_result",
        {"type": "text_editor_code_execution_create_result", "is_file_update": False},
        "File created",
    ),
    "a changed file": (
        "text_editor_code_execution_tool_result",
        {"type": "text_editor_code_execution_str_replace_result", "lines": ["-a", "+b"]},
        "-a\n+b",
    ),
    "a change and its place": (
        "text_editor_code_execution_tool_result",
        {
            "type": "text_editor_code_execution_str_replace_result",
            "lines": ["-a", "+b"],
            "old_start": 3,
            "old_lines": 1,
            "new_start": 3,
            "new_lines": 1,
        },
        "@@ -3,1 +3,1 @@\n-a\n+b",
    ),
    "an error that says more": (
        "web_search_tool_result",
        {"type": "web_search_tool_result_error", "error_code": "busy", "retry_in": 5},
        'Error: {"type":"web_search_tool_result_error","error_code":"busy","retry_in":5}',
    ),
    "an editor's error": (
        "text_editor_code_execution_tool_result",
        {
            "type": "text_editor_code_execution_tool_result_error",
            "error_code": "file_not_found",
            "error_message": "no x",
        },
        "Error: file_not_found no x",
    ),
    "tool search": (
        "tool_search_tool_result",
        {"type": "tool_search_tool_search_result", "tool_references": [{"tool_name": "a"}, {"tool_name": "b"}]},
        "Loaded tools: a, b",
    ),
    "advice": ("advisor_tool_result", {"type": "advisor_result", "text": "do it"}, "do it"),
    "advice for others": (
        "advisor_tool_result",
        {"type": "advisor_redacted_result", "encrypted_content": "xx"},
        "[advice this model can't read]",
    ),
}


@pytest.mark.parametrize(("kind", "content", "expected"), SERVED.values(), ids=SERVED)
def test_a_server_tools_call_and_result_survive(kind, content, expected):
    chat = sent(user("?"), server_turn(kind, content), user("thanks"))
    assert chat == [
        said_by_user("?"),
        called(("srvtoolu_1", "web_search", '{"q":1}'), content="Let me look."),
        answered("srvtoolu_1", expected),
        said("Found it."),
        said_by_user("thanks"),
    ]


def test_a_picture_a_servers_editor_viewed_is_seen():
    data = image()["source"]["data"]
    viewed = {"type": "text_editor_code_execution_view_result", "content": data, "file_type": "image"}
    chat = sent(user("?"), server_turn("text_editor_code_execution_tool_result", viewed), user("thanks"))
    assert data not in chat[2]["content"]
    assert picture() in chat[3]["content"]


def test_a_picture_in_a_search_result_is_seen():
    found = {"type": "search_result", "source": "u", "title": "t", "content": [words("x"), image()]}
    (message,) = sent(user(found))
    assert message["content"] == [words('<search_result source="u" title="t">\nx\n</search_result>'), picture()]


def test_an_mcp_call_is_named_after_its_server():
    chat = sent(
        assistant(
            {"type": "mcp_tool_use", "id": "m", "name": "find", "server_name": "docs", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "m", "is_error": True, "content": [words("down")]},
        )
    )
    assert chat[0]["tool_calls"][0]["function"]["name"] == "mcp__docs__find"
    assert chat[1]["content"] == "Error: down"


def test_a_system_prompt_is_text():
    notes = Notes()
    chat = sent(user("hi"), also={"system": [words("a"), image()]}, notes=notes)
    assert chat[0] == {"role": "system", "content": "a"}
    assert notes.codes() == ["image-omitted"]


def test_other_blocks_of_a_user():
    notes = Notes()
    chat = sent(
        user({"type": "compaction", "content": "so far"}, {"type": "container_upload", "file_id": "f"}), notes=notes
    )
    assert chat == [said_by_user("<summary>\nso far\n</summary>\n\n[file f: not available here]")]
    assert notes.codes() == ["file-unknown"]


# -- assistant ------------------------------------------------------------------------------------------------------


def test_text_and_calls_are_one_message():
    chat = sent(assistant("a", call("x", value={"p": 1}), "b", call("y")), user(result("x"), result("y")))
    assert chat[0] == called(("x", "Read", '{"p":1}'), ("y", "Read", "{}"), content="a\n\nb")


def test_texts_that_citations_cut_are_whole_again():
    notes = Notes()
    cited = words("blue", citations=[{"type": "web_search_result_location"}])
    assert sent(assistant("The sky is ", cited, ", they say."), user("ok"), notes=notes)[0] == said(
        "The sky is blue, they say."
    )
    assert notes.codes() == ["citations-dropped"]


@pytest.mark.parametrize(
    "messages",
    [[system("be brief")], [system("be brief"), assistant(own("why"))], [assistant(own("why")), system("x")]],
)
@pytest.mark.parametrize("in_place", [True, False])
def test_where_only_the_system_speaks_the_user_is_said_to_have_said_nothing(messages, in_place):
    chat = sent(*messages, also={"system": "you help"}, system_in_place=in_place)
    assert chat[-1]["role"] == "user"


@pytest.mark.parametrize("replay", ["reasoning_content", "reasoning", "reasoning_details", "think_tag", "own", "none"])
def test_a_turn_of_nothing_but_reasoning_is_left_out_and_noted(replay):
    notes = Notes()
    chat = sent(user("a"), assistant(own("why")), user("b"), notes=notes, replay=replay)
    assert chat == [said_by_user("a"), said_by_user("b")]
    assert "thinking-only" in notes.codes()


ARGUMENTS = {
    "an object": ({"b": 1, "a": [True, None]}, '{"b":1,"a":[true,null]}'),
    "unicode": ({"s": "naïve 日本 😀 \n"}, '{"s":"naïve 日本 😀 \\n"}'),
    "nothing": (None, "{}"),
    "an empty string": ("", "{}"),
    "JSON in a string": ('{"a": 1}', '{"a":1}'),
    "a plain string": ("ls -la", '{"value":"ls -la"}'),
    "a list": ([1], '{"value":[1]}'),
    "a number": (5, '{"value":5}'),
    "arguments Claude Code could not parse": (
        {"__unparsedToolInput": {"raw": '{"a": ', "len": 6}},
        '{"__unparsedToolInput":{"raw":"{\\"a\\": ","len":6}}',
    ),
    "arguments Claude Code could not parse, beside others": (
        {"__unparsedToolInput": {"raw": '{"a": 1}', "len": 8}, "b": 2},
        '{"__unparsedToolInput":{"raw":"{\\"a\\": 1}","len":8},"b":2}',
    ),
    "arguments Claude Code could not parse but we can": (
        {"__unparsedToolInput": {"raw": '{"a": 1}', "len": 8}},
        '{"a":1}',
    ),
    "a huge number": ({"n": 10**40}, '{"n":1' + "0" * 40 + "}"),
    "deep nesting in a string": ("[" * 5000, '{"value":"' + "[" * 5000 + '"}'),
}


@pytest.mark.parametrize(("value", "arguments"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_are_stable_json(value, arguments):
    assert arguments_of(value) == arguments


def test_ids_are_the_backends_own():
    name = "tu64_ZnVuY3Rpb25zLlJlYWQ6MA"  # functions.Read:0, as a client was shown it
    chat = sent(assistant(call(name)), user(result(name)))
    assert chat[0]["tool_calls"][0]["id"] == chat[1]["tool_call_id"] == "functions.Read:0"


def test_ids_fit_the_backends_length():
    long = "toolu_" + "x" * 60
    chat = sent(assistant(call(long), call(long + "y")), user(result(long), result(long + "y")))
    ids = [made["id"] for made in chat[0]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [message["tool_call_id"] for message in chat[1:]] == ids
    assert sent(assistant(call(long)), user(result(long)), id_length=0, legal=False)[1]["tool_call_id"] == long


def test_ids_of_nine_letters():
    chat = sent(assistant(call("toolu_01")), user(result("toolu_01")), id_style="mistral9")
    assert len(chat[1]["tool_call_id"]) == 9


def test_ids_that_become_one_stay_two():
    wrapped = "tu64_YToxIQ"  # a:1!
    chat = sent(assistant(call(wrapped), call("a:1!")), user(result("a:1!", "2"), result(wrapped, "1")))
    assert [message["content"] for message in chat[1:]] == ["1", "2"]
    assert len({message["tool_call_id"] for message in chat[1:]}) == 2


# -- cache markers --------------------------------------------------------------------------------------------------

MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}
OPENROUTER = {"cache_markers": "cache_control", "tool_content": "parts", "legal": False}
KEPT = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
BREAK = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def test_markers_in_anthropics_words():
    chat = sent(
        user(words("a", **MARK)),
        assistant(words("b", **MARK), call()),
        user(result(content="c", **MARK)),
        also={"system": [words("r"), words("s", **MARK)]},
        **OPENROUTER,
    )
    assert chat[0]["content"] == [words("r"), words("s", **KEPT)]
    assert chat[1]["content"] == [words("a", **KEPT)]
    assert chat[2]["content"] == [words("b", **KEPT)]
    assert chat[3]["content"] == [words("c", **KEPT)]


def test_markers_in_openais_words_on_user_and_system_text():
    chat = sent(user(words("a", **MARK), image()), also={"system": [words("s", **MARK)]}, cache_markers="breakpoint")
    assert chat[0]["content"] == [words("s", **BREAK)]
    assert chat[1]["content"] == [words("a", **BREAK), picture()]


def test_a_marker_that_finds_no_place_moves_to_the_next_text():
    chat = sent(assistant(call()), user(result(content=[words("c", **MARK)]), "go"), cache_markers="breakpoint")
    assert chat[1:] == [answered("c1", "c"), said_by_user([words("go", **BREAK)])]


def test_the_requests_own_marker_goes_to_the_last_message():
    chat = sent(user("a"), assistant("b"), user("c", "d"), also=MARK, cache_markers="breakpoint")
    assert chat[0] == said_by_user([words("a")])
    assert chat[2]["content"] == [words("c"), words("d", **BREAK)]


def test_of_too_many_markers_the_first_and_the_last_stay():
    blocks = [words(str(number), **MARK) for number in range(6)]
    (message,) = sent(user(*blocks), **OPENROUTER)
    assert [part["text"] for part in message["content"] if "cache_control" in part] == ["0", "1", "4", "5"]


def test_hi_03_ids_that_came_twice_go_back_in_the_form_a_template_reads():
    shown = to_client("functions.Read:0")
    messages = sent(
        user(words("hi")),
        assistant(call(shown)),
        user(result(shown, "first")),
        assistant(call(f"{shown}_2")),
        user(result(f"{shown}_2", "second")),
        assistant(call(to_client("functions.Read:1"))),
        user(result(to_client("functions.Read:1"), "third")),
    )
    names = [one["id"] for message in messages for one in message.get("tool_calls", [])]
    assert names == ["functions.Read:0", "functions.Read:1", "functions.Read:2"]
    assert [one["tool_call_id"] for one in messages if one["role"] == "tool"] == names


def test_hi_12_state_that_names_its_call_is_renamed_with_it():
    state = [{"type": "reasoning.encrypted", "data": "S", "id": "tool_0", "index": 0}]
    turns = [(assistant(own("", details=state), call(name)), user(result(name))) for name in ("tool_0", "tool_0_2")]
    messages = sent(user(words("hi")), *turns[0], *turns[1], legal=False, replay="reasoning_details")
    said = [(one["reasoning_details"][0]["id"], one["tool_calls"][0]["id"]) for one in messages if "tool_calls" in one]
    assert said == [("tool_0", "tool_0"), ("tool_0_2", "tool_0_2")]
