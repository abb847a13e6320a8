"""Limits, sampling, stop sequences, formats, identity: each parameter in the backend's words, or told."""

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strict_openai import problems

from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.effort import read_intent
from claude_code_proxy.translate.notes import Notes
from claude_code_proxy.translate.parameters import translate_parameters
from claude_code_proxy.translate.request import Target

OPENAI = Dialect(name="openai")
OLD = replace(OPENAI, name="old", max_tokens_field="max_tokens")
THINKS = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
DISABLED = {"thinking": {"type": "disabled"}}


def target(dialect=OPENAI, **more):
    return Target(backend="b", model="m", dialect=dialect, seal=b"", **more)


def translated(request, where=None, prompt_tokens=0):
    notes = Notes()
    parameters = translate_parameters(request, where or target(), read_intent(request), notes, prompt_tokens)
    return parameters, notes


def limit(asked, where=None, prompt_tokens=0, **request):
    parameters, notes = translated({"max_tokens": asked, **request}, where, prompt_tokens)
    assert parameters.fields.get("max_completion_tokens", 0) == parameters.max_tokens
    return parameters.max_tokens, notes.codes()


def fields(request, dialect=OPENAI):
    return translated(request, target(dialect))[0].fields


def codes(request, dialect=OPENAI):
    return translated(request, target(dialect))[1].codes()


# -- max_tokens ------------------------------------------------------------------------------------------------------


def test_the_limit_goes_into_the_backends_field():  # PA-01
    assert fields({"max_tokens": 4096}) == {"max_completion_tokens": 4096}
    assert fields({"max_tokens": 4096}, OLD) == {"max_tokens": 4096}


def test_no_limit_is_none():
    """count_tokens has no max_tokens."""
    assert translated({})[0].max_tokens == 0
    assert translated({"max_tokens": None})[0].fields == {}


def test_the_models_own_limit_wins():  # PA-03
    assert limit(64000, target(max_output=40960)) == (40960, ["max-tokens-clamped"])
    assert limit(64000, target(max_output=200_000)) == (64000, [])
    assert limit(150_000, target(max_output=200_000, max_tokens_limit=1000)) == (150_000, [])


def test_the_setting_is_the_ceiling_where_the_backend_reports_none():
    assert limit(200_000, target(max_tokens_limit=128_000)) == (128_000, ["max-tokens-clamped"])
    assert limit(128_000, target(max_tokens_limit=128_000)) == (128_000, [])


@pytest.mark.parametrize("asked", [1, 64, 1023])
def test_a_minimum_that_was_set_lifts_every_smaller_value(asked):
    assert limit(asked, target(min_tokens=1024, min_tokens_explicit=True)) == (1024, ["max-tokens-lifted"])


@pytest.mark.parametrize(
    ("request_", "lifted"),
    [
        pytest.param({}, False, id="a probe"),
        pytest.param(DISABLED, False, id="Claude Code's classifier, which has 64 tokens and thinking disabled"),
        pytest.param({"thinking": {"type": "adaptive"}}, False, id="adaptive, where the backend is told nothing"),
        pytest.param(THINKS, True, id="adaptive with effort"),
        pytest.param({"output_config": {"effort": "low"}}, True, id="effort alone"),
        pytest.param({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True, id="a budget"),
    ],
)
def test_the_default_minimum_lifts_only_where_a_thought_would_eat_the_answer(request_, lifted):
    assert limit(64, **request_) == ((1024, ["max-tokens-lifted"]) if lifted else (64, []))


def test_a_backend_that_is_not_told_to_think_needs_no_room_for_it():
    assert translated({"max_tokens": 64, **THINKS}, target(replace(OPENAI, efforts=())))[0].max_tokens == 64


def test_a_probe_of_one_token_stays_one():  # PA-05
    assert limit(1) == (1, [])


def test_the_backends_own_minimum_is_kept():  # PA-05
    assert limit(1, target(replace(OPENAI, min_output=16))) == (16, ["max-tokens-lifted"])


def test_the_models_limit_wins_over_a_minimum():
    assert limit(1, target(min_tokens=4096, min_tokens_explicit=True, max_output=2048)) == (2048, ["max-tokens-lifted"])


def test_zero_asks_for_no_output():
    for where in (target(), target(min_tokens_explicit=True), target(replace(OPENAI, min_output=16))):
        parameters, notes = translated({"max_tokens": 0, **THINKS}, where)
        assert parameters.discard
        assert parameters.max_tokens == where.dialect.min_output
        assert notes.codes() == ["max-tokens-lifted"]
    assert not translated({"max_tokens": 1})[0].discard


def test_prompt_and_answer_fit_the_window_together():  # PA-04
    clamped, noted = limit(64000, target(window=64001), prompt_tokens=24235)
    assert 24235 * 1.05 + clamped < 64001
    assert clamped > 35000
    assert noted == ["max-tokens-clamped"]


def test_a_window_with_room_changes_nothing():
    assert limit(32000, target(window=200_000), prompt_tokens=20_000) == (32000, [])
    assert limit(32000, target(window=200_000), prompt_tokens=0) == (32000, [])
    assert limit(32000, target(window=0), prompt_tokens=500_000) == (32000, [])


@pytest.mark.parametrize(("asked", "left"), [(32000, 1024), (500, 500), (1, 1)])
def test_a_prompt_that_fills_the_window_is_left_to_the_backends_own_error(asked, left):
    assert limit(asked, target(window=8000), prompt_tokens=9000)[0] == left


# -- sampling --------------------------------------------------------------------------------------------------------


def test_sampling_passes_as_it_is():
    request = {"temperature": 0.2, "top_p": 0.9, "top_k": 40}
    assert fields(request, replace(OPENAI, top_k=True)) == request
    assert codes(request, replace(OPENAI, top_k=True)) == []


def test_top_k_is_left_out_where_nobody_knows_it():
    assert fields({"top_k": 40, "temperature": 0}) == {"temperature": 0}
    assert codes({"top_k": 40}) == ["sampling-dropped"]


@pytest.mark.parametrize(
    "dialect", [replace(OPENAI, sampling=False), replace(OPENAI, drop=frozenset({"temperature", "top_p"}))]
)
def test_sampling_is_left_out_where_the_backend_refuses_it(dialect):  # PA-02
    assert fields({"temperature": 0.16, "top_p": 0.5}, dialect) == {}
    assert codes({"temperature": 0.16, "top_p": 0.5}, dialect) == ["sampling-dropped"]


def test_a_thinking_model_gets_no_sampling():  # PA-02
    assert "temperature" not in fields({"temperature": 0.16, **THINKS})
    assert codes({"temperature": 0.16, **THINKS}) == ["sampling-dropped"]


def test_a_temperature_of_one_is_what_a_thinking_model_has_anyway():
    assert codes({"temperature": 1, **THINKS}) == []
    assert fields({"temperature": 1, **DISABLED}) == {"temperature": 1}  # old Claude Code with its small model


@pytest.mark.parametrize("value", [None, True, "0.5", [1]])
def test_a_temperature_that_is_no_number_is_not_sent(value):
    assert fields({"temperature": value}) == {}


# -- stop sequences --------------------------------------------------------------------------------------------------

SIX = ["a", "b", "c", "d", "e", "f"]


def stops(sequences, dialect=OPENAI):
    parameters, notes = translated({"stop_sequences": sequences}, target(dialect))
    return parameters.fields.get("stop"), parameters.stops, parameters.scan_stops, notes.codes()


@pytest.mark.parametrize("sequences", [["</block>"], SIX])
def test_the_proxy_looks_for_what_the_backend_would_cut_away_in_silence(sequences):  # PA-06
    assert stops(sequences) == (None, tuple(sequences), tuple(sequences), ["stops-local"])


def test_a_backend_that_names_the_match_gets_as_many_as_it_takes():
    reporting = replace(OPENAI, stop_reported=True)
    assert stops(SIX[:4], reporting) == (SIX[:4], tuple(SIX[:4]), (), [])
    assert stops(SIX, reporting) == (SIX[:4], tuple(SIX), ("e", "f"), ["stops-local"])
    assert stops(["a"], replace(reporting, max_stops=0)) == (None, ("a",), ("a",), ["stops-local"])
    assert stops(["a"], replace(reporting, drop=frozenset({"stop"}))) == (None, ("a",), ("a",), ["stops-local"])


@pytest.mark.parametrize("sequences", [None, [], [""], "abc", [3, None, ""]])
def test_no_stop_sequences(sequences):
    """An empty one would match everywhere."""
    assert stops(sequences) == (None, (), (), [])


def test_blanks_can_end_an_answer():
    assert stops(["\n\n", " ", "\n\n"])[1] == ("\n\n", " ")


# -- formats ---------------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"title": {"type": "string"}}, "additionalProperties": {"type": "string"}}
FORMAT = {"type": "json_schema", "schema": SCHEMA}


@pytest.mark.parametrize("request_", [{"output_config": {"format": FORMAT}}, {"output_format": FORMAT}])
def test_a_json_schema_becomes_the_response_format(request_):  # PA-15
    parameters, notes = translated(request_)
    assert parameters.fields == {
        "response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA, "strict": True}}
    }
    assert parameters.json_shape is not None
    assert (parameters.sentence, notes.codes()) == ("", [])


def test_a_schema_strict_mode_refuses_is_sent_without_it():
    parameters, notes = translated({"output_config": {"format": {"type": "json_schema", "schema": OPEN}}})
    assert parameters.fields["response_format"]["json_schema"]["strict"] is False
    assert notes.codes() == ["format-weakened"]


def test_a_backend_without_strict_is_not_told_of_it():
    named = fields({"output_config": {"format": FORMAT}}, replace(OPENAI, strict_flag=False))["response_format"][
        "json_schema"
    ]
    assert named == {"name": "output", "schema": SCHEMA}


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (replace(OPENAI, json_schema="json_object"), {"response_format": {"type": "json_object"}}),
        (replace(OPENAI, json_schema="none"), {}),
        (replace(OPENAI, drop=frozenset({"response_format"})), {}),
    ],
)
def test_a_backend_without_schemas_gets_the_strongest_it_has_and_words(dialect, expected):  # PA-15
    parameters, notes = translated({"output_config": {"format": FORMAT}}, target(dialect))
    assert parameters.fields == expected
    assert parameters.json_shape is not None
    assert json.dumps(SCHEMA, separators=(",", ":")) in parameters.sentence
    assert "JSON" in parameters.sentence.partition("\n")[0]  # OpenAI refuses json_object where no message says JSON
    assert notes.codes() == ["format-weakened"]


@pytest.mark.parametrize(
    "format_", [None, {}, {"type": "text"}, {"type": "json_schema"}, {"type": "json_schema", "schema": "x"}, "json"]
)
def test_other_formats_are_text(format_):
    parameters, _ = translated({"output_config": {"format": format_}})
    assert (parameters.fields, parameters.json_shape, parameters.sentence) == ({}, None, "")


def test_a_name_the_client_gave_is_made_legal():
    named = fields({"output_config": {"format": {**FORMAT, "name": "my title"}}})["response_format"]["json_schema"][
        "name"
    ]
    assert named.startswith("my_title_")


# -- identity and service --------------------------------------------------------------------------------------------

HASHES = replace(OPENAI, user_field="safety_identifier", cache_key_field="prompt_cache_key")


def claude_code(session, account="acc"):
    return {
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": account, "session_id": session})}
    }


def test_nobodys_id_reaches_the_backend():
    hashes = fields(claude_code("s-1"), HASHES)
    assert set(hashes) == {"safety_identifier", "prompt_cache_key"}
    assert all(len(value) == 32 and "acc" not in value and "s-1" not in value for value in hashes.values())


def test_the_cache_key_is_the_sessions():
    one, same, other = (
        fields(claude_code(*who), HASHES)["prompt_cache_key"] for who in (("s-1",), ("s-1", "b"), ("s-2",))
    )
    assert one == same != other


def test_the_identifier_is_the_persons_from_session_to_session():
    one, same, other = (
        fields(claude_code(*who), HASHES)["safety_identifier"] for who in (("s-1",), ("s-2",), ("s-1", "b"))
    )
    assert one == same != other
    older = [
        fields({"metadata": {"user_id": f"user_{who}_session_{session}"}}, HASHES)["safety_identifier"]
        for who, session in (("a", "1"), ("a", "2"), ("b", "1"))
    ]
    assert older[0] == older[1] != older[2]


def test_the_older_form_of_claude_codes_id_has_a_session_too():
    one, same, other = (
        fields({"metadata": {"user_id": f"user_{who}_account_x_session_{session}"}}, HASHES)["prompt_cache_key"]
        for who, session in (("a", "1"), ("b", "1"), ("a", "2"))
    )
    assert one == same != other


@pytest.mark.parametrize("user", ["somebody", "[1]", "{", '{"session_id": 3}', "\ud800"])
def test_any_other_id_is_hashed_whole(user):
    hashes = fields({"metadata": {"user_id": user}}, HASHES)
    assert hashes["safety_identifier"] == hashes["prompt_cache_key"]


@pytest.mark.parametrize("metadata", [None, {}, {"user_id": None}, {"user_id": 3}, {"user_id": ""}, []])
def test_no_id_is_no_hash(metadata):
    assert fields({"metadata": metadata}, HASHES) == {}


def test_ids_go_nowhere_by_default():
    assert fields(claude_code("s-1")) == {}


@pytest.mark.parametrize(
    ("request_", "tier", "noted"),
    [
        ({"service_tier": "auto"}, None, []),
        ({"service_tier": "standard_only"}, "default", ["parameter-ignored"]),
        ({"speed": "fast"}, "priority", ["parameter-ignored"]),
        ({"speed": "standard"}, None, []),
        ({"speed": "fast", "service_tier": "standard_only"}, "priority", ["parameter-ignored"]),
    ],
)
def test_service_tier_and_speed(request_, tier, noted):
    tiers = replace(OPENAI, service_tier=True)
    assert fields(request_, tiers) == ({} if tier is None else {"service_tier": tier})
    assert codes(request_, tiers) == (["parameter-ignored"] if len(request_) == 2 else []), "one field, two wishes"
    assert fields(request_) == {}
    assert codes(request_) == noted


# -- what has no counterpart -----------------------------------------------------------------------------------------

IGNORED = {
    "container": "c",
    "mcp_servers": [],
    "inference_geo": "eu",
    "thread": {"type": "create"},
    "fallbacks": "default",
    "diagnostics": {},
    "betas": ["x"],
    "compaction": {},
    "fallback_credit_token": "t",
    "something_new": 1,
}


@pytest.mark.parametrize("name", IGNORED)
def test_a_parameter_without_a_counterpart_is_told_and_not_sent(name):  # PA-14
    parameters, notes = translated({name: IGNORED[name]})
    assert parameters.fields == {}
    assert [(note.code, note.detail) for note in notes] == [("parameter-ignored", name)]


def test_they_share_one_note_with_all_their_names():
    (note,) = translated({**IGNORED, "output_config": {"task_budget": {"total": 1}}})[1]
    assert note.detail == ", ".join([*IGNORED, "output_config.task_budget"])


def test_values_never_reach_the_notes():
    (note,) = translated({"x" * 500: "secret", "container": "secret"})[1]
    assert "secret" not in note.detail
    assert len(note.detail) < 100


def test_a_verdict_on_safeguards_is_not_invented():
    parameters, notes = translated({"safeguards": [{"type": "dangerous_tool_use"}]})
    assert (parameters.fields, notes.codes()) == ({}, [])


def test_only_edits_of_the_context_nobody_executes_are_told():
    assert codes({"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}) == []
    assert codes({"context_management": {"edits": []}}) == []
    assert codes({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}) == []
    (note,) = translated({"context_management": {"edits": [{"type": "compact_20260112"}]}})[1]
    assert (note.code, note.detail) == ("parameter-ignored", "context_management compact_20260112")


def test_nulls_are_absent():
    assert codes(dict.fromkeys(IGNORED)) == []


# -- laws -----------------------------------------------------------------------------------------------------------

VALUES = st.sampled_from([None, True, 0, 1, "", "x", [], ["a", ""], {}, {"type": "disabled"}, {"effort": "max"}])
NAMES = [
    *("temperature", "top_p", "top_k", "stop_sequences", "thinking", "output_config", "output_format", "metadata"),
    *("speed", "service_tier", "context_management", "container", "unknown"),
]
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "window": st.integers(0, 200_000),
        "max_output": st.integers(0, 100_000),
        "min_tokens_explicit": st.booleans(),
    },
)
DIALECTS = st.sampled_from(
    [OPENAI, OLD, HASHES, replace(OPENAI, stop_reported=True, json_schema="none", service_tier=True)]
)


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES), st.integers(0, 300_000), DIALECTS, LIMITS, st.integers(0, 250_000)
)
def test_any_parameters_give_a_body_openai_takes(request_, asked, dialect, limits, prompt):
    where = target(dialect, **limits)
    parameters, _ = translated({**request_, "max_tokens": asked}, where, prompt)
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **parameters.fields}
    assert problems(body) == []
    assert 1 <= parameters.max_tokens <= (where.max_output or where.max_tokens_limit)
    assert set(parameters.scan_stops) | set(parameters.fields.get("stop", ())) == set(parameters.stops)
    msgspec.json.encode(parameters.fields)
