"""Cases HI-*: conversations that were poisoned, cut or written by other servers go on."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from tests.backend import Answer, Backend, Received, answer, say
from tests.backend.script import Call, Thought
from tests.cases.conftest import asked_through
from tests.cases.talk import BASH, READ, TOOLS, Client, assistant, both, result, text, use, user
from tests.cases.wire import completion
from tests.pdf_files import pdf_base64

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ANY_MODEL = pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-sonnet-5", "qwen3:32b", "gemini-3-flash"])


def image(data: str = PNG, media_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def sent_for(backend: Backend, client: Client, messages: list[Any], **fields: Any) -> Received:
    """Ask, demand an answer, and return what the backend was asked."""
    backend.play(lambda _: say("gut"))
    heard = client.ask(messages=messages, **fields)
    assert heard.status == 200, heard.raw
    assert heard.text == "gut"
    return backend.chats[-1]


def roles(received: Received) -> list[str]:
    return [message["role"] for message in received.messages if message["role"] not in {"system", "developer"}]


# -- HI-01 to HI-04: pairs ------------------------------------------------------------------------------------------


@ANY_MODEL
@both
def test_hi_01_a_call_that_was_interrupted_gets_a_result(
    backend: Backend, client: Client, model: str, *, stream: bool
) -> None:
    messages = [user("räum auf"), assistant("Gerne.", use("toolu_77", "Bash", command="rm x")), user("stopp!")]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model, stream=stream)
    assert roles(sent) == ["user", "assistant", "tool", "user"]
    assert sent.messages[-2]["tool_call_id"] == sent.calls()[0]["id"]
    assert sent.messages[-2]["content"]
    assert sent.messages[-1]["content"] == "stopp!"


def test_hi_01_of_three_calls_only_the_unanswered_ones_get_one(backend: Backend, client: Client) -> None:
    calls = [use(f"toolu_{n}", "Read", file_path=f"{n}.md") for n in range(3)]
    messages = [user("lies"), assistant(*calls), user(result("toolu_1", "Inhalt"), "reicht")]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert roles(sent) == ["user", "assistant", "tool", "tool", "tool", "user"]
    answers = [sent.results[call["id"]] for call in sent.calls()]
    assert answers[1] == "Inhalt"
    assert answers[0] == answers[2] != "Inhalt"


def test_hi_01_a_call_at_the_very_end_is_answered_too(backend: Backend, client: Client) -> None:
    messages = [user("los"), assistant(use("toolu_9", "Bash", command="x"))]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert roles(sent)[:3] == ["user", "assistant", "tool"]


def test_hi_01_calls_interrupted_in_several_turns(backend: Backend, client: Client) -> None:
    messages = [
        user("a"),
        assistant(use("t1", "Bash", command="1")),
        user("nein"),
        assistant(use("t2", "Bash", command="2")),
        user("auch nicht"),
    ]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert roles(sent) == ["user", "assistant", "tool", "user", "assistant", "tool", "user"]


@ANY_MODEL
@pytest.mark.parametrize("first", [True, False], ids=["first message", "later message"])
def test_hi_02_a_result_without_its_call_becomes_words_of_the_user(
    backend: Backend, client: Client, model: str, *, first: bool
) -> None:
    before = [] if first else [user("hallo"), assistant("hallo")]
    orphan = user(result("toolu_gone", "42 Dateien"), "und jetzt?")
    sent = sent_for(backend, client, [*before, orphan], tools=TOOLS, model=model)
    assert "tool" not in roles(sent)
    assert "42 Dateien" in sent.text()
    assert "und jetzt?" in sent.text()


def test_hi_02_an_orphan_beside_a_real_result_is_told_apart(backend: Backend, client: Client) -> None:
    messages = [
        user("a"),
        assistant(use("real", "Bash", command="date")),
        user(result("gone", "verwaist"), result("real", "Montag")),
    ]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert roles(sent) == ["user", "assistant", "tool", "user"]
    assert list(sent.results.values()) == ["Montag"]
    assert "verwaist" in json.dumps(sent.messages[-1])


@pytest.mark.parametrize("call_id", ["call_0", "toolu_01", "Bash:0", "chatcmpl-tool-x"])
@ANY_MODEL
def test_hi_03_an_id_used_in_several_turns_is_renamed_with_its_result(
    backend: Backend, client: Client, call_id: str, model: str
) -> None:
    messages: list[Any] = [user("a")]
    for turn in ("eins", "zwei", "drei"):
        messages += [assistant(use(call_id, "Bash", command=turn)), user(result(call_id, f"nach {turn}"))]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model)
    ids = [call["id"] for call in sent.calls()]
    assert len(set(ids)) == 3
    assert [sent.results[call_id] for call_id in ids] == ["nach eins", "nach zwei", "nach drei"]


def test_hi_03_two_calls_of_one_turn_with_one_id(backend: Backend, client: Client) -> None:
    calls = [use("call_0", "Read", file_path="a"), use("call_0", "Read", file_path="b")]
    messages = [user("lies"), assistant(*calls), user(result("call_0", "A"), result("call_0", "B"))]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert len(sent.results) == len(sent.calls()) == 2
    assert [sent.results[call["id"]] for call in sent.calls()] == ["A", "B"]


def test_hi_03_of_two_results_for_one_call_the_last_is_sent(backend: Backend, client: Client) -> None:
    messages = [user("a"), assistant(use("t", "Bash", command="x")), user(result("t", "alt"), result("t", "neu"))]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert list(sent.results.values()) == ["neu"]


ORDERS: dict[str, list[Any]] = {
    "text before the results": [user("warte", result("a", "A"), result("b", "B"))],
    "results in two messages": [user(result("a", "A")), user(result("b", "B"), "warte")],
    "text between them": [user(result("a", "A"), "warte", result("b", "B"))],
    "in another order": [user(result("b", "B"), result("a", "A"), "warte")],
    "a message between": [user("warte"), user(result("a", "A")), user(result("b", "B"))],
    "a system message between": [
        user(result("a", "A")),
        {"role": "system", "content": "warte"},
        user(result("b", "B")),
    ],
}


@pytest.mark.parametrize("order", ORDERS)
@ANY_MODEL
def test_hi_04_results_stand_right_behind_their_calls(backend: Backend, client: Client, order: str, model: str) -> None:
    calls = assistant(use("a", "Bash", command="1"), use("b", "Bash", command="2"))
    sent = sent_for(backend, client, [user("los"), calls, *ORDERS[order]], tools=TOOLS, model=model)
    assert roles(sent)[:4] == ["user", "assistant", "tool", "tool"]
    assert [sent.results[call["id"]] for call in sent.calls()] == ["A", "B"]
    assert "warte" in json.dumps(sent.messages[-1])
    assert sent.text().count("warte") == 1


# -- HI-05 to HI-07: pictures and documents -------------------------------------------------------------------------


@ANY_MODEL
def test_hi_05_a_picture_beside_a_result_is_shown(backend: Backend, client: Client, model: str) -> None:
    messages = [
        user("sieh nach"),
        assistant(use("t", "Bash", command="shot")),
        user(result("t", "gespeichert"), image(), "Was ist das?"),
    ]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model)
    assert roles(sent) == ["user", "assistant", "tool", "user"]
    assert [part["image_url"]["url"] for part in sent.parts("image_url")] == [f"data:image/png;base64,{PNG}"]
    assert "Was ist das?" in json.dumps(sent.messages[-1], ensure_ascii=False)


BIG = base64.b64encode(bytes(range(256)) * 800).decode()


@ANY_MODEL
@pytest.mark.parametrize("beside", [True, False], ids=["with text", "alone"])
def test_hi_06_a_picture_in_a_result_is_a_picture_and_no_text(
    backend: Backend, client: Client, model: str, *, beside: bool
) -> None:
    content = [text("Bildschirm 3"), image(BIG, "image/jpeg")] if beside else [image(BIG, "image/jpeg")]
    messages = [user("zeig"), assistant(use("t", "Read", file_path="a.jpg")), user(result("t", content))]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model)
    tools = [message for message in sent.messages if message["role"] == "tool"]
    assert all(len(json.dumps(message)) < 1024 for message in tools)
    assert [part["image_url"]["url"] for part in sent.parts("image_url")] == [f"data:image/jpeg;base64,{BIG}"]
    assert sent.text().count(BIG) == 1


def test_hi_06_pictures_of_parallel_results_follow_all_of_them(backend: Backend, client: Client) -> None:
    calls = assistant(use("a", "Read", file_path="1.png"), use("b", "Read", file_path="2.png"))
    messages = [user("vergleiche"), calls, user(result("a", [image()]), result("b", [image(BIG)]))]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert roles(sent) == ["user", "assistant", "tool", "tool", "user"]
    assert len(sent.parts("image_url")) == 2


def test_hi_06_pictures_in_earlier_turns_keep_their_place(backend: Backend, client: Client) -> None:
    messages = [
        user("a"),
        assistant(use("a", "Read", file_path="1.png")),
        user(result("a", [image()])),
        assistant("ein Punkt"),
        user("danke"),
    ]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert roles(sent) == ["user", "assistant", "tool", "user", "assistant", "user"]
    assert sent.messages[-3]["content"][-1]["type"] == "image_url"


def document(*pages: str, **more: Any) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "application/pdf", "data": pdf_base64(*pages)}
    return {"type": "document", "source": source, **more}


def readable(sent: Received, words: str) -> bool:
    """Whether the model can read the words: as text, or as a file that holds them."""
    return words in sent.text() or bool(sent.parts("file"))


@pytest.mark.parametrize("place", ["user", "tool_result"])
@ANY_MODEL
def test_hi_07_a_pdf_reaches_the_model(backend: Backend, client: Client, place: str, model: str) -> None:
    paper = document("Invoice 4711: 99 crowns", title="invoice.pdf")
    messages = (
        [user(paper, "Wie viel?")]
        if place == "user"
        else [user("lies"), assistant(use("t", "Read", file_path="r.pdf")), user(result("t", [paper]))]
    )
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model)
    assert readable(sent, "Invoice 4711: 99 crowns")
    assert "application/pdf" not in "".join(sent.results.values())


def test_hi_07_a_pdf_of_several_pages_is_read_whole(backend: Backend, client: Client) -> None:
    sent = sent_for(backend, client, [user(document("first leaf", "second leaf", "third leaf"), "?")])
    assert all(readable(sent, words) for words in ("first leaf", "second leaf", "third leaf"))


def test_hi_07_a_pdf_nobody_can_read_leaves_a_word_to_the_model_and_a_note(backend: Backend, client: Client) -> None:
    backend.play([say("gut")])
    broken = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(b"%PDF-1.4 nix").decode()}
    heard = client.ask(messages=[user({"type": "document", "source": broken}, "Wie viel?")])
    assert heard.status == 200
    assert "Wie viel?" in backend.chats[0].text()
    assert "could not be read" in backend.chats[0].text()
    assert "document-unreadable" in heard.notes


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "Zeile größer"},
        {"type": "content", "content": "Zeile größer"},
        {"type": "content", "content": [{"type": "text", "text": "Zeile größer"}]},
    ],
    ids=["text", "content string", "content blocks"],
)
def test_hi_07_plain_documents_are_text(backend: Backend, client: Client, source: dict[str, Any]) -> None:
    paper = {"type": "document", "source": source, "title": "notiz.txt", "context": "vom Chef"}
    sent = sent_for(backend, client, [user(paper, "Kurz?")])
    assert all(words in sent.text() for words in ("Zeile größer", "notiz.txt", "vom Chef", "Kurz?"))


# -- HI-08 to HI-13: thinking ---------------------------------------------------------------------------------------

THOUGHTS: dict[str, dict[str, Any]] = {
    "no signature": {"type": "thinking", "thinking": "hm"},
    "an empty signature": {"type": "thinking", "thinking": "hm", "signature": ""},
    "a null signature": {"type": "thinking", "thinking": "hm", "signature": None},
    "more fields": {"type": "thinking", "thinking": "hm", "signature": "x", "estimated_tokens": 5, "cache": {}},
    "a foreign signature": {"type": "thinking", "thinking": "hm", "signature": "EqQBCkYIBxgCKkBv" * 20},
    "a cut signature": {"type": "thinking", "thinking": "hm", "signature": "px1.eJy"},
    "empty thinking": {"type": "thinking", "thinking": "", "signature": ""},
    "empty thinking with a signature": {"type": "thinking", "thinking": "", "signature": "EqQBCkYIBxgC"},
    "redacted": {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"},
}


@pytest.mark.parametrize("thought", THOUGHTS)
@ANY_MODEL
@pytest.mark.parametrize("called", [True, False], ids=["with a call", "without"])
def test_hi_08_no_thinking_block_fails_a_request_whatever_its_signature(
    backend: Backend, client: Client, thought: str, model: str, *, called: bool
) -> None:
    said = assistant(THOUGHTS[thought], "also", *([use("t", "Bash", command="x")] if called else []))
    after = user(result("t", "fertig")) if called else user("und?")
    thinking = {"type": "enabled", "budget_tokens": 1024}
    sent = sent_for(backend, client, [user("a"), said, after], tools=TOOLS, model=model, thinking=thinking)
    reply = next(message for message in sent.messages if message["role"] == "assistant")
    assert reply["content"] == "also"
    assert "signature" not in json.dumps(reply)


@pytest.mark.parametrize("model", ["deepseek-v4-flash", "gpt-5.4", "kimi-k2.6"])
def test_hi_09_reasoning_of_one_model_does_not_fail_another(backend: Backend, client: Client, model: str) -> None:
    backend.play([answer(Thought("geheimer Gedanke"), Call("Bash", {"command": "ls"})), say("gut")])
    first = client.ask(model="some-local-model", tools=TOOLS, stream=True)
    messages = [user("a"), first.turn(), user(result(first.ids[0], "x"))]
    assert client.ask(model=model, tools=TOOLS, messages=messages).text == "gut"
    assert first.content[0]["signature"] not in backend.chats[-1].text()


@pytest.mark.parametrize("place", [1, 2])
def test_hi_11_thinking_behind_text_or_calls_is_no_problem(backend: Backend, client: Client, place: int) -> None:
    blocks = [text("ich sehe nach"), use("t", "Bash", command="x")]
    blocks.insert(place, {"type": "thinking", "thinking": "hm", "signature": "s"})
    messages = [user("a"), assistant(*blocks), user(result("t", "ok"))]
    sent = sent_for(backend, client, messages, tools=TOOLS, thinking={"type": "adaptive"})
    assert roles(sent) == ["user", "assistant", "tool"]
    assert sent.messages[1]["content"] == "ich sehe nach"


REPLAYERS = ["deepseek-v4-flash", "deepseek-reasoner", "kimi-k2.6", "kimi-k2-thinking", "moonshotai/kimi-k2.5"]


@pytest.mark.parametrize("model", REPLAYERS)
@both
def test_hi_12_reasoning_goes_back_where_the_model_wants_it(
    backend: Backend, client: Client, model: str, *, stream: bool
) -> None:
    backend.play([answer(Thought("Erst listen, dann lesen."), Call("Bash", {"command": "ls"})), say("gut")])
    thinking = {"type": "enabled", "budget_tokens": 2000}
    first = client.ask(model=model, tools=TOOLS, thinking=thinking, stream=stream, max_tokens=4000)
    assert first.kinds == ["thinking", "tool_use"]
    messages = [user("a"), first.turn(), user(result(first.ids[0], "b.txt"))]
    client.ask(model=model, tools=TOOLS, thinking=thinking, messages=messages, stream=stream, max_tokens=4000)
    reply = backend.chats[-1].messages[1]
    assert reply["reasoning_content"] == "Erst listen, dann lesen."
    assert reply["tool_calls"][0]["function"]["name"] == "Bash"


@pytest.mark.parametrize("model", REPLAYERS)
@pytest.mark.parametrize("thinking", [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}, None])
def test_hi_12_reasoning_the_client_lost_is_stood_in_for(
    backend: Backend, client: Client, model: str, thinking: Any
) -> None:
    messages = [user("a"), assistant("gleich", use("t", "Bash", command="ls")), user(result("t", "b"))]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model, thinking=thinking)
    assert sent.messages[1]["reasoning_content"]


@pytest.mark.parametrize("model", [*REPLAYERS, "deepseek-chat"])
@pytest.mark.parametrize("signature", ["", "ErUBCkYIBxgC"], ids=["unsigned", "foreign"])
def test_hi_12_thinking_without_a_seal_of_ours_goes_back_as_text(
    backend: Backend, client: Client, model: str, signature: str
) -> None:
    thought = {"type": "thinking", "thinking": "Erst listen.", "signature": signature}
    messages = [user("a"), assistant(thought, use("t", "Bash", command="ls")), user(result("t", "b"))]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model)
    assert sent.messages[1]["reasoning_content"] == "Erst listen."


def test_hi_12_a_model_that_thinks_when_told_gets_no_thought_it_never_had(backend: Backend, client: Client) -> None:
    messages = [user("a"), assistant(use("t", "Bash", command="ls")), user(result("t", "b"))]
    sent = sent_for(backend, client, messages, tools=TOOLS, model="deepseek-chat")
    assert "reasoning_content" not in sent.messages[1]


@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-4.1", "mistral-large"])
def test_hi_12_other_models_get_no_reasoning_they_never_sent(backend: Backend, client: Client, model: str) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    messages = [user("a"), assistant(thought, use("t", "Bash", command="ls")), user(result("t", "b"))]
    sent = sent_for(backend, client, messages, tools=TOOLS, model=model)
    assert "reasoning" not in json.dumps(sent.messages)


@pytest.mark.parametrize("effort", ["low", "high", "xhigh", "max"])
@ANY_MODEL
def test_hi_13_thinking_disabled_beats_an_effort(backend: Backend, client: Client, effort: str, model: str) -> None:
    fields: dict[str, Any] = {"thinking": {"type": "disabled"}, "output_config": {"effort": effort}}
    sent = sent_for(backend, client, [user("a")], model=model, **fields)
    assert sent.body.get("reasoning_effort") in (None, "none", "minimal")


# -- HI-14: names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["x" * 300, "Read file /etc/passwd\n" * 12, "mcp__größe__" + "a" * 80, "läs.fil", "Bash command"]
)
def test_hi_14_a_hallucinated_tool_name_in_the_history_is_legal_upstream(
    backend: Backend, client: Client, name: str
) -> None:
    messages = [user("a"), assistant(use("t", name, x=1)), user(result("t", "no such tool", is_error=True))]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent.calls()[0]["function"]["name"])


@both
def test_hi_14_a_hallucinated_name_in_an_answer_does_not_poison_the_session(
    backend: Backend, client: Client, *, stream: bool
) -> None:
    backend.play([answer(Call("Let me read the file. " * 20, {"x": 1})), say("gut")])
    heard = client.ask(tools=TOOLS, stream=stream)
    assert all(len(name) <= 200 for name, _ in heard.calls)
    back = [user("a"), heard.turn(), user(*(result(call_id, "?", is_error=True) for call_id in heard.ids), "weiter")]
    assert client.ask(messages=back, tools=TOOLS).text == "gut"


# -- HI-15 to HI-18 -------------------------------------------------------------------------------------------------

AGENTS = "Verfügbare Agenten: Prüfer, Schreiber"


@pytest.mark.parametrize("content", [AGENTS, [text(AGENTS)]], ids=["string", "blocks"])
@pytest.mark.parametrize("place", ["behind the user", "between turns", "behind results", "first"])
@ANY_MODEL
def test_hi_15_a_system_message_among_the_messages_is_said_once_and_in_its_place(
    backend: Backend, client: Client, content: Any, place: str, model: str
) -> None:
    extra = {"role": "system", "content": content}
    called = [user("hallo"), assistant(use("t", "Bash", command="x")), user(result("t", "ok"))]
    messages = {
        "behind the user": [user("hallo"), extra],
        "between turns": [user("hallo"), assistant("ja?"), extra, user("hilf")],
        "behind results": [*called, extra],
        "first": [extra, user("hallo")],
    }[place]
    sent = sent_for(backend, client, messages, tools=TOOLS, system="Du hilfst.", model=model)
    assert sent.text().count(AGENTS) == 1
    assert sent.messages[0]["role"] in {"system", "developer"}
    if place != "first":
        assert AGENTS not in json.dumps(sent.messages[0], ensure_ascii=False), "hoisted: the prefix cache is gone"


def test_hi_15_a_server_that_wants_system_first_learns_no_400(backend: Backend, client: Client) -> None:
    messages = [user("hallo"), assistant("ja?"), {"role": "system", "content": AGENTS}, user("hilf")]
    sent = sent_for(backend, client, messages, system="Du hilfst.", model="qwen3.5-35b")
    assert [message["role"] for message in sent.messages].count("system") == 1


@pytest.mark.parametrize("thinking", [None, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024}])
@pytest.mark.parametrize("content", ['{"answer":', [text('{"answer":')]], ids=["string", "blocks"])
@both
def test_hi_16_a_prefilled_answer_goes_on(
    backend: Backend, client: Client, thinking: Any, content: Any, *, stream: bool
) -> None:
    messages = [user("Antworte als JSON"), {"role": "assistant", "content": content}]
    backend.play([say(" 42}")])
    heard = client.ask(messages=messages, thinking=thinking, stream=stream)
    assert heard.text == " 42}"
    sent = backend.chats[0]
    assert '{\\"answer\\":' in sent.text()


def test_hi_16_an_answer_that_repeats_its_prefill_does_not_say_it_twice(backend: Backend, client: Client) -> None:
    backend.play([say('{"answer": 42}')])
    messages = [user("Antworte als JSON"), assistant('{"answer":')]
    assert client.ask(messages=messages, stream=True).text == " 42}"


EMPTY: dict[str, Any] = {
    "an empty list": {"role": "user", "content": []},
    "an empty string": {"role": "user", "content": ""},
    "white space": {"role": "user", "content": " \n"},
    "an empty block": {"role": "user", "content": [text("")]},
    "an empty answer": {"role": "assistant", "content": []},
    "an answer of an empty string": {"role": "assistant", "content": ""},
}


@pytest.mark.parametrize("empty", EMPTY)
@ANY_MODEL
def test_hi_17_an_empty_message_is_not_sent(backend: Backend, client: Client, empty: str, model: str) -> None:
    messages = [user("eins"), assistant("zwei"), EMPTY[empty], user("drei")]
    sent = sent_for(backend, client, messages, model=model)
    assert all(message["content"] for message in sent.messages)
    assert [message["content"] for message in sent.messages if message["role"] == "assistant"] == ["zwei"]


LAST: dict[str, Any] = {
    **{name: message for name, message in EMPTY.items() if message["role"] == "user"},
    "a repeated result": user(result("call", "noch einmal")),
    "a document of nothing": user({"type": "document", "source": {"type": "content", "content": []}}),
}


@pytest.mark.parametrize("last", LAST)
@ANY_MODEL
def test_hi_16_17_a_last_user_message_of_nothing_is_no_prefill(
    backend: Backend, client: Client, last: str, model: str
) -> None:
    messages = [user("a"), assistant(use("call", "Bash", command="ls")), user(result("call")), assistant("zwei")]
    sent = sent_for(backend, client, [*messages, LAST[last]], model=model, tools=TOOLS)
    assert roles(sent)[-2:] == ["assistant", "user"]
    assert sent.messages[-2]["content"] == "zwei"
    assert "Continue" not in sent.text()
    assert sent.messages[-1]["content"]


def test_hi_17_a_last_message_of_nothing_but_old_system_words_is_none(backend: Backend, client: Client) -> None:
    messages = [user("a"), assistant("b"), {"role": "user", "content": ""}, {"role": "system", "content": "Erinnerung"}]
    sent = sent_for(backend, client, messages)
    assert roles(sent) == ["user", "assistant", "user"]
    assert "Erinnerung" in sent.text()


DIALECTS = [
    "deepseek",
    "kimi",
    "glm",
    "vllm",
    "openrouter",
    "mistral",
    "qwen",
    "minimax",
    "ollama",
    "llamacpp",
    "openai",
]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hi_10_12_a_turn_of_nothing_but_thinking_is_no_empty_message(dialect: str) -> None:
    with Backend(rules=lambda _: []) as lenient, asked_through(lenient, DIALECT=dialect) as client:
        thought = Thought("Ich überlege noch.")
        lenient.play([Answer([thought], finish="length"), *([say("gut")] * 3)])
        cut = client.ask(messages=[user("rechne")], stream=True)
        histories = [
            [user("rechne"), cut.turn(), user("weiter")],
            [user("rechne"), cut.turn()],
            [user("rechne"), assistant({"type": "thinking", "thinking": "fremd", "signature": "x"}), user("weiter")],
        ]
        for messages in histories:
            heard = client.ask(messages=messages)
            assert heard.text == "gut", heard.raw
            sent = lenient.chats[-1].messages
            assert all(message.get("content") or message.get("tool_calls") for message in sent), sent
            assert sent[-1]["role"] == "user"


def test_hi_17_an_empty_result_is_a_result(backend: Backend, client: Client) -> None:
    calls = assistant(use("a", "Bash", command="1"), use("b", "Bash", command="2"), use("c", "Bash", command="3"))
    empty = user(result("a", ""), result("b", []), {"type": "tool_result", "tool_use_id": "c"})
    sent = sent_for(backend, client, [user("los"), calls, empty], tools=TOOLS)
    assert roles(sent) == ["user", "assistant", "tool", "tool", "tool"]
    assert all(isinstance(message["content"], str) for message in sent.messages if message["role"] == "tool")


MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


@ANY_MODEL
@both
def test_hi_18_cache_marks_in_every_place_reach_no_backend_that_knows_none(
    backend: Backend, client: Client, model: str, *, stream: bool
) -> None:
    messages = [
        user({**text("a"), **MARK}, {**image(), **MARK}),
        assistant({**text("b"), **MARK}, {**use("t", "Bash", command="x"), **MARK}),
        user({**result("t", [{**text("ok"), **MARK}]), **MARK}),
    ]
    fields: dict[str, Any] = {
        "system": [
            {**text("Sei nett."), **MARK},
            {**text("Immer."), "cache_control": {"type": "ephemeral", "scope": "global"}},
        ],
        "tools": [{**BASH, **MARK}, {**READ, **MARK}],
        **MARK,
    }
    sent = sent_for(backend, client, messages, model=model, stream=stream, **fields)
    assert "cache_control" not in sent.text()
    assert roles(sent) == ["user", "assistant", "tool"]


def test_hi_10_thinking_that_is_hidden_comes_back_to_the_model_all_the_same(backend: Backend, client: Client) -> None:
    backend.play([answer(Thought("verborgen"), Call("Bash", {"command": "ls"})), say("gut")])
    thinking = {"type": "adaptive", "display": "omitted"}
    first = client.ask(model="deepseek-v4-flash", tools=TOOLS, thinking=thinking, stream=True)
    assert first.thinking == ""
    assert first.content[0]["signature"]
    client.ask(
        model="deepseek-v4-flash",
        tools=TOOLS,
        thinking=thinking,
        messages=[user("a"), first.turn(), user(result(first.ids[0], "b"))],
    )
    assert backend.chats[-1].messages[1]["reasoning_content"] == "verborgen"


def test_hi_04_a_long_session_with_every_fault_heals(backend: Backend, client: Client) -> None:
    messages: list[Any] = [user(result("old", "Rest"))]
    for turn in range(30):
        messages += [
            assistant("", use("call_0", "Bash", command=str(turn)), use("call_0", "Read", file_path="x")),
            user("", result("call_0", f"r{turn}") if turn % 3 else "unterbrochen"),
        ]
    sent = sent_for(backend, client, messages, tools=TOOLS)
    assert len(sent.results) == 60


def test_hi_18_a_tool_property_named_cache_control_stays(backend: Backend, client: Client) -> None:
    declared = {
        "name": "Header",
        "input_schema": {"type": "object", "properties": {"cache_control": {"type": "string"}}},
    }
    sent = sent_for(backend, client, [user("a")], tools=[declared])
    assert sent.tools["Header"]["parameters"]["properties"] == {"cache_control": {"type": "string"}}


def test_hi_05_a_whole_answer_to_a_picture(backend: Backend, client: Client) -> None:
    backend.play([completion({"content": "ein Punkt"})])
    url = {"type": "image", "source": {"type": "url", "url": "https://example.com/punkt.png"}}
    heard = client.ask(messages=[user(url, "Was?")], model="gpt-5.4")
    assert heard.text == "ein Punkt"
    assert backend.chats[0].parts("image_url")[0]["image_url"]["url"] == "https://example.com/punkt.png"
