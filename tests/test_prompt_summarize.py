"""PROMPT_COMPRESSION=summarize: asked once for a content, kept, and nothing of the user's is shown to be condensed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests import prompts
from tests.prompts import blocks, long_prompt, words

from claude_code_proxy.errors import UpstreamError
from claude_code_proxy.prompt.compact import compact
from claude_code_proxy.prompt.summarize import Summaries

BUDGET = 500
SUMMARY = "Tools ask. Think before you delete. Use the hints. " * 5


class Model:
    """What condenses: its answers in order, the last one for ever, and what it was asked."""

    def __init__(self, *answers: str | Exception) -> None:
        self.asked: list[dict[str, Any]] = []
        self.go = asyncio.Event()
        self.go.set()
        self._answers = answers

    async def __call__(self, request: dict[str, Any]) -> str:
        self.asked.append(request)
        await self.go.wait()
        answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def system(**more: str) -> list[dict[str, Any]]:
    return blocks(long_prompt(**more))


async def text_of(summaries: Summaries, given: Any, ask: Any, budget: int = BUDGET) -> tuple[str, str]:
    """Return the prompt's text and the fault."""
    result, fault = await summaries.summarize(given, budget, words, ask)
    body = result.system
    return body if isinstance(body, str) else "".join(block["text"] for block in body), fault


COMPACT = "".join(block["text"] for block in compact(system(), BUDGET, words).system)


@pytest.mark.parametrize("form", ["string", "blocks"])
async def test_what_is_spare_is_condensed_and_what_matters_stays(form: str) -> None:
    prompt = long_prompt(appended=prompts.APPENDED, project=prompts.PROJECT)
    given = prompts.IDENTITY + prompt if form == "string" else blocks(prompt)
    model = Model(SUMMARY)
    text, fault = await text_of(Summaries(), given, model)
    assert fault == ""
    assert text.count(SUMMARY.strip()) == 1
    for kept in (
        prompts.IDENTITY,
        prompts.UNKNOWN,
        prompts.ENVIRONMENT,
        prompts.APPENDED,
        prompts.PROJECT,
        prompts.GIT,
    ):
        assert kept in text
    assert not [title for title in ("# System", "# Executing", "# Tone and style\n - Be brief.") if title in text]


async def test_only_claude_codes_own_words_are_shown_to_the_model() -> None:
    model = Model(SUMMARY)
    await text_of(Summaries(), system(appended=prompts.APPENDED, project=prompts.PROJECT), model)
    (asked,) = model.asked
    shown = str(asked["messages"])
    assert "A rule of the system." in shown
    for kept in ("/home/me", "Latin", "Shout", "Current branch", "House rules", "Be brief."):
        assert kept not in shown
    assert asked["max_tokens"] > 0


async def test_a_summary_is_made_once_for_all_who_wait() -> None:
    model, summaries = Model(SUMMARY), Summaries()
    model.go.clear()
    waiting = [asyncio.ensure_future(text_of(summaries, system(), model)) for _ in range(20)]
    await asyncio.sleep(0)
    model.go.set()
    assert len(set(await asyncio.gather(*waiting))) == 1
    assert len(model.asked) == 1


async def test_a_summary_is_kept_and_the_same_bytes_every_time() -> None:
    model, summaries = Model(SUMMARY, "another one " * 30), Summaries()
    first = await text_of(summaries, system(), model)
    assert {await text_of(summaries, system(), model) for _ in range(5)} == {first}
    assert len(model.asked) == 1


async def test_what_changes_around_it_needs_no_new_summary() -> None:
    """The git status changes with every session."""
    model, summaries = Model(SUMMARY), Summaries()
    for git in ("gitStatus: one\n", "gitStatus: two\n"):
        text, _ = await text_of(summaries, system(git=git), model, budget=10)
        assert git in text
    assert len(model.asked) == 1


async def test_a_client_that_leaves_takes_no_summary_along() -> None:
    model, summaries = Model(SUMMARY), Summaries()
    model.go.clear()
    leaving, staying = (asyncio.ensure_future(text_of(summaries, system(), model)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    model.go.set()
    text, fault = await staying
    assert (SUMMARY.strip() in text, fault, len(model.asked)) == (True, "", 1)


FAULTS: dict[str, tuple[Callable[[], Model], str]] = {
    "refused": (lambda: Model(UpstreamError("no credit")), "no credit"),
    "nothing": (lambda: Model(""), "too short"),
    "a word": (lambda: Model("OK"), "too short"),
    "no shorter": (lambda: Model("blah " * 5000), "no shorter"),
    "over the budget": (lambda: Model("blah " * 500), "over the budget"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_no_summary_is_compacted_and_said(fault: str) -> None:
    made, said = FAULTS[fault]
    budget = words(COMPACT)
    text, told = await text_of(Summaries(), system(), made(), budget)
    assert text == "".join(block["text"] for block in compact(system(), budget, words).system)
    assert said in told


async def test_a_session_that_began_compacted_stays_so_and_what_failed_is_asked_again_after_a_pause() -> None:
    """One failure in the middle of nothing must not change the prompt, and with it the prefix cache, from turn to turn."""
    time = [0.0]
    model, summaries = Model(UpstreamError("busy"), SUMMARY), Summaries(lambda: time[0])
    for _ in range(5):
        assert await text_of(summaries, system(), model) == (COMPACT, "busy")
        time[0] += 300
    assert len(model.asked) == 1
    time[0] += 1000
    text, fault = await text_of(summaries, system(), model)
    assert (SUMMARY.strip() in text, fault, len(model.asked)) == (True, "", 2)


async def test_a_bug_is_not_kept_either() -> None:
    model, summaries = Model(KeyError("bug"), SUMMARY), Summaries()
    with pytest.raises(KeyError):
        await text_of(summaries, system(), model)
    assert (await text_of(summaries, system(), model))[1] == ""


async def test_without_anybody_to_ask_it_is_what_is_known() -> None:
    """Counting asks nobody and waits for nobody, and that is no fault."""
    model, summaries = Model(SUMMARY), Summaries()
    assert await text_of(summaries, system(), None) == (COMPACT, "")
    model.go.clear()
    asking = asyncio.ensure_future(text_of(summaries, system(), model))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(text_of(summaries, system(), None), 5) == (COMPACT, "")
    model.go.set()
    assert await asking == await text_of(summaries, system(), None)
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "given",
    ["", [], "You are a pirate.\n# System\n" + "Arr. " * 500, blocks("# System\n" + "mine " * 500), prompts.IDENTITY],
    ids=["empty", "no blocks", "somebody's", "somebody's beside the identity", "the identity alone"],
)
async def test_a_prompt_of_anybody_else_is_neither_asked_for_nor_touched(given: Any) -> None:
    model = Model(SUMMARY)
    result, fault = await Summaries().summarize(given, 1, words, model)
    assert (result.system, fault, model.asked) == (given, "", [])


async def test_little_is_not_worth_asking() -> None:
    model = Model(SUMMARY)
    little = blocks(prompts.OPENING + "# System\nJust this.\n" + prompts.ENVIRONMENT)
    assert (await text_of(Summaries(), little, model))[1] == ""
    assert model.asked == []


async def test_only_so_many_summaries_are_kept() -> None:
    model, summaries = Model(SUMMARY), Summaries()
    for n in range(200):
        await text_of(summaries, system(), model, budget=10_000 + n)
    assert len(summaries._made) < 100
