"""What a person wrote stays whole, under whatever title and beside whatever opening: a title alone proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests import prompts
from tests.prompts import blocks, long_prompt, words

from claude_code_proxy.prompt.compact import compact
from claude_code_proxy.prompt.sections import split

OWN = (
    "You are Claude Code in our CI. Review the diff only.\n\n# Memory\nThe DB is X.\n\n# Tone and style\nWrite German.\n\n"
    "# Code references\nY\n\n# System\nLinux only.\n\n# Doing tasks\n - Run the linter.\n"
)
ENVIRONMENT = "\n# Environment\n - Primary working directory: /srv\n"


@pytest.mark.parametrize(
    "system",
    [
        OWN,
        OWN + ENVIRONMENT,
        [{"type": "text", "text": prompts.IDENTITY}, {"type": "text", "text": OWN}],
        [{"type": "text", "text": prompts.IDENTITY}, {"type": "text", "text": OWN.partition("\n")[2] + ENVIRONMENT}],
        prompts.IDENTITY + "\n\n" + OWN,
        prompts.OPENING + OWN + ENVIRONMENT,
    ],
    ids=["alone", "with an environment", "a block", "a block known by its titles", "behind the identity", "opening"],
)
def test_sections_of_a_persons_own_stay_whatever_they_are_called(system: Any) -> None:
    assert compact(system, 1, words).system == system


@pytest.mark.parametrize("style", ["# Output Style: Pirate\nTalk like one.\n\n# Tone and style\nArr.\n\n"])
def test_an_output_style_of_a_persons_own_stays(style: str) -> None:
    prompt = long_prompt().replace(prompts.UNKNOWN, style + prompts.UNKNOWN)
    assert style in compact(blocks(prompt), 1, words).system[1]["text"]


def test_an_appended_text_that_begins_like_an_output_style_stays() -> None:
    mine = "# Output Style\nterse\n\n# Memory\nNone of it.\n\n"
    assert mine in compact(blocks(long_prompt(appended=mine)), 1, words).system[1]["text"]


def test_what_a_person_let_it_remember_stays() -> None:
    kept = "## MEMORY.md\n\n- Tabs, never spaces.\n\n"
    sections = split(prompts.MEMORY + kept + prompts.ENVIRONMENT)
    assert [(section.text, section.kind) for section in sections if "Tabs" in section.text] == [(kept, "kept")]


@pytest.mark.parametrize(
    "written",
    [
        "# Tone and style\n - Only use emojis if the user explicitly requests it. x\n",
        "# Doing tasks\nThe user will primarily request you to perform x\n",
        "# auto memory\n\nYou have a persistent, file-based memory system at x\n",
        "# Memory\n\nYou have a persistent file-based memory at x\n",
        "# Text output (does not apply to tool calls)\nAssume users can't see most tool calls x\n",
        "# Using your tools\n - Prefer dedicated tools over Bash x\n",
        "# Using your tools\r\n - Break down and manage your work with the x\r\n",
        "# Looking up your own documentation:\n\nWhen the user directly asks about x\n",
    ],
)
def test_claude_codes_own_sections_are_known_by_how_they_begin(written: str) -> None:
    assert [section.kind for section in split(written)] == ["boilerplate"]


OFFICIAL = "You are Claude Code, Anthropic's official CLI for Claude."
REWORDED = "# Tone and style\nWords of the next version.\n\n# System\nMore of them.\n\n"


@pytest.mark.parametrize("apart", [True, False], ids=["a block of its own", "one text"])
def test_behind_the_clis_own_sentence_and_with_its_environment_a_title_is_enough(*, apart: bool) -> None:
    text = f"{prompts.OPENING}\n{REWORDED}{ENVIRONMENT}\n# Tone and style\nMine.\n"
    system = [{"type": "text", "text": OFFICIAL}, {"type": "text", "text": text}] if apart else f"{OFFICIAL}\n{text}"
    shorter = compact(system, 1, words)
    left = shorter.system[1]["text"] if apart else shorter.system
    assert "next version" not in left
    assert "More of them" not in left
    assert left.endswith(f"{ENVIRONMENT.strip()}\n\n# Tone and style\nMine.\n")


@pytest.mark.parametrize("title", ["Tone and style", "Using your tools", "System"])
@pytest.mark.parametrize("apart", [True, False], ids=["a block of its own", "one text"])
def test_where_the_others_begin_as_a_known_version_s_a_title_is_a_persons(title: str, *, apart: bool) -> None:
    written = long_prompt()
    start = written.index(f"# {title}\n")
    end = written.index("\n# ", start) + 1
    mine = f"# {title}\nAnswer in verse.\n\n"
    text = written[:start] + mine + written[end:]
    system = blocks(text) if apart else f"{OFFICIAL}\n\n{text}"
    shorter = compact(system, 1, words)
    left = shorter.system[1]["text"] if apart else shorter.system
    assert mine in left
    assert title not in shorter.removed
    assert len(shorter.removed) > 3


def test_without_its_environment_it_is_not() -> None:
    assert compact(f"{OFFICIAL}\n\n{REWORDED}", 1, words).removed == ()


def test_a_style_with_a_name_of_its_own_is_a_persons_there_too() -> None:
    style = "# Output Style: Pirate\nArr.\n"
    assert style in compact(f"{OFFICIAL}\n{prompts.OPENING}{style}{ENVIRONMENT}", 1, words).system
