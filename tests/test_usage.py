"""Token counts in every shape backends report them in (translation reference 4.9, case CX-06)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.translate.deltas import Usage
from claude_code_proxy.translate.usage import anthropic_usage, cut_window, read_usage

CASES: list[tuple[str, dict[str, Any], Usage]] = [
    ("plain", {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}, Usage(10, 3)),
    (
        "CX-06: cached tokens are part of the prompt, and are counted once",
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 75}},
        Usage(25, 5, cache_read=75),
    ),
    (
        "CX-06: more cached tokens than prompt tokens are counted apart from them",
        {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}},
        Usage(10, 5, cache_read=90),
    ),
    (
        "CX-06: cached tokens apart do not become output through the total",
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 105, "prompt_tokens_details": {"cached_tokens": 90}},
        Usage(10, 5, cache_read=90),
    ),
    (
        "CX-06: what was read and written again is counted once",
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 75, "cache_write_tokens": 100}},
        Usage(0, 5, cache_read=75, cache_write=25),
    ),
    (
        "CX-06: a total that counts the parts apart from the prompt is believed",
        {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 255, "prompt_tokens_details": {"cached_tokens": 75, "cache_write_tokens": 75}},
        Usage(100, 5, cache_read=75, cache_write=75),
    ),
    (
        "Anthropic's own fields, as gateways pass them on, exclude what is cached",
        {"input_tokens": 100, "output_tokens": 5, "cache_read_input_tokens": 75, "cache_creation_input_tokens": 20},
        Usage(100, 5, cache_read=75, cache_write=20),
    ),
    (
        "Anthropic's cache fields beside OpenAI's prompt are a part of it",
        {"prompt_tokens": 100, "completion_tokens": 5, "cache_read_input_tokens": 75, "cache_creation_input_tokens": 20},
        Usage(5, 5, cache_read=75, cache_write=20),
    ),
    (
        "the whole prompt is cached",
        {"prompt_tokens": 64, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}},
        Usage(0, 5, cache_read=64),
    ),
    (
        "OpenRouter: cache writes",
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30}},
        Usage(50, 5, cache_read=20, cache_write=30),
    ),
    (
        "DeepSeek: hits and misses",
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36},
        Usage(36, 5, cache_read=64),
    ),
    ("Kimi: cached_tokens at the top", {"prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 60}, Usage(40, 5, cache_read=60)),
    ("Mistral: num_cached_tokens", {"prompt_tokens": 100, "completion_tokens": 5, "num_cached_tokens": 60}, Usage(40, 5, cache_read=60)),
    (
        "the names of the Responses API",
        {"input_tokens": 100, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 60}, "output_tokens_details": {"reasoning_tokens": 2}},
        Usage(40, 5, cache_read=60, thinking=2),
    ),
    (
        "OpenAI: reasoning is part of the completion",
        {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60, "completion_tokens_details": {"reasoning_tokens": 40}},
        Usage(10, 50, thinking=40),
    ),
    (
        "xAI: reasoning shows in the total only",
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 55, "completion_tokens_details": {"reasoning_tokens": 40}},
        Usage(10, 45, thinking=40),
    ),
    ("a total that is too small changes nothing", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 3}, Usage(10, 5)),
    ("OpenRouter: the price", {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.0025}, Usage(1, 1, cost=0.0025)),
    ("a free answer has a price as well", {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0}, Usage(1, 1, cost=0.0)),
    ("numbers written as floats", {"prompt_tokens": 10.0, "completion_tokens": 3.0}, Usage(10, 3)),
    (
        "details that are null",
        {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": None},
        Usage(10, 3),
    ),
    (
        "details that are nonsense",
        {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": [1], "cost": "much", "total_tokens": "13"},
        Usage(10, 3),
    ),
    ("the total says what the prompt was", {"completion_tokens": 7, "total_tokens": 107}, Usage(100, 7)),
    ("a prompt of 0, and the total knows better", {"prompt_tokens": 0, "completion_tokens": 7, "total_tokens": 107}, Usage(100, 7)),
    (
        "a prompt of 0, details, and the total knows better",
        {"prompt_tokens": 0, "completion_tokens": 7, "total_tokens": 107, "prompt_tokens_details": {"cached_tokens": 0}},
        Usage(100, 7),
    ),
    (
        "a prompt of 0 beside cached tokens is all cache",
        {"prompt_tokens": 0, "completion_tokens": 7, "total_tokens": 97, "prompt_tokens_details": {"cached_tokens": 90}},
        Usage(0, 7, cache_read=90),
    ),
    ("a prompt without completion", {"prompt_tokens": 10, "completion_tokens": 0}, Usage(10, 0)),
    ("a price beyond all numbers", {"prompt_tokens": 1, "completion_tokens": 1, "cost": 10**400}, Usage(1, 1)),
    ("a count beyond all numbers", {"prompt_tokens": 10**30, "completion_tokens": 3}, Usage(0, 3)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"), [pytest.param(given, expected, id=name) for name, given, expected in CASES]
)
def test_counts(given: dict[str, Any], expected: Usage) -> None:
    assert read_usage(given) == expected


@pytest.mark.parametrize(
    "given",
    [None, {}, [], "", 0, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -1}, {"prompt_tokens": True}],
)
def test_no_counts(given: object) -> None:
    assert read_usage(given) is None


def test_llama_cpp_says_it_with_timings_alone() -> None:
    timings = {"cache_n": 90, "prompt_n": 10, "predicted_n": 5, "prompt_ms": 3.2}
    assert read_usage(None, timings) == Usage(10, 5, cache_read=90)
    assert read_usage({"prompt_tokens": 100, "completion_tokens": 5}, timings) == Usage(10, 5, cache_read=90)
    assert read_usage({"prompt_tokens": 0, "completion_tokens": 5}, timings) == Usage(10, 5, cache_read=90)
    told = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 0}}
    assert read_usage(told, timings) == Usage(100, 5)
    assert read_usage(None, {"prompt_ms": 1}) is None


def test_what_a_client_reads() -> None:
    assert anthropic_usage(Usage(25, 5, cache_read=75)) == {
        "input_tokens": 25,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 75,
        "output_tokens": 5,
    }
    assert anthropic_usage(Usage(1, 5, thinking=4))["output_tokens_details"] == {"thinking_tokens": 4}


NUMBERS = st.integers(0, 10_000)


@given(prompt=NUMBERS, completion=NUMBERS, cached=NUMBERS, written=NUMBERS, reasoning=NUMBERS)
def test_the_prompt_is_the_sum_of_its_parts(
    prompt: int, completion: int, cached: int, written: int, reasoning: int
) -> None:
    usage = read_usage(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
    )
    if usage is None:
        assert not prompt
        assert not completion
        return
    parts = usage.input_tokens + usage.cache_read + usage.cache_write
    assert parts == (prompt if max(cached, written) <= prompt else prompt + cached + written)
    assert usage.output_tokens == completion
    assert min(anthropic_usage(usage)[name] for name in anthropic_usage(usage) if name.endswith("_tokens")) >= 0


COUNTS = st.one_of(st.integers(-5, 50), st.sampled_from([None, True, 3.0, 2.5, "7", 2**60, [], {}]))
READ = st.dictionaries(st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "text_tokens"]), COUNTS)
WROTE = st.dictionaries(st.sampled_from(["reasoning_tokens", "accepted_prediction_tokens"]), COUNTS)
TOTALS = st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]), COUNTS)


@given(TOTALS, st.one_of(READ, COUNTS), st.one_of(WROTE, COUNTS))
def test_counts_in_the_usual_fields_are_read_like_those_beside_unknown_ones(
    totals: dict[str, Any], read: object, wrote: object
) -> None:
    usage = totals | {"prompt_tokens_details": read, "completion_tokens_details": wrote}
    assert read_usage(usage) == read_usage(usage | {"of_tomorrow": 1})
    assert read_usage(totals) == read_usage(totals | {"of_tomorrow": 1})


@pytest.mark.parametrize(
    ("estimate", "usage", "window"),
    [
        (20_000, Usage(4090, 6), 4096),
        (20_000, Usage(4096, 300), 4096),
        (20_000, Usage(1096, 0, cache_read=3000), 4096),
        (9000, Usage(2040, 3), 2048),
        (20_000, Usage(5000, 6), 0),  # less than was sent, but no window ends there: a cache not counted
        (6000, Usage(4090, 6), 0),  # an estimate may be that wrong
        (2900, Usage(1020, 4), 0),
        (20_000, Usage(0, 0), 0),
    ],
)
def test_cx_08_counts_that_end_at_a_windows_edge_show_a_cut_prompt(estimate: int, usage: Usage, window: int) -> None:
    assert cut_window(usage, lambda: estimate) == window


def test_a_prompt_is_counted_only_for_counts_that_end_at_a_windows_edge() -> None:
    asked = []
    cut_window(Usage(4000, 6), lambda: asked.append("inside") or 20_000)  # type: ignore[func-returns-value]
    cut_window(Usage(4090, 6), lambda: asked.append("edge") or 20_000)  # type: ignore[func-returns-value]
    assert asked == ["edge"]


@given(st.builds(Usage, NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.floats(0.01, 100))
def test_a_stretched_prompt_is_the_sum_of_its_stretched_parts(usage: Usage, scale: float) -> None:
    told = anthropic_usage(usage, scale)
    parts = [told[name] for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")]
    assert sum(parts) == round((usage.input_tokens + usage.cache_read + usage.cache_write) * scale)
    assert min(parts) >= 0
