"""PROMPT_COMPRESSION=compact: boilerplate goes, facts and the user's words stay byte for byte, every time the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import prompts
from tests.prompts import blocks, long_prompt, words

from claude_code_proxy.prompt.compact import compact

UNTOUCHED = (prompts.UNKNOWN, prompts.ENVIRONMENT, prompts.CONTEXT, prompts.GIT, prompts.OPENING)
PLENTY = 1_000_000


def compacted(system: Any, budget: int = PLENTY) -> str:
    """Return the text of a compacted prompt."""
    result = compact(system, budget, words).system
    return result if isinstance(result, str) else "".join(block["text"] for block in result)


@pytest.mark.parametrize("budget", [PLENTY, 300, 1])
@pytest.mark.parametrize("form", ["string", "blocks"])
def test_boilerplate_goes_and_what_matters_stays(form: str, budget: int) -> None:
    prompt = long_prompt(appended=prompts.APPENDED, project=prompts.PROJECT)
    text = compacted(prompts.IDENTITY + prompt if form == "string" else blocks(prompt), budget)
    assert not [section for section in prompts.BOILERPLATE if section.split("\n")[1] in text]
    for kept in (*UNTOUCHED, prompts.APPENDED, prompts.PROJECT):
        assert kept in text
    assert prompts.IDENTITY in text


def test_what_is_spare_goes_only_for_the_budget_and_in_order() -> None:
    prompt, size = blocks(long_prompt()), words(compacted(blocks(long_prompt())))
    left = {}
    for budget in (size, size - 1, size // 2, 1):
        text = compacted(prompt, budget)
        left[budget] = [title for title in ("Session-specific", "# System", "# Executing") if title in text]
        assert words(text) <= budget or not left[budget]
    assert left[size] == ["Session-specific", "# System", "# Executing"]
    assert left[size - 1] == ["# System", "# Executing"]
    assert left[1] == []


def test_a_budget_that_is_met_is_not_over() -> None:
    result = compact(blocks(long_prompt()), PLENTY, words)
    assert (result.is_over, result.after <= result.budget) == (False, True)
    assert result.before == words(prompts.IDENTITY) + words(long_prompt())
    assert "over the budget" not in result.summary


def test_a_budget_that_can_not_be_met_is_said() -> None:
    result = compact(blocks(long_prompt(appended=prompts.APPENDED)), 10, words)
    assert result.is_over
    assert f"{result.after - 10} over the budget" in result.summary
    assert prompts.APPENDED in result.system[1]["text"]


def test_the_same_prompt_gives_the_same_bytes() -> None:
    """Prefix caches of backends live on it."""
    system = blocks(long_prompt(appended=prompts.APPENDED))
    assert len({str(compact(copy.deepcopy(system), 200, words)) for _ in range(5)}) == 1


def test_a_compacted_prompt_is_as_short_as_it_gets() -> None:
    once = compact(blocks(long_prompt()), 200, words)
    assert compact(once.system, 200, words).system == once.system


def test_what_was_given_is_not_changed() -> None:
    system = blocks(long_prompt())
    before = copy.deepcopy(system)
    compact(system, 1, words)
    assert system == before


def test_markers_and_other_fields_of_blocks_stay() -> None:
    system = [*blocks(long_prompt()), {"type": "text", "text": "mine", "citations": None, "x": 1}]
    result = compact(system, PLENTY, words).system
    assert [block["cache_control"] for block in result[:2]] == [{"type": "ephemeral"}] * 2
    assert result[2] == system[2]


FOREIGN = "You are a pirate.\n\n\n\n# Tone and style   \nArr.\n# Memory\nRum.\n# Doing tasks\nBoard ships.\n"


@pytest.mark.parametrize(
    "system", [FOREIGN, [{"type": "text", "text": FOREIGN}], "", [], [{"type": "text", "text": ""}]], ids=repr
)
def test_a_prompt_of_anybody_else_is_untouched(system: Any) -> None:
    result = compact(system, 1, words)
    assert result.system == system
    assert not result.changed


def test_a_users_own_prompt_beside_claude_codes_identity_is_untouched() -> None:
    """Programs on the agent SDK bring their own: the identity is a block, the prompt is another."""
    assert compacted(blocks(FOREIGN), 1) == prompts.IDENTITY + FOREIGN


def test_a_prompt_of_a_new_version_is_known_by_its_identity_or_its_titles() -> None:
    new = "Hello, this is new.\n" + long_prompt().removeprefix(prompts.OPENING)
    assert "Be brief." not in compacted(blocks(new))
    assert prompts.ENVIRONMENT in compacted(blocks(new))


@given(mine=st.text(max_size=200))
def test_whatever_a_user_appends_stays(mine: str) -> None:
    prompt = long_prompt(appended=f"{mine}\n", git="")
    assert compacted(blocks(prompt), 1).endswith(prompts.CONTEXT + mine + "\n")
