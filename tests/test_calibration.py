"""Counts correct themselves by what backends report: soon, in proportion, kept, and never by what is no count."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from claude_code_proxy.backends.gauges import Counted, Gauges
from claude_code_proxy.backends.learned import key_of
from claude_code_proxy.config import Backend
from claude_code_proxy.tokens.calibration import UNPROVEN, Calibration, may_teach, observe
from claude_code_proxy.tokens.count import Counter, Measure

BACKEND = Backend(name="b", base_url="http://h/v1", key="x")
SENTENCE = "the proxy reads every request and writes it in the words of the backend without losing a thing"
WORDS = SENTENCE.split()


def story(turns: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """A conversation that grows by a question and an answer a turn."""
    chance = random.Random(seed)
    messages: list[dict[str, Any]] = [{"role": "system", "content": " ".join(chance.choices(WORDS, k=400))}]
    for _ in range(turns):
        messages += [
            {"role": "user", "content": " ".join(chance.choices(WORDS, k=60))},
            {"role": "assistant", "content": " ".join(chance.choices(WORDS, k=30))},
        ]
    return messages[:-1]


def after(*reports: tuple[int, int]) -> Calibration:
    known = Calibration()
    for counted, reported in reports:
        known = observe(known, counted, reported)
    return known


def play(gauges: Gauges, ratio: float, turns: int, *, seed: int = 1) -> list[float]:
    """Send a growing conversation to a model that counts `ratio` tokens where we count one; return the errors."""
    errors = []
    for turn in range(1, turns + 1):
        gauge, body = gauges.of(BACKEND, "m"), {"messages": story(turn, seed=seed)}
        counted, real = gauge(body), round(Counter().body(body) * ratio)
        errors.append(counted / real - 1)
        gauge.reported(real)
    return errors


@pytest.mark.parametrize("ratio", [0.7, 0.95, 1.0, 1.3, 1.7, 2.4])
def test_after_three_turns_the_count_is_within_three_percent(ratio: float) -> None:
    assert all(abs(error) < 0.03 for error in play(Gauges(Counter()), ratio, 8)[3:])


@pytest.mark.parametrize("ratio", [0.7, 1.3])
def test_another_conversation_profits_too(ratio: float) -> None:
    gauges = Gauges(Counter())
    play(gauges, ratio, 5)
    assert all(abs(error) < 0.03 for error in play(gauges, ratio, 3, seed=2))


def test_another_model_does_not() -> None:
    gauges = Gauges(Counter())
    play(gauges, 1.5, 5)
    body = {"messages": story(1)}
    assert gauges.of(BACKEND, "other")(body) == Counter().body(body)


def test_the_ratio_outlives_the_process(tmp_path: Path) -> None:
    play(Gauges(Counter(), tmp_path / "tokens.json"), 1.4, 5)
    assert Gauges(Counter(), tmp_path / "tokens.json").ratio(BACKEND, "m") == pytest.approx(1.4, rel=0.01)


@pytest.mark.parametrize(
    "broken", [b"", b"{", b'{"version": 9}', b'{"version": 1, "ratios": {"http://h/v1 m": {"ratio": "x"}}}']
)
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "tokens.json").write_bytes(broken)
    assert Gauges(Counter(), tmp_path / "tokens.json").ratio(BACKEND, "m") == 1.0


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff"])
def test_a_broken_file_is_told_once(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "tokens.json").write_bytes(broken)
    with structlog.testing.capture_logs() as logs:
        play(Gauges(Counter(), tmp_path / "tokens.json"), 1.4, 5)
    assert [line["event"].partition(":")[0] for line in logs] == ["tokens.json can't be read"]


def test_a_file_that_is_not_there_yet_is_nothing_to_tell(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        Gauges(Counter(), tmp_path / "tokens.json")
    assert logs == []


def test_one_odd_report_changes_nothing() -> None:
    known = after(*[(1000, 1300)] * 5)
    assert observe(known, 1000, 500).ratio == known.ratio
    assert observe(known, 20_000, 4096).ratio == known.ratio, "a prompt that was cut"


def test_reports_that_stay_odd_are_the_truth() -> None:
    known = after(*[(1000, 1300)] * 5, *[(1000, 700)] * 6)
    assert known.factor == pytest.approx(0.7)


def test_reports_that_have_nothing_to_do_with_the_prompts_are_not_believed() -> None:
    assert after(*[(counted, 1200) for counted in (400, 900, 2500, 4000, 700, 1200, 3000)]).factor == 1.0


@pytest.mark.parametrize(("counted", "reported"), [(10, 300), (1000, 0), (1000, 20), (1000, 90_000), (0, 10)])
def test_what_is_no_count_of_this_prompt_is_ignored(counted: int, reported: int) -> None:
    assert after(*[(counted, reported)] * 5) == Calibration()


@given(
    st.integers(0, 10_000),
    st.integers(0, 500),
    st.builds(Calibration, ratio=st.floats(0.1, 10), error=st.floats(0, 1), turns=st.integers(0, 9)),
)
def test_what_can_not_teach_teaches_nothing_whatever_the_prompt_is_counted_as(
    counted: int, reported: int, known: Calibration
) -> None:
    gauges, key = Gauges(Counter()), key_of(BACKEND, "m")
    measure = Measure(counted, 0, ((7, counted),))
    gauges.learn(key, Counted(counted, 0, measure), reported)
    taught = observe(known, counted, reported) != known, gauges.largest(key), gauges.sized(key, measure).tokens
    assert may_teach(reported) or taught == (False, 0, counted)


def test_the_least_report_that_can_teach_does() -> None:
    least = next(filter(may_teach, range(1000)))
    assert observe(Calibration(), 200, least) != Calibration()


def test_a_prompt_is_counted_for_a_report_only_where_that_teaches() -> None:
    texts: list[str] = []
    gauge = Gauges(Counter(lambda text: texts.append(text) or 1)).of(BACKEND, "m")
    gauge.later({"messages": [{"role": "user", "content": "a prompt"}]})
    least = next(filter(may_teach, range(1000)))
    gauge.reported(least - 1)
    assert texts == []
    gauge.reported(least)
    assert texts == ["a prompt"]


def test_an_image_is_no_measure_of_the_tokenizer() -> None:
    gauges = Gauges(Counter())
    image = {"type": "image_url", "image_url": {"url": "https://h/x.png"}}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this? " * 40}, image]}]}
    for _ in range(5):
        gauge = gauges.of(BACKEND, "m")
        gauge(body)
        gauge.reported(4000)
    assert gauges.ratio(BACKEND, "m") == 1.0


def test_a_count_says_how_far_off_it_may_be() -> None:
    gauges, body = Gauges(Counter()), {"messages": story(6)}
    gauge = gauges.of(BACKEND, "m")
    tokens = gauge(body)
    assert gauge.counted.bound == pytest.approx(tokens * UNPROVEN, abs=1)
    play(gauges, 1.3, 6)
    assert gauges.of(BACKEND, "m")(body) == round(tokens * 1.3), "the very prompt was reported"
    gauge(body)
    assert gauge.counted.bound < tokens * 0.02


def test_a_person_who_changes_the_beginning_gets_the_ratio_not_the_last_report() -> None:
    gauges = Gauges(Counter())
    play(gauges, 1.3, 5)
    other = {"messages": story(5, seed=3)}
    assert gauges.of(BACKEND, "m")(other) == pytest.approx(Counter().body(other) * 1.3, rel=0.01)


def test_what_a_template_says_of_tools_does_not_spoil_the_ratio() -> None:
    """Small prompts with tools first, as a title or a probe; then a session: a constant must not grow with it."""
    tools = [{"type": "function", "function": {"name": "Read", "description": "Reads. " * 60, "parameters": {}}}]
    gauges, real = Gauges(Counter()), Counter()
    for turn in range(4):
        body = {"model": "deepseek-v4-flash", "tools": tools, "messages": story(1, seed=turn)}
        gauge = gauges.of(BACKEND, "deepseek-v4-flash")
        gauge(body)
        gauge.reported(real.body(body) + 235)
    body = {"model": "deepseek-v4-flash", "tools": tools, "messages": story(40)}
    truth = real.body(body) + 235
    assert gauges.of(BACKEND, "deepseek-v4-flash")(body) == pytest.approx(truth, rel=0.03)
