"""Reasoning that comes back from a client, and what a backend gets of it."""

import pytest

from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.envelope import Envelope, digest, seal
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.thinking import BYPASS, Reader, Recalled, filled, signed, with_reasoning

KEY = b"a key"
DETAILS = [{"type": "reasoning.encrypted", "data": "xyz", "index": 0}]


def thought(shown="I think", *, key=KEY, **envelope):
    sealed = Envelope(**{"backend": "b", "model": "m", "digest": digest(shown), **envelope})
    return {"type": "thinking", "thinking": shown, "signature": seal(sealed, key)}


def recalled(*blocks, **dialect):
    notes = Notes()
    reader = Reader(backend="b", model="m", seal=KEY, dialect=Dialect(name="d", **dialect), notes=notes)
    return reader.recall(blocks, "messages.1"), notes.codes()


INSISTS = {"replay": "reasoning_content", "replay_required": "with_tools"}


def test_our_own_reasoning_comes_back_whole():
    block = thought(details=DETAILS, calls={"t1": "sig"}, field="reasoning")
    assert recalled(block) == (Recalled("I think", DETAILS, {"t1": "sig"}, "reasoning", own=True), [])


def test_reasoning_the_client_was_not_shown_comes_from_the_envelope():
    assert recalled(thought("", text="hidden"))[0].text == "hidden"


def test_several_blocks_of_one_turn_are_joined():
    first, second = thought("a", details=DETAILS, calls={"x": "1"}), thought("b", details=DETAILS, calls={"y": "2"})
    assert recalled(first, {"type": "text", "text": "no thought"}, second)[0] == Recalled(
        "a\nb", [*DETAILS, *DETAILS], {"x": "1", "y": "2"}, "reasoning_content", own=True
    )


def test_an_envelope_in_a_redacted_block_opens_too():
    block = {"type": "redacted_thinking", "data": thought("", text="hidden")["signature"]}
    assert recalled(block) == (Recalled("hidden", [], {}, "reasoning_content", own=True), [])


FOREIGN = {
    "signed by another provider": {"type": "thinking", "thinking": "I think", "signature": "EqoBCkgIARABGAIiQL8"},
    "not signed": {"type": "thinking", "thinking": "I think"},
    "an empty signature": {"type": "thinking", "thinking": "I think", "signature": ""},
    "a signature that is no text": {"type": "thinking", "thinking": "I think", "signature": 5},
    "a forged signature": {"type": "thinking", "thinking": "I think", "signature": "px1.eJw.AAAA"},
    "sealed with another key": thought(key=b"another", details=DETAILS),
}


@pytest.mark.parametrize("block", FOREIGN.values(), ids=FOREIGN)
def test_foreign_reasoning_is_dropped(block):
    assert recalled(block) == (Recalled(), ["thinking-foreign"])


@pytest.mark.parametrize("block", FOREIGN.values(), ids=FOREIGN)
def test_foreign_reasoning_keeps_its_text_where_the_backend_insists_on_some(block):
    assert recalled(block, **INSISTS) == (Recalled("I think"), ["thinking-foreign"])


@pytest.mark.parametrize("data", ["encrypted", "", None, 7, "px1.x.y"])
def test_redacted_reasoning_of_others_is_dropped(data):
    assert recalled({"type": "redacted_thinking", "data": data}, **INSISTS) == (Recalled(), ["thinking-redacted"])


@pytest.mark.parametrize("other", [{"model": "n"}, {"backend": "c"}], ids=["another model", "another backend"])
def test_after_a_switch_the_state_is_dropped(other):
    block = thought(details=DETAILS, calls={"t": "s"}, **other)
    assert recalled(block) == (Recalled(), ["thinking-other-model"])
    assert recalled(block, **INSISTS) == (Recalled("I think"), ["thinking-other-model"])


def test_reasoning_whose_signature_its_own_backend_refuses_loses_its_state():
    block, refused = thought(details=DETAILS, calls={"t": "s"}), {"trusts_signatures": False}
    assert recalled(block, **refused) == (Recalled(), ["thinking-refused"])
    assert recalled(block, **refused, **INSISTS) == (Recalled("I think"), ["thinking-refused"])
    assert recalled(thought(details=DETAILS, model="n"), **refused) == (Recalled(), ["thinking-other-model"])
    assert recalled(FOREIGN["not signed"], **refused) == (Recalled(), ["thinking-foreign"])


def test_edited_reasoning_loses_its_state():
    block = {**thought("I think", details=DETAILS), "thinking": "You think"}
    assert recalled(block) == (Recalled(), ["thinking-edited"])
    assert recalled(block, **INSISTS) == (Recalled("You think"), ["thinking-edited"])


# -- into the message -----------------------------------------------------------------------------------------------


def replayed(replay, known, content="answer"):
    message = {"role": "assistant", "content": content}
    sent = with_reasoning(message, known, Dialect(name="d", replay=replay))
    assert message == {"role": "assistant", "content": content}
    return {name: value for name, value in sent.items() if message.get(name) != value}


TEXT = Recalled("why", own=True, field="reasoning")


def test_no_replay():
    assert replayed("none", TEXT) == {}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_replay_as_a_field(field):
    assert replayed(field, TEXT) == {field: "why"}
    assert replayed(field, Recalled()) == {}


def test_replay_of_details_as_they_came():
    assert replayed("reasoning_details", Recalled("why", DETAILS, own=True)) == {"reasoning_details": DETAILS}
    assert replayed("reasoning_details", Recalled("", DETAILS, own=True)) == {"reasoning_details": DETAILS}
    assert replayed("reasoning_details", TEXT) == {"reasoning": "why"}


def test_replay_as_a_tag():
    assert replayed("think_tag", TEXT) == {"content": "<think>\nwhy\n</think>\nanswer"}
    assert replayed("think_tag", TEXT, content="") == {"content": "<think>\nwhy\n</think>\n"}


def test_replay_as_parts_of_the_content():
    chunk = {"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}
    assert replayed("thinking_parts", TEXT) == {"content": [chunk, {"type": "text", "text": "answer"}]}
    assert replayed("thinking_parts", TEXT, content="") == {"content": [chunk]}
    with_signature = Recalled("why", [{"type": "thinking", "signature": "s"}], own=True)
    assert replayed("thinking_parts", with_signature, content="") == {"content": [{**chunk, "signature": "s"}]}


def test_replay_in_the_field_it_came_in():
    assert replayed("own", TEXT) == {"reasoning": "why"}
    assert replayed("own", Recalled("why", own=True, field="think_tag")) == {
        "content": "<think>\nwhy\n</think>\nanswer"
    }
    assert replayed("own", Recalled("why", DETAILS, own=True, field="reasoning_details")) == {
        "reasoning_details": DETAILS
    }
    assert replayed("own", Recalled("why")) == {}


# -- signatures of calls --------------------------------------------------------------------------------------------


def signatures(known, *names, **dialect):
    notes = Notes()
    calls = {name: {"id": name} for name in names}
    signed(calls, known, Dialect(name="d", **{"call_signatures": True, **dialect}), notes, "messages.1")
    found = {
        name: call["extra_content"]["google"]["thought_signature"]
        for name, call in calls.items()
        if "extra_content" in call
    }
    return found, notes.codes()


def test_a_signature_returns_to_its_call():
    assert signatures(Recalled(calls={"a": "sig"}, own=True), "a", "b") == ({"a": "sig"}, [])


def test_a_renamed_call_keeps_its_signature():
    assert signatures(Recalled(calls={"call_0": "sig"}, own=True), "call_0_2")[0] == {"call_0_2": "sig"}


def test_a_lost_signature_is_bypassed_where_the_backend_insists():
    assert signatures(Recalled(), "a", "b", replay_required="with_tools") == ({"a": BYPASS}, ["thinking-lost"])
    assert signatures(Recalled(), "a", "b") == ({}, [])
    assert signatures(Recalled(), replay_required="with_tools") == ({}, [])


def test_signatures_stay_away_from_others():
    assert signatures(Recalled(calls={"a": "sig"}, own=True), "a", call_signatures=False) == ({}, [])


# -- lost reasoning -------------------------------------------------------------------------------------------------


def fill(*turns, **dialect):
    """Fill turns given as (has calls, what is known), and return (thinking off, the fields put in, notes)."""
    notes = Notes()
    entries = [
        ({"role": "assistant", "content": "x", **({"tool_calls": [{}]} if calls else {})}, known, f"messages.{number}")
        for number, (calls, known) in enumerate(turns)
    ]
    off = filled(entries, Dialect(name="d", **{**INSISTS, **dialect}), notes)
    return off, [message.get("reasoning_content") for message, _, _ in entries], notes.codes()


KEPT = Recalled("why", own=True)


def test_nothing_is_lost():
    assert fill((True, KEPT), (False, Recalled()), replay_fallback="disable") == (False, [None, None], [])


def test_where_nothing_stands_for_it_nothing_is_told():
    assert fill((True, Recalled())) == (False, [None], [])


def test_lost_and_a_space_sent():
    assert fill((True, Recalled()), (False, Recalled()), replay_fallback="space") == (
        False,
        [" ", None],
        ["thinking-lost"],
    )


def test_lost_and_thinking_switched_off():
    assert fill((True, Recalled()), replay_fallback="disable") == (True, [None], ["thinking-lost"])


def test_a_call_without_a_thought_among_others_with_one_does_not_switch_thinking_off():
    assert fill((True, KEPT), (True, Recalled()), replay_fallback="disable") == (False, [None, " "], [])


def test_where_every_turn_needs_reasoning():
    assert fill((False, Recalled()), replay_required="always", replay_fallback="space") == (
        False,
        [" "],
        ["thinking-lost"],
    )


def test_foreign_text_is_as_good_as_reasoning():
    assert fill((True, Recalled("their thought")), replay_fallback="disable") == (False, [None], [])


def test_a_backend_that_does_not_insist_loses_nothing():
    assert fill((True, Recalled()), replay_required="never", replay_fallback="disable") == (False, [None], [])
    assert fill((True, Recalled()), replay="none", replay_fallback="disable") == (False, [None], [])


@pytest.mark.parametrize("replay", ["none", "reasoning_content", "reasoning_details", "thinking_parts"])
def test_where_only_signed_thoughts_count_the_model_does_not_think_without_them(replay):
    off, put, codes = fill((True, Recalled("their thought")), replay=replay, replay_fallback="signed")
    assert (off, put, codes) == (True, [None], ["thinking-lost"])
    assert fill((False, Recalled()), replay=replay, replay_fallback="signed") == (False, [None], [])


def test_where_only_signed_thoughts_count_its_own_are_as_good_as_ever():
    signed_thought = Recalled("why", [{"type": "reasoning.text", "signature": "Eq"}], own=True)
    assert fill((True, signed_thought), replay="reasoning_details", replay_fallback="signed") == (False, [None], [])
