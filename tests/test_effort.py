"""Thinking and effort: what the client says, as one intent, and the intent in a backend's words."""

from dataclasses import replace

import pytest

from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.effort import Intent, effort_fields, merge, read_intent, will_think
from claude_code_proxy.translate.notes import Notes

WORDS = Dialect(name="words", efforts=("minimal", "low", "medium", "high"))
ALL_WORDS = replace(WORDS, efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"))
NO_WORDS = replace(WORDS, efforts=())
OBJECT = replace(
    WORDS,
    efforts=("low", "high", "max"),
    thinking_on={"thinking": {"type": "enabled", "keep": "all"}},
    thinking_off={"thinking": {"type": "disabled"}},
)
BUDGET = replace(NO_WORDS, thinking_on={"enable_thinking": True}, budget_path=("thinking_budget",))
NESTED = replace(ALL_WORDS, effort_path=("reasoning", "effort"), budget_path=("reasoning", "max_tokens"))

ADAPTIVE = {"thinking": {"type": "adaptive"}}
DISABLED = {"thinking": {"type": "disabled"}}


ONLY_OFF = replace(NO_WORDS, efforts=("none",))


def enabled(budget=None):
    return {"thinking": {"type": "enabled", **({} if budget is None else {"budget_tokens": budget})}}


def effort(word):
    return {"output_config": {"effort": word}}


def system(word=None, **more):
    return {"role": "system", "content": [], **({} if word is None else effort(word)), **more}


def passing(word):
    return system(word, clear_at="next_user_message")


def user():
    return {"role": "user", "content": "hi"}


def said(request, dialect):
    notes = Notes()
    return effort_fields(read_intent(request), dialect, notes), notes.codes()


@pytest.mark.parametrize(
    ("request_", "intent"),
    [
        pytest.param({}, Intent(), id="nothing said"),
        pytest.param(effort("high"), Intent(effort="high"), id="effort alone leaves the rest to the model"),
        pytest.param(ADAPTIVE, Intent(on=True), id="adaptive"),
        pytest.param(ADAPTIVE | effort("xhigh"), Intent(on=True, effort="xhigh"), id="adaptive with effort"),
        pytest.param(enabled(4096), Intent(on=True, budget=4096), id="enabled with a budget"),
        pytest.param(enabled(4096) | effort("low"), Intent(on=True, effort="low", budget=4096), id="both"),
        pytest.param(enabled(), Intent(on=True), id="enabled without its budget"),
        pytest.param(DISABLED, Intent(on=False, hidden=True), id="disabled"),
        pytest.param(
            DISABLED | effort("high"),
            Intent(on=False, effort="high", hidden=True),
            id="disabled wins over effort, HI-13",
        ),
        pytest.param({"thinking": {"type": "between_tools"}}, Intent(on=False), id="between_tools may show notes"),
        pytest.param({"thinking": {"type": "later"}}, Intent(), id="a type nobody knows, PA-09"),
        pytest.param({"thinking": None, "output_config": None}, Intent(), id="nulls"),
        pytest.param({"thinking": "on", "output_config": ["high"]}, Intent(), id="other shapes"),
        pytest.param(effort(3), Intent(), id="effort as a number"),
        pytest.param(effort("none"), Intent(on=False), id="effort none"),
        pytest.param(
            {"thinking": {"type": "adaptive", "display": "omitted"}}, Intent(on=True, visible=False), id="omitted"
        ),
        pytest.param({"thinking": {"type": "adaptive", "display": "updates"}}, Intent(on=True), id="updates are shown"),
        pytest.param({"thinking": {"type": "adaptive", "display": "summarized"}}, Intent(on=True), id="summarized"),
    ],
)
def test_intent(request_, intent):
    assert read_intent(request_) == intent


@pytest.mark.parametrize(
    ("request_", "brief"),
    [
        ({"max_tokens": 64}, True),
        ({"max_tokens": 1023}, True),
        ({"max_tokens": 1024}, False),
        ({"max_tokens": 0}, False),
        ({"max_tokens": 64, "tools": []}, True),
        ({"max_tokens": 64, "tools": [{"name": "Read"}]}, False),
        ({"max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}, True),
        ({"max_tokens": 64, "messages": [{"role": "assistant", "content": "hi"}]}, False),
        ({"max_tokens": 64} | ADAPTIVE, False),
        ({"max_tokens": 64} | effort("low"), False),
        ({"max_tokens": 64} | DISABLED, False),
    ],
)
def test_an_answer_is_brief_where_a_thought_would_leave_nothing_of_it(request_, brief):
    assert read_intent(request_).brief is brief


def test_a_backend_that_thinks_by_itself_is_told_not_to_for_a_brief_answer():
    """Titles and classifiers come without a word on thinking, and a reasoning model would answer them with nothing."""
    assert said({"max_tokens": 64}, OBJECT) == (OBJECT.thinking_off, [])
    for dialect in (WORDS, ALL_WORDS, NO_WORDS):
        assert said({"max_tokens": 64}, dialect) == ({}, [])


def test_the_latest_effort_on_a_system_message_counts():
    request = effort("low") | {"messages": [system("high"), {"role": "user", "content": "hi"}, system("max"), system()]}
    assert read_intent(request).effort == "max"


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        ([user(), passing("max")], "max"),
        ([passing("max"), user()], "low"),
        ([system("high"), user(), passing("max"), user()], "high"),
        ([passing("max"), system("high"), user()], "high"),
        ([user(), passing("max"), {"role": "assistant", "content": "hi"}], "max"),
        ([user(), system("max", clear_at="never"), user()], "max"),
    ],
)
def test_the_effort_of_a_message_goes_with_it_when_it_is_cleared(messages, word):
    assert read_intent(effort("low") | {"messages": messages}).effort == word


def test_effort_on_a_user_message_means_nothing():
    assert read_intent({"messages": [{"role": "user", "content": "hi", **effort("max")}]}).effort is None


@pytest.mark.parametrize(
    ("word", "sent"),
    [("low", "low"), ("high", "high"), ("xhigh", "high"), ("max", "high"), ("minimal", "minimal")],
)
def test_an_effort_beyond_the_backends_is_clamped_to_the_nearest_lower(word, sent):  # PA-08
    fields, codes = said(effort(word), WORDS)
    assert fields == {"reasoning_effort": sent}
    assert codes == ([] if word == sent else ["effort-clamped"])


def test_an_effort_below_all_of_the_backends_becomes_its_lowest():
    fields, codes = said(effort("low"), replace(WORDS, efforts=("none", "high", "max")))
    assert fields == {"reasoning_effort": "high"}
    assert codes == ["effort-clamped"]


def test_a_word_nobody_knows_is_the_highest_unless_the_backend_lists_it():  # PA-08: accept future strings, clamp
    assert said(effort("turbo"), WORDS) == ({"reasoning_effort": "high"}, ["effort-clamped"])
    assert said(effort("ultra"), ALL_WORDS) == ({"reasoning_effort": "max"}, ["effort-clamped"])
    assert said(effort("turbo"), replace(WORDS, efforts=("low", "turbo"))) == ({"reasoning_effort": "turbo"}, [])


@pytest.mark.parametrize("word", ["low", "medium", "high", "xhigh", "max"])
def test_every_effort_of_the_api_passes_where_the_backend_has_it(word):
    assert said(ADAPTIVE | effort(word), ALL_WORDS) == ({"reasoning_effort": word}, [])


@pytest.mark.parametrize(
    ("budget", "word"),
    [
        (1024, "low"),
        (2047, "low"),
        (2048, "medium"),
        (8191, "medium"),
        (8192, "high"),
        (24576, "xhigh"),
        (31999, "xhigh"),
    ],
)
def test_a_budget_becomes_an_effort(budget, word):
    assert said(enabled(budget), ALL_WORDS) == ({"reasoning_effort": word}, ["budget-as-effort"])


def test_a_budget_goes_as_it_is_where_the_backend_takes_one():
    assert said(enabled(5000), BUDGET) == ({"enable_thinking": True, "thinking_budget": 5000}, [])
    assert said(enabled(5000), NESTED) == ({"reasoning": {"max_tokens": 5000}}, [])


@pytest.mark.parametrize(("limit", "sent"), [(0, 31999), (64000, 31999), (8192, 6553)])
def test_a_budget_stays_below_the_limit(limit, sent):
    fields = effort_fields(read_intent(enabled(31999)), NESTED, Notes(), limit)
    assert fields == {"reasoning": {"max_tokens": sent}}


def test_effort_wins_over_the_budget_where_the_backend_knows_both():
    assert said(enabled(5000) | effort("high"), NESTED) == ({"reasoning": {"effort": "high"}}, ["budget-as-effort"])


def test_effort_beside_a_budget_leaves_the_budget_to_a_backend_that_knows_only_that():
    assert said(enabled(5000) | effort("high"), BUDGET)[0]["thinking_budget"] == 5000


def test_effort_alone_becomes_a_budget_where_the_backend_knows_only_that():
    fields = {"enable_thinking": True, "thinking_budget": 8192}
    assert said(ADAPTIVE | effort("medium"), BUDGET) == (fields, ["effort-as-budget"])
    for word in ("xhigh", "max", "ultra"):
        assert said(ADAPTIVE | effort(word), BUDGET) == ({**fields, "thinking_budget": 32768}, ["effort-as-budget"])


@pytest.mark.parametrize(("word", "meant"), [("HIGH", "high"), (" Medium ", "medium"), ("XHIGH", "xhigh")])
def test_an_effort_is_read_in_any_case(word, meant):
    assert said(effort(word), ALL_WORDS) == ({"reasoning_effort": meant}, [])
    assert read_intent(effort("None")) == Intent(on=False)


def test_effort_goes_where_the_backend_wants_it():
    assert said(effort("high"), replace(WORDS, effort_path=("a", "b", "c"))) == ({"a": {"b": {"c": "high"}}}, [])


def test_thinking_on_joins_the_effort_in_one_object():
    dialect = replace(OBJECT, effort_path=("thinking", "effort"))
    assert said(ADAPTIVE | effort("high"), dialect)[0] == {
        "thinking": {"type": "enabled", "keep": "all", "effort": "high"}
    }


def test_the_dialects_own_record_is_not_changed():
    said(ADAPTIVE | effort("high"), replace(OBJECT, effort_path=("thinking", "effort")))
    assert OBJECT.thinking_on == {"thinking": {"type": "enabled", "keep": "all"}}


def test_thinking_is_switched_on_only_when_the_client_says_so():
    assert said(effort("high"), OBJECT)[0] == {"reasoning_effort": "high"}
    assert said(ADAPTIVE, OBJECT)[0] == OBJECT.thinking_on
    assert said({}, OBJECT)[0] == {}


def test_disabled_sends_no_effort_but_the_backends_own_switch():  # HI-13
    request = DISABLED | effort("high")
    assert said(request, OBJECT)[0] == {"thinking": {"type": "disabled"}}
    assert said(request, ALL_WORDS)[0] == {"reasoning_effort": "none"}
    assert said(request, WORDS)[0] == {}
    for dialect in (OBJECT, ALL_WORDS, WORDS):
        assert "effort-clamped" in said(request, dialect)[1]


def test_nothing_said_sends_nothing():
    for dialect in (WORDS, ALL_WORDS, NO_WORDS, OBJECT, BUDGET, NESTED):
        assert said({}, dialect) == ({}, [])


@pytest.mark.parametrize("request_", [effort("high"), enabled(2048), ADAPTIVE | effort("low"), DISABLED])
def test_a_wish_the_backend_has_no_control_for_is_noted(request_):
    assert said(request_, NO_WORDS) == ({}, ["thinking-unsupported"])


def test_adaptive_alone_is_no_wish():
    assert said(ADAPTIVE, NO_WORDS) == ({}, [])


@pytest.mark.parametrize(
    ("request_", "dialect", "expected"),
    [
        (effort("high"), WORDS, True),
        (ADAPTIVE, OBJECT, True),
        (ADAPTIVE, WORDS, False),
        (enabled(2048), BUDGET, True),
        (effort("high"), NO_WORDS, False),
        (DISABLED, ALL_WORDS, False),
        ({}, OBJECT, False),
    ],
)
def test_whether_the_backend_will_be_told_to_think(request_, dialect, expected):
    assert will_think(read_intent(request_), dialect) is expected


def test_merging_changes_neither_side():
    left, right = {"a": {"b": 1}, "c": [1]}, {"a": {"d": {"e": 2}}, "c": [2]}
    assert merge(left, right) == {"a": {"b": 1, "d": {"e": 2}}, "c": [2]}
    assert (left, right) == ({"a": {"b": 1}, "c": [1]}, {"a": {"d": {"e": 2}}, "c": [2]})


@pytest.mark.parametrize("request_", [effort("max"), enabled(4096)])
def test_a_backend_that_only_takes_none_is_told_nothing_and_that_is_noted_as_it_is(request_):
    assert said(request_, ONLY_OFF) == ({}, ["thinking-unsupported"])
