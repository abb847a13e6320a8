"""Texts made to make patterns go back are read in linear time: eight times as much may not take sixty times as long.

Where a client, a backend or a model writes the text, a pattern that is quadratic in it stops every stream. Every pattern
of the package is tried by itself too, with texts made from what it is made of: four times as much, eight times as long
at most. Nothing is compared with a clock on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.pattern_texts import Found, every_pattern, hostile_texts

from claude_code_proxy.prompt.compact import compact
from claude_code_proxy.redaction import Redaction
from claude_code_proxy.tokens.estimate import estimate
from claude_code_proxy.translate.arguments import read_arguments
from claude_code_proxy.translate.dialect import Dialect
from claude_code_proxy.translate.failure import Asked, read_failure
from claude_code_proxy.translate.refusal import Refusal
from claude_code_proxy.translate.repairs import read_repair
from claude_code_proxy.translate.summary_tags import with_tags
from claude_code_proxy.translate.text_call_forms import FORMS

LENGTH = 70_000
UNITS = (
    *("a", " ", "\n", "0", "0,", "<", "{", "[", '"', "\\", "-", "=", ".", "a ", "a\n", " \n", "0 ", "/a", "aA0_", "é", "a.a@", "?key", "at a:"),
    *("<system-reminder>", "<title", "-----BEGIN ", "\n at ", "maximum ", "limit 1 used ", "between 0 ", "Bearer ", "eyJaaaaaaaa.", "://a:", "http://"),
    *("<html>", "<think>", "tokens ", "context length ", 'File "', "```", "# a\n", "not ", "must be "),
)  # fmt: skip
BEGINNINGS = ("", "\n at ", "maximum ?key", '{"error":{"message":"')


def failed(text: str) -> None:
    read_failure(400, text.encode(), {}, Asked(model="m", counted=10, window=100, max_tokens=5, now=0.0))


def redacted(text: str) -> None:
    Redaction(("sk-secret-secret",), "/home/somebody").all(text)


def compacted(text: str) -> None:
    compact("# Tone and style\n# Doing tasks\n# Environment\n" + text, 100, estimate)


READERS: dict[str, Callable[[str], Any]] = {
    "the words of a failure": failed,
    "what is hidden": redacted,
    "a system prompt": compacted,
}


@pytest.mark.parametrize("unit", UNITS, ids=repr)
@pytest.mark.parametrize("reader", READERS)
def test_no_text_takes_for_ever(reader: str, unit: str) -> None:
    read = READERS[reader]
    for beginning in BEGINNINGS:
        text = beginning + unit * (LENGTH // len(unit))
        begun = time.process_time()
        read(text + "!\x00")
        assert time.process_time() - begun < 5, (
            "a quadratic pattern takes this long on a slow machine, a linear one a hundredth"
        )


# -- every pattern by itself -------------------------------------------------------------------------------------------

SHORT = 500
PLAIN = Dialect(name="test", max_tokens_field="max_tokens")
UNNOTICED = 0.001  # seconds of processor time
PACKAGE = "claude_code_proxy."
BOUNDED = {
    "prompt.sections._REMINDER": "the text ends with its last closing: `a system prompt` here",
    "quoting._PARSED": "the words of a failure are cut",
}
"""Patterns that are slow by themselves, and what their text is bounded by."""
MATCHED = {
    "translate.text_call_forms._MISTRAL",
    "translate.text_call_forms._HARMONY",
    "translate.text_call_tags._SECTION",
    "translate.text_call_tags._DEEPSEEK_SECTION",
    "translate.text_call_tags._KIMI_SECTION",
    "translate.relaxed_json._UP_TO",
    "translate.text_calls._NEVER",
    "translate.failure_kinds._CODE_KINDS",
}
"""Patterns that a function takes as an argument, or that stand in a table, and that are matched from one place on."""
PATTERNS = every_pattern()
READING = (
    "translate.bounds",
    "translate.failure",
    "translate.output_limit",
    "translate.refus",
    "translate.repairs",
    "translate.overflow",
)
"""Modules that read the words of a refusal, which are cut to two thousand characters: tried so below."""
SLOWEST = ("_ONE", "_PAIRS", "_RULES", "OTHER_LIMIT", "_LIST", "_PLACES", "_PATTERN", "_OBJECT")


def least(run: Callable[[], object]) -> float:
    """Return the processor time of a run, the least of three."""
    times = []
    for _ in range(3):
        begun = time.thread_time()
        run()
        times.append(time.thread_time() - begun)
        if times[-1] < UNNOTICED:
            break
    return min(times)


def grows(found: Found) -> list[str]:
    """Return the texts for which a pattern takes much more than four times as long when they are four times as long."""
    ways = ("match",) if found.place.removeprefix(PACKAGE) in MATCHED else found.ways
    slow = []
    texts = zip(hostile_texts(found.pattern, SHORT), hostile_texts(found.pattern, 4 * SHORT), strict=True)
    for few, many in texts:
        for way in ways:
            run = getattr(found.pattern, way)
            long = least(lambda run=run, many=many: run(many))
            if long > UNNOTICED and long > 8 * least(lambda run=run, few=few: run(few)):
                slow.append(f"{way} {many[:80]!r}")
    return slow


def test_the_walk_finds_the_patterns() -> None:
    places = {found.place for found in PATTERNS}
    assert len(PATTERNS) > 200
    assert {PACKAGE + name for name in ("redaction._MAIL", "translate.overflow._COMPILED", *BOUNDED)} <= places


@pytest.mark.parametrize(
    "found",
    [found for found in PATTERNS if not found.place.removeprefix(PACKAGE).startswith((*BOUNDED, *READING))],
    ids=lambda found: f"{found.place.removeprefix(PACKAGE)}-{str(found.pattern.pattern)[:20]}",
)
def test_a_pattern_s_work_grows_as_its_text_does(found: Found) -> None:
    assert not grows(found)


# -- what a backend writes ---------------------------------------------------------------------------------------------
WORDS = [found for found in PATTERNS if found.place.removeprefix(PACKAGE).startswith(READING)]


READ = 2_500  # characters of a refusal; what is beyond two thousand is cut


def of_each() -> dict[Found, list[str]]:
    """Return the texts of each pattern; one that an earlier pattern has too is read once."""
    met: set[str] = set()
    texts = {}
    for found in WORDS:
        every = 4 if found.place.endswith(SLOWEST) else 20
        texts[found] = [text for text in hostile_texts(found.pattern, READ)[::every] if text not in met]
        met |= set(texts[found])
    return texts


REFUSED = of_each()


@pytest.mark.parametrize(
    "found", WORDS, ids=lambda found: f"{found.place.removeprefix(PACKAGE)}-{str(found.pattern.pattern)[:20]}"
)
def test_a_refusal_of_any_words_is_read_in_no_time(found: Found) -> None:
    body = {"model": "m", "temperature": 1, "max_tokens": 5, "messages": []}
    asked = Asked(model="m", counted=10, window=100, max_tokens=5, now=0.0)
    for text in REFUSED[found]:
        begun = time.process_time()
        failure = read_failure(400, msgspec.json.encode({"error": {"message": text}}), {}, asked)
        read_repair(Refusal(text=failure.words, param="", body=body), PLAIN)
        assert time.process_time() - begun < 2, text[:80]


# -- what a model writes -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.open)
def test_a_call_in_the_text_is_read_or_given_up_in_no_time(form: Any) -> None:
    own = [found for found in PATTERNS if found.place.startswith(PACKAGE + "translate.text_call_")]
    texts = {text for found in own for text in hostile_texts(found.pattern, 4_000)}
    worst = max(least(lambda text=text: form.read(form.open + text + form.close)) for text in texts)
    assert worst < 0.5, "a pattern that goes back takes seconds"


def test_many_closings_inside_a_value_are_counted_once() -> None:
    read = next(form.read for form in FORMS if form.open == "<function=")
    block = "<function=f><parameter=a>" + "</function>" * 20_000
    assert least(lambda: read(block)) < 2, "counted anew at each it takes a minute"


@pytest.mark.parametrize(
    "text",
    ["```" + " " * 50_000, "```a" + "\n" * 50_000 + "x", " " * 50_000 + "```{", "{" + '"a":1' + " " * 50_000],
    ids=["open", "words", "late", "gap"],
)
def test_arguments_of_blanks_take_no_time(text: str) -> None:
    assert least(lambda: read_arguments(text, {"type": "object"})) < 2


def test_a_tag_of_blanks_takes_no_time() -> None:
    assert least(lambda: with_tags("<" + " " * 100_000 + "x")) < 2
